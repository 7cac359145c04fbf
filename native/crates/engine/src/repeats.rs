//! Packets that go in a circle: SDP can lead a stream's packets back to the proxy's own ports, directly or by way of
//! another one, where a few packets would keep a processor busy for good. No sender repeats itself so often.
//!
//! One packet is watched for, the anchor, for twice as many packets each time it does not come back: so circles of any
//! length are found. One that has come back often enough hands over to the packet before it, and that to the next. In a
//! circle each of them comes back; among genuine packets with some that repeat, one does not.

use crate::moment::Moment;

/// What is watched for on one half of a stream.
#[derive(Debug, Default)]
pub struct Repeats {
    /// When the anchor was chosen, or came back.
    since: Option<Moment>,
    anchor: u32,
    last: u32,
    /// Packets since then, and with how many the anchor has to be among them.
    packets: u16,
    window: u16,
    /// How often in a row an anchor has come back.
    returns: u8,
}

impl Repeats {
    /// Takes note of a packet; true if it goes in a circle.
    #[inline]
    pub fn is_circle(&mut self, now: Moment, datagram: &[u8]) -> bool {
        let mark = mark(datagram);
        let before = std::mem::replace(&mut self.last, mark);
        self.packets += 1;
        if mark == self.anchor {
            return self.has_returned(now, before);
        }
        if self.packets < self.window && self.returns <= MOST_RETURNS {
            return false;
        }
        self.is_missing(now)
    }

    #[cold]
    fn has_returned(&mut self, now: Moment, before: u32) -> bool {
        if !self.is_brisk(now) {
            self.watch_for(self.last, now, FEWEST);
            return false;
        }
        self.returns = self.returns.saturating_add(1);
        if self.returns > RETURNS_OF_ONE {
            self.anchor = before;
        }
        if self.returns > MOST_RETURNS {
            self.window = self.packets;
        }
        (self.since, self.packets) = (Some(now), 0);
        self.returns > MOST_RETURNS
    }

    /// The rest of a circle that was found goes the way of its anchor, if it comes as quickly.
    #[cold]
    fn is_missing(&mut self, now: Moment) -> bool {
        if self.returns > MOST_RETURNS && self.packets <= self.window && self.is_brisk(now) {
            return true;
        }
        let is_over = self.returns > MOST_RETURNS || self.window >= MOST || self.age_us(now) >= LONGEST_US;
        self.watch_for(self.last, now, if is_over { FEWEST } else { self.window * 2 });
        false
    }

    fn watch_for(&mut self, mark: u32, now: Moment, window: u16) {
        *self = Repeats { since: Some(now), anchor: mark, last: mark, packets: 0, window, returns: 0 };
    }

    /// What circles more slowly than audio flows does no harm, and who says the same now and then means it.
    fn is_brisk(&self, now: Moment) -> bool {
        self.age_us(now) < LONGEST_US.min(u64::from(self.packets) * PACE_US)
    }

    fn age_us(&self, now: Moment) -> u64 {
        self.since.map_or(u64::MAX, |since| now.us_since(since))
    }
}

/// Of the length and the beginning, as far as headers reach.
#[inline]
fn mark(datagram: &[u8]) -> u32 {
    let mut padded = [0; MARKED];
    let beginning = if let Some(beginning) = datagram.first_chunk() {
        beginning
    } else {
        padded[..datagram.len()].copy_from_slice(datagram);
        &padded
    };
    let (words, _) = beginning.as_chunks::<4>();
    let mixed = words.iter().fold(datagram.len() as u64, |mixed, word| {
        (mixed ^ u64::from(u32::from_ne_bytes(*word))).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_right(29)
    });
    (mixed >> 32) as u32
}

const MARKED: usize = 28;
/// A round takes less, and each of its packets so much on average.
const LONGEST_US: u64 = 1_000_000;
const PACE_US: u64 = 15_000;
const MOST_RETURNS: u8 = 30;
/// More than anything genuine is repeated; RFC 7198 has whole streams repeated.
const RETURNS_OF_ONE: u8 = 15;
/// Packets among which the anchor is looked for: at first, and at last.
const FEWEST: u16 = 2;
const MOST: u16 = 1 << 15;

#[cfg(test)]
#[path = "repeats_test.rs"]
mod tests;
