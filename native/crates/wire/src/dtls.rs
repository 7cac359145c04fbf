//! DTLS records (RFC 6347 §4.1, §4.2.2), as far as one has to look at them before a handshake begins.

/// Record header: type, version, epoch, sequence number, length.
pub const RECORD_HEADER: usize = 13;
/// Handshake header: type, length, message sequence, fragment offset, fragment length.
const HANDSHAKE_HEADER: usize = 12;
/// Version of the body, in front of the random.
const BODY_VERSION: usize = 2;
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;

/// The random a client has chosen for one handshake: the same in each repetition of its ClientHello.
pub type ClientRandom = [u8; 32];

/// True if the datagram begins with a DTLS record whose length fits.
pub fn begins_well(datagram: &[u8]) -> bool {
    let Some(header) = datagram.first_chunk::<RECORD_HEADER>() else {
        return false;
    };
    let length = usize::from(u16::from_be_bytes([header[11], header[12]]));
    (20..=25).contains(&header[0])
        && header[1] == 0xfe
        && length > 0
        && length <= datagram.len() - RECORD_HEADER
}

/// A ClientHello, or a fragment of one, at the beginning of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientHello {
    /// `None` if it is in another fragment.
    pub random: Option<ClientRandom>,
}

impl ClientHello {
    /// `None` if the datagram begins with anything else.
    pub fn parse(datagram: &[u8]) -> Option<ClientHello> {
        if !begins_well(datagram) {
            return None;
        }
        let (record, rest) = datagram.split_first_chunk::<RECORD_HEADER>()?;
        let in_the_clear = record[3..5] == [0, 0];
        let (handshake, body) = rest.split_first_chunk::<HANDSHAKE_HEADER>()?;
        if record[0] != HANDSHAKE || !in_the_clear || handshake[0] != CLIENT_HELLO {
            return None;
        }
        let is_first = handshake[6..9] == [0, 0, 0];
        let random = body.get(BODY_VERSION..).and_then(<[u8]>::first_chunk);
        Some(ClientHello { random: random.copied().filter(|_| is_first) })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hello(offset: u8) -> Vec<u8> {
        let mut datagram = vec![HANDSHAKE, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 46];
        datagram.extend([CLIENT_HELLO, 0, 0, 100, 0, 0, 0, 0, offset, 0, 0, 34, 0xfe, 0xfd]);
        datagram.extend([7; 32]);
        datagram
    }

    #[test]
    fn a_client_hello_is_known_by_its_random() {
        assert_eq!(ClientHello::parse(&hello(0)), Some(ClientHello { random: Some([7; 32]) }));
    }

    #[test]
    fn a_later_fragment_has_no_random() {
        assert_eq!(ClientHello::parse(&hello(34)), Some(ClientHello { random: None }));
    }

    #[test]
    fn other_records_are_no_client_hello() {
        let (mut alert, mut encrypted, mut server_hello) = (hello(0), hello(0), hello(0));
        (alert[0], encrypted[4], server_hello[13]) = (21, 1, 2);
        for datagram in [alert, encrypted, server_hello] {
            assert!(begins_well(&datagram));
            assert_eq!(ClientHello::parse(&datagram), None);
        }
    }

    #[test]
    fn a_truncated_record_does_not_begin_well() {
        let datagram = hello(0);
        assert!(!begins_well(&datagram[..datagram.len() - 1]));
    }

    proptest! {
        #[test]
        fn no_datagram_panics(datagram in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = ClientHello::parse(&datagram);
        }
    }
}
