//! Prebuilt Ethernet frames of RTP streams, and the marks the sink reads from them.

use std::net::SocketAddrV4;

pub const RTP_PAYLOAD: usize = 160;
const ETHERNET: usize = 14;
const IP: usize = 20;
const UDP: usize = 8;
const RTP: usize = 12;
const UDP_AT: usize = ETHERNET + IP;
pub const RTP_AT: usize = UDP_AT + UDP;
const MARK_AT: usize = RTP_AT + RTP;
pub const FRAME: usize = MARK_AT + RTP_PAYLOAD;

const MARK_WORDS: u8 = 6;
const MAGIC: u32 = 0x7a6d_b31c;

/// The part of a frame that a program makes: all up to the mark's end, and two bytes that keep its checksum as it is.
pub const HEAD: usize = MARK_AT + 26;

pub type Mac = [u8; 6];

/// What a packet says of itself: it travels in the RTP payload, which a relay must not touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    pub stream: u32,
    pub phase: u32,
    pub sequence: u32,
    pub sent_ns: u64,
}

/// Where a stream's packets come from and go to.
pub struct Path {
    pub from: SocketAddrV4,
    pub to: SocketAddrV4,
    pub source: Mac,
    pub destination: Mac,
}

/// What a stream's packets look like.
#[derive(Clone, Copy, Default)]
pub struct Shape {
    /// The mark is a list of contributing sources, which SRTP leaves readable.
    pub marked_in_header: bool,
    /// Bytes that protection will add.
    pub overhead: usize,
}

