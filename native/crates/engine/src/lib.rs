//! The media engine: relays packets between the streams of sessions as their plans say.
//!
//! It has no sockets and no clock: datagrams and the time go in as arguments, packets and events come out.
//! Every call may be made at any time.

#![forbid(unsafe_code)]

mod allowance;
mod bundle;
mod bundle_rtcp;
mod certificates;
mod check;
mod checks;
mod destination;
mod echo;
mod half;
mod handing_out;
mod handshake;
mod handshaking;
mod ice;
mod io;
mod keypad;
mod keys;
mod latch;
mod ledger;
mod masking;
mod measurement;
mod moment;
pub mod offload;
mod payloads;
mod pierce;
mod pipeline;
mod progression;
mod protection;
mod quality;
mod receiver;
mod relayed;
mod relays;
mod repeats;
mod report;
mod rtcp;
mod secure;
mod sender;
mod session;
mod silence;
mod source;
mod stats;
mod stream;
mod suspects;
mod tap;
mod timers;
mod tone;
mod validated;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    ops::Bound,
    sync::Arc,
    time::Instant,
};

pub use certificates::Certificates;
use checks::Checks;
use handshake::Clock;
use handshaking::Desk;
pub use io::{Applied, Arrival, BoundSockets, Farewell, Outbox, Packet, Released, SocketId};
pub use ledger::Account;
use ledger::Ledger;
use moment::{Moment, TimeLine};
use offload::{Offloading, PathChange, RuleHandle};
use payloads::Pool;
use pipeline::Passage;
use protocol::{
    Component, ErrorCode, Event, LocalPlan, NodeCounters, SecurityPlan, SessionId, SessionPlan,
    SessionSnapshot, SessionStats,
};
use relays::{Relays, Wrapping};
use rtcp::{Agenda, Writing};
use session::Session;
use slab::Slab;
use suspects::{Telling, Watch};
use tap::Copies;
pub use tap::{Copied, Recorder, TapCounts, TapHandle};
use turn::Incoming;

#[derive(Debug)]
pub struct Engine {
    time: TimeLine,
    sessions: Slab<Session>,
    by_id: BTreeMap<Arc<str>, usize>,
    /// Sessions with a protected stream.
    protected: BTreeSet<Arc<str>>,
    /// What each socket belongs to, by its number.
    sockets: Vec<Option<Owner>>,
    pool: Pool,
    events: VecDeque<Event>,
    counters: NodeCounters,
    ledger: Ledger,
    scratch: Vec<u8>,
    part: Vec<u8>,
    next_sweep: Moment,
    desk: Desk,
    reports: Agenda,
    checks: Checks,
    relays: Relays,
    watch: Watch,
    certificates: Certificates,
    copies: Copies,
    /// Sessions with taps.
    tapped: BTreeSet<usize>,
    offloading: Option<Offloading>,
    /// `None` while nobody wants to know.
    path_changes: Option<VecDeque<PathChange>>,
}

/// The stream a socket belongs to, by its place in its session.
#[derive(Debug, Clone, Copy)]
struct Owner {
    session: u32,
    stream: u16,
    component: Component,
}

impl Engine {
    pub fn new(now: Instant) -> Self {
        let time = TimeLine::new(now);
        Engine {
            time,
            sessions: Slab::new(),
            by_id: BTreeMap::new(),
            protected: BTreeSet::new(),
            sockets: Vec::new(),
            pool: Pool::default(),
            events: VecDeque::new(),
            counters: NodeCounters::default(),
            ledger: Ledger::default(),
            scratch: Vec::with_capacity(SCRATCH),
            part: Vec::with_capacity(SCRATCH),
            next_sweep: time.moment(now),
            desk: Desk::default(),
            reports: Agenda::default(),
            checks: Checks::default(),
            relays: Relays::default(),
            watch: Watch::new(time.moment(now)),
            certificates: Certificates::default(),
            copies: Copies::new(time),
            tapped: BTreeSet::new(),
            offloading: None,
            path_changes: None,
        }
    }

    /// The certificates of handshakes that begin from now on. Without any, plans with DTLS are refused.
    pub fn use_certificates(&mut self, certificates: impl Into<Certificates>) {
        self.certificates = certificates.into();
    }

