//! Who is told BYE by the proxy itself, when, and who is not.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use engine::Farewell;
use protocol::{ReportsPlan, ReportsWhen, RtcpRules, StreamId};
use sim::{
    Scene,
    bundle::{AUDIO, Bundle, VIDEO},
    crypto, packets,
};
use srtp::Suite;
use wire::rtcp::Content;

const SUITE: Suite = Suite::AesCm128HmacSha1_80;
const NTP: u64 = 0x1111_2222_3333_4444;

fn rules(when: ReportsWhen) -> RtcpRules {
    let reports = ReportsPlan { when, interval_ms: 5000, bandwidth_bps: 3200 };
    RtcpRules { feedback: None, reduced_size: false, reports: Some(reports) }
}

/// Both parties get reports of the proxy's, theirs end here; both have spoken.
fn terminated() -> Scene {
    let mut scene = Scene::audio_with(|plan| {
        for stream in &mut plan.streams {
            stream.rtcp_rules = Some(rules(ReportsWhen::Always));
        }
    });
    scene.talk(1000);
    scene.forget();
    scene
}

/// Only Bob gets reports.
fn for_bob(when: ReportsWhen) -> Scene {
    let mut scene = Scene::audio_with(|plan| plan.streams[1].rtcp_rules = Some(rules(when)));
    scene.talk(1000);
    scene.forget();
    scene
}

fn release(scene: &mut Scene) -> Vec<Farewell> {
    let session = scene.plan.session.clone();
    scene.net.release(&session).unwrap().farewells
}

fn kinds(compound: &[u8]) -> Vec<u8> {
    assert!(wire::rtcp::is_whole(compound));
    assert!(wire::rtcp::packets(compound).all(|packet| packet.is_sound()));
    wire::rtcp::packets(compound).map(|packet| packet.kind).collect()
}

/// Who leaves.
fn gone(compound: &[u8]) -> Vec<u32> {
    let last = wire::rtcp::packets(compound).last().unwrap();
    let Content::Bye(bye) = last.content() else { panic!("{last:?}") };
    bye.ssrcs().collect()
}

/// Who speaks in the report at the beginning.
fn speaker(compound: &[u8]) -> u32 {
    let report = wire::rtcp::packets(compound).next().unwrap();
    assert!([200, 201].contains(&report.kind));
    u32::from_be_bytes(*report.body.first_chunk().unwrap())
}

#[test]
fn a_call_that_ends_says_bye_once_to_each_peer_behind_a_report_and_a_name() {
    let mut scene = terminated();
    let (alice, bob) = (scene.net.ssrc(scene.alice), scene.net.ssrc(scene.bob));
    let session = scene.plan.session.clone();
    let before = scene.stats(1).rtcp.sent_packets;
    let released = scene.net.release(&session).unwrap();
    let [to_alice, to_bob] = &released.farewells[..] else { panic!("{:?}", released.farewells) };
    for (farewell, source, to) in [(to_alice, bob, "198.51.100.7:4001"), (to_bob, alice, "203.0.113.9:5001")]
    {
        assert_eq!(kinds(&farewell.payload), [200, 202, 203]);
        assert_eq!((speaker(&farewell.payload), gone(&farewell.payload)), (source, vec![source]));
        assert_eq!(farewell.to, to.parse().unwrap());
        assert!(released.sockets.contains(&farewell.socket));
    }
    assert_eq!(released.stats.streams[0].rtcp.sent_packets, before + 1);
}

#[test]
fn the_last_report_tells_of_all_that_was_sent_and_received() {
    let mut scene = terminated();
    scene.talk(1000);
    let (alice, heard) = (scene.alice, scene.net.ssrc(scene.alice));
    let farewells = release(&mut scene);
    let first = wire::rtcp::packets(&farewells[0].payload).next().unwrap();
    let Content::SenderReport(report, blocks) = first.content() else { panic!("{first:?}") };
    let received = scene.heard(alice).iter().filter(|packet| !packet.is_rtcp()).count();
    // What was received before it was forgotten: a second of packets, 20 ms apart.
    assert_eq!(report.packets as usize, received + 50);
    assert_eq!(blocks.iter().map(|block| block.ssrc).collect::<Vec<_>>(), [heard]);
}

#[test]
fn where_rtcp_is_only_relayed_the_parties_say_bye_themselves() {
    let mut scene = Scene::audio();
    scene.talk(1000);
    assert_eq!(release(&mut scene), []);
}

#[test]
fn a_counterpart_that_reports_says_bye_itself_and_one_that_does_not_is_made_up_for() {
    let mut scene = for_bob(ReportsWhen::Missing);
    let alice = scene.net.ssrc(scene.alice);
    scene.net.send_rtcp(scene.alice, scene.local_rtcp(1), packets::sender_report(alice, NTP, &[]));
    scene.net.settle();
    scene.talk(3000);
    assert_eq!(release(&mut scene), []);

    let mut silent = for_bob(ReportsWhen::Missing);
    silent.talk(15_000);
    let alice = silent.net.ssrc(silent.alice);
    let farewells = release(&mut silent);
    assert_eq!(farewells.len(), 1);
    assert_eq!(gone(&farewells[0].payload), [alice]);
}

