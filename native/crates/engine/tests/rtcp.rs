//! RTCP towards peers with rules: what passes, what is translated, what is made here.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use protocol::{FeedbackKind, ReportsPlan, ReportsWhen, RtcpRules};
use sim::{Scene, packets, packets::Block};
use wire::rtcp::{Content, Packet, ReportBlock, SenderReport};

const NTP: u64 = 0x1111_2222_3333_4444;

fn rules(feedback: &[FeedbackKind]) -> RtcpRules {
    RtcpRules { feedback: Some(feedback.to_vec()), reduced_size: false, reports: None }
}

fn reports(when: ReportsWhen) -> ReportsPlan {
    ReportsPlan { when, interval_ms: 5000, bandwidth_bps: 3200 }
}

/// Bob's stream has these rules.
fn with_rules(rules: RtcpRules) -> Scene {
    let mut scene = Scene::audio_with(|plan| plan.streams[1].rtcp_rules = Some(rules));
    scene.talk(1000);
    scene.forget();
    scene
}

/// What Bob gets of Alice's compound.
fn pass(scene: &mut Scene, parts: &[Vec<u8>]) -> Vec<Vec<u8>> {
    scene.net.send_rtcp(scene.alice, scene.local_rtcp(1), parts.concat());
    scene.net.settle();
    bob_gets(scene)
}

fn bob_gets(scene: &mut Scene) -> Vec<Vec<u8>> {
    let rtcp: Vec<_> =
        scene.heard(scene.bob).into_iter().filter(|r| r.is_rtcp()).map(|r| r.payload).collect();
    for compound in &rtcp {
        assert!(wire::rtcp::is_whole(compound));
        assert!(wire::rtcp::packets(compound).all(|packet| packet.is_sound()));
    }
    rtcp
}

fn kinds(compound: &[u8]) -> Vec<(u8, u8)> {
    wire::rtcp::packets(compound).map(|Packet { kind, count, .. }| (kind, count)).collect()
}

fn sender_report(compound: &[u8]) -> (SenderReport, Vec<ReportBlock>) {
    let first = wire::rtcp::packets(compound).next().unwrap();
    let Content::SenderReport(report, blocks) = first.content() else { panic!("{first:?}") };
    (report, blocks.iter().collect())
}

fn names(compound: &[u8]) -> Vec<(u32, String)> {
    let mut names = Vec::new();
    for packet in wire::rtcp::packets(compound) {
        let Content::SourceDescription(chunks) = packet.content() else { continue };
        for chunk in chunks {
            let (_, name) = chunk.items().next().unwrap();
            names.push((chunk.ssrc, String::from_utf8(name.to_vec()).unwrap()));
        }
    }
    names
}

#[test]
fn a_peer_that_agreed_to_no_feedback_gets_reports_only() {
    let mut scene = with_rules(rules(&[]));
    let (alice, bob) = (scene.net.ssrc(scene.alice), scene.net.ssrc(scene.bob));
    let report = [packets::receiver_report(alice, &[]), packets::canonical_name(alice, "alice")];
    let compound =
        [&report[..], &[packets::picture_loss(alice, bob), packets::feedback(205, 15, alice, bob, &[1, 2])]]
            .concat();
    assert_eq!(pass(&mut scene, &compound), [report.concat()]);
    assert!(pass(&mut scene, &[packets::picture_loss(alice, bob)]).is_empty());
    // It was consumed, not lost.
    assert_eq!((scene.stats(1).rtcp.received_packets, scene.stats(1).rtcp.unroutable), (2, 0));
}

#[test]
fn without_rules_everything_passes_as_it_is() {
    let mut scene = Scene::audio();
    scene.talk(100);
    scene.forget();
    let compound = [packets::picture_loss(1, 2), packets::extended_report(1, 7, &[3; 8])];
    assert_eq!(pass(&mut scene, &compound), [compound.concat()]);
}

#[test]
fn a_compound_within_the_rules_is_not_touched() {
    let mut scene = with_rules(rules(&[FeedbackKind::Nack]));
    let compound = [
        packets::sender_report(1, NTP, &[Block { ssrc: 9, ..Block::default() }]),
        packets::canonical_name(1, "alice@example"),
        packets::feedback(205, 1, 1, 2, &[0x1234_0001]),
        packets::extended_report(1, 7, &[3; 8]),
        packets::bye(1),
    ];
    assert_eq!(pass(&mut scene, &compound), [compound.concat()]);
}

