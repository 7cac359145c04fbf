//! Interfaces of every kind this kernel can make: relayed between, or named with the reason.

#![allow(clippy::unwrap_used, reason = "of tests")]

#[path = "../src/program_test/checker.rs"]
mod checker;
mod support;

use checker::{Judgement, judge};
use fastpath::{FastPath, InterfaceReport, Mode, Options, Progress, Rule};
use support::{Network, SSRC, eastwards, join, rtp, rule};

/// From Bob to Alice, the other way than `eastwards`.
fn westwards() -> Rule {
    rule("10.77.2.1:30004", "10.77.2.2:40002", "10.77.1.1:30006", "10.77.1.2:50002")
}

/// Moves the relay's western address onto another interface.
fn move_address(network: &Network, from: &str, to: &str) {
    // Each interface speaks for its own addresses only, as if the new one were in a container.
    network.relay.command("sysctl", &["-qw", "net.ipv4.conf.all.arp_ignore=1"]);
    network.relay.ip(&["addr", "flush", "dev", from]);
    network.relay.ip(&["addr", "add", "10.77.1.1/24", "dev", to]);
    network.relay.ip(&["addr", "add", "fd77:1::1/64", "dev", to, "nodad"]);
    network.relay.ip(&["link", "set", to, "up"]);
}

fn open(network: &Network, addresses: &[&str]) -> (FastPath, Vec<InterfaceReport>) {
    let addresses = addresses.iter().map(|text| text.parse().unwrap()).collect();
    let options = Options { devices: Vec::new(), addresses, pin_dir: None, capacity: 16 };
    network.relay.run(|| FastPath::open(&options)).unwrap()
}

/// The kernel relays ten packets of the rule, and what arrives is right, down to its checksums.
fn relays(network: &Network, path: &FastPath, rule: &Rule) {
    let (speaker, listener) = match rule.source.ip() == eastwards().source.ip() {
        true => {
            (&network.alice, if rule.to.ip() == rule.source.ip() { &network.alice } else { &network.bob })
        }
        false => (&network.bob, &network.alice),
    };
    let socket = speaker.socket(&rule.source.to_string());
    let ear = listener.socket(&rule.to.to_string());
    network.relay.socket(&rule.from.to_string()).send_to(b"who are you", rule.to).unwrap();
    ear.recv(&mut [0; 64]).unwrap();
    path.refresh();
    let index = path.install(rule, &Progress::default()).unwrap();
    let capture = listener.capture("eth0");
    let mut buffer = [0; 2048];
    for sequence in 0..10 {
        let sent = rtp(0, sequence, SSRC);
        socket.send_to(&sent, rule.local).unwrap();
        let (len, from) = ear.recv_from(&mut buffer).unwrap_or_else(|error| {
            panic!("packet {sequence}: {error}; {:?} {:?}", path.counters(), path.stats(index))
        });
        assert_eq!((&buffer[..len], from), (&sent[..], rule.from));
        let port = rule.to.port().to_be_bytes();
        let frame = capture.next(|frame| frame.len() > 200 && frame[36..38] == port);
        assert_eq!(judge(&frame), Judgement::Good);
    }
    assert_eq!(path.withdraw(index).unwrap().packets, 10);
}

/// With and without frames that XDP can send, and with checksums that are complete.
fn networks() -> [Network; 2] {
    let networks = [Network::new(), Network::new().with_gro()];
    for network in &networks {
        network.alice.command("ethtool", &["-K", "eth0", "tx", "off"]);
        network.bob.command("ethtool", &["-K", "eth0", "tx", "off"]);
    }
    networks
}

fn mode_of(reports: &[InterfaceReport], device: &str) -> (Mode, String) {
    let report = reports.iter().find(|report| report.device == device).unwrap();
    assert!(!report.reason.is_empty(), "{report:?}");
    (report.mode, report.reason.clone())
}

#[test]
fn one_interface_is_enough_for_both_ends_of_a_call() {
    kernel_or_skip!();
    for network in networks() {
        let (path, _) = network.open();
        let back = rule("10.77.1.1:30000", "10.77.1.2:40000", "10.77.1.1:30002", "10.77.1.2:50000");
        relays(&network, &path, &back);
    }
}

#[test]
fn a_macvlan_interface_as_containers_have_it_relays_in_generic_mode() {
    kernel_or_skip!();
    for network in networks() {
        network
            .relay
            .ip(&["link", "add", "link", "west", "name", "mac0", "type", "macvlan", "mode", "bridge"]);
        move_address(&network, "west", "mac0");
        let (path, reports) = open(&network, &["10.77.1.1", "10.77.2.1"]);
        assert_eq!(mode_of(&reports, "mac0").0, Mode::Generic);
        relays(&network, &path, &eastwards());
        both_ways_or_named(&network, &path, &reports);
    }
}

