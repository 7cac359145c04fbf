//! What is counted, measured and reported.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use protocol::ReportedQuality;
use sim::{Link, Scene, packets, packets::Block};

/// LSR of the sender reports below.
const NTP: u64 = 0x1111_2222_3333_4444;
const LSR: u32 = 0x2222_3333;

/// Each side's sender report passes; a while later each reports about the other's source.
fn exchange_reports(scene: &mut Scene, kept_ms: u32, jitter: u32, fraction_lost: u8) {
    let (alice, bob) = (scene.net.ssrc(scene.alice), scene.net.ssrc(scene.bob));
    scene.net.send_rtcp(scene.alice, scene.local_rtcp(1), packets::sender_report(alice, NTP, &[]));
    scene.net.send_rtcp(scene.bob, scene.local_rtcp(2), packets::sender_report(bob, NTP, &[]));
    scene.net.settle();
    scene.wait(1000);
    let delay = (kept_ms * 65_536).div_ceil(1000);
    let block = Block { jitter, fraction_lost, lost: 3, last_sender_report: LSR, delay, ..Block::default() };
    let about_alice = packets::receiver_report(bob, &[Block { ssrc: alice, ..block }]);
    let about_bob = packets::receiver_report(alice, &[Block { ssrc: bob, ..block }]);
    scene.net.send_rtcp(scene.alice, scene.local_rtcp(1), about_bob);
    scene.net.settle();
    scene.net.send_rtcp(scene.bob, scene.local_rtcp(2), about_alice);
    scene.net.settle();
}

fn reported(scene: &Scene, stream: usize) -> ReportedQuality {
    scene.stats(stream).ingress[0].reported.clone().unwrap()
}

#[test]
fn a_report_is_booked_on_the_source_it_is_about() {
    let mut scene = Scene::audio();
    scene.talk(1000);
    exchange_reports(&mut scene, 1000, 80, 64);
    let alice = reported(&scene, 1);
    assert_eq!((alice.reports, alice.lost, alice.jitter_ms, alice.loss_percent), (1, 3, 10.0, 25.0));
    assert_eq!(scene.stats(2).egress[0].reported.as_ref(), Some(&alice));
}

#[test]
fn the_round_trip_is_that_of_the_relayed_sender_report() {
    let mut scene = Scene::audio();
    scene.talk(1000);
    // The report is 20 ms under way, waits 1000 ms, and then takes 5 ms; 1000 ms of it the receiver kept.
    exchange_reports(&mut scene, 1000, 0, 0);
    let (alice, bob) = (reported(&scene, 1), reported(&scene, 2));
    let leg_us = bob.round_trip_leg_us.unwrap();
    assert!((19_000..=21_000).contains(&leg_us), "{leg_us}");
    let both = alice.round_trip_us.unwrap();
    assert_eq!(both, alice.round_trip_leg_us.unwrap() + leg_us);
    let sample = alice.average.unwrap();
    assert!(sample.mos > 4.2 && alice.samples == 1);
    assert_eq!((alice.lowest, alice.highest), (Some(sample), Some(sample)));
    let progression = alice.progression.unwrap();
    assert_eq!((progression.interval_ms, progression.entries), (10_000, vec![sample]));
}

#[test]
fn a_report_without_a_sender_report_gives_no_round_trip_and_no_score() {
    let mut scene = Scene::audio();
    scene.talk(1000);
    let (alice, bob) = (scene.net.ssrc(scene.alice), scene.net.ssrc(scene.bob));
    for last_sender_report in [0, 77] {
        let block = Block { ssrc: alice, last_sender_report, ..Block::default() };
        scene.net.send_rtcp(scene.bob, scene.local_rtcp(2), packets::receiver_report(bob, &[block]));
        scene.wait(2000);
    }
    let alice = reported(&scene, 1);
    assert_eq!((alice.reports, alice.round_trip_leg_us, alice.samples, alice.average), (2, None, 0, None));
}

#[test]
fn at_most_one_block_a_second_counts() {
    let mut scene = Scene::audio();
    scene.talk(1000);
    let (alice, bob) = (scene.net.ssrc(scene.alice), scene.net.ssrc(scene.bob));
    for _ in 0..30 {
        let block = Block { ssrc: alice, ..Block::default() };
        scene.net.send_rtcp(scene.bob, scene.local_rtcp(2), packets::receiver_report(bob, &[block]));
        scene.wait(100);
    }
    assert_eq!(reported(&scene, 1).reports, 3);
}

