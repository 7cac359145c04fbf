//! Sequence numbers in RTCP about sources whose numbers were shifted on their way to the peer (`crate::sender`):
//! they are shifted back, so that the source reads its own.

use wire::rtcp::{EXTENDED_REPORT, RECEIVER_REPORT, SENDER_REPORT, TRANSPORT_FEEDBACK};

/// How far a source was shifted, and the highest index it has reached by its own numbers.
#[derive(Debug, Clone, Copy)]
pub struct Shifted {
    pub offset: u16,
    pub index: u64,
}

/// Restores the numbers in a whole compound.
pub fn restore(compound: &mut [u8], shifted: impl Fn(u32) -> Option<Shifted>) {
    let mut rest = compound;
    while let Some([first, kind, l0, l1]) = rest.first_chunk::<4>().copied() {
        let length = (usize::from(u16::from_be_bytes([l0, l1])) + 1) * 4;
        let Some((packet, after)) = rest.split_at_mut_checked(length) else { return };
        match kind {
            SENDER_REPORT => restore_blocks(packet.get_mut(28..), first & 0x1f, &shifted),
            RECEIVER_REPORT => restore_blocks(packet.get_mut(8..), first & 0x1f, &shifted),
            TRANSPORT_FEEDBACK if first & 0x1f == 1 => restore_missing(packet, &shifted),
            EXTENDED_REPORT => restore_extended(packet.get_mut(8..), &shifted),
            _ => {}
        }
        rest = after;
    }
}

fn restore_blocks(blocks: Option<&mut [u8]>, count: u8, shifted: &impl Fn(u32) -> Option<Shifted>) {
    let Some(blocks) = blocks else { return };
    let (blocks, _) = blocks.as_chunks_mut::<24>();
    for block in blocks.iter_mut().take(usize::from(count)) {
        if let Some(shift) = shifted(word(block, 0)) {
            let highest = shift.nearest(word(block, 8) as u16);
            block[8..12].copy_from_slice(&highest.to_be_bytes());
        }
    }
}

/// RFC 4585 §6.2.1: each entry begins with a sequence number.
fn restore_missing(packet: &mut [u8], shifted: &impl Fn(u32) -> Option<Shifted>) {
    if packet.len() < 12 {
        return;
    }
    let Some(shift) = shifted(word(packet, 8)) else { return };
    let (entries, _) = packet[12..].as_chunks_mut::<4>();
    for [p0, p1, ..] in entries {
        [*p0, *p1] = shift.back([*p0, *p1]);
    }
}

/// RFC 3611 §4.1 to 4.3 and 4.6: a source, then the first and the last number spoken of.
fn restore_extended(blocks: Option<&mut [u8]>, shifted: &impl Fn(u32) -> Option<Shifted>) {
    let mut rest = blocks.unwrap_or_default();
    while let Some([kind, _, l0, l1]) = rest.first_chunk::<4>().copied() {
        let length = usize::from(u16::from_be_bytes([l0, l1])) * 4 + 4;
        let Some((block, after)) = rest.split_at_mut_checked(length) else { return };
        if matches!(kind, 1 | 2 | 3 | 6)
            && let Some([s0, s1, s2, s3, b0, b1, e0, e1]) = block.get_mut(4..12)
            && let Some(shift) = shifted(u32::from_be_bytes([*s0, *s1, *s2, *s3]))
        {
            [*b0, *b1] = shift.back([*b0, *b1]);
            [*e0, *e1] = shift.back([*e0, *e1]);
        }
        rest = after;
    }
}

impl Shifted {
    fn back(&self, number: [u8; 2]) -> [u8; 2] {
        u16::from_be_bytes(number).wrapping_sub(self.offset).to_be_bytes()
    }

    /// The receiver's cycles are those of the shifted numbers: what counts is the nearest number of the source.
    fn nearest(&self, number: u16) -> u32 {
        let number = number.wrapping_sub(self.offset);
        let behind = (self.index as u16).wrapping_sub(number).cast_signed();
        (self.index as u32).wrapping_add_signed(-i32::from(behind))
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|word| word.first_chunk::<4>()).map_or(0, |word| u32::from_be_bytes(*word))
}
