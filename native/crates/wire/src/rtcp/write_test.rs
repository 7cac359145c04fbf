use proptest::prelude::*;

use super::*;
use crate::rtcp::{Content, is_whole, packets};

fn block(ssrc: u32) -> ReportBlock {
    ReportBlock {
        ssrc,
        fraction_lost: 3,
        cumulative_lost: -4,
        highest_sequence: 70_000,
        jitter: 5,
        last_sender_report: 6,
        delay_since_last_sender_report: 7,
    }
}

fn sender(ssrc: u32) -> SenderReport {
    SenderReport { ssrc, ntp: 1, rtp_timestamp: 2, packets: 3, octets: 4 }
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(ssrc: u32, name in proptest::collection::vec(1u8..=255, 0..300)) {
        let mut out = Vec::new();
        sender_report(&mut out, &sender(ssrc), [block(7), block(8)]);
        receiver_report(&mut out, ssrc, [block(9)]);
        canonical_name(&mut out, ssrc, &name);
        picture_loss(&mut out, ssrc, 1);
        full_intra_request(&mut out, ssrc, 1, 2);
        prop_assert!(is_whole(&out));
        prop_assert_eq!(packets(&out).filter(Packet::is_sound).count(), 5);
        let mut copied = Vec::new();
        packets(&out).for_each(|packet| copy(&mut copied, &packet));
        prop_assert_eq!(&copied, &out);
        let Some(Content::SenderReport(report, blocks)) = packets(&out).next().map(|packet| packet.content()) else {
            panic!("no sender report");
        };
        prop_assert_eq!(report, sender(ssrc));
        prop_assert_eq!(blocks.iter().collect::<Vec<_>>(), [block(7), block(8)]);
    }
}