/// Back again, unless the way out takes no frames from an interface that runs natively.
fn both_ways_or_named(network: &Network, path: &FastPath, reports: &[InterfaceReport]) {
    if mode_of(reports, "east").0 != Mode::Native {
        return relays(network, path, &westwards());
    }
    let refusal = path.install(&westwards(), &Progress::default()).unwrap_err().to_string();
    assert!(refusal.contains("takes no frames from east, which runs natively"), "{refusal}");
}

#[test]
fn an_ipvlan_interface_as_containers_have_it_relays_in_generic_mode() {
    kernel_or_skip!();
    for network in networks() {
        if !network
            .relay
            .try_ip(&["link", "add", "link", "west", "name", "ipv0", "type", "ipvlan", "mode", "l2"])
        {
            return support::skip("this kernel has no ipvlan interfaces");
        }
        move_address(&network, "west", "ipv0");
        let (path, reports) = open(&network, &["10.77.1.1", "10.77.2.1"]);
        assert_eq!(mode_of(&reports, "ipv0").0, Mode::Generic);
        relays(&network, &path, &eastwards());
        both_ways_or_named(&network, &path, &reports);
    }
}

#[test]
fn a_bond_relays() {
    kernel_or_skip!();
    for network in networks() {
        let bond = ["link", "add", "bond0", "type", "bond", "mode", "active-backup", "miimon", "100"];
        if !network.relay.try_ip(&bond) {
            return support::skip("this kernel has no bonds");
        }
        network.relay.ip(&["link", "set", "west", "down"]);
        network.relay.ip(&["link", "set", "west", "master", "bond0"]);
        network.relay.ip(&["link", "set", "west", "up"]);
        move_address(&network, "west", "bond0");
        let (path, reports) = open(&network, &["10.77.1.1", "10.77.2.1"]);
        assert!(matches!(mode_of(&reports, "bond0").0, Mode::Native | Mode::Generic), "{reports:?}");
        relays(&network, &path, &eastwards());
        both_ways_or_named(&network, &path, &reports);
    }
}

#[test]
fn interfaces_that_packets_never_arrive_by_are_named() {
    kernel_or_skip!();
    let network = Network::new();
    for (device, kind, address, reason) in [
        ("tun0", "tun", "10.77.9.1", "not Ethernet"),
        ("dummy0", "dummy", "10.77.8.1", "packets never arrive by a dummy interface"),
    ] {
        let made = match kind {
            "tun" => network.relay.try_ip(&["tuntap", "add", device, "mode", "tun"]),
            _ => network.relay.try_ip(&["link", "add", device, "type", kind]),
        };
        if !made {
            support::skip(&format!("this kernel has no {kind} interfaces"));
            continue;
        }
        network.relay.ip(&["addr", "add", &format!("{address}/24"), "dev", device]);
        network.relay.ip(&["link", "set", device, "up"]);
        let (path, reports) = open(&network, &["10.77.1.1", address]);
        assert_eq!(mode_of(&reports, device), (Mode::None, reason.to_owned()));
        let here = format!("{address}:30000");
        let unreachable = rule(&here, "10.77.1.2:40000", "10.77.1.1:30002", "10.77.1.2:50000");
        let refusal = path.install(&unreachable, &Progress::default()).unwrap_err().to_string();
        assert_eq!(refusal, format!("no interface with the fast path receives for {address}"));
    }
}

#[test]
fn an_interface_that_goes_and_comes_again_is_told_of_and_covered_again() {
    kernel_or_skip!();
    let network = Network::new();
    let (path, _) = network.open();
    let index = path.install(&eastwards(), &Progress::default()).unwrap();
    network.relay.ip(&["link", "del", "east"]);
    let stranded = network.relay.run(|| path.refresh());
    assert!(matches!(&stranded[..], [(which, _)] if *which == index), "{stranded:?}");
    path.withdraw(index);
    let gone = (Mode::None, "no interface has this address".to_owned());
    assert_eq!(mode_of(&path.reports(), "10.77.2.1"), gone);
    assert!(path.reports().iter().all(|report| report.device != "east"));

    join((&network.relay, "east", &["10.77.2.1/24"]), (&network.bob, "eth0", &["10.77.2.2/24"]));
    network.relay.run(|| path.refresh());
    assert_eq!(mode_of(&path.reports(), "east").0, Mode::Generic);
    assert_eq!(path.reports().len(), 2);
    network.alice.command("ethtool", &["-K", "eth0", "tx", "off"]);
    network.bob.command("ethtool", &["-K", "eth0", "tx", "off"]);
    relays(&network, &path, &eastwards());
    relays(&network, &path, &westwards());
}
