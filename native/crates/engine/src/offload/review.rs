//! When rules come and go.

use std::time::Instant;

use protocol::{NodeCounters, SessionId, UserspaceReason};

use super::{
    Candidate, FastPath, Offloading, Path, PathCounts, REASONS, Relayed, RuleHandle,
    desk::{COPIES_MS, Desk},
};
use crate::{
    Engine, Owner,
    io::{Arrival, SocketId},
    moment::{Moment, TimeLine},
    session::Session,
    stream::Stream,
    tap::Copies,
};

impl Engine {
    /// The kernel relays what it may from now on. Ends what a fast path used before has been relaying.
    pub fn use_fast_path(&mut self, now: Instant, fast_path: Option<Box<dyn FastPath>>) {
        let now = self.time.moment(now);
        for (_, session) in &mut self.sessions {
            if let Some(offloading) = &mut self.offloading {
                let mut desk = offloading.desk(self.time, now, &mut self.copies);
                desk.withdraw_all(session);
                desk.relayed.count_into(&mut self.counters);
            }
            open_paths(session, fast_path.is_some());
        }
        self.offloading =
            fast_path.map(|fast_path| Offloading { fast_path, candidates: Vec::new(), copies_due: None });
        let Some(offloading) = &mut self.offloading else { return self.note_all_paths() };
        let mut desk = offloading.desk(self.time, now, &mut self.copies);
        for (_, session) in &mut self.sessions {
            desk.take_up(session);
        }
        desk.relayed.count_into(&mut self.counters);
        self.note_all_paths();
    }

    /// True if there is something to [`Engine::offload`].
    pub fn may_offload(&self) -> bool {
        self.offloading.as_ref().is_some_and(|offloading| !offloading.candidates.is_empty())
    }

    /// Hands over to the kernel what has become ready, but for streams with packets in their sockets: those would leave
    /// behind their successors. To be called when every packet handled so far has been sent. Returns the number of
    /// rules installed.
    pub fn offload(&mut self, now: Instant, waiting: &[SocketId]) -> usize {
        let Some(offloading) =
            self.offloading.as_mut().filter(|offloading| !offloading.candidates.is_empty())
        else {
            return 0;
        };
        let mut candidates = std::mem::take(&mut offloading.candidates);
        let mut desk = offloading.desk(self.time, self.time.moment(now), &mut self.copies);
        let mut installed = 0;
        for candidate in candidates.iter().filter(|candidate| !waiting.contains(&candidate.socket)) {
            let Some(session) = self.sessions.get_mut(candidate.session as usize) else { continue };
            installed += usize::from(desk.consider(session, *candidate));
        }
        desk.relayed.count_into(&mut self.counters);
        candidates.iter().for_each(|candidate| self.note_paths(candidate.session as usize));
        candidates.clear();
        if let Some(offloading) = &mut self.offloading {
            offloading.candidates = candidates;
        }
        installed
    }

    /// Takes over what the kernel has counted for a session, so that [`Engine::stats`] is of this moment.
    pub fn refresh(&mut self, now: Instant, session: &SessionId) {
        let Some(key) = self.by_id.get(session.0.as_str()) else { return };
        let now = self.time.moment(now);
        self.refresh_session(now, *key);
    }

    /// The same for all sessions.
    pub fn refresh_all(&mut self, now: Instant) {
        let now = self.time.moment(now);
        let Some(offloading) = &mut self.offloading else { return };
        let mut desk = offloading.desk(self.time, now, &mut self.copies);
        for (_, session) in &mut self.sessions {
            desk.refresh(session);
        }
        desk.relayed.count_into(&mut self.counters);
    }

    /// Takes back rules that have stopped to work. To be called now and then.
    pub fn take_back_broken(&mut self, now: Instant) {
        let now = self.time.moment(now);
        let Some(offloading) = &mut self.offloading else { return };
        let broken = offloading.fast_path.broken();
        if broken.is_empty() {
            return;
        }
        let mut desk = offloading.desk(self.time, now, &mut self.copies);
        for (_, session) in &mut self.sessions {
            for at in 0..session.streams.len() {
                if rule_of(&session.streams[at]).is_some_and(|handle| broken.contains(&handle)) {
                    desk.withdraw(session, at);
                    session.streams[at].path = desk.later(UserspaceReason::Unroutable);
                }
            }
        }
        desk.relayed.count_into(&mut self.counters);
        self.note_all_paths();
    }

