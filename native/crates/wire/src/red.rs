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

/// The blocks of a payload, the newest last; nothing if the lengths in it exceed it.
pub fn blocks(payload: &[u8]) -> impl Iterator<Item = Block> + use<'_> {
    let headers = headers(payload).unwrap_or(0);
    let mut at = headers * REDUNDANT_HEADER + 1;
    let older = (0..headers).filter_map(move |number| {
        let (payload_type, age, length) = header(payload, number)?;
        let range = at..at + length;
        at = range.end;
        Some(Block { payload_type, age, range })
    });
    older.chain(newest(payload))
}

/// The block that is no repetition.
pub fn newest(payload: &[u8]) -> Option<Block> {
    let headers = headers(payload)?;
    let payload_type = payload[headers * REDUNDANT_HEADER];
    let older: usize = (0..headers).filter_map(|number| header(payload, number)).map(|(.., len)| len).sum();
    Some(Block { payload_type, age: 0, range: headers * REDUNDANT_HEADER + 1 + older..payload.len() })
}

/// Number of headers of redundant blocks; `None` if the payload ends within them or within their blocks.
fn headers(payload: &[u8]) -> Option<usize> {
    let mut count = 0;
    let mut length = 0;
    while payload.get(count * REDUNDANT_HEADER)? & FOLLOWED != 0 {
        length += header(payload, count)?.2;
        count += 1;
    }
    (count * REDUNDANT_HEADER + 1 + length <= payload.len()).then_some(count)
}

fn header(payload: &[u8], number: usize) -> Option<(u8, u32, usize)> {
    let [first, o1, o2, length] =
        *payload.get(number * REDUNDANT_HEADER..)?.first_chunk::<REDUNDANT_HEADER>()?;
    let age = u32::from(o1) << 6 | u32::from(o2) >> 2;
    Some((first & !FOLLOWED, age, usize::from(o2 & 3) << 8 | usize::from(length)))
}

const REDUNDANT_HEADER: usize = 4;
const FOLLOWED: u8 = 0x80;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_event_is_found_beside_its_repetition() {
        let payload = [0x80 | 101, 0x01, 0x40, 4, 101, 5, 10, 0, 160, 6, 10, 0, 80];
        let found: Vec<Block> = blocks(&payload).collect();
        assert_eq!(found[0].range, 5..9);
        assert_eq!((found[0].payload_type, found[0].age), (101, 80));
        assert_eq!(found[1], Block { payload_type: 101, age: 0, range: 9..13 });
        assert_eq!(newest(&payload), Some(found[1].clone()));
    }

    #[test]
    fn lengths_that_exceed_the_payload_make_it_none() {
        for payload in [&[][..], &[0x80 | 101], &[0x80 | 101, 0, 0, 4, 101, 5, 10], &[0xff; 40]] {
            assert_eq!((blocks(payload).next(), newest(payload)), (None, None), "{payload:?}");
        }
    }

    proptest! {
        #[test]
        fn no_block_lies_outside(payload in prop::collection::vec(any::<u8>(), 0..40)) {
            for block in blocks(&payload) {
                prop_assert!(payload.get(block.range).is_some());
            }
        }
    }
}
