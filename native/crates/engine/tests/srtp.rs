//! Relaying between SRTP and RTP, and between SRTP with different keys.

use protocol::{Event, MediaAction, RtcpMode, SecurityPlan, SrtpKeyPlan, StreamPlan, SuspectCause};
use sim::{PeerId, Scene, crypto, packets, plans};
use srtp::Suite;

const SUITE: Suite = Suite::AesCm128HmacSha1_80;

/// Gives a stream and its peer keys: the peer's of this seed, ours of the next one.
fn secure(scene: &mut Scene, peer: PeerId, stream: usize, suite: Suite, seed: u8) {
    let (theirs, ours) = (crypto::key(suite, seed), crypto::key(suite, seed + 1));
    scene.replan(|plan| plan.streams[stream - 1].security = crypto::sdes(&theirs, &ours));
    scene.net.secure(peer, &theirs, &ours);
}

/// Alice speaks SRTP, Bob RTP.
fn gateway(suite: Suite) -> Scene {
    let mut scene = Scene::audio();
    let alice = scene.alice;
    secure(&mut scene, alice, 1, suite, 1);
    scene
}

fn opened(scene: &mut Scene, peer: PeerId) -> Vec<Vec<u8>> {
    let received = scene.heard(peer);
    received.iter().filter_map(|packet| scene.net.open(peer, packet)).collect()
}

fn plain(ssrc: u32, count: u16) -> Vec<Vec<u8>> {
    (1..=count).map(|number| packets::rtp(0, number, u32::from(number - 1) * 160, ssrc)).collect()
}

#[test]
fn with_every_suite_the_protected_side_and_the_plain_side_hear_each_other() {
    for suite in Suite::ALL {
        let mut scene = gateway(suite);
        scene.talk(100);
        let (alice, bob) = (scene.alice, scene.bob);
        let (from_alice, from_bob) = (scene.net.ssrc(alice), scene.net.ssrc(bob));
        let heard: Vec<_> = scene.heard(bob).into_iter().map(|packet| packet.payload).collect();
        assert_eq!(heard, plain(from_alice, 5), "{suite:?}");
        assert_eq!(opened(&mut scene, alice), plain(from_bob, 5), "{suite:?}");
    }
}

#[test]
fn each_side_may_have_its_own_keys_and_suite() {
    for suite in Suite::ALL {
        let mut scene = gateway(SUITE);
        let (alice, bob) = (scene.alice, scene.bob);
        secure(&mut scene, bob, 2, suite, 7);
        scene.talk(100);
        let (from_alice, from_bob) = (scene.net.ssrc(alice), scene.net.ssrc(bob));
        assert_eq!(opened(&mut scene, bob), plain(from_alice, 5), "{suite:?}");
        assert_eq!(opened(&mut scene, alice), plain(from_bob, 5), "{suite:?}");
    }
}

#[test]
fn what_is_not_protected_here_passes_untouched() {
    let mut scene = Scene::audio();
    let (theirs, ours) = (crypto::key(SUITE, 1), crypto::key(SUITE, 2));
    let (alice, bob) = (scene.alice, scene.bob);
    scene.net.secure(alice, &theirs, &ours);
    scene.net.secure(bob, &ours, &theirs);
    scene.talk(100);
    assert_eq!((opened(&mut scene, alice).len(), opened(&mut scene, bob).len()), (5, 5));
}

#[test]
fn options_and_mki_are_as_negotiated() {
    let key = |seed| crypto::key(SUITE, seed);
    let variants = [
        SrtpKeyPlan { mki_base64: Some("AAAAAQ==".to_owned()), ..key(1) },
        // Longer than the tail room of a packet.
        SrtpKeyPlan { mki_base64: Some("A".repeat(160)), ..key(1) },
        SrtpKeyPlan { unencrypted_srtp: true, unencrypted_srtcp: true, ..key(1) },
        SrtpKeyPlan { unauthenticated_srtp: true, ..key(1) },
    ];
    for theirs in variants {
        let ours = SrtpKeyPlan { key_base64: key(2).key_base64, ..theirs.clone() };
        let mut scene = Scene::audio_with(|plan| plan.streams[0].security = crypto::sdes(&theirs, &ours));
        let (alice, bob) = (scene.alice, scene.bob);
        scene.net.secure(alice, &theirs, &ours);
        scene.talk(100);
        assert_eq!(scene.heard(bob).len(), 5, "{theirs:?}");
        assert_eq!(opened(&mut scene, alice).len(), 5, "{theirs:?}");
    }
}

