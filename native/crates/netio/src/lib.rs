//! Sockets: which ports, and how packets get in and out.
//!
//! All unsafe code of the data plane lives in this crate.

pub mod kept;
pub mod mmsg;
pub mod pools;
pub mod ports;
pub mod probe;
pub mod process;
pub mod signals;
pub mod socket;
pub mod uring;
pub mod wake;

use std::{
    io,
    net::SocketAddr,
    os::fd::{BorrowedFd, OwnedFd},
    time::Duration,
};

/// Names an attached UDP socket: a dense index, used again after the socket is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SocketIndex(pub u32);

/// Names another file whose readiness the loop reports; chosen by the caller, small.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Token(pub u32);

/// What a watched file is watched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interest {
    Readable,
    Writable,
    Both,
}

/// Where a packet came in and from whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    pub socket: SocketIndex,
    pub from: SocketAddr,
}

/// A received datagram: `buffer[..len]`, with tail room behind.
#[derive(Debug)]
pub struct Packet<'a> {
    pub buffer: &'a mut [u8],
    pub len: usize,
}

/// Where packets to be sent go.
pub trait Outbox {
    /// Sends the packet being handled: the first `len` bytes of its buffer, as they are when the handler returns.
    fn forward(&mut self, socket: SocketIndex, to: SocketAddr, len: usize);
    /// Sends other bytes, copied at once.
    fn send(&mut self, socket: SocketIndex, to: SocketAddr, payload: &[u8]);
}

/// What is done with each packet.
pub trait Handler {
    fn handle(&mut self, arrival: Arrival, packet: &mut Packet<'_>, out: &mut impl Outbox);
}

/// What went wrong underneath, since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct IoCounters {
    /// Packets the kernel did not take.
    pub send_failures: u64,
    /// Datagrams larger than a buffer, dropped.
    pub truncated: u64,
}

/// Moves packets between UDP sockets and a handler, and watches a few other files on the side.
///
/// One thread owns it and calls [`wait`](Self::wait) and [`receive`](Self::receive) in turn.
pub trait PacketIo: Sized {
    /// Takes over a bound, nonblocking UDP socket.
    fn attach(&mut self, socket: OwnedFd) -> io::Result<SocketIndex>;
    /// Closes a socket. Packets of it that have not been handled are lost.
    fn detach(&mut self, socket: SocketIndex);
    /// Makes sure that sockets detached so far are closed, so that their ports can be bound again.
    fn settle(&mut self) -> io::Result<()>;
    /// Sets the type-of-service byte of packets sent.
    fn set_tos(&mut self, socket: SocketIndex, tos: u8) -> io::Result<()>;

    /// Reports when the file is ready, again and again as long as it is. Watching a token anew changes it.
    fn watch(&mut self, token: Token, file: BorrowedFd<'_>, interest: Interest) -> io::Result<()>;
    /// Stops that; to be called before the file is closed.
    fn unwatch(&mut self, token: Token);

    /// Sends what is due and waits for something to do, at most for `timeout`.
    fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()>;
    /// Handles what has arrived, a bounded number of packets; adds the tokens of files that are ready.
    fn receive(&mut self, handler: &mut impl Handler, ready: &mut Vec<Token>) -> io::Result<()>;
    /// Sends what is due at once, and tells which sockets have packets that have arrived and were not handled.
    fn unhandled(&mut self) -> io::Result<Vec<SocketIndex>>;
    /// Sends without a packet at hand. May lie until the next [`wait`](Self::wait).
    fn send(&mut self, socket: SocketIndex, to: SocketAddr, payload: &[u8]);

    fn counters(&self) -> IoCounters;
}

/// Size of a packet buffer. Larger datagrams are dropped; media stays below the usual MTU of 1,500.
pub const BUFFER_SIZE: usize = 2048;
