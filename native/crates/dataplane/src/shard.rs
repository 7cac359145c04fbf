//! One shard: an engine, the sockets of its sessions, and what the control plane may ask of them.

use std::{sync::Arc, time::Instant};

use engine::{
    Account, BoundSockets, Engine, Farewell, SocketId,
    offload::{FastPath, PathCounts},
};
use netio::{PacketIo, SocketIndex, Token};
use protocol::{
    BoundLocal, ErrorCode, Event, NodeCounters, SecurityPlan, SessionId, SessionPlan, SessionSnapshot,
    SessionStats, StreamStats,
};

use crate::{
    fast_path::{self, Kernel, path_log},
    shared::Shared,
    sockets::{Sockets, all_of},
};

/// A request to one shard.
#[derive(Debug, Clone)]
pub enum ShardRequest {
    Apply {
        plan: Box<SessionPlan>,
    },
    /// The same, if the session has this revision, or is none.
    Repeat {
        plan: Box<SessionPlan>,
        before: Option<u64>,
    },
    Release {
        session: SessionId,
    },
    /// The same, if the session has this revision and these statistics.
    ReleaseLike {
        session: SessionId,
        revision: u64,
        streams: Vec<StreamStats>,
    },
    Plans {
        after: Option<SessionId>,
        limit: usize,
    },
    Stats {
        sessions: Vec<SessionId>,
    },
    Snapshot {
        after: Option<SessionId>,
        limit: usize,
    },
    Counters,
}

#[derive(Debug)]
pub enum ShardResponse {
    Applied { bound: Vec<BoundLocal> },
    Released { stats: Option<Box<SessionStats>> },
    Plans { plans: Vec<SessionPlan> },
    Stats { sessions: Vec<SessionStats> },
    Snapshot { sessions: Vec<SessionSnapshot> },
    Counters { counters: NodeCounters, paths: PathCounts, traffic: Vec<Account> },
    Refused { error: ErrorCode },
}

pub struct Shard<I> {
    engine: Engine,
    io: I,
    shared: Arc<Shared>,
    sockets: Sockets,
    fast_path: Seen,
}

/// What this shard knows of the fast path.
#[derive(Debug, Default)]
struct Seen {
    news: u64,
    kernel: Option<Arc<Kernel>>,
}

impl<I: PacketIo> Shard<I> {
    /// Keeps at most so many pairs of sockets open between two calls.
    pub fn new(io: I, shared: Arc<Shared>, most_kept: usize) -> Self {
        let started = Instant::now();
        let mut engine = Engine::new(started);
        engine.use_recorder(Box::new(shared.recorder.copier()));
        if tracing::enabled!(tracing::Level::DEBUG) {
            engine.watch_paths();
        }
        Self {
            engine,
            io,
            sockets: Sockets::new(shared.clone(), most_kept, started),
            shared,
            fast_path: Seen::default(),
        }
    }

    pub fn io(&mut self) -> &mut I {
        &mut self.io
    }

    /// Waits for packets, files or time, and does what they ask; adds the files that are ready.
    pub fn turn(&mut self, ready: &mut Vec<Token>) -> std::io::Result<()> {
        let due = self.engine.poll_timeout();
        let next = [due, self.sockets.poll_timeout()].into_iter().flatten().min();
        self.io.wait(next.map(|next| next.saturating_duration_since(Instant::now())))?;
        let now = Instant::now();
        self.io.receive(&mut Relay { engine: &mut self.engine, now }, ready)?;
        if self.engine.may_offload() {
            let waiting: Vec<_> = self.io.unhandled()?.into_iter().map(|socket| SocketId(socket.0)).collect();
            self.engine.offload(now, &waiting);
        }
        self.follow_fast_path(now);
        if due.is_some_and(|due| due <= now) {
            self.engine.handle_timeout(now, &mut TimerOutbox(&mut self.io));
        }
        self.engine.hand_over_copies();
        if self.sockets.poll_timeout().is_some_and(|due| due <= now) {
            self.sockets.handle_timeout(&mut self.io, now);
        }
        Ok(())
    }