#[test]
fn rtcp_is_gatewayed_on_ports_of_its_own_and_multiplexed() {
    for muxed in [false, true] {
        let mut scene = gateway(SUITE);
        if muxed {
            scene.replan(|plan| plan.streams[0].rtcp = RtcpMode::Muxed);
        }
        scene.talk(100);
        scene.forget();
        let (alice, bob) = (scene.alice, scene.bob);
        let from_alice = packets::sender_report(scene.net.ssrc(alice), 7 << 32, &[]);
        let from_bob = packets::sender_report(scene.net.ssrc(bob), 7 << 32, &[]);
        let to = if muxed { scene.local(1) } else { scene.local_rtcp(1) };
        scene.net.report(alice, to, &from_alice, !muxed);
        scene.net.report(bob, scene.local_rtcp(2), &from_bob, true);
        scene.net.settle();
        let heard = scene.heard(bob);
        assert_eq!(
            heard.iter().map(|packet| (&packet.payload, packet.on_rtcp_port)).collect::<Vec<_>>(),
            [(&from_alice, true)]
        );
        let received = scene.heard(alice);
        assert_eq!(received.iter().map(|packet| packet.on_rtcp_port).collect::<Vec<_>>(), [!muxed]);
        assert_eq!(scene.net.open(alice, &received[0]), Some(from_bob));
        assert_eq!(scene.stats(1).rtcp.received_packets, 1);
    }
}

#[test]
fn several_receivers_get_copies_under_their_own_keys() {
    let mut scene = gateway(SUITE);
    let (alice, bob, carol) = (scene.alice, scene.bob, scene.net.peer("203.0.113.50:7000"));
    let (theirs, ours) = (crypto::key(Suite::AeadAes256Gcm, 20), crypto::key(Suite::AeadAes256Gcm, 21));
    let address = scene.net.address(carol);
    scene.replan(|plan| {
        let security = crypto::sdes(&theirs, &ours);
        plan.streams.push(StreamPlan { security, ..plans::audio_stream(3, Some(address)) });
        plan.routes.push(plans::route(1, 3));
    });
    scene.net.secure(carol, &theirs, &ours);
    scene.alice_talks(100);
    let expected = plain(scene.net.ssrc(alice), 5);
    assert_eq!(opened(&mut scene, carol), expected);
    assert_eq!(scene.heard(bob).into_iter().map(|packet| packet.payload).collect::<Vec<_>>(), expected);
}

#[test]
fn silence_is_protected_like_sound() {
    let mut scene = gateway(SUITE);
    scene.replan(|plan| plan.routes[1].media = MediaAction::Silence);
    scene.bob_talks(20);
    let alice = scene.alice;
    let heard = opened(&mut scene, alice);
    assert_eq!(heard.len(), 1);
    assert!(heard[0][12..].iter().all(|octet| *octet == 0xff));
}

#[test]
fn a_packet_that_is_not_authentic_is_dropped_and_counted() {
    let mut scene = gateway(SUITE);
    let (alice, bob) = (scene.alice, scene.bob);
    scene.net.send(alice, scene.local(1), packets::rtp(0, 1, 0, 5));
    scene.net.send_rtcp(alice, scene.local_rtcp(1), packets::receiver_report(5, &[]));
    scene.net.settle();
    assert!(scene.heard(bob).is_empty());
    let stats = scene.stats(1);
    assert_eq!((stats.rtp.authentication_failures, stats.rtp.received_packets), (1, 0));
    assert_eq!((stats.rtcp.authentication_failures, stats.rtcp.received_packets), (1, 0));
    assert_eq!(scene.net.engine().counters().dropped_packets, 2);
    scene.talk(100);
    assert_eq!(scene.heard(bob).len(), 5);
}

