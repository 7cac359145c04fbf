//! RTCP with SRTP, with bundles, and whatever the network brings: what leaves is sound.

use proptest::prelude::*;
use protocol::{FeedbackKind, ReportsPlan, ReportsWhen, RtcpRules};
use sim::{
    Scene,
    bundle::{AUDIO, Bundle, VIDEO},
    crypto,
    packets::{self, Block},
};
use srtp::Suite;
use wire::rtcp::Content;

const SUITE: Suite = Suite::AesCm128HmacSha1_80;

fn always() -> RtcpRules {
    let reports = ReportsPlan { when: ReportsWhen::Always, interval_ms: 5000, bandwidth_bps: 3200 };
    RtcpRules { feedback: None, reduced_size: false, reports: Some(reports) }
}

/// Alice speaks SRTP, Bob RTP.
fn protected_with(rules: Option<RtcpRules>) -> Scene {
    let (theirs, ours) = (crypto::key(SUITE, 1), crypto::key(SUITE, 2));
    let mut scene = Scene::audio_with(|plan| {
        plan.streams[0].security = crypto::sdes(&theirs, &ours);
        plan.streams[0].rtcp_rules = rules;
    });
    let alice = scene.alice;
    scene.net.secure(alice, &theirs, &ours);
    scene
}

fn alice_opens(scene: &mut Scene) -> Vec<Vec<u8>> {
    let alice = scene.alice;
    let received = scene.heard(alice);
    received.iter().filter_map(|packet| scene.net.open(alice, packet)).collect()
}

fn is_rtcp(packet: &&Vec<u8>) -> bool {
    wire::classify(packet) == wire::Kind::Rtcp
}

#[test]
fn reports_of_our_own_are_protected_like_the_rest() {
    let mut scene = protected_with(Some(always()));
    scene.talk(15_000);
    let received = scene.heard(scene.alice);
    let (alice, all) = (scene.alice, received.iter().filter(|packet| packet.is_rtcp()).count());
    let opened: Vec<_> = received.iter().filter_map(|packet| scene.net.open(alice, packet)).collect();
    let reports: Vec<_> = opened.iter().filter(is_rtcp).collect();
    assert!(all >= 2 && reports.len() == all);
    assert!(reports.iter().all(|compound| wire::rtcp::is_whole(compound)));
}

#[test]
fn feedback_to_a_protected_peer_is_translated_under_its_protection() {
    let rules = RtcpRules { feedback: Some(vec![FeedbackKind::Fir]), reduced_size: true, reports: None };
    let mut scene = protected_with(Some(rules));
    scene.talk(100);
    scene.forget();
    scene.net.send_rtcp(scene.bob, scene.local_rtcp(2), packets::picture_loss(1, 2));
    scene.net.settle();
    assert_eq!(alice_opens(&mut scene), [packets::full_intra_request(1, 2, 1)]);
}

#[test]
fn a_source_that_began_anew_reads_its_own_numbers_in_reports_and_in_requests_for_what_was_lost() {
    let mut scene = protected_with(None);
    let (alice, bob) = (scene.net.ssrc(scene.alice), scene.net.ssrc(scene.bob));
    scene.talk(2000);
    scene.net.set_sequence(scene.bob, 10);
    scene.forget();
    scene.bob_talks(1000);
    let heard = alice_opens(&mut scene);
    let shifted = wire::rtp::Header::parse(heard.last().unwrap()).unwrap().sequence;
    assert!(shifted > 59, "the numbers go on behind those of before");
    let highest = Block { ssrc: bob, highest: 7 << 16 | u32::from(shifted), ..Block::default() };
    let compound = [
        packets::receiver_report(alice, &[highest]),
        packets::feedback(205, 1, alice, bob, &[u32::from(shifted - 3) << 16 | 5]),
        packets::extended_report(alice, 1, &[bob, u32::from(shifted - 9) << 16 | u32::from(shifted)]),
    ];
    scene.net.report(scene.alice, scene.local_rtcp(1), &compound.concat(), true);
    scene.net.settle();
    let received = scene.heard(scene.bob).pop().unwrap().payload;
    let bobs = 59;
    let expected = [
        packets::receiver_report(alice, &[Block { highest: bobs, ..highest }]),
        packets::feedback(205, 1, alice, bob, &[(bobs - 3) << 16 | 5]),
        packets::extended_report(alice, 1, &[bob, (bobs - 9) << 16 | bobs]),
    ];
    assert_eq!(received, expected.concat());
}

