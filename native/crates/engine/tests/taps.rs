//! Whose packets a tap copies, and which plans of taps are refused.

use engine::Engine;
use protocol::{
    Component, ErrorCode, MediaAction, PcapLink, ReportsPlan, ReportsWhen, RtcpRules, SessionPlan, StreamId,
    TapId, TapPlan, TapSide, TapTarget,
};
use sim::{
    ALICE, MALLORY, Scene, Taken,
    bundle::{AUDIO, Bundle, VIDEO},
    crypto, packets, plans,
};
use srtp::Suite;

fn tap(id: u32, streams: &[u32]) -> TapPlan {
    TapPlan {
        id: TapId(id),
        streams: streams.iter().map(|id| StreamId(*id)).collect(),
        side: TapSide::Both,
        rtcp: true,
        paused: false,
        target: TapTarget::Pcap { path: "/recordings/call.pcap".to_owned(), link: PcapLink::RawIp },
    }
}

fn refusal(taps: Vec<TapPlan>) -> String {
    let mut scene = Scene::audio();
    scene.plan.taps = taps;
    let applied = scene.net.apply(&scene.plan);
    let Err(ErrorCode::BadPlan { path, reason }) = applied else { panic!("{applied:?}") };
    format!("{path}: {reason}")
}

#[test]
fn a_contradictory_tap_is_refused_with_the_place() {
    let to = |target| TapPlan { target, ..tap(1, &[1]) };
    let file = |path: &str| to(TapTarget::Pcap { path: path.to_owned(), link: PcapLink::RawIp });
    let fork = |rtp: &str, rtcp: Option<&str>| {
        to(TapTarget::Datagrams { rtp: rtp.parse().unwrap(), rtcp: rtcp.map(|at| at.parse().unwrap()) })
    };
    assert_eq!(refusal(vec![tap(1, &[1, 7])]), "taps[0].streams: there is no stream 7");
    assert_eq!(refusal(vec![tap(1, &[2, 2])]), "taps[0].streams: 2 is there already");
    assert_eq!(refusal(vec![tap(1, &[1]), tap(1, &[2])]), "taps[1].id: 1 is there already");
    assert_eq!(refusal((0..9).map(|id| tap(id, &[1])).collect()), "taps: 9 taps exceed 8");
    assert_eq!(refusal(vec![file("")]), "taps[0].target: is no absolute path");
    assert_eq!(refusal(vec![file("calls/one.pcap")]), "taps[0].target: is no absolute path");
    assert_eq!(refusal(vec![file("/one\0.pcap")]), "taps[0].target: is no path");
    assert_eq!(refusal(vec![fork("192.0.2.9:0", None)]), "taps[0].target: is nobody's address");
    assert_eq!(refusal(vec![fork("192.0.2.9:6000", Some("[::]:9"))]), "taps[0].target: is nobody's address");
}

/// A call with a tap on Alice's stream.
fn tapped(change: impl FnOnce(&mut TapPlan)) -> Scene {
    let mut tap = tap(1, &[1]);
    change(&mut tap);
    Scene::audio_with(|plan| plan.taps = vec![tap])
}

fn arriving(tap: &mut TapPlan) {
    tap.side = TapSide::Arriving;
}

fn sources(taken: &[Taken]) -> Vec<u32> {
    taken.iter().filter_map(|copy| Some(wire::rtp::Header::parse(&copy.payload)?.ssrc)).collect()
}

#[test]
fn each_side_of_a_stream_is_copied_on_its_own_or_with_the_other() {
    for (side, expected) in [
        (TapSide::Arriving, vec![(ALICE, true)]),
        (TapSide::Leaving, vec![(ALICE, false)]),
        (TapSide::Both, vec![(ALICE, true), (ALICE, false)]),
    ] {
        let mut scene = tapped(|tap| tap.side = side);
        scene.alice_talks(20);
        scene.bob_talks(20);
        let (ours, alice) = (scene.local(1), ALICE.parse().unwrap());
        let ways: Vec<_> = scene.net.tape().taken(1).iter().map(|copy| (copy.from, copy.to)).collect();
        let expected: Vec<_> =
            expected.iter().map(|(_, from)| if *from { (alice, ours) } else { (ours, alice) }).collect();
        assert_eq!(ways, expected, "{side:?}");
    }
}

#[test]
fn a_copy_is_what_arrived_when_it_arrived() {
    let mut scene = tapped(arriving);
    scene.wait(70);
    let packet = packets::rtp(0, 1, 160, 7);
    let (alice, to) = (scene.alice, scene.local(1));
    scene.net.send(alice, to, packet.clone());
    scene.net.settle();
    let taken = scene.net.tape().taken(1);
    assert_eq!((taken[0].payload.clone(), taken[0].component), (packet, Component::Rtp));
    assert_eq!(taken.len(), 1);
}