    /// Takes copies from now on. Without anybody to take them, plans with taps are refused.
    pub fn use_recorder(&mut self, recorder: Box<dyn Recorder>) {
        self.copies.recorder = Some(recorder);
    }

    /// To be called when the packets at hand have been handled, and when plans were applied.
    pub fn hand_over_copies(&mut self) {
        self.copies.hand_over();
    }

    /// Checks plan and revision; returns the locals that have no sockets yet.
    pub fn missing_locals(&self, plan: &SessionPlan) -> Result<Vec<LocalPlan>, ErrorCode> {
        let speaks_dtls =
            plan.streams.iter().any(|stream| matches!(stream.security, SecurityPlan::Dtls { .. }));
        if speaks_dtls && self.certificates.is_empty() {
            return Err(ErrorCode::Unsupported { feature: "DTLS without a certificate".to_owned() });
        }
        if !plan.taps.is_empty() && self.copies.recorder.is_none() {
            return Err(ErrorCode::Unsupported { feature: "taps without a recorder".to_owned() });
        }
        check::check(plan, self.session(&plan.session))
    }

    /// Makes the session look like the plan, with the sockets of just those locals `missing_locals` named. On an
    /// error nothing has changed.
    pub fn apply(
        &mut self,
        now: Instant,
        mut plan: SessionPlan,
        new: &[BoundSockets],
    ) -> Result<Applied, ErrorCode> {
        let missing = self.missing_locals(&plan)?;
        check::check_sockets(&missing, new)?;
        self.check_free(new)?;
        let now = self.time.moment(now);
        if self.sessions.is_empty() {
            self.next_sweep = now.plus_ms(timers::SWEEP_MS);
        }
        let key = self.key_or_create(now, &plan);
        self.refresh_session(now, key);
        let offloaded: Vec<RuleHandle> = offload::rules(&self.sessions[key]).collect();
        let farewells = self.part(now, key, Some(&plan));
        let taps = std::mem::take(&mut plan.taps);
        self.ledger.leave(&self.sessions[key]);
        let mut applied = self.sessions[key].follow(now, plan, new, &mut self.pool);
        self.ledger.join(&self.sessions[key]);
        self.copies.follow(&mut self.sessions[key], taps);
        if self.sessions[key].taps.is_empty() {
            self.tapped.remove(&key);
        } else {
            self.tapped.insert(key);
        }
        applied.farewells = farewells;
        applied.farewells.extend(self.forget_relays(&applied.released));
        self.disown(&applied.released);
        self.own(key);
        applied.farewells.extend(self.follow_relay_plans(now, key));
        let session = &mut self.sessions[key];
        if session.is_protected() {
            self.protected.insert(session.id.clone());
        } else {
            self.protected.remove(&session.id);
        }
        if session.speaks_ice() {
            self.checks.schedule(key as u32, session, Some(now));
        }
        if session.speaks_dtls() {
            self.desk.schedule(key as u32, session, Some(now));
        }
        self.reports.schedule(key as u32, session);
        self.review(now, key, &offloaded);
        Ok(applied)
    }

    /// Ends a session.
    pub fn release(&mut self, now: Instant, session: &SessionId) -> Option<Released> {
        let key = self.by_id.remove(session.0.as_str())?;
        let now = self.time.moment(now);
        self.withdraw_session(now, key);
        let mut farewells = self.part(now, key, None);
        let session = self.sessions.remove(key);
        self.ledger.leave(&session);
        self.protected.remove(&session.id);
        let stats = SessionStats { taps: self.copies.stats(&session), ..session.stats(now) };
        self.copies.close_all(&session);
        self.tapped.remove(&key);
        let sockets: Vec<SocketId> = session.sockets().collect();
        farewells.extend(self.forget_relays(&sockets));
        self.disown(&sockets);
        drop(session);
        self.pool.session_released();
        Some(Released { stats, sockets, farewells })
    }

