use proptest::prelude::*;

use super::*;

const PLAIN: [u8; 16] = [0x80, 0x88, 0x12, 0x34, 0, 0, 0, 160, 0xde, 0xad, 0xbe, 0xef, 1, 2, 3, 4];

#[test]
fn a_plain_header_is_read() {
    let header = Header::parse(&PLAIN).unwrap();
    assert!(header.marker);
    assert_eq!(header.payload_type, 8);
    assert_eq!(header.sequence, 0x1234);
    assert_eq!(header.timestamp, 160);
    assert_eq!(header.ssrc, 0xdead_beef);
    assert_eq!(header.payload(PLAIN.len()), 12..16);
}

#[test]
fn csrcs_extension_and_padding_are_not_payload() {
    let mut packet = vec![0xb1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9];
    packet.extend([0, 0, 0, 7]);
    packet.extend([0xbe, 0xde, 0, 1, 0x31, 0xaa, 0xbb, 0]);
    packet.extend([1, 2, 3, 0, 2]);
    let header = Header::parse(&packet).unwrap();
    assert_eq!(header.csrcs(&packet).collect::<Vec<_>>(), [7]);
    assert_eq!(header.extension(&packet).unwrap().0, 0xbede);
    assert_eq!(header.extension_elements(&packet).collect::<Vec<_>>(), [(3, &[0xaa, 0xbb][..])]);
    assert_eq!(&packet[header.payload(packet.len())], [1, 2, 3]);
}

#[test]
fn two_byte_elements_are_read() {
    let mut packet = vec![0x90, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9];
    packet.extend([0x10, 0, 0, 2, 20, 3, 1, 2, 3, 0, 5, 0]);
    let header = Header::parse(&packet).unwrap();
    let elements: Vec<_> = header.extension_elements(&packet).collect();
    assert_eq!(elements, [(20, &[1, 2, 3][..]), (5, &[][..])]);
}

#[test]
fn lengths_beyond_the_packet_are_refused() {
    let mut too_many_csrcs = PLAIN;
    too_many_csrcs[0] = 0x8f;
    assert_eq!(Header::parse(&too_many_csrcs), None);
    let mut extension_missing = PLAIN;
    extension_missing[0] = 0x90;
    extension_missing[14] = 0xff;
    assert_eq!(Header::parse(&extension_missing), None);
}

#[test]
fn an_impossible_padding_count_is_no_padding() {
    let mut encrypted = PLAIN;
    encrypted[0] = 0xa0;
    encrypted[15] = 5;
    assert_eq!(Header::parse(&encrypted).unwrap().payload(16), 12..16);
}

#[test]
fn other_versions_and_short_packets_are_refused() {
    let mut version_one = PLAIN;
    version_one[0] = 0x40;
    assert_eq!(Header::parse(&version_one), None);
    assert_eq!(Header::parse(&PLAIN[..11]), None);
    assert!(Header::parse(&PLAIN[..12]).is_some());
}

proptest! {
    #[test]
    fn no_packet_panics(packet in prop::collection::vec(any::<u8>(), 0..80), cut in 0usize..100) {
        if let Some(header) = Header::parse(&packet) {
            let payload = header.payload(packet.len());
            prop_assert!(payload.start <= payload.end && payload.end <= packet.len());
            // The view may be asked about another packet than its own without harm.
            let other = &packet[..cut.min(packet.len())];
            let _ = (header.payload(other.len()), header.csrcs(other).count());
            let _ = (header.extension(other), header.extension_elements(other).count());
        }
    }

    #[test]
    fn version_two_lookalikes_do_not_panic(mut packet in prop::collection::vec(any::<u8>(), 12..80)) {
        packet[0] = 0x80 | (packet[0] & 0x3f);
        if let Some(header) = Header::parse(&packet) {
            let _ = (header.csrcs(&packet).count(), header.extension_elements(&packet).count());
        }
    }

    #[test]
    fn what_is_set_is_read_and_nothing_else_changes(
        packet in prop::collection::vec(any::<u8>(), 12..40),
        payload_type in 0u8..128, marker: bool, sequence: u16, timestamp: u32, ssrc: u32,
    ) {
        let mut packet = packet;
        packet[0] = 0x80;
        let before = packet.clone();
        set_payload_type(&mut packet, payload_type);
        set_marker(&mut packet, marker);
        set_sequence(&mut packet, sequence);
        set_timestamp(&mut packet, timestamp);
        set_ssrc(&mut packet, ssrc);
        let header = Header::parse(&packet).unwrap();
        prop_assert_eq!(
            (header.payload_type, header.marker, header.sequence, header.timestamp, header.ssrc),
            (payload_type, marker, sequence, timestamp, ssrc)
        );
        prop_assert_eq!(packet[0], before[0]);
        prop_assert_eq!(&packet[12..], &before[12..]);
    }
}
