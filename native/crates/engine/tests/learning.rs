//! Where a peer really is, and who may not say so.

use std::{net::SocketAddr, time::Duration};

use protocol::{Component, Event, LearningMode, RemoteState};
use sim::{MALLORY, PeerId, Scene, packets};

fn learned(events: &[Event]) -> Vec<(u32, Component, SocketAddr)> {
    let one = |event: &Event| {
        let Event::RemoteLearned { stream, component, address, .. } = event else { return None };
        Some((stream.0, *component, *address))
    };
    events.iter().filter_map(one).collect()
}

/// Mallory sprays Alice's port for a time, at the pace of media, while the others say nothing.
fn spray(scene: &mut Scene, mallory: PeerId, time_ms: u64) {
    let target = scene.local(1);
    scene.net.talk(&[(mallory, target)], Duration::from_millis(time_ms));
    scene.net.settle();
}

/// Everybody talks, Mallory included.
fn spray_while_talking(scene: &mut Scene, mallory: PeerId, time_ms: u64) {
    let speakers = [(mallory, scene.local(1)), (scene.alice, scene.local(1)), (scene.bob, scene.local(2))];
    scene.net.talk(&speakers, Duration::from_millis(time_ms));
    scene.net.settle();
}

fn injected(scene: &mut Scene, mallory: PeerId) -> usize {
    let ssrc = scene.net.ssrc(mallory);
    scene.heard(scene.bob).iter().filter(|packet| packet.ssrc() == Some(ssrc)).count()
}

fn bled(scene: &mut Scene, mallory: PeerId) -> usize {
    scene.heard(mallory).len()
}

#[test]
fn the_signalled_address_is_confirmed_by_its_first_packet_without_an_event() {
    let mut scene = Scene::audio();
    assert_eq!(scene.rtp(1).remote_state, RemoteState::Signalled);
    scene.alice_talks(20);
    assert_eq!(scene.rtp(1).remote_state, RemoteState::Confirmed);
    assert!(scene.net.take_events().is_empty());
}

#[test]
fn a_peer_behind_a_nat_is_heard_at_once_and_confirmed_after_the_window() {
    let mut scene = Scene::alice_behind_nat(|_| {});
    scene.talk(200);
    assert!(scene.heard(scene.alice).len() >= 9);
    assert_eq!(scene.rtp(1).remote_state, RemoteState::Provisional);
    scene.talk(3000);
    assert_eq!(scene.rtp(1).remote_state, RemoteState::Confirmed);
    let found: SocketAddr = "198.51.100.1:31001".parse().unwrap();
    assert_eq!(learned(&scene.net.take_events()), [(1, Component::Rtp, found)]);
}

#[test]
fn a_peer_behind_a_nat_that_is_silent_for_long_is_still_found() {
    let mut scene = Scene::alice_behind_nat(|_| {});
    scene.bob_talks(30_000);
    scene.talk(100);
    assert_eq!(scene.rtp(1).remote_state, RemoteState::Confirmed);
    assert!(scene.heard(scene.alice).len() >= 4);
}

#[test]
fn rtcp_is_learned_by_itself() {
    let mut scene = Scene::alice_behind_nat(|_| {});
    scene.talk(4000);
    scene.net.take_events();
    scene.net.send_rtcp(scene.alice, scene.local_rtcp(1), packets::receiver_report(1, &[]));
    scene.net.settle();
    let found: SocketAddr = "198.51.100.1:31002".parse().unwrap();
    assert_eq!(learned(&scene.net.take_events()), [(1, Component::Rtcp, found)]);
    assert_eq!(scene.stats(1).rtcp.remote, Some(found));
}

#[test]
fn rtcp_on_a_muxed_port_teaches_nothing() {
    let mut scene = Scene::alice_behind_nat(|plan| plan.streams[0].rtcp = protocol::RtcpMode::Muxed);
    scene.wait(4000);
    scene.net.send(scene.alice, scene.local(1), packets::receiver_report(1, &[]));
    scene.net.settle();
    assert_eq!(scene.rtp(1).remote_state, RemoteState::Signalled);
}

#[test]
fn an_implausible_payload_type_teaches_nothing() {
    let mut scene = Scene::audio();
    let mallory = scene.net.peer(MALLORY);
    scene.net.set_payload_type(mallory, 77);
    scene.wait(4000);
    spray(&mut scene, mallory, 1000);
    assert_eq!(scene.rtp(1).remote_state, RemoteState::Signalled);
    assert_eq!(scene.rtp(1).remote, Some(scene.net.address(scene.alice)));
}