/// A frame with everything filled in that stays the same for the whole stream.
pub fn template(stream: u32, path: &Path, shape: Shape) -> [u8; FRAME] {
    let mut frame = [0xd5; FRAME];
    let Path { from, to, source, destination } = path;
    frame[..6].copy_from_slice(destination);
    frame[6..12].copy_from_slice(source);
    frame[12..14].copy_from_slice(&[0x08, 0x00]);

    let ip = &mut frame[ETHERNET..UDP_AT];
    ip.copy_from_slice(&[0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 17, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    ip[2..4].copy_from_slice(&((FRAME - ETHERNET + shape.overhead) as u16).to_be_bytes());
    ip[12..16].copy_from_slice(&from.ip().octets());
    ip[16..20].copy_from_slice(&to.ip().octets());
    let checksum = header_checksum(ip);
    ip[10..12].copy_from_slice(&checksum.to_be_bytes());

    let udp = &mut frame[UDP_AT..RTP_AT];
    udp[..2].copy_from_slice(&from.port().to_be_bytes());
    udp[2..4].copy_from_slice(&to.port().to_be_bytes());
    udp[4..6].copy_from_slice(&((FRAME - UDP_AT + shape.overhead) as u16).to_be_bytes());
    // No checksum: a network card would have checked it before the proxy's host sees the packet.
    udp[6..8].copy_from_slice(&[0, 0]);

    let rtp = &mut frame[RTP_AT..MARK_AT];
    rtp[..2].copy_from_slice(&[0x80 | if shape.marked_in_header { MARK_WORDS } else { 0 }, 0]);
    rtp[8..12].copy_from_slice(&ssrc(stream).to_be_bytes());

    frame[MARK_AT..MARK_AT + 4].copy_from_slice(&MAGIC.to_be_bytes());
    frame[MARK_AT + 4..MARK_AT + 8].copy_from_slice(&stream.to_be_bytes());
    frame
}

pub fn ssrc(stream: u32) -> u32 {
    0x1000_0000 + stream
}

/// The head of a stream's frames, with the checksum that all of them have. What changes from frame to frame is zero.
pub fn head(stream: u32, path: &Path) -> [u8; HEAD] {
    let mut frame = template(stream, path, Shape::default());
    frame[RTP_AT + 2..RTP_AT + 8].fill(0);
    frame[MARK_AT + 8..HEAD].fill(0);
    let checksum = udp_checksum(&frame);
    frame[UDP_AT + 6..UDP_AT + 8].copy_from_slice(&checksum.to_be_bytes());
    let mut head = [0; HEAD];
    head.copy_from_slice(&frame[..HEAD]);
    head
}

/// Makes the frame the stream's next packet.
pub fn stamp(frame: &mut [u8; FRAME], packet: u32, phase: u32, sequence: u32, sent_ns: u64) {
    frame[RTP_AT + 2..RTP_AT + 4].copy_from_slice(&(packet as u16).to_be_bytes());
    frame[RTP_AT + 4..RTP_AT + 8].copy_from_slice(&packet.wrapping_mul(160).to_be_bytes());
    frame[MARK_AT + 8..MARK_AT + 12].copy_from_slice(&phase.to_be_bytes());
    frame[MARK_AT + 12..MARK_AT + 16].copy_from_slice(&sequence.to_be_bytes());
    frame[MARK_AT + 16..MARK_AT + 24].copy_from_slice(&sent_ns.to_be_bytes());
}

/// True if the payload is not the one every frame is made with: somebody has encrypted it.
pub fn is_encrypted(frame: &[u8]) -> bool {
    frame.get(HEAD..FRAME).is_some_and(|payload| payload.iter().any(|byte| *byte != 0xd5))
}

/// Reads the mark of a frame, if it is one of ours.
pub fn mark(frame: &[u8]) -> Option<Mark> {
    let word = |at: usize| Some(u32::from_be_bytes(frame.get(at..at + 4)?.try_into().ok()?));
    if frame.len() < FRAME || word(MARK_AT)? != MAGIC {
        return None;
    }
    let sent_ns = u64::from(word(MARK_AT + 16)?) << 32 | u64::from(word(MARK_AT + 20)?);
    Some(Mark {
        stream: word(MARK_AT + 4)?,
        phase: word(MARK_AT + 8)?,
        sequence: word(MARK_AT + 12)?,
        sent_ns,
    })
}

/// What a datagram's checksum field of zero is to become; zero if the field is right already.
fn udp_checksum(frame: &[u8; FRAME]) -> u16 {
    const UDP_PROTOCOL: u8 = 17;
    let length = ((FRAME - UDP_AT) as u16).to_be_bytes();
    let addresses = &frame[ETHERNET + 12..UDP_AT];
    let all = [addresses, &[0, UDP_PROTOCOL], &length, &frame[UDP_AT..]].concat();
    header_checksum(&all)
}

fn header_checksum(header: &[u8]) -> u16 {
    let mut sum: u32 = header.chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> [u8; FRAME] {
        shaped(Shape::default())
    }

    fn shaped(shape: Shape) -> [u8; FRAME] {
        let address = |text: &str| text.parse().unwrap();
        let path = Path {
            from: address("10.0.0.1:4000"),
            to: address("10.0.0.2:30000"),
            source: [2; 6],
            destination: [4; 6],
        };
        template(7, &path, shape)
    }

    #[test]
    fn mark_is_read_back_as_stamped() {
        let mut frame = sample();
        stamp(&mut frame, 99, 2, 41, 0x1234_5678_9abc_def0);
        assert_eq!(
            mark(&frame),
            Some(Mark { stream: 7, phase: 2, sequence: 41, sent_ns: 0x1234_5678_9abc_def0 })
        );
    }

    #[test]
    fn mark_in_the_header_is_a_list_of_contributing_sources_where_the_payload_would_begin() {
        let mut frame = shaped(Shape { marked_in_header: true, overhead: 10 });
        stamp(&mut frame, 0, 1, 5, 77);
        assert_eq!(frame[RTP_AT] & 0x0f, MARK_WORDS);
        assert_eq!(mark(&frame), Some(Mark { stream: 7, phase: 1, sequence: 5, sent_ns: 77 }));
    }

    #[test]
    fn a_payload_that_is_not_as_it_was_made_is_taken_for_encrypted() {
        let mut frame = shaped(Shape { marked_in_header: true, overhead: 10 });
        stamp(&mut frame, 0, 1, 5, 77);
        assert!(!is_encrypted(&frame));
        frame[FRAME - 1] ^= 1;
        assert!(is_encrypted(&frame));
    }

    #[test]
    fn frame_has_a_valid_ip_header_and_a_172_byte_rtp_packet() {
        let frame = sample();
        assert_eq!(header_checksum(&frame[ETHERNET..UDP_AT]), 0);
        assert_eq!(frame.len() - RTP_AT, 172);
    }

    #[test]
    fn head_has_the_checksum_of_its_datagram() {
        let address = |text: &str| text.parse().unwrap();
        let (from, to) = (address("10.0.0.1:4000"), address("10.0.0.2:30000"));
        let head = head(7, &Path { from, to, source: [2; 6], destination: [4; 6] });
        let mut frame = [0xd5; FRAME];
        frame[..HEAD].copy_from_slice(&head);
        assert_eq!(udp_checksum(&frame), 0);
        assert_eq!(frame[RTP_AT + 2..RTP_AT + 8], [0; 6]);
    }

    #[test]
    fn foreign_frame_has_no_mark() {
        assert_eq!(mark(&[0; FRAME]), None);
        assert_eq!(mark(&sample()[..FRAME - 1]), None);
    }
}
