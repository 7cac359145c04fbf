//! Copies of what real interfaces relay, read by this process or by the next one.

#![allow(clippy::unwrap_used, reason = "of tests")]

mod support;

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use fastpath::{FastPath, Mode, Progress, Rule};
use support::{Flow, Network, PINS, SSRC, eastwards, layout, left_behind, options, pinned, rtp, rule};

const TOKEN: u64 = 7;

fn copied(rule: Rule) -> Rule {
    Rule { copy: Some(TOKEN), ..rule }
}

/// The sequence numbers of the copies that are there.
fn sequences(path: &FastPath) -> Vec<u16> {
    let mut sequences = Vec::new();
    path.read_copies(usize::MAX, |copy| {
        assert_eq!(copy.token, TOKEN);
        sequences.push(u16::from_be_bytes([copy.packet[30], copy.packet[31]]));
    });
    sequences
}

/// From Alice to Bob, packet by packet; copies are what Bob gets, with the addresses it arrived with.
fn copies_are_what_is_relayed(network: &Network, path: &FastPath, rule: &Rule) {
    let alice = network.alice.socket(&rule.source.to_string());
    let bob = network.bob.socket(&rule.to.to_string());
    network.relay.socket(&rule.from.to_string()).send_to(b"who are you", rule.to).unwrap();
    bob.recv(&mut [0; 64]).unwrap();
    path.refresh();
    let index = path.install(rule, &Progress::default()).unwrap();
    let mut received = Vec::new();
    for sequence in 0..10 {
        alice.send_to(&rtp(0, sequence, SSRC), rule.local).unwrap();
        let mut buffer = [0; 2048];
        let len = bob.recv(&mut buffer).unwrap();
        received.push(buffer[..len].to_vec());
    }
    let mut copies = Vec::new();
    path.read_copies(usize::MAX, |copy| {
        let header = if rule.local.is_ipv4() { 28 } else { 48 };
        let port = u16::from_be_bytes([copy.packet[header - 6], copy.packet[header - 5]]);
        assert_eq!((copy.token, port), (TOKEN, rule.local.port()));
        copies.push(copy.packet[header..].to_vec());
    });
    assert_eq!(copies, received);
    assert_eq!(path.withdraw(index).unwrap().copies_lost, 0);
}

#[test]
fn copies_are_what_the_receiver_gets_in_every_mode() {
    kernel_or_skip!();
    for mode in [Mode::Generic, Mode::Native, Mode::Tc] {
        let network = if mode == Mode::Native { Network::new().with_gro() } else { Network::new() };
        // Somebody else's XDP program leaves nothing but tc.
        let _other = (mode == Mode::Tc).then(|| network.open());
        let (path, modes) = network.open();
        assert_eq!(modes, [mode, mode]);
        copies_are_what_is_relayed(&network, &path, &copied(eastwards()));
        let v6 = rule("[fd77:1::1]:30000", "[fd77:1::2]:40000", "[fd77:2::1]:30002", "[fd77:2::2]:50000");
        copies_are_what_is_relayed(&network, &path, &copied(v6));
        let crossed = rule("10.77.1.1:30000", "10.77.1.2:40000", "[fd77:2::1]:30002", "[fd77:2::2]:50000");
        if mode != Mode::Tc {
            copies_are_what_is_relayed(&network, &path, &copied(crossed));
        }
    }
}

#[test]
fn the_copy_of_a_tagged_frame_is_the_packet_without_its_tag() {
    kernel_or_skip!();
    let network = Network::new().with_gro();
    let (path, modes) = network.open();
    assert_eq!(modes, [Mode::Native; 2]);
    let bob = network.bob.socket(&eastwards().to.to_string());
    network.relay.socket(&eastwards().from.to_string()).send_to(b"who are you", eastwards().to).unwrap();
    bob.recv(&mut [0; 64]).unwrap();
    path.refresh();
    path.install(&copied(eastwards()), &Progress::default()).unwrap();
    let frame = network.tagged(&rtp(0, 1, SSRC));
    network.alice.capture("eth0").send(&frame);
    assert_eq!(bob.recv(&mut [0; 2048]).unwrap(), 172);
    let mut copies = Vec::new();
    path.read_copies(usize::MAX, |copy| copies.push(copy.packet.to_vec()));
    assert_eq!(copies, [frame[18..].to_vec()]);
}