#[test]
fn nobody_leaves_who_was_never_there() {
    let mut scene = for_bob(ReportsWhen::Missing);
    assert_eq!(release(&mut scene), [], "we have reported nothing yet");
    let mut silent = Scene::audio_with(|plan| plan.streams[1].rtcp_rules = Some(rules(ReportsWhen::Always)));
    silent.bob_talks(1000);
    assert_eq!(release(&mut silent), [], "nothing was sent to Bob");
}

#[test]
fn a_peer_that_was_never_heard_is_told_nothing() {
    let mut scene = Scene::audio_with(|plan| plan.streams[1].rtcp_rules = Some(rules(ReportsWhen::Always)));
    scene.alice_talks(20_000);
    assert!(scene.stats(2).rtcp.sent_packets > 0, "reports follow the media to where signalling says");
    assert_eq!(release(&mut scene), []);
}

#[test]
fn a_peer_that_was_heard_elsewhere_than_its_rtcp_goes_is_told_nothing() {
    let mut scene = Scene::audio_with(|plan| {
        plan.streams[1].rtcp_rules = Some(rules(ReportsWhen::Always));
        let remote = plan.streams[1].remote.as_mut().unwrap();
        remote.rtcp = Some("192.88.99.66:53".parse().unwrap());
    });
    scene.talk(5000);
    assert_eq!(release(&mut scene), []);
}

#[test]
fn a_held_peer_is_told_nothing() {
    let mut scene = terminated();
    let applied = scene.replan(|plan| {
        plan.streams[1].remote.as_mut().unwrap().rtp = "0.0.0.0:5000".parse().unwrap();
    });
    assert_eq!(applied.farewells, []);
    scene.wait(1000);
    let farewells = release(&mut scene);
    assert_eq!(
        farewells.iter().map(|farewell| farewell.to.ip().to_string()).collect::<Vec<_>>(),
        ["198.51.100.7"]
    );
}

#[test]
fn a_session_without_bandwidth_for_rtcp_ends_in_silence() {
    let mut scene = terminated();
    scene.replan(|plan| {
        for stream in &mut plan.streams {
            let reports = stream.rtcp_rules.as_mut().and_then(|rules| rules.reports.as_mut());
            reports.unwrap().bandwidth_bps = 0;
        }
    });
    assert_eq!(release(&mut scene), []);
}

#[test]
fn a_party_that_is_deleted_is_told_so_and_the_other_one_that_its_sources_are_gone_once() {
    let mut scene = terminated();
    let (alice, bob) = (scene.net.ssrc(scene.alice), scene.net.ssrc(scene.bob));
    let applied = scene.replan(|plan| {
        plan.streams.pop();
        plan.routes.clear();
    });
    let [to_alice, to_bob] = &applied.farewells[..] else { panic!("{:?}", applied.farewells) };
    assert_eq!(gone(&to_alice.payload), [bob]);
    assert_eq!(gone(&to_bob.payload), [alice]);
    assert!(applied.released.contains(&to_bob.socket) && !applied.released.contains(&to_alice.socket));
    assert_eq!(scene.replan(|_| {}).farewells, []);
    assert_eq!(release(&mut scene), [], "all that Alice ever heard of has left");
}

#[test]
fn nothing_is_said_while_a_plan_keeps_who_talks_with_whom() {
    let mut scene = terminated();
    scene.talk(10_000);
    let applied = scene.replan(|plan| {
        plan.streams[0].learning.epoch += 1;
        plan.routes[0].media = protocol::MediaAction::Drop;
    });
    assert_eq!(applied.farewells, []);
}

#[test]
fn a_source_that_has_left_does_not_leave_again_unless_it_came_back() {
    let mut scene = terminated();
    let alice = scene.net.ssrc(scene.alice);
    let leave = |scene: &mut Scene| {
        let parts = [packets::receiver_report(alice, &[]), packets::bye(alice)].concat();
        scene.net.send_rtcp(scene.alice, scene.local_rtcp(1), parts);
        scene.net.settle();
    };
    leave(&mut scene);
    let mut other = terminated();
    leave(&mut other);
    other.alice_talks(100);
    let leaves =
        |scene: &mut Scene| release(scene).iter().any(|farewell| gone(&farewell.payload).contains(&alice));
    assert!(!leaves(&mut scene));
    assert!(leaves(&mut other));
}

#[test]
fn who_we_were_while_nobody_spoke_leaves_with_the_rest() {
    let mut scene = terminated();
    let alice = scene.net.ssrc(scene.alice);
    scene.bob_talks(30_000);
    let bobs = scene.heard(scene.bob);
    let own = speaker(&bobs.iter().rfind(|packet| packet.is_rtcp()).unwrap().payload);
    assert_ne!(own, alice);
    scene.talk(1000);
    assert_eq!(gone(&release(&mut scene)[1].payload), [alice, own]);
}

