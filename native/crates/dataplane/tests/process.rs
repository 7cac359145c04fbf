//! The data plane as a process: a control plane on its socket, and media through it.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod support;

use std::{fs, os::unix::fs::PermissionsExt};

use protocol::{ErrorCode, FromDataPlane, Request, SessionId};
use rustix::process::Signal;
use support::{Control, DataPlane, Directory, PORTS, Peer, assert_relays, home, plan, with_ports};

fn relays_both_ways_with(options: &[&str]) {
    let directory = Directory::new();
    let data_plane = DataPlane::start(&directory.file("socket"), options);
    let mut control = data_plane.control();
    let peers: Vec<_> = (0..5).map(|_| (Peer::new(), Peer::new())).collect();
    let mut calls = Vec::new();
    for (number, (alice, bob)) in peers.iter().enumerate() {
        let plan = plan(&format!("call {number}"), 1, [alice.remote(), bob.remote()]);
        calls.push(control.apply(&plan).unwrap());
    }
    for ((alice, bob), ports) in peers.iter().zip(&calls) {
        assert_relays(alice, bob, ports);
    }
    let status = control.status();
    assert_eq!(
        (status.sessions, status.counters.received_packets, status.counters.sent_packets),
        (5, 10, 10)
    );
    assert_eq!(control.release("call 3").unwrap().streams[0].rtp.received_packets, 1);
    assert_eq!(control.status().sessions, 4);
    assert_relays(&peers[4].0, &peers[4].1, &calls[4]);
}

#[test]
fn packets_are_relayed_both_ways_with_plain_sockets() {
    relays_both_ways_with(&["--io", "mmsg"]);
}

#[test]
fn packets_are_relayed_both_ways_with_the_best_there_is() {
    relays_both_ways_with(&["--io", "auto"]);
}

#[test]
fn calls_are_spread_over_shards() {
    relays_both_ways_with(&["--shards", "3"]);
}

#[test]
fn the_same_plan_again_changes_nothing() {
    let directory = Directory::new();
    let data_plane = DataPlane::start(&directory.file("socket"), &[]);
    let mut control = data_plane.control();
    let plan = plan("a", 1, [None, None]);
    let ports = control.apply(&plan).unwrap();
    assert_eq!(control.apply(&plan), Ok(ports));
    assert_eq!(control.status().interfaces[0].ports_used, 4);
}

#[test]
fn a_released_port_rests() {
    let directory = Directory::new();
    let data_plane = DataPlane::start(&directory.file("socket"), &[]);
    let mut control = data_plane.control();
    control.configure(|configuration| {
        let interface = &mut configuration.interfaces[0];
        interface.port_max = interface.port_min + 3;
    });
    let ports = control.apply(&plan("a", 1, [None, None])).unwrap();
    let full = ErrorCode::PortRangeFull { interface: "default".to_owned(), address: home(), in_use: 4 };
    assert_eq!(control.apply(&plan("b", 1, [None, None])), Err(full));
    assert!(control.release("a").is_some());
    let interface = &control.status().interfaces[0];
    assert_eq!((interface.ports_used, interface.ports_resting, interface.ports_free), (0, 4, 0));
    assert!(control.apply(&plan("b", 1, [None, None])).is_err());
    // On request it is to be had at once: the one who asks knows what he does.
    assert_eq!(control.apply(&with_ports(plan("b", 1, [None, None]), &ports)), Ok(ports));
}

#[test]
fn without_a_descriptor_left_a_call_is_refused_and_others_go_on() {
    let directory = Directory::new();
    let data_plane = DataPlane::start(&directory.file("socket"), &[]);
    let mut control = data_plane.control();
    control.apply(&plan("a", 1, [None, None])).unwrap();
    data_plane.allow_open_files(2);
    let refused = control.apply(&plan("b", 1, [None, None]));
    assert!(matches!(refused, Err(ErrorCode::OutOfSockets { .. })), "{refused:?}");
    assert_eq!(control.status().interfaces[0].ports_used, 4);
    data_plane.allow_open_files(100);
    control.apply(&plan("b", 1, [None, None])).unwrap();
}

#[test]
fn a_refused_plan_leaves_nothing_behind() {
    let directory = Directory::new();
    let data_plane = DataPlane::start(&directory.file("socket"), &[]);
    let mut control = data_plane.control();
    let mut plan = plan("a", 1, [None, None]);
    plan.streams[1].locals[0].interface = "elsewhere".to_owned();
    assert_eq!(control.apply(&plan), Err(ErrorCode::NoSuchInterface { name: "elsewhere".to_owned() }));
    let status = control.status();
    assert_eq!((status.sessions, status.interfaces[0].ports_used), (0, 0));
}

