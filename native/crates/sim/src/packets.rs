//! Bytes to send.

/// RTP with 160 bytes of payload.
pub fn rtp(payload_type: u8, sequence: u16, timestamp: u32, ssrc: u32) -> Vec<u8> {
    let mut packet = vec![0x55; 172];
    packet[0] = 0x80;
    packet[1] = payload_type & 0x7f;
    wire::rtp::set_sequence(&mut packet, sequence);
    wire::rtp::set_timestamp(&mut packet, timestamp);
    wire::rtp::set_ssrc(&mut packet, ssrc);
    packet
}

/// An RTCP sender report, with report blocks as `(ssrc, fraction lost, cumulative lost, jitter, LSR, DLSR)`.
pub fn sender_report(ssrc: u32, ntp: u64, blocks: &[Block]) -> Vec<u8> {
    let mut words = vec![ssrc, (ntp >> 32) as u32, ntp as u32, 160, 1, 160];
    words.extend(blocks.iter().flat_map(|block| block.words()));
    rtcp(200, blocks.len(), &words)
}

pub fn receiver_report(ssrc: u32, blocks: &[Block]) -> Vec<u8> {
    let mut words = vec![ssrc];
    words.extend(blocks.iter().flat_map(|block| block.words()));
    rtcp(201, blocks.len(), &words)
}

/// Feedback (RFC 4585): type 205 or 206.
pub fn feedback(kind: u8, format: u8, sender: u32, media: u32, information: &[u32]) -> Vec<u8> {
    rtcp(kind, format.into(), &[&[sender, media], information].concat())
}

pub fn picture_loss(sender: u32, media: u32) -> Vec<u8> {
    feedback(206, 1, sender, media, &[])
}

pub fn full_intra_request(sender: u32, media: u32, sequence: u8) -> Vec<u8> {
    feedback(206, 4, sender, 0, &[media, u32::from(sequence) << 24])
}

pub fn bye(ssrc: u32) -> Vec<u8> {
    rtcp(203, 1, &[ssrc])
}

pub fn canonical_name(ssrc: u32, name: &str) -> Vec<u8> {
    let mut packet = Vec::new();
    wire::rtcp::write::canonical_name(&mut packet, ssrc, name.as_bytes());
    packet
}

/// An extended report with one block of this type (RFC 3611).
pub fn extended_report(ssrc: u32, kind: u8, content: &[u32]) -> Vec<u8> {
    let head = u32::from(kind) << 24 | content.len() as u32;
    rtcp(207, 0, &[&[ssrc, head], content].concat())
}

/// A report block.
#[derive(Debug, Clone, Copy, Default)]
pub struct Block {
    pub ssrc: u32,
    pub fraction_lost: u8,
    pub lost: u32,
    pub highest: u32,
    pub jitter: u32,
    pub last_sender_report: u32,
    pub delay: u32,
}

impl Block {
    fn words(&self) -> [u32; 6] {
        let loss = u32::from(self.fraction_lost) << 24 | (self.lost & 0x00ff_ffff);
        [self.ssrc, loss, self.highest, self.jitter, self.last_sender_report, self.delay]
    }
}

fn rtcp(kind: u8, count: usize, words: &[u32]) -> Vec<u8> {
    let mut packet = vec![0x80 | count as u8, kind];
    packet.extend((words.len() as u16).to_be_bytes());
    packet.extend(words.iter().flat_map(|word| word.to_be_bytes()));
    packet
}

/// Splits the handshake message of a datagram into records of `size` bytes of message (RFC 6347 §4.2.3).
pub fn fragments(datagram: &[u8], size: usize) -> Vec<Vec<u8>> {
    let (record, handshake, message) = (&datagram[..13], &datagram[13..25], &datagram[25..]);
    let fragment = |(number, part): (usize, &[u8])| {
        let mut fragment = record.to_vec();
        // Within the replay window, but not among those the client uses later.
        fragment[10] = 40 + number as u8;
        fragment[11..13].copy_from_slice(&((part.len() + 12) as u16).to_be_bytes());
        fragment.extend_from_slice(&handshake[..6]);
        fragment.extend_from_slice(&((number * size) as u32).to_be_bytes()[1..]);
        fragment.extend_from_slice(&(part.len() as u32).to_be_bytes()[1..]);
        fragment.extend_from_slice(part);
        fragment
    };
    message.chunks(size).enumerate().map(fragment).collect()
}

/// A STUN message without attributes, as some peers keep a NAT open with (RFC 8445 §11).
pub fn binding_indication() -> Vec<u8> {
    let mut datagram = vec![0x00, 0x11, 0, 0, 0x21, 0x12, 0xa4, 0x42];
    datagram.resize(20, 7);
    datagram
}