#[test]
fn off_keeps_to_what_was_signalled() {
    let mut scene = Scene::alice_behind_nat(|plan| plan.streams[0].learning.mode = LearningMode::Off);
    scene.talk(4000);
    assert!(scene.heard(scene.alice).is_empty());
    assert_eq!(scene.rtp(1).remote, Some(scene.net.address(scene.alice)));
    assert!(scene.rtp(1).foreign > 0);
}

#[test]
fn immediate_learns_from_the_first_packet() {
    let mut scene = Scene::alice_behind_nat(|plan| plan.streams[0].learning.mode = LearningMode::Immediate);
    scene.alice_talks(20);
    assert_eq!(scene.rtp(1).remote_state, RemoteState::Confirmed);
    assert_eq!(learned(&scene.net.take_events()).len(), 1);
}

#[test]
fn delayed_tries_each_source_and_keeps_the_first_after_the_window() {
    let mut scene = Scene::audio_with(|plan| plan.streams[0].learning.mode = LearningMode::Delayed);
    let mallory = scene.net.peer(MALLORY);
    scene.alice_talks(100);
    spray(&mut scene, mallory, 20);
    assert_eq!(scene.rtp(1).remote, Some(scene.net.address(mallory)));
    scene.alice_talks(4000);
    assert_eq!(scene.rtp(1).remote, Some(scene.net.address(scene.alice)));
    spray(&mut scene, mallory, 100);
    assert_eq!((scene.rtp(1).foreign, scene.rtp(1).remote), (5, Some(scene.net.address(scene.alice))));
}

#[test]
fn heuristic_prefers_the_source_nearest_to_the_signalled_address() {
    let mut scene = Scene::audio();
    let other = scene.net.peer("192.88.99.1:9");
    let same_port = scene.net.peer("192.88.99.2:4000");
    let same_host = scene.net.peer("198.51.100.7:4444");
    for source in [other, same_port, same_host, scene.alice] {
        scene.net.speak(source, scene.local(1));
        scene.net.settle();
        assert_eq!(scene.rtp(1).remote, Some(scene.net.address(source)));
    }
    for worse in [other, same_port, same_host] {
        scene.net.speak(worse, scene.local(1));
        scene.net.settle();
    }
    assert_eq!((scene.rtp(1).foreign, scene.rtp(1).remote), (3, Some(scene.net.address(scene.alice))));
}

#[test]
fn asymmetric_sends_to_the_signalled_address_whatever_was_learned() {
    let mut scene = Scene::alice_behind_nat(|plan| plan.streams[0].learning.asymmetric = true);
    let mallory = scene.net.peer(MALLORY);
    scene.talk(4000);
    spray(&mut scene, mallory, 100);
    assert_eq!(scene.rtp(1).remote, Some(scene.net.address(scene.alice)));
    assert_eq!((scene.rtp(1).foreign, scene.rtp(1).remote_state), (5, RemoteState::Confirmed));
}

#[test]
fn handover_follows_a_new_source_at_once() {
    let mut scene = Scene::audio_with(|plan| plan.streams[0].learning.handover = true);
    let roamed = scene.net.peer("192.88.99.1:9000");
    scene.talk(4000);
    scene.net.talk(&[(roamed, scene.local(1))], Duration::from_millis(20));
    scene.net.settle();
    assert_eq!(scene.rtp(1).remote, Some(scene.net.address(roamed)));
    assert_eq!(learned(&scene.net.take_events()), [(1, Component::Rtp, scene.net.address(roamed))]);
}

#[test]
fn a_source_that_flaps_under_handover_does_not_flood_events() {
    let mut scene = Scene::audio_with(|plan| plan.streams[0].learning.handover = true);
    let roamed = scene.net.peer("192.88.99.1:9000");
    scene.net.talk(&[(scene.alice, scene.local(1)), (roamed, scene.local(1))], Duration::from_secs(10));
    scene.net.settle();
    assert!(learned(&scene.net.take_events()).len() <= 12);
    scene.wait(2000);
    scene.net.take_events();
    scene.wait(2000);
    assert!(scene.net.take_events().is_empty());
}

