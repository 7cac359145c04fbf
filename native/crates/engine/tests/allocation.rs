//! The memory a call costs, and that relaying allocates nothing.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    hint::black_box,
    net::SocketAddr,
    time::{Duration, Instant},
};

use engine::{
    Arrival, BoundSockets, Copied, Engine, Outbox, Packet, Recorder, SocketId, TapCounts, TapHandle,
};
use protocol::{
    EventAction, FeedbackKind, LocalId, PcapLink, ReportsPlan, ReportsWhen, RtcpRules, SessionId,
    SessionPlan, StreamId, TapId, TapPlan, TapSide, TapTarget,
};
use sim::{bundle, crypto, ice, packets, plans};
use srtp::Suite;
use wire::telephone_event::TelephoneEvent;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    static BYTES: Cell<i64> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system allocator unchanged; the counters are thread-local cells without a
// destructor, so touching them neither allocates nor unwinds.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        BYTES.set(BYTES.get() + layout.size() as i64);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        BYTES.set(BYTES.get() - layout.size() as i64);
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

struct Nowhere;

impl Outbox for Nowhere {
    fn forward(&mut self, socket: SocketId, to: SocketAddr, len: usize) {
        black_box((socket, to, len));
    }

    fn send(&mut self, socket: SocketId, to: SocketAddr, payload: &[u8]) {
        black_box((socket, to, payload));
    }
}

#[derive(Debug)]
struct Sink;

impl Recorder for Sink {
    fn open(&mut self, _: &SessionId, tap: &TapPlan) -> TapHandle {
        TapHandle(tap.id.0)
    }
    fn retry(&mut self, _: TapHandle) {}
    fn close(&mut self, _: TapHandle) {}
    fn copy(&mut self, _: TapHandle, copied: &Copied<'_>) {
        black_box(copied);
    }
    fn lose(&mut self, _: TapHandle, _: u64) {}
    fn hand_over(&mut self) {}
    fn counts(&self, _: TapHandle) -> TapCounts {
        TapCounts::default()
    }
}

const ALICE: &str = "198.51.100.7:4000";
const ALICE_RTCP: &str = "198.51.100.7:4001";
const BOB: &str = "203.0.113.9:5000";
const BOB_RTCP: &str = "203.0.113.9:5001";

fn call(engine: &mut Engine, now: Instant, number: u32) {
    call_with(engine, now, number, |_| {});
}

fn call_with(engine: &mut Engine, now: Instant, number: u32, change: impl FnOnce(&mut SessionPlan)) {
    let mut plan = plans::audio_call(
        &format!("0a1b2c3d-4e5f-6071-{number:08}@198.51.100.7"),
        Some(ALICE.parse().unwrap()),
        Some(BOB.parse().unwrap()),
    );
    change(&mut plan);
    let sockets = |local: u32| BoundSockets {
        local: LocalId(local),
        port: 40_000,
        rtp: SocketId(number * 4 + local * 2 - 2),
        rtcp: Some(SocketId(number * 4 + local * 2 - 1)),
    };
    engine.apply(now, plan, &[sockets(1), sockets(2)]).unwrap();
}

/// 20 ms of a call: RTP both ways, and RTCP every five seconds.
fn step(engine: &mut Engine, now: Instant, number: u32, step: u16, buffer: &mut [u8; 2048]) {
    let mut handle = |socket: u32, from: &str, bytes: &[u8]| {
        buffer[..bytes.len()].copy_from_slice(bytes);
        let arrival = Arrival { socket: SocketId(number * 4 + socket), from: from.parse().unwrap() };
        engine.handle_datagram(now, arrival, &mut Packet { buffer, len: bytes.len() }, &mut Nowhere);
    };
    let mut rtp = [0u8; 172];
    for (socket, from, ssrc) in [(0, ALICE, 11), (2, BOB, 22)] {
        rtp[0] = 0x80;
        wire::rtp::set_sequence(&mut rtp, step);
        wire::rtp::set_timestamp(&mut rtp, u32::from(step) * 160);
        wire::rtp::set_ssrc(&mut rtp, ssrc);
        handle(socket, from, &rtp);
    }
    if step % 250 == 100 {
        let before = ALLOCATIONS.get();
        let block = packets::Block { ssrc: 22, last_sender_report: 7, ..packets::Block::default() };
        let alice = packets::sender_report(11, u64::from(step) << 16, &[block]);
        let bob = packets::sender_report(22, u64::from(step) << 16, &[packets::Block { ssrc: 11, ..block }]);
        // Building the reports is the test's own affair.
        ALLOCATIONS.set(before);
        handle(1, ALICE_RTCP, &alice);
        handle(3, BOB_RTCP, &bob);
    }
}

