//! Admission of sources and learning of where a peer really is (latching, RFC 7362), for one component.
//!
//! Signalling comes first, packets only refine it:
//!
//! - Nothing is admitted or learned before the peer's address has been signalled.
//! - Only a plausible packet teaches (the caller decides which are); others are relayed or not, no more.
//! - Learning goes on for [`WINDOW`] after signalling gave a reason (a new address or epoch). Sources are
//!   ranked by how near they are to what was signalled, see [`Rank`]. The best one so far is the provisional
//!   destination; the exact one is confirmed at once, any other by its first packet after the window. Of
//!   equally ranked sources the first one stays, unless it fell silent or has sent less than three packets.
//! - A source heard within [`LIVE`] is never displaced once confirmed. One that fell silent may be replaced
//!   within a window (NAT rebinding); if it was where signalling said, only by the same host. At any time the
//!   signalled address itself may replace a silent source that is not.
//! - A new signalled address becomes the destination at once. The former source stays admitted until a new
//!   one speaks or the window ends, but its trailing packets do not pull the destination back. While it is
//!   live, only sources on a signalled or known host may take its place. If nobody else has spoken when the
//!   window ends, it is learned again: the peer did not move after all.
//! - A peer that returns to an earlier signalled address returns to what was learned under it.
//! - RTCP on a port of its own is learned by itself, but only on the host where RTP was found, once it was.
//! - With an unspecified address signalled (hold), nothing is sent and what was learned is kept.
//! - After confirmation other sources are foreign if `strict`, else relayed without being learned; with
//!   `handover` they are followed.

use std::net::{IpAddr, SocketAddr};

use protocol::{LearningMode, LearningPlan, RemoteState};

use crate::moment::Moment;

/// How long learning goes on after signalling gave a reason, in milliseconds.
pub const WINDOW_MS: u64 = 3000;
/// A source heard within this time is live, in milliseconds.
pub const LIVE_MS: u64 = 500;
/// A source with as many packets is not displaced by an equal one while it is live.
const ESTABLISHED: u8 = 3;

#[derive(Debug)]
#[repr(C)]
pub struct Latch {
    phase: Phase,
    /// The signalled address is one nothing may be sent to.
    held: bool,
    heard: Option<Moment>,
    /// Where packets come from: provisional or confirmed.
    source: Option<SocketAddr>,
    destination: Option<SocketAddr>,
    window_ends: Moment,
    signalled: Option<SocketAddr>,
    /// What was signalled when `source` was learned.
    basis: Option<SocketAddr>,
    /// What the last event said.
    reported: Option<SocketAddr>,
    former: Option<Box<Former>>,
}

/// What was learned before.
#[derive(Debug)]
struct Former {
    basis: Option<SocketAddr>,
    source: SocketAddr,
    heard: Option<Moment>,
    /// Signalling moved away from it; otherwise it was displaced while silent.
    superseded: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Unsignalled,
    Open,
    Provisional { rank: Rank, packets: u8 },
    Confirmed { rank: Rank },
}

/// How near a source is to what signalling said, nearest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Signalled,
    SignalledHost,
    Known,
    KnownHost,
    SignalledPort,
    Other,
}

/// What to do with a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Accepted,
    /// Accepted, and the peer was found at an address nobody has been told of.
    Learned,
    /// Not from the peer, and only let through because the rules are not strict.
    Tolerated,
    /// From somebody else than the peer.
    Foreign,
    /// The peer's address has not been signalled yet.
    Closed,
}

/// What signalling says of a component.
#[derive(Debug, Clone, Copy)]
pub struct Signal {
    pub address: Option<SocketAddr>,
    /// Packets may be sent to the address.
    pub sendable: bool,
    /// There is a reason to learn again.
    pub reopen: bool,
}

/// A source to be judged.
#[derive(Debug, Clone, Copy)]
pub struct Candidate {
    pub from: SocketAddr,
    /// The packet is what this peer would send.
    pub plausible: bool,
    /// A host the peer is known to be on from elsewhere.
    pub known_host: Option<IpAddr>,
}

impl Latch {
    pub fn new(now: Moment) -> Self {
        Latch {
            signalled: None,
            destination: None,
            source: None,
            basis: None,
            reported: None,
            former: None,
            heard: None,
            window_ends: now,
            phase: Phase::Unsignalled,
            held: false,
        }
    }

