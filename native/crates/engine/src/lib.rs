//! The media engine: relays packets between the streams of sessions as their plans say.
//!
//! It has no sockets and no clock: datagrams and the time go in as arguments, packets and events come out.
//! Every call may be made at any time.

#![forbid(unsafe_code)]

mod io;

use std::{collections::BTreeMap, time::Instant};

pub use io::{Applied, Arrival, BoundSockets, Outbox, Packet, Released, SocketId};
use protocol::{BoundLocal, ErrorCode, Event, LocalPlan, NodeCounters, SessionId, SessionPlan, SessionStats};

#[derive(Debug)]
pub struct Engine {
    sessions: BTreeMap<SessionId, (SessionPlan, Vec<BoundSockets>)>,
}

impl Engine {
    pub fn new(_now: Instant) -> Self {
        Self { sessions: BTreeMap::new() }
    }

    /// Checks plan and revision; returns the locals that have no sockets yet.
    pub fn missing_locals(&self, plan: &SessionPlan) -> Result<Vec<LocalPlan>, ErrorCode> {
        let known = self.sessions.get(&plan.session);
        if let Some((current, _)) = known
            && plan.revision < current.revision
        {
            return Err(ErrorCode::StalePlan { current: current.revision });
        }
        let bound =
            |local: &LocalPlan| known.is_some_and(|(_, sockets)| sockets.iter().any(|s| s.local == local.id));
        Ok(plan.streams.iter().flat_map(|s| &s.locals).filter(|l| !bound(l)).cloned().collect())
    }

    /// Makes the session look like the plan. On an error nothing has changed.
    pub fn apply(
        &mut self,
        _now: Instant,
        plan: SessionPlan,
        new: &[BoundSockets],
    ) -> Result<Applied, ErrorCode> {
        let (before, mut sockets) = match self.sessions.remove(&plan.session) {
            Some((plan, sockets)) => (Some(plan), sockets),
            None => (None, Vec::new()),
        };
        sockets.extend_from_slice(new);
        let named = |id| plan.streams.iter().flat_map(|s| &s.locals).any(|l| l.id == id);
        let (kept, gone): (Vec<_>, Vec<_>) = sockets.into_iter().partition(|s| named(s.local));
        let bound = kept.iter().map(|s| BoundLocal { local: s.local, port: s.port }).collect();
        let tos_changed = before.map_or(0, |p| p.tos) != plan.tos;
        self.sessions.insert(plan.session.clone(), (plan, kept));
        let released = gone.iter().flat_map(|s| [Some(s.rtp), s.rtcp]).flatten().collect();
        Ok(Applied { bound, released, tos_changed })
    }

    /// Ends a session.
    pub fn release(&mut self, _now: Instant, session: &SessionId) -> Option<Released> {
        let (plan, sockets) = self.sessions.remove(session)?;
        let stats = SessionStats { session: plan.session, revision: plan.revision, streams: Vec::new() };
        let sockets = sockets.iter().flat_map(|s| [Some(s.rtp), s.rtcp]).flatten().collect();
        Some(Released { stats, sockets })
    }

    /// Takes in one datagram; what has to be sent because of it goes to `out`.
    pub fn handle_datagram(
        &mut self,
        _now: Instant,
        _arrival: Arrival,
        _packet: &mut Packet<'_>,
        _out: &mut impl Outbox,
    ) {
    }

    /// Does what is due by time.
    pub fn handle_timeout(&mut self, _now: Instant, _out: &mut impl Outbox) {}

    /// When `handle_timeout` wants to be called next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// The next thing that happened by itself.
    pub fn poll_event(&mut self) -> Option<Event> {
        None
    }

    /// The statistics of a session.
    pub fn stats(&self, _now: Instant, session: &SessionId) -> Option<SessionStats> {
        let (plan, _) = self.sessions.get(session)?;
        Some(SessionStats { session: session.clone(), revision: plan.revision, streams: Vec::new() })
    }

    /// Plans with their ports filled in, in order of their id, after `after`, at most `limit`.
    pub fn plans(&self, after: Option<&SessionId>, limit: usize) -> Vec<SessionPlan> {
        let later = self.sessions.iter().filter(|(id, _)| after.is_none_or(|after| *id > after));
        later.take(limit).map(|(_, (plan, _))| plan.clone()).collect()
    }

    /// The sockets of a session.
    pub fn sockets(&self, session: &SessionId) -> Vec<SocketId> {
        let sockets = self.sessions.get(session).map(|(_, sockets)| sockets.as_slice()).unwrap_or_default();
        sockets.iter().flat_map(|s| [Some(s.rtp), s.rtcp]).flatten().collect()
    }

    /// Counters since the start; send failures are the caller's to add.
    pub fn counters(&self) -> NodeCounters {
        NodeCounters::default()
    }

    /// The number of sessions.
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }
}
