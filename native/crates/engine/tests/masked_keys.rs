//! What a listener gets for a key that is not to be known.

use proptest::prelude::*;
use protocol::{
    Event, EventAction, MediaAction, PayloadPlan, PcapLink, StreamId, TapId, TapPlan, TapSide, TapTarget,
};
use sim::{Scene, crypto, packets};
use srtp::Suite;
use wire::{red::Blocks, rtp::Header, telephone_event::TelephoneEvent};

const SSRC: u32 = 7;
const EVENTS: u8 = 101;
const RED: u8 = 121;

fn scene(action: EventAction) -> Scene {
    Scene::audio_with(|plan| plan.routes[0].telephone_events = action)
}

fn packet(payload_type: u8, sequence: u16, timestamp: u32, payload: &[u8]) -> Vec<u8> {
    let mut packet = packets::rtp(payload_type, sequence, timestamp, SSRC);
    packet.truncate(12);
    packet.extend(payload);
    packet
}

fn key(event: u8, duration: u16, end: bool) -> [u8; 4] {
    TelephoneEvent { event, end, volume: 10, duration }.to_bytes()
}

/// A key held for 80 ms from this timestamp on, its end sent three times.
fn press(scene: &mut Scene, event: u8, timestamp: u32, first: u16) {
    let durations =
        [(160, false), (320, false), (480, false), (640, false), (640, true), (640, true), (640, true)];
    for ((duration, end), sequence) in durations.into_iter().zip(first..) {
        send(scene, packet(EVENTS, sequence, timestamp, &key(event, duration, end)));
    }
}

fn send(scene: &mut Scene, packet: Vec<u8>) {
    scene.net.send(scene.alice, scene.local(1), packet);
    scene.wait(20);
    scene.net.settle();
}

/// Header and payload of what Bob got.
fn heard(scene: &mut Scene) -> Vec<(Header, Vec<u8>)> {
    let read = |packet: &[u8]| {
        let Some(header) = Header::parse(packet) else { panic!("what leaves is RTP: {packet:?}") };
        (header, packet[header.payload(packet.len())].to_vec())
    };
    scene.heard(scene.bob).iter().map(|received| read(&received.payload)).collect()
}

fn events(scene: &mut Scene) -> Vec<TelephoneEvent> {
    heard(scene).iter().filter_map(|(_, payload)| TelephoneEvent::parse(payload)).collect()
}

fn numbers(scene: &mut Scene) -> Vec<u8> {
    events(scene).iter().map(|event| event.event).collect()
}

const RANDOM: EventAction = EventAction::Random { seed: [1, 2] };

#[test]
fn a_key_is_replaced_in_all_its_packets_and_nothing_else_is() {
    let mut scene = scene(EventAction::Replace { event: 9 });
    press(&mut scene, 5, 1000, 1);
    let got = events(&mut scene);
    let expected = |(duration, end)| TelephoneEvent { event: 9, end, volume: 10, duration };
    let sent =
        [(160, false), (320, false), (480, false), (640, false), (640, true), (640, true), (640, true)];
    assert_eq!(got, sent.map(expected));
    assert_eq!(scene.rtp(2).sent_packets, 7);
}

#[test]
fn a_random_key_is_one_for_each_press_and_tells_nothing_of_it() {
    let mut scene = scene(RANDOM);
    let mut seen = std::collections::BTreeSet::new();
    for number in 0..40u16 {
        press(&mut scene, 5, 8000 * u32::from(number), 10 * number);
        let got = numbers(&mut scene);
        assert_eq!(got, vec![got[0]; 7]);
        assert!(got[0] < 10);
        seen.insert(got[0]);
    }
    assert!(seen.len() > 6, "{seen:?}");
}

#[test]
fn a_key_held_longer_than_its_field_can_say_stays_one_key() {
    for seed in 0..8 {
        let mut scene = scene(EventAction::Random { seed: [seed, 0] });
        let next = 1000 + 0xffff;
        for (sequence, (timestamp, duration, end)) in
            [(1000, 160, false), (1000, 0xffff, false), (next, 160, false), (next, 320, true)]
                .into_iter()
                .enumerate()
        {
            send(&mut scene, packet(EVENTS, sequence as u16, timestamp, &key(0, duration, end)));
        }
        let got = numbers(&mut scene);
        assert_eq!(got, vec![got[0]; 4]);
    }
}

