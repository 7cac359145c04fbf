//! How long the program takes for a packet, by the kernel's own clock (`BPF_PROG_TEST_RUN`, repeated).

use std::net::SocketAddr;

use crate::{
    OpenError, Payload, Progress, Rewrite, Rule,
    frame::Frame,
    kernel::{Kernel, LOOPBACK},
    layout::{DEVICE_NATIVE, Device, HOP_RESOLVED, HOP_SENDS_FRAMES, Hop, State, Way},
};

/// What was run, and nanoseconds per packet.
pub type Timing = (&'static str, u64);

/// The program with a rule, for comparisons with others in turns.
#[derive(Debug)]
pub struct TimedRelay(Kernel);

impl TimedRelay {
    pub fn load() -> Result<Self, OpenError> {
        prepare().map(Self)
    }

    /// G.711 from IPv4 to IPv4, as it arrives and, since it comes back to where it came from, as it leaves.
    pub fn frame() -> Vec<u8> {
        let (source, local) = v4();
        frame(source, local)
    }

    /// Nanoseconds for a packet of the rule, on the average of so many.
    pub fn time(&mut self, repeat: u32) -> Result<u64, OpenError> {
        self.0.run(&Self::frame(), repeat).map(|ran| ran.duration_ns).map_err(|error| failed(&error))
    }
}

/// Runs the program on packets that come back as they were, so that each run does the whole work.
pub fn time_program(repeat: u32) -> Result<Vec<Timing>, OpenError> {
    let mut kernel = prepare()?;
    let (v4, v6) = (v4(), v6());
    let (other4, _) = others();
    let stranger = frame(address("192.0.2.9:40000"), v4.1);
    let mut not_udp = frame(v4.0, v4.1);
    not_udp[23] = 6;
    let cases = [
        ("relay IPv4", frame(v4.0, v4.1)),
        ("relay IPv6", frame(v6.0, v6.1)),
        ("relay IPv4 to IPv6 and back, mean", frame(v4.0, other4)),
        ("pass up RTP of a stranger", stranger),
        ("pass up what is not UDP", not_udp),
    ];
    let copied = cases[0].1.clone();
    let mut timings = Vec::new();
    for (name, frame) in cases {
        let ran = kernel.run(&frame, repeat).map_err(|error| failed(&error))?;
        timings.push((name, ran.duration_ns));
    }
    kernel.rules.copy(0, Some(1));
    let mut copies = kernel.take_copies().map_err(|error| failed(&error))?;
    let rounds = repeat.div_ceil(FIT);
    let mut spent_ns = 0;
    for _ in 0..rounds {
        let ran = kernel.run(&copied, repeat.min(FIT)).map_err(|error| failed(&error))?;
        spent_ns += ran.duration_ns;
        copies.read(usize::MAX, |_| {});
    }
    timings.push(("relay IPv4 and copy", spent_ns / u64::from(rounds)));
    Ok(timings)
}

/// Loaded, with a rule for each pair of families.
fn prepare() -> Result<Kernel, OpenError> {
    let mut kernel = Kernel::load(None, 4)?;
    let hops = kernel.take_hops().map_err(|error| failed(&error))?;
    hops.write(
        0,
        Hop {
            logical: LOOPBACK,
            device: LOOPBACK,
            mtu: 1500,
            flags: HOP_RESOLVED | HOP_SENDS_FRAMES,
            destination: OURS,
            source: OURS,
            ..Hop::default()
        },
    );
    let device = Device { slot: 0, address: OURS, flags: DEVICE_NATIVE, unused: 0 };
    kernel.enter_device(LOOPBACK, device).map_err(|error| failed(&error))?;
    let (v4, v6) = (v4(), v6());
    let (other4, other6) = others();
    let rules = [(v4, v4), (v6, v6), ((v4.0, other4), (v6.0, other6)), ((v6.0, other6), (v4.0, other4))];
    for (index, ((source, local), (from, to))) in (0..).zip(rules) {
        let rule = rule(source, local, from, to);
        let way = Way { hop: 0, arrival_device: LOOPBACK, ttl: 64 };
        let state = State::beginning(&Progress::default());
        kernel.rules.insert(index, &rule, way, state).map_err(|error| failed(&error))?;
    }
    Ok(kernel)
}

fn failed(error: &dyn std::error::Error) -> OpenError {
    OpenError::SelfTest(error.to_string())
}

/// Whose packets come back as they were: source, and our address.
fn v4() -> (SocketAddr, SocketAddr) {
    (address("192.0.2.2:40000"), address("192.0.2.1:30000"))
}

fn v6() -> (SocketAddr, SocketAddr) {
    (address("[2001:db8::2]:40000"), address("[2001:db8::1]:30000"))
}

/// Where they take turns between the families.
fn others() -> (SocketAddr, SocketAddr) {
    (address("192.0.2.1:30002"), address("[2001:db8::1]:30002"))
}

fn rule(source: SocketAddr, local: SocketAddr, from: SocketAddr, to: SocketAddr) -> Rule {
    let payloads = vec![Payload { arrives_as: 0, leaves_as: 0, clock_rate: 8000, times: true }];
    let rewrite = Rewrite::default();
    Rule { local, source, ssrc: SSRC, from, to, tos: 0xb8, payloads, rewrite, epoch_ns: 0, copy: None }
}

fn frame(from: SocketAddr, to: SocketAddr) -> Vec<u8> {
    let mut payload = vec![0x80, 0, 0, 1, 0, 0, 0, 160];
    payload.extend(SSRC.to_be_bytes());
    payload.extend(0..=159);
    Frame { destination: OURS, source: OURS, tags: &[], from, to, tos: 0, ttl: 64, payload: &payload }.bytes()
}

fn address(text: &'static str) -> SocketAddr {
    text.parse().unwrap_or_else(|_| unreachable!("{text} is an address"))
}

/// Copies for which the ring has room.
const FIT: u32 = 20_000;
const SSRC: u32 = 0x1234_5678;
const OURS: [u8; 6] = [2, 0, 0, 0, 0, 1];
