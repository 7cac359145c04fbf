//! RTP sources (RFC 3550 §3) of a stream: what arrived from each and what was sent of it. At most eight each.

use protocol::{MeasuredQuality, StreamId};
use wire::rtp::Header;

use crate::{
    measurement::{Measurement, Sample},
    moment::Moment,
    quality,
    report::Reported,
};

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

    /// The one heard last.
    pub fn latest(&self) -> Option<&T> {
        self.iter().max_by_key(|source| source.last())
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
    pub packets: u64,
    pub bytes: u64,
    pub last_timestamp: u32,
    pub measurement: Measurement,
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
        let mut source = Ingress::unheard(now, header.ssrc);
        source.measurement.payload_type = header.payload_type;
        source
    }

    /// A source nothing has come from yet.
    pub fn unheard(now: Moment, ssrc: u32) -> Self {
        Ingress {
            ssrc,
            packets: 0,
            bytes: 0,
            last_timestamp: 0,
            measurement: Measurement::default(),
            first: now,
            last: now,
        }
    }

    /// Takes in a packet. Telephone events repeat their timestamp, so they tell nothing of jitter.
    pub fn count(&mut self, now: Moment, header: &Header, len: usize, clock_rate: u32, times: bool) {
        self.add(now, 1, len as u64);
        self.last_timestamp = header.timestamp;
        let Header { sequence, timestamp, payload_type, .. } = *header;
        let sample = Sample { sequence, timestamp, payload_type, clock_rate, times };
        self.measurement.take_in(now.us(), &sample);
    }

    /// Counts packets without measuring them; `last` is when the last one came.
    pub fn add(&mut self, last: Moment, packets: u64, bytes: u64) {
        self.packets += packets;
        self.bytes += bytes;
        self.last = self.last.max(last);
    }

    /// Sequence number with the cycles counted so far.
    pub fn index(&self) -> u64 {
        self.measurement.index()
    }

    /// Since the first packet; jitter in units of the clock.
    pub fn reception(&self) -> Reception {
        Reception {
            expected: self.measurement.expected(),
            received: self.measurement.received(),
            jitter: self.measurement.jitter >> 4,
        }
    }

    pub fn measured(&self) -> MeasuredQuality {
        let (expected, received) = (self.measurement.expected(), self.measurement.received());
        let lost = expected.cast_signed() - received.cast_signed();
        let jitter_ms = self.measurement.jitter_ms();
        let loss_percent = if expected == 0 { 0.0 } else { lost.max(0) as f64 * 100.0 / expected as f64 };
        let long_enough = self.last.ms_since(self.first) >= 1000;
        MeasuredQuality {
            lost,
            duplicates: u64::from(self.measurement.duplicates),
            reordered: u64::from(self.measurement.reordered),
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

    /// Counts packets that were sent elsewhere, the last of them then and like this.
    pub fn add(&mut self, at: Moment, packets: u64, bytes: u64) {
        self.packets += packets;
        self.bytes += bytes;
        self.last = self.last.max(at);
    }
}

#[cfg(test)]
#[path = "source_test.rs"]
mod tests;
