//! Peers behind boxes that want to be treated with care, and peers that hear themselves.

use protocol::{LearningMode, MediaAction, RemoteState, SessionPlan};
use sim::{Received, Scene, packets, plans};

fn echo(plan: &mut SessionPlan) {
    plan.routes = vec![plans::route(1, 1)];
}

fn ssrcs(heard: &[Received]) -> Vec<Option<u32>> {
    let mut ssrcs: Vec<_> = heard.iter().map(Received::ssrc).collect();
    ssrcs.dedup();
    ssrcs
}

#[test]
fn nothing_is_sent_to_a_peer_that_has_to_speak_first() {
    let mut scene = Scene::audio_with(|plan| plan.streams[0].learning.wait = true);
    scene.bob_talks(200);
    assert!(scene.heard(scene.alice).is_empty());
    assert_eq!(scene.rtp(2).blocked, 10);
    scene.alice_talks(20);
    scene.bob_talks(200);
    assert_eq!(scene.heard(scene.alice).len(), 10);
}

#[test]
fn a_peer_that_speaks_first_from_elsewhere_is_answered_there() {
    let mut scene = Scene::alice_behind_nat(|plan| plan.streams[0].learning.wait = true);
    scene.bob_talks(200);
    scene.alice_talks(20);
    scene.forget();
    scene.bob_talks(200);
    assert_eq!(scene.heard(scene.alice).len(), 10);
}

#[test]
fn without_learning_a_peer_may_have_to_speak_first_too() {
    let mut scene = Scene::audio_with(|plan| {
        plan.streams[0].learning.wait = true;
        plan.streams[0].learning.mode = LearningMode::Off;
    });
    scene.bob_talks(200);
    assert!(scene.heard(scene.alice).is_empty());
    scene.alice_talks(20);
    scene.bob_talks(200);
    assert_eq!(scene.heard(scene.alice).len(), 10);
}

#[test]
fn a_way_to_a_peer_is_kept_open_until_it_speaks() {
    let mut scene = Scene::audio_with(|plan| plan.streams[0].learning.pierce = true);
    scene.wait(3500);
    let heard = scene.heard(scene.alice);
    // Each second, on the port of RTP and on that of RTCP.
    assert_eq!(heard.len(), 6);
    assert!(heard.iter().all(|packet| packet.payload == [0x80, 0x7f, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0]));
    assert!(scene.heard(scene.bob).is_empty());
    scene.alice_talks(20);
    scene.net.send_rtcp(scene.alice, scene.local_rtcp(1), packets::receiver_report(1, &[]));
    scene.net.settle();
    assert_eq!(scene.rtp(1).remote_state, RemoteState::Confirmed);
    scene.wait(3000);
    assert!(scene.heard(scene.alice).is_empty());
}

#[test]
fn an_echo_comes_back_as_another_source() {
    let mut scene = Scene::audio_with(echo);
    scene.alice_talks(200);
    let heard = scene.heard(scene.alice);
    assert_eq!(heard.len(), 10);
    let own = scene.net.ssrc(scene.alice);
    assert_eq!(ssrcs(&heard), [Some(!own)]);
    assert!(scene.heard(scene.bob).is_empty());
    assert_eq!(scene.stats(1).rtp.sent_packets, 10);
}

#[test]
fn reports_are_not_echoed() {
    let mut scene = Scene::audio_with(echo);
    scene.alice_talks(20);
    scene.forget();
    scene.net.send_rtcp(scene.alice, scene.local_rtcp(1), packets::receiver_report(1, &[]));
    scene.net.settle();
    assert!(scene.heard(scene.alice).is_empty());
    assert_eq!(scene.stats(1).rtcp.received_packets, 1);
}

#[test]
fn a_blocked_echo_is_none() {
    let mut scene = Scene::audio_with(|plan| {
        echo(plan);
        plan.routes[0].media = MediaAction::Drop;
    });
    scene.alice_talks(200);
    assert!(scene.heard(scene.alice).is_empty());
}
