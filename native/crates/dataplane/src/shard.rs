//! One shard: an engine, the sockets of its sessions, and what the control plane may ask of them.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use engine::{
    BoundSockets, Engine, SocketId,
    offload::{FastPath, PathCounts},
};
use netio::{
    PacketIo, SocketIndex, Token,
    pools::{BindError, Bound, Lease, Wanted},
    ports::Span,
};
use protocol::{
    BoundLocal, ErrorCode, Event, LocalPlan, NodeCounters, PortSpan, SecurityPlan, SessionId, SessionPlan,
    SessionSnapshot, SessionStats,
};

use crate::{
    fast_path::{self, Kernel},
    shared::Shared,
};

/// A request to one shard.
#[derive(Debug, Clone)]
pub enum ShardRequest {
    Apply { plan: Box<SessionPlan> },
    Release { session: SessionId },
    Plans { after: Option<SessionId>, limit: usize },
    Stats { sessions: Vec<SessionId> },
    Snapshot { after: Option<SessionId>, limit: usize },
    Counters,
}

#[derive(Debug)]
pub enum ShardResponse {
    Applied { bound: Vec<BoundLocal> },
    Released { stats: Option<Box<SessionStats>> },
    Plans { plans: Vec<SessionPlan> },
    Stats { sessions: Vec<SessionStats> },
    Snapshot { sessions: Vec<SessionSnapshot> },
    Counters { counters: NodeCounters, paths: PathCounts },
    Refused { error: ErrorCode },
}

pub struct Shard<I> {
    engine: Engine,
    io: I,
    shared: Arc<Shared>,
    /// Which port each socket holds, by socket number.
    leases: Vec<Option<Lease>>,
    started: Instant,
    fast_path: Seen,
}

/// What this shard knows of the fast path.
#[derive(Debug, Default)]
struct Seen {
    news: u64,
    kernel: Option<Arc<Kernel>>,
}

impl<I: PacketIo> Shard<I> {
    pub fn new(io: I, shared: Arc<Shared>) -> Self {
        let started = Instant::now();
        Self {
            engine: Engine::new(started),
            io,
            shared,
            leases: Vec::new(),
            started,
            fast_path: Seen::default(),
        }
    }

    pub fn io(&mut self) -> &mut I {
        &mut self.io
    }

