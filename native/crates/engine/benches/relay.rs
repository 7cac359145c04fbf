//! One relayed packet through the engine, without sockets.

use std::{
    hint::black_box,
    net::SocketAddr,
    time::{Duration, Instant},
};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use engine::{
    Arrival, BoundSockets, Copied, Engine, Outbox, Packet, Recorder, SocketId, TapCounts, TapHandle,
};
use protocol::{
    FeedbackKind, LocalId, PcapLink, ReportsPlan, ReportsWhen, RtcpRules, SessionId, SessionPlan, StreamId,
    TapId, TapPlan, TapSide, TapTarget,
};
use sim::{crypto, ice, packets, plans};
use srtp::Suite;
use wire::stun::{Builder, Class, LONGEST};

struct Nowhere;

impl Outbox for Nowhere {
    fn forward(&mut self, socket: SocketId, to: SocketAddr, len: usize) {
        black_box((socket, to, len));
    }

    fn send(&mut self, socket: SocketId, to: SocketAddr, payload: &[u8]) {
        black_box((socket, to, payload));
    }
}

/// Takes copies as cheaply as can be: what remains is what the engine does for them.
#[derive(Debug)]
struct Tape([u8; 2048]);

impl Recorder for Tape {
    fn open(&mut self, _: &SessionId, tap: &TapPlan) -> TapHandle {
        TapHandle(tap.id.0)
    }

    fn retry(&mut self, _: TapHandle) {}

    fn close(&mut self, _: TapHandle) {}

    fn copy(&mut self, _: TapHandle, copied: &Copied<'_>) {
        self.0[..copied.payload.len()].copy_from_slice(copied.payload);
        black_box((&self.0, copied.at, copied.from, copied.to));
    }

    fn lose(&mut self, _: engine::TapHandle, _: u64) {}
    fn hand_over(&mut self) {}

    fn counts(&self, _: TapHandle) -> TapCounts {
        TapCounts::default()
    }
}

fn tapped(plan: &mut SessionPlan) {
    plan.taps = vec![TapPlan {
        id: TapId(1),
        streams: vec![StreamId(1)],
        side: TapSide::Both,
        rtcp: true,
        paused: false,
        target: TapTarget::Pcap { path: "/call.pcap".to_owned(), link: PcapLink::RawIp },
    }];
}

fn engine_with(sessions: u32, now: Instant) -> Engine {
    engine_of(sessions, now, |_| {})
}

fn engine_of(sessions: u32, now: Instant, change: impl Fn(&mut SessionPlan)) -> Engine {
    let mut engine = Engine::new(now);
    engine.use_recorder(Box::new(Tape([0; 2048])));
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
        change(&mut plan);
        if let Err(error) = engine.apply(now, plan, &[sockets(1), sockets(2)]) {
            panic!("{error}");
        }
    }
    engine
}