    /// Takes in one datagram; what has to be sent because of it goes to `out`.
    #[inline]
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        arrival: Arrival,
        packet: &mut Packet<'_>,
        out: &mut impl Outbox,
    ) {
        self.counters.received_packets += 1;
        self.counters.received_bytes += packet.len as u64;
        let now = self.time.moment(now);
        let owner = self.sockets.get(arrival.socket.0 as usize).copied().flatten();
        if let Some(owner) = owner.filter(|_| self.offloading.is_some()) {
            self.prepare(now, owner, arrival);
        }
        let arrival = if self.relays.serves(arrival) {
            let taken = self.relays.take(now, arrival.socket, packet, out);
            self.follow_relays(now);
            match taken {
                Ok(unwrapped) => unwrapped,
                Err(incoming) => {
                    self.counters.dropped_packets += u64::from(incoming == Incoming::Junk);
                    return;
                }
            }
        } else {
            arrival
        };
        let Some((owner, session)) =
            owner.and_then(|o| Some((o, self.sessions.get_mut(o.session as usize)?)))
        else {
            self.counters.dropped_packets += 1;
            return;
        };
        let passage = Passage {
            session,
            key: owner.session,
            stream: owner.stream.into(),
            socket: owner.component,
            arrived_on: arrival.socket,
            from: arrival.from,
            now,
            events: &mut self.events,
            scratch: &mut self.scratch,
            part: &mut self.part,
            is_part: false,
            desk: &mut self.desk,
            checks: &mut self.checks,
            watch: &mut self.watch,
            copies: &mut self.copies,
        };
        let fate = passage.run(packet, &mut Wrapping { relays: &mut self.relays, now, out });
        self.counters.sent_packets += fate.sent_packets;
        self.counters.sent_bytes += fate.sent_bytes;
        self.counters.dropped_packets += u64::from(fate.dropped);
        self.follow_checks(now);
        if self.offloading.is_some() {
            self.follow_up(now, owner, arrival.socket.bound());
        }
    }

    /// Does what is due by time.
    pub fn handle_timeout(&mut self, now: Instant, out: &mut impl Outbox) {
        let now = self.time.moment(now);
        self.relays.work(now, out);
        self.follow_relays(now);
        let mut wrapping = Wrapping { relays: &mut self.relays, now, out };
        let sent = self.checks.work(&mut self.sessions, now, &mut self.desk, &mut self.events, &mut wrapping);
        self.counters.sent_packets += sent.packets;
        self.counters.sent_bytes += sent.bytes;
        self.follow_checks(now);
        let mut wrapping = Wrapping { relays: &mut self.relays, now, out };
        if self.desk.next_due().is_some_and(|due| due <= now) {
            let clock = Clock { line: self.time, now };
            let mut telling = Telling { events: &mut self.events, watch: &mut self.watch };
            let sent =
                self.desk.work(&mut self.sessions, clock, &self.certificates, &mut telling, &mut wrapping);
            self.counters.sent_packets += sent.packets;
            self.counters.sent_bytes += sent.bytes;
            self.counters.dropped_packets += sent.dropped;
        }
        self.take_copies(now);
        self.refresh_reported(now);
        let mut wrapping = Wrapping { relays: &mut self.relays, now, out };
        let writing = Writing { scratch: &mut self.scratch, copies: &mut self.copies };
        let sent = self.reports.work(&mut self.sessions, now, writing, &mut wrapping);
        self.counters.sent_packets += sent.packets;
        self.counters.sent_bytes += sent.bytes;
        if now < self.next_sweep {
            return;
        }
        self.next_sweep = now.plus_ms(timers::SWEEP_MS);
        self.refresh_due(now);
        let mut wrapping = Wrapping { relays: &mut self.relays, now, out };
        for (_, session) in &mut self.sessions {
            let sent = timers::sweep(session, now, &mut self.events, &mut wrapping);
            self.counters.sent_packets += sent.packets;
            self.counters.sent_bytes += sent.bytes;
        }
    }

    /// When `handle_timeout` wants to be called next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let sweep = (!self.sessions.is_empty()).then_some(self.next_sweep);
        let parts =
            [self.desk.next_due(), self.checks.next_due(), self.reports.next_due(), self.relays.next_due()];
        let due = parts.into_iter().chain([sweep, self.copies_due()]).flatten().min();
        due.map(|due| self.time.instant(due))
    }

    /// The next thing that happened by itself.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The statistics of a session.
    pub fn stats(&self, now: Instant, session: &SessionId) -> Option<SessionStats> {
        let session = self.session(session)?;
        Some(SessionStats { taps: self.copies.stats(session), ..session.stats(self.time.moment(now)) })
    }

    /// What it takes to continue the protection of those sessions that have any, in order of their id, after
    /// `after`, at most `limit`.
    pub fn snapshots(&self, after: Option<&SessionId>, limit: usize) -> Vec<SessionSnapshot> {
        let start = after.map_or(Bound::Unbounded, |after| Bound::Excluded(after.0.as_str()));
        let later = self.protected.range::<str, _>((start, Bound::Unbounded));
        later.filter_map(|id| self.sessions[*self.by_id.get(id)?].snapshot()).take(limit).collect()
    }

    /// Plans with their ports filled in and what has been learned as `resume`, in order of their id, after
    /// `after`, at most `limit`.
    pub fn plans(&self, after: Option<&SessionId>, limit: usize) -> Vec<SessionPlan> {
        let start = after.map_or(Bound::Unbounded, |after| Bound::Excluded(after.0.as_str()));
        let later = self.by_id.range::<str, _>((start, Bound::Unbounded));
        later.take(limit).map(|(_, key)| self.sessions[*key].plan()).collect()
    }

    /// The revision of a session; `None` if there is none.
    pub fn revision(&self, session: &SessionId) -> Option<u64> {
        Some(self.session(session)?.revision)
    }

    /// The sockets of a session.
    pub fn sockets(&self, session: &SessionId) -> Vec<SocketId> {
        self.session(session).map(|session| session.sockets().collect()).unwrap_or_default()
    }

    /// Counters since the start: every datagram is received, and some of them dropped. Send failures are the
    /// caller's to add.
    pub fn counters(&self) -> NodeCounters {
        NodeCounters { suspect: self.watch.counts, ..self.counters }
    }

    /// What each local address has relayed since the start, as far as sessions have been refreshed.
    pub fn interface_traffic(&self) -> Vec<Account> {
        self.ledger.balance(self.sessions.iter().map(|(_, session)| session))
    }

    /// The number of sessions.
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    fn session(&self, id: &SessionId) -> Option<&Session> {
        self.by_id.get(id.0.as_str()).and_then(|key| self.sessions.get(*key))
    }

    fn key_or_create(&mut self, now: Moment, plan: &SessionPlan) -> usize {
        if let Some(key) = self.by_id.get(plan.session.0.as_str()) {
            return *key;
        }
        let id: Arc<str> = plan.session.0.as_str().into();
        let key = self.sessions.insert(Session::new(now, id.clone(), plan.timeouts));
        self.by_id.insert(id, key);
        key
    }

    fn check_free(&self, new: &[BoundSockets]) -> Result<(), ErrorCode> {
        for sockets in new {
            for socket in [Some(sockets.rtp), sockets.rtcp].into_iter().flatten() {
                if self.sockets.get(socket.0 as usize).is_some_and(Option::is_some) {
                    let reason = format!("socket {} is in use", socket.0);
                    return Err(ErrorCode::BadPlan { path: format!("local {}", sockets.local.0), reason });
                }
            }
        }
        Ok(())
    }

    fn disown(&mut self, sockets: &[SocketId]) {
        for socket in sockets {
            if let Some(owner) = self.sockets.get_mut(socket.0 as usize) {
                *owner = None;
            }
        }
    }

    fn own(&mut self, key: usize) {
        for (at, stream) in self.sessions[key].streams.iter().enumerate() {
            for local in &stream.locals {
                for (socket, component) in [(Some(local.rtp), Component::Rtp), (local.rtcp, Component::Rtcp)]
                {
                    let Some(SocketId(number)) = socket else { continue };
                    if self.sockets.len() <= number as usize {
                        self.sockets.resize(number as usize + 1, None);
                    }
                    self.sockets[number as usize] =
                        Some(Owner { session: key as u32, stream: at as u16, component });
                }
            }
        }
    }
}

/// The largest packet with the largest tag and MKI.
const SCRATCH: usize = 2048 + 256;
