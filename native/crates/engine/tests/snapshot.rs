//! Protected calls across a crash of the data plane.

use std::collections::HashMap;

use dtls::Certificate;
use protocol::{DtlsRole, Event, RtcpMode, SecurityPlan, SessionPlan, SessionSnapshot};
use sim::{PeerId, Scene, crypto, packets};
use srtp::Suite;

const SUITE: Suite = Suite::AesCm128HmacSha1_80;

fn sdes_call() -> Scene {
    let (theirs, ours) = (crypto::key(SUITE, 1), crypto::key(SUITE, 2));
    let mut scene = Scene::audio_with(|plan| plan.streams[0].security = crypto::sdes(&theirs, &ours));
    let alice = scene.alice;
    scene.net.secure(alice, &theirs, &ours);
    scene
}

fn dtls_call(role: DtlsRole, certificate: &Certificate, rtcp: RtcpMode) -> Scene {
    let fingerprints = vec![crypto::fingerprint(certificate)];
    let mut scene = Scene::audio_with(|plan| {
        plan.streams[0].rtcp = rtcp;
        plan.streams[0].security =
            SecurityPlan::Dtls { role, fingerprints, association: 3, certificate: None };
    });
    let (alice, rtp, rtcp_port) = (scene.alice, scene.local(1), scene.local_rtcp(1));
    match role {
        DtlsRole::Passive => {
            scene.net.start_dtls(alice, certificate, rtp);
            if rtcp == RtcpMode::Separate {
                scene.net.start_rtcp_dtls(alice, certificate, rtcp_port);
            }
        }
        DtlsRole::Active => scene.net.await_dtls(alice, certificate, rtcp == RtcpMode::Separate),
    }
    scene.wait(4000);
    assert!(scene.net.has_keys(alice));
    scene
}

fn snapshot(scene: &Scene) -> SessionSnapshot {
    match scene.net.snapshot(&scene.plan.session) {
        Some(snapshot) => snapshot,
        None => panic!("there is no snapshot"),
    }
}

/// The data plane dies and gets its plan again, with what was snapshot.
fn crash(scene: &mut Scene, snapshot: &SessionSnapshot, change: impl FnOnce(&mut SessionPlan)) {
    let mut plans = scene.net.engine().plans(None, 1);
    scene.net.restart_proxy();
    scene.plan = plans.remove(0);
    for stream in &mut scene.plan.streams {
        stream.snapshot = snapshot.streams.iter().find(|state| state.stream == stream.id).cloned();
    }
    change(&mut scene.plan);
    if let Err(error) = scene.net.apply(&scene.plan) {
        panic!("{error}");
    }
    scene.forget();
}

fn opened(scene: &mut Scene, peer: PeerId) -> Vec<Vec<u8>> {
    let received = scene.heard(peer);
    received.iter().filter_map(|packet| scene.net.open(peer, packet)).collect()
}

fn assert_flows(scene: &mut Scene) {
    let (alice, bob) = (scene.alice, scene.bob);
    scene.forget();
    scene.talk(100);
    assert_eq!(opened(scene, alice).len(), 5);
    let ssrc = scene.net.ssrc(alice);
    assert_eq!(scene.heard(bob).iter().filter(|packet| packet.ssrc() == Some(ssrc)).count(), 5);
}

#[test]
fn keys_from_sdp_go_on_with_their_counters() {
    let mut scene = sdes_call();
    for at in [1, 30_000, 60_000, 24_000, 50_000] {
        let (alice, bob) = (scene.alice, scene.bob);
        scene.net.set_sequence(alice, at);
        scene.net.set_sequence(bob, at);
        assert_flows(&mut scene);
    }
    let state = snapshot(&scene);
    // What happens between the snapshot and the crash nobody knows afterwards.
    scene.talk(900);
    crash(&mut scene, &state, |_| {});
    assert_flows(&mut scene);
}

#[test]
fn what_was_heard_before_the_snapshot_is_not_heard_again() {
    let mut scene = sdes_call();
    let (alice, bob) = (scene.alice, scene.bob);
    scene.talk(1000);
    let ssrc = scene.net.ssrc(alice);
    let recorded = scene.net.crypto(alice).protect(&packets::rtp(0, 51, 0, ssrc));
    scene.net.send(alice, scene.local(1), recorded.clone());
    scene.net.settle();
    let state = snapshot(&scene);
    crash(&mut scene, &state, |_| {});
    scene.net.send(alice, scene.local(1), recorded);
    scene.net.settle();
    assert!(scene.heard(bob).is_empty());
    assert_eq!(scene.rtp(1).replays, 1);
}