/// How often the call 0 makes the engine allocate after so many steps.
fn allocations_from(first: u16, last: u16, engine: &mut Engine, mut now: Instant) -> u64 {
    let mut buffer = [0; 2048];
    let mut run = |steps: std::ops::Range<u16>| {
        for at in steps {
            now += Duration::from_millis(20);
            step(engine, now, 0, at, &mut buffer);
            engine.handle_timeout(now, &mut Nowhere);
        }
    };
    run(0..first);
    let before = ALLOCATIONS.get();
    run(first..last);
    ALLOCATIONS.get() - before
}

#[test]
fn steady_state_allocates_nothing() {
    let now = Instant::now();
    let mut engine = Engine::new(now);
    call(&mut engine, now, 0);
    assert_eq!(allocations_from(500, 5000, &mut engine, now), 0);
}

#[test]
fn copying_allocates_nothing() {
    let now = Instant::now();
    let mut engine = Engine::new(now);
    engine.use_recorder(Box::new(Sink));
    call_with(&mut engine, now, 0, |plan| {
        plan.taps = vec![TapPlan {
            id: TapId(1),
            streams: vec![StreamId(1), StreamId(2)],
            side: TapSide::Both,
            rtcp: true,
            paused: false,
            target: TapTarget::Pcap { path: "/call.pcap".to_owned(), link: PcapLink::RawIp },
        }];
    });
    assert_eq!(allocations_from(500, 1000, &mut engine, now), 0);
}

#[test]
fn steady_state_allocates_nothing_with_srtp_either() {
    // One side protected, each with its own key, and one sender with two receivers.
    for receivers in [1, 2] {
        let mut now = Instant::now();
        let mut engine = Engine::new(now);
        let key = |seed| crypto::key(Suite::AesCm128HmacSha1_80, seed);
        call_with(&mut engine, now, 0, |plan| {
            plan.streams[0].security = crypto::sdes(&key(1), &key(2));
            plan.streams[1].security = crypto::sdes(&key(3), &key(4));
            if receivers == 2 {
                plan.routes.push(plans::route(1, 1));
            }
        });
        let (mut alice, mut bob) =
            (crypto::Crypto::new(&key(1), &key(2)), crypto::Crypto::new(&key(3), &key(4)));
        let (mut buffer, mut allocated) = ([0; 2048], 0);
        for at in 0..3000u16 {
            now += Duration::from_millis(20);
            let sides = [(&mut alice, 0, ALICE, 11), (&mut bob, 2, BOB, 22)];
            for (peer, socket, from, ssrc) in sides {
                let packet = peer.protect(&packets::rtp(0, at, u32::from(at) * 160, ssrc));
                buffer[..packet.len()].copy_from_slice(&packet);
                let arrival = Arrival { socket: SocketId(socket), from: from.parse().unwrap() };
                let before = ALLOCATIONS.get();
                let packet = &mut Packet { buffer: &mut buffer, len: packet.len() };
                engine.handle_datagram(now, arrival, packet, &mut Nowhere);
                engine.handle_timeout(now, &mut Nowhere);
                allocated += if at < 500 { 0 } else { ALLOCATIONS.get() - before };
            }
        }
        let sent = engine.counters().sent_packets;
        assert_eq!(sent, if receivers == 1 { 6000 } else { 9000 });
        assert_eq!(allocated, 0);
    }
}

#[test]
fn rtcp_that_is_converted_and_reports_of_our_own_allocate_nothing() {
    let mut now = Instant::now();
    let mut engine = Engine::new(now);
    call_with(&mut engine, now, 0, |plan| {
        let reports = ReportsPlan { when: ReportsWhen::Always, interval_ms: 5000, bandwidth_bps: 3200 };
        let rules = |feedback, reports| RtcpRules { feedback: Some(feedback), reduced_size: false, reports };
        plan.streams[0].rtcp_rules = Some(rules(vec![FeedbackKind::Fir], None));
        plan.streams[1].rtcp_rules = Some(rules(vec![FeedbackKind::Pli], Some(reports)));
    });
    let of = |ssrc, media| {
        let report =
            packets::sender_report(ssrc, 7 << 32, &[packets::Block { ssrc: media, ..Default::default() }]);
        [report, packets::canonical_name(ssrc, "somebody@home"), packets::picture_loss(ssrc, media)].concat()
    };
    let (alice, bob, mut buffer) = (of(11, 22), of(22, 11), [0; 2048]);
    let mut before = 0;
    for at in 0..3000u16 {
        if at == 500 {
            before = ALLOCATIONS.get();
        }
        now += Duration::from_millis(20);
        step(&mut engine, now, 0, at, &mut buffer);
        for (socket, from, bytes) in [(1, ALICE_RTCP, &alice), (3, BOB_RTCP, &bob)] {
            buffer[..bytes.len()].copy_from_slice(bytes);
            let arrival = Arrival { socket: SocketId(socket), from: from.parse().unwrap() };
            engine.handle_datagram(
                now,
                arrival,
                &mut Packet { buffer: &mut buffer, len: bytes.len() },
                &mut Nowhere,
            );
        }
        engine.handle_timeout(now, &mut Nowhere);
    }
    assert_eq!(ALLOCATIONS.get() - before, 0);
}

