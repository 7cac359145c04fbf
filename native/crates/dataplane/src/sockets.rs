//! The sockets of a shard: bound for the locals of plans, and kept while their ports rest.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use engine::{BoundSockets, SocketId};
use netio::{
    PacketIo, SocketIndex,
    kept::{Kept, KeptPair},
    pools::{BindError, Bound, Lease, Wanted},
    ports::Span,
};
use protocol::{ErrorCode, LocalPlan, PortSpan};

use crate::shared::Shared;

pub struct Sockets {
    shared: Arc<Shared>,
    /// What each socket holds, by socket number.
    held: Vec<Option<Held>>,
    kept: Kept,
    started: Instant,
}

#[derive(Debug, Clone, Copy)]
struct Held {
    lease: Lease,
    tos: u8,
}

impl Sockets {
    /// Keeps at most so many pairs of sockets open between two calls.
    pub fn new(shared: Arc<Shared>, most_kept: usize, started: Instant) -> Self {
        let [one, other] = shared.pools.seed();
        Self { kept: Kept::new(most_kept, [!one, other]), shared, held: Vec::new(), started }
    }

    /// Binds sockets for all of these, or for none.
    pub fn bind_all(
        &mut self,
        io: &mut impl PacketIo,
        now: Instant,
        locals: &[LocalPlan],
        tos: u8,
    ) -> Result<Vec<BoundSockets>, ErrorCode> {
        let mut new = Vec::with_capacity(locals.len());
        for local in locals {
            match self.bind(io, now, local, tos) {
                Ok(bound) => new.push(bound),
                Err(error) => {
                    self.release(io, now, all_of(&new));
                    return Err(error);
                }
            }
        }
        Ok(new)
    }

    /// Gives sockets back. Pairs stay open while their ports rest, if there is room for them.
    pub fn release(
        &mut self,
        io: &mut impl PacketIo,
        now: Instant,
        sockets: impl IntoIterator<Item = SocketId>,
    ) {
        let mut released: Vec<(SocketIndex, Held)> =
            sockets.into_iter().filter_map(|socket| self.let_go(socket)).collect();
        released.sort_unstable_by_key(|(_, held)| (held.lease.pool, held.lease.port));
        let mut rest = released.as_slice();
        while let Some((first, behind)) = rest.split_first() {
            rest = match behind.split_first() {
                Some((second, behind)) if self.keep(now, *first, *second) => behind,
                _ => {
                    self.close(io, now, first.0, first.1.lease);
                    behind
                }
            };
        }
    }

    pub fn set_tos(&mut self, io: &mut impl PacketIo, socket: SocketId, tos: u8) -> std::io::Result<()> {
        io.set_tos(SocketIndex(socket.0), tos)?;
        if let Some(Some(held)) = self.held.get_mut(socket.0 as usize) {
            held.tos = tos;
        }
        Ok(())
    }