#[test]
fn several_keys_in_one_packet_are_all_replaced() {
    let mut scene = scene(EventAction::Replace { event: 0 });
    let both = [key(4, 400, true), key(7, 80, false)].concat();
    send(&mut scene, packet(EVENTS, 1, 1000, &both));
    assert_eq!(heard(&mut scene)[0].1, [key(0, 400, true), key(0, 80, false)].concat());
}

#[test]
fn signals_that_are_no_keys_pass() {
    for action in [EventAction::Replace { event: 0 }, RANDOM, EventAction::Silence] {
        let mut scene = scene(action);
        press(&mut scene, 16, 1000, 1);
        assert_eq!(numbers(&mut scene), [16; 7]);
    }
}

#[test]
fn an_event_nobody_can_read_does_not_pass() {
    for action in [EventAction::Replace { event: 0 }, RANDOM, EventAction::Silence] {
        let mut scene = scene(action);
        send(&mut scene, packet(EVENTS, 1, 1000, &[5, 10, 0]));
        assert!(heard(&mut scene).is_empty());
        assert_eq!(scene.rtp(1).blocked, 1);
    }
}

/// Alice has spoken G.711, and presses 5 at timestamp 1000.
fn sounding(action: EventAction) -> Vec<(Header, Vec<u8>)> {
    let mut scene = scene(action);
    send(&mut scene, packets::rtp(0, 1, 840, SSRC));
    scene.forget();
    press(&mut scene, 5, 1000, 2);
    heard(&mut scene)
}

#[test]
fn silence_lasts_as_long_as_the_key_is_held() {
    let got = sounding(EventAction::Silence);
    let places: Vec<_> = got.iter().map(|(header, _)| (header.sequence, header.timestamp)).collect();
    // Ends tell nothing new: no sound belongs to them.
    assert_eq!(places, [(2, 1000), (3, 1160), (4, 1320), (5, 1480)]);
    for (header, payload) in got {
        assert_eq!((header.payload_type, header.marker), (0, false));
        assert_eq!(payload, [0xff; 160]);
    }
}

#[test]
fn silence_makes_up_for_what_was_lost_within_a_packet_s_measure() {
    let mut scene = scene(EventAction::Silence);
    send(&mut scene, packets::rtp(8, 1, 840, SSRC));
    scene.forget();
    for (sequence, duration) in [(2, 160), (4, 480), (90, 8000)] {
        scene.wait(u64::from(sequence) * 2);
        send(&mut scene, packet(EVENTS, sequence, 1000, &key(5, duration, false)));
    }
    let got: Vec<_> =
        heard(&mut scene).iter().map(|(header, payload)| (header.timestamp, payload.clone())).collect();
    let expected = [(1000, 160), (1160, 320), (1000 + 8000 - 960, 960)];
    assert_eq!(got, expected.map(|(timestamp, length)| (timestamp, vec![0xd5; length])));
}

#[test]
fn sound_lasts_no_longer_than_time_has_passed() {
    for action in [EventAction::Silence, EventAction::Tone { frequencies: vec![400], volume: 10 }] {
        let mut scene = scene(action);
        send(&mut scene, packets::rtp(0, 1, 840, SSRC));
        scene.forget();
        for press in 1..100u16 {
            let event = packet(EVENTS, press, 1000 * u32::from(press), &key(5, 960, false));
            scene.net.send(scene.alice, scene.local(1), event);
        }
        scene.net.settle();
        let octets: usize = heard(&mut scene).iter().map(|(_, payload)| payload.len()).sum();
        assert_eq!(octets, 960);
    }
}

#[test]
fn a_tone_goes_on_from_packet_to_packet() {
    let tone = EventAction::Tone { frequencies: vec![300], volume: 10 };
    let samples: Vec<u8> = sounding(tone).into_iter().flat_map(|(_, payload)| payload).collect();
    assert_eq!(samples.len(), 640);
    // 300 Hz: three waves in 80 samples.
    assert!(samples.chunks(80).all(|waves| waves == &samples[..80]));
    assert_ne!(samples[..20], samples[20..40]);
}

