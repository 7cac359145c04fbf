//! Which keys are reported, and when.

use protocol::Event;
use sim::{Scene, crypto, packets};
use srtp::Suite;
use wire::telephone_event::TelephoneEvent;

const SSRC: u32 = 7;

fn scene() -> Scene {
    Scene::audio_with(|plan| plan.report_telephone_events = true)
}

/// A packet of an event: the sequence counts on, the timestamp is that of the beginning.
#[derive(Clone, Copy)]
struct Key {
    event: u8,
    timestamp: u32,
    duration: u16,
    end: bool,
    marker: bool,
    ssrc: u32,
}

fn key(event: u8, timestamp: u32, duration: u16) -> Key {
    Key { event, timestamp, duration, end: false, marker: false, ssrc: SSRC }
}

impl Key {
    fn first(self) -> Key {
        Key { marker: true, ..self }
    }

    fn end(self) -> Key {
        Key { end: true, ..self }
    }

    fn packet(self, sequence: u16) -> Vec<u8> {
        let mut packet = packets::rtp(101, sequence, self.timestamp, self.ssrc);
        packet.truncate(12);
        packet[1] |= u8::from(self.marker) << 7;
        let Key { event, end, duration, .. } = self;
        packet.extend(TelephoneEvent { event, end, volume: 10, duration }.to_bytes());
        packet
    }
}

fn press(scene: &mut Scene, keys: &[Key]) {
    for (sequence, key) in keys.iter().enumerate() {
        scene.net.send(scene.alice, scene.local(1), key.packet(sequence as u16));
        scene.wait(20);
    }
    scene.net.settle();
}

/// Event and duration of what was reported.
fn reported(scene: &mut Scene) -> Vec<(u8, u32)> {
    let one = |event: &Event| {
        let Event::TelephoneEvent { event, duration, .. } = event else { return None };
        Some((*event, *duration))
    };
    scene.net.take_events().iter().filter_map(one).collect()
}

#[test]
fn a_key_is_reported_once_when_it_is_released() {
    let mut scene = scene();
    press(&mut scene, &[key(5, 1000, 0).first(), key(5, 1000, 400)]);
    assert_eq!(reported(&mut scene), []);
    press(&mut scene, &[key(5, 1000, 800).end(); 3]);
    let events = scene.net.take_events();
    let source = scene.net.address(scene.alice);
    let told = events.iter().filter(|event| matches!(event, Event::TelephoneEvent { .. }));
    let expected = Event::TelephoneEvent {
        session: scene.plan.session.clone(),
        revision: 1,
        stream: protocol::StreamId(1),
        event: 5,
        duration: 800,
        clock_rate: 8000,
        volume: 10,
        payload_type: 101,
        source,
    };
    assert_eq!(told.collect::<Vec<_>>(), [&expected]);
    scene.wait(5_000);
    assert_eq!(reported(&mut scene), []);
}

#[test]
fn the_same_key_pressed_twice_is_reported_twice() {
    let mut scene = scene();
    press(&mut scene, &[key(1, 1000, 160).first(), key(1, 1000, 480).end(), key(1, 1000, 480).end()]);
    press(&mut scene, &[key(1, 3000, 160).first(), key(1, 3000, 640).end(), key(1, 3000, 640).end()]);
    assert_eq!(reported(&mut scene), [(1, 480), (1, 640)]);
}

#[test]
fn one_end_packet_of_three_is_enough() {
    let mut scene = scene();
    press(&mut scene, &[key(11, 1000, 800).end()]);
    assert_eq!(reported(&mut scene), [(11, 800)]);
}

#[test]
fn a_key_whose_end_is_lost_ends_with_the_next_one() {
    let mut scene = scene();
    press(&mut scene, &[key(1, 1000, 160).first(), key(1, 1000, 320), key(2, 3000, 160).first()]);
    assert_eq!(reported(&mut scene), [(1, 320)]);
    // The end comes late after all.
    press(&mut scene, &[key(1, 1000, 480).end(), key(2, 3000, 320).end()]);
    assert_eq!(reported(&mut scene), [(2, 320)]);
}

#[test]
fn a_key_whose_end_is_lost_ends_with_silence() {
    let mut scene = scene();
    press(&mut scene, &[key(9, 1000, 160).first(), key(9, 1000, 320)]);
    scene.wait(400);
    assert_eq!(reported(&mut scene), []);
    scene.wait(1_200);
    assert_eq!(reported(&mut scene), [(9, 320)]);
    press(&mut scene, &[key(9, 1000, 480).end()]);
    assert_eq!(reported(&mut scene), []);
}

#[test]
fn a_key_held_longer_than_its_field_can_say_is_one_key() {
    let mut scene = scene();
    let next = 1000 + 0xffff;
    press(
        &mut scene,
        &[key(0, 1000, 160).first(), key(0, 1000, 0xffff), key(0, next, 160), key(0, next, 320).end()],
    );
    assert_eq!(reported(&mut scene), [(0, 0xffff + 320)]);
}

