use proptest::prelude::*;

use super::*;

fn packet(count: u8, kind: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80 | count, kind];
    packet.extend(((body.len() / 4) as u16).to_be_bytes());
    packet.extend(body);
    packet
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

#[test]
fn a_sender_report_with_a_block_is_read() {
    let sr = packet(
        1,
        SENDER_REPORT,
        &words(&[7, 0x1111_2222, 0x3333_4444, 160, 5, 800, 9, 0x40ff_fffe, 70_000, 12, 99, 65_536]),
    );
    let Content::SenderReport(sender, reports) = packets(&sr).next().unwrap().content() else { panic!() };
    assert_eq!((sender.ssrc, sender.packets, sender.octets), (7, 5, 800));
    assert_eq!(sender.ntp_middle(), 0x2222_3333);
    let block = reports.iter().next().unwrap();
    assert_eq!((block.ssrc, block.fraction_lost, block.cumulative_lost), (9, 64, -2));
    assert_eq!(
        (block.jitter, block.last_sender_report, block.delay_since_last_sender_report),
        (12, 99, 65_536)
    );
}

#[test]
fn a_report_without_blocks_is_whole() {
    let rr = packet(0, RECEIVER_REPORT, &words(&[7]));
    assert!(is_whole(&rr));
    let Content::ReceiverReport { ssrc: 7, reports } = packets(&rr).next().unwrap().content() else {
        panic!()
    };
    assert_eq!(reports.iter().count(), 0);
}

#[test]
fn a_report_announcing_more_blocks_than_it_has_gives_those_it_has() {
    let rr = packet(31, RECEIVER_REPORT, &words(&[7, 1, 2, 3, 4, 5, 6]));
    let Content::ReceiverReport { reports, .. } = packets(&rr).next().unwrap().content() else { panic!() };
    assert_eq!(reports.iter().count(), 1);
}

#[test]
fn four_bytes_are_not_enough() {
    assert!(!begins_well(&[0x80, 203, 0, 0]));
    assert!(!begins_well(&[]));
    let bye = packets(&[0x80, 203, 0, 0]).next().unwrap();
    let Content::Bye(bye) = bye.content() else { panic!() };
    assert_eq!((bye.ssrcs().count(), bye.reason()), (0, None));
    assert_eq!(packets(&[0x81, 201, 0, 0]).next().unwrap().content(), Content::Other);
}

#[test]
fn a_compound_is_walked_to_its_end() {
    let mut compound = packet(0, RECEIVER_REPORT, &words(&[7]));
    compound.extend(packet(1, SOURCE_DESCRIPTION, b"\0\0\0\x07\x01\x03a@b\0\0\0"));
    compound.extend(packet(1, BYE, b"\0\0\0\x07\x03end"));
    assert!(is_whole(&compound));
    let contents: Vec<_> = packets(&compound).map(|packet| packet.content()).collect();
    let [_, Content::SourceDescription(mut chunks), Content::Bye(bye)] = contents[..] else { panic!() };
    let chunk = chunks.next().unwrap();
    assert_eq!(chunk.ssrc, 7);
    assert_eq!(chunk.items().collect::<Vec<_>>(), [(1, &b"a@b"[..])]);
    assert_eq!(chunks.next(), None);
    assert_eq!(bye.ssrcs().collect::<Vec<_>>(), [7]);
    assert_eq!(bye.reason(), Some(&b"end"[..]));
}

#[test]
fn feedback_application_and_extended_reports_are_read() {
    let nack = packet(1, TRANSPORT_FEEDBACK, &words(&[1, 2, 0x0005_0000]));
    let Content::Feedback(feedback) = packets(&nack).next().unwrap().content() else { panic!() };
    assert_eq!((feedback.payload_specific, feedback.format, feedback.media), (false, 1, 2));
    let app = packet(3, APPLICATION, b"\0\0\0\x01TNDM");
    let Content::Application { name, data, .. } = packets(&app).next().unwrap().content() else { panic!() };
    assert_eq!((&name, data.len()), (b"TNDM", 0));
    let xr = packet(0, EXTENDED_REPORT, &words(&[1, 0x0400_0002, 5, 6]));
    let Content::ExtendedReport { mut blocks, .. } = packets(&xr).next().unwrap().content() else { panic!() };
    assert_eq!(blocks.next(), Some((4, 0, &words(&[5, 6])[..])));
    assert_eq!(blocks.next(), None);
}

#[test]
fn a_trailer_as_of_srtcp_makes_a_compound_incomplete_but_not_malformed() {
    let mut secured = packet(0, RECEIVER_REPORT, &words(&[7]));
    secured.extend([0x80, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    assert!(begins_well(&secured));
    assert!(!is_whole(&secured));
}

#[test]
fn padding_longer_than_its_packet_ends_the_compound() {
    let mut rr = packet(0, RECEIVER_REPORT, &words(&[7]));
    rr[0] |= 0x20;
    rr[7] = 200;
    assert_eq!(packets(&rr).count(), 0);
}

fn anything() -> impl Strategy<Value = Vec<u8>> {
    let block = (0u8..32, 190u8..210, prop::collection::vec(any::<u8>(), 0..16)).prop_map(
        |(count, kind, mut body)| {
            body.truncate(body.len() / 4 * 4);
            packet(count, kind, &body)
        },
    );
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..80),
        prop::collection::vec(block, 0..5).prop_map(|blocks| blocks.concat()),
    ]
}

proptest! {
    #[test]
    fn no_datagram_panics(datagram in anything()) {
        let _ = (begins_well(&datagram), is_whole(&datagram));
        for packet in packets(&datagram) {
            match packet.content() {
                Content::SenderReport(_, reports) | Content::ReceiverReport { reports, .. } => {
                    prop_assert!(reports.iter().count() <= 31);
                }
                Content::SourceDescription(chunks) => chunks.for_each(|chunk| chunk.items().for_each(drop)),
                Content::Bye(bye) => {
                    let _ = (bye.ssrcs().count(), bye.reason());
                }
                Content::ExtendedReport { blocks, .. } => blocks.for_each(drop),
                Content::Application { .. } | Content::Feedback(_) | Content::Other => {}
            }
        }
    }

    #[test]
    fn report_blocks_survive_the_wire(
        fields in any::<[u32; 6]>(), lost in -(1i32 << 23)..(1 << 23), fraction: u8,
    ) {
        let [ssrc, _, highest, jitter, lsr, dlsr] = fields;
        let loss = u32::from(fraction) << 24 | (lost as u32 & 0x00ff_ffff);
        let rr = packet(1, RECEIVER_REPORT, &words(&[1, ssrc, loss, highest, jitter, lsr, dlsr]));
        let Content::ReceiverReport { reports, .. } = packets(&rr).next().unwrap().content() else { panic!() };
        prop_assert_eq!(reports.iter().next().unwrap(), ReportBlock {
            ssrc, fraction_lost: fraction, cumulative_lost: lost, highest_sequence: highest, jitter,
            last_sender_report: lsr, delay_since_last_sender_report: dlsr,
        });
    }
}