#[test]
fn each_press_has_the_next_frequency() {
    let mut scene = scene(EventAction::Tone { frequencies: vec![400, 800], volume: 0 });
    let mut sounds = Vec::new();
    for number in 0..3u16 {
        press(&mut scene, 5, 1000 + 8000 * u32::from(number), 10 * number);
        sounds.push(heard(&mut scene)[0].1.clone());
    }
    assert_ne!(sounds[0], sounds[1]);
    assert_eq!(sounds[0], sounds[2]);
}

#[test]
fn with_other_codecs_nothing_sounds() {
    let tone = EventAction::Tone { frequencies: vec![400], volume: 10 };
    for (action, codec) in [(EventAction::Silence, "opus"), (tone.clone(), "opus"), (tone, "G722")] {
        let mut scene = Scene::audio_with(|plan| {
            plan.routes[0].telephone_events = action;
            plan.streams[0].payloads[0].codec = codec.to_owned();
        });
        send(&mut scene, packets::rtp(0, 1, 840, SSRC));
        scene.forget();
        press(&mut scene, 5, 1000, 2);
        assert!(heard(&mut scene).is_empty(), "{codec}");
    }
}

#[test]
fn a_key_that_is_pressed_ends_as_it_began() {
    for (before, after) in
        [(EventAction::Forward, EventAction::Drop), (EventAction::Drop, EventAction::Forward)]
    {
        let mut scene = scene(before.clone());
        scene.replan(|plan| plan.report_telephone_events = true);
        let sent = [key(5, 160, false), key(5, 320, true), key(5, 320, true), key(5, 320, true)];
        for (sequence, payload) in sent.iter().enumerate() {
            send(&mut scene, packet(EVENTS, sequence as u16, 1000, payload));
            // The command comes with the first end, and others after it.
            let action = after.clone();
            scene.replan(|plan| {
                plan.routes[0].telephone_events = if sequence > 0 { action } else { before.clone() }
            });
        }
        let expected = if before == EventAction::Forward { 4 } else { 0 };
        assert_eq!(events(&mut scene).len(), expected);
        press(&mut scene, 5, 9000, 10);
        assert_eq!(events(&mut scene).len(), 7 - 7 * usize::from(expected == 4));
    }
}

#[test]
fn nothing_of_a_key_passes_once_everything_is_dropped() {
    let mut scene = scene(EventAction::Forward);
    scene.replan(|plan| plan.report_telephone_events = true);
    send(&mut scene, packet(EVENTS, 1, 1000, &key(5, 160, false)));
    scene.replan(|plan| {
        plan.routes[0].telephone_events = EventAction::Drop;
        plan.routes[0].media = MediaAction::Drop;
    });
    scene.forget();
    send(&mut scene, packet(EVENTS, 2, 1000, &key(5, 320, true)));
    assert!(heard(&mut scene).is_empty());
}

#[test]
fn masked_keys_are_told_as_they_were_pressed() {
    for action in [EventAction::Replace { event: 0 }, RANDOM, EventAction::Silence, EventAction::Drop] {
        let mut scene = scene(action);
        scene.replan(|plan| plan.report_telephone_events = true);
        scene.net.take_events();
        press(&mut scene, 5, 1000, 1);
        let told = scene.net.take_events();
        let keys = told
            .iter()
            .filter(|event| matches!(event, Event::TelephoneEvent { event: 5, duration: 640, .. }));
        assert_eq!(keys.count(), 1);
    }
}

#[test]
fn without_a_wish_for_them_masked_keys_are_not_told() {
    let mut scene = scene(RANDOM);
    scene.net.take_events();
    press(&mut scene, 5, 1000, 1);
    assert!(scene.net.take_events().iter().all(|event| !matches!(event, Event::TelephoneEvent { .. })));
}

