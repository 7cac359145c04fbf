//! Packet indices: the roll-over counter, and which indices have been seen.

/// Width of the replay window in packets (RFC 3711 §3.3.2 asks for at least 64).
const WINDOW: u64 = 128;
/// One past the highest RTP index: 2^32 cycles of 2^16 (RFC 3711 §3.3.1).
const END: u64 = 1 << 48;

/// Guesses the 48-bit index of a sequence number from the highest index so far (RFC 3711 §3.3.1, appendix A).
pub fn estimate(highest: u64, sequence: u16) -> u64 {
    let roc = highest >> 16;
    let last = highest & 0xffff;
    let sequence = u64::from(sequence);
    let cycle = if last < 0x8000 {
        if sequence > last + 0x8000 { roc.saturating_sub(1) } else { roc }
    } else if sequence + 0x8000 < last {
        roc + 1
    } else {
        roc
    };
    // A packet that seems to come from before the first cycle can only belong to the first one.
    if roc == 0 && cycle == 0 { sequence } else { cycle << 16 | sequence }
}

/// Highest index of one source and the packets seen just below it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Index {
    highest: u64,
    /// Bit n: `highest - n` has been seen. Zero: nothing yet.
    seen: u128,
}

impl Index {
    /// Continues at an index known from elsewhere; everything up to it counts as seen.
    pub fn resumed(highest: u64) -> Self {
        Self { highest, seen: u128::MAX }
    }

    /// Starts in a given cycle without a packet so far.
    pub fn in_cycle(roc: u32) -> Self {
        Self { highest: u64::from(roc) << 16, seen: 0 }
    }

    pub fn highest(&self) -> u64 {
        self.highest
    }

    /// True once a packet has been seen.
    pub fn started(&self) -> bool {
        self.seen != 0
    }

    /// The index a packet with this sequence number has, `None` beyond the last one of the key.
    pub fn of(&self, sequence: u16) -> Option<u64> {
        if !self.started() {
            return Some(self.highest & !0xffff | u64::from(sequence));
        }
        Some(estimate(self.highest, sequence)).filter(|index| *index < END)
    }

    /// True if the index may still come: not seen, not below the window.
    pub fn is_fresh(&self, index: u64) -> bool {
        if !self.started() || index > self.highest {
            return true;
        }
        let behind = self.highest - index;
        behind < WINDOW && self.seen & (1 << behind) == 0
    }

    /// Takes a packet in. Only for packets that were authenticated, or that are our own.
    pub fn commit(&mut self, index: u64) {
        if !self.started() || index > self.highest {
            let ahead = index.saturating_sub(self.highest);
            self.seen = if self.started() && ahead < WINDOW { self.seen << ahead | 1 } else { 1 };
            self.highest = index;
        } else if self.highest - index < WINDOW {
            self.seen |= 1 << (self.highest - index);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_index_that_wraps_enters_the_next_cycle_and_late_packets_stay_in_the_old_one() {
        let mut index = Index::default();
        index.commit(index.of(65_534).unwrap());
        index.commit(index.of(65_535).unwrap());
        assert_eq!(index.of(1), Some(65_537));
        index.commit(65_537);
        assert_eq!(index.of(65_535), Some(65_535), "late packet");
        assert!(!index.is_fresh(65_535));
        assert!(index.is_fresh(65_536));
    }

    #[test]
    fn a_packet_below_the_window_is_refused() {
        let mut index = Index::default();
        index.commit(1_000);
        assert!(index.is_fresh(1_000 - (WINDOW - 1)));
        assert!(!index.is_fresh(1_000 - WINDOW));
    }

    #[test]
    fn the_first_packet_of_a_source_may_have_any_sequence_number() {
        assert_eq!(Index::default().of(60_000), Some(60_000));
        assert_eq!(Index::in_cycle(3).of(60_000), Some(3 << 16 | 60_000));
    }

    #[test]
    fn the_last_index_of_a_key_is_the_end() {
        let mut index = Index::in_cycle(u32::MAX);
        index.commit(END - 1);
        assert_eq!(index.of(0), None);
    }

    proptest! {
        #[test]
        fn estimation_follows_a_64_bit_reference(
            start in 0u64..200_000,
            steps in prop::collection::vec(-100i64..20_000, 1..200),
        ) {
            let mut reference = start as i64;
            let mut index = Index::in_cycle((start >> 16) as u32);
            index.commit(start);
            for step in steps {
                // Reordering is bounded by what a receiver can tell apart: half a cycle.
                let next = (index.highest() as i64 + step).max(0);
                reference = reference.max(next);
                let estimated = index.of(next as u16).unwrap();
                prop_assert_eq!(estimated, next as u64);
                index.commit(estimated);
                prop_assert_eq!(index.highest(), reference as u64);
                prop_assert!(!index.is_fresh(estimated));
            }
        }

        #[test]
        fn each_index_is_accepted_at_most_once(sequence in prop::collection::vec(0u64..400, 1..400)) {
            let mut index = Index::default();
            let mut accepted = std::collections::BTreeSet::new();
            for candidate in sequence {
                if index.is_fresh(candidate) {
                    prop_assert!(accepted.insert(candidate));
                    index.commit(candidate);
                }
            }
        }
    }
}