#[test]
fn reports_that_are_turned_off_end_with_who_we_were_and_leave_the_sources_alone() {
    let mut scene = terminated();
    scene.bob_talks(30_000);
    let bobs = scene.heard(scene.bob);
    let own = speaker(&bobs.iter().rfind(|packet| packet.is_rtcp()).unwrap().payload);
    let applied = scene.replan(|plan| plan.streams.iter_mut().for_each(|stream| stream.rtcp_rules = None));
    let [to_bob] = &applied.farewells[..] else { panic!("{:?}", applied.farewells) };
    assert_eq!(gone(&to_bob.payload), [own]);
    assert_eq!(release(&mut scene), []);
}

#[test]
fn an_ssrc_of_ours_that_the_peer_takes_is_given_up_with_bye() {
    let mut scene = for_bob(ReportsWhen::Always);
    scene.bob_talks(20_000);
    let own = speaker(&scene.heard(scene.bob).iter().rfind(|packet| packet.is_rtcp()).unwrap().payload);
    scene.net.set_ssrc(scene.bob, own);
    scene.bob_talks(20_000);
    let reports: Vec<_> =
        scene.heard(scene.bob).into_iter().filter(|r| r.is_rtcp()).map(|r| r.payload).collect();
    let byes: Vec<_> = reports.iter().filter(|compound| kinds(compound).contains(&203)).collect();
    assert_eq!(byes.len(), 1);
    assert_eq!(gone(byes[0]), [own]);
    assert!(reports.iter().all(|compound| speaker(compound) != own));
}

#[test]
fn a_protected_peer_can_authenticate_its_bye() {
    let (theirs, ours) = (crypto::key(SUITE, 1), crypto::key(SUITE, 2));
    let mut scene = Scene::audio_with(|plan| {
        plan.streams[0].security = crypto::sdes(&theirs, &ours);
        plan.streams[0].rtcp_rules = Some(rules(ReportsWhen::Always));
    });
    let (alice, bob) = (scene.alice, scene.net.ssrc(scene.bob));
    scene.net.secure(alice, &theirs, &ours);
    scene.talk(1000);
    let [farewell] = &release(&mut scene)[..] else { panic!("one peer has rules") };
    let opened = scene.net.crypto(alice).open(&farewell.payload).unwrap();
    assert_ne!(opened, farewell.payload);
    assert_eq!((kinds(&opened), gone(&opened)), (vec![200, 202, 203], vec![bob]));
}

#[test]
fn before_a_handshake_there_is_nothing_to_say_it_with() {
    let certificate = crypto::certificate();
    let mut scene = Scene::audio_with(|plan| {
        plan.streams[1].security = protocol::SecurityPlan::Dtls {
            role: protocol::DtlsRole::Passive,
            fingerprints: vec![crypto::fingerprint(&certificate)],
            association: 1,
            certificate: None,
        };
        plan.streams[1].rtcp_rules = Some(rules(ReportsWhen::Always));
    });
    scene.talk(5000);
    assert_eq!(release(&mut scene), []);
}

#[test]
fn each_stream_of_a_bundle_leaves_by_their_one_transport() {
    let mut call = Bundle::with(|plan| {
        plan.streams[0].rtcp_rules = Some(rules(ReportsWhen::Always));
        plan.streams[1].rtcp_rules = Some(rules(ReportsWhen::Always));
    });
    call.alice_sends(&sim::bundle::with_mid("a", AUDIO, 1, 11));
    call.bob_sends(3, &packets::rtp(AUDIO, 1, 160, 33));
    call.bob_sends(4, &packets::rtp(VIDEO, 1, 160, 44));
    let applied = call.scene.replan(|plan| {
        plan.streams.retain(|stream| stream.id != StreamId(2));
        plan.routes.retain(|route| route.from != StreamId(2) && route.to != StreamId(2));
    });
    let [video] = &applied.farewells[..] else { panic!("{:?}", applied.farewells) };
    assert_eq!(gone(&video.payload), [44]);
    let farewells = release(&mut call.scene);
    let [audio] = &farewells[..] else { panic!("{farewells:?}") };
    assert_eq!((gone(&audio.payload), audio.socket, audio.to), (vec![33], video.socket, video.to));
}

#[test]
fn a_multiplexed_peer_hears_it_on_its_one_port() {
    let mut scene = Scene::audio_with(|plan| {
        plan.streams[1].rtcp = protocol::RtcpMode::Muxed;
        plan.streams[1].rtcp_rules = Some(rules(ReportsWhen::Always));
    });
    scene.talk(1000);
    let [farewell] = &release(&mut scene)[..] else { panic!("one peer has rules") };
    assert_eq!(farewell.to, scene.net.address(scene.bob));
}
