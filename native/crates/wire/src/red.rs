//! Redundant audio data (RFC 2198): several payloads in one packet, the newest last.

use std::ops::Range;

/// One of the payloads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    pub payload_type: u8,
    /// How much older than the packet it is, in ticks of its clock.
    pub age: u32,
    /// Where it lies in the packet's payload.
    pub range: Range<usize>,
}

/// The blocks of a payload, the newest last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocks {
    older: [Block; MOST_OLDER],
    count: usize,
    newest: Block,
}

impl Blocks {
    /// Walks the headers once; `None` if the payload ends within them or within their blocks, or repeats too much.
    pub fn read(payload: &[u8]) -> Option<Blocks> {
        let mut blocks = Blocks { older: [Block::NONE; MOST_OLDER], count: 0, newest: Block::NONE };
        let mut at = 0;
        while *payload.get(at)? & FOLLOWED != 0 {
            let header = payload[at..].first_chunk::<REDUNDANT_HEADER>()?;
            *blocks.older.get_mut(blocks.count)? = Block::redundant(header);
            blocks.count += 1;
            at += REDUNDANT_HEADER;
        }
        let payload_type = payload[at];
        at += 1;
        for older in &mut blocks.older[..blocks.count] {
            older.range = at..at + older.range.end;
            at = older.range.end;
        }
        blocks.newest = Block { payload_type, age: 0, range: at..payload.len() };
        (at <= payload.len()).then_some(blocks)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Block> {
        self.older[..self.count].iter().chain([&self.newest])
    }

    /// The block that is no repetition.
    pub fn newest(&self) -> &Block {
        &self.newest
    }
}

impl Block {
    const NONE: Block = Block { payload_type: 0, age: 0, range: 0..0 };

    /// As its header says, from 0 on.
    fn redundant(header: &[u8; REDUNDANT_HEADER]) -> Block {
        let [first, o1, o2, length] = *header;
        let length = usize::from(o2 & 3) << 8 | usize::from(length);
        let age = u32::from(o1) << 6 | u32::from(o2) >> 2;
        Block { payload_type: first & !FOLLOWED, age, range: 0..length }
    }
}

/// RFC 4733 §2.6 and RFC 4103 §4.2 are content with less.
const MOST_OLDER: usize = 8;
const REDUNDANT_HEADER: usize = 4;
const FOLLOWED: u8 = 0x80;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_event_is_found_beside_its_repetition() {
        let payload = [0x80 | 101, 0x01, 0x40, 4, 101, 5, 10, 0, 160, 6, 10, 0, 80];
        let found = Blocks::read(&payload).unwrap();
        let expected = [(80, 5..9), (0, 9..13)].map(|(age, range)| Block { payload_type: 101, age, range });
        assert_eq!(found.iter().cloned().collect::<Vec<_>>(), expected);
        assert_eq!(*found.newest(), expected[1]);
    }

    #[test]
    fn lengths_that_exceed_the_payload_make_it_none() {
        for payload in [&[][..], &[0x80 | 101], &[0x80 | 101, 0, 0, 4, 101, 5, 10], &[0xff; 40]] {
            assert_eq!(Blocks::read(payload), None, "{payload:?}");
        }
    }

    /// So many empty blocks before one of 20 octets.
    fn repeating(count: usize) -> Vec<u8> {
        [[0x80 | 101, 1, 0x40, 0].repeat(count), vec![0], vec![0x55; 20]].concat()
    }

    #[test]
    fn a_payload_that_repeats_more_than_anybody_needs_is_none() {
        assert_eq!(Blocks::read(&repeating(8)).unwrap().iter().count(), 9);
        for count in [9, 10, 350] {
            assert_eq!(Blocks::read(&repeating(count)), None);
        }
    }

    proptest! {
        /// No step is made for what comes behind the ninth header.
        #[test]
        fn nine_headers_say_that_it_is_too_much(behind in prop::collection::vec(any::<u8>(), 0..2000)) {
            prop_assert_eq!(Blocks::read(&[vec![0xff; 36], behind].concat()), None);
        }

        #[test]
        fn no_block_lies_outside(payload in prop::collection::vec(any::<u8>(), 0..40)) {
            for block in Blocks::read(&payload).iter().flat_map(Blocks::iter) {
                prop_assert!(payload.get(block.range.clone()).is_some());
            }
        }
    }
}
