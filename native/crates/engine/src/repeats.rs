//! Packets that go in a circle: SDP can lead a stream's packets back to the proxy's own ports, directly or by way of
//! another one, where a single packet would keep a processor busy for good. No sender repeats itself so often.

use crate::moment::Moment;

/// What arrived last on one half of a stream.
#[derive(Debug, Default)]
pub struct Repeats {
    last: [u32; 2],
    at: Option<Moment>,
    /// Packets in a row that were one of the last two.
    row: u8,
}

impl Repeats {
    /// Takes note of a packet; true if it goes in a circle.
    #[inline]
    pub fn is_circle(&mut self, now: Moment, datagram: &[u8]) -> bool {
        let mark = mark(datagram);
        let recent = self.at.replace(now).is_some_and(|at| now.ms_since(at) < RECENT_MS);
        let repeated = recent && self.last.contains(&mark);
        if !repeated {
            self.last = [mark, self.last[0]];
            self.row = 0;
            return false;
        }
        self.row = self.row.saturating_add(1);
        self.row > MOST_IN_A_ROW
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
const RECENT_MS: u64 = 1000;
const MOST_IN_A_ROW: u8 = 30;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn ms(time: u64) -> Moment {
        Moment::at(Duration::from_millis(time))
    }

    /// How many of these packets, 10 ms apart, are taken for circling.
    fn circling<'a>(packets: impl IntoIterator<Item = &'a [u8]>) -> usize {
        let mut repeats = Repeats::default();
        packets
            .into_iter()
            .enumerate()
            .filter(|(at, packet)| repeats.is_circle(ms(*at as u64 * 10), packet))
            .count()
    }

    #[test]
    fn a_packet_may_come_thirty_one_times() {
        assert_eq!(circling(std::iter::repeat_n([7; 172].as_slice(), 31)), 0);
        assert_eq!(circling(std::iter::repeat_n([7; 172].as_slice(), 100)), 69);
        assert_eq!(circling(std::iter::repeat_n([7; 3].as_slice(), 100)), 69);
    }

    #[test]
    fn two_packets_in_turn_are_a_circle() {
        let two = [[7; 172], [8; 172]];
        assert!(circling((0..100).map(|at| two[at % 2].as_slice())) > 60);
    }

    #[test]
    fn another_length_or_beginning_is_another_packet() {
        let mut packets: Vec<Vec<u8>> = (0..200).map(|length| vec![7; 28 + length]).collect();
        packets.extend((0..200u8).map(|byte| [vec![7; 27], vec![byte]].concat()));
        packets.extend((0..200).map(|length| vec![0; length]));
        assert_eq!(circling(packets.iter().map(Vec::as_slice)), 0);
    }

    #[test]
    fn the_same_packet_now_and_then_is_no_circle() {
        let mut repeats = Repeats::default();
        assert!((0..1000).all(|second| !repeats.is_circle(ms(second * 1000), &[7; 172])));
    }
}
