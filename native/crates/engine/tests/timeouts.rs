//! When a call whose media has died is reported.

#![expect(clippy::unwrap_used, reason = "a broken expectation is what it looks for")]

mod support;

use protocol::{Event, IceRole, RtcpMode, TimeoutPlan, TimeoutReason};
use sim::{
    Scene,
    bundle::Bundle,
    ice::{self, IceEnd},
    packets,
};
use support::ice_call::Call;

const LIMITS: TimeoutPlan =
    TimeoutPlan { media_ms: 10_000, silent_ms: 60_000, offer_ms: 30_000, first_packet_ms: None };

fn timeouts(scene: &mut Scene) -> Vec<(TimeoutReason, Option<u64>)> {
    let one = |event: &Event| {
        let Event::MediaTimeout { reason, last_packet_ms_ago, .. } = event else { return None };
        Some((*reason, *last_packet_ms_ago))
    };
    scene.net.take_events().iter().filter_map(one).collect()
}

fn silent_streams(scene: &mut Scene) -> Vec<u32> {
    let one = |event: &Event| {
        let Event::NoFirstPacket { stream, .. } = event else { return None };
        Some(stream.0)
    };
    scene.net.take_events().iter().filter_map(one).collect()
}

fn scene() -> Scene {
    Scene::audio_with(|plan| plan.timeouts = LIMITS)
}

#[test]
fn a_call_without_media_is_reported_and_again_until_somebody_acts() {
    let mut scene = scene();
    scene.wait(9_900);
    assert!(timeouts(&mut scene).is_empty());
    scene.wait(1_200);
    assert_eq!(timeouts(&mut scene), [(TimeoutReason::Media, None)]);
    scene.wait(1_500);
    assert!(timeouts(&mut scene).is_empty());
    scene.wait(2_000);
    assert_eq!(timeouts(&mut scene), [(TimeoutReason::Media, None)]);
}

#[test]
fn one_direction_keeps_a_call_alive() {
    let mut scene = scene();
    scene.alice_talks(30_000);
    assert!(timeouts(&mut scene).is_empty());
    scene.wait(11_500);
    let reported = timeouts(&mut scene);
    assert!(matches!(reported[..], [(TimeoutReason::Media, Some(10_000..=11_100))]), "{reported:?}");
}

#[test]
fn rtcp_keeps_a_call_alive() {
    let mut scene = scene();
    for _ in 0..10 {
        scene.net.send_rtcp(scene.alice, scene.local_rtcp(1), packets::receiver_report(1, &[]));
        scene.wait(5_000);
    }
    assert!(timeouts(&mut scene).is_empty());
}

/// Alice does ICE, and neither party sends media.
fn silent_call_with_ice() -> Call {
    let mut call = Call::with(IceRole::Controlled, |plan| plan.timeouts = LIMITS);
    call.alice_starts();
    call.scene.wait(60_000);
    call
}

#[test]
fn the_checks_of_a_silent_peer_keep_its_call_alive_while_they_come() {
    let mut call = silent_call_with_ice();
    assert_eq!(timeouts(&mut call.scene), []);
    let alice = call.scene.alice;
    call.scene.net.stop_ice(alice);
    call.scene.wait(17_000);
    assert!(matches!(timeouts(&mut call.scene)[..], [(TimeoutReason::Media, None), ..]));
}

#[test]
fn an_indication_keeps_no_call_alive_since_anybody_can_say_where_it_comes_from() {
    for from_alice in [true, false] {
        let mut call = silent_call_with_ice();
        let (alice, to) = (call.scene.alice, call.scene.local(1));
        let sender = if from_alice { alice } else { call.scene.net.peer(sim::MALLORY) };
        call.scene.net.stop_ice(alice);
        for _ in 0..5 {
            call.scene.net.send(sender, to, packets::binding_indication());
            call.scene.wait(4_000);
        }
        assert!(matches!(timeouts(&mut call.scene)[..], [(TimeoutReason::Media, None), ..]));
    }
}

#[test]
fn the_checks_of_a_bundle_keep_its_call_alive_though_the_stream_that_carries_it_is_on_hold() {
    let alice = sim::ALICE.parse().unwrap();
    let mut bundle = Bundle::with(|plan| {
        plan.timeouts = LIMITS;
        plan.streams[0].rtcp = RtcpMode::Muxed;
        plan.streams[0].ice = Some(ice::plan(IceRole::Controlled, alice));
        plan.streams[0].receive = false;
    });
    let end = IceEnd::new(alice, true, &[bundle.scene.local(1)]);
    bundle.scene.net.start_ice(bundle.scene.alice, false, end);
    bundle.scene.wait(60_000);
    assert_eq!(timeouts(&mut bundle.scene), []);
}