#[test]
fn a_picture_loss_becomes_an_intra_request_where_only_that_is_known_and_each_has_a_number_of_its_own() {
    let mut scene = with_rules(RtcpRules { reduced_size: true, ..rules(&[FeedbackKind::Fir]) });
    let request = |number| vec![packets::full_intra_request(7, 8, number)];
    assert_eq!(pass(&mut scene, &[packets::picture_loss(7, 8)]), request(1));
    assert_eq!(pass(&mut scene, &[packets::picture_loss(7, 8)]), request(2));
    // A request and its repetition.
    assert_eq!(pass(&mut scene, &[packets::full_intra_request(7, 8, 2)]), request(3));
    assert_eq!(pass(&mut scene, &[packets::full_intra_request(7, 8, 2)]), request(3));
    assert_eq!(pass(&mut scene, &[packets::full_intra_request(7, 8, 9)]), request(4));
}

#[test]
fn an_intra_request_becomes_picture_losses_where_only_these_are_known() {
    let mut scene = with_rules(RtcpRules { reduced_size: true, ..rules(&[FeedbackKind::Pli]) });
    let both = packets::feedback(206, 4, 7, 0, &[8, 1 << 24, 9, 1 << 24]);
    let expected = [packets::picture_loss(7, 8), packets::picture_loss(7, 9)].concat();
    assert_eq!(pass(&mut scene, &[both]), [expected]);
}

#[test]
fn a_reduced_compound_gets_a_report_and_the_senders_name_where_that_was_not_negotiated() {
    let mut scene = with_rules(rules(&[FeedbackKind::Pli]));
    let alice = scene.net.ssrc(scene.alice);
    let full = [packets::receiver_report(alice, &[]), packets::canonical_name(alice, "alice@home")];
    pass(&mut scene, &full);
    let pli = packets::picture_loss(alice, 8);
    assert_eq!(pass(&mut scene, std::slice::from_ref(&pli)), [[full.concat(), pli].concat()]);
}

#[test]
fn bandwidth_feedback_is_dropped_alone() {
    let mut scene =
        with_rules(RtcpRules { reduced_size: true, ..rules(&[FeedbackKind::Nack, FeedbackKind::Pli]) });
    let nack = packets::feedback(205, 1, 1, 2, &[7 << 16]);
    let remb = packets::feedback(206, 15, 1, 0, &[u32::from_be_bytes(*b"REMB"), 0x0100_1234, 2]);
    let tmmbr = packets::feedback(205, 3, 1, 0, &[2, 77]);
    assert_eq!(pass(&mut scene, &[nack.clone(), remb, tmmbr]), [nack]);
}

#[test]
fn what_is_no_compound_is_dropped_and_counted() {
    let mut scene = with_rules(rules(&[FeedbackKind::Pli]));
    let good = packets::receiver_report(1, &[]);
    let mut lying = packets::receiver_report(1, &[Block::default()]);
    lying[0] = 0x80 | 31;
    let truncated = packets::sender_report(1, NTP, &[])[..24].to_vec();
    let mut padded = good.clone();
    padded[0] |= 0x20;
    for bad in
        [lying, truncated, padded, vec![0x81, 202, 0, 1, 0, 0, 0, 1], packets::feedback(206, 4, 1, 0, &[1])]
    {
        assert!(pass(&mut scene, &[good.clone(), bad]).is_empty());
    }
    assert_eq!(scene.stats(1).rtcp.malformed, 5);
    assert_eq!(pass(&mut scene, std::slice::from_ref(&good)), [good]);
}

#[test]
fn hundreds_of_report_blocks_pass_and_book_once() {
    let mut scene = with_rules(rules(&[]));
    let about = scene.net.ssrc(scene.bob);
    let blocks = [Block { ssrc: about, ..Block::default() }; 31];
    let parts: Vec<_> = (0..40).map(|ssrc| packets::receiver_report(ssrc, &blocks)).collect();
    let passed = pass(&mut scene, &parts[..2]);
    assert_eq!(passed, [parts[..2].concat()]);
    assert_eq!(scene.stats(2).ingress[0].reported.clone().unwrap().reports, 1);
}

/// Reports of the proxy's own to Bob, Alice's end here.
fn terminated() -> Scene {
    with_rules(RtcpRules { reports: Some(reports(ReportsWhen::Always)), ..rules(&[FeedbackKind::Pli]) })
}

