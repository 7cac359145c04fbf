//! Recordings of calls that the kernel relays, in network namespaces: the process may pause, die and come back.

#![expect(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "helpers of tests fail by panicking"
)]

#[path = "../../fastpath/tests/support/mod.rs"]
mod network;
mod support;

use std::{
    fs,
    net::{SocketAddr, UdpSocket},
    path::{Path, PathBuf},
};

use network::{Network, rtp};
use protocol::{
    FastPathMode, PcapLink, RemotePlan, Request, Response, SessionPlan, SessionStats, StreamId, TapId,
    TapPlan, TapSide, TapTarget,
};
use support::{Control, DataPlane, Directory, plan, until, with_ports};

const WEST: &str = "10.77.1.1";
const EAST: &str = "10.77.2.1";
const ALICE: &str = "10.77.1.2:40000";
const BOB: &str = "10.77.2.2:50000";
const FROM_ALICE: u32 = 0xa11c_e000;
const FROM_BOB: u32 = 0xb0b0_0000;

/// A recorded packet: whence, whither, what.
type Recorded = (SocketAddr, SocketAddr, Vec<u8>);

/// True, and told, if there can be no fast path here.
fn obstacle() -> bool {
    let Some(reason) = network::obstacle() else { return false };
    assert!(std::env::var("TANDEM_REQUIRE_PEERS").is_err(), "cannot run: {reason}");
    network::skip(&reason);
    true
}

/// A call from Alice to Bob whose packets are awaited one by one.
struct Call {
    alice: UdpSocket,
    bob: UdpSocket,
    ports: Vec<u16>,
    next: u16,
    /// What each side got.
    received: [Vec<Recorded>; 2],
}

impl Call {
    fn new(network: &Network) -> Self {
        let (alice, bob) = (network.alice.socket(ALICE), network.bob.socket(BOB));
        Call { alice, bob, ports: Vec::new(), next: 0, received: [Vec::new(), Vec::new()] }
    }

    /// So many packets each way.
    fn talk(&mut self, count: u16) {
        for _ in 0..count {
            let ports = [(WEST, self.ports[0]), (EAST, self.ports[1])]
                .map(|(address, port)| SocketAddr::new(address.parse().unwrap(), port));
            let ways = [
                (&self.alice, &self.bob, FROM_ALICE, ports),
                (&self.bob, &self.alice, FROM_BOB, {
                    let [west, east] = ports;
                    [east, west]
                }),
            ];
            for ((from, to, ssrc, [arrives, leaves]), received) in ways.into_iter().zip(&mut self.received) {
                let packet = rtp(0, self.next, ssrc);
                from.send_to(&packet, arrives).unwrap();
                let mut buffer = [0; 2048];
                let (len, source) = to.recv_from(&mut buffer).unwrap();
                assert_eq!((&buffer[..len], source), (&packet[..], leaves));
                received.push((from.local_addr().unwrap(), arrives, packet));
            }
            self.next += 1;
        }
    }

    /// Talks until the kernel has both streams.
    fn settle(&mut self, control: &mut Control) {
        until("both streams to be in the kernel", || {
            self.talk(1);
            (control.status().fast_path.offloaded == 2).then_some(())
        });
    }
}

fn connect(data_plane: &DataPlane) -> Control {
    let mut control = until("the data plane", || {
        let mut control = data_plane.connect();
        control.try_hello().map(|_| control)
    });
    control.configure(|configuration| {
        configuration.interfaces[0].addresses = [WEST, EAST].map(|text| text.parse().unwrap()).to_vec();
        configuration.fast_path.mode = FastPathMode::Auto;
        configuration.fast_path.max_streams = 100;
    });
    until("the fast path", || {
        let state = control.status().fast_path;
        assert_ne!(state.state, protocol::FastPathState::Unavailable, "{}", state.reason);
        (state.state == protocol::FastPathState::Active).then_some(())
    });
    control
}

fn recorded_plan(file: &Path, side: TapSide) -> SessionPlan {
    let remote = |text: &str| Some(RemotePlan { rtp: text.parse().unwrap(), rtcp: None });
    let mut plan = plan("call", 1, [remote(ALICE), remote(BOB)]);
    for (stream, address) in plan.streams.iter_mut().zip([WEST, EAST]) {
        stream.locals[0].address = address.parse().unwrap();
        stream.payloads =
            vec![protocol::PayloadPlan { payload_type: 0, codec: "PCMU".to_owned(), clock_rate: 8000 }];
    }
    plan.taps = vec![TapPlan {
        id: TapId(1),
        streams: vec![StreamId(0), StreamId(1)],
        side,
        rtcp: true,
        paused: false,
        target: TapTarget::Pcap { path: file.to_str().unwrap().to_owned(), link: PcapLink::RawIp },
    }];
    plan
}

fn changed(plan: &SessionPlan, change: impl FnOnce(&mut SessionPlan)) -> SessionPlan {
    let mut next = SessionPlan { revision: plan.revision + 1, ..plan.clone() };
    change(&mut next);
    next
}

fn stats(control: &mut Control) -> SessionStats {
    let sessions = vec![protocol::SessionId("call".to_owned())];
    match control.ask(Request::Stats { sessions }).unwrap() {
        Response::Stats { mut sessions } => sessions.remove(0),
        other => panic!("{other:?}"),
    }
}