#[test]
fn foreign_packets_do_not_keep_a_call_alive() {
    let mut scene = scene();
    scene.talk(4_000);
    let mallory = scene.net.peer(sim::MALLORY);
    let target = scene.local(1);
    scene.net.talk(&[(mallory, target)], std::time::Duration::from_secs(12));
    assert_eq!(timeouts(&mut scene).len(), 1);
}

#[test]
fn a_timeout_is_reported_again_after_media_was_seen_in_between() {
    let mut scene = scene();
    scene.wait(12_000);
    scene.talk(1_000);
    scene.wait(12_000);
    assert_eq!(timeouts(&mut scene).len(), 2);
}

#[test]
fn a_timeout_is_reported_again_after_a_new_plan() {
    let mut scene = scene();
    scene.wait(12_000);
    scene.replan(|_| {});
    scene.wait(2_000);
    assert_eq!(timeouts(&mut scene).len(), 2);
}

#[test]
fn an_unanswered_call_lives_for_the_offer_limit() {
    let mut scene = Scene::audio_with(|plan| {
        plan.timeouts = LIMITS;
        plan.streams[1].remote = None;
    });
    scene.wait(29_500);
    assert!(timeouts(&mut scene).is_empty());
    scene.wait(2_000);
    assert_eq!(timeouts(&mut scene), [(TimeoutReason::Offer, None)]);
}

#[test]
fn the_answer_counts_as_activity() {
    let mut scene = Scene::audio_with(|plan| {
        plan.timeouts = LIMITS;
        plan.streams[1].remote = None;
    });
    let answer = sim::plans::remote_at(scene.net.address(scene.bob));
    scene.wait(25_000);
    scene.replan(|plan| plan.streams[1].remote = Some(answer));
    scene.wait(9_500);
    assert!(timeouts(&mut scene).is_empty());
    scene.wait(2_000);
    assert_eq!(timeouts(&mut scene), [(TimeoutReason::Media, None)]);
}

#[test]
fn a_call_on_hold_lives_for_the_silent_limit_and_its_end_counts_as_activity() {
    let mut scene = Scene::audio_with(|plan| {
        plan.timeouts = LIMITS;
        plan.streams.iter_mut().for_each(|stream| stream.receive = false);
    });
    scene.wait(59_000);
    assert!(timeouts(&mut scene).is_empty());
    scene.replan(|plan| plan.streams.iter_mut().for_each(|stream| stream.receive = true));
    scene.wait(9_500);
    assert!(timeouts(&mut scene).is_empty());
    scene.replan(|plan| plan.streams.iter_mut().for_each(|stream| stream.receive = false));
    scene.wait(62_000);
    assert_eq!(timeouts(&mut scene), [(TimeoutReason::Silent, None)]);
}

#[test]
fn a_held_stream_does_not_keep_an_active_one_alive() {
    let mut scene = Scene::audio_with(|plan| {
        plan.timeouts = LIMITS;
        plan.streams[0].receive = false;
    });
    scene.alice_talks(12_000);
    assert_eq!(timeouts(&mut scene).len(), 1);
}

#[test]
fn a_missing_first_packet_is_reported_once_per_stream() {
    let mut scene =
        Scene::audio_with(|plan| plan.timeouts = TimeoutPlan { first_packet_ms: Some(5_000), ..LIMITS });
    scene.alice_talks(20_000);
    assert_eq!(silent_streams(&mut scene), [2]);
}

#[test]
fn who_waits_for_an_answer_owes_no_packet() {
    let mut scene = Scene::audio_with(|plan| {
        plan.timeouts = TimeoutPlan { first_packet_ms: Some(5_000), ..LIMITS };
        plan.streams[1].remote = None;
    });
    let answer = sim::plans::remote_at(scene.net.address(scene.bob));
    scene.wait(20_000);
    scene.replan(|plan| plan.streams[1].remote = Some(answer));
    scene.wait(4_500);
    assert!(silent_streams(&mut scene).is_empty());
    scene.wait(1_000);
    assert_eq!(silent_streams(&mut scene), [1, 2]);
}

#[test]
fn an_engine_without_sessions_waits_for_nothing() {
    let mut scene = scene();
    assert!(scene.net.engine().poll_timeout().is_some());
    scene.net.release(&scene.plan.session.clone()).unwrap();
    assert!(scene.net.engine().poll_timeout().is_none());
}