#[test]
fn a_report_of_our_own_says_what_was_sent_and_what_was_received() {
    let mut scene = terminated();
    let (alice, bob) = (scene.net.ssrc(scene.alice), scene.net.ssrc(scene.bob));
    scene.talk(9000);
    let got = bob_gets(&mut scene);
    assert!((2..=5).contains(&got.len()), "{}", got.len());
    let (report, blocks) = sender_report(got.last().unwrap());
    assert_eq!(report.ssrc, alice);
    assert_eq!(report.octets, report.packets * 160);
    assert_eq!(names(got.last().unwrap())[0].0, alice);
    assert_eq!(blocks.len(), 1);
    assert_eq!((blocks[0].ssrc, blocks[0].fraction_lost, blocks[0].cumulative_lost), (bob, 0, 0));
    assert!(blocks[0].highest_sequence > 300 && blocks[0].jitter < 10);
}

#[test]
fn a_report_tells_when_the_peers_own_last_came() {
    let mut scene = terminated();
    let bob = scene.net.ssrc(scene.bob);
    scene.net.send_rtcp(scene.bob, scene.local_rtcp(2), packets::sender_report(bob, NTP, &[]));
    scene.net.settle();
    scene.talk(100);
    let sent = scene.heard(scene.bob).first().unwrap().at;
    scene.talk(7000);
    let first = scene.heard(scene.bob).into_iter().find(|received| received.is_rtcp()).unwrap();
    let (_, blocks) = sender_report(&first.payload);
    assert_eq!(blocks[0].last_sender_report, (NTP >> 16) as u32);
    let seconds = f64::from(blocks[0].delay_since_last_sender_report) / 65_536.0;
    assert!((seconds - (first.at - sent).as_secs_f64()).abs() < 0.1, "{seconds}");
}

#[test]
fn feedback_a_party_agreed_to_passes_as_it_is() {
    let mut scene = with_rules(RtcpRules {
        reduced_size: true,
        ..rules(&[FeedbackKind::Nack, FeedbackKind::Tmmbr, FeedbackKind::Remb, FeedbackKind::TransportCc])
    });
    let request = packets::feedback(205, 3, 1, 0, &[2, 77]);
    let notification = packets::feedback(205, 4, 1, 0, &[2, 77]);
    let estimate = packets::feedback(206, 15, 1, 0, &[u32::from_be_bytes(*b"REMB"), 0x0100_1234, 2]);
    let arrivals = packets::feedback(205, 15, 1, 2, &[7 << 16 | 1, 0, 0x2000_0000]);
    let compound = [packets::feedback(205, 1, 1, 2, &[7 << 16]), request, notification, estimate, arrivals];
    assert_eq!(pass(&mut scene, &compound), [compound.concat()]);
}

#[test]
fn loss_on_the_way_here_is_reported_as_it_happens() {
    let mut scene = terminated();
    scene.net.link = sim::Link { loss_per_mille: 200, ..sim::Link::default() };
    scene.bob_talks(20_000);
    scene.net.link = sim::Link::default();
    scene.forget();
    scene.bob_talks(20_000);
    let got = bob_gets(&mut scene);
    let Content::ReceiverReport { reports, .. } =
        wire::rtcp::packets(got.last().unwrap()).next().unwrap().content()
    else {
        panic!("Alice is silent");
    };
    let block = reports.iter().next().unwrap();
    assert_eq!(block.fraction_lost, 0);
    assert!((150..250).contains(&block.cumulative_lost), "{}", block.cumulative_lost);
}

#[test]
fn reports_of_the_counterpart_end_here_but_are_booked() {
    let mut scene = terminated();
    let (alice, bob) = (scene.net.ssrc(scene.alice), scene.net.ssrc(scene.bob));
    let block = Block { ssrc: bob, jitter: 80, ..Block::default() };
    let report = packets::sender_report(alice, NTP, &[block]);
    let parts =
        [report, packets::canonical_name(alice, "alice@home"), packets::extended_report(alice, 4, &[1, 2])];
    assert!(pass(&mut scene, &parts).is_empty());
    assert_eq!(scene.stats(2).ingress[0].reported.clone().unwrap().jitter_ms, 10.0);
}

#[test]
fn the_round_trip_is_measured_with_our_own_reports() {
    let mut scene = terminated();
    let (alice, bob) = (scene.net.ssrc(scene.alice), scene.net.ssrc(scene.bob));
    scene.talk(7000);
    let (report, _) = sender_report(bob_gets(&mut scene).last().unwrap());
    scene.net.link.delay = std::time::Duration::from_millis(30);
    let answered = Block { ssrc: alice, last_sender_report: report.ntp_middle(), ..Block::default() };
    scene.net.send_rtcp(scene.bob, scene.local_rtcp(2), packets::receiver_report(bob, &[answered]));
    scene.net.settle();
    assert!(scene.stats(1).ingress[0].reported.clone().unwrap().round_trip_leg_us.is_some());
}