/// The packets of a capture file, IPv4 only.
fn read(file: &Path) -> Vec<Recorded> {
    let bytes = fs::read(file).unwrap_or_default();
    let mut rest = bytes.get(24..).unwrap_or_default();
    let mut packets = Vec::new();
    while let Some(header) = rest.get(..16) {
        let len = u32::from_le_bytes(header[8..12].try_into().unwrap()) as usize;
        let Some(packet) = rest.get(16..16 + len) else { break };
        let address = |ip: usize, port: usize| {
            let octets: [u8; 4] = packet[ip..ip + 4].try_into().unwrap();
            SocketAddr::new(octets.into(), u16::from_be_bytes([packet[port], packet[port + 1]]))
        };
        packets.push((address(12, 20), address(16, 22), packet[28..].to_vec()));
        rest = &rest[16 + len..];
    }
    packets
}

fn of(packets: &[Recorded], from: &str) -> Vec<Recorded> {
    packets.iter().filter(|(source, ..)| *source == from.parse().unwrap()).cloned().collect()
}

/// Waits until the file has as many packets, and expects it to have just these of either side, in order.
#[track_caller]
fn expect_recorded(file: &Path, expected: &[Vec<Recorded>; 2]) {
    let count = expected.iter().map(Vec::len).sum::<usize>();
    until("the recording", || (read(file).len() >= count).then_some(()));
    let packets = read(file);
    let sequences = |packets: &[Recorded]| {
        packets.iter().map(|(.., packet)| u16::from_be_bytes([packet[2], packet[3]])).collect::<Vec<_>>()
    };
    for (from, expected) in [ALICE, BOB].into_iter().zip(expected) {
        assert_eq!(sequences(&of(&packets, from)), sequences(expected), "{from}");
        assert_eq!(of(&packets, from), *expected);
    }
    assert_eq!(packets.len(), count);
}

struct Scene {
    network: Network,
    directory: Directory,
    file: PathBuf,
}

fn scene() -> Scene {
    let directory = Directory::new();
    Scene { network: Network::new(), file: directory.file("call.pcap"), directory }
}

#[test]
fn the_recording_of_a_call_in_the_kernel_is_what_each_side_got() {
    if obstacle() {
        return;
    }
    let Scene { network, directory, file } = scene();
    network.relay.run_with_bpffs(|| {
        let data_plane = DataPlane::start(&directory.file("socket"), &[]);
        let mut control = connect(&data_plane);
        let mut call = Call::new(&network);
        call.ports = control.apply(&recorded_plan(&file, TapSide::Arriving)).unwrap();
        call.settle(&mut control);
        call.talk(200);
        let stats = control.release("call").unwrap();
        let packets = call.received.iter().map(|received| received.len() as u64).sum::<u64>();
        assert_eq!((stats.taps[0].packets, stats.taps[0].dropped), (packets, 0));
        expect_recorded(&file, &call.received);
    });
}

#[test]
fn a_recording_pauses_and_goes_on_while_the_call_stays_in_the_kernel() {
    if obstacle() {
        return;
    }
    let Scene { network, directory, file } = scene();
    network.relay.run_with_bpffs(|| {
        let data_plane = DataPlane::start(&directory.file("socket"), &[]);
        let mut control = connect(&data_plane);
        let mut call = Call::new(&network);
        let mut plan = recorded_plan(&file, TapSide::Arriving);
        plan.taps[0].paused = true;
        call.ports = control.apply(&plan).unwrap();
        plan = with_ports(plan, &call.ports);
        call.settle(&mut control);
        let mut expected = [Vec::new(), Vec::new()];
        for paused in [false, true, false, true] {
            plan = changed(&plan, |plan| plan.taps[0].paused = paused);
            control.apply(&plan).unwrap();
            assert_eq!(control.status().fast_path.offloaded, 2);
            call.received = [Vec::new(), Vec::new()];
            call.talk(20);
            if !paused {
                expected.iter_mut().zip(&call.received).for_each(|(all, more)| all.extend(more.clone()));
            }
        }
        expect_recorded(&file, &expected);
        assert_eq!(stats(&mut control).taps[0].packets, 80);
    });
}

#[test]
fn a_data_plane_that_is_killed_loses_no_packet_of_a_recorded_call_and_the_file_goes_on() {
    if obstacle() {
        return;
    }
    let Scene { network, directory, file } = scene();
    network.relay.run_with_bpffs(|| {
        let mut data_plane = DataPlane::start(&directory.file("socket"), &[]);
        let mut control = connect(&data_plane);
        let mut call = Call::new(&network);
        let plan = recorded_plan(&file, TapSide::Arriving);
        call.ports = control.apply(&plan).unwrap();
        call.settle(&mut control);
        call.talk(50);
        expect_recorded(&file, &call.received);
        data_plane.kill();
        // Nobody reads what is copied meanwhile.
        call.talk(200);
        data_plane = DataPlane::start(&directory.file("socket"), &[]);
        let mut control = connect(&data_plane);
        call.talk(50);
        let resumed = with_ports(plan, &call.ports);
        assert_eq!(control.apply(&resumed), Ok(call.ports.clone()));
        assert_eq!(control.status().fast_path.offloaded, 2);
        call.talk(50);
        expect_recorded(&file, &call.received);
        assert_eq!(stats(&mut control).taps[0].dropped, 0);
    });
}
