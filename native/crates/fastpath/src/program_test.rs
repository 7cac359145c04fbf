//! Packets in, verdicts and packets out: the program as the kernel runs it (`BPF_PROG_TEST_RUN`).

mod agreement;
mod bench;
mod checker;
mod copies;
mod differential;
mod engine_words;
mod headers;
mod passes;
mod random;
mod stack;

use bench::{Bench, OURS, PEER, ROUTER, address, rtp};

use crate::{
    Progress, Rewrite, Rule,
    frame::Frame,
    kernel::XDP_TX,
    layout::{Details, HOP_RESOLVED, HOP_SENDS_FRAMES, RuleValue, Way},
};

#[test]
fn a_packet_of_a_rule_leaves_with_new_headers() {
    let Some(mut bench) = Bench::new() else { return };
    let rule = bench::eastwards();
    let index = bench.install(&rule, &Progress::default());
    let out = bench.run(&bench::arriving(&rule, &rtp(7)));
    assert_eq!(out.verdict, XDP_TX);
    assert_eq!(out.frame, bench::leaving(&rule, &rtp(7)));
    let stats = bench.stats(index);
    assert_eq!((stats.packets, stats.bytes, stats.last_sequence), (1, 172, 7));
    assert_eq!(bench.counted("forwarded"), 1);
}

#[test]
fn families_are_translated_into_each_other() {
    let Some(mut bench) = Bench::new() else { return };
    let west = [("192.0.2.1:30000", "192.0.2.2:40000"), ("[2001:db8::1]:30000", "[2001:db8::2]:40000")];
    let east =
        [("198.51.100.1:30002", "198.51.100.2:50000"), ("[2001:db8:1::1]:30002", "[2001:db8:1::2]:50000")];
    for (local, source) in west {
        for (from, to) in east {
            let rule = bench::rule(local, source, from, to);
            bench.install(&rule, &Progress::default());
            let out = bench.run(&bench::arriving(&rule, &rtp(1)));
            assert_eq!((out.verdict, out.frame), (XDP_TX, bench::leaving(&rule, &rtp(1))), "{local} to {to}");
            bench.withdraw(&rule);
        }
    }
}

#[test]
fn payload_types_sources_and_numbers_are_rewritten() {
    let Some(mut bench) = Bench::new() else { return };
    let mut rule = bench::eastwards();
    rule.payloads[0].leaves_as = 8;
    rule.rewrite =
        Rewrite { ssrc: Some(0xfeed_beef), sequence_offset: 65_000, timestamp_offset: 0xffff_0000 };
    bench.install(&rule, &Progress::default());
    let mut marked = rtp(1000);
    marked[1] |= 0x80;
    let out = bench.run(&bench::arriving(&rule, &marked));
    let mut expected = marked.clone();
    expected[1] = 0x80 | 8;
    expected[2..4].copy_from_slice(&1000u16.wrapping_add(65_000).to_be_bytes());
    expected[4..8].copy_from_slice(&160_000u32.wrapping_add(0xffff_0000).to_be_bytes());
    expected[8..12].copy_from_slice(&0xfeed_beefu32.to_be_bytes());
    assert_eq!((out.verdict, out.frame), (XDP_TX, bench::leaving(&rule, &expected)));
}

#[test]
fn odd_lengths_extensions_and_contributing_sources_pass_through() {
    let Some(mut bench) = Bench::new() else { return };
    let rule = bench::eastwards();
    bench.install(&rule, &Progress::default());
    let mut packet = rtp(1)[..12].to_vec();
    packet[0] = 0x80 | 0x10 | 2;
    packet.extend([0, 0, 0, 1, 0, 0, 0, 2, 0xbe, 0xde, 0, 1, 0x10, 0xff, 0, 0, 1, 2, 3]);
    let out = bench.run(&bench::arriving(&rule, &packet));
    assert_eq!((out.verdict, out.frame), (XDP_TX, bench::leaving(&rule, &packet)));
}