#[test]
fn keys_are_masked_in_a_protected_stream() {
    let suite = Suite::AesCm128HmacSha1_80;
    let (theirs, ours) = (crypto::key(suite, 1), crypto::key(suite, 2));
    let mut scene = scene(EventAction::Replace { event: 9 });
    scene.replan(|plan| plan.streams[0].security = crypto::sdes(&theirs, &ours));
    let mut alice = crypto::Crypto::new(&theirs, &ours);
    let protected = alice.protect(&packet(EVENTS, 1, 1000, &key(5, 640, true)));
    send(&mut scene, protected);
    assert_eq!(numbers(&mut scene), [9]);
}

#[test]
fn recordings_have_the_mask_and_not_the_key() {
    let mut scene = scene(EventAction::Replace { event: 9 });
    scene.replan(|plan| plan.taps = vec![tap(1), tap(2)]);
    press(&mut scene, 5, 1000, 1);
    assert!(scene.net.tape().taken(1).is_empty());
    let copied = scene.net.tape().taken(2);
    assert!(copied.len() == 7 && copied.iter().all(|copy| copy.payload[12] == 9));
}

#[test]
fn recordings_do_not_tell_the_end_of_a_key_that_was_hidden_when_it_was_pressed() {
    let mut scene = scene(EventAction::Drop);
    scene.replan(|plan| {
        plan.report_telephone_events = true;
        plan.taps = vec![tap(1), tap(2)];
    });
    send(&mut scene, packet(EVENTS, 1, 1000, &key(5, 160, false)));
    scene.replan(|plan| plan.routes[0].telephone_events = EventAction::Forward);
    send(&mut scene, packet(EVENTS, 2, 1000, &key(5, 320, true)));
    assert!(scene.net.tape().taken(1).is_empty() && scene.net.tape().taken(2).is_empty());
    press(&mut scene, 6, 9000, 3);
    assert_eq!((scene.net.tape().taken(1).len(), scene.net.tape().taken(2).len()), (7, 7));
}

/// All that a stream receives and is sent.
fn tap(id: u32) -> TapPlan {
    TapPlan {
        id: TapId(id),
        streams: vec![StreamId(id)],
        side: TapSide::Both,
        rtcp: true,
        paused: false,
        target: TapTarget::Pcap { path: "/recordings/call.pcap".to_owned(), link: PcapLink::RawIp },
    }
}

#[test]
fn an_echo_is_masked_too() {
    let mut scene = scene(EventAction::Replace { event: 9 });
    scene.replan(|plan| plan.routes[0].to = StreamId(1));
    send(&mut scene, packet(EVENTS, 1, 1000, &key(5, 640, true)));
    let back = scene.heard(scene.alice);
    assert_eq!(back[0].payload[12..], key(9, 640, true));
}

/// An event of timestamp 1000 behind an older one, 800 ticks before.
fn redundant(newest: (u8, &[u8]), older: (u8, &[u8])) -> Vec<u8> {
    let age = 800u16 << 2;
    let [a0, a1] = age.to_be_bytes();
    [&[0x80 | older.0, a0, a1, older.1.len() as u8, newest.0], older.1, newest.1].concat()
}

fn with_redundancy(action: EventAction) -> Scene {
    let mut scene = scene(action);
    scene.replan(|plan| {
        plan.streams[0].payloads.push(PayloadPlan {
            payload_type: RED,
            codec: "red".to_owned(),
            clock_rate: 8000,
        });
    });
    scene
}

#[test]
fn keys_in_redundant_packets_are_replaced_as_they_were_by_themselves() {
    let mut scene = with_redundancy(RANDOM);
    press(&mut scene, 5, 200, 1);
    let first = numbers(&mut scene)[0];
    let payload = redundant((EVENTS, &key(7, 160, false)), (EVENTS, &key(5, 640, true)));
    send(&mut scene, packet(RED, 20, 1000, &payload));
    press(&mut scene, 7, 1000, 21);
    let got = heard(&mut scene);
    let second = got[1].1[0];
    let expected = redundant((EVENTS, &key(second, 160, false)), (EVENTS, &key(first, 640, true)));
    assert_eq!(got[0].1, expected);
}