#[test]
fn feedback_passes_behind_a_report_of_our_own() {
    let mut scene = terminated();
    let (alice, bob) = (scene.net.ssrc(scene.alice), scene.net.ssrc(scene.bob));
    let pli = packets::picture_loss(alice, bob);
    let got = pass(&mut scene, &[packets::receiver_report(alice, &[]), pli]);
    assert_eq!(kinds(&got[0]), [(200, 1), (202, 1), (206, 1)]);
}

#[test]
fn a_bye_passes_behind_a_report_and_ends_the_reports_of_its_source() {
    let mut scene = terminated();
    let alice = scene.net.ssrc(scene.alice);
    let got = pass(&mut scene, &[packets::receiver_report(alice, &[]), packets::bye(alice)]);
    assert_eq!(kinds(&got[0])[1..], [(202, 1), (203, 1)]);
    scene.bob_talks(20_000);
    assert!(bob_gets(&mut scene).iter().all(|compound| kinds(compound)[0].0 == 201));
}

#[test]
fn our_reports_keep_the_clock_of_the_source() {
    let mut scene = terminated();
    let alice = scene.net.ssrc(scene.alice);
    scene.net.send_rtcp(scene.alice, scene.local_rtcp(1), packets::sender_report(alice, NTP, &[]));
    scene.net.settle();
    scene.talk(7000);
    let (report, _) = sender_report(bob_gets(&mut scene).last().unwrap());
    // 8000 ticks a second since the source said that 160 is at NTP.
    let seconds = (report.ntp - NTP) as f64 / f64::from(u32::MAX);
    assert!((seconds * 8000.0 - f64::from(report.rtp_timestamp - 160)).abs() < 2.0);
}

#[test]
fn missing_reports_are_made_up_for_until_the_counterpart_sends_its_own() {
    let mut scene = with_rules(RtcpRules {
        feedback: None,
        reduced_size: true,
        reports: Some(reports(ReportsWhen::Missing)),
    });
    scene.talk(15_000);
    assert!(!bob_gets(&mut scene).is_empty());
    let alice = scene.net.ssrc(scene.alice);
    for _ in 0..4 {
        let own = packets::sender_report(alice, NTP, &[]);
        assert_eq!(pass(&mut scene, std::slice::from_ref(&own)), [own]);
        scene.talk(5000);
        assert!(bob_gets(&mut scene).is_empty());
    }
    scene.talk(20_000);
    assert!(!bob_gets(&mut scene).is_empty());
}

#[test]
fn a_session_without_bandwidth_for_rtcp_gets_none() {
    let none = ReportsPlan { bandwidth_bps: 0, ..reports(ReportsWhen::Always) };
    let mut scene = with_rules(RtcpRules { reports: Some(none), ..rules(&[]) });
    scene.talk(20_000);
    assert!(bob_gets(&mut scene).is_empty());
}

#[test]
fn a_call_without_media_has_nothing_to_report() {
    let mut scene = Scene::audio_with(|plan| {
        plan.streams[1].rtcp_rules =
            Some(RtcpRules { reports: Some(reports(ReportsWhen::Always)), ..rules(&[]) });
    });
    scene.wait(60_000);
    assert!(bob_gets(&mut scene).is_empty());
}

#[test]
fn reports_come_after_the_interval_and_up_to_a_second_by_chance() {
    let mut scene = terminated();
    scene.forget();
    scene.talk(120_000);
    let times: Vec<_> = scene.heard(scene.bob).iter().filter(|r| r.is_rtcp()).map(|r| r.at).collect();
    let gaps: Vec<_> = times.windows(2).map(|pair| (pair[1] - pair[0]).as_millis()).collect();
    assert!(gaps.iter().all(|gap| (4990..=6010).contains(gap)), "{gaps:?}");
    assert!(gaps.iter().max().unwrap() - gaps.iter().min().unwrap() > 500);
}

#[test]
fn rules_that_go_away_leave_plain_relaying() {
    let mut scene = terminated();
    scene.replan(|plan| plan.streams[1].rtcp_rules = None);
    scene.talk(20_000);
    assert!(bob_gets(&mut scene).is_empty());
    let pli = packets::picture_loss(1, 2);
    assert_eq!(pass(&mut scene, std::slice::from_ref(&pli)), [pli]);
}