#[test]
fn reports_about_unknown_sources_are_not_kept() {
    let mut scene = Scene::audio();
    scene.talk(100);
    for ssrc in 0..1000 {
        let report = packets::sender_report(ssrc, NTP, &[Block { ssrc, ..Block::default() }]);
        scene.net.send_rtcp(scene.alice, scene.local_rtcp(1), report);
        scene.net.settle();
    }
    assert_eq!((scene.stats(1).ingress.len(), scene.stats(2).egress.len()), (1, 1));
}

#[test]
fn loss_on_the_way_here_is_measured() {
    let mut scene = Scene::audio();
    scene.talk(100);
    scene.net.link = Link { loss_per_mille: 100, ..Link::default() };
    scene.alice_talks(20_000);
    scene.net.link = Link::default();
    scene.alice_talks(100);
    let stats = scene.stats(1);
    let measured = stats.ingress[0].measured;
    let sent = 5 + 1000 + 5;
    assert_eq!(measured.lost, sent - stats.rtp.received_packets.cast_signed());
    assert!((60..140).contains(&measured.lost), "{}", measured.lost);
    assert!(measured.mos.unwrap() < 3.9);
    assert_eq!(scene.stats(2).egress[0].measured, measured);
}

#[test]
fn reordering_is_counted_and_is_not_loss() {
    let mut scene = Scene::audio();
    scene.net.link.variation = std::time::Duration::from_millis(60);
    scene.alice_talks(10_000);
    let measured = scene.stats(1).ingress[0].measured;
    assert!(measured.reordered > 50 && measured.lost == 0 && measured.duplicates == 0);
    assert!(measured.jitter_ms > 10.0);
}

#[test]
fn at_most_eight_sources_are_kept_and_the_idlest_gives_way() {
    let mut scene = Scene::audio();
    scene.alice_talks(20);
    for ssrc in 0..100 {
        scene.net.send(scene.alice, scene.local(1), packets::rtp(0, 1, 1, ssrc));
        scene.alice_talks(20);
    }
    let stats = scene.stats(1);
    assert_eq!((stats.ingress.len(), stats.ssrcs_forgotten), (8, 93));
    let alice = scene.net.ssrc(scene.alice);
    assert!(stats.ingress.iter().any(|source| source.ssrc == alice && source.packets == 101));
    assert_eq!(scene.stats(2).egress.len(), 8);
}

#[test]
fn the_codec_in_use_is_named_and_events_are_not_a_codec() {
    let mut scene = Scene::audio();
    scene.net.set_payload_type(scene.alice, 8);
    scene.talk(100);
    let ssrc = scene.net.ssrc(scene.alice);
    scene.net.send(scene.alice, scene.local(1), packets::rtp(101, 6, 0, ssrc));
    scene.net.settle();
    let (alice, bob) = (scene.stats(1), scene.stats(2));
    assert_eq!((alice.codec_in.as_deref(), alice.codec_out.as_deref()), (Some("PCMA"), Some("PCMU")));
    assert_eq!((bob.codec_in.as_deref(), bob.codec_out.as_deref()), (Some("PCMU"), Some("PCMA")));
    assert_eq!(alice.ingress[0].codec.as_deref(), Some("PCMA"));
}

#[test]
fn well_known_payload_types_are_named_without_a_list() {
    let mut scene = Scene::audio_with(|plan| plan.streams[0].payloads.clear());
    scene.net.set_payload_type(scene.alice, 18);
    scene.alice_talks(100);
    assert_eq!(scene.stats(1).codec_in.as_deref(), Some("G729"));
    assert_eq!(scene.rtp(1).unknown_payload_type, 0);
}

#[test]
fn both_legs_and_the_process_count_the_same_packets() {
    let mut scene = Scene::audio();
    scene.talk(1000);
    let (alice, bob) = (scene.rtp(1), scene.rtp(2));
    assert_eq!((alice.received_packets, alice.received_bytes), (50, 50 * 172));
    assert_eq!((bob.sent_packets, bob.sent_bytes), (50, 50 * 172));
    let node = scene.net.engine().counters();
    assert_eq!((node.received_packets, node.sent_packets, node.dropped_packets), (100, 100, 0));
    assert_eq!((node.received_bytes, node.sent_bytes), (100 * 172, 100 * 172));
    assert_eq!(alice.last_packet_ms_ago, Some(35));
}
