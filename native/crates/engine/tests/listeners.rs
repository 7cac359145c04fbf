//! Who listens to a conversation is sent what is said, and disturbs nobody.

use std::net::SocketAddr;

use protocol::{Event, TimeoutPlan, TimeoutReason};
use sim::{PeerId, Scene, packets, packets::Block, plans};

const RECORDER: &str = "192.0.2.30:4000";
const LIMITS: TimeoutPlan =
    TimeoutPlan { media_ms: 10_000, silent_ms: 20_000, offer_ms: 30_000, first_packet_ms: Some(5_000) };

/// A recorder hears Alice on stream 3.
fn scene() -> (Scene, PeerId) {
    let mut scene = Scene::audio_with(|plan| plan.timeouts = LIMITS);
    let recorder = scene.net.peer(RECORDER);
    let home: SocketAddr = scene.net.address(recorder);
    scene.replan(|plan| {
        let mut listening = plans::audio_stream(3, Some(home));
        listening.listener = true;
        listening.receive = false;
        plan.streams.push(listening);
        plan.routes.push(plans::route(1, 3));
    });
    (scene, recorder)
}

fn reported_timeouts(events: &[Event]) -> Vec<TimeoutReason> {
    let one = |event: &Event| {
        let Event::MediaTimeout { reason, .. } = event else { return None };
        Some(*reason)
    };
    events.iter().filter_map(one).collect()
}

fn silent_streams(events: &[Event]) -> Vec<u32> {
    let one = |event: &Event| {
        let Event::NoFirstPacket { stream, .. } = event else { return None };
        Some(stream.0)
    };
    events.iter().filter_map(one).collect()
}

#[test]
fn a_listener_gets_the_very_packets_and_reports_of_the_party() {
    let (mut scene, recorder) = scene();
    scene.talk(1000);
    let alice = scene.net.ssrc(scene.alice);
    scene.net.send_rtcp(scene.alice, scene.local_rtcp(1), packets::sender_report(alice, 7, &[]));
    scene.net.settle();
    let (to_bob, to_recorder) = (scene.heard(scene.bob), scene.heard(recorder));
    let payloads = |heard: &[sim::Received]| heard.iter().map(|one| one.payload.clone()).collect::<Vec<_>>();
    assert_eq!(to_recorder.len(), 51);
    assert_eq!(payloads(&to_recorder), payloads(&to_bob));
    assert!(to_recorder.iter().filter(|one| !one.on_rtcp_port).all(|one| one.from == scene.local(3)));
}

#[test]
fn what_a_listener_sends_and_reports_reaches_nobody() {
    let (mut scene, recorder) = scene();
    scene.talk(1000);
    scene.forget();
    let alice = scene.net.ssrc(scene.alice);
    let block = Block { ssrc: alice, jitter: 80, fraction_lost: 128, lost: 9, ..Block::default() };
    scene.net.send_rtcp(recorder, scene.local_rtcp(3), packets::receiver_report(5, &[block]));
    scene.net.send(recorder, scene.local(3), packets::rtp(8, 1, 1, 5));
    scene.net.settle();
    assert!(scene.heard(scene.alice).is_empty() && scene.heard(scene.bob).is_empty());
    assert_eq!(scene.stats(1).ingress[0].reported, None);
    assert!(scene.stats(3).egress[0].reported.is_some());
}

#[test]
fn a_listener_keeps_no_call_alive() {
    let (mut scene, recorder) = scene();
    for _ in 0..11 {
        scene.net.send_rtcp(recorder, scene.local_rtcp(3), packets::receiver_report(5, &[]));
        scene.wait(1_000);
    }
    assert_eq!(reported_timeouts(&scene.net.take_events()), [TimeoutReason::Media]);
}

#[test]
fn nor_one_on_hold() {
    let (mut scene, recorder) = scene();
    scene.replan(|plan| plan.streams[..2].iter_mut().for_each(|stream| stream.receive = false));
    for _ in 0..19 {
        scene.net.send_rtcp(recorder, scene.local_rtcp(3), packets::receiver_report(5, &[]));
        scene.wait(1_000);
    }
    assert!(reported_timeouts(&scene.net.take_events()).is_empty());
    scene.wait(2_000);
    assert_eq!(reported_timeouts(&scene.net.take_events()), [TimeoutReason::Silent]);
}

#[test]
fn no_packet_is_missed_of_a_listener_and_none_because_of_its_answer() {
    let (mut scene, _) = scene();
    scene.replan(|plan| {
        plan.streams[2].receive = true;
        plan.streams[1].remote = None;
        plan.streams[1].learning.epoch += 1;
    });
    scene.wait(9_000);
    assert!(silent_streams(&scene.net.take_events()).is_empty());
}
