//! What goes in and out of the engine: sockets by number, datagrams, results of applying and releasing.

use std::net::SocketAddr;

use protocol::{BoundLocal, LocalId, SessionStats};

/// A bound UDP socket: a small number chosen by the caller, free for reuse once the engine has released it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SocketId(pub u32);

impl SocketId {
    const RELAYED: u32 = 1 << 31;

    /// Within the engine: what a relay sends and receives for this socket.
    pub(crate) fn relayed(self) -> SocketId {
        SocketId(self.0 | Self::RELAYED)
    }

    #[inline]
    pub(crate) fn is_relayed(self) -> bool {
        self.0 & Self::RELAYED != 0
    }

    /// The socket itself.
    pub(crate) fn bound(self) -> SocketId {
        SocketId(self.0 & !Self::RELAYED)
    }
}

/// The last word from a socket, to be sent before it is closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Farewell {
    pub socket: SocketId,
    pub to: SocketAddr,
    pub payload: Vec<u8>,
}

/// Where a datagram came in and from whom. IPv4-mapped IPv6 addresses never appear here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    pub socket: SocketId,
    pub from: SocketAddr,
}

/// A received datagram: the payload is `buffer[..len]`, the rest is tail room.
#[derive(Debug)]
pub struct Packet<'a> {
    pub buffer: &'a mut [u8],
    pub len: usize,
}

/// Takes what the engine sends.
pub trait Outbox {
    /// Sends the packet being handled: `buffer[..len]` as it stands when `handle_datagram` returns. May be
    /// called several times for one packet.
    fn forward(&mut self, socket: SocketId, to: SocketAddr, len: usize);
    /// Sends other bytes, which are copied at once.
    fn send(&mut self, socket: SocketId, to: SocketAddr, payload: &[u8]);
}

/// The sockets of one local, bound before the plan that names it is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BoundSockets {
    pub local: LocalId,
    pub port: u16,
    pub rtp: SocketId,
    pub rtcp: Option<SocketId>,
}

/// What applying a plan brought about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// Every local of the plan with its port, in the plan's order.
    pub bound: Vec<BoundLocal>,
    /// Sockets of locals the plan no longer names; the caller closes them.
    pub released: Vec<SocketId>,
    /// What to send before those are closed.
    pub farewells: Vec<Farewell>,
    /// The type-of-service byte is another one than before (before the first plan it is 0). The caller sets
    /// it on all sockets of the session; on new sockets of a session whose byte stays it does so on binding.
    pub tos_changed: bool,
}

/// A session that has ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Released {
    pub stats: SessionStats,
    pub sockets: Vec<SocketId>,
    /// What to send before those are closed.
    pub farewells: Vec<Farewell>,
}