#[test]
fn packets_of_strangers_and_of_streams_without_a_tap_are_not_copied() {
    let mut scene = tapped(arriving);
    scene.alice_talks(5000);
    let before = scene.net.tape().taken(1).len();
    let mallory = scene.net.peer(MALLORY);
    let to = scene.local(1);
    scene.net.send(mallory, to, packets::rtp(0, 1, 160, 66));
    scene.bob_talks(100);
    assert_eq!(scene.net.tape().taken(1).len(), before);
}

#[test]
fn rtcp_is_copied_only_if_it_is_wanted() {
    for wanted in [false, true] {
        let mut scene = tapped(|tap| tap.rtcp = wanted);
        let (alice, to) = (scene.alice, scene.local_rtcp(1));
        scene.net.send_rtcp(alice, to, packets::sender_report(7, 1 << 32, &[]));
        scene.net.settle();
        let components: Vec<_> = scene.net.tape().taken(1).iter().map(|copy| copy.component).collect();
        assert_eq!(components, if wanted { vec![Component::Rtcp] } else { vec![] });
    }
}

#[test]
fn a_fork_without_a_place_for_rtcp_gets_none() {
    let rtp = "192.0.2.9:6000".parse().unwrap();
    let mut scene = tapped(|tap| tap.target = TapTarget::Datagrams { rtp, rtcp: None });
    let (alice, to) = (scene.alice, scene.local_rtcp(1));
    scene.net.send_rtcp(alice, to, packets::sender_report(7, 1 << 32, &[]));
    scene.alice_talks(20);
    let components: Vec<_> = scene.net.tape().taken(1).iter().map(|copy| copy.component).collect();
    assert_eq!(components, [Component::Rtp]);
}

#[test]
fn reports_of_our_own_are_copied_as_they_leave() {
    let reports = ReportsPlan { when: ReportsWhen::Always, interval_ms: 5000, bandwidth_bps: 3200 };
    let rules = RtcpRules { feedback: None, reduced_size: false, reports: Some(reports) };
    let mut scene = tapped(|tap| tap.side = TapSide::Leaving);
    scene.replan(|plan| plan.streams[0].rtcp_rules = Some(rules));
    scene.talk(20_000);
    let alice = scene.alice;
    let heard: Vec<_> = scene.heard(alice).into_iter().map(|packet| packet.payload).collect();
    let copied: Vec<_> = scene.net.tape().taken(1).into_iter().map(|copy| copy.payload).collect();
    assert!(copied.iter().any(|packet| wire::classify(packet) == wire::Kind::Rtcp));
    assert_eq!(copied, heard);
}

#[test]
fn protected_packets_are_copied_in_the_clear() {
    for suite in [Suite::AesCm128HmacSha1_80, Suite::AeadAes128Gcm] {
        let (theirs, ours) = (crypto::key(suite, 1), crypto::key(suite, 2));
        let mut scene = tapped(|_| {});
        scene.replan(|plan| plan.streams[0].security = crypto::sdes(&theirs, &ours));
        let (alice, bob) = (scene.alice, scene.bob);
        scene.net.secure(alice, &theirs, &ours);
        scene.alice_talks(20);
        scene.bob_talks(20);
        let copied: Vec<_> = scene.net.tape().taken(1).into_iter().map(|copy| copy.payload).collect();
        let plain = |ssrc| packets::rtp(0, 1, 0, ssrc);
        assert_eq!(copied, [plain(scene.net.ssrc(alice)), plain(scene.net.ssrc(bob))]);
    }
}

#[test]
fn packets_that_are_not_authentic_are_not_copied() {
    let (theirs, ours) =
        (crypto::key(Suite::AesCm128HmacSha1_80, 1), crypto::key(Suite::AesCm128HmacSha1_80, 2));
    let mut scene = tapped(arriving);
    scene.replan(|plan| plan.streams[0].security = crypto::sdes(&theirs, &ours));
    scene.alice_talks(100);
    assert_eq!(scene.net.tape().taken(1), []);
}

#[test]
fn a_paused_tap_copies_nothing_until_it_goes_on() {
    let mut scene = tapped(|tap| tap.paused = true);
    scene.talk(100);
    assert_eq!(scene.net.tape().taken(1), []);
    scene.replan(|plan| plan.taps[0].paused = false);
    scene.alice_talks(100);
    assert_eq!(scene.net.tape().taken(1).len(), 5);
    scene.replan(|plan| plan.taps[0].paused = true);
    scene.alice_talks(100);
    assert_eq!(scene.net.tape().taken(1).len(), 5);
}