    /// Takes note when the fast path is switched on or off, or rules have stopped to work.
    fn follow_fast_path(&mut self, now: Instant) {
        let news = self.shared.fast_paths.news();
        if news == self.fast_path.news {
            return;
        }
        self.fast_path.news = news;
        let kernel = self.shared.fast_paths.kernel();
        let is_same = match (&kernel, &self.fast_path.kernel) {
            (Some(kernel), Some(known)) => Arc::ptr_eq(kernel, known),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        if is_same {
            return self.engine.take_back_broken(now);
        }
        let relay = kernel.clone().map(|kernel| Box::new(fast_path::Relay::new(kernel)) as Box<dyn FastPath>);
        self.engine.use_fast_path(now, relay);
        self.fast_path.kernel = kernel;
    }

    pub fn next_event(&mut self) -> Option<Event> {
        while let Some(change) = self.engine.poll_path_change() {
            path_log::log(&change);
        }
        self.engine.poll_event()
    }

    pub fn execute(&mut self, request: ShardRequest) -> ShardResponse {
        let now = Instant::now();
        self.follow_fast_path(now);
        match request {
            ShardRequest::Apply { plan } => match self.apply(now, *plan) {
                Ok(bound) => ShardResponse::Applied { bound },
                Err(error) => ShardResponse::Refused { error },
            },
            ShardRequest::Repeat { plan, before } => {
                let current = self.engine.revision(&plan.session);
                if current != before {
                    let error = ErrorCode::StalePlan { current: current.unwrap_or_default() };
                    return ShardResponse::Refused { error };
                }
                self.execute(ShardRequest::Apply { plan })
            }
            ShardRequest::Release { session } => {
                ShardResponse::Released { stats: self.release(now, &session) }
            }
            ShardRequest::ReleaseLike { session, revision, streams } => {
                self.engine.refresh(now, &session);
                let stats = self.engine.stats(now, &session);
                let is_like =
                    stats.is_some_and(|stats| stats.revision == revision && stats.streams == streams);
                let stats = if is_like { self.release(now, &session) } else { None };
                ShardResponse::Released { stats }
            }
            ShardRequest::Plans { after, limit } => {
                ShardResponse::Plans { plans: self.engine.plans(after.as_ref(), limit) }
            }
            ShardRequest::Stats { sessions } => {
                for session in &sessions {
                    self.engine.refresh(now, session);
                }
                let stats = sessions.iter().filter_map(|session| self.engine.stats(now, session)).collect();
                ShardResponse::Stats { sessions: stats }
            }
            ShardRequest::Snapshot { after, limit } => {
                ShardResponse::Snapshot { sessions: self.engine.snapshots(after.as_ref(), limit) }
            }
            ShardRequest::Counters => {
                self.engine.refresh_all(now);
                ShardResponse::Counters {
                    counters: self.counters(),
                    paths: self.engine.path_counts(),
                    traffic: self.engine.interface_traffic(),
                }
            }
        }
    }

    fn apply(&mut self, now: Instant, plan: SessionPlan) -> Result<Vec<BoundLocal>, ErrorCode> {
        if plan.streams.iter().any(|stream| matches!(stream.security, SecurityPlan::Dtls { .. })) {
            self.engine.use_certificates(self.shared.certificates.named());
        }
        if plan.streams.iter().any(|stream| stream.locals.iter().any(|local| local.relay.is_some())) {
            self.engine.use_relay_server(self.shared.relay_server().as_deref());
        }
        let missing = self.engine.missing_locals(&plan)?;
        self.shared.admit().or_else(|error| {
            let known = !self.engine.sockets(&plan.session).is_empty();
            if known { Ok(()) } else { Err(error) }
        })?;
        let new = self.sockets.bind_all(&mut self.io, now, &missing, plan.tos)?;
        let (session, tos, before) = (plan.session.clone(), plan.tos, self.engine.len());
        let applied = match self.engine.apply(now, plan, &new) {
            Ok(applied) => applied,
            Err(error) => {
                self.sockets.release(&mut self.io, now, all_of(&new));
                return Err(error);
            }
        };
        self.shared.count_sessions(before, self.engine.len());
        self.say(applied.farewells);
        self.sockets.release(&mut self.io, now, applied.released);
        if applied.tos_changed {
            self.change_tos(&session, tos, &new);
        }
        Ok(applied.bound)
    }

    fn release(&mut self, now: Instant, session: &SessionId) -> Option<Box<SessionStats>> {
        let before = self.engine.len();
        let released = self.engine.release(now, session)?;
        self.shared.count_sessions(before, self.engine.len());
        self.say(released.farewells);
        self.sockets.release(&mut self.io, now, released.sockets);
        Some(Box::new(released.stats))
    }

    fn say(&mut self, farewells: Vec<Farewell>) {
        for Farewell { socket, to, payload } in farewells {
            self.io.send(SocketIndex(socket.0), to, &payload);
        }
    }

    fn change_tos(&mut self, session: &SessionId, tos: u8, new: &[BoundSockets]) {
        for socket in self.engine.sockets(session) {
            let is_new = new.iter().any(|bound| bound.rtp == socket || bound.rtcp == Some(socket));
            if !is_new && let Err(error) = self.sockets.set_tos(&mut self.io, socket, tos) {
                tracing::warn!(%error, call = session.0, "cannot change the type of service");
            }
        }
    }

    fn counters(&self) -> NodeCounters {
        let io = self.io.counters();
        let mut counters = self.engine.counters();
        counters.send_failures += io.send_failures;
        counters.dropped_packets += io.truncated;
        counters
    }
}

/// Hands packets to the engine.
struct Relay<'a> {
    engine: &'a mut Engine,
    now: Instant,
}

impl netio::Handler for Relay<'_> {
    fn handle(
        &mut self,
        arrival: netio::Arrival,
        packet: &mut netio::Packet<'_>,
        out: &mut impl netio::Outbox,
    ) {
        let arrival = engine::Arrival { socket: SocketId(arrival.socket.0), from: arrival.from };
        let mut packet = engine::Packet { buffer: packet.buffer, len: packet.len };
        self.engine.handle_datagram(self.now, arrival, &mut packet, &mut RelayOutbox(out));
    }
}

struct RelayOutbox<'a, O>(&'a mut O);

impl<O: netio::Outbox> engine::Outbox for RelayOutbox<'_, O> {
    fn forward(&mut self, socket: SocketId, to: std::net::SocketAddr, len: usize) {
        self.0.forward(SocketIndex(socket.0), to, len);
    }

    fn send(&mut self, socket: SocketId, to: std::net::SocketAddr, payload: &[u8]) {
        self.0.send(SocketIndex(socket.0), to, payload);
    }
}

/// Sends what time has brought about; there is no packet to forward then.
struct TimerOutbox<'a, I>(&'a mut I);

impl<I: PacketIo> engine::Outbox for TimerOutbox<'_, I> {
    fn forward(&mut self, _socket: SocketId, _to: std::net::SocketAddr, _len: usize) {}

    fn send(&mut self, socket: SocketId, to: std::net::SocketAddr, payload: &[u8]) {
        self.0.send(SocketIndex(socket.0), to, payload);
    }
}
