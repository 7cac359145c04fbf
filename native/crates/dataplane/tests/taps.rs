//! Taps of a data plane process: what is relayed is in the files, and goes to whoever listens along.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]
#![expect(clippy::wildcard_enum_match_arm, reason = "anything else fails a test")]

mod support;

use std::{fs, net::UdpSocket, path::Path};

use protocol::{
    Event, FromDataPlane, PcapLink, RemotePlan, Request, Response, SessionId, SessionPlan, StreamId, TapId,
    TapPlan, TapSide, TapTarget,
};
use rustix::process::Signal;
use support::{Control, DEADLINE, DataPlane, Directory, Peer, assert_relays, plan, rtp, until, with_ports};

fn to_file(path: &Path) -> TapPlan {
    let path = path.to_str().unwrap().to_owned();
    TapPlan {
        id: TapId(7),
        streams: vec![StreamId(0), StreamId(1)],
        side: TapSide::Arriving,
        rtcp: true,
        paused: false,
        target: TapTarget::Pcap { path, link: PcapLink::RawIp },
    }
}

fn tapped(remotes: [Option<RemotePlan>; 2], tap: TapPlan) -> SessionPlan {
    SessionPlan { taps: vec![tap], ..plan("call", 1, remotes) }
}

/// Waits until the payloads of a raw capture are these.
fn assert_recorded(path: &Path, expected: &[u8]) {
    let expected: Vec<Vec<u8>> = expected.iter().map(|payload| rtp(*payload)).collect();
    until("the recording", || {
        let bytes = fs::read(path).ok()?;
        let records = bytes.get(24..)?.chunks(16 + 28 + 172);
        let payloads = records.map(|record| record.get(16 + 28..).unwrap_or_default().to_vec());
        (payloads.collect::<Vec<_>>() == expected).then_some(())
    });
}

fn tap_stats(control: &mut Control) -> (u64, u64, Option<String>) {
    let request = Request::Stats { sessions: vec![SessionId("call".to_owned())] };
    match control.ask(request).unwrap() {
        Response::Stats { sessions } => {
            let tap = &sessions[0].taps[0];
            (tap.packets, tap.dropped, tap.failure.clone())
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn both_directions_of_a_call_are_in_its_file_when_it_has_ended() {
    for options in [&["--io", "mmsg"][..], &["--io", "auto", "--shards", "3"]] {
        let directory = Directory::new();
        let data_plane = DataPlane::start(&directory.file("socket"), options);
        let mut control = data_plane.control();
        let (alice, bob) = (Peer::new(), Peer::new());
        let path = directory.file("call.pcap");
        let ports = control.apply(&tapped([alice.remote(), bob.remote()], to_file(&path))).unwrap();
        assert_relays(&alice, &bob, &ports);
        assert_eq!(tap_stats(&mut control), (2, 0, None));
        let stats = control.release("call").unwrap();
        assert_eq!((stats.taps[0].packets, stats.taps[0].bytes), (2, 344));
        assert_recorded(&path, &[1, 2]);
    }
}

#[test]
fn a_recording_goes_on_in_the_same_file_after_a_crash() {
    let directory = Directory::new();
    let socket = directory.file("socket");
    let (alice, bob) = (Peer::new(), Peer::new());
    let path = directory.file("call.pcap");
    let mut plan = tapped([alice.remote(), bob.remote()], to_file(&path));
    let ports = {
        let mut data_plane = DataPlane::start(&socket, &[]);
        let ports = data_plane.control().apply(&plan).unwrap();
        assert_relays(&alice, &bob, &ports);
        assert_recorded(&path, &[1, 2]);
        data_plane.kill();
        ports
    };
    let torn = fs::metadata(&path).unwrap().len() - 3;
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(torn).unwrap();
    plan = with_ports(plan, &ports);
    let data_plane = DataPlane::start(&socket, &[]);
    data_plane.control_after_crash().apply(&plan).unwrap();
    alice.send(ports[0], 3);
    assert_eq!(bob.receive().0, rtp(3));
    assert_recorded(&path, &[1, 3]);
}

#[test]
fn a_data_plane_that_is_asked_to_end_leaves_everything_in_its_files() {
    let directory = Directory::new();
    let mut data_plane = DataPlane::start(&directory.file("socket"), &[]);
    let (alice, bob) = (Peer::new(), Peer::new());
    let path = directory.file("call.pcap");
    let plan = tapped([alice.remote(), bob.remote()], to_file(&path));
    let ports = data_plane.control().apply(&plan).unwrap();
    assert_relays(&alice, &bob, &ports);
    data_plane.signal(Signal::TERM);
    assert!(data_plane.wait(DEADLINE).success());
    assert_recorded(&path, &[1, 2]);
}

#[test]
fn a_recording_that_fails_is_told_of_while_the_call_goes_on() {
    let directory = Directory::new();
    let data_plane = DataPlane::start(&directory.file("socket"), &[]);
    let mut control = data_plane.control();
    let (alice, bob) = (Peer::new(), Peer::new());
    let path = directory.file("calls/call.pcap");
    let plan = tapped([alice.remote(), bob.remote()], to_file(&path));
    let id = control.send(Request::Apply { plan: Box::new(plan.clone()) });
    let (mut ports, mut failure) = (None, None);
    while ports.is_none() || failure.is_none() {
        match control.next().unwrap() {
            FromDataPlane::Ok { id: of, response: Response::Applied { bound } } if of == id => {
                ports = Some(bound.iter().map(|local| local.port).collect::<Vec<_>>());
            }
            FromDataPlane::Event { event: Event::TapFailed { session, tap: TapId(7), reason }, .. } => {
                assert_eq!(session, plan.session);
                failure = Some(reason);
            }
            FromDataPlane::Event { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(failure.unwrap().contains("No such file"));
    let ports = ports.unwrap();
    assert_relays(&alice, &bob, &ports);
    until("both counted as lost", || (tap_stats(&mut control).1 == 2).then_some(()));

    fs::create_dir(directory.file("calls")).unwrap();
    let again = SessionPlan { revision: 2, ..with_ports(plan, &ports) };
    control.apply(&again).unwrap();
    until("a file", || path.exists().then_some(()));
    alice.send(ports[0], 3);
    assert_recorded(&path, &[3]);
}

#[test]
fn a_fork_hears_along() {
    let directory = Directory::new();
    let data_plane = DataPlane::start(&directory.file("socket"), &[]);
    let mut control = data_plane.control();
    let (alice, bob) = (Peer::new(), Peer::new());
    let listener = UdpSocket::bind("127.0.0.1:0").unwrap();
    listener.set_read_timeout(Some(DEADLINE)).unwrap();
    let target = TapTarget::Datagrams { rtp: listener.local_addr().unwrap(), rtcp: None };
    let tap = TapPlan { target, ..to_file(&directory.file("unused")) };
    let ports = control.apply(&tapped([alice.remote(), bob.remote()], tap)).unwrap();
    assert_relays(&alice, &bob, &ports);
    let heard = || {
        let mut buffer = [0; 2048];
        let length = listener.recv(&mut buffer).unwrap();
        buffer[..length].to_vec()
    };
    assert_eq!([heard(), heard()], [rtp(1), rtp(2)]);
}