#[test]
fn another_source_is_another_key() {
    let mut scene = scene();
    let other = |key: Key| Key { ssrc: SSRC + 1, ..key };
    press(&mut scene, &[key(3, 1000, 160).first(), other(key(3, 1000, 160).end())]);
    assert_eq!(reported(&mut scene), [(3, 160), (3, 160)]);
}

#[test]
fn a_sender_whose_clock_begins_anew_is_heard() {
    let mut scene = scene();
    press(&mut scene, &[key(3, 900_000, 160).end()]);
    scene.wait(3_000);
    press(&mut scene, &[key(4, 1000, 160).end()]);
    assert_eq!(reported(&mut scene), [(3, 160), (4, 160)]);
}

#[test]
fn signals_that_are_no_keys_are_not_reported() {
    let mut scene = scene();
    press(&mut scene, &[key(16, 1000, 160).end(), key(32, 2000, 160).end()]);
    scene.wait(2_000);
    assert_eq!(reported(&mut scene), []);
}

#[test]
fn keys_that_are_not_relayed_are_reported() {
    let mut scene = Scene::audio_with(|plan| {
        plan.report_telephone_events = true;
        plan.routes[0].telephone_events = protocol::EventAction::Drop;
    });
    press(&mut scene, &[key(5, 1000, 160).first(), key(5, 1000, 320).end()]);
    assert_eq!(reported(&mut scene), [(5, 320)]);
    assert!(scene.heard(scene.bob).is_empty());
}

#[test]
fn keys_of_a_protected_stream_are_reported() {
    let suite = Suite::AesCm128HmacSha1_80;
    let (ours, theirs) = (crypto::key(suite, 1), crypto::key(suite, 2));
    let mut scene = Scene::audio_with(|plan| {
        plan.report_telephone_events = true;
        plan.streams[0].security = crypto::sdes(&ours, &theirs);
    });
    let mut alice = crypto::Crypto::new(&ours, &theirs);
    for (sequence, key) in [key(7, 1000, 160).first(), key(7, 1000, 800).end()].into_iter().enumerate() {
        let packet = alice.protect(&key.packet(sequence as u16));
        scene.net.send(scene.alice, scene.local(1), packet);
        scene.net.settle();
    }
    assert_eq!(reported(&mut scene), [(7, 800)]);
}

#[test]
fn a_stranger_presses_no_keys() {
    let mut scene = scene();
    scene.talk(4_000);
    scene.forget();
    let mallory = scene.net.peer(sim::MALLORY);
    scene.net.send(mallory, scene.local(1), key(5, 1000, 160).end().packet(1));
    scene.net.settle();
    assert_eq!(reported(&mut scene), []);
}

#[test]
fn a_packet_too_short_for_an_event_is_relayed_and_not_reported() {
    let mut scene = scene();
    let mut packet = key(5, 1000, 160).end().packet(1);
    packet.truncate(14);
    scene.net.send(scene.alice, scene.local(1), packet);
    scene.net.settle();
    assert_eq!(reported(&mut scene), []);
    assert_eq!(scene.heard(scene.bob).len(), 1);
}

#[test]
fn without_a_wish_for_them_keys_are_not_reported() {
    let mut scene = Scene::audio();
    press(&mut scene, &[key(5, 1000, 160).end()]);
    assert_eq!(reported(&mut scene), []);
    scene.replan(|plan| plan.report_telephone_events = true);
    press(&mut scene, &[key(6, 3000, 160).end()]);
    assert_eq!(reported(&mut scene), [(6, 160)]);
}

#[test]
fn a_flood_of_presses_is_reported_in_part() {
    let mut scene = scene();
    scene.net.take_events();
    for press in 0..500u16 {
        let key = key((press % 2) as u8, u32::from(press) * 160, 80).end();
        scene.net.send(scene.alice, scene.local(1), key.packet(press));
    }
    scene.net.settle();
    assert_eq!(reported(&mut scene).len(), 25);
    scene.wait(1000);
    press(&mut scene, &[key(7, 200_000, 400).end()]);
    assert_eq!(reported(&mut scene), [(7, 400)]);
}

#[test]
fn the_quickest_dialler_is_reported_in_full() {
    let mut scene = scene();
    scene.net.take_events();
    // 40 ms of tone and 40 ms of pause.
    for number in 0..100u16 {
        let key = key(5, 640 * u32::from(number), 320).end();
        for repeated in 0..3 {
            scene.net.send(scene.alice, scene.local(1), key.packet(3 * number + repeated));
        }
        scene.wait(80);
    }
    scene.net.settle();
    assert_eq!(reported(&mut scene).len(), 100);
}