#[test]
fn a_port_in_use_is_refused_to_another_call() {
    let directory = Directory::new();
    let data_plane = DataPlane::start(&directory.file("socket"), &[]);
    let mut control = data_plane.control();
    let ports = control.apply(&plan("a", 1, [None, None])).unwrap();
    let busy = ErrorCode::PortBusy { address: home(), port: ports[0] };
    assert_eq!(control.apply(&with_ports(plan("b", 1, [None, None]), &ports)), Err(busy));
}

#[test]
fn sessions_beyond_the_limit_are_refused_and_known_ones_are_not() {
    let directory = Directory::new();
    let data_plane = DataPlane::start(&directory.file("socket"), &[]);
    let mut control = data_plane.control();
    control.configure(|configuration| configuration.max_sessions = Some(2));
    control.apply(&plan("a", 1, [None, None])).unwrap();
    control.apply(&plan("b", 1, [None, None])).unwrap();
    let refused = Err(ErrorCode::TooManySessions { limit: 2 });
    assert_eq!(control.apply(&plan("c", 1, [None, None])), refused);
    assert!(control.apply(&plan("a", 2, [None, None])).is_ok());
    control.release("b");
    assert!(control.apply(&plan("c", 1, [None, None])).is_ok());
}

#[test]
fn calls_outlive_the_control_plane_and_can_be_listed() {
    let directory = Directory::new();
    let data_plane = DataPlane::start(&directory.file("socket"), &[]);
    let mut control = data_plane.control();
    let (alice, bob) = (Peer::new(), Peer::new());
    let applied = plan("a", 3, [alice.remote(), bob.remote()]);
    let ports = control.apply(&applied).unwrap();
    drop(control);
    assert_relays(&alice, &bob, &ports);
    let mut control = data_plane.connect();
    let (_, sessions) = control.hello();
    assert_eq!(sessions, 1);
    assert_eq!(control.list(None, 100), (vec![with_ports(applied, &ports)], false));
    assert_relays(&alice, &bob, &ports);
}

fn listing_in_pages_with(options: &[&str]) {
    let directory = Directory::new();
    let data_plane = DataPlane::start(&directory.file("socket"), options);
    let mut control = data_plane.control();
    for number in 0..(PORTS / 4) {
        control.apply(&plan(&format!("call {number}"), 1, [None, None])).unwrap();
    }
    let mut listed: Vec<SessionId> = Vec::new();
    loop {
        let (plans, more) = control.list(listed.last(), 3);
        assert!(plans.len() == 3 || !more);
        listed.extend(plans.into_iter().map(|plan| plan.session));
        if !more {
            break;
        }
    }
    let expected = (0..(PORTS / 4)).map(|number| SessionId(format!("call {number}")));
    assert_eq!(listed, expected.collect::<Vec<_>>());
}

#[test]
fn listing_in_pages_misses_nothing() {
    listing_in_pages_with(&["--shards", "1"]);
}

#[test]
fn listing_in_pages_misses_nothing_with_several_shards() {
    listing_in_pages_with(&["--shards", "3"]);
}

#[test]
fn a_long_listing_fits_into_frames() {
    let directory = Directory::new();
    let data_plane = DataPlane::start(&directory.file("socket"), &[]);
    let mut control = data_plane.control();
    control.configure(|configuration| configuration.interfaces[0].port_max += 1000);
    let mut plan = plan("", 1, [None, None]);
    plan.streams.truncate(1);
    plan.routes.clear();
    // Quotes double in length when a memo is put into a frame.
    plan.memo = "\"".repeat(16 * 1024);
    for number in 0..140 {
        plan.session = SessionId(format!("{number:03}"));
        control.apply(&plan).unwrap();
    }
    let (mut after, mut count) = (None, 0);
    loop {
        let (plans, more) = control.list(after.as_ref(), 1000);
        count += plans.len();
        after = plans.last().map(|plan| plan.session.clone());
        if !more {
            break;
        }
    }
    assert_eq!(count, 140);
}