#[test]
fn redundant_packets_do_not_tell_of_keys_that_are_dropped() {
    for action in [EventAction::Drop, EventAction::Silence] {
        let mut scene = with_redundancy(action);
        let event = key(5, 640, true);
        send(&mut scene, packet(RED, 1, 1000, &redundant((0, &[0x55; 20]), (EVENTS, &event))));
        let expected = redundant((0, &[0x55; 20]), (EVENTS, &[255, event[1], event[2], event[3]]));
        assert_eq!(heard(&mut scene)[0].1, expected);
    }
    let mut scene = with_redundancy(EventAction::Drop);
    let payload = redundant((EVENTS, &key(5, 160, false)), (EVENTS, &key(4, 640, true)));
    send(&mut scene, packet(RED, 1, 1000, &payload));
    assert!(heard(&mut scene).is_empty());
}

#[test]
fn redundant_packets_do_not_tell_of_keys_that_were_hidden_until_now() {
    for pause in [0, 1800] {
        let mut scene = with_redundancy(EventAction::Drop);
        scene.replan(|plan| plan.report_telephone_events = true);
        press(&mut scene, 4, 120, 1);
        press(&mut scene, 5, 200, 10);
        scene.wait(pause);
        scene.replan(|plan| plan.routes[0].telephone_events = EventAction::Forward);
        let old = key(5, 640, true);
        let told =
            |newest: (u8, &[u8]), event: u8| redundant(newest, (EVENTS, &[event, old[1], old[2], old[3]]));
        for (number, timestamp) in [1000, 920].into_iter().enumerate() {
            let sound = (0, &[0x55; 20][..]);
            send(&mut scene, packet(RED, 20 + number as u16, timestamp, &told(sound, 5)));
            assert_eq!(heard(&mut scene)[0].1, told(sound, 255), "{timestamp}");
        }
        // The next key is not hidden, what its packet repeats is; whatever else is planned meanwhile.
        let next = key(6, 160, false);
        for sequence in 30..32 {
            send(&mut scene, packet(RED, sequence, 1000, &told((EVENTS, &next), 5)));
            assert_eq!(heard(&mut scene)[0].1, told((EVENTS, &next), 255));
            scene.replan(|plan| plan.report_telephone_events = false);
        }
    }
}

#[test]
fn a_signal_brings_no_key_along_that_is_hidden() {
    for (action, expected) in [(EventAction::Silence, 255), (EventAction::Replace { event: 0 }, 0)] {
        let mut scene = with_redundancy(action);
        let (signal, old) = (key(16, 160, false), key(5, 640, true));
        let told = |event| redundant((EVENTS, &signal), (EVENTS, &[event, old[1], old[2], old[3]]));
        send(&mut scene, packet(RED, 1, 1000, &told(5)));
        assert_eq!(heard(&mut scene)[0].1, told(expected));
    }
}

#[test]
fn redundant_packets_that_nobody_can_read_do_not_pass_where_keys_are_hidden() {
    let repeating = [[0x80 | EVENTS, 1, 0x40, 0].repeat(350), vec![0], vec![0x55; 20]].concat();
    for (action, passing) in [(EventAction::Drop, 0), (RANDOM, 0), (EventAction::Forward, 1)] {
        let mut scene = with_redundancy(action);
        send(&mut scene, packet(RED, 1, 1000, &repeating));
        assert_eq!(heard(&mut scene).len(), passing);
    }
}

#[test]
fn recordings_do_not_have_a_key_that_any_listener_does_not_get() {
    for hidden_first in [true, false] {
        let mut scene = with_redundancy(EventAction::Forward);
        scene.replan(|plan| {
            plan.taps = vec![tap(1)];
            let mut second = plan.routes[0].clone();
            second.to = StreamId(1);
            plan.routes.push(second);
            let hiding = if hidden_first { 0 } else { plan.routes.len() - 1 };
            plan.routes[hiding].telephone_events = EventAction::Replace { event: 9 };
        });
        press(&mut scene, 5, 1000, 1);
        send(&mut scene, packet(RED, 20, 2000, &redundant((0, &[0x55; 20]), (EVENTS, &key(5, 640, true)))));
        let arrived = |packet: &[u8]| packet.starts_with(&[0x80]) && packet[8..12] == SSRC.to_be_bytes();
        let told = scene.net.tape().taken(1);
        let keys = told.iter().filter(|copy| arrived(&copy.payload) && copy.payload[12..].contains(&5));
        assert_eq!(keys.count(), 0, "{hidden_first}");
    }
}