    /// Where packets to the peer go.
    pub fn destination(&self) -> Option<SocketAddr> {
        self.destination
    }

    /// Where the peer's packets come from.
    pub fn source(&self) -> Option<SocketAddr> {
        self.source
    }

    pub fn signalled(&self) -> Option<SocketAddr> {
        self.signalled
    }

    /// The confirmed source.
    pub fn confirmed(&self) -> Option<SocketAddr> {
        self.source.filter(|_| matches!(self.phase, Phase::Confirmed { .. }))
    }

    #[inline]
    pub fn is_confirmed(&self) -> bool {
        matches!(self.phase, Phase::Confirmed { .. })
    }

    /// The source was not the peer.
    pub fn unlearn(&mut self, rules: &LearningPlan) {
        (self.source, self.basis, self.heard, self.reported, self.former) = (None, None, None, None, None);
        self.phase = if self.signalled.is_some() { Phase::Open } else { Phase::Unsignalled };
        self.destination = self.aim(rules);
    }

    pub fn state(&self) -> RemoteState {
        match self.phase {
            Phase::Unsignalled => RemoteState::Unknown,
            Phase::Open => RemoteState::Signalled,
            Phase::Provisional { .. } => RemoteState::Provisional,
            Phase::Confirmed { .. } => RemoteState::Confirmed,
        }
    }

    /// Notes that the learned address was reported.
    pub fn set_reported(&mut self) {
        self.reported = self.source;
    }

    /// Takes in what signalling says.
    pub fn signal(&mut self, now: Moment, signal: Signal, rules: &LearningPlan) {
        let changed = signal.address != self.signalled;
        if changed || signal.reopen {
            self.window_ends = now.plus_ms(WINDOW_MS);
        }
        if changed {
            self.move_to(now, signal);
        }
        if rules.mode == LearningMode::Off && self.source.is_some() && self.source != self.signalled {
            self.retire_source();
            self.phase = if self.signalled.is_some() { Phase::Open } else { Phase::Unsignalled };
        }
        self.destination = self.aim(rules);
    }

    /// ICE has found the peer, or lost it: nothing else teaches.
    pub fn pin(&mut self, place: Option<SocketAddr>) {
        let now = self.window_ends;
        *self = Latch::new(now);
        if let Some(place) = place {
            self.signalled = Some(place);
            self.basis = Some(place);
            self.source = Some(place);
            self.destination = Some(place);
            self.phase = Phase::Confirmed { rank: Rank::Signalled };
        }
    }

    /// Restores what had been learned before a restart.
    pub fn resume(&mut self, now: Moment, source: SocketAddr, rules: &LearningPlan) {
        if self.phase == Phase::Unsignalled {
            return;
        }
        let rank = if self.signalled == Some(source) { Rank::Signalled } else { Rank::Known };
        self.source = Some(source);
        self.basis = self.signalled;
        self.reported = Some(source);
        self.heard = Some(now);
        self.window_ends = now;
        self.phase = Phase::Confirmed { rank };
        self.destination = self.aim(rules);
    }

    /// The confirmed source was heard elsewhere.
    pub fn hear(&mut self, at: Moment) {
        if self.confirmed().is_some() {
            self.heard = self.heard.max(Some(at));
        }
    }

    /// Judges the source of a packet, and learns from it.
    #[inline]
    pub fn admit(&mut self, now: Moment, candidate: Candidate, rules: &LearningPlan) -> Verdict {
        if self.source == Some(candidate.from) && matches!(self.phase, Phase::Confirmed { .. }) {
            self.heard = Some(now);
            return Verdict::Accepted;
        }
        self.judge(now, candidate, rules)
    }

    /// What `admit` is going to say, but for `Learned`; learns nothing.
    pub fn foresee(&self, now: Moment, candidate: Candidate, rules: &LearningPlan) -> Verdict {
        if self.phase == Phase::Unsignalled {
            return Verdict::Closed;
        }
        let from = candidate.from;
        let is_welcome = if rules.mode == LearningMode::Off {
            self.signalled == Some(from) || !rules.strict || self.is_trailing(now, from)
        } else {
            let rank = self.rank(&candidate);
            self.source == Some(from)
                || (candidate.plausible && self.may_take_over(now, from, rank, rules))
                || !(rules.strict && self.shuts_out(now, from, rank, rules))
        };
        if is_welcome { Verdict::Accepted } else { Verdict::Foreign }
    }