#[test]
fn a_repeated_packet_is_dropped_and_counted() {
    let mut scene = gateway(SUITE);
    let (alice, bob) = (scene.alice, scene.bob);
    let packet = scene.net.crypto(alice).protect(&packets::rtp(0, 1, 0, 5));
    for _ in 0..3 {
        scene.net.send(alice, scene.local(1), packet.clone());
    }
    scene.net.settle();
    assert_eq!(scene.heard(bob).len(), 1);
    assert_eq!(scene.rtp(1).replays, 2);
}

#[test]
fn each_source_has_numbers_of_its_own() {
    let mut scene = gateway(SUITE);
    let (alice, bob) = (scene.alice, scene.bob);
    for ssrc in [5, 6, 7, 5] {
        for number in 1..=3 {
            let number = if ssrc == 5 { number + scene.rtp(1).received_packets as u16 } else { number };
            let packet = scene.net.crypto(alice).protect(&packets::rtp(0, number, 0, ssrc));
            scene.net.send(alice, scene.local(1), packet);
        }
        scene.net.settle();
    }
    assert_eq!((scene.heard(bob).len(), scene.rtp(1).replays), (12, 0));
}

#[test]
fn both_parties_may_have_the_same_source() {
    let mut scene = gateway(SUITE);
    let (alice, bob) = (scene.alice, scene.bob);
    secure(&mut scene, bob, 2, Suite::AeadAes128Gcm, 7);
    scene.net.set_ssrc(alice, 9);
    scene.net.set_ssrc(bob, 9);
    scene.talk(100);
    assert_eq!(opened(&mut scene, bob), plain(9, 5));
    assert_eq!(opened(&mut scene, alice), plain(9, 5));
    assert_eq!((scene.rtp(1).replays, scene.rtp(2).replays), (0, 0));
}

#[test]
fn nothing_in_the_clear_ends_or_moves_a_protected_call() {
    let mut scene = gateway(SUITE);
    let alice = scene.alice;
    scene.talk(100);
    scene.forget();
    let bye = vec![0x81, 203, 0, 1, 0, 0, 0, 5];
    for _ in 0..200 {
        scene.net.send(alice, scene.local(1), packets::rtp(0, 9, 0, 5));
        scene.net.send_rtcp(alice, scene.local_rtcp(1), bye.clone());
        scene.net.send_rtcp(alice, scene.local_rtcp(1), vec![0x80, 201, 0, 0]);
    }
    scene.net.settle();
    let (rtp, rtcp) = (scene.rtp(1), scene.stats(1).rtcp);
    assert_eq!((rtp.authentication_failures, rtcp.authentication_failures, rtcp.malformed), (200, 200, 200));
    assert!(scene.heard(scene.bob).is_empty());
    let events = scene.net.take_events();
    let cause =
        |event: &Event| if let Event::SuspectPackets { cause, .. } = event { Some(*cause) } else { None };
    let (forged, broken) = (Some(SuspectCause::NotAuthentic), Some(SuspectCause::Malformed));
    // Nothing authentic has come to the RTCP port, so what is broken there may be anybody's.
    assert_eq!(events.iter().map(cause).collect::<Vec<_>>(), [forged, forged, broken]);
    scene.talk(100);
    assert_eq!((opened(&mut scene, alice).len(), scene.heard(scene.bob).len()), (5, 5));
}

#[test]
fn bytes_are_counted_as_they_were_on_the_wire() {
    let mut scene = gateway(SUITE);
    scene.talk(20);
    let (alice, bob) = (scene.rtp(1), scene.rtp(2));
    assert_eq!((alice.received_bytes, alice.sent_bytes), (182, 182));
    assert_eq!((bob.received_bytes, bob.sent_bytes), (172, 172));
}