#[test]
fn no_index_is_sent_twice() {
    let mut scene = sdes_call();
    let (alice, bob) = (scene.alice, scene.bob);
    let ssrc = scene.net.ssrc(bob);
    let report = packets::sender_report(ssrc, 7, &[]);
    let to = scene.local_rtcp(2);
    scene.talk(1000);
    scene.net.report(bob, to, &report, true);
    scene.net.settle();
    let state = snapshot(&scene);
    for at in 0..5000 {
        scene.net.report(bob, to, &packets::sender_report(ssrc, 1000 + at, &[]), true);
    }
    scene.net.settle();
    assert_eq!(opened(&mut scene, alice).len(), 50 + 5001);
    crash(&mut scene, &state, |_| {});
    scene.net.report(bob, to, &report, true);
    scene.net.settle();
    // Her own replay protection would refuse it otherwise.
    assert_eq!(opened(&mut scene, alice), [report]);
    assert_flows(&mut scene);
}

/// What each index of Bob's source was used for, as Alice hears it; nothing may be sent twice under one.
#[derive(Default)]
struct Used {
    index: Option<u64>,
    packets: HashMap<(u32, u64), Vec<u8>>,
}

impl Used {
    /// Takes in what Alice heard; returns how many packets of it she could open.
    fn take_in(&mut self, scene: &mut Scene) -> usize {
        let alice = scene.alice;
        let heard = scene.heard(alice);
        let mut count = 0;
        for packet in heard.iter().filter(|packet| packet.ssrc().is_some()) {
            let (Some(ssrc), sequence) =
                (packet.ssrc(), u16::from_be_bytes([packet.payload[2], packet.payload[3]]))
            else {
                continue;
            };
            let index = self.index.map_or(u64::from(sequence), |highest| srtp::estimate(highest, sequence));
            self.index = self.index.max(Some(index));
            let before = self.packets.insert((ssrc, index), packet.payload.clone());
            assert_eq!(before, None, "index {index} is used twice");
            count += usize::from(scene.net.open(alice, packet).is_some());
        }
        count
    }
}

#[test]
fn a_source_that_begins_anew_after_a_crash_uses_no_index_again() {
    // Near both ends of a cycle, and with up to 12,000 packets since the snapshot.
    for (at, unsaved_ms) in [(20_000, 1000), (40_000, 1000), (65_000, 20_000), (30_000, 240_000), (65_500, 0)]
    {
        let mut scene = sdes_call();
        let (bob, mut used) = (scene.bob, Used::default());
        scene.net.set_sequence(bob, at);
        scene.bob_talks(1000);
        let state = snapshot(&scene);
        scene.bob_talks(unsaved_ms);
        used.take_in(&mut scene);
        crash(&mut scene, &state, |_| {});
        scene.net.set_sequence(bob, at.wrapping_sub(10_000));
        scene.bob_talks(1000);
        // The first ones might be late packets.
        assert_eq!(used.take_in(&mut scene), 46, "from {at}, {unsaved_ms} ms unsaved");
        let state = snapshot(&scene);
        scene.bob_talks(1000);
        assert_eq!(used.take_in(&mut scene), 50);
        crash(&mut scene, &state, |_| {});
        scene.bob_talks(1000);
        assert_eq!(used.take_in(&mut scene), 50, "the shift is known");
    }
}

#[test]
fn a_source_that_began_anew_since_the_snapshot_uses_no_index_again() {
    let mut scene = sdes_call();
    let (bob, mut used) = (scene.bob, Used::default());
    scene.net.set_sequence(bob, 20_000);
    scene.bob_talks(1000);
    let state = snapshot(&scene);
    scene.bob_talks(1000);
    scene.net.set_sequence(bob, 10_000);
    scene.bob_talks(1000);
    used.take_in(&mut scene);
    crash(&mut scene, &state, |_| {});
    scene.bob_talks(1000);
    assert_eq!(used.take_in(&mut scene), 46);
}

