//! The control plane's side of the process, served by the loop of the first shard.
//!
//! With one shard a command needs no other thread: what costs most about small commands are wake-ups.

mod answering;

use std::{
    collections::HashMap,
    io,
    os::fd::{AsFd, BorrowedFd},
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use answering::Answering;
use netio::{PacketIo, Token, wake::Waker};
use protocol::{
    DataPath, ErrorCode, Event, FINGERPRINT, InterfaceStatus, LogPosition, Request, Response, Status,
    ToDataPlane,
};
use repeat::Refused;

use crate::{
    clients::Clients,
    connection::Connection,
    fanout::{self, Merge, Totals},
    listener::Listener,
    repeater::Repeater,
    shard::{Shard, ShardRequest, ShardResponse},
    shared::Shared,
};

/// A request on its way to another shard, under a number its response carries back.
pub type Ticketed = (u64, ShardRequest);

/// What another shard tells.
#[derive(Debug)]
pub enum FromShard {
    Response { ticket: u64, response: ShardResponse },
    Event(Event),
}

/// The way to another shard.
pub struct Peer {
    pub requests: mpsc::Sender<Ticketed>,
    pub waker: Waker,
}

pub struct Control {
    listener: Listener,
    shared: Arc<Shared>,
    peers: Vec<Peer>,
    connections: HashMap<Token, Connection>,
    next_token: u32,
    next_ticket: u64,
    pending: HashMap<u64, Pending>,
    tend_at: Instant,
    watches_routes: bool,
    answering: Answering,
}

/// A request that waits for responses of other shards.
struct Pending {
    connection: Token,
    id: u64,
    merge: Merge,
    missing: usize,
    parts: Vec<ShardResponse>,
}

impl Control {
    pub fn new(listener: Listener, clients: Clients, shared: Arc<Shared>, peers: Vec<Peer>) -> Self {
        let now = Instant::now();
        Self {
            listener,
            shared,
            peers,
            connections: HashMap::new(),
            next_token: FIRST_CONNECTION,
            next_ticket: 0,
            pending: HashMap::new(),
            tend_at: now,
            watches_routes: false,
            answering: Answering::new(clients, Repeater::new(now)),
        }
    }

    pub fn start(&self, io: &mut impl PacketIo) -> io::Result<()> {
        io.watch(LISTENER, self.listener.as_fd(), netio::Interest::Readable)
    }

    /// Does what a ready file asks for.
    pub fn handle_ready<I: PacketIo>(&mut self, token: Token, shard: &mut Shard<I>) -> io::Result<()> {
        if token == LISTENER {
            return self.accept(shard.io());
        }
        if let Some(socket) = self.answering.clients.socket_of(token) {
            self.serve(socket, shard);
            return Ok(());
        }
        let Some(connection) = self.connections.get_mut(&token) else { return Ok(()) };
        connection.read();
        while let Some(message) = self.connections.get_mut(&token).and_then(Connection::next_request) {
            if let Some(message) = self.answering.wait(token, message) {
                self.handle_request(token, message, shard);
            }
        }
        Ok(())
    }

    pub fn handle_peer<I: PacketIo>(&mut self, message: FromShard, shard: &mut Shard<I>) {
        match message {
            FromShard::Event(event) => self.report(event),
            FromShard::Response { ticket, response } => {
                let Some(response) = self.answered(ticket, response, shard) else { return };
                let Some(pending) = self.pending.get_mut(&ticket) else { return };
                pending.parts.push(response);
                pending.missing -= 1;
                if pending.missing == 0
                    && let Some(pending) = self.pending.remove(&ticket)
                {
                    self.complete(pending);
                }
            }
        }
    }

    /// Reports to the control plane, if there is one; otherwise it will see the state when it comes back.
    pub fn report(&mut self, event: Event) {
        let Some(event) = self.answering.wait_with(event) else { return };
        self.answering.repeater.told(&event);
        if let Some(connection) = self.connections.values_mut().find(|connection| connection.is_greeted()) {
            connection.report(event);
        }
    }

    /// Reports what has failed while packets were recorded.
    pub fn report_recorder(&mut self) {
        while let Some(event) = self.shared.recorder.next_event() {
            self.report(event);
        }
    }

    /// Sends what is due and drops connections that have ended. To be called at the end of each turn.
    pub fn flush(&mut self, io: &mut impl PacketIo) -> io::Result<()> {
        for (token, connection) in &mut self.connections {
            connection.flush();
            if connection.is_closed() {
                io.unwatch(*token);
            } else if let Some(interest) = connection.new_interest() {
                io.watch(*token, connection.as_fd(), interest)?;
            }
        }
        self.connections.retain(|_, connection| !connection.is_closed());
        self.tend_clients(io)
    }

    /// Routes, neighbours or links have changed.
    pub fn follow_routes(&self) {
        self.shared.fast_paths.follow_routes();
    }

    /// What has to be looked after about once a second.
    pub fn tend(&mut self, now: Instant, io: &mut impl PacketIo) {
        if now < self.tend_at {
            return;
        }
        self.tend_at = now + TEND;
        self.shared.fast_paths.tend(now);
        if !self.watches_routes {
            let watch = |changes: BorrowedFd<'_>| io.watch(ROUTES, changes, netio::Interest::Readable);
            self.watches_routes = matches!(self.shared.fast_paths.with_changes(watch), Some(Ok(())));
        }
    }

    fn accept(&mut self, io: &mut impl PacketIo) -> io::Result<()> {
        let Some(stream) = self.listener.accept() else { return Ok(()) };
        if self.connections.len() >= MAX_CONNECTIONS {
            tracing::warn!("too many control connections: refused one more");
            return Ok(());
        }
        let token = Token(self.next_token);
        self.next_token = self.next_token.wrapping_add(1).max(FIRST_CONNECTION);
        let connection = Connection::new(stream)?;
        io.watch(token, connection.as_fd(), netio::Interest::Readable)?;
        self.connections.insert(token, connection);
        Ok(())
    }

    fn handle_request<I: PacketIo>(&mut self, token: Token, message: ToDataPlane, shard: &mut Shard<I>) {
        let ToDataPlane { id, seen, request } = message;
        match request {
            Request::Hello { fingerprint, node, position } => {
                self.hello(token, id, (&fingerprint, &node), position.as_ref());
            }
            _ if !self.connections.get(&token).is_some_and(Connection::is_greeted) => {
                let reason = format!("{} before hello", name(&request));
                self.end(token, id, ErrorCode::BadFrame { reason });
            }
            Request::Configure { configuration } => {
                let configured = self.shared.configure(&configuration);
                let response = configured.map(|certificates| Response::Configured { certificates });
                self.respond(token, id, response);
            }
            Request::RenewCertificate { key, instead_of } => {
                let renewed = self.shared.certificates.renew(key, &instead_of);
                let response = match renewed {
                    Ok(()) => Ok(Response::Configured { certificates: self.shared.certificates.plans() }),
                    Err(error) => Err(self.shared.incident(&format!("{error:#}"))),
                };
                self.respond(token, id, response);
            }
            Request::Learn { pattern } => {
                let learned = self.answering.repeater.learn(*pattern);
                let refused = |refused: Refused| ErrorCode::BadPlan {
                    path: "pattern".to_owned(),
                    reason: refused.to_string(),
                };
                self.respond(token, id, learned.map(|()| Response::Learned).map_err(refused));
            }
            Request::Forget => {
                self.answering.repeater.forget();
                self.respond(token, id, Ok(Response::Forgotten));
            }
            Request::Send { socket, to, bytes } => {
                self.answering.repeater.seen(seen);
                if let Some(bytes) = answering::bytes_of(bytes) {
                    self.answering.clients.reply(socket, to, bytes);
                }
            }
            Request::Seen => self.answering.repeater.seen(seen),
            Request::Apply { plan } => {
                self.answering.repeater.seen(seen);
                if self.answering.repeater.hand_over(&plan.session, seen) {
                    self.dispatch(token, id, Request::Apply { plan }, shard);
                } else {
                    self.respond(token, id, Err(ErrorCode::Overtaken));
                }
            }
            Request::Release { session } => {
                self.answering.repeater.seen(seen);
                if self.answering.repeater.end(&session, seen) {
                    self.dispatch(token, id, Request::Release { session }, shard);
                } else {
                    self.respond(token, id, Ok(Response::Released { stats: None }));
                }
            }
            Request::List { .. } | Request::Stats { .. } | Request::Snapshot { .. } | Request::Status => {
                self.dispatch(token, id, request, shard);
            }
        }
    }

    fn hello(
        &mut self,
        token: Token,
        id: u64,
        (fingerprint, node): (&str, &str),
        position: Option<&LogPosition>,
    ) {
        if fingerprint != FINGERPRINT {
            tracing::error!(
                ours = FINGERPRINT,
                theirs = fingerprint,
                "the control plane is of another build"
            );
            let (ours, theirs) = (FINGERPRINT.to_owned(), fingerprint.to_owned());
            return self.end(token, id, ErrorCode::FingerprintMismatch { ours, theirs });
        }
        for (other, connection) in &mut self.connections {
            if *other != token && connection.is_greeted() {
                tracing::warn!("a newer control plane takes over");
                connection.close();
            }
        }
        if let Some(connection) = self.connections.get_mut(&token) {
            connection.greet();
        }
        tracing::info!(node, sessions = self.shared.sessions(), "control plane connected");
        let hello = Response::Hello { boot: self.shared.boot.clone(), sessions: self.shared.sessions() };
        self.respond(token, id, Ok(hello));
        let missed = self.answering.repeater.connected(&self.shared.boot, position);
        if let Some(connection) = self.connections.get_mut(&token) {
            missed.for_each(|entry| connection.tell(&entry));
        }
    }

    fn dispatch<I: PacketIo>(&mut self, token: Token, id: u64, request: Request, shard: &mut Shard<I>) {
        let merge = Merge::of(&request);
        let Some(requests) = fanout::split(request, 1 + self.peers.len()) else { return };
        let mut pending =
            Pending { connection: token, id, merge, missing: requests.len(), parts: Vec::new() };
        self.next_ticket += 1;
        for (index, request) in requests {
            match index.checked_sub(1) {
                None => {
                    pending.parts.push(shard.execute(request));
                    pending.missing -= 1;
                }
                Some(peer) => {
                    let peer = &self.peers[peer];
                    // The receiving thread ends only together with the process.
                    let _ = peer.requests.send((self.next_ticket, request));
                    peer.waker.wake();
                }
            }
        }
        if pending.missing == 0 {
            self.complete(pending);
        } else {
            self.pending.insert(self.next_ticket, pending);
        }
    }

    fn complete(&mut self, pending: Pending) {
        let status = |totals| Response::Status { status: Box::new(self.status(totals)) };
        let result = fanout::merge(pending.merge, pending.parts, status);
        self.respond(pending.connection, pending.id, result);
    }

    fn status(&self, totals: Totals) -> Status {
        let Totals { counters, paths, traffic } = totals;
        let pools = self.shared.pools.status(Instant::now());
        let interfaces = pools.into_iter().map(|pool| InterfaceStatus {
            port_min: pool.first_port,
            port_max: pool.last_port,
            ports_used: pool.counts.used,
            ports_resting: pool.counts.resting,
            ports_free: pool.counts.free,
            traffic: traffic
                .iter()
                .find(|account| *account.interface == *pool.interface && account.address == pool.address)
                .map(|account| account.traffic)
                .unwrap_or_default(),
            address: pool.address,
            name: pool.interface,
        });
        let DataPath { name, reason } = self.shared.data_path.clone();
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            boot: self.shared.boot.clone(),
            sessions: self.shared.sessions(),
            shards: 1 + self.peers.len() as u32,
            data_path: DataPath { name, reason },
            fast_path: self.shared.fast_paths.status(paths),
            interfaces: interfaces.collect(),
            counters,
            repeats: self.answering.repeater.counters(),
        }
    }

    fn respond(&mut self, token: Token, id: u64, result: Result<Response, ErrorCode>) {
        if let Some(connection) = self.connections.get_mut(&token) {
            connection.respond(id, result);
        }
    }

    fn end(&mut self, token: Token, id: u64, error: ErrorCode) {
        if let Some(connection) = self.connections.get_mut(&token) {
            connection.refuse_and_end(id, error);
        }
    }
}

fn name(request: &Request) -> &'static str {
    match request {
        Request::Hello { .. } => "hello",
        Request::Configure { .. } => "configure",
        Request::RenewCertificate { .. } => "renewCertificate",
        Request::Apply { .. } => "apply",
        Request::Release { .. } => "release",
        Request::List { .. } => "list",
        Request::Stats { .. } => "stats",
        Request::Snapshot { .. } => "snapshot",
        Request::Status => "status",
        Request::Learn { .. } => "learn",
        Request::Forget => "forget",
        Request::Seen => "seen",
        Request::Send { .. } => "send",
    }
}

pub const LISTENER: Token = Token(0);
pub const SIGNALS: Token = Token(1);
pub const WAKER: Token = Token(2);
pub const ROUTES: Token = Token(3);
const FIRST_CONNECTION: u32 = 8;
const TEND: Duration = Duration::from_secs(1);
/// One in use, and a few that are coming or going.
const MAX_CONNECTIONS: usize = 8;
