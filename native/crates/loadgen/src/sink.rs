//! The receiving side: counts what arrives per phase and stream, and checks its order.

use crate::frame;
use crate::histogram::Histogram;
use crate::packet_socket::Ring;
use anyhow::Result;
use std::sync::atomic::{AtomicBool, Ordering};

#[derive(Clone, Copy, Default)]
pub struct StreamCount {
    pub received: u32,
    pub reordered: u32,
    pub duplicated: u32,
    pub encrypted: u32,
    /// Time of the first arrival, zero if there was none.
    pub first_ns: u64,
    pub next: u32,
}

pub struct Received {
    pub streams: Vec<StreamCount>,
    pub latency: Histogram,
}

impl Received {
    fn new(streams: usize) -> Self {
        Self { streams: vec![StreamCount::default(); streams], latency: Histogram::new() }
    }

    fn count(&mut self, mark: frame::Mark, is_encrypted: bool, at_ns: u64) {
        let Some(stream) = self.streams.get_mut(mark.stream as usize) else { return };
        if stream.received == 0 {
            stream.first_ns = at_ns;
        }
        stream.received += 1;
        stream.encrypted += u32::from(is_encrypted);
        if mark.sequence + 1 == stream.next {
            stream.duplicated += 1;
        } else if mark.sequence < stream.next {
            stream.reordered += 1;
        }
        stream.next = stream.next.max(mark.sequence + 1);
        self.latency.record(at_ns.saturating_sub(mark.sent_ns));
    }
}

pub struct Tally {
    pub phases: Vec<Received>,
    /// Frames that came too fast for the sink itself: not the proxy's fault.
    pub overrun: u32,
}

/// Counts until told to stop, and then until nothing is left in the ring.
pub fn run(mut ring: Ring, phases: usize, streams: usize, stop: &AtomicBool) -> Result<Tally> {
    let mut received: Vec<Received> = (0..phases).map(|_| Received::new(streams)).collect();
    loop {
        let last = stop.load(Ordering::Acquire);
        ring.receive(50, |bytes, at_ns| {
            let Some(mark) = frame::mark(bytes) else { return };
            if let Some(phase) = received.get_mut(mark.phase as usize) {
                phase.count(mark, frame::is_encrypted(bytes), at_ns);
            }
        });
        if last {
            return Ok(Tally { phases: received, overrun: ring.dropped()? });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Mark;

    fn count(sequences: &[u32]) -> StreamCount {
        let mut received = Received::new(1);
        for &sequence in sequences {
            received.count(Mark { stream: 0, phase: 0, sequence, sent_ns: 0 }, false, 5);
        }
        received.streams[0]
    }

    #[test]
    fn packets_in_order_are_only_counted() {
        let counted = count(&[0, 1, 2, 5]);
        assert_eq!((counted.received, counted.reordered, counted.duplicated), (4, 0, 0));
        assert_eq!(counted.first_ns, 5);
    }

    #[test]
    fn late_and_repeated_packets_are_told_apart() {
        let counted = count(&[0, 2, 1, 3, 3]);
        assert_eq!((counted.received, counted.reordered, counted.duplicated), (5, 1, 1));
    }
}