#[test]
fn a_source_that_begins_anew_once_it_has_gone_on_leaves_out_no_more_than_it_has_to() {
    let mut scene = sdes_call();
    let (bob, mut used) = (scene.bob, Used::default());
    scene.net.set_sequence(bob, 20_000);
    scene.bob_talks(1000);
    let state = snapshot(&scene);
    scene.bob_talks(1000);
    crash(&mut scene, &state, |_| {});
    scene.bob_talks(1000);
    assert_eq!(used.take_in(&mut scene), 50);
    assert_eq!(used.index, Some(20_149), "goes on without a gap");
    for at in [10_000, 60_000] {
        scene.net.set_sequence(bob, at);
        scene.bob_talks(1000);
        assert_eq!(used.take_in(&mut scene), 46);
    }
    assert_eq!(used.index, Some(20_049 + 0x7fff + 2 * 46 - 1), "passes over the unknown once");
}

#[test]
fn numbers_that_were_shifted_stay_shifted() {
    let mut scene = sdes_call();
    let (alice, bob) = (scene.alice, scene.bob);
    scene.net.set_sequence(bob, 20_000);
    scene.bob_talks(1000);
    scene.net.set_sequence(bob, 10_000);
    scene.bob_talks(1000);
    opened(&mut scene, alice);
    let state = snapshot(&scene);
    crash(&mut scene, &state, |_| {});
    scene.bob_talks(100);
    assert_eq!(opened(&mut scene, alice).len(), 5);
}

#[test]
fn a_key_that_changed_since_the_snapshot_begins_at_its_beginning() {
    let mut scene = sdes_call();
    scene.talk(1000);
    let state = snapshot(&scene);
    let (theirs, ours) = (crypto::key(SUITE, 11), crypto::key(SUITE, 12));
    crash(&mut scene, &state, |plan| plan.streams[0].security = crypto::sdes(&theirs, &ours));
    let alice = scene.alice;
    scene.net.secure(alice, &theirs, &ours);
    assert_flows(&mut scene);
}

#[test]
fn keys_from_a_handshake_go_on_without_another_one() {
    let certificate = crypto::certificate();
    for role in [DtlsRole::Passive, DtlsRole::Active] {
        for rtcp in [RtcpMode::Muxed, RtcpMode::Separate] {
            let mut scene = dtls_call(role, &certificate, rtcp);
            scene.talk(1000);
            let state = snapshot(&scene);
            assert_eq!(state.streams[0].rtcp.is_some(), rtcp == RtcpMode::Separate);
            scene.talk(900);
            crash(&mut scene, &state, |_| {});
            scene.wait(5000);
            let alice = scene.alice;
            assert!(scene.heard(alice).is_empty(), "{role:?}: no new handshake");
            assert_flows(&mut scene);
            let events = scene.net.take_events();
            assert!(!events.iter().any(|event| matches!(event, Event::DtlsState { .. })), "{events:?}");
            // The resumed call can be snapshot again.
            assert_eq!(snapshot(&scene).streams[0].association, 3);
        }
    }
}

#[test]
fn the_keys_of_another_association_are_not_used() {
    let certificate = crypto::certificate();
    let mut scene = dtls_call(DtlsRole::Active, &certificate, RtcpMode::Muxed);
    scene.talk(1000);
    let state = snapshot(&scene);
    let fingerprints = vec![crypto::fingerprint(&certificate)];
    let security =
        SecurityPlan::Dtls { role: DtlsRole::Active, fingerprints, association: 4, certificate: None };
    crash(&mut scene, &state, |plan| plan.streams[0].security = security);
    scene.talk(100);
    assert!(scene.rtp(1).unkeyed > 0);
    let alice = scene.alice;
    scene.net.await_dtls(alice, &certificate, false);
    scene.wait(3500);
    assert_flows(&mut scene);
}

#[test]
fn there_is_a_snapshot_only_where_there_are_keys() {
    let plain = Scene::audio();
    assert_eq!(plain.net.snapshot(&plain.plan.session), None);
    let certificate = crypto::certificate();
    let fingerprints = vec![crypto::fingerprint(&certificate)];
    let waiting = Scene::audio_with(|plan| {
        plan.streams[0].security =
            SecurityPlan::Dtls { role: DtlsRole::Passive, fingerprints, association: 1, certificate: None };
    });
    assert_eq!(waiting.net.snapshot(&waiting.plan.session), None);
    assert_eq!(snapshot(&sdes_call()).streams.len(), 1);
}
