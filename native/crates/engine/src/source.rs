//! RTP sources (RFC 3550 §3) of a stream: what arrived from each and what was sent of it. At most eight each.

use protocol::{MeasuredQuality, StreamId};
use wire::rtp::Header;

use crate::{moment::Moment, quality, report::Reported};

pub const MOST_SOURCES: usize = 8;

/// The sources of one direction, found by SSRC. The one used last lies beside its stream: it costs no way
/// through memory.
#[derive(Debug)]
pub struct Sources<T> {
    current: Option<T>,
    others: Vec<T>,
    pub forgotten: u64,
}

pub trait Source {
    fn ssrc(&self) -> u32;
    fn last(&self) -> Moment;
}

impl<T: Source> Sources<T> {
    pub fn new() -> Self {
        Sources { current: None, others: Vec::new(), forgotten: 0 }
    }

    /// The one used last comes first.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.current.iter().chain(&self.others)
    }

    pub fn find(&self, ssrc: u32) -> Option<&T> {
        self.iter().find(|source| source.ssrc() == ssrc)
    }

    pub fn find_mut(&mut self, ssrc: u32) -> Option<&mut T> {
        self.current.iter_mut().chain(&mut self.others).find(|source| source.ssrc() == ssrc)
    }

    /// The source of this SSRC; a new one if it is not known, in place of the idlest if there are too many.
    #[inline]
    pub fn entry(&mut self, ssrc: u32, new: impl FnOnce() -> T) -> &mut T {
        if self.current.as_ref().is_none_or(|source| source.ssrc() != ssrc) {
            self.set_aside(ssrc);
        }
        self.current.get_or_insert_with(new)
    }

    /// Makes the source of this SSRC the current one; none if it is not known.
    fn set_aside(&mut self, ssrc: u32) {
        let known = self.others.iter().position(|source| source.ssrc() == ssrc);
        let next = known.map(|at| self.others.swap_remove(at));
        let Some(before) = std::mem::replace(&mut self.current, next) else {
            return;
        };
        if self.others.len() == MOST_SOURCES - 1 {
            self.forgotten += 1;
            let idlest = (0..self.others.len()).min_by_key(|at| self.others[*at].last()).unwrap_or(0);
            self.others[idlest] = before;
        } else {
            self.others.reserve_exact(1);
            self.others.push(before);
        }
    }
}

/// A source as it arrives.
#[derive(Debug)]
pub struct Ingress {
    pub ssrc: u32,
    pub payload_type: u8,
    /// The next packet begins a new measurement: the sequence made a jump.
    jumped_to: Option<u16>,
    pub clock_rate: u32,
    pub packets: u64,
    pub bytes: u64,
    pub last_timestamp: u32,
    cycles: u32,
    base: u16,
    pub highest: u16,
    /// Which of the 64 sequence numbers up to `highest` have been seen.
    seen: u64,
    /// Packets since `base`.
    received: u32,
    duplicates: u32,
    reordered: u32,
    /// Jitter times 16 in clock units (RFC 3550 A.8).
    jitter: u32,
    transit: Option<u32>,
    /// Expected and received before the last jump.
    expected_before: u64,
    received_before: u64,
    first: Moment,
    last: Moment,
}

impl Source for Ingress {
    fn ssrc(&self) -> u32 {
        self.ssrc
    }

    fn last(&self) -> Moment {
        self.last
    }
}

impl Ingress {
    pub fn new(now: Moment, header: &Header) -> Self {
        Ingress {
            ssrc: header.ssrc,
            payload_type: header.payload_type,
            jumped_to: None,
            clock_rate: 0,
            packets: 0,
            bytes: 0,
            last_timestamp: header.timestamp,
            cycles: 0,
            base: header.sequence,
            highest: header.sequence,
            seen: 0,
            received: 0,
            duplicates: 0,
            reordered: 0,
            jitter: 0,
            transit: None,
            expected_before: 0,
            received_before: 0,
            first: now,
            last: now,
        }
    }

    /// Takes in a packet. Telephone events repeat their timestamp, so they tell nothing of jitter.
    pub fn count(&mut self, now: Moment, header: &Header, len: usize, clock_rate: u32, times: bool) {
        self.packets += 1;
        self.bytes += len as u64;
        self.last = now;
        self.last_timestamp = header.timestamp;
        if times {
            self.payload_type = header.payload_type;
            if self.clock_rate != clock_rate {
                self.clock_rate = clock_rate;
                self.transit = None;
            }
            self.measure_jitter(now, header.timestamp);
        }
        self.follow_sequence(header.sequence);
    }