#[test]
fn the_suites_in_use_are_told() {
    let scene = gateway(SUITE);
    let (alice, bob) = (scene.stats(1), scene.stats(2));
    assert_eq!(alice.suite_in.as_deref(), Some("AES_CM_128_HMAC_SHA1_80"));
    assert_eq!(alice.suite_out.as_deref(), Some("AES_CM_128_HMAC_SHA1_80"));
    assert_eq!((bob.suite_in, bob.suite_out), (None, None));
}

#[test]
fn padding_within_a_protected_packet_does_not_confuse() {
    let mut scene = gateway(SUITE);
    let (alice, bob) = (scene.alice, scene.bob);
    scene.replan(|plan| plan.routes[0].media = MediaAction::Silence);
    let mut packet = packets::rtp(0, 1, 0, 5);
    packet[0] |= 0x20;
    packet[171] = 4;
    let protected = scene.net.crypto(alice).protect(&packet);
    scene.net.send(alice, scene.local(1), protected);
    scene.net.settle();
    let heard = scene.heard(bob);
    assert_eq!(heard[0].payload.len(), 172);
    assert_eq!(heard[0].payload[171], 4);
    assert!(heard[0].payload[12..168].iter().all(|octet| *octet == 0xff));
}

#[test]
fn a_sender_that_begins_its_sequence_anew_is_heard_on() {
    let mut scene = gateway(SUITE);
    let (alice, bob) = (scene.alice, scene.bob);
    scene.net.set_sequence(bob, 20_000);
    scene.bob_talks(1000);
    assert_eq!(opened(&mut scene, alice).len(), 50);
    // Same SSRC, and numbers whose indices are used up under this key.
    scene.net.set_sequence(bob, 19_000);
    scene.bob_talks(1000);
    let heard = opened(&mut scene, alice);
    assert!(heard.len() >= 45, "{} of 50", heard.len());
    let first = wire::rtp::Header::parse(&heard[0]).map(|header| header.sequence);
    assert_eq!(first, Some(20_050));
    assert_eq!(opened_twice(&mut scene), 50);
}

/// One more second of Bob, heard by Alice.
fn opened_twice(scene: &mut Scene) -> usize {
    scene.bob_talks(1000);
    let alice = scene.alice;
    opened(scene, alice).len()
}

#[test]
fn late_and_repeated_packets_are_no_restart() {
    let mut scene = gateway(SUITE);
    let (alice, bob) = (scene.alice, scene.bob);
    let ssrc = scene.net.ssrc(bob);
    scene.bob_talks(2000);
    for number in [3, 4, 5, 90] {
        scene.net.send(bob, scene.local(2), packets::rtp(0, number, 0, ssrc));
    }
    scene.bob_talks(100);
    let heard = opened(&mut scene, alice);
    assert_eq!(heard.len(), 105);
    let last = wire::rtp::Header::parse(&heard[104]).map(|header| header.sequence);
    assert_eq!(last, Some(105));
}

#[test]
fn keys_of_the_wrong_length_or_name_are_refused() {
    let (good, mut short, mut odd) = (crypto::key(SUITE, 1), crypto::key(SUITE, 2), crypto::key(SUITE, 3));
    short.key_base64 = "AAAA".to_owned();
    odd.suite = "AES_CM_128_HMAC_MD5".to_owned();
    for bad in [short, odd] {
        let mut scene = Scene::audio();
        scene.plan.revision += 1;
        scene.plan.streams[0].security = crypto::sdes(&good, &bad);
        let refused = scene.net.apply(&scene.plan);
        let Err(protocol::ErrorCode::BadPlan { path, .. }) = refused else { panic!("{refused:?}") };
        assert_eq!(path, "streams[0].security.send");
    }
}

#[test]
fn a_listed_plan_says_how_it_is_protected() {
    let scene = gateway(SUITE);
    let plans = scene.net.engine().plans(None, 1);
    assert_eq!(plans[0].streams[0].security, scene.plan.streams[0].security);
    assert_eq!(plans[0].streams[1].security, SecurityPlan::None);
}