fn relay(criterion: &mut Criterion) {
    let plain: fn(&mut SessionPlan) = |_| {};
    let with_ice: fn(&mut SessionPlan) = |plan| ice::nominated(&mut plan.streams[0]);
    let cases = [
        (1, "", plain),
        (1, " with a tap", tapped),
        (5000, "", plain),
        (5000, " with a tap", tapped),
        (1, " with ICE", with_ice),
    ];
    for (sessions, kind, change) in cases {
        let start = Instant::now();
        let mut engine = engine_of(sessions, start, change);
        let from = SocketAddr::from(([198, 51, 100, 7], 4000));
        let mut buffer = [0x55; 2048];
        buffer[0] = 0x80;
        buffer[1] = 0;
        let (mut step, mut now) = (0u32, start);
        criterion.bench_function(&format!("relay one packet, {sessions} sessions{kind}"), |bencher| {
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

/// A call with SRTP on Alice's side and RTP on Bob's: 20 ms of G.711 each way.
fn gateway(criterion: &mut Criterion) {
    for suite in [Suite::AesCm128HmacSha1_80, Suite::AeadAes128Gcm, Suite::AeadAes256Gcm] {
        let (theirs, ours) = (crypto::key(suite, 1), crypto::key(suite, 2));
        let start = Instant::now();
        let mut engine = engine_of(1, start, |plan| plan.streams[0].security = crypto::sdes(&theirs, &ours));
        let mut now = start;
        let mut pass = |socket: u32, from: SocketAddr, buffer: &mut [u8], len: usize| {
            now += Duration::from_millis(20);
            let arrival = Arrival { socket: SocketId(socket), from };
            engine.handle_datagram(now, arrival, &mut Packet { buffer, len }, &mut Nowhere);
        };
        let alice = SocketAddr::from(([198, 51, 100, 7], 4000));
        let bob = SocketAddr::from(([203, 0, 113, 9], 5000));

        let mut peer = crypto::Crypto::new(&theirs, &ours);
        let mut sequence = 0u16;
        criterion.bench_function(&format!("SRTP to RTP, {}", suite.name()), |bencher| {
            bencher.iter_batched_ref(
                || {
                    sequence = sequence.wrapping_add(1);
                    let mut packet = peer.protect(&packets::rtp(0, sequence, u32::from(sequence) * 160, 7));
                    let len = packet.len();
                    packet.resize(256, 0);
                    (packet, len)
                },
                |(packet, len)| pass(0, alice, packet, *len),
                BatchSize::SmallInput,
            );
        });

        let plain = packets::rtp(0, 0, 0, 9);
        let (mut buffer, mut sequence) = ([0; 256], 0u16);
        criterion.bench_function(&format!("RTP to SRTP, {}", suite.name()), |bencher| {
            bencher.iter(|| {
                sequence = sequence.wrapping_add(1);
                buffer[..plain.len()].copy_from_slice(&plain);
                wire::rtp::set_sequence(&mut buffer, sequence);
                pass(2, bob, &mut buffer, plain.len());
            });
        });
    }
}

/// A check of a peer whose pair is nominated: authenticated and answered.
fn check(criterion: &mut Criterion) {
    let now = Instant::now();
    let mut engine = engine_of(1, now, |plan| ice::nominated(&mut plan.streams[0]));
    let (mut request, mut buffer) = ([0; LONGEST], [0; 2048]);
    let username = [ice::LOCAL.0.as_bytes(), b":", ice::REMOTE.0.as_bytes()];
    let builder = Builder::new(&mut request, Class::Request, [7; 12]).username(username);
    let built = builder.priority(7).use_candidate().controlling(7).finish(ice::LOCAL.1.as_bytes());
    let len = built.unwrap_or(0);
    let arrival = Arrival { socket: SocketId(0), from: SocketAddr::from(([198, 51, 100, 7], 4000)) };
    criterion.bench_function("answer a connectivity check", |bencher| {
        bencher.iter(|| {
            buffer[..len].copy_from_slice(&request[..len]);
            engine.handle_datagram(now, arrival, &mut Packet { buffer: &mut buffer, len }, &mut Nowhere);
        });
    });
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

/// A compound of 128 bytes: a report with a block, a name, and a request for a key frame.
fn rtcp(criterion: &mut Criterion) {
    let report =
        packets::sender_report(7, 7 << 32, &[packets::Block { ssrc: 9, ..packets::Block::default() }]);
    let name = packets::canonical_name(7, "0123456789abcdef");
    let compound = [report, name, packets::picture_loss(7, 9)].concat();
    let reports = ReportsPlan { when: ReportsWhen::Always, interval_ms: 5000, bandwidth_bps: 3200 };
    let rules = |feedback: &[FeedbackKind], reports| {
        Some(RtcpRules { feedback: Some(feedback.to_vec()), reduced_size: false, reports })
    };
    for (name, rules) in [
        ("as it is", None),
        ("within the rules", rules(&[FeedbackKind::Pli], None)),
        ("feedback dropped", rules(&[], None)),
        ("feedback translated", rules(&[FeedbackKind::Fir], None)),
        ("reports replaced", rules(&[FeedbackKind::Pli], Some(reports))),
    ] {
        let mut now = Instant::now();
        let mut engine = engine_of(1, now, |plan| plan.streams[1].rtcp_rules = rules.clone());
        let mut buffer = [0; 2048];
        let mut pass = |socket: u32, port: u16, bytes: &[u8], now: Instant| {
            buffer[..bytes.len()].copy_from_slice(bytes);
            let arrival = Arrival { socket: SocketId(socket), from: ([198, 51, 100, 7], port).into() };
            engine.handle_datagram(
                now,
                arrival,
                &mut Packet { buffer: &mut buffer, len: bytes.len() },
                &mut Nowhere,
            );
        };
        pass(0, 4000, &packets::rtp(0, 1, 0, 7), now);
        criterion.bench_function(&format!("RTCP, {name}"), |bencher| {
            bencher.iter(|| {
                now += Duration::from_millis(20);
                pass(1, 4001, &compound, now);
            });
        });
    }
}

criterion_group!(benches, relay, check, rtcp, gateway, sweep);
criterion_main!(benches);