#[test]
fn without_strict_others_are_heard_but_not_followed() {
    let mut scene = Scene::audio_with(|plan| plan.streams[0].learning.strict = false);
    let mallory = scene.net.peer(MALLORY);
    scene.talk(4000);
    scene.forget();
    spray_while_talking(&mut scene, mallory, 1000);
    assert_eq!((injected(&mut scene, mallory), bled(&mut scene, mallory)), (50, 0));
    assert_eq!(scene.rtp(1).foreign, 0);
}

#[test]
fn foreign_sources_are_reported_at_once_and_then_every_ten_seconds() {
    let mut scene = Scene::audio();
    let mallory = scene.net.peer(MALLORY);
    scene.talk(100);
    spray_while_talking(&mut scene, mallory, 21_000);
    let mut reports = Vec::new();
    for event in scene.net.take_events() {
        if let Event::SuspectPackets { source, packets, component: Component::Rtp, .. } = event {
            assert_eq!(source, scene.net.address(mallory));
            reports.push(packets);
        }
    }
    assert_eq!(reports.len(), 3);
    assert_eq!(reports[0], 1);
    assert!(reports.iter().sum::<u64>() >= 1000);
    assert_eq!(scene.rtp(1).last_suspect.map(|suspect| suspect.source), Some(scene.net.address(mallory)));
    assert_eq!(scene.rtp(1).foreign, 1050);
}

// The matrix of attacks: a third host that sprays plausible RTP before, during and after learning.

#[test]
fn a_sprayer_after_learning_neither_injects_nor_hears() {
    for behind_nat in [false, true] {
        let mut scene = if behind_nat { Scene::alice_behind_nat(|_| {}) } else { Scene::audio() };
        let mallory = scene.net.peer(MALLORY);
        scene.talk(4000);
        scene.forget();
        spray_while_talking(&mut scene, mallory, 5000);
        assert_eq!((injected(&mut scene, mallory), bled(&mut scene, mallory)), (0, 0));
    }
}

#[test]
fn a_sprayer_during_learning_is_shut_out_by_the_first_packet_from_the_signalled_address() {
    let mut scene = Scene::audio();
    let mallory = scene.net.peer(MALLORY);
    scene.alice_talks(20);
    scene.forget();
    spray_while_talking(&mut scene, mallory, 5000);
    assert_eq!((injected(&mut scene, mallory), bled(&mut scene, mallory)), (0, 0));
}

#[test]
fn a_sprayer_during_learning_does_not_displace_a_peer_behind_a_nat_that_talks() {
    let mut scene = Scene::alice_behind_nat(|_| {});
    let mallory = scene.net.peer(MALLORY);
    scene.talk(100);
    scene.forget();
    spray_while_talking(&mut scene, mallory, 5000);
    assert_eq!((injected(&mut scene, mallory), bled(&mut scene, mallory)), (0, 0));
}

#[test]
fn a_sprayer_before_the_signalled_peer_loses_with_its_first_packet() {
    for mode in [LearningMode::Heuristic, LearningMode::Off] {
        let mut scene = Scene::audio_with(|plan| plan.streams[0].learning.mode = mode);
        let mallory = scene.net.peer(MALLORY);
        spray(&mut scene, mallory, 500);
        scene.forget();
        spray_while_talking(&mut scene, mallory, 5000);
        assert!(injected(&mut scene, mallory) <= 1, "{mode:?}");
        assert!(bled(&mut scene, mallory) <= 1, "{mode:?}");
        assert_eq!(scene.rtp(1).remote, Some(scene.net.address(scene.alice)));
    }
}

#[test]
fn a_probe_before_a_peer_behind_a_nat_is_displaced_by_the_peer() {
    let mut scene = Scene::alice_behind_nat(|_| {});
    let mallory = scene.net.peer(MALLORY);
    spray(&mut scene, mallory, 40);
    scene.talk(5000);
    assert!(bled(&mut scene, mallory) <= 1);
    assert_eq!(scene.rtp(1).remote, Some("198.51.100.1:31001".parse().unwrap()));
}

#[test]
fn a_burst_before_a_peer_behind_a_nat_hears_no_more_than_half_a_second() {
    let mut scene = Scene::alice_behind_nat(|_| {});
    let mallory = scene.net.peer(MALLORY);
    spray(&mut scene, mallory, 400);
    scene.talk(5000);
    assert!(bled(&mut scene, mallory) <= 26);
    assert_eq!(scene.rtp(1).remote, Some("198.51.100.1:31001".parse().unwrap()));
}

