//! Copies of relayed packets.

use crate::{
    Progress, Rule,
    frame::Frame,
    kernel::XDP_TX,
    program_test::bench::{self, Bench, OURS, PEER, rtp},
};

fn copied(rule: Rule) -> Rule {
    Rule { copy: Some(TOKEN), ..rule }
}

/// A frame without its Ethernet header.
fn packet(frame: &[u8]) -> Vec<u8> {
    frame[14..].to_vec()
}

#[test]
fn a_copy_is_the_packet_as_it_arrived() {
    let Some(mut bench) = Bench::new() else { return };
    for rule in [bench::eastwards(), bench::eastwards6()].map(copied) {
        let index = bench.install(&rule, &Progress::default());
        let frames = [7, 8].map(|sequence| bench::arriving(&rule, &rtp(sequence)));
        for (frame, sequence) in frames.iter().zip([7, 8]) {
            let out = bench.run(frame);
            assert_eq!((out.verdict, out.frame), (XDP_TX, bench::leaving(&rule, &rtp(sequence))));
        }
        let copies = bench.take_copies();
        let shown: Vec<_> = copies.iter().map(|copy| (copy.token, copy.packet.clone())).collect();
        assert_eq!(shown, frames.map(|frame| (TOKEN, packet(&frame))));
        assert!(copies[0].time_ns < copies[1].time_ns);
        assert_eq!(Some(copies[1].time_ns), bench.stats(index).last_seen_ns);
    }
}

#[test]
fn a_copy_is_the_same_where_families_are_translated_and_tags_taken_off() {
    let Some(mut bench) = Bench::new() else { return };
    let (v4, v6) = (bench::eastwards(), bench::eastwards6());
    let crossed =
        [Rule { from: v6.from, to: v6.to, ..v4.clone() }, Rule { from: v4.from, to: v4.to, ..v6.clone() }];
    for rule in crossed.map(copied) {
        bench.install(&rule, &Progress::default());
        for tags in [&[][..], &[10], &[10, 20]] {
            let (from, to, payload) = (rule.source, rule.local, &rtp(1)[..]);
            let (destination, source) = (OURS, PEER);
            let frame = Frame { destination, source, tags, from, to, tos: 0, ttl: 9, payload }.bytes();
            assert_eq!(bench.run(&frame).verdict, XDP_TX);
            let copies = bench.take_copies();
            assert_eq!(copies.len(), 1);
            assert_eq!(copies[0].packet, frame[14 + tags.len() * 4..]);
        }
        bench.withdraw(&rule);
    }
}

#[test]
fn padding_behind_the_packet_is_not_copied() {
    let Some(mut bench) = Bench::new() else { return };
    let rule = copied(bench::eastwards());
    bench.install(&rule, &Progress::default());
    let frame = bench::arriving(&rule, &rtp(1)[..12]);
    let mut padded = frame.clone();
    padded.resize(60, 0xaa);
    assert_eq!(bench.run(&padded).verdict, XDP_TX);
    assert_eq!(bench.take_copies()[0].packet, packet(&frame));
}

#[test]
fn copying_begins_ends_and_changes_its_token_in_a_rule_at_work() {
    let Some(mut bench) = Bench::new() else { return };
    let rule = bench::eastwards();
    let index = bench.install(&rule, &Progress::default());
    let mut tokens = Vec::new();
    for (sequence, token) in (0..).zip([None, Some(1), Some(u64::MAX), None, Some(3)]) {
        assert!(bench.copy(index, token));
        let out = bench.run(&bench::arriving(&rule, &rtp(sequence)));
        assert_eq!((out.verdict, out.frame), (XDP_TX, bench::leaving(&rule, &rtp(sequence))));
        tokens.push(bench.take_copies().first().map(|copy| copy.token));
    }
    assert_eq!(tokens, [None, Some(1), Some(u64::MAX), None, Some(3)]);
    assert_eq!(bench.stats(index).packets, 5);
    bench.withdraw(&rule);
    assert!(!bench.copy(index, Some(4)));
}

#[test]
fn packets_that_go_up_are_not_copied() {
    let Some(mut bench) = Bench::new() else { return };
    let rule = copied(bench::eastwards());
    bench.install(&rule, &Progress::default());
    let mut event = rtp(1);
    event[1] = 96;
    bench.passes(&bench::arriving(&rule, &event), "payloadType");
    bench.change_hop(|hop| hop.mtu = 199);
    bench.passes(&bench::arriving(&rule, &rtp(1)), "tooBig");
    assert!(bench.take_copies().is_empty());
}

#[test]
fn packets_too_long_for_a_copy_go_up() {
    let Some(mut bench) = Bench::new() else { return };
    let rule = copied(bench::eastwards());
    let index = bench.install(&rule, &Progress::default());
    bench.change_hop(|hop| hop.mtu = 9000);
    let mut long = rtp(1);
    long.resize(LONGEST_COPY - 28, 5);
    let frame = bench::arriving(&rule, &long);
    assert_eq!(bench.run(&frame).verdict, XDP_TX);
    assert_eq!(bench.take_copies()[0].packet, packet(&frame));
    long.push(5);
    bench.passes(&bench::arriving(&rule, &long), "tooBig");
    assert!(bench.take_copies().is_empty());
    bench.copy(index, None);
    assert_eq!(bench.run(&bench::arriving(&rule, &long)).verdict, XDP_TX);
}

#[test]
fn what_does_not_fit_into_the_ring_is_relayed_and_counted() {
    let Some(mut bench) = Bench::new() else { return };
    // Comes back as it was, so that it can be sent again and again.
    let rule = bench::eastwards();
    let rule = copied(Rule { from: rule.source, to: rule.local, ..rule });
    bench.change_hop(|hop| hop.destination = OURS);
    let other = bench::eastwards6();
    let index = bench.install(&rule, &Progress::default());
    let uncopied = bench.install(&other, &Progress::default());
    let frame = bench::arriving(&rule, &rtp(1));
    // 8 bytes of the ring's own and 24 of ours go with each.
    let entry = (8 + 24 + packet(&frame).len()).next_multiple_of(8);
    let fit = RING / entry;
    bench.run_often(&frame, fit as u32 + 5);
    assert_eq!(bench.run(&frame).verdict, XDP_TX);
    assert_eq!(bench.run(&bench::arriving(&other, &rtp(1))).verdict, XDP_TX);
    let stats = bench.stats(index);
    let copies = bench.take_copies();
    assert_eq!(stats.packets as usize, fit + 6);
    assert_eq!(copies.len() + stats.copies_lost as usize, fit + 6);
    assert!(stats.copies_lost >= 6 && stats.copies_lost <= 7, "{stats:?}");
    assert_eq!(bench.copies_lost(), stats.copies_lost);
    assert_eq!(bench.stats(uncopied).copies_lost, 0);
    bench.run(&frame);
    assert_eq!(bench.take_copies().len(), 1);
}

const TOKEN: u64 = 0xfeed_0000_0000_beef;
const LONGEST_COPY: usize = 1536;
const RING: usize = 8 << 20;
