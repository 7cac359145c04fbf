//! What is measured of a source: its sequence (RFC 3550 A.1, A.3) and its jitter (A.8).
//!
//! The kernel measures in just the same way, so a source may go from one to the other with every packet.

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Measurement {
    /// Of the last packet that tells of jitter.
    pub payload_type: u8,
    pub clock_rate: u32,
    /// The next packet begins a new measurement: the sequence made a jump.
    pub jumped_to: Option<u16>,
    pub cycles: u32,
    pub base: u16,
    pub highest: u16,
    /// Which of the 64 sequence numbers up to `highest` have been seen.
    pub seen: u64,
    /// Packets since `base`; 0: the next one sets it.
    pub received: u32,
    pub duplicates: u32,
    pub reordered: u32,
    /// Jitter times 16 in clock units.
    pub jitter: u32,
    pub transit: Option<u32>,
    /// Expected and received before the last jump.
    pub expected_before: u64,
    pub received_before: u64,
}

/// A packet as far as it is measured.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    pub sequence: u16,
    pub timestamp: u32,
    pub payload_type: u8,
    pub clock_rate: u32,
    /// Telephone events repeat their timestamp, so they tell nothing of jitter.
    pub times: bool,
}

impl Measurement {
    /// Takes in a packet that arrived so many microseconds after an arbitrary but fixed moment.
    pub fn take_in(&mut self, now_us: u64, sample: &Sample) {
        if sample.times {
            self.payload_type = sample.payload_type;
            if self.clock_rate != sample.clock_rate {
                self.clock_rate = sample.clock_rate;
                self.transit = None;
            }
            self.measure_jitter(now_us, sample.timestamp);
        }
        self.follow_sequence(sample.sequence);
    }

    /// RFC 3550 A.1, except that the first packet counts at once.
    fn follow_sequence(&mut self, sequence: u16) {
        if self.received == 0 {
            (self.base, self.highest, self.received, self.seen) = (sequence, sequence, 1, 1);
            return;
        }
        let ahead = sequence.wrapping_sub(self.highest);
        if ahead == 0 || ahead > u16::MAX - MOST_MISORDERED {
            self.jumped_to = None;
            self.received += 1;
            self.place_late(self.highest.wrapping_sub(sequence));
            self.begin_at(sequence);
        } else if ahead < MOST_DROPPED {
            self.jumped_to = None;
            self.received += 1;
            if sequence < self.highest {
                self.cycles += 1;
            }
            self.highest = sequence;
            self.seen = self.seen.checked_shl(u32::from(ahead)).unwrap_or(0) | 1;
        } else if self.jumped_to == Some(sequence) {
            // Two in a row: the source began anew.
            self.expected_before += self.expected_since_base();
            self.received_before += u64::from(self.received);
            (self.cycles, self.base, self.highest) = (0, sequence.wrapping_sub(1), sequence);
            (self.received, self.seen, self.jumped_to) = (2, 3, None);
        } else {
            self.jumped_to = Some(sequence.wrapping_add(1));
        }
    }

    fn place_late(&mut self, behind: u16) {
        match 1u64.checked_shl(u32::from(behind)) {
            Some(bit) if self.seen & bit != 0 => self.duplicates += 1,
            Some(bit) => {
                self.seen |= bit;
                self.reordered += 1;
            }
            None => self.reordered += 1,
        }
    }

    /// A packet overtaken by the very first one began the sequence.
    fn begin_at(&mut self, sequence: u16) {
        let before_base = self.base.wrapping_sub(sequence);
        let expected = self.expected_since_base();
        if before_base == 0 || before_base > MOST_MISORDERED || expected > u64::from(MOST_MISORDERED) {
            return;
        }
        if sequence > self.base {
            self.cycles += 1;
        }
        self.base = sequence;
    }

    fn measure_jitter(&mut self, now_us: u64, timestamp: u32) {
        if self.clock_rate == 0 {
            return;
        }
        let arrival = (now_us.wrapping_mul(u64::from(self.clock_rate)) / 1_000_000) as u32;
        let transit = arrival.wrapping_sub(timestamp);
        let before = self.transit.replace(transit);
        let Some(difference) = before.map(|before| (transit.wrapping_sub(before) as i32).unsigned_abs())
        else {
            return;
        };
        // A jump of the timestamps is a new source behind the same SSRC, not jitter.
        if difference < self.clock_rate.saturating_mul(2) {
            self.jitter = (self.jitter + difference).saturating_sub((self.jitter + 8) >> 4);
        }
    }

    fn expected_since_base(&self) -> u64 {
        if self.received == 0 {
            return 0;
        }
        (u64::from(self.cycles) << 16) + u64::from(self.highest) + 1 - u64::from(self.base)
    }

    pub fn expected(&self) -> u64 {
        self.expected_before + self.expected_since_base()
    }

    pub fn received(&self) -> u64 {
        self.received_before + u64::from(self.received)
    }

    pub fn jitter_ms(&self) -> f64 {
        match self.clock_rate {
            0 => 0.0,
            clock => f64::from(self.jitter) / 16.0 * 1000.0 / f64::from(clock),
        }
    }

    /// Sequence number with the cycles counted so far.
    pub fn index(&self) -> u64 {
        u64::from(self.cycles) << 16 | u64::from(self.highest)
    }

    /// Puts together what was measured here and elsewhere since both were like `before`.
    pub fn merge(&mut self, elsewhere: &Measurement, before: &Measurement) {
        if self == before || elsewhere.expected_before != before.expected_before {
            *self = *elsewhere;
            return;
        }
        let mut merged = if elsewhere.index() >= self.index() { *elsewhere } else { *self };
        let since = |now: u32, then: u32| now.saturating_sub(then);
        merged.received = self.received.saturating_add(since(elsewhere.received, before.received));
        merged.duplicates = self.duplicates.saturating_add(since(elsewhere.duplicates, before.duplicates));
        merged.reordered = self.reordered.saturating_add(since(elsewhere.reordered, before.reordered));
        *self = merged;
    }
}

/// RFC 3550 A.1: a greater step forward is a new beginning.
const MOST_DROPPED: u16 = 3000;
/// RFC 3550 A.1: how far behind a late packet may be.
const MOST_MISORDERED: u16 = 100;