#[test]
fn what_is_silenced_blocked_or_held_is_copied_as_it_arrived() {
    let changes: [fn(&mut SessionPlan); 4] = [
        |plan| plan.routes[0].media = MediaAction::Silence,
        |plan| plan.routes[0].media = MediaAction::Drop,
        |plan| plan.streams[0].receive = false,
        |plan| plan.routes = vec![plans::route(1, 1)],
    ];
    for change in changes {
        let mut scene = tapped(arriving);
        scene.replan(change);
        scene.alice_talks(20);
        let expected = packets::rtp(0, 1, 0, scene.net.ssrc(scene.alice));
        let copied: Vec<_> = scene.net.tape().taken(1).into_iter().map(|copy| copy.payload).collect();
        assert_eq!(copied, [expected]);
    }
}

#[test]
fn the_leaving_side_is_copied_as_the_peer_gets_it() {
    let mut scene = tapped(|tap| tap.side = TapSide::Leaving);
    scene.replan(|plan| plan.routes = vec![plans::route(1, 1), plans::route(2, 1)]);
    scene.replan(|plan| plan.routes[1].media = MediaAction::Silence);
    scene.talk(100);
    let alice = scene.alice;
    let heard: Vec<_> = scene.heard(alice).into_iter().map(|packet| packet.payload).collect();
    let copied: Vec<_> = scene.net.tape().taken(1).into_iter().map(|copy| copy.payload).collect();
    assert_eq!(heard.len(), 10);
    assert_eq!(copied, heard);
}

#[test]
fn several_taps_copy_the_same_packets() {
    let mut scene = Scene::audio_with(|plan| plan.taps = vec![tap(1, &[1, 2]), tap(2, &[2])]);
    scene.alice_talks(20);
    assert_eq!((scene.net.tape().taken(1).len(), scene.net.tape().taken(2).len()), (2, 1));
}

#[test]
fn each_stream_of_a_bundle_is_copied_on_its_own() {
    let mut call = Bundle::with(|plan| plan.taps = vec![TapPlan { side: TapSide::Arriving, ..tap(1, &[2]) }]);
    call.alice_sends(&packets::rtp(AUDIO, 1, 0, 11));
    call.alice_sends(&packets::rtp(VIDEO, 1, 0, 22));
    let taken = call.scene.net.tape().taken(1);
    assert_eq!(sources(&taken), [22]);
    assert_eq!(taken[0].to, call.scene.local(1));
}

#[test]
fn a_tap_that_stays_keeps_its_counters_and_one_that_is_gone_is_closed() {
    let mut scene = tapped(arriving);
    scene.alice_talks(100);
    scene.replan(|plan| plan.taps.push(tap(2, &[2])));
    scene.alice_talks(100);
    let stats = scene.net.stats(&scene.plan.session).taps;
    assert_eq!(stats.iter().map(|tap| tap.packets).collect::<Vec<_>>(), [10, 5]);
    assert_eq!((scene.net.tape().retries(1), scene.net.tape().retries(2)), (Some(1), Some(0)));
    scene.replan(|plan| drop(plan.taps.remove(0)));
    assert!(!scene.net.tape().is_open(1) && scene.net.tape().is_open(2));
    let released = scene.net.release(&scene.plan.session).unwrap();
    assert_eq!(released.stats.taps[0].packets, 5);
    assert!(!scene.net.tape().is_open(2));
}

#[test]
fn a_tap_with_another_target_begins_anew() {
    let mut scene = tapped(arriving);
    scene.alice_talks(100);
    scene.replan(|plan| {
        plan.taps[0].target =
            TapTarget::Pcap { path: "/recordings/next.pcap".to_owned(), link: PcapLink::RawIp };
    });
    scene.alice_talks(20);
    assert_eq!(scene.net.stats(&scene.plan.session).taps[0].packets, 1);
}

#[test]
fn a_listed_plan_has_its_taps() {
    let scene = tapped(arriving);
    assert_eq!(scene.net.engine().plans(None, 1)[0].taps, scene.plan.taps);
}

#[test]
fn an_engine_without_a_recorder_refuses_taps() {
    let mut plan = plans::audio_call("call", None, None);
    plan.taps = vec![tap(1, &[1])];
    let refused = Engine::new(std::time::Instant::now()).missing_locals(&plan);
    assert!(matches!(refused, Err(ErrorCode::Unsupported { .. })), "{refused:?}");
}
