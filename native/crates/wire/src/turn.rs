//! TURN (RFC 8656) over UDP, as a client sees it: attributes of its server's messages, and the two wrappings of data.

use std::{net::SocketAddr, ops::Range};

use md5::{Digest, Md5};

use crate::stun::{
    self, Class, ERROR_CODE, HEADER, INTEGRITY_LENGTH, MAGIC_COOKIE, MESSAGE_INTEGRITY, Message, NONCE,
    NotAuthentic, REALM, TransactionId,
};

pub const ALLOCATE: u16 = 0x003;
pub const REFRESH: u16 = 0x004;
pub const SEND: u16 = 0x006;
pub const DATA: u16 = 0x007;
pub const CREATE_PERMISSION: u16 = 0x008;
pub const CHANNEL_BIND: u16 = 0x009;

pub const CHANNEL_NUMBER: u16 = 0x000c;
pub const LIFETIME: u16 = 0x000d;
pub const XOR_PEER_ADDRESS: u16 = 0x0012;
pub const DATA_ATTRIBUTE: u16 = 0x0013;
pub const XOR_RELAYED_ADDRESS: u16 = 0x0016;
pub const REQUESTED_ADDRESS_FAMILY: u16 = 0x0017;
pub const REQUESTED_TRANSPORT: u16 = 0x0019;

/// Numbers a client may give to channels (RFC 8656 §12).
pub const CHANNELS: Range<u16> = 0x4000..0x5000;
const CHANNEL_HEADER: usize = 4;

/// The attributes a client reads, each the first of its kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Attributes<'a> {
    pub error: Option<u16>,
    pub realm: Option<&'a [u8]>,
    pub nonce: Option<&'a [u8]>,
    /// In seconds.
    pub lifetime: Option<u32>,
    pub relayed: Option<SocketAddr>,
    pub peer: Option<SocketAddr>,
    /// Where in the message data begin, and where they end.
    pub data: Option<(usize, usize)>,
    integrity: Option<usize>,
}

impl<'a> Attributes<'a> {
    pub fn of(message: &Message<'a>) -> Self {
        let mut found = Attributes::default();
        for (kind, at, value) in message.each() {
            if found.integrity.is_some() {
                break;
            }
            match kind {
                ERROR_CODE => found.error = found.error.or_else(|| stun::error_code(value)),
                REALM => found.realm = found.realm.or(Some(value)),
                NONCE => found.nonce = found.nonce.or(Some(value)),
                LIFETIME => {
                    let seconds = || value.try_into().ok().map(u32::from_be_bytes);
                    found.lifetime = found.lifetime.or_else(seconds);
                }
                XOR_RELAYED_ADDRESS => found.relayed = found.relayed.or_else(|| message.address(value)),
                XOR_PEER_ADDRESS => found.peer = found.peer.or_else(|| message.address(value)),
                DATA_ATTRIBUTE => found.data = found.data.or(Some((at + 4, at + 4 + value.len()))),
                MESSAGE_INTEGRITY if value.len() == INTEGRITY_LENGTH => found.integrity = Some(at),
                _ => {}
            }
        }
        found
    }

    /// Checks that the message is of somebody who knows the key.
    pub fn authenticate(&self, message: &Message<'_>, key: &Key) -> Result<(), NotAuthentic> {
        message.prove(self.integrity.ok_or(NotAuthentic)?, key)
    }
}

pub type Key = [u8; 16];

/// The key of long-term credentials (RFC 8489 §9.2.2).
pub fn key(username: &[u8], realm: &[u8], password: &[u8]) -> Key {
    let mut hash = Md5::new();
    for part in [username, b":", realm, b":", password] {
        hash.update(part);
    }
    hash.finalize().into()
}

/// True for a datagram that claims to be a message over a channel.
pub fn is_channel_data(datagram: &[u8]) -> bool {
    datagram.first().is_some_and(|first| (0x40..0x50).contains(first))
}

/// The channel, and where in the datagram its data are.
pub fn parse_channel_data(datagram: &[u8]) -> Option<(u16, Range<usize>)> {
    let &[high, low, length_high, length_low] = datagram.first_chunk::<CHANNEL_HEADER>()?;
    let channel = u16::from_be_bytes([high, low]);
    let end = CHANNEL_HEADER + usize::from(u16::from_be_bytes([length_high, length_low]));
    (CHANNELS.contains(&channel) && end <= datagram.len()).then_some((channel, CHANNEL_HEADER..end))
}

/// Writes data for a channel behind what is in `out`.
pub fn write_channel_data(out: &mut Vec<u8>, channel: u16, data: &[u8]) {
    out.extend_from_slice(&channel.to_be_bytes());
    out.extend_from_slice(&(data.len() as u16).to_be_bytes());
    out.extend_from_slice(data);
}

/// Writes a Send indication behind what is in `out`.
pub fn write_send(out: &mut Vec<u8>, transaction: TransactionId, peer: SocketAddr, data: &[u8]) {
    let (address, length) = stun::masked(peer, &transaction);
    let padding = data.len().next_multiple_of(4) - data.len();
    let total = 4 + length + 4 + data.len() + padding;
    out.reserve(HEADER + total);
    out.extend_from_slice(&stun::joined(Class::Indication, SEND).to_be_bytes());
    out.extend_from_slice(&(total as u16).to_be_bytes());
    out.extend_from_slice(&MAGIC_COOKIE.to_be_bytes());
    out.extend_from_slice(&transaction);
    for (kind, value) in [(XOR_PEER_ADDRESS, &address[..length]), (DATA_ATTRIBUTE, data)] {
        out.extend_from_slice(&kind.to_be_bytes());
        out.extend_from_slice(&(value.len() as u16).to_be_bytes());
        out.extend_from_slice(value);
    }
    out.extend_from_slice(&[0; 3][..padding]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_key_is_that_of_the_rfc() {
        // RFC 8489 §9.2.2.
        let expected =
            [0x84, 0x93, 0xfb, 0xc5, 0x3b, 0xa5, 0x82, 0xfb, 0x4c, 0x04, 0x4c, 0x45, 0x6b, 0xdc, 0x40, 0xeb];
        assert_eq!(key(b"user", b"realm", b"pass"), expected);
    }

    #[test]
    fn a_channel_that_holds_less_than_it_says_is_refused() {
        assert_eq!(parse_channel_data(&[0x40, 0, 0, 2, 1]), None);
        assert_eq!(parse_channel_data(&[0x50, 0, 0, 1, 1]), None);
        assert_eq!(parse_channel_data(&[0x40, 1, 0, 1, 1, 0, 0, 0]), Some((0x4001, 4..5)));
    }

    proptest! {
        #[test]
        fn an_indication_is_read_as_it_was_written(data in proptest::collection::vec(any::<u8>(), 0..1500), port: u16) {
            let peer = SocketAddr::from(([203, 0, 113, 9], port));
            let mut out = Vec::new();
            write_send(&mut out, [7; 12], peer, &data);
            let message = Message::parse_any(&out).unwrap();
            let attributes = Attributes::of(&message);
            prop_assert_eq!((message.class, message.method), (Class::Indication, SEND));
            let (from, to) = attributes.data.unwrap();
            prop_assert_eq!((attributes.peer, &out[from..to]), (Some(peer), &data[..]));
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse_channel_data(&bytes);
            let _ = Message::parse_any(&bytes).map(|message| Attributes::of(&message));
        }
    }
}
