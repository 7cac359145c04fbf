//! The peers the server relays for us, and how.

use std::{net::SocketAddr, time::Duration};

use wire::turn::CHANNELS;

#[derive(Debug)]
pub struct Peer {
    pub address: SocketAddr,
    /// The number of its channel. `None`: the server takes no channel for it, or another peer has the number.
    pub channel: Option<u16>,
    pub standing: Standing,
    /// When data last came or went.
    pub used: Duration,
    /// When the server has to be asked again.
    pub due: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Asked for; data go as indications.
    Asked,
    Permitted,
    /// Data go over the channel.
    Bound,
    /// The server does not relay there.
    Refused,
}

/// The number a channel to this peer has. It follows from the address, so that data are understood that come over a
/// channel from before a restart.
pub fn channel_of(address: SocketAddr) -> u16 {
    let mut hash: u32 = 0x811c_9dc5;
    let mut add = |octet: u8| hash = (hash ^ u32::from(octet)).wrapping_mul(0x0100_0193);
    match address.ip() {
        std::net::IpAddr::V4(ip) => ip.octets().into_iter().for_each(&mut add),
        std::net::IpAddr::V6(ip) => ip.octets().into_iter().for_each(&mut add),
    }
    address.port().to_be_bytes().into_iter().for_each(&mut add);
    let count = u32::from(CHANNELS.end - CHANNELS.start);
    CHANNELS.start + ((hash ^ hash >> 16) % count) as u16
}

/// A permission lasts 300 s (RFC 8656 §9), a channel 600 s; binding a channel renews both.
pub const RENEW: Duration = Duration::from_secs(240);
/// A peer without data for so long is let go.
pub const IDLE: Duration = Duration::from_secs(300);
/// So long a refusal, or silence, is taken as it is.
pub const ASK_AGAIN: Duration = Duration::from_secs(30);
pub const MOST_PEERS: usize = 64;
