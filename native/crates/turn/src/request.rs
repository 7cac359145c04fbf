//! Requests: what they ask for, how they are written and repeated.

use std::{fmt, net::SocketAddr, time::Duration};

use wire::{
    stun::{Builder, Class, LONGEST, NONCE, REALM, TransactionId},
    turn::{
        ALLOCATE, CHANNEL_BIND, CHANNEL_NUMBER, CREATE_PERMISSION, Key, LIFETIME, REFRESH,
        REQUESTED_ADDRESS_FAMILY, REQUESTED_TRANSPORT, XOR_PEER_ADDRESS,
    },
};

use crate::Server;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    Allocate,
    Refresh,
    /// Ends an allocation that a call before this one has left on the same port.
    Clear,
    Permit(SocketAddr),
    Bind(SocketAddr, u16),
}

/// What the server has challenged us with, and our answer.
pub struct Login {
    pub realm: Box<[u8]>,
    pub nonce: Box<[u8]>,
    pub key: Key,
}

impl fmt::Debug for Login {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The key is as good as the password.
        formatter.debug_struct("Login").finish_non_exhaustive()
    }
}

/// A request under way.
#[derive(Debug, Clone, Copy)]
pub struct Request {
    pub purpose: Purpose,
    pub transaction: TransactionId,
    /// The server wanted to know who we are, or knew better.
    pub challenges: u8,
    /// It had our credentials with it.
    pub proven: bool,
    tries: u32,
    wait: Duration,
    pub due: Duration,
}

impl Request {
    pub fn new(now: Duration, purpose: Purpose, transaction: TransactionId, proven: bool) -> Self {
        Request { purpose, transaction, challenges: 0, proven, tries: 1, wait: FIRST, due: now + FIRST }
    }

    /// The same, not sent yet.
    pub fn unsent(self, now: Duration) -> Self {
        Request { tries: 0, wait: FIRST / 2, due: now, ..self }
    }

    /// The same, in place of one that had been challenged so many times before.
    pub fn after_challenge(self, challenges: u8) -> Self {
        Request { challenges: challenges + 1, ..self }
    }

    pub fn method(&self) -> u16 {
        match self.purpose {
            Purpose::Allocate => ALLOCATE,
            Purpose::Refresh | Purpose::Clear => REFRESH,
            Purpose::Permit(_) => CREATE_PERMISSION,
            Purpose::Bind(..) => CHANNEL_BIND,
        }
    }

    /// The peer it is about, if it is about one.
    pub fn peer(&self) -> Option<SocketAddr> {
        match self.purpose {
            Purpose::Permit(peer) | Purpose::Bind(peer, _) => Some(peer),
            Purpose::Allocate | Purpose::Refresh | Purpose::Clear => None,
        }
    }

    /// Counts another try; false if there were enough.
    pub fn repeat(&mut self, now: Duration) -> bool {
        self.tries += 1;
        self.wait *= 2;
        self.due = now + self.wait;
        self.tries <= self.most_tries()
    }

    /// Who waits for an address gives up after two seconds; what is had is not given up so quickly.
    fn most_tries(&self) -> u32 {
        match self.purpose {
            Purpose::Allocate | Purpose::Clear => 3,
            Purpose::Refresh | Purpose::Permit(_) | Purpose::Bind(..) => 6,
        }
    }

    /// Writes it; `None` if realm and nonce are too long.
    pub fn write<'a>(
        &self,
        server: &Server,
        login: Option<&Login>,
        buffer: &'a mut [u8; LONGEST],
    ) -> Option<&'a [u8]> {
        let builder = Builder::of(buffer, Class::Request, self.method(), self.transaction);
        let builder = match self.purpose {
            Purpose::Allocate => {
                let builder = builder.other(REQUESTED_TRANSPORT, &[UDP, 0, 0, 0]);
                match server.address {
                    SocketAddr::V4(_) => builder,
                    SocketAddr::V6(_) => builder.other(REQUESTED_ADDRESS_FAMILY, &[IPV6, 0, 0, 0]),
                }
            }
            Purpose::Refresh => builder,
            Purpose::Clear => builder.other(LIFETIME, &[0; 4]),
            Purpose::Permit(peer) => builder.address(XOR_PEER_ADDRESS, peer),
            Purpose::Bind(peer, channel) => {
                let [high, low] = channel.to_be_bytes();
                builder.other(CHANNEL_NUMBER, &[high, low, 0, 0]).address(XOR_PEER_ADDRESS, peer)
            }
        };
        let length = match login {
            None => builder.finish_unproven(),
            Some(login) => builder
                .username([server.username.as_bytes(), b"", b""])
                .other(REALM, &login.realm)
                .other(NONCE, &login.nonce)
                .finish(&login.key),
        }?;
        Some(&buffer[..length])
    }
}

const FIRST: Duration = Duration::from_millis(250);
/// Number of the protocol.
const UDP: u8 = 17;
const IPV6: u8 = 2;