    /// Streams by the way their packets take.
    pub fn path_counts(&self) -> PathCounts {
        let mut counts = PathCounts::default();
        for stream in self.sessions.iter().flat_map(|(_, session)| &session.streams) {
            counts.count(&stream.path);
        }
        counts
    }

    pub(crate) fn refresh_session(&mut self, now: Moment, key: usize) {
        if let (Some(offloading), Some(session)) = (&mut self.offloading, self.sessions.get_mut(key)) {
            let mut desk = offloading.desk(self.time, now, &mut self.copies);
            desk.refresh(session);
            desk.relayed.count_into(&mut self.counters);
        }
    }

    /// What is due by time depends on when peers were last heard.
    pub(crate) fn refresh_due(&mut self, now: Moment) {
        let Some(offloading) = &mut self.offloading else { return };
        let mut desk = offloading.desk(self.time, now, &mut self.copies);
        for (_, session) in &mut self.sessions {
            if now >= session.next_check {
                desk.refresh(session);
            }
        }
        desk.relayed.count_into(&mut self.counters);
    }

    /// Reports of our own tell what has arrived and what was sent.
    pub(crate) fn refresh_reported(&mut self, now: Moment) {
        let Some(offloading) = &mut self.offloading else { return };
        let mut desk = offloading.desk(self.time, now, &mut self.copies);
        for key in self.reports.due(now) {
            if let Some(session) = self.sessions.get_mut(key as usize) {
                desk.refresh(session);
            }
        }
        desk.relayed.count_into(&mut self.counters);
    }

    /// Ends what contradicts the plan just applied, `before` being what was in force, and looks at the rest anew.
    pub(crate) fn review(&mut self, now: Moment, key: usize, before: &[RuleHandle]) {
        let session = &mut self.sessions[key];
        let Some(offloading) = &mut self.offloading else {
            open_paths(session, false);
            return self.note_paths(key);
        };
        let mut desk = offloading.desk(self.time, now, &mut self.copies);
        let kept: Vec<RuleHandle> = rules(session).collect();
        for gone in before.iter().filter(|handle| !kept.contains(handle)) {
            desk.fast_path.withdraw(*gone, &mut |_| ());
        }
        desk.drop_untrue(session);
        open_paths(session, true);
        desk.take_up(session);
        desk.relayed.count_into(&mut self.counters);
        self.note_paths(key);
    }

    /// Where checks have moved a peer, rules end before its next packet, and may begin with it.
    #[inline]
    pub(crate) fn follow_checks(&mut self, now: Moment) {
        while let Some(key) = self.checks.pop_moved() {
            let (Some(offloading), Some(session)) =
                (&mut self.offloading, self.sessions.get_mut(key as usize))
            else {
                continue;
            };
            let mut desk = offloading.desk(self.time, now, &mut self.copies);
            desk.drop_untrue(session);
            desk.relayed.count_into(&mut self.counters);
            open_paths(session, true);
            self.note_paths(key as usize);
        }
    }

    /// Hands over what the kernel has copied, if it is time.
    pub(crate) fn take_copies(&mut self, now: Moment) {
        let Some(offloading) = &mut self.offloading else { return };
        if offloading.copies_due.take_if(|due| now >= *due).is_none() {
            return;
        }
        let mut desk = offloading.desk(self.time, now, &mut self.copies);
        desk.fast_path.gather();
        let mut more = false;
        for session in self.tapped.iter().filter_map(|key| self.sessions.get(*key)) {
            more |= desk.take_copies(session);
        }
        if more {
            offloading.copies_due = Some(now.plus_ms(COPIES_MS));
        }
    }

    pub(crate) fn copies_due(&self) -> Option<Moment> {
        self.offloading.as_ref().and_then(|offloading| offloading.copies_due)
    }

    pub(crate) fn withdraw_session(&mut self, now: Moment, key: usize) {
        if let (Some(offloading), Some(session)) = (&mut self.offloading, self.sessions.get_mut(key)) {
            let mut desk = offloading.desk(self.time, now, &mut self.copies);
            desk.withdraw_all(session);
            desk.relayed.count_into(&mut self.counters);
        }
    }

