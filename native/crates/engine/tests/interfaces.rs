//! What each local address has relayed, whatever becomes of its streams.

use std::net::{IpAddr, Ipv4Addr};

use protocol::{InterfaceTraffic, LocalId};
use sim::{Kernel, MALLORY, Scene, packets, plans};

const INNER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 20));

/// Bob is on another interface than Alice.
fn on_two_interfaces() -> Scene {
    Scene::audio_with(|plan| {
        let local = &mut plan.streams[1].locals[0];
        (local.interface, local.address) = ("inner".to_owned(), INNER);
    })
}

fn traffic(scene: &mut Scene, interface: &str) -> InterfaceTraffic {
    if scene.net.engine().revision(&scene.plan.session).is_some() {
        scene.net.refresh(&scene.plan.session);
    }
    let accounts = scene.net.engine().interface_traffic();
    let mut found = accounts.iter().filter(|account| &*account.interface == interface);
    let traffic = found.next().map(|account| account.traffic).unwrap_or_default();
    assert_eq!(found.next(), None);
    traffic
}

fn outer(scene: &Scene) -> String {
    scene.plan.streams[0].locals[0].interface.clone()
}

#[test]
fn packets_and_bytes_are_those_of_the_streams_at_an_address() {
    let mut scene = on_two_interfaces();
    let name = outer(&scene);
    scene.alice_talks(1000);
    scene.bob_talks(200);
    let (alice, bob) = (scene.rtp(1), scene.rtp(2));
    assert_eq!(alice.received_packets, 50);
    let expected = |stats: &protocol::ComponentStats| InterfaceTraffic {
        received_packets: stats.received_packets,
        received_bytes: stats.received_bytes,
        received_errors: 0,
        sent_packets: stats.sent_packets,
        sent_bytes: stats.sent_bytes,
    };
    assert_eq!(traffic(&mut scene, &name), expected(&alice));
    assert_eq!(traffic(&mut scene, "inner"), expected(&bob));
}

#[test]
fn rtcp_counts_as_well() {
    let mut scene = on_two_interfaces();
    let name = outer(&scene);
    scene.talk(200);
    let before = traffic(&mut scene, &name);
    let report = packets::receiver_report(1, &[]);
    let (alice, to) = (scene.alice, scene.local_rtcp(1));
    scene.net.send_rtcp(alice, to, report.clone());
    scene.net.settle();
    let after = traffic(&mut scene, &name);
    assert_eq!(after.received_packets, before.received_packets + 1);
    assert_eq!(after.received_bytes, before.received_bytes + report.len() as u64);
}

#[test]
fn what_a_call_has_relayed_stays_when_it_ends() {
    let mut scene = on_two_interfaces();
    let name = outer(&scene);
    scene.talk(1000);
    let before = traffic(&mut scene, &name);
    assert!(before.received_packets > 0);
    let session = scene.plan.session.clone();
    scene.net.release(&session);
    assert_eq!(traffic(&mut scene, &name), before);
    let mut next = scene.plan.clone();
    next.session = protocol::SessionId("next".to_owned());
    scene.plan = next;
    scene.net.apply(&scene.plan).unwrap();
    scene.alice_talks(1000);
    let after = traffic(&mut scene, &name);
    assert_eq!(after.received_packets, before.received_packets + 50);
}

#[test]
fn what_a_stream_relayed_before_it_moved_stays_where_it_was() {
    let mut scene = on_two_interfaces();
    let name = outer(&scene);
    scene.talk(1000);
    let (alice, bob) = (traffic(&mut scene, &name), traffic(&mut scene, "inner"));
    scene.replan(|plan| {
        let mut local = plans::local(9, INNER);
        (local.id, local.interface) = (LocalId(9), "inner".to_owned());
        plan.streams[0].locals = vec![local];
    });
    assert_eq!((traffic(&mut scene, &name), traffic(&mut scene, "inner")), (alice, bob));
    let (peer, to) = (scene.bob, scene.local(2));
    scene.net.speak(peer, to);
    scene.net.settle();
    assert_eq!(traffic(&mut scene, &name), alice);
    let moved = traffic(&mut scene, "inner");
    assert_eq!(moved.received_packets, bob.received_packets + 1);
    assert_eq!(moved.sent_packets, bob.sent_packets + 1);
}

#[test]
fn what_a_stream_relayed_before_it_was_taken_out_stays() {
    let mut scene = on_two_interfaces();
    scene.talk(1000);
    let bob = traffic(&mut scene, "inner");
    scene.replan(|plan| {
        plan.streams.truncate(1);
        plan.routes.clear();
    });
    assert_eq!(traffic(&mut scene, "inner"), bob);
}

#[test]
fn what_the_kernel_relays_counts_like_the_rest() {
    let run = |kernel: Option<Kernel>| {
        let mut scene = on_two_interfaces();
        if let Some(kernel) = kernel {
            scene.net.use_kernel(kernel);
        }
        scene.talk(3000);
        let name = outer(&scene);
        [traffic(&mut scene, &name), traffic(&mut scene, "inner")]
    };
    let kernel = Kernel::default();
    let with = run(Some(kernel.clone()));
    assert_eq!(kernel.rules().len(), 2);
    assert_eq!(with, run(None));
}

#[test]
fn strangers_are_errors_of_the_address_they_come_to() {
    let mut scene = on_two_interfaces();
    let name = outer(&scene);
    scene.talk(4000);
    let before = traffic(&mut scene, &name);
    let (from, to) = (MALLORY.parse().unwrap(), scene.local(1));
    for sequence in 0..3 {
        scene.net.send_as(from, to, packets::rtp(0, sequence, 160, 7));
    }
    scene.net.settle();
    let after = traffic(&mut scene, &name);
    assert_eq!(after, InterfaceTraffic { received_errors: before.received_errors + 3, ..before });
    assert_eq!(traffic(&mut scene, "inner").received_errors, 0);
}