#[test]
fn packets_without_a_key_allocate_nothing_either() {
    let mut now = Instant::now();
    let mut engine = Engine::new(now);
    let key = |seed| crypto::key(Suite::AesCm128HmacSha1_80, seed);
    call_with(&mut engine, now, 0, |plan| plan.streams[0].security = crypto::sdes(&key(1), &key(2)));
    let mut buffer = [0; 2048];
    step(&mut engine, now, 0, 0, &mut buffer);
    let before = ALLOCATIONS.get();
    for at in 1..100 {
        now += Duration::from_millis(20);
        step(&mut engine, now, 0, at, &mut buffer);
    }
    assert_eq!(ALLOCATIONS.get() - before, 0);
}

#[test]
fn keys_allocate_only_for_their_events() {
    let actions = [
        EventAction::Forward,
        EventAction::Replace { event: 0 },
        EventAction::Random { seed: [1, 2] },
        EventAction::Silence,
        EventAction::Tone { frequencies: vec![400], volume: 10 },
    ];
    for action in actions {
        hold_a_key(action);
    }
}

fn hold_a_key(action: EventAction) {
    let mut now = Instant::now();
    let mut engine = Engine::new(now);
    call_with(&mut engine, now, 0, |plan| {
        plan.report_telephone_events = true;
        plan.routes[0].telephone_events = action;
    });
    let mut buffer = [0; 2048];
    step(&mut engine, now, 0, 0, &mut buffer);
    for at in 0..400 {
        now += Duration::from_millis(20);
        let mut packet = packets::rtp(101, at, 1000, 11);
        packet.truncate(12);
        packet.extend(TelephoneEvent { event: 5, end: false, volume: 10, duration: at * 160 }.to_bytes());
        buffer[..packet.len()].copy_from_slice(&packet);
        let arrival = Arrival { socket: SocketId(0), from: ALICE.parse().unwrap() };
        let before = ALLOCATIONS.get();
        let packet = &mut Packet { buffer: &mut buffer, len: packet.len() };
        engine.handle_datagram(now, arrival, packet, &mut Nowhere);
        engine.handle_timeout(now, &mut Nowhere);
        assert_eq!(ALLOCATIONS.get() - before, 0);
    }
    assert_eq!(engine.poll_event(), None);
}

#[test]
fn foreign_packets_allocate_only_for_their_events() {
    let mut now = Instant::now();
    let mut engine = Engine::new(now);
    call(&mut engine, now, 0);
    let mut buffer = [0; 2048];
    step(&mut engine, now, 0, 0, &mut buffer);
    let mut spray = |count: u32| {
        for number in 0..count {
            now += Duration::from_micros(100);
            let packet = &mut Packet { buffer: &mut buffer, len: 172 };
            let from = SocketAddr::from(([192, 0, 2, 99], 1024 + (number % 60_000) as u16));
            engine.handle_datagram(now, Arrival { socket: SocketId(0), from }, packet, &mut Nowhere);
        }
    };
    spray(10);
    let before = ALLOCATIONS.get();
    spray(10_000);
    assert_eq!(ALLOCATIONS.get() - before, 0);
}

