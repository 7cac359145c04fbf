//! Telephone events (RFC 4733 §2.3).

/// The payload of a telephone-event packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TelephoneEvent {
    /// 0 to 9, 10 `*`, 11 `#`, 12 to 15 `A` to `D`; others are tones and signals.
    pub event: u8,
    pub end: bool,
    /// Decibels below 0 dBm0, 0 to 63.
    pub volume: u8,
    /// In units of the RTP clock, since the start of the event.
    pub duration: u16,
}

impl TelephoneEvent {
    /// Reads the first event of a payload; `None` if it is too short.
    pub fn parse(payload: &[u8]) -> Option<TelephoneEvent> {
        let [event, flags, d0, d1] = *payload.first_chunk::<4>()?;
        let duration = u16::from_be_bytes([d0, d1]);
        Some(TelephoneEvent { event, end: flags & 0x80 != 0, volume: flags & 0x3f, duration })
    }

    pub fn to_bytes(self) -> [u8; 4] {
        let [d0, d1] = self.duration.to_be_bytes();
        [self.event, u8::from(self.end) << 7 | (self.volume & 0x3f), d0, d1]
    }

    /// The key of a telephone, `None` for other events.
    pub fn digit(self) -> Option<char> {
        b"0123456789*#ABCD".get(usize::from(self.event)).map(|byte| char::from(*byte))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_end_of_a_hash_is_read() {
        let event = TelephoneEvent::parse(&[11, 0x8a, 0x03, 0x20]).unwrap();
        assert_eq!(event, TelephoneEvent { event: 11, end: true, volume: 10, duration: 800 });
        assert_eq!(event.digit(), Some('#'));
        assert_eq!(TelephoneEvent::parse(&[11, 0x8a, 0x03]), None);
    }

    proptest! {
        #[test]
        fn events_survive_the_wire(event: u8, end: bool, volume in 0u8..64, duration: u16) {
            let before = TelephoneEvent { event, end, volume, duration };
            prop_assert_eq!(TelephoneEvent::parse(&before.to_bytes()), Some(before));
        }

        #[test]
        fn no_payload_panics(payload in prop::collection::vec(any::<u8>(), 0..8)) {
            let _ = TelephoneEvent::parse(&payload).and_then(TelephoneEvent::digit);
        }
    }
}
