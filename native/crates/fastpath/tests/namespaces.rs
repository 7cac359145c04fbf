//! Real packets through real interfaces: two hosts with a relay between them, joined by veth pairs.

#![allow(clippy::unwrap_used, reason = "of tests")]

#[path = "../src/program_test/checker.rs"]
mod checker;
mod support;

use checker::{Judgement, judge};
use fastpath::{FastPath, InstallError, Mode, Options, Progress, Rule};
use support::{Capture, Network, SSRC, eastwards, rtp, rule};

/// A stream from Alice to Bob; the relay and Bob know each other.
fn spoken(network: &Network, rule: &Rule) -> (std::net::UdpSocket, std::net::UdpSocket) {
    let alice = network.alice.socket(&rule.source.to_string());
    let bob = network.bob.socket(&rule.to.to_string());
    network.relay.socket(&rule.from.to_string()).send_to(b"who are you", rule.to).unwrap();
    bob.recv(&mut [0; 64]).unwrap();
    (alice, bob)
}

/// Sends ten packets from Alice to Bob; they arrive in order and unchanged.
fn relays(network: &Network, path: &FastPath, rule: &Rule) {
    let (alice, bob) = spoken(network, rule);
    path.refresh();
    let index = path.install(rule, &Progress::default()).unwrap();
    let mut buffer = [0; 2048];
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

/// One rule for each pair of families.
fn rules() -> [Rule; 4] {
    let (west4, west6) = (("10.77.1.1:30000", "10.77.1.2:40000"), ("[fd77:1::1]:30000", "[fd77:1::2]:40000"));
    let (east4, east6) = (("10.77.2.1:30002", "10.77.2.2:50000"), ("[fd77:2::1]:30002", "[fd77:2::2]:50000"));
    [(west4, east4), (west6, east6), (west4, east6), (west6, east4)]
        .map(|((local, source), (from, to))| rule(local, source, from, to))
}

/// The next RTP frame of ours, without what the test sends to make hosts known to each other.
fn next_rtp(capture: &Capture) -> Vec<u8> {
    let ssrc = SSRC.to_be_bytes();
    capture.next(|frame| frame.len() > 200 && frame.windows(4).any(|window| window == ssrc))
}

fn frames_are_right(network: &Network, path: &FastPath, rules: &[Rule]) {
    for rule in rules {
        let (alice, _bob) = spoken(network, rule);
        path.refresh();
        let index = path.install(rule, &Progress::default()).unwrap();
        let capture = network.bob.capture("eth0");
        for sequence in 0..5 {
            alice.send_to(&rtp(0, sequence, SSRC), rule.local).unwrap();
        }
        for sequence in 0..5 {
            let frame = next_rtp(&capture);
            assert_eq!(judge(&frame), Judgement::Good, "{} to {}", rule.source, rule.to);
            let (tos, ttl, header) = match rule.to.is_ipv4() {
                true => (frame[15], frame[22], 34),
                false => (frame[14] << 4 | frame[15] >> 4, frame[21], 54),
            };
            assert_eq!((tos, ttl), (0xb8, 64));
            assert_eq!(frame[..6], network.bob.mac("eth0"));
            assert_eq!(frame[6..12], network.relay.mac("east"));
            assert_eq!(frame[header + 8..], rtp(0, sequence, SSRC));
        }
        path.withdraw(index).unwrap();
    }
}

#[test]
fn packets_are_relayed_in_generic_mode_whatever_the_families() {
    kernel_or_skip!();
    let network = Network::new();
    let (path, modes) = network.open();
    assert_eq!(modes, [Mode::Generic, Mode::Generic]);
    rules().iter().for_each(|rule| relays(&network, &path, rule));
}

#[test]
fn packets_are_relayed_in_native_mode_whatever_the_families() {
    kernel_or_skip!();
    let network = Network::new().with_gro();
    let (path, modes) = network.open();
    assert_eq!(modes, [Mode::Native, Mode::Native]);
    rules().iter().for_each(|rule| relays(&network, &path, rule));
}

#[test]
fn frames_are_right_though_the_sender_leaves_checksums_to_offload() {
    kernel_or_skip!();
    let network = Network::new().with_gro();
    let (path, _) = network.open();
    frames_are_right(&network, &path, &rules());
}

#[test]
fn frames_are_right_with_checksums_from_the_sender() {
    kernel_or_skip!();
    for network in [Network::new(), Network::new().with_gro()] {
        network.alice.command("ethtool", &["-K", "eth0", "tx", "off"]);
        let (path, _) = network.open();
        frames_are_right(&network, &path, &rules());
    }
}

#[test]
fn where_other_xdp_programs_run_tc_relays() {
    kernel_or_skip!();
    let network = Network::new();
    // Somebody else's, since it knows none of the rules.
    let (_other, _) = network.open();
    let (path, modes) = network.open();
    assert_eq!(modes, [Mode::Tc, Mode::Tc]);
    relays(&network, &path, &eastwards());
    let [_, in_ipv6, translating, _] = rules();
    relays(&network, &path, &in_ipv6);
    let refusal = path.install(&translating, &Progress::default()).unwrap_err();
    assert!(matches!(refusal, InstallError::Egress { .. }), "{refusal}");
    network.alice.command("ethtool", &["-K", "eth0", "tx", "off"]);
    frames_are_right(&network, &path, &[eastwards(), in_ipv6]);
}

#[test]
fn strangers_and_rtcp_go_up_to_the_socket() {
    kernel_or_skip!();
    let network = Network::new().with_gro();
    let (path, _) = network.open();
    let rule = eastwards();
    let (alice, _bob) = spoken(&network, &rule);
    let socket = network.relay.socket(&rule.local.to_string());
    path.refresh();
    let index = path.install(&rule, &Progress::default()).unwrap();
    let mut buffer = [0; 2048];
    let rtcp = [0x80, 201, 0, 1, 0, 0, 0, 1];
    let stranger = network.alice.socket("10.77.1.2:41000");
    for (sender, packet) in [
        (&alice, &rtcp[..]),
        (&alice, &rtp(8, 1, SSRC)),
        (&alice, &rtp(0, 1, SSRC + 1)),
        (&alice, b"other"),
        (&stranger, &rtp(0, 1, SSRC)),
    ] {
        sender.send_to(packet, rule.local).unwrap();
        let (len, from) = socket.recv_from(&mut buffer).unwrap();
        assert_eq!((&buffer[..len], from), (packet, sender.local_addr().unwrap()));
    }
    assert_eq!(path.withdraw(index).unwrap().packets, 0);
    alice.send_to(&rtp(0, 2, SSRC), rule.local).unwrap();
    assert_eq!(socket.recv(&mut buffer).unwrap(), 172);
}

#[test]
fn packets_go_up_until_the_next_hop_answers() {
    kernel_or_skip!();
    let network = Network::new();
    let (path, _) = network.open();
    let rule = eastwards();
    network.bob.ip(&["link", "set", "eth0", "arp", "off"]);
    network.relay.ip(&["neigh", "flush", "dev", "east"]);
    let alice = network.alice.socket(&rule.source.to_string());
    let bob = network.bob.socket(&rule.to.to_string());
    let socket = network.relay.socket(&rule.local.to_string());
    let index = path.install(&rule, &Progress::default()).unwrap();
    let mut buffer = [0; 2048];
    alice.send_to(&rtp(0, 1, SSRC), rule.local).unwrap();
    assert_eq!(socket.recv(&mut buffer).unwrap(), 172);

    let mac = network.bob.mac("eth0").map(|octet| format!("{octet:02x}")).join(":");
    network.relay.ip(&["neigh", "replace", "10.77.2.2", "lladdr", &mac, "dev", "east"]);
    assert!(path.refresh().is_empty());
    alice.send_to(&rtp(0, 2, SSRC), rule.local).unwrap();
    assert_eq!(bob.recv(&mut buffer).unwrap(), 172);
    assert_eq!(path.stats(index).unwrap().packets, 1);
}

#[test]
fn a_route_that_is_gone_strands_its_rules_and_a_new_one_moves_them() {
    kernel_or_skip!();
    let network = Network::new();
    let (path, _) = network.open();
    network.relay.ip(&["route", "add", "203.0.113.0/24", "via", "10.77.2.2"]);
    let rule = rule("10.77.1.1:30000", "10.77.1.2:40000", "10.77.2.1:30002", "203.0.113.9:50000");
    let index = path.install(&rule, &Progress::default()).unwrap();
    assert!(path.refresh().is_empty());
    network.relay.ip(&["route", "replace", "203.0.113.0/24", "via", "10.77.2.77"]);
    assert!(path.refresh().is_empty());
    network.relay.ip(&["route", "del", "203.0.113.0/24"]);
    let stranded = path.refresh();
    assert!(matches!(&stranded[..], [(which, InstallError::Unroutable { .. })] if *which == index));
}

#[test]
fn a_new_link_layer_address_is_followed() {
    kernel_or_skip!();
    let network = Network::new();
    let (path, _) = network.open();
    network.relay.ip(&["link", "set", "west", "address", "02:00:00:00:77:01"]);
    network.relay.ip(&["link", "set", "east", "address", "02:00:00:00:77:02"]);
    path.refresh();
    relays(&network, &path, &eastwards());
    network.alice.command("ethtool", &["-K", "eth0", "tx", "off"]);
    frames_are_right(&network, &path, &[eastwards()]);
}

#[test]
fn rules_that_cannot_work_are_refused_with_a_reason() {
    kernel_or_skip!();
    let network = Network::new();
    let (path, _) = network.open();
    let refusal = |rule: &Rule| path.install(rule, &Progress::default()).unwrap_err();
    let mut wrong = eastwards();
    wrong.to = support::address("10.77.1.1:5000");
    assert!(matches!(refusal(&wrong), InstallError::LocalDestination(_)));
    wrong.to = support::address("192.0.2.1:5000");
    assert!(matches!(refusal(&wrong), InstallError::Unroutable { .. }));
    wrong.to = support::address("[fe80::1]:5000");
    assert!(matches!(refusal(&wrong), InstallError::Unroutable { .. }));
    let mut elsewhere = eastwards();
    elsewhere.local = support::address("10.99.0.1:30000");
    assert!(matches!(refusal(&elsewhere), InstallError::NoIngress(_)));
    path.install(&eastwards(), &Progress::default()).unwrap();
    assert_eq!(refusal(&eastwards()), InstallError::Taken);
    for port in 0..127 {
        let mut more = eastwards();
        more.source.set_port(1000 + port);
        path.install(&more, &Progress::default()).unwrap();
    }
    let mut one_more = eastwards();
    one_more.source.set_port(9);
    assert_eq!(refusal(&one_more), InstallError::MapFull(128));
}

#[test]
fn a_bridge_is_covered_in_generic_mode_and_named_where_it_cannot_be_sent_to() {
    kernel_or_skip!();
    for gro in [false, true] {
        let network = if gro { Network::new().with_gro() } else { Network::new() };
        network.relay.ip(&["link", "add", "br0", "type", "bridge"]);
        network.relay.ip(&["addr", "flush", "dev", "west"]);
        network.relay.ip(&["link", "set", "west", "master", "br0"]);
        network.relay.ip(&["addr", "add", "10.77.1.1/24", "dev", "br0"]);
        network.relay.ip(&["link", "set", "br0", "up"]);
        let (path, modes) = network.open();
        assert_eq!(modes, [Mode::Generic, if gro { Mode::Native } else { Mode::Generic }]);
        relays(&network, &path, &eastwards());
        let back = rule("10.77.2.1:30000", "10.77.2.2:40000", "10.77.1.1:30002", "10.77.1.2:50000");
        if gro {
            let refusal = path.install(&back, &Progress::default()).unwrap_err();
            assert!(matches!(refusal, InstallError::Egress { .. }), "{refusal}");
        } else {
            let bob = network.bob.socket("10.77.2.2:40000");
            let alice = network.alice.socket("10.77.1.2:50000");
            path.install(&back, &Progress::default()).unwrap();
            bob.send_to(&rtp(0, 1, SSRC), back.local).unwrap();
            assert_eq!(alice.recv(&mut [0; 2048]).unwrap(), 172);
        }
    }
}

#[test]
fn tagged_interfaces_are_relayed_between() {
    kernel_or_skip!();
    for gro in [false, true] {
        let network = if gro { Network::new().with_gro() } else { Network::new() };
        for (host, below, address) in
            [(&network.relay, "east", "10.77.3.1/24"), (&network.bob, "eth0", "10.77.3.2/24")]
        {
            if !host.try_ip(&["link", "add", "link", below, "name", "tagged", "type", "vlan", "id", "30"]) {
                support::skip("this kernel has no VLAN interfaces");
                return;
            }
            host.ip(&["addr", "add", address, "dev", "tagged"]);
            host.ip(&["link", "set", "tagged", "up"]);
        }
        let addresses = ["10.77.1.1", "10.77.3.1"].map(|text| text.parse().unwrap()).to_vec();
        let options = Options { devices: Vec::new(), addresses, pin_dir: None, capacity: 16 };
        let (path, _) = network.relay.run(|| FastPath::open(&options)).unwrap();
        relays(
            &network,
            &path,
            &rule("10.77.1.1:30000", "10.77.1.2:40000", "10.77.3.1:30002", "10.77.3.2:50000"),
        );
        let back = rule("10.77.3.1:30000", "10.77.3.2:40000", "10.77.1.1:30002", "10.77.1.2:50000");
        let bob = network.bob.socket("10.77.3.2:40000");
        let alice = network.alice.socket("10.77.1.2:50000");
        path.install(&back, &Progress::default()).unwrap();
        bob.send_to(&rtp(0, 1, SSRC), back.local).unwrap();
        assert_eq!(alice.recv(&mut [0; 2048]).unwrap(), 172);
    }
}

#[test]
fn a_tag_within_the_frame_is_taken_off() {
    kernel_or_skip!();
    let network = Network::new().with_gro();
    let (path, _) = network.open();
    let rule = eastwards();
    let (_alice, bob) = spoken(&network, &rule);
    path.refresh();
    path.install(&rule, &Progress::default()).unwrap();
    network.alice.capture("eth0").send(&network.tagged(&rtp(0, 1, SSRC)));
    assert_eq!(bob.recv(&mut [0; 2048]).unwrap(), 172);
}