#[test]
fn copying_begins_and_ends_under_way_and_no_packet_is_lost() {
    kernel_or_skip!();
    let network = Network::new();
    let (path, _) = network.open();
    let mut flow = Flow::new(&network);
    let index = path.install(&eastwards(), &Progress::default()).unwrap();
    flow.packets(3);
    assert!(path.copy(index, Some(TOKEN)));
    flow.packets(3);
    assert!(path.copy(index, None));
    flow.packets(3);
    assert!(path.copy(index, Some(TOKEN)));
    flow.packets(1);
    assert_eq!(sequences(&path), [3, 4, 5, 9]);
    assert_eq!(path.withdraw(index).unwrap().packets, 10);
    assert!(!path.copy(index, Some(TOKEN)));
}

#[test]
fn copies_wait_for_the_next_process_and_those_that_do_not_fit_are_counted() {
    kernel_or_skip!();
    let network = Network::new();
    network.relay.run_with_bpffs(|| {
        let options = options(Some(PINS.into()));
        let (first, mut flow) = pinned(&network, &copied(eastwards()));
        flow.packets(3);
        assert_eq!(sequences(&first), [0, 1, 2]);
        flow.packets(3);
        // As when it is killed: its descriptors are closed, no more.
        drop(first);
        flow.packets(4);
        let (second, _) = FastPath::open(&options).unwrap();
        let adopted = second.adopt();
        let [(rule, index)] = &adopted[..] else { panic!("{adopted:?}") };
        assert_eq!(*rule, copied(eastwards()));
        assert_eq!(sequences(&second), (3..10).collect::<Vec<u16>>());
        drop(second);
        // What the ring takes of these packets, and some more.
        flow.packets_of(1400, 5_900);
        let (third, _) = FastPath::open(&options).unwrap();
        let stats = third.stats(*index).unwrap();
        let copies = sequences(&third);
        assert_eq!(copies, (10..10 + copies.len() as u16).collect::<Vec<u16>>());
        assert!(stats.copies_lost > 0 && stats.copies_lost < 1000, "{stats:?}");
        assert_eq!(copies.len() as u64 + stats.copies_lost, 5_900);
        assert_eq!((stats.packets, third.copies_lost()), (5_910, stats.copies_lost));
        flow.packets(2);
        assert_eq!(sequences(&third), [5_910, 5_911]);
        third.close();
    });
}

#[test]
fn rules_of_a_binary_that_made_no_copies_go_on_without_a_gap() {
    kernel_or_skip!();
    let network = Network::new();
    network.relay.run_with_bpffs(|| {
        let options = options(Some(PINS.into()));
        let mut flow = left_behind(&network);
        let layout = layout();
        for map in ["copies", "copies_lost"] {
            fs::remove_file(Path::new(&layout).join(map)).unwrap();
        }
        let taken_over = AtomicBool::new(false);
        let second = thread::scope(|scope| {
            scope.spawn(|| {
                while !taken_over.load(Ordering::Relaxed) {
                    flow.packets(1);
                }
            });
            let (second, _) = FastPath::open(&options).unwrap();
            taken_over.store(true, Ordering::Relaxed);
            second
        });
        let adopted = second.adopt();
        let [(rule, index)] = &adopted[..] else { panic!("{adopted:?}") };
        assert_eq!(*rule, eastwards());
        assert!(second.copy(*index, Some(TOKEN)));
        flow.packets(2);
        assert_eq!(sequences(&second), [flow.next - 2, flow.next - 1]);
        second.close();
    });
}
