//! What queued sends point to, until they have been submitted.

use std::net::SocketAddr;

use super::{address::RawAddress, ring::SUBMISSIONS};
use crate::{Outbox, SocketIndex};

pub struct Outgoing {
    addresses: Box<[RawAddress]>,
    addresses_used: usize,
    copies: Vec<Copied>,
    copies_queued: usize,
    spare: Vec<Vec<u8>>,
}

struct Copied {
    socket: SocketIndex,
    to: SocketAddr,
    payload: Vec<u8>,
}

impl Outgoing {
    pub fn new() -> Self {
        Self {
            addresses: vec![RawAddress::EMPTY; SUBMISSIONS as usize].into(),
            addresses_used: 0,
            copies: Vec::new(),
            copies_queued: 0,
            spare: Vec::new(),
        }
    }

    pub fn is_full(&self) -> bool {
        self.addresses_used == self.addresses.len()
    }

    /// Keeps an address in place until [`forget_addresses`](Self::forget_addresses).
    pub fn address(&mut self, to: SocketAddr) -> &RawAddress {
        let at = self.addresses_used;
        self.addresses_used += 1;
        self.addresses[at] = RawAddress::new(to);
        &self.addresses[at]
    }

    pub fn copy(&mut self, socket: SocketIndex, to: SocketAddr, payload: &[u8]) {
        let mut copied = self.spare.pop().unwrap_or_default();
        copied.extend_from_slice(payload);
        self.copies.push(Copied { socket, to, payload: copied });
    }

    /// The next copy that has not been queued yet. Its bytes stay in place until [`clear`](Self::clear).
    pub fn next_copy(&mut self) -> Option<(SocketIndex, SocketAddr, *const u8, usize)> {
        let copied = self.copies.get(self.copies_queued)?;
        self.copies_queued += 1;
        Some((copied.socket, copied.to, copied.payload.as_ptr(), copied.payload.len()))
    }

    /// To be called once everything queued has been submitted, though copies may still be in the making.
    pub fn forget_addresses(&mut self) {
        self.addresses_used = 0;
    }

    /// To be called once everything has been submitted.
    pub fn clear(&mut self) {
        self.addresses_used = 0;
        self.copies_queued = 0;
        for mut copied in self.copies.drain(..) {
            copied.payload.clear();
            self.spare.push(copied.payload);
        }
    }
}

/// Takes what a handler sends; the sends are queued when it has returned.
pub struct UringOutbox<'a> {
    pub forwards: &'a mut Vec<(SocketIndex, SocketAddr, usize)>,
    pub outgoing: &'a mut Outgoing,
}

impl Outbox for UringOutbox<'_> {
    fn forward(&mut self, socket: SocketIndex, to: SocketAddr, len: usize) {
        self.forwards.push((socket, to, len));
    }

    fn send(&mut self, socket: SocketIndex, to: SocketAddr, payload: &[u8]) {
        self.outgoing.copy(socket, to, payload);
    }
}