#[test]
fn tags_are_taken_off_and_put_on() {
    let Some(mut bench) = Bench::new() else { return };
    let rule = bench::eastwards();
    bench.install(&rule, &Progress::default());
    for arrives in [&[][..], &[10], &[10, 20]] {
        for leaves in [None, Some(30)] {
            bench.leave_with_tag(leaves);
            let (from, to) = (rule.source, rule.local);
            let (destination, source, payload) = (OURS, PEER, &rtp(1)[..]);
            let frame =
                Frame { destination, source, tags: arrives, from, to, tos: 0, ttl: 9, payload }.bytes();
            let (from, to, tos) = (rule.from, rule.to, rule.tos);
            let tags = leaves.as_slice();
            let expected =
                Frame { destination: ROUTER, source: OURS, tags, from, to, tos, ttl: 64, payload }.bytes();
            let out = bench.run(&frame);
            assert_eq!((out.verdict, out.frame), (XDP_TX, expected), "{arrives:?} to {leaves:?}");
        }
    }
}

#[test]
fn padding_of_short_frames_hurts_nobody() {
    let Some(mut bench) = Bench::new() else { return };
    let rule = bench::eastwards();
    bench.install(&rule, &Progress::default());
    let short = &rtp(1)[..12];
    let mut frame = bench::arriving(&rule, short);
    frame.resize(60, 0xaa);
    let mut expected = bench::leaving(&rule, short);
    expected.resize(60, 0xaa);
    let out = bench.run(&frame);
    assert_eq!((out.verdict, out.frame), (XDP_TX, expected));
}

#[test]
fn a_hop_that_cannot_be_used_sends_packets_up() {
    let Some(mut bench) = Bench::new() else { return };
    let rule = bench::eastwards();
    bench.install(&rule, &Progress::default());
    let frame = bench::arriving(&rule, &rtp(1));
    bench.change_hop(|hop| hop.flags = HOP_SENDS_FRAMES);
    bench.passes(&frame, "nextHop");
    bench.change_hop(|hop| hop.mtu = 199);
    bench.passes(&frame, "tooBig");
    bench.change_hop(|hop| (hop.flags, hop.device) = (HOP_RESOLVED, 2));
    bench.passes(&frame, "egress");
    bench.change_hop(|hop| hop.version = 1);
    bench.passes(&frame, "nextHop");
    bench.change_hop(|_| {});
    assert_eq!(bench.run(&frame).verdict, XDP_TX);
}

#[test]
fn rules_at_one_port_do_not_hide_each_other() {
    let Some(mut bench) = Bench::new() else { return };
    let first = bench::eastwards();
    let second = Rule { source: address("192.0.2.7:40000"), ..first.clone() };
    let third = Rule { local: address("192.0.2.1:30001"), ..first.clone() };
    let rules = [first, second, third];
    let forwarded = |bench: &mut Bench| {
        rules.each_ref().map(|rule| bench.run(&bench::arriving(rule, &rtp(1))).verdict == XDP_TX)
    };
    let indices = rules.each_ref().map(|rule| bench.install(rule, &Progress::default()));
    assert_eq!(forwarded(&mut bench), [true; 3]);
    assert_eq!(indices.map(|index| bench.stats(index).packets), [1; 3]);
    bench.withdraw(&rules[0]);
    assert_eq!(forwarded(&mut bench), [false, true, true]);
    bench.install(&rules[0], &Progress::default());
    bench.withdraw(&rules[1]);
    assert_eq!(forwarded(&mut bench), [true, false, true]);
}

#[test]
fn measuring_goes_on_where_the_engine_was() {
    let Some(mut bench) = Bench::new() else { return };
    let rule = bench::eastwards();
    let progress = Progress { base: 65_000, highest: 65_535, received: 500, seen: 1, ..Progress::default() };
    let index = bench.install(&rule, &progress);
    for sequence in [0, 2, 1, 1] {
        bench.run(&bench::arriving(&rule, &rtp(sequence)));
    }
    let after = bench.stats(index).progress;
    assert_eq!((after.cycles, after.base, after.highest), (1, 65_000, 2));
    assert_eq!((after.received, after.duplicates, after.reordered), (504, 1, 1));
    assert_eq!((after.payload_type, after.clock_rate), (0, 8000));
    assert!(after.transit.is_some());
}

#[test]
fn a_rule_is_found_again_in_its_entry() {
    let mut rule = bench::rule("192.0.2.1:1", "192.0.2.2:2", "[2001:db8::1]:3", "[2001:db8::2]:4");
    rule.rewrite = Rewrite { ssrc: Some(5), sequence_offset: 6, timestamp_offset: 7 };
    let way = Way { hop: 1, arrival_device: 2, ttl: 64 };
    let details = Details::of(&rule, way);
    assert_eq!(RuleValue::of(&rule, way).rule(&details), rule);
    assert_eq!(rule.source, address("192.0.2.2:2"));
}
