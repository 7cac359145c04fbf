//! Tells apart the protocols that share a media port.

/// What a datagram on a media port is, by its first two bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    Stun,
    Zrtp,
    Dtls,
    TurnChannel,
    Rtp,
    Rtcp,
    Other,
}

/// Classifies by the first byte (RFC 7983 §7), and RTP from RTCP by the second (RFC 5761 §4).
pub fn classify(datagram: &[u8]) -> Kind {
    match datagram {
        [0..=3, ..] => Kind::Stun,
        [16..=19, ..] => Kind::Zrtp,
        [20..=63, ..] => Kind::Dtls,
        [64..=79, ..] => Kind::TurnChannel,
        [128..=191, 192..=223, ..] => Kind::Rtcp,
        [128..=191, ..] => Kind::Rtp,
        _ => Kind::Other,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_ranges_of_rfc_7983_are_told_apart() {
        let kinds =
            [0, 3, 4, 16, 19, 20, 63, 64, 79, 80, 127, 128, 191, 192].map(|first| classify(&[first, 0]));
        use Kind::*;
        let expected = [
            Stun,
            Stun,
            Other,
            Zrtp,
            Zrtp,
            Dtls,
            Dtls,
            TurnChannel,
            TurnChannel,
            Other,
            Other,
            Rtp,
            Rtp,
            Other,
        ];
        assert_eq!(kinds, expected);
    }

    #[test]
    fn rtcp_is_known_by_its_packet_type() {
        assert_eq!(classify(&[0x80, 200]), Kind::Rtcp);
        assert_eq!(classify(&[0x81, 207]), Kind::Rtcp);
        // Payload type 0 with the marker bit.
        assert_eq!(classify(&[0x80, 128]), Kind::Rtp);
        // Payload type 96 with the marker bit.
        assert_eq!(classify(&[0x80, 224]), Kind::Rtp);
    }

    #[test]
    fn nothing_is_made_of_an_empty_datagram() {
        assert_eq!(classify(&[]), Kind::Other);
    }

    proptest! {
        #[test]
        fn every_datagram_has_a_kind(datagram in prop::collection::vec(any::<u8>(), 0..8)) {
            let _ = classify(&datagram);
        }
    }
}
