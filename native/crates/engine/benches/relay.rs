//! One relayed packet through the engine, without sockets.

use std::{
    hint::black_box,
    net::SocketAddr,
    time::{Duration, Instant},
};

use criterion::{Criterion, criterion_group, criterion_main};
use engine::{Arrival, BoundSockets, Engine, Outbox, Packet, SocketId};
use protocol::LocalId;
use sim::plans;

struct Nowhere;

impl Outbox for Nowhere {
    fn forward(&mut self, socket: SocketId, to: SocketAddr, len: usize) {
        black_box((socket, to, len));
    }

    fn send(&mut self, socket: SocketId, to: SocketAddr, payload: &[u8]) {
        black_box((socket, to, payload));
    }
}

fn engine_with(sessions: u32, now: Instant) -> Engine {
    let mut engine = Engine::new(now);
    let alice = SocketAddr::from(([198, 51, 100, 7], 4000));
    let bob = SocketAddr::from(([203, 0, 113, 9], 5000));
    for number in 0..sessions {
        let sockets = |local: u32| BoundSockets {
            local: LocalId(local),
            port: 40_000,
            rtp: SocketId(number * 4 + local * 2 - 2),
            rtcp: Some(SocketId(number * 4 + local * 2 - 1)),
        };
        let mut plan = plans::audio_call(&format!("call-{number}"), Some(alice), Some(bob));
        // So that the sweep finds living calls however often it is measured.
        plan.timeouts.media_ms = u64::from(u32::MAX);
        if let Err(error) = engine.apply(now, plan, &[sockets(1), sockets(2)]) {
            panic!("{error}");
        }
    }
    engine
}

fn relay(criterion: &mut Criterion) {
    for sessions in [1, 5000] {
        let start = Instant::now();
        let mut engine = engine_with(sessions, start);
        let from = SocketAddr::from(([198, 51, 100, 7], 4000));
        let mut buffer = [0x55; 2048];
        buffer[0] = 0x80;
        buffer[1] = 0;
        let (mut step, mut now) = (0u32, start);
        criterion.bench_function(&format!("relay one packet, {sessions} sessions"), |bencher| {
            bencher.iter(|| {
                // A round over all sessions is 20 ms, in an order no prefetcher guesses.
                let number = step.wrapping_mul(2_654_435_761) % sessions;
                if step % sessions == 0 {
                    now += Duration::from_millis(20);
                }
                wire::rtp::set_sequence(&mut buffer, (step / sessions) as u16);
                wire::rtp::set_timestamp(&mut buffer, step / sessions * 160);
                let arrival = Arrival { socket: SocketId(number * 4), from };
                engine.handle_datagram(
                    now,
                    arrival,
                    &mut Packet { buffer: &mut buffer, len: 172 },
                    &mut Nowhere,
                );
                step = step.wrapping_add(1);
            });
        });
    }
}

fn sweep(criterion: &mut Criterion) {
    let start = Instant::now();
    let mut engine = engine_with(5000, start);
    let mut now = start;
    criterion.bench_function("sweep 5000 sessions", |bencher| {
        bencher.iter(|| {
            now += Duration::from_secs(1);
            engine.handle_timeout(now, &mut Nowhere);
            while let Some(event) = engine.poll_event() {
                black_box(event);
            }
        });
    });
}

criterion_group!(benches, relay, sweep);
criterion_main!(benches);
