//! A TURN client (RFC 8656) over UDP for one port, without sockets, clock and randomness of its own.
//!
//! A [`Client`] gets a relayed address from its server and keeps it, with a channel or a permission for each peer that
//! is sent to. Time is a `Duration` since any point of the caller's.
//!
//! What it believes, and whom:
//!
//! - Responses count only if they answer a request under way, and after the first challenge only with the proof that
//!   the server knows our key. Refusals need no such proof (servers leave it out), but the request's random number.
//! - Data are as trustworthy as a datagram from the server's address: whoever takes them has to look further.

#![forbid(unsafe_code)]

mod client;
mod peer;
mod random;
mod request;

use std::{fmt, net::SocketAddr, ops::Range};

pub use client::Client;

/// Whom to ask, and as whom.
#[derive(Clone, PartialEq, Eq)]
pub struct Server {
    pub address: SocketAddr,
    pub username: Box<str>,
    pub password: Box<str>,
}

impl fmt::Debug for Server {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Passwords never reach a log.
        formatter.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The server has not said yes or no.
    Asking,
    /// Peers reach us at this address of the server.
    Granted(SocketAddr),
    /// There is no such address, or none any more.
    Failed(Failure),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The server does not answer.
    Silent,
    /// It has refused with this code.
    Refused(u16),
    /// Its answer makes no sense.
    Senseless,
    /// There is none.
    Unconfigured,
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Silent => formatter.write_str("the server does not answer"),
            Failure::Refused(401) => formatter.write_str("refused: wrong user name or password (401)"),
            Failure::Refused(437) => formatter.write_str("refused: the server has no such allocation (437)"),
            Failure::Refused(486) => formatter.write_str("refused: allocation quota reached (486)"),
            Failure::Refused(508) => formatter.write_str("refused: insufficient capacity (508)"),
            Failure::Refused(code) => write!(formatter, "refused ({code})"),
            Failure::Unconfigured => formatter.write_str("no server is configured"),
            Failure::Senseless => formatter.write_str("the server's answer makes no sense"),
        }
    }
}

/// What a datagram of the server was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming {
    /// This part of it is from a peer.
    Data { from: SocketAddr, range: Range<usize> },
    /// For the client itself.
    Taken,
    /// Nothing that makes sense.
    Junk,
}

/// Takes what is to be sent to the server.
pub type Transmit<'a> = dyn FnMut(&[u8]) + 'a;