    /// A packet is about to be handled: strangers are judged by when the kernel heard the peer, and what the peer sends
    /// is measured from where the kernel is. Packets that were received at once find the kernel's copies taken once:
    /// anybody can send many of them.
    #[inline]
    pub(crate) fn prepare(&mut self, now: Moment, owner: Owner, arrival: Arrival) {
        let Some(session) = self.sessions.get_mut(owner.session as usize) else { return };
        let is_behind = !session.taps.is_empty() && session.caught_up_at != Some(now);
        if let Some(offloading) = self.offloading.as_mut().filter(|_| is_behind) {
            offloading.desk(self.time, now, &mut self.copies).catch_up(session);
            session.caught_up_at = Some(now);
        }
        let stream = &session.streams[usize::from(owner.stream)];
        let Path::Kernel(offloaded) = &stream.path else { return };
        let is_peer = offloaded.rule.source == arrival.from;
        if is_peer || now.us_since(offloaded.asked_at) >= ASK_AGAIN_US {
            self.refresh_session(now, owner.session as usize);
        }
    }

    /// A packet has gone its way.
    #[inline]
    pub(crate) fn follow_up(&mut self, now: Moment, owner: Owner, socket: SocketId) {
        let Some(offloading) = &mut self.offloading else { return };
        let Some(session) = self.sessions.get_mut(owner.session as usize) else { return };
        if session.streams[usize::from(owner.stream)].path.is_due(now) {
            let Owner { session, stream, .. } = owner;
            offloading.note(Candidate { session, stream, socket });
        }
        if session.streams.iter().any(|stream| matches!(stream.path, Path::Kernel(_))) {
            let mut desk = offloading.desk(self.time, now, &mut self.copies);
            desk.drop_untrue(session);
            desk.relayed.count_into(&mut self.counters);
            self.note_paths(owner.session as usize);
        }
    }
}

impl Offloading {
    fn desk<'a>(&'a mut self, time: TimeLine, now: Moment, copies: &'a mut Copies) -> Desk<'a> {
        let Offloading { fast_path, copies_due, .. } = self;
        Desk { fast_path: fast_path.as_mut(), time, now, copies, copies_due, relayed: Relayed::default() }
    }

    fn note(&mut self, candidate: Candidate) {
        if !self.candidates.contains(&candidate) && self.candidates.len() < MOST_CANDIDATES {
            self.candidates.push(candidate);
        }
    }
}

impl Relayed {
    fn count_into(self, counters: &mut NodeCounters) {
        counters.received_packets += self.packets;
        counters.received_bytes += self.bytes;
        counters.sent_packets += self.packets;
        counters.sent_bytes += self.bytes;
        counters.fast_path_packets += self.packets;
        counters.fast_path_bytes += self.bytes;
    }
}

/// The rules in force for a session.
pub fn rules(session: &Session) -> impl Iterator<Item = RuleHandle> {
    session.streams.iter().filter_map(rule_of)
}

fn rule_of(stream: &Stream) -> Option<RuleHandle> {
    match &stream.path {
        Path::Kernel(offloaded) => Some(offloaded.handle),
        Path::Open(_) | Path::Settled { .. } => None,
    }
}

/// Streams without a rule are looked at again with their next packet, unless there is no need to.
fn open_paths(session: &mut Session, possible: bool) {
    for at in 0..session.streams.len() {
        if matches!(session.streams[at].path, Path::Kernel(_)) {
            continue;
        }
        let local = session.streams[at].locals.first().map(|local| local.id);
        let reason = match local.map(|local| session.relay_rule(at, local)) {
            _ if !possible => UserspaceReason::NoFastPath,
            Some(Err(reason)) => reason,
            Some(Ok(_)) => UserspaceReason::Learning,
            None => UserspaceReason::Unrouted,
        };
        session.streams[at].path = if reason == UserspaceReason::Learning {
            Path::Open(reason)
        } else {
            Path::Settled { reason, until: None }
        };
    }
}

const _: () = assert!(REASONS.len() == UserspaceReason::InstallError as usize + 1);

/// Streams considered in one turn, so that packets do not wait for long; the others come with their next packet.
const MOST_CANDIDATES: usize = 16;
/// Strangers make us ask the kernel at most this often per stream, in microseconds.
const ASK_AGAIN_US: u64 = 20_000;