#[test]
fn the_signalled_address_takes_back_what_a_stray_packet_took_after_the_window() {
    let mut scene = Scene::audio();
    let mallory = scene.net.peer(MALLORY);
    scene.wait(10_000);
    spray(&mut scene, mallory, 20);
    scene.talk(1000);
    assert_eq!(scene.rtp(1).remote, Some(scene.net.address(scene.alice)));
}

#[test]
fn a_sprayer_of_rtcp_gets_nothing_either() {
    let mut scene = Scene::audio();
    let mallory = scene.net.peer(MALLORY);
    scene.net.send_rtcp(scene.alice, scene.local_rtcp(1), packets::receiver_report(1, &[]));
    scene.net.settle();
    scene.forget();
    for _ in 0..50 {
        scene.net.send_rtcp(mallory, scene.local_rtcp(1), packets::receiver_report(2, &[]));
        scene.net.send_rtcp(scene.bob, scene.local_rtcp(2), packets::receiver_report(3, &[]));
        scene.wait(100);
    }
    assert_eq!(scene.heard(scene.bob).len(), 0);
    assert_eq!(bled(&mut scene, mallory), 0);
    assert_eq!(scene.stats(1).rtcp.foreign, 50);
}

#[test]
fn rtcp_of_a_stranger_teaches_nothing_once_the_peer_has_been_heard() {
    let mut scene = Scene::audio();
    let mallory = scene.net.peer(MALLORY);
    scene.talk(100);
    scene.forget();
    for _ in 0..20 {
        scene.net.send_rtcp(mallory, scene.local_rtcp(1), packets::receiver_report(2, &[]));
        scene.net.send_rtcp(scene.bob, scene.local_rtcp(2), packets::receiver_report(3, &[]));
        scene.wait(100);
    }
    assert_eq!((scene.heard(scene.bob).len(), bled(&mut scene, mallory)), (0, 0));
    assert_eq!(scene.stats(1).rtcp.foreign, 20);
    assert_eq!(scene.heard(scene.alice).len(), 20);
}

#[test]
fn what_rtcp_of_a_stranger_taught_is_forgotten_when_the_peer_is_heard() {
    let rtcp = SocketAddr::new([192, 88, 99, 66].into(), 6667);
    for (mode, before) in
        [(LearningMode::Heuristic, 5000), (LearningMode::Immediate, 0), (LearningMode::Delayed, 3100)]
    {
        let mut scene = Scene::audio_with(|plan| plan.streams[0].learning.mode = mode);
        let mallory = scene.net.peer(MALLORY);
        scene.wait(before);
        scene.net.send_rtcp(mallory, scene.local_rtcp(1), packets::receiver_report(2, &[]));
        scene.net.settle();
        assert_eq!(scene.stats(1).rtcp.remote, Some(rtcp), "{mode:?}");
        scene.alice_talks(100);
        scene.forget();
        scene.net.take_received(mallory);
        scene.net.send_rtcp(scene.bob, scene.local_rtcp(2), packets::receiver_report(3, &[]));
        scene.net.settle();
        assert_eq!((scene.heard(scene.alice).len(), bled(&mut scene, mallory)), (1, 0), "{mode:?}");
    }
}

#[test]
fn a_sprayer_during_a_refresh_does_not_displace_a_peer_that_talks_or_listens() {
    for alice_talks in [true, false] {
        let mut scene = Scene::audio();
        let mallory = scene.net.peer(MALLORY);
        scene.talk(4000);
        scene.wait(5000);
        scene.forget();
        scene.replan(|plan| plan.streams[0].learning.epoch += 1);
        if alice_talks {
            scene.alice_talks(20);
            spray_while_talking(&mut scene, mallory, 4000);
        } else {
            scene.net.talk(&[(mallory, scene.local(1)), (scene.bob, scene.local(2))], Duration::from_secs(4));
            scene.net.settle();
        }
        assert_eq!((injected(&mut scene, mallory), bled(&mut scene, mallory)), (0, 0));
    }
}

#[test]
fn a_source_nobody_can_answer_is_foreign() {
    let mut scene = Scene::audio();
    for spoofed in ["192.88.99.66:0", "0.0.0.0:4000", "224.0.0.9:4000"] {
        let mallory = scene.net.peer(spoofed);
        scene.net.speak(mallory, scene.local(1));
    }
    let own = scene.local(2);
    let mirror = scene.net.peer(&own.to_string());
    scene.net.speak(mirror, scene.local(1));
    scene.net.settle();
    assert_eq!((scene.rtp(1).foreign, scene.rtp(1).remote_state), (4, RemoteState::Signalled));
}