    /// RFC 3550 A.1, except that the first packet counts at once.
    fn follow_sequence(&mut self, sequence: u16) {
        if self.received == 0 {
            (self.received, self.seen) = (1, 1);
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
            self.expected_before += self.expected();
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
        if before_base == 0 || before_base > MOST_MISORDERED || self.expected() > u64::from(MOST_MISORDERED) {
            return;
        }
        if sequence > self.base {
            self.cycles += 1;
        }
        self.base = sequence;
    }

    fn measure_jitter(&mut self, now: Moment, timestamp: u32) {
        if self.clock_rate == 0 {
            return;
        }
        let arrival = (now.us().wrapping_mul(u64::from(self.clock_rate)) / 1_000_000) as u32;
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

    fn expected(&self) -> u64 {
        if self.received == 0 {
            return 0;
        }
        (u64::from(self.cycles) << 16) + u64::from(self.highest) + 1 - u64::from(self.base)
    }

    /// Sequence number with the cycles counted so far.
    pub fn index(&self) -> u64 {
        u64::from(self.cycles) << 16 | u64::from(self.highest)
    }

    /// Since the first packet; jitter in units of the clock.
    pub fn reception(&self) -> Reception {
        Reception {
            expected: self.expected_before + self.expected(),
            received: self.received_before + u64::from(self.received),
            jitter: self.jitter >> 4,
        }
    }

    pub fn measured(&self) -> MeasuredQuality {
        let expected = self.expected_before + self.expected();
        let received = self.received_before + u64::from(self.received);
        let lost = expected.cast_signed() - received.cast_signed();
        let jitter_ms = match self.clock_rate {
            0 => 0.0,
            clock => f64::from(self.jitter) / 16.0 * 1000.0 / f64::from(clock),
        };
        let loss_percent = if expected == 0 { 0.0 } else { lost.max(0) as f64 * 100.0 / expected as f64 };
        let long_enough = self.last.ms_since(self.first) >= 1000;
        MeasuredQuality {
            lost,
            duplicates: u64::from(self.duplicates),
            reordered: u64::from(self.reordered),
            jitter_ms,
            mos: long_enough.then(|| quality::mos(0.0, jitter_ms, loss_percent)),
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub struct Reception {
    pub expected: u64,
    pub received: u64,
    pub jitter: u32,
}

/// A source as it is sent on. Nothing is rewritten, so its quality is that of its arrival.
#[derive(Debug)]
pub struct Egress {
    pub ssrc: u32,
    pub payload_type: u8,
    pub last_sequence: u16,
    pub last_timestamp: u32,
    pub clock_rate: u32,
    /// The stream it comes from.
    pub origin: StreamId,
    pub packets: u64,
    pub bytes: u64,
    last: Moment,
    pub reported: Option<Box<Reported>>,
}

impl Source for Egress {
    fn ssrc(&self) -> u32 {
        self.ssrc
    }

    fn last(&self) -> Moment {
        self.last
    }
}

impl Egress {
    pub fn new(now: Moment, ssrc: u32, origin: StreamId) -> Self {
        Egress {
            ssrc,
            payload_type: 0,
            last_sequence: 0,
            last_timestamp: 0,
            clock_rate: 0,
            origin,
            packets: 0,
            bytes: 0,
            last: now,
            reported: None,
        }
    }

    pub fn count(&mut self, now: Moment, header: &Header, len: usize, clock_rate: u32, times: bool) {
        self.packets += 1;
        self.bytes += len as u64;
        self.last = now;
        self.last_sequence = header.sequence;
        self.last_timestamp = header.timestamp;
        if times {
            self.payload_type = header.payload_type;
            self.clock_rate = clock_rate;
        }
    }
}

/// RFC 3550 A.1: a greater step forward is a new beginning.
const MOST_DROPPED: u16 = 3000;
/// RFC 3550 A.1: how far behind a late packet may be.
const MOST_MISORDERED: u16 = 100;

#[cfg(test)]
#[path = "source_test.rs"]
mod tests;