#[test]
fn redundant_sound_passes_while_keys_are_masked() {
    let mut scene = with_redundancy(EventAction::Drop);
    let payload = redundant((0, &[0x55; 20]), (0, &[0x66; 20]));
    send(&mut scene, packet(RED, 1, 1000, &payload));
    assert_eq!(heard(&mut scene)[0].1, payload);
}

#[test]
fn keys_bring_no_sound_along_that_is_blocked() {
    for media in [MediaAction::Drop, MediaAction::Silence] {
        let mut scene = with_redundancy(EventAction::Replace { event: 9 });
        scene.replan(|plan| plan.routes[0].media = media);
        let payload = redundant((EVENTS, &key(5, 160, false)), (0, &[0x55; 20]));
        send(&mut scene, packet(RED, 1, 1000, &payload));
        send(&mut scene, packet(EVENTS, 2, 1000, &key(5, 320, true)));
        assert_eq!(numbers(&mut scene), [9]);
    }
}

fn action() -> impl Strategy<Value = EventAction> {
    prop_oneof![
        Just(EventAction::Drop),
        Just(EventAction::Silence),
        (0u8..16).prop_map(|event| EventAction::Replace { event }),
        Just(RANDOM),
        Just(EventAction::Tone { frequencies: vec![400, 440], volume: 63 }),
    ]
}

/// The events in a packet.
fn events_of(header: &Header, payload: &[u8]) -> Vec<u8> {
    let octets = |events: &[u8]| events.chunks_exact(4).map(|event| event[0]).collect::<Vec<_>>();
    if header.payload_type == EVENTS {
        return octets(payload);
    }
    let blocks = (header.payload_type == RED).then(|| Blocks::read(payload)).flatten();
    let blocks = blocks.iter().flat_map(Blocks::iter).filter(|block| block.payload_type == EVENTS);
    blocks.flat_map(|block| octets(&payload[block.range.clone()])).collect()
}

/// A redundant payload with blocks of any length.
fn wrapped() -> impl Strategy<Value = Vec<u8>> {
    let payload_type = prop_oneof![Just(EVENTS), Just(0)];
    let block = (payload_type, 0u16..1 << 14, prop::collection::vec(any::<u8>(), 0..13));
    prop::collection::vec(block, 1..10).prop_map(|blocks| {
        let (newest, older) =
            blocks.split_last().map_or((None, &[][..]), |(last, older)| (Some(last), older));
        let header = |(payload_type, age, payload): &(u8, u16, Vec<u8>)| {
            let [a0, a1] = (age << 2).to_be_bytes();
            [0x80 | payload_type, a0, a1, payload.len() as u8]
        };
        let headers = older.iter().flat_map(header).chain(newest.map(|(payload_type, ..)| *payload_type));
        headers.chain(blocks.iter().flat_map(|(.., payload)| payload.clone())).collect()
    })
}

fn payload() -> impl Strategy<Value = (u8, Vec<u8>)> {
    let any = prop::collection::vec(any::<u8>(), 0..60);
    prop_oneof![
        any.clone().prop_map(|payload| (EVENTS, payload)),
        any.prop_map(|payload| (RED, payload)),
        wrapped().prop_map(|payload| (RED, payload)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_payload_of_events_panics_or_tells_of_a_key(
        action in action(),
        payloads in prop::collection::vec(payload(), 1..12),
    ) {
        let mut scene = with_redundancy(action.clone());
        for (sequence, (payload_type, payload)) in payloads.iter().enumerate() {
            send(&mut scene, packet(*payload_type, sequence as u16, 1000, payload));
        }
        for (header, payload) in heard(&mut scene) {
            let told: Vec<_> = events_of(&header, &payload).into_iter().filter(|event| *event < 16).collect();
            match action {
                EventAction::Replace { event } => prop_assert!(told.iter().all(|told| *told == event)),
                EventAction::Random { .. } => prop_assert!(told.iter().all(|told| *told < 10)),
                EventAction::Forward
                | EventAction::Drop
                | EventAction::Silence
                | EventAction::Tone { .. } => prop_assert!(told.is_empty(), "{header:?}: {told:?}"),
            }
        }
    }
}
