//! Real packets through real interfaces: two hosts with a relay between them, joined by veth pairs.

#![allow(clippy::unwrap_used, reason = "of tests")]

mod support;

use fastpath::{FastPath, Mode, Options, Payload, Progress, Rewrite, Rule};
use support::{Host, address, join, rtp};

const SSRC: u32 = 0x1234_5678;

struct Network {
    alice: Host,
    relay: Host,
    bob: Host,
}

impl Network {
    fn new() -> Self {
        let (alice, relay, bob) = (Host::new("alice"), Host::new("relay"), Host::new("bob"));
        join(
            (&relay, "west", &["10.77.1.1/24", "fd77:1::1/64"]),
            (&alice, "eth0", &["10.77.1.2/24", "fd77:1::2/64"]),
        );
        join(
            (&relay, "east", &["10.77.2.1/24", "fd77:2::1/64"]),
            (&bob, "eth0", &["10.77.2.2/24", "fd77:2::2/64"]),
        );
        Network { alice, relay, bob }
    }

    /// Native mode needs other ends that take frames.
    fn with_gro(self) -> Self {
        self.alice.command("ethtool", &["-K", "eth0", "gro", "on"]);
        self.bob.command("ethtool", &["-K", "eth0", "gro", "on"]);
        self
    }

    fn open(&self) -> (FastPath, Vec<Mode>) {
        let addresses = ["10.77.1.1", "10.77.2.1"].map(|text| text.parse().unwrap()).to_vec();
        let options = Options { devices: Vec::new(), addresses, pin_dir: None, capacity: 128 };
        let (path, reports) = self.relay.run(|| FastPath::open(&options)).unwrap();
        for report in &reports {
            assert!(!report.reason.is_empty(), "{report:?}");
        }
        (path, reports.iter().map(|report| report.mode).collect())
    }
}

fn rule(local: &str, source: &str, from: &str, to: &str) -> Rule {
    Rule {
        local: address(local),
        source: address(source),
        ssrc: SSRC,
        from: address(from),
        to: address(to),
        tos: 0xb8,
        payloads: vec![Payload { arrives_as: 0, leaves_as: 0, clock_rate: 8000, times: true }],
        rewrite: Rewrite::default(),
        epoch_ns: 0,
    }
}

fn eastwards() -> Rule {
    rule("10.77.1.1:30000", "10.77.1.2:40000", "10.77.2.1:30002", "10.77.2.2:50000")
}

/// Sends ten packets from Alice to Bob; they arrive in order and unchanged.
fn relays(network: &Network, path: &FastPath, rule: &Rule) {
    let alice = network.alice.socket(&rule.source.to_string());
    let bob = network.bob.socket(&rule.to.to_string());
    // Whoever has been spoken to knows the way back.
    let _ = network.relay.socket(&rule.from.to_string()).send_to(b"hello", rule.to);
    let mut buffer = [0; 2048];
    bob.recv(&mut buffer).unwrap();
    path.refresh();
    let index = network.relay.run(|| path.install(rule, &Progress::default())).unwrap();
    for sequence in 0..10 {
        alice.send_to(&rtp(0, sequence, SSRC), rule.local).unwrap();
        let (len, from) = bob.recv_from(&mut buffer).unwrap_or_else(|error| {
            panic!("packet {sequence}: {error}; {:?} {:?}", path.counters(), path.stats(index))
        });
        assert_eq!((&buffer[..len], from), (&rtp(0, sequence, SSRC)[..], rule.from));
    }
    let stats = path.withdraw(index).unwrap();
    assert_eq!((stats.packets, stats.bytes, stats.progress.received), (10, 1720, 10));
}

#[test]
fn packets_are_relayed_in_generic_mode() {
    kernel_or_skip!();
    let network = Network::new();
    let (path, modes) = network.open();
    assert_eq!(modes, [Mode::Generic, Mode::Generic]);
    relays(&network, &path, &eastwards());
}

#[test]
fn packets_are_relayed_in_native_mode() {
    kernel_or_skip!();
    let network = Network::new().with_gro();
    let (path, modes) = network.open();
    assert_eq!(modes, [Mode::Native, Mode::Native]);
    relays(&network, &path, &eastwards());
}