    /// When kept sockets have to be looked after.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.kept.oldest().map(|oldest| oldest + KEPT_FOR)
    }

    /// Closes sockets that nobody has wanted for long.
    pub fn handle_timeout(&mut self, io: &mut impl PacketIo, now: Instant) {
        for _ in 0..CLOSED_AT_ONCE {
            let Some(pair) = self.kept.take_idle(now, KEPT_FOR) else { break };
            self.close_pair(io, now, pair);
        }
    }

    fn bind(
        &mut self,
        io: &mut impl PacketIo,
        now: Instant,
        local: &LocalPlan,
        tos: u8,
    ) -> Result<BoundSockets, ErrorCode> {
        let span = match local.span {
            PortSpan::Pair => Span::Pair,
            PortSpan::Single => Span::Single,
        };
        let wanted =
            Wanted { interface: &local.interface, address: local.address, port: local.port, span, tos };
        if let Some(KeptPair { lease, rtp, rtcp, .. }) = self.reuse(io, now, wanted) {
            self.hold(rtp, Held { lease, tos });
            self.hold(rtcp, Held { lease: Lease { port: lease.port + 1, ..lease }, tos });
            let (rtp, rtcp) = (SocketId(rtp.0), Some(SocketId(rtcp.0)));
            return Ok(BoundSockets { local: local.id, port: lease.port, rtp, rtcp });
        }
        if local.port.is_some() {
            self.settle(io)?;
        }
        let bound = match self.bind_patiently(now, wanted) {
            Err(BindError::OutOfSockets(_)) if self.kept.oldest().is_some() => {
                self.close_kept(io, now);
                self.settle(io)?;
                self.bind_patiently(now, wanted)
            }
            result => result,
        };
        let bound = bound.map_err(|error| self.refusal(error, local))?;
        let port = bound.port;
        let rtcp_lease = bound.rtcp.as_ref().map(|(lease, _)| *lease);
        let rtp = match self.attach(io, now, bound.rtp, tos) {
            Ok(rtp) => rtp,
            Err(error) => {
                rtcp_lease.into_iter().for_each(|lease| self.shared.pools.release(now, lease));
                return Err(error);
            }
        };
        let rtcp = match bound.rtcp.map(|rtcp| self.attach(io, now, rtcp, tos)).transpose() {
            Ok(rtcp) => rtcp,
            Err(error) => {
                self.release(io, now, [rtp]);
                return Err(error);
            }
        };
        Ok(BoundSockets { local: local.id, port, rtp, rtcp })
    }

    /// A kept pair, for a local that may have any pair of ports.
    fn reuse(&mut self, io: &mut impl PacketIo, now: Instant, wanted: Wanted<'_>) -> Option<KeptPair> {
        let (pool, rest) = self.shared.pools.pool_of(wanted).ok()?;
        if let Some(port) = wanted.port {
            // To be had by binding, like any other port.
            let in_the_way = self.kept.take_port(pool, port);
            in_the_way.into_iter().for_each(|pair| self.close_pair(io, now, pair));
            return None;
        }
        if wanted.span == Span::Single {
            return None;
        }
        while let Some(pair) = self.kept.take(now, pool, rest) {
            if self.shared.pools.take_kept(pair.lease) && has_tos(io, pair, wanted.tos) {
                return Some(pair);
            }
            self.close_pair(io, now, pair);
        }
        None
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
        io: &mut impl PacketIo,
        now: Instant,
        (lease, socket): (Lease, std::os::fd::OwnedFd),
        tos: u8,
    ) -> Result<SocketId, ErrorCode> {
        let index = io.attach(socket).map_err(|error| {
            self.shared.pools.release(now, lease);
            self.shared.incident(&format!("attaching a socket: {error}"))
        })?;
        self.hold(index, Held { lease, tos });
        Ok(SocketId(index.0))
    }

    fn hold(&mut self, SocketIndex(index): SocketIndex, held: Held) {
        if self.held.len() <= index as usize {
            self.held.resize(index as usize + 1, None);
        }
        self.held[index as usize] = Some(held);
    }

    fn let_go(&mut self, SocketId(index): SocketId) -> Option<(SocketIndex, Held)> {
        let held = self.held.get_mut(index as usize)?.take()?;
        Some((SocketIndex(index), held))
    }

    /// False if these are no pair, or there is no room.
    fn keep(&mut self, now: Instant, rtp: (SocketIndex, Held), rtcp: (SocketIndex, Held)) -> bool {
        let (Held { lease, tos }, other) = (rtp.1, rtcp.1);
        let is_pair = lease.port.is_multiple_of(2)
            && other.lease == Lease { port: lease.port + 1, ..lease }
            && other.tos == tos;
        let is_kept = is_pair && self.kept.has_room() && self.shared.pools.keep(lease);
        if is_kept {
            self.kept.keep(now, KeptPair { lease, rtp: rtp.0, rtcp: rtcp.0, tos });
        }
        is_kept
    }

    fn close_kept(&mut self, io: &mut impl PacketIo, now: Instant) {
        while let Some(pair) = self.kept.take_idle(now, Duration::ZERO) {
            self.close_pair(io, now, pair);
        }
    }

    fn close_pair(&mut self, io: &mut impl PacketIo, now: Instant, pair: KeptPair) {
        let KeptPair { lease, rtp, rtcp, .. } = pair;
        self.close(io, now, rtp, lease);
        self.close(io, now, rtcp, Lease { port: lease.port + 1, ..lease });
    }

    fn close(&mut self, io: &mut impl PacketIo, now: Instant, socket: SocketIndex, lease: Lease) {
        io.detach(socket);
        self.shared.pools.release(now, lease);
    }

    fn settle(&self, io: &mut impl PacketIo) -> Result<(), ErrorCode> {
        io.settle().map_err(|error| self.shared.incident(&format!("closing sockets: {error}")))
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

/// The sockets of these locals.
pub fn all_of(bound: &[BoundSockets]) -> impl Iterator<Item = SocketId> {
    bound.iter().flat_map(|bound| [Some(bound.rtp), bound.rtcp]).flatten()
}

fn has_tos(io: &mut impl PacketIo, pair: KeptPair, tos: u8) -> bool {
    pair.tos == tos || [pair.rtp, pair.rtcp].into_iter().all(|socket| io.set_tos(socket, tos).is_ok())
}

/// How long after our start ports may still be held by the process before us, or by its ring, which the kernel may
/// end later.
const AFTER_A_CRASH: Duration = Duration::from_millis(500);
/// Longer than ports rest.
const KEPT_FOR: Duration = Duration::from_secs(30);
/// Packets get their turn before more are closed.
const CLOSED_AT_ONCE: usize = 32;