#[test]
fn a_protected_audio_call_takes_less_than_twelve_kilobytes() {
    let (mut now, mut engine, mut buffer) = (Instant::now(), Engine::new(Instant::now()), [0; 2048]);
    let key = |seed| crypto::key(Suite::AeadAes256Gcm, seed);
    let mut alices: Vec<_> = (0..100).map(|_| crypto::Crypto::new(&key(1), &key(2))).collect();
    let before = BYTES.get();
    for number in 0..100 {
        call_with(&mut engine, now, number, |plan| {
            plan.streams[0].security = crypto::sdes(&key(1), &key(2));
            plan.streams[1].security = crypto::sdes(&key(3), &key(4));
        });
    }
    for (number, alice) in alices.iter_mut().enumerate() {
        now += Duration::from_millis(1);
        let between = BYTES.get();
        let packet = alice.protect(&packets::rtp(0, 1, 0, 11));
        buffer[..packet.len()].copy_from_slice(&packet);
        let len = packet.len();
        drop(packet);
        BYTES.set(between);
        let arrival = Arrival { socket: SocketId(number as u32 * 4), from: ALICE.parse().unwrap() };
        engine.handle_datagram(now, arrival, &mut Packet { buffer: &mut buffer, len }, &mut Nowhere);
    }
    let bytes = (BYTES.get() - before) / 100;
    println!("{bytes} bytes a call with SRTP on both sides");
    assert!(bytes < 12 * 1024, "{bytes} bytes a call");
}

#[test]
fn a_two_leg_audio_call_takes_less_than_six_kilobytes() {
    const CALLS: u32 = 1000;
    let mut now = Instant::now();
    let mut engine = Engine::new(now);
    let mut buffer = [0; 2048];
    let before = BYTES.get();
    for number in 0..CALLS {
        call(&mut engine, now, number);
    }
    let set_up = (BYTES.get() - before) / i64::from(CALLS);
    for at in 0..600 {
        now += Duration::from_millis(20);
        for number in 0..CALLS {
            step(&mut engine, now, number, at, &mut buffer);
        }
    }
    let talking = (BYTES.get() - before) / i64::from(CALLS);
    println!("{set_up} bytes a call when set up, {talking} with media and RTCP");
    assert!(talking < 6 * 1024, "{talking} bytes a call");
}

#[test]
fn a_nominated_pair_costs_media_no_allocation_and_little_memory() {
    let (mut engine, now) = (Engine::new(Instant::now()), Instant::now());
    call(&mut engine, now, 0);
    let before = BYTES.get();
    (1..101).for_each(|number| call(&mut engine, now, number));
    let plain = BYTES.get() - before;
    let before = BYTES.get();
    (101..201)
        .for_each(|number| call_with(&mut engine, now, number, |plan| ice::nominated(&mut plan.streams[0])));
    let bytes = (BYTES.get() - before - plain) / 100;
    println!("an agent takes {bytes} bytes");
    assert!(bytes < 2_500, "{bytes} bytes");
    let mut buffer = [0; 2048];
    (0..10).for_each(|at| step(&mut engine, now, 150, at, &mut buffer));
    let before = ALLOCATIONS.get();
    (10..90).for_each(|at| step(&mut engine, now, 150, at, &mut buffer));
    assert_eq!(ALLOCATIONS.get() - before, 0);
}

#[test]
fn streams_of_a_bundle_are_told_apart_without_allocating() {
    let mut now = Instant::now();
    let mut engine = Engine::new(now);
    let home = ALICE.parse().unwrap();
    call_with(&mut engine, now, 0, |plan| {
        let locals = std::mem::take(&mut plan.streams[0].locals);
        plan.streams[0] = bundle::bundled(1, home, "a", bundle::AUDIO);
        plan.streams[0].locals = locals;
        plan.streams.push(bundle::bundled(5, home, "v", bundle::VIDEO));
        plan.routes.extend([plans::route(5, 2), plans::route(2, 5)]);
    });
    let report =
        [packets::sender_report(22, 7 << 32, &[]), packets::canonical_name(22, "somebody@home")].concat();
    let mut buffer = [0; 2048];
    for at in 0..2000u16 {
        now += Duration::from_millis(20);
        let named = bundle::with_mid("v", bundle::SHARED, at, 22);
        let shared = packets::rtp(bundle::SHARED, at, u32::from(at) * 160, 33);
        let arrivals = [(0, ALICE, &named), (0, ALICE, &report), (2, BOB, &shared)];
        let made = ALLOCATIONS.get();
        for (socket, from, bytes) in arrivals {
            buffer[..bytes.len()].copy_from_slice(bytes);
            let arrival = Arrival { socket: SocketId(socket), from: from.parse().unwrap() };
            let packet = &mut Packet { buffer: &mut buffer, len: bytes.len() };
            engine.handle_datagram(now, arrival, packet, &mut Nowhere);
        }
        engine.handle_timeout(now, &mut Nowhere);
        if at >= 500 {
            assert_eq!(ALLOCATIONS.get() - made, 0);
        }
    }
}
