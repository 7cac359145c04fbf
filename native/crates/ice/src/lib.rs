//! ICE (RFC 8445) for one component, without sockets, clock and randomness of its own.
//!
//! An [`Agent`] answers the checks of its peer, makes its own, and says which pair of addresses is good. Our candidates
//! are the addresses of our ports and of relays; gathering is the caller's. Time is a `Duration` since any point of the caller's.
//!
//! What it believes, and whom:
//!
//! - Only messages that prove knowledge of the right password change anything; others are refused, unanswered.
//! - A pair is valid when a check of ours was answered from where it went to. That holds for thirty seconds; while it
//!   is in use it is proven again every five (RFC 7675).
//! - There is no freezing: pairs of different foundations and components are checked side by side, as browsers do it.

#![forbid(unsafe_code)]

mod agent;
mod candidate;
mod consent;
mod pair;
mod random;
mod request;
mod response;
mod schedule;

use std::{net::SocketAddr, time::Duration};

pub use agent::{Agent, State, Target};
pub use candidate::{Candidate, Kind};

/// What our agent is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// 1 for RTP, 2 for RTCP.
    pub component: u8,
    pub local: Credentials,
    pub role: Role,
    /// We only answer checks.
    pub lite: bool,
    pub tie_breaker: u64,
    /// Transaction identifiers are made of it.
    pub seed: u64,
}

#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    pub ufrag: Box<str>,
    pub pwd: Box<str>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Passwords never reach a log.
        formatter.debug_struct("Credentials").field("ufrag", &self.ufrag).finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Decides which pair is used.
    Controlling,
    Controlled,
}

impl Role {
    pub fn other(self) -> Role {
        match self {
            Role::Controlling => Role::Controlled,
            Role::Controlled => Role::Controlling,
        }
    }
}

/// What signalling says of the peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    pub credentials: Credentials,
    /// The peer only answers checks.
    pub lite: bool,
}

/// One of our ports, by a number of the caller's; or an address at which a relay has one for us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Base {
    pub id: u32,
    pub address: SocketAddr,
    /// `Host` or `Relayed`.
    pub kind: Kind,
}

/// Takes what is to be sent: from which base, where to, and what.
pub type Transmit<'a> = dyn FnMut(u32, SocketAddr, &[u8]) + 'a;

/// A message that does not prove to be from the peer, or answers nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused;

/// Time between two checks (RFC 8445 §14.2).
pub const TA: Duration = Duration::from_millis(50);
