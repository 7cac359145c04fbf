//! Copies the kernel has made, sorted by their rules' tokens, until the shards whose rules they are of take them.

use std::collections::HashMap;

use fastpath::Copied;

/// One for each rule that has been copied, those of a process before us among them.
#[derive(Debug, Default)]
pub struct Boxes {
    by_token: HashMap<u64, Box>,
    /// In all of them together.
    bytes: usize,
    /// Copies of rules nobody knows any more.
    pub strays: u64,
}

#[derive(Debug, Default)]
struct Box {
    copies: Vec<Copy>,
    bytes: Vec<u8>,
    lost: u64,
}

#[derive(Debug)]
struct Copy {
    time_ns: u64,
    len: usize,
}

impl Boxes {
    pub fn open(&mut self, token: u64) {
        self.by_token.entry(token).or_default();
    }

    /// What nobody has taken is lost.
    pub fn close(&mut self, token: u64) {
        if let Some(found) = self.by_token.remove(&token) {
            self.bytes -= found.bytes.len();
            self.strays += found.copies.len() as u64;
        }
    }

    pub fn put(&mut self, copied: &Copied<'_>) {
        let Some(payload) = udp_payload(copied.packet) else { return };
        let Some(found) = self.by_token.get_mut(&copied.token) else {
            self.strays += 1;
            return;
        };
        if self.bytes + payload.len() > MOST_BYTES {
            found.lost += 1;
            return;
        }
        self.bytes += payload.len();
        found.bytes.extend_from_slice(payload);
        found.copies.push(Copy { time_ns: copied.time_ns, len: payload.len() });
    }

    /// Empties a box: shows times (CLOCK_MONOTONIC) and UDP payloads, oldest first.
    pub fn take(&mut self, token: u64, mut show: impl FnMut(u64, &[u8])) {
        let Some(found) = self.by_token.get_mut(&token) else { return };
        let mut rest = &found.bytes[..];
        for Copy { time_ns, len } in found.copies.drain(..) {
            let (payload, behind) = rest.split_at(len);
            show(time_ns, payload);
            rest = behind;
        }
        self.bytes -= found.bytes.len();
        found.bytes.clear();
    }

    /// How many copies did not fit.
    pub fn lost(&self, token: u64) -> u64 {
        self.by_token.get(&token).map_or(0, |found| found.lost)
    }
}

/// Of a packet without IPv4 options and IPv6 extension headers, which is all the program relays.
fn udp_payload(packet: &[u8]) -> Option<&[u8]> {
    let headers = if packet.first()? >> 4 == 4 { 28 } else { 48 };
    packet.get(headers..)
}

/// Shards take theirs every few milliseconds; a rule of a process before us waits for its plan for seconds.
const MOST_BYTES: usize = 32 << 20;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "of tests")]
    use super::*;

    fn put(boxes: &mut Boxes, token: u64, payload: &[u8]) {
        let packet = [&[0x45][..], &[0; 27], payload].concat();
        boxes.put(&Copied { time_ns: 5, token, packet: &packet });
    }

    fn taken(boxes: &mut Boxes, token: u64) -> Vec<(u64, Vec<u8>)> {
        let mut taken = Vec::new();
        boxes.take(token, |time_ns, payload| taken.push((time_ns, payload.to_vec())));
        taken
    }

    #[test]
    fn copies_are_taken_once_by_their_token_and_in_order() {
        let mut boxes = Boxes::default();
        [1, 2].into_iter().for_each(|token| boxes.open(token));
        put(&mut boxes, 1, b"one");
        put(&mut boxes, 2, b"two");
        put(&mut boxes, 1, b"three");
        assert_eq!(taken(&mut boxes, 1), [(5, b"one".to_vec()), (5, b"three".to_vec())]);
        assert_eq!(taken(&mut boxes, 1), []);
        assert_eq!(taken(&mut boxes, 2), [(5, b"two".to_vec())]);
        assert_eq!(boxes.strays, 0);
    }

    #[test]
    fn a_copy_is_what_is_behind_the_headers_of_either_family() {
        let mut boxes = Boxes::default();
        boxes.open(1);
        let packet = [&[0x60][..], &[0; 47], b"six"].concat();
        boxes.put(&Copied { time_ns: 5, token: 1, packet: &packet });
        assert_eq!(taken(&mut boxes, 1), [(5, b"six".to_vec())]);
    }

    #[test]
    fn copies_nobody_takes_are_counted() {
        let mut boxes = Boxes::default();
        put(&mut boxes, 1, b"of no rule");
        boxes.open(1);
        put(&mut boxes, 1, b"not taken");
        boxes.close(1);
        assert_eq!(boxes.strays, 2);
    }

    #[test]
    fn what_does_not_fit_is_counted_with_its_rule_and_there_is_room_again_later() {
        let mut boxes = Boxes::default();
        [1, 2].into_iter().for_each(|token| boxes.open(token));
        let large = vec![0; MOST_BYTES];
        put(&mut boxes, 1, &large);
        put(&mut boxes, 2, b"one too many");
        assert_eq!((boxes.lost(1), boxes.lost(2)), (0, 1));
        assert_eq!(taken(&mut boxes, 1).len(), 1);
        put(&mut boxes, 2, b"fits");
        assert_eq!(taken(&mut boxes, 2), [(5, b"fits".to_vec())]);
    }
}