#[test]
fn calls_come_back_with_the_same_ports_after_a_crash_of_the_data_plane() {
    let directory = Directory::new();
    let socket = directory.file("socket");
    let mut first = DataPlane::start(&socket, &[]);
    let mut control = first.control();
    let (alice, bob) = (Peer::new(), Peer::new());
    let plan = plan("a", 7, [alice.remote(), bob.remote()]);
    let ports = control.apply(&plan).unwrap();
    let first_boot = control.status().boot;
    first.kill();

    let second = DataPlane::start(&socket, &[]);
    let mut control = second.control_after_crash();
    assert_ne!(control.status().boot, first_boot);
    assert_eq!(control.apply(&with_ports(plan, &ports)), Ok(ports.clone()));
    assert_relays(&alice, &bob, &ports);
}

#[test]
fn another_build_is_refused() {
    let directory = Directory::new();
    let data_plane = DataPlane::start(&directory.file("socket"), &[]);
    let mut control = data_plane.connect();
    let hello = Request::Hello {
        fingerprint: "of another build".to_owned(),
        node: "test".to_owned(),
        position: None,
    };
    let refusal = control.ask(hello).unwrap_err();
    assert!(matches!(refusal, ErrorCode::FingerprintMismatch { .. }), "{refusal}");
    assert_eq!(control.next(), None);
}

#[test]
fn nothing_goes_before_hello() {
    let directory = Directory::new();
    let data_plane = DataPlane::start(&directory.file("socket"), &[]);
    let mut control = data_plane.connect();
    assert!(matches!(control.ask(Request::Status), Err(ErrorCode::BadFrame { .. })));
    assert_eq!(control.next(), None);
}

#[test]
fn garbage_ends_the_connection_and_nothing_else() {
    let directory = Directory::new();
    let data_plane = DataPlane::start(&directory.file("socket"), &[]);
    let frames: [&[u8]; 4] = [
        b"\0\0\0\x05hello",
        b"\0\0\0\x02{}",
        b"\0\0\0\x25{\"id\":1,\"request\":{\"kind\":\"no such\"}}",
        b"\xff\xff\xff\xff",
    ];
    for frame in frames {
        let mut control = data_plane.control();
        control.apply(&plan("a", 1, [None, None])).unwrap();
        control.write(frame);
        let refusal = control.next();
        let is_bad_frame =
            matches!(refusal, Some(FromDataPlane::Error { error: ErrorCode::BadFrame { .. }, .. }));
        assert!(is_bad_frame, "{refusal:?}");
        assert_eq!(control.next(), None);
    }
    assert_eq!(data_plane.control().status().sessions, 1);
}

#[test]
fn a_newer_control_plane_takes_over() {
    let directory = Directory::new();
    let data_plane = DataPlane::start(&directory.file("socket"), &[]);
    let mut older = data_plane.control();
    let mut newer = data_plane.connect();
    assert!(older.apply(&plan("a", 1, [None, None])).is_ok(), "before the newer one has said hello");
    newer.hello();
    assert_eq!(older.next(), None);
    assert_eq!(newer.status().sessions, 1);
}

#[test]
fn requests_sent_at_once_are_answered_in_order() {
    let directory = Directory::new();
    let data_plane = DataPlane::start(&directory.file("socket"), &["--shards", "2"]);
    let mut control = data_plane.control();
    let apply = |revision| Request::Apply { plan: Box::new(plan("a", revision, [None, None])) };
    let sent: Vec<u64> = (1..=200).map(|revision| control.send(apply(revision))).collect();
    for id in sent {
        match control.next() {
            Some(FromDataPlane::Ok { id: answered, .. }) => assert_eq!(answered, id),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn it_ends_cleanly_when_told_to() {
    for signal in [Signal::TERM, Signal::INT] {
        let directory = Directory::new();
        let socket = directory.file("socket");
        let mut data_plane = DataPlane::start(&socket, &["--shards", "2"]);
        let mut control = data_plane.control();
        control.apply(&plan("a", 1, [None, None])).unwrap();
        data_plane.signal(signal);
        assert!(data_plane.wait(support::DEADLINE).success());
        assert!(!socket.exists());
    }
}

#[test]
fn its_socket_is_for_its_user_and_group_only() {
    let directory = Directory::new();
    let socket = directory.file("socket");
    let data_plane = DataPlane::start(&socket, &[]);
    data_plane.connect();
    assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o660);
}

#[test]
fn a_socket_in_use_is_not_taken_over() {
    let directory = Directory::new();
    let socket = directory.file("socket");
    let first = DataPlane::start(&socket, &[]);
    first.connect();
    let mut second = DataPlane::start(&socket, &["--log-format", "json"]);
    assert_eq!(second.wait(support::DEADLINE).code(), Some(2));
    Control::connect(&socket).hello();
}