    /// Waits for packets, files or time, and does what they ask; adds the files that are ready.
    pub fn turn(&mut self, ready: &mut Vec<Token>) -> std::io::Result<()> {
        let due = self.engine.poll_timeout();
        self.io.wait(due.map(|due| due.saturating_duration_since(Instant::now())))?;
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
            ShardRequest::Release { session } => {
                ShardResponse::Released { stats: self.release(now, &session) }
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
                ShardResponse::Counters { counters: self.counters(), paths: self.engine.path_counts() }
            }
        }
    }

    fn apply(&mut self, now: Instant, plan: SessionPlan) -> Result<Vec<BoundLocal>, ErrorCode> {
        if plan.streams.iter().any(|stream| matches!(stream.security, SecurityPlan::Dtls { .. })) {
            self.engine.use_certificate(self.shared.certificate());
        }
        let missing = self.engine.missing_locals(&plan)?;
        self.shared.admit().or_else(|error| {
            let known = !self.engine.sockets(&plan.session).is_empty();
            if known { Ok(()) } else { Err(error) }
        })?;
        let new = self.bind_all(now, &missing, plan.tos)?;
        let (session, tos, before) = (plan.session.clone(), plan.tos, self.engine.len());
        let applied = match self.engine.apply(now, plan, &new) {
            Ok(applied) => applied,
            Err(error) => {
                self.close_all(now, new.iter().flat_map(|bound| [Some(bound.rtp), bound.rtcp]).flatten());
                return Err(error);
            }
        };
        self.shared.count_sessions(before, self.engine.len());
        self.close_all(now, applied.released);
        if applied.tos_changed {
            self.change_tos(&session, tos, &new);
        }
        Ok(applied.bound)
    }

    fn release(&mut self, now: Instant, session: &SessionId) -> Option<Box<SessionStats>> {
        let before = self.engine.len();
        let released = self.engine.release(now, session)?;
        self.shared.count_sessions(before, self.engine.len());
        self.close_all(now, released.sockets);
        Some(Box::new(released.stats))
    }

    /// Binds sockets for all of these, or for none.
    fn bind_all(
        &mut self,
        now: Instant,
        locals: &[LocalPlan],
        tos: u8,
    ) -> Result<Vec<BoundSockets>, ErrorCode> {
        let mut new = Vec::with_capacity(locals.len());
        for local in locals {
            match self.bind(now, local, tos) {
                Ok(bound) => new.push(bound),
                Err(error) => {
                    self.close_all(now, new.iter().flat_map(|bound| [Some(bound.rtp), bound.rtcp]).flatten());
                    return Err(error);
                }
            }
        }
        Ok(new)
    }

    fn bind(&mut self, now: Instant, local: &LocalPlan, tos: u8) -> Result<BoundSockets, ErrorCode> {
        let span = match local.span {
            PortSpan::Pair => Span::Pair,
            PortSpan::Single => Span::Single,
        };
        if local.port.is_some() {
            self.io.settle().map_err(|error| self.shared.incident(&format!("closing sockets: {error}")))?;
        }
        let wanted =
            Wanted { interface: &local.interface, address: local.address, port: local.port, span, tos };
        let bound = self.bind_patiently(now, wanted).map_err(|error| self.refusal(error, local))?;
        let port = bound.port;
        let rtcp_lease = bound.rtcp.as_ref().map(|(lease, _)| *lease);
        let rtp = match self.attach(now, bound.rtp) {
            Ok(rtp) => rtp,
            Err(error) => {
                rtcp_lease.into_iter().for_each(|lease| self.shared.pools.release(now, lease));
                return Err(error);
            }
        };
        let rtcp = match bound.rtcp.map(|rtcp| self.attach(now, rtcp)).transpose() {
            Ok(rtcp) => rtcp,
            Err(error) => {
                self.close_all(now, [rtp]);
                return Err(error);
            }
        };
        Ok(BoundSockets { local: local.id, port, rtp, rtcp })
    }

    /// Waits a little for ports of a process before us that was killed: with io_uring its sockets stay open for some
    /// ten milliseconds longer than itself.
    fn bind_patiently(&self, now: Instant, wanted: Wanted<'_>) -> Result<Bound, BindError> {
        loop {
            match self.shared.pools.bind(now, wanted) {
                Err(BindError::PortBusy { .. }) if self.started.elapsed() < AFTER_A_CRASH => {
                    thread::sleep(Duration::from_millis(2));
                }
                result => return result,
            }
        }
    }

    fn attach(
        &mut self,
        now: Instant,
        (lease, socket): (Lease, std::os::fd::OwnedFd),
    ) -> Result<SocketId, ErrorCode> {
        let SocketIndex(index) = self.io.attach(socket).map_err(|error| {
            self.shared.pools.release(now, lease);
            self.shared.incident(&format!("attaching a socket: {error}"))
        })?;
        if self.leases.len() <= index as usize {
            self.leases.resize(index as usize + 1, None);
        }
        self.leases[index as usize] = Some(lease);
        Ok(SocketId(index))
    }

    fn close_all(&mut self, now: Instant, sockets: impl IntoIterator<Item = SocketId>) {
        for SocketId(index) in sockets {
            self.io.detach(SocketIndex(index));
            if let Some(lease) = self.leases.get_mut(index as usize).and_then(Option::take) {
                self.shared.pools.release(now, lease);
            }
        }
    }

    fn change_tos(&mut self, session: &SessionId, tos: u8, new: &[BoundSockets]) {
        for socket in self.engine.sockets(session) {
            let is_new = new.iter().any(|bound| bound.rtp == socket || bound.rtcp == Some(socket));
            if !is_new && let Err(error) = self.io.set_tos(SocketIndex(socket.0), tos) {
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

    fn refusal(&self, error: BindError, local: &LocalPlan) -> ErrorCode {
        match error {
            BindError::NoSuchInterface(name) => ErrorCode::NoSuchInterface { name },
            BindError::AddressNotLocal(address) => ErrorCode::AddressNotLocal { address },
            BindError::PortBusy { address, port } => ErrorCode::PortBusy { address, port },
            BindError::PortRangeFull { address, in_use } => {
                ErrorCode::PortRangeFull { interface: local.interface.clone(), address, in_use }
            }
            BindError::NotOfInterface { .. } => ErrorCode::BadPlan {
                path: format!("locals[{}].address", local.id.0),
                reason: error.to_string(),
            },
            BindError::OutOfSockets(error) => ErrorCode::OutOfSockets { reason: error.to_string() },
            BindError::Socket(_) => self.shared.incident(&error.to_string()),
        }
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

/// How long after our start ports may still be held by the process before us.
const AFTER_A_CRASH: Duration = Duration::from_millis(500);
