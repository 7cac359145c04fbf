//! Installs, withdraws and reads rules of one session at a time.

use std::net::SocketAddr;

use protocol::{LocalId, UserspaceReason};

use super::{
    Beginning, Candidate, FastPath, Measurement, Offloaded, Path, Refusal, RelayRule, Relayed, RuleCounts,
    Tally, eligible::rtp_address,
};
use crate::{
    moment::{Moment, TimeLine},
    session::Session,
    source::Source,
    tap::Copies,
};

/// Who speaks to the fast path, and when.
pub struct Desk<'a> {
    pub fast_path: &'a mut dyn FastPath,
    pub time: TimeLine,
    pub now: Moment,
    pub copies: &'a mut Copies,
    /// When copies are to be looked for, if any are made.
    pub copies_due: &'a mut Option<Moment>,
    /// What the kernel turned out to have relayed.
    pub relayed: Relayed,
}

impl Desk<'_> {
    /// Installs a rule for the stream if there may be one; true if so.
    pub fn consider(&mut self, session: &mut Session, candidate: Candidate) -> bool {
        let at = usize::from(candidate.stream);
        let Some(stream) = session.streams.get(at).filter(|stream| stream.path.is_due(self.now)) else {
            return false;
        };
        let Some(local) =
            stream.locals.iter().find(|local| local.rtp == candidate.socket).map(|local| local.id)
        else {
            return false;
        };
        self.try_local(session, at, local)
    }

    fn try_local(&mut self, session: &mut Session, at: usize, local: LocalId) -> bool {
        session.streams[at].path = match session.relay_rule(at, local) {
            Ok(rule) => self.install(session, at, rule),
            Err(reason @ UserspaceReason::Learning) => Path::Open(reason),
            Err(reason) => Path::Settled { reason, until: None },
        };
        matches!(session.streams[at].path, Path::Kernel(_))
    }

    fn install(&mut self, session: &Session, at: usize, rule: RelayRule) -> Path {
        let source = session.streams[at].ingress.find(rule.ssrc);
        let measurement = source.map_or_else(Measurement::default, |source| source.measurement);
        let beginning = Beginning { measurement, epoch: self.time.zero() };
        match self.fast_path.install(&rule, &beginning) {
            Ok(handle) => {
                if rule.copied {
                    self.expect_copies();
                }
                let tally = Tally::beginning_with(measurement);
                Path::Kernel(Box::new(Offloaded { rule, handle, tally, asked_at: self.now }))
            }
            Err(Refusal::NoFastPath) => self.later(UserspaceReason::NoFastPath),
            Err(Refusal::Unroutable) => self.later(UserspaceReason::Unroutable),
            Err(Refusal::TableFull) => self.later(UserspaceReason::TableFull),
            Err(Refusal::Failed) => self.later(UserspaceReason::InstallError),
        }
    }

    pub fn later(&self, reason: UserspaceReason) -> Path {
        Path::Settled { reason, until: Some(self.now.plus_ms(TRY_AGAIN_MS)) }
    }

    /// Withdraws the rules that do something else than the engine would.
    pub fn drop_untrue(&mut self, session: &mut Session) {
        for at in 0..session.streams.len() {
            let Path::Kernel(offloaded) = &session.streams[at].path else { continue };
            let arrives = offloaded.rule.local;
            let local = session.streams[at].locals.iter().find(|local| rtp_address(local) == arrives);
            let wanted = local.map(|local| session.relay_rule(at, local.id));
            if let Some(Ok(rule)) = &wanted {
                self.have_copied(session, at, rule.copied);
            }
            let Path::Kernel(offloaded) = &session.streams[at].path else { continue };
            match wanted {
                Some(Ok(rule)) if rule == offloaded.rule => {}
                Some(Ok(rule)) if rule.is_like(&offloaded.rule) => self.follow_source(session, at, rule.ssrc),
                _ => self.withdraw(session, at),
            }
        }
    }

    /// A rule at work begins or ends to be copied.
    fn have_copied(&mut self, session: &mut Session, at: usize, copied: bool) {
        let Path::Kernel(offloaded) = &mut session.streams[at].path else { return };
        if offloaded.rule.copied != copied {
            offloaded.rule.copied = copied;
            self.fast_path.copy(offloaded.handle, copied);
            if copied {
                self.expect_copies();
            }
        }
    }

    fn expect_copies(&mut self) {
        self.copies_due.get_or_insert(self.now.plus_ms(COPIES_MS));
    }

    /// Another source (SSRC) was heard last: its packets are the ones to relay once the former one is silent.
    fn follow_source(&mut self, session: &mut Session, at: usize, ssrc: u32) {
        self.refresh(session);
        let Path::Kernel(offloaded) = &session.streams[at].path else { return };
        let (former, latest) = (offloaded.rule.ssrc, session.streams[at].ingress.latest());
        let heard = session.streams[at].ingress.find(former).map(Source::last);
        let silent = heard.is_none_or(|heard| self.now.ms_since(heard) >= SOURCE_SILENT_MS);
        if silent && latest.is_some_and(|latest| latest.ssrc == ssrc) {
            self.withdraw(session, at);
        }
    }

    pub fn withdraw_all(&mut self, session: &mut Session) {
        for at in 0..session.streams.len() {
            self.withdraw(session, at);
        }
    }

    pub fn withdraw(&mut self, session: &mut Session, at: usize) {
        if let Path::Kernel(offloaded) = std::mem::replace(&mut session.streams[at].path, Path::NEW) {
            let ways = ways(session, at);
            let counts = self.fast_path.withdraw(offloaded.handle, &mut |copy| {
                self.copies.relayed(session, ways, &offloaded.rule, copy);
            });
            let mut tally = offloaded.tally;
            self.book(session, (at, offloaded.rule.ssrc), &mut tally, &counts);
        }
    }

    pub fn refresh(&mut self, session: &mut Session) {
        self.catch_up(session);
        for at in 0..session.streams.len() {
            let Path::Kernel(offloaded) = &mut session.streams[at].path else { continue };
            offloaded.asked_at = self.now;
            let (mut tally, ssrc) = (offloaded.tally, offloaded.rule.ssrc);
            let counts = self.fast_path.counts(offloaded.handle);
            self.book(session, (at, ssrc), &mut tally, &counts);
            if let Path::Kernel(offloaded) = &mut session.streams[at].path {
                offloaded.tally = tally;
            }
        }
    }

    fn book(&mut self, session: &mut Session, of: (usize, u32), tally: &mut Tally, counts: &RuleCounts) {
        let (time, now) = (self.time, self.now);
        self.copies.lost(session, ways(session, of.0), tally.lost(counts));
        let more = session.book_relayed(of, tally, counts, |last| time.moment(last).min(now));
        self.relayed.packets += more.packets;
        self.relayed.bytes += more.bytes;
    }

    /// Whatever is copied next comes after what the kernel has relayed of this session until now.
    pub fn catch_up(&mut self, session: &Session) {
        if is_copied(session) {
            self.fast_path.gather();
            self.take_copies(session);
        }
    }

    /// Hands over what was gathered of a session's packets. True if there may be more of them.
    pub fn take_copies(&mut self, session: &Session) -> bool {
        for at in 0..session.streams.len() {
            let Path::Kernel(offloaded) = &session.streams[at].path else { continue };
            if offloaded.rule.copied {
                let ways = ways(session, at);
                self.fast_path.copies(offloaded.handle, &mut |copy| {
                    self.copies.relayed(session, ways, &offloaded.rule, copy);
                });
            }
        }
        is_copied(session)
    }

    /// Goes on with what a process before us left in the kernel for this session, and ends what is not as the plan
    /// has it.
    pub fn take_up(&mut self, session: &mut Session) {
        for at in 0..session.streams.len() {
            let locals: Vec<(LocalId, SocketAddr)> =
                session.streams[at].locals.iter().map(|local| (local.id, rtp_address(local))).collect();
            for (id, local) in locals {
                let left = self.fast_path.left_behind(local);
                if left.is_empty() {
                    continue;
                }
                session.streams[at].hear_again(self.now, &left);
                if session.streams[at].path.is_due(self.now) && self.try_local(session, at, id) {
                    self.refresh(session);
                }
                self.fast_path.clear(local);
            }
        }
    }
}

/// The streams a rule relays from and to.
fn ways(session: &Session, at: usize) -> [usize; 2] {
    [at, session.streams[at].targets.get(0).map_or(at, |target| usize::from(target.to))]
}

fn is_copied(session: &Session) -> bool {
    let copied = |path: &Path| matches!(path, Path::Kernel(offloaded) if offloaded.rule.copied);
    session.streams.iter().any(|stream| copied(&stream.path))
}

/// Copies wait this long at most, in milliseconds: the kernel has room for many times as many.
pub const COPIES_MS: u64 = 20;
/// A source is silent when it was not heard for this long, in milliseconds.
const SOURCE_SILENT_MS: u64 = 200;
/// How long after a refusal a stream is tried again.
const TRY_AGAIN_MS: u64 = 5_000;