    fn judge(&mut self, now: Moment, candidate: Candidate, rules: &LearningPlan) -> Verdict {
        if self.phase == Phase::Unsignalled {
            return Verdict::Closed;
        }
        if let Some(former) = self.former.as_mut().filter(|former| former.source == candidate.from) {
            former.heard = Some(now);
        }
        if rules.mode == LearningMode::Off {
            return self.judge_unlearning(now, candidate, rules);
        }
        if self.source == Some(candidate.from) {
            return self.hear_provisional(now, candidate.plausible, rules);
        }
        let rank = self.rank(&candidate);
        if candidate.plausible && self.may_take_over(now, candidate.from, rank, rules) {
            self.take_over(now, candidate.from, rank, rules)
        } else if !self.shuts_out(now, candidate.from, rank, rules) {
            Verdict::Accepted
        } else if rules.strict {
            Verdict::Foreign
        } else {
            Verdict::Tolerated
        }
    }

    fn judge_unlearning(&mut self, now: Moment, candidate: Candidate, rules: &LearningPlan) -> Verdict {
        if self.signalled == Some(candidate.from) {
            self.source = self.signalled;
            self.basis = self.signalled;
            self.heard = Some(now);
            self.phase = Phase::Confirmed { rank: Rank::Signalled };
            Verdict::Accepted
        } else if self.is_trailing(now, candidate.from) {
            Verdict::Accepted
        } else if rules.strict {
            Verdict::Foreign
        } else {
            Verdict::Tolerated
        }
    }

    fn hear_provisional(&mut self, now: Moment, plausible: bool, rules: &LearningPlan) -> Verdict {
        self.heard = Some(now);
        let Phase::Provisional { rank, packets } = self.phase else {
            return Verdict::Accepted;
        };
        if !plausible {
            return Verdict::Accepted;
        }
        if now >= self.window_ends {
            return self.confirm(rank, rules);
        }
        self.phase = Phase::Provisional { rank, packets: packets.saturating_add(1) };
        Verdict::Accepted
    }

    fn may_take_over(&self, now: Moment, from: SocketAddr, rank: Rank, rules: &LearningPlan) -> bool {
        let trailing = self.is_superseded(from) && now < self.window_ends;
        let heuristic = rules.mode == LearningMode::Heuristic;
        match self.phase {
            Phase::Unsignalled => false,
            Phase::Open | Phase::Provisional { .. } if trailing => false,
            Phase::Open => !heuristic || rank <= Rank::KnownHost || !self.former_is_live(now),
            Phase::Provisional { .. } if !heuristic => true,
            Phase::Provisional { rank: best, packets } if rank == best => {
                packets < ESTABLISHED || !self.is_live(now)
            }
            Phase::Provisional { rank: best, .. } => {
                let lapsed = best == Rank::Known || now >= self.window_ends;
                rank < best || (lapsed && !self.is_live(now))
            }
            Phase::Confirmed { .. } if rules.handover => true,
            Phase::Confirmed { .. } if self.is_live(now) => false,
            Phase::Confirmed { rank: current } if now < self.window_ends => {
                current > Rank::SignalledHost || rank <= Rank::KnownHost
            }
            Phase::Confirmed { rank: current } => {
                heuristic && rank == Rank::Signalled && current != Rank::Signalled
            }
        }
    }

    fn take_over(&mut self, now: Moment, from: SocketAddr, rank: Rank, rules: &LearningPlan) -> Verdict {
        let was_confirmed = matches!(self.phase, Phase::Confirmed { .. });
        let followed = was_confirmed && rules.handover;
        if let Some(source) = self.source
            && was_confirmed
            && !followed
        {
            let former = Former { basis: self.basis, source, heard: self.heard, superseded: false };
            self.former = Some(Box::new(former));
        }
        self.source = Some(from);
        self.basis = self.signalled;
        self.heard = Some(now);
        let sure = match rules.mode {
            LearningMode::Off | LearningMode::Immediate => true,
            LearningMode::Delayed => now >= self.window_ends,
            LearningMode::Heuristic => rank == Rank::Signalled || now >= self.window_ends,
        };
        if sure || followed {
            return self.confirm(rank, rules);
        }
        self.phase = Phase::Provisional { rank, packets: 1 };
        self.destination = self.aim(rules);
        Verdict::Accepted
    }

