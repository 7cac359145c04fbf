//! The memory a call costs, and that relaying allocates nothing.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    hint::black_box,
    net::SocketAddr,
    time::{Duration, Instant},
};

use engine::{Arrival, BoundSockets, Engine, Outbox, Packet, SocketId};
use protocol::LocalId;
use sim::{packets, plans};

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

const ALICE: &str = "198.51.100.7:4000";
const ALICE_RTCP: &str = "198.51.100.7:4001";
const BOB: &str = "203.0.113.9:5000";
const BOB_RTCP: &str = "203.0.113.9:5001";

fn call(engine: &mut Engine, now: Instant, number: u32) {
    let plan = plans::audio_call(
        &format!("0a1b2c3d-4e5f-6071-{number:08}@198.51.100.7"),
        Some(ALICE.parse().unwrap()),
        Some(BOB.parse().unwrap()),
    );
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

#[test]
fn steady_state_allocates_nothing() {
    let mut now = Instant::now();
    let mut engine = Engine::new(now);
    call(&mut engine, now, 0);
    let mut buffer = [0; 2048];
    let mut run = |steps: std::ops::Range<u16>| {
        for at in steps {
            now += Duration::from_millis(20);
            step(&mut engine, now, 0, at, &mut buffer);
            engine.handle_timeout(now, &mut Nowhere);
        }
    };
    run(0..500);
    let before = ALLOCATIONS.get();
    run(500..5000);
    assert_eq!(ALLOCATIONS.get() - before, 0);
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