/// What Alice is told while Bob sends her sound and picture, bundled.
fn reports_of_both() -> Vec<Vec<u8>> {
    let mut call = Bundle::with(|plan| {
        plan.streams[0].rtcp_rules = Some(always());
        plan.streams[1].rtcp_rules = Some(always());
    });
    for at in 0..600u16 {
        call.bob_sends(3, &packets::rtp(AUDIO, at, u32::from(at) * 160, 33));
        call.bob_sends(4, &packets::rtp(VIDEO, at, u32::from(at) * 160, 44));
    }
    call.alice_hears().into_iter().filter(|packet| is_rtcp(&packet)).collect()
}

#[test]
fn each_stream_of_a_bundle_is_reported_of_over_their_one_transport() {
    let compounds = reports_of_both();
    let senders: std::collections::BTreeSet<u32> =
        compounds.iter().filter_map(|compound| sender(compound)).collect();
    assert_eq!(senders.into_iter().collect::<Vec<_>>(), [33, 44]);
}

#[test]
fn sound_and_picture_of_a_party_have_one_name() {
    let compounds = reports_of_both();
    let names: std::collections::BTreeSet<(u32, Vec<u8>)> =
        compounds.iter().filter_map(|compound| Some((sender(compound)?, name(compound)?))).collect();
    let [(33, sound), (44, picture)] = &names.into_iter().collect::<Vec<_>>()[..] else {
        panic!("not one name for each source");
    };
    assert_eq!(sound, picture);
}

/// The CNAME behind the report.
fn name(compound: &[u8]) -> Option<Vec<u8>> {
    let Content::SourceDescription(mut chunks) = wire::rtcp::packets(compound).nth(1)?.content() else {
        return None;
    };
    Some(chunks.next()?.items().next()?.1.to_vec())
}

/// Of the sender report at the beginning.
fn sender(compound: &[u8]) -> Option<u32> {
    let first = wire::rtcp::packets(compound).next()?;
    let Content::SenderReport(report, _) = first.content() else { return None };
    Some(report.ssrc)
}

fn some_rules() -> impl Strategy<Value = RtcpRules> {
    let kinds = [
        FeedbackKind::Nack,
        FeedbackKind::Pli,
        FeedbackKind::Fir,
        FeedbackKind::Tmmbr,
        FeedbackKind::Remb,
        FeedbackKind::TransportCc,
        FeedbackKind::Other,
    ];
    let feedback = prop::option::of(prop::sample::subsequence(kinds.to_vec(), 0..7));
    let when = prop::option::of(prop::sample::select(vec![ReportsWhen::Always, ReportsWhen::Missing]));
    (feedback, any::<bool>(), when).prop_map(|(feedback, reduced_size, when)| RtcpRules {
        feedback,
        reduced_size,
        reports: when.map(|when| ReportsPlan { when, interval_ms: 5000, bandwidth_bps: 3200 }),
    })
}

/// A packet of RTCP with a body that may or may not make sense.
fn some_packet() -> impl Strategy<Value = Vec<u8>> {
    let body = prop::collection::vec(prop_oneof![0u32..4, any::<u32>()], 0..20);
    (0u8..32, 198u8..210, body, 0u8..8).prop_map(|(count, kind, body, oddity)| {
        let mut packet = packets::feedback(kind, count, 1, 2, &body);
        match oddity {
            0 => packet[3] = packet[3].wrapping_add(1),
            1 => packet[0] |= 0x20,
            2 => drop(packet.split_off(packet.len() / 2)),
            _ => {}
        }
        packet
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn whatever_comes_what_leaves_is_sound(
        rules in some_rules(),
        compounds in prop::collection::vec(prop::collection::vec(some_packet(), 1..6), 1..20),
    ) {
        let reduced_size = rules.reduced_size;
        let mut scene = Scene::audio_with(|plan| plan.streams[1].rtcp_rules = Some(rules));
        scene.talk(60);
        let arrived = compounds.len() as u64;
        for compound in compounds {
            scene.net.send_rtcp(scene.alice, scene.local_rtcp(1), compound.concat());
            scene.talk(500);
        }
        let counted = scene.stats(1).rtcp;
        prop_assert_eq!(counted.received_packets + counted.malformed + counted.unroutable, arrived);
        for received in scene.heard(scene.bob).iter().filter(|received| received.is_rtcp()) {
            prop_assert!(wire::rtcp::is_whole(&received.payload));
            let mut packets = wire::rtcp::packets(&received.payload);
            prop_assert!(packets.clone().all(|packet| packet.is_sound()));
            let begins = packets.next().is_some_and(|first| matches!(first.kind, 200 | 201));
            prop_assert!(reduced_size || begins);
        }
    }
}