    fn confirm(&mut self, rank: Rank, rules: &LearningPlan) -> Verdict {
        self.phase = Phase::Confirmed { rank };
        self.destination = self.aim(rules);
        if self.source == self.reported.or(self.signalled) { Verdict::Accepted } else { Verdict::Learned }
    }

    /// True if a source that may not take over is to be kept out.
    fn shuts_out(&self, now: Moment, from: SocketAddr, rank: Rank, rules: &LearningPlan) -> bool {
        match self.phase {
            Phase::Unsignalled | Phase::Confirmed { .. } => true,
            Phase::Open if self.is_trailing(now, from) => false,
            Phase::Open => rank > Rank::KnownHost && self.former_is_live(now),
            Phase::Provisional { rank: best, .. } => rules.mode == LearningMode::Heuristic && rank >= best,
        }
    }

    fn move_to(&mut self, now: Moment, signal: Signal) {
        self.signalled = signal.address;
        self.held = !signal.sendable;
        let Some(address) = signal.address else {
            self.retire_source();
            self.phase = Phase::Unsignalled;
            return;
        };
        if self.held {
            if self.phase == Phase::Unsignalled {
                self.phase = Phase::Open;
            }
            return;
        }
        if self.source == Some(address) {
            self.basis = Some(address);
            self.phase = Phase::Confirmed { rank: Rank::Signalled };
            return;
        }
        if self.source.is_some() && self.basis == Some(address) {
            return;
        }
        let earlier = self.former.take_if(|former| former.basis == Some(address));
        self.retire_source();
        match earlier {
            Some(earlier) => {
                self.source = Some(earlier.source);
                self.basis = Some(address);
                self.heard = Some(now);
                self.phase = Phase::Provisional { rank: Rank::Known, packets: ESTABLISHED };
            }
            None => self.phase = Phase::Open,
        }
    }

    fn retire_source(&mut self) {
        if let Some(source) = self.source.take() {
            let former = Former { basis: self.basis, source, heard: self.heard, superseded: true };
            self.former = Some(Box::new(former));
        }
        self.basis = None;
        self.heard = None;
        self.reported = None;
    }

    fn aim(&self, rules: &LearningPlan) -> Option<SocketAddr> {
        if self.held || self.phase == Phase::Unsignalled {
            return None;
        }
        if rules.asymmetric || rules.mode == LearningMode::Off {
            return self.signalled;
        }
        self.source.or(self.signalled)
    }

    fn rank(&self, candidate: &Candidate) -> Rank {
        let from = candidate.from;
        if self.signalled == Some(from) {
            return Rank::Signalled;
        }
        if self.signalled.is_some_and(|signalled| signalled.ip() == from.ip()) {
            return Rank::SignalledHost;
        }
        let known = self.confirmed().or(self.former.as_ref().map(|former| former.source));
        if known == Some(from) {
            return Rank::Known;
        }
        if known.is_some_and(|known| known.ip() == from.ip()) || candidate.known_host == Some(from.ip()) {
            return Rank::KnownHost;
        }
        if self.signalled.is_some_and(|signalled| signalled.port() == from.port()) {
            return Rank::SignalledPort;
        }
        Rank::Other
    }

    fn is_live(&self, now: Moment) -> bool {
        heard_lately(now, self.heard)
    }

    fn former_is_live(&self, now: Moment) -> bool {
        self.former.as_ref().is_some_and(|former| heard_lately(now, former.heard))
    }

    fn is_superseded(&self, from: SocketAddr) -> bool {
        self.former.as_ref().is_some_and(|former| former.superseded && former.source == from)
    }

    /// True for the former source between the new address and the first packet from there.
    fn is_trailing(&self, now: Moment, from: SocketAddr) -> bool {
        self.phase == Phase::Open && now < self.window_ends && self.is_superseded(from)
    }
}

fn heard_lately(now: Moment, heard: Option<Moment>) -> bool {
    heard.is_some_and(|heard| now.ms_since(heard) <= LIVE_MS)
}
