//! The proxy in the network: the real engine with virtual sockets.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Instant,
};

use dtls::Certificate;
use engine::{Applied, Arrival, BoundSockets, Engine, Outbox, Packet, Released, SocketId};
use protocol::{ErrorCode, LocalId, PortSpan, SessionId, SessionPlan};

use crate::tape::Tape;

pub const PROXY_IPV4: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
pub const PROXY_IPV6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1));

/// A datagram the engine has sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    pub from: SocketAddr,
    pub to: SocketAddr,
    pub payload: Vec<u8>,
}

#[derive(Debug)]
pub struct Proxy {
    pub engine: Engine,
    pub tape: Tape,
    by_address: BTreeMap<SocketAddr, SocketId>,
    by_socket: BTreeMap<SocketId, SocketAddr>,
    locals: BTreeMap<(SessionId, LocalId), SocketAddr>,
    next_port: u16,
}

impl Proxy {
    pub fn new(now: Instant, certificate: Certificate) -> Self {
        let mut engine = Engine::new(now);
        engine.use_certificates(certificate);
        let tape = Tape::default();
        engine.use_recorder(Box::new(tape.clone()));
        Proxy {
            engine,
            tape,
            by_address: BTreeMap::new(),
            by_socket: BTreeMap::new(),
            locals: BTreeMap::new(),
            next_port: 40_000,
        }
    }

    /// Binds what is missing and applies.
    pub fn apply(&mut self, now: Instant, plan: SessionPlan) -> Result<Applied, ErrorCode> {
        let session = plan.session.clone();
        let mut new = Vec::new();
        for local in self.engine.missing_locals(&plan)? {
            let port = local.port.unwrap_or(self.next_port);
            self.next_port = self.next_port.max(port).checked_add(2).unwrap_or(10_000);
            let rtp = self.bind(SocketAddr::new(local.address, port));
            let pair = local.span == PortSpan::Pair;
            let rtcp = pair.then(|| self.bind(SocketAddr::new(local.address, port + 1)));
            self.locals.insert((session.clone(), local.id), SocketAddr::new(local.address, port));
            new.push(BoundSockets { local: local.id, port, rtp, rtcp });
        }
        match self.engine.apply(now, plan, &new) {
            Ok(applied) => {
                self.close(&applied.released);
                Ok(applied)
            }
            Err(error) => {
                for sockets in new {
                    self.close(&[Some(sockets.rtp), sockets.rtcp].into_iter().flatten().collect::<Vec<_>>());
                }
                Err(error)
            }
        }
    }

    pub fn release(&mut self, now: Instant, session: &SessionId) -> Option<Released> {
        let released = self.engine.release(now, session)?;
        self.close(&released.sockets);
        Some(released)
    }

    /// RTP address of a local.
    pub fn local(&self, session: &SessionId, local: u32) -> Option<SocketAddr> {
        self.locals.get(&(session.clone(), LocalId(local))).copied()
    }

    pub fn is_bound(&self, address: SocketAddr) -> bool {
        self.by_address.contains_key(&address)
    }

    pub fn receive(&mut self, now: Instant, from: SocketAddr, to: SocketAddr, payload: &[u8]) -> Vec<Sent> {
        let Some(socket) = self.by_address.get(&to) else {
            return Vec::new();
        };
        let mut buffer = vec![0; payload.len() + 64];
        buffer[..payload.len()].copy_from_slice(payload);
        let mut packet = Packet { buffer: &mut buffer, len: payload.len() };
        let mut out = Collector::default();
        self.engine.handle_datagram(now, Arrival { socket: *socket, from }, &mut packet, &mut out);
        self.resolve(out, &buffer)
    }

    pub fn handle_timeout(&mut self, now: Instant) -> Vec<Sent> {
        let mut out = Collector::default();
        self.engine.handle_timeout(now, &mut out);
        self.resolve(out, &[])
    }

    fn resolve(&self, out: Collector, buffer: &[u8]) -> Vec<Sent> {
        let mut sent = Vec::new();
        for (socket, to, bytes) in out.0 {
            let Some(from) = self.by_socket.get(&socket).copied() else {
                panic!("the engine sent from {socket:?}, which is closed");
            };
            let payload = match bytes {
                Bytes::Forwarded(len) => buffer[..len].to_vec(),
                Bytes::Own(bytes) => bytes,
            };
            sent.push(Sent { from, to, payload });
        }
        sent
    }

    fn bind(&mut self, address: SocketAddr) -> SocketId {
        let free = (0..).map(SocketId).find(|socket| !self.by_socket.contains_key(socket));
        let socket = free.unwrap_or(SocketId(u32::MAX));
        assert!(self.by_address.insert(address, socket).is_none(), "{address} is bound twice");
        self.by_socket.insert(socket, address);
        socket
    }

    fn close(&mut self, sockets: &[SocketId]) {
        for socket in sockets {
            if let Some(address) = self.by_socket.remove(socket) {
                self.by_address.remove(&address);
            }
        }
    }
}

#[derive(Debug, Default)]
struct Collector(Vec<(SocketId, SocketAddr, Bytes)>);

#[derive(Debug)]
enum Bytes {
    Forwarded(usize),
    Own(Vec<u8>),
}

impl Outbox for Collector {
    fn forward(&mut self, socket: SocketId, to: SocketAddr, len: usize) {
        self.0.push((socket, to, Bytes::Forwarded(len)));
    }

    fn send(&mut self, socket: SocketId, to: SocketAddr, payload: &[u8]) {
        self.0.push((socket, to, Bytes::Own(payload.to_vec())));
    }
}
