//! What is told of packets that are not, or not provably, a peer's: all are counted, and nobody can fill a log.

use std::net::SocketAddr;

use protocol::{Event, RtcpMode, SecurityPlan, SuspectCause};
use sim::{MALLORY, Scene, crypto, packets, plans};
use srtp::Suite;

const SUITE: Suite = Suite::AesCm128HmacSha1_80;

type Told = (String, SuspectCause, SocketAddr, u64);

fn told(scene: &mut Scene) -> Vec<Told> {
    let told = |event| {
        let Event::SuspectPackets { session, cause, source, packets, .. } = event else { return None };
        Some((session.0, cause, source, packets))
    };
    scene.net.take_events().into_iter().filter_map(told).collect()
}

fn protected() -> Scene {
    let mut scene = Scene::audio_with(|plan| {
        plan.streams[0].security = crypto::sdes(&crypto::key(SUITE, 1), &crypto::key(SUITE, 2));
        plan.streams[0].rtcp = RtcpMode::Muxed;
    });
    let alice = scene.alice;
    scene.net.secure(alice, &crypto::key(SUITE, 1), &crypto::key(SUITE, 2));
    scene
}

#[test]
fn a_hundred_thousand_sources_are_counted_and_make_one_event_in_ten_seconds() {
    let mut scene = Scene::audio();
    scene.talk(100);
    scene.forget();
    let mallory = scene.net.peer(MALLORY);
    let to = scene.local(1);
    for number in 0..100_000u32 {
        let source = SocketAddr::new(
            [192, 88, (number >> 16) as u8, (number >> 8) as u8].into(),
            1024 + (number as u16 & 0xff),
        );
        scene.net.set_address(mallory, &source.to_string());
        scene.net.send(mallory, to, packets::rtp(0, number as u16, 0, number));
        if number % 4000 == 0 {
            scene.talk(1000);
        }
    }
    scene.net.settle();
    let told = told(&mut scene);
    assert_eq!(scene.rtp(1).foreign, 100_000);
    assert_eq!(scene.net.engine().counters().suspect.foreign, 100_000);
    assert!((2..=4).contains(&told.len()), "{told:?}");
    assert!(told.iter().all(|(_, cause, ..)| *cause == SuspectCause::Foreign));
}

#[test]
fn all_calls_together_make_fifty_events_in_ten_seconds_and_what_was_left_out_is_told_later() {
    let mut scene = Scene::audio();
    let mallory = scene.net.peer(MALLORY);
    let mut targets = Vec::new();
    for number in 0..200 {
        let plan = plans::audio_call(&format!("call-{number}"), Some(scene.net.address(scene.alice)), None);
        scene.net.apply(&plan).unwrap();
        targets.push(scene.net.local(&plan.session, 1));
    }
    let spray = |scene: &mut Scene| {
        for to in &targets {
            scene.net.send(mallory, *to, vec![0xff; 40]);
        }
        scene.net.settle();
        told(scene)
    };
    assert_eq!(spray(&mut scene).len(), 50);
    scene.wait(5_000);
    assert!(spray(&mut scene).is_empty());
    scene.wait(5_000);
    let later = spray(&mut scene);
    assert_eq!(later.len(), 50);
    assert!(later.iter().all(|(.., packets)| *packets >= 2), "{later:?}");
    assert_eq!(scene.net.engine().counters().suspect.malformed, 600);
}

#[test]
fn a_stranger_on_a_stream_that_is_not_strict_is_passed_on_and_told() {
    let mut scene = Scene::audio_with(|plan| plan.streams[0].learning.strict = false);
    scene.talk(100);
    scene.forget();
    let mallory = scene.net.peer(MALLORY);
    scene.net.speak(mallory, scene.local(1));
    scene.net.settle();
    assert_eq!(scene.heard(scene.bob).len(), 1);
    assert_eq!((scene.rtp(1).tolerated, scene.rtp(1).foreign), (1, 0));
    let source = MALLORY.parse().unwrap();
    assert_eq!(told(&mut scene), [("call".to_owned(), SuspectCause::Tolerated, source, 1)]);
}

#[test]
fn what_the_peer_sends_twice_is_counted_and_not_told() {
    let mut scene = protected();
    scene.talk(100);
    let (alice, to) = (scene.alice, scene.local(1));
    let packet = scene.net.next_packet(alice);
    for _ in 0..3 {
        scene.net.send(alice, to, packet.clone());
    }
    scene.net.settle();
    assert_eq!(scene.rtp(1).replays, 2);
    assert!(told(&mut scene).is_empty());
}

#[test]
fn srtp_that_is_not_authentic_is_told_even_with_the_address_of_the_peer() {
    let mut scene = protected();
    scene.talk(100);
    let (alice, to) = (scene.alice, scene.local(1));
    let mut forged = scene.net.next_packet(alice);
    forged[20] ^= 1;
    scene.net.send(alice, to, forged);
    scene.net.settle();
    let source = scene.net.address(alice);
    assert_eq!(told(&mut scene), [("call".to_owned(), SuspectCause::NotAuthentic, source, 1)]);
    assert_eq!(scene.rtp(1).last_suspect.map(|suspect| suspect.source), Some(source));
}

/// Sources cost nothing to forge, so what is sent to them before they have answered has to be little.
#[test]
fn client_hellos_from_forged_sources_draw_less_than_the_media_of_a_call() {
    let certificate = crypto::certificate();
    let mut scene = Scene::audio_with(|plan| {
        plan.streams[0].rtcp = RtcpMode::Muxed;
        plan.streams[0].security = SecurityPlan::Dtls {
            role: protocol::DtlsRole::Passive,
            fingerprints: vec![crypto::fingerprint(&certificate)],
            association: 1,
            certificate: None,
        };
    });
    let to = scene.local(1);
    let seconds = 60;
    let mut sources = Vec::new();
    for number in 0..seconds * 20u16 {
        let forged = scene.net.peer(&format!("192.88.{}.{}:6000", number >> 8, number & 0xff));
        let mut end = crypto::DtlsEnd::new(&certificate, dtls::Role::Client, std::time::Instant::now());
        for datagram in end.outgoing() {
            scene.net.send(forged, to, datagram);
        }
        scene.wait(50);
        sources.push(forged);
    }
    let bytes =
        |packets: Vec<sim::Received>| packets.iter().map(|packet| packet.payload.len()).sum::<usize>();
    let drawn: usize = sources.iter().map(|source| bytes(scene.heard(*source))).sum();
    let per_second = drawn / usize::from(seconds);
    assert!((1..8_000).contains(&per_second), "{per_second} bytes a second");
}
