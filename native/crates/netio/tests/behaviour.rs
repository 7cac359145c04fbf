//! What both ways of moving packets promise, over loopback.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail by panicking")]

use std::{
    io::Write,
    net::{SocketAddr, UdpSocket},
    os::{fd::AsFd, unix::net::UnixStream},
    time::{Duration, Instant},
};

use netio::{
    Arrival, Handler, Interest, Outbox, Packet, PacketIo, SocketIndex, Token, mmsg::MmsgIo, socket,
    uring::UringIo,
};

/// Runs each check with both backends.
macro_rules! on_both {
    ($($name:ident)+) => {
        mod mmsg { $(#[test] fn $name() { super::$name(super::MmsgIo::new().unwrap()); })+ }
        mod uring { $(#[test] fn $name() {
            match super::UringIo::new() {
                Ok(io) => super::$name(io),
                Err(error) => eprintln!("skipped: no io_uring here: {error}"),
            }
        })+ }
    };
}

on_both! {
    a_packet_is_forwarded_as_the_handler_left_it
    a_packet_can_go_to_several_places
    other_bytes_can_be_sent_along
    many_more_sends_than_fit_into_a_queue_all_leave
    a_burst_larger_than_all_buffers_comes_through
    after_a_flood_every_socket_receives_again
    a_watched_file_gets_its_turn_in_a_flood
    an_empty_datagram_is_a_packet_and_no_end
    an_oversized_datagram_is_dropped_and_counted
    sending_to_a_closed_port_harms_nothing
    a_detached_socket_frees_its_port_once_settled
    a_new_socket_never_sees_packets_of_the_one_before
    detaching_with_packets_under_way_loses_no_buffers
    ipv6_addresses_arrive_whole
    a_watched_file_is_reported_as_long_as_it_is_readable
    an_unwatched_file_is_not_reported
    waiting_ends_in_time
    hundreds_of_sockets_relay_side_by_side
}

/// Relays each packet to a fixed destination, and keeps a record.
#[derive(Default)]
struct Recorder {
    seen: Vec<(Arrival, Vec<u8>)>,
    to: Vec<(SocketIndex, SocketAddr)>,
    extra: Option<(SocketIndex, SocketAddr, Vec<u8>)>,
}

impl Handler for Recorder {
    fn handle(&mut self, arrival: Arrival, packet: &mut Packet<'_>, out: &mut impl Outbox) {
        self.seen.push((arrival, packet.buffer[..packet.len].to_vec()));
        for (socket, to) in &self.to {
            out.forward(*socket, *to, packet.len + 1);
        }
        if let Some((socket, to, payload)) = &self.extra {
            out.send(*socket, *to, payload);
        }
        packet.buffer[packet.len] = b'!';
        if let Some(first) = packet.buffer.first_mut() {
            *first = first.to_ascii_uppercase();
        }
    }
}

struct Peer(UdpSocket);

impl Peer {
    fn new() -> Self {
        Self::at("127.0.0.1:0")
    }

    fn at(address: &str) -> Self {
        let socket = UdpSocket::bind(address).unwrap();
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        Self(socket)
    }

    fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    fn send(&self, to: SocketAddr, payload: &[u8]) {
        self.0.send_to(payload, to).unwrap();
    }

    fn receive(&self) -> Vec<u8> {
        let mut buffer = [0; 4096];
        let (len, _) = self.0.recv_from(&mut buffer).expect("a packet in time");
        buffer[..len].to_vec()
    }
}

fn attach(io: &mut impl PacketIo) -> (SocketIndex, SocketAddr) {
    attach_at(io, "127.0.0.1:0".parse().unwrap())
}

fn attach_at(io: &mut impl PacketIo, address: SocketAddr) -> (SocketIndex, SocketAddr) {
    let socket = socket::open(address, 0).unwrap();
    let address = SocketAddr::try_from(rustix::net::getsockname(&socket).unwrap()).unwrap();
    (io.attach(socket).unwrap(), address)
}

/// Takes turns until the condition holds.
fn turn_until(
    io: &mut impl PacketIo,
    handler: &mut Recorder,
    mut done: impl FnMut(&Recorder, &[Token]) -> bool,
) {
    let start = Instant::now();
    let mut ready = Vec::new();
    while !done(handler, &ready) {
        assert!(start.elapsed() < DEADLINE, "not in time; {} packets seen", handler.seen.len());
        io.wait(Some(Duration::from_millis(20))).unwrap();
        ready.clear();
        io.receive(handler, &mut ready).unwrap();
    }
    // What the last turn sends leaves with the next wait.
    io.wait(Some(Duration::ZERO)).unwrap();
}

fn turn_for_packets(io: &mut impl PacketIo, handler: &mut Recorder, packets: usize) {
    turn_until(io, handler, |handler, _| handler.seen.len() >= packets);
}

fn a_packet_is_forwarded_as_the_handler_left_it(mut io: impl PacketIo) {
    let (alice, bob) = (Peer::new(), Peer::new());
    let (one, address) = attach(&mut io);
    let (two, two_address) = attach(&mut io);
    let mut handler = Recorder { to: vec![(two, bob.address())], ..Recorder::default() };
    alice.send(address, b"hello");
    turn_for_packets(&mut io, &mut handler, 1);
    assert_eq!(handler.seen, [(Arrival { socket: one, from: alice.address() }, b"hello".to_vec())]);
    let mut buffer = [0; 100];
    let (len, from) = bob.0.recv_from(&mut buffer).unwrap();
    assert_eq!((&buffer[..len], from), (&b"Hello!"[..], two_address));
}

fn a_packet_can_go_to_several_places(mut io: impl PacketIo) {
    let peers = [Peer::new(), Peer::new(), Peer::new()];
    let (one, address) = attach(&mut io);
    let to = peers.iter().map(|peer| (one, peer.address())).collect();
    let mut handler = Recorder { to, ..Recorder::default() };
    peers[0].send(address, b"x");
    turn_for_packets(&mut io, &mut handler, 1);
    for peer in &peers {
        assert_eq!(peer.receive(), b"X!");
    }
}

fn other_bytes_can_be_sent_along(mut io: impl PacketIo) {
    let (alice, bob) = (Peer::new(), Peer::new());
    let (one, address) = attach(&mut io);
    let extra = Some((one, bob.address(), b"report".to_vec()));
    let mut handler = Recorder { extra, ..Recorder::default() };
    alice.send(address, b"x");
    turn_for_packets(&mut io, &mut handler, 1);
    assert_eq!(bob.receive(), b"report");
    io.send(one, bob.address(), b"from a timer");
    io.wait(Some(Duration::ZERO)).unwrap();
    assert_eq!(bob.receive(), b"from a timer");
}

fn many_more_sends_than_fit_into_a_queue_all_leave(mut io: impl PacketIo) {
    let (alice, bob) = (Peer::new(), Peer::new());
    let (one, address) = attach(&mut io);
    let extra = Some((one, bob.address(), b"extra".to_vec()));
    let mut handler = Recorder { to: vec![(one, bob.address()); 10], extra, seen: vec![] };
    let mut expected = 0;
    for _ in 0..20 {
        for _ in 0..10 {
            alice.send(address, b"x");
        }
        expected += 10;
        turn_for_packets(&mut io, &mut handler, expected);
        for _ in 0..110 {
            bob.receive();
        }
    }
}

fn a_burst_larger_than_all_buffers_comes_through(mut io: impl PacketIo) {
    let alice = Peer::new();
    let sockets: Vec<_> = (0..30).map(|_| attach(&mut io).1).collect();
    for number in 0..100u32 {
        for address in &sockets {
            alice.send(*address, &number.to_be_bytes());
        }
    }
    let mut handler = Recorder::default();
    turn_for_packets(&mut io, &mut handler, 3000);
    for socket in 0..30 {
        let of_socket = handler.seen.iter().filter(|(arrival, _)| arrival.socket.0 == socket);
        let numbers: Vec<_> = of_socket.map(|(_, payload)| payload.clone()).collect();
        let expected: Vec<_> = (0..100u32).map(|number| number.to_be_bytes().to_vec()).collect();
        assert_eq!(numbers, expected, "in order, on socket {socket}");
    }
}

fn after_a_flood_every_socket_receives_again(mut io: impl PacketIo) {
    let alice = Peer::new();
    let sockets: Vec<_> = (0..50).map(|_| attach(&mut io).1).collect();
    for _ in 0..600 {
        for address in &sockets {
            alice.send(*address, &[0; 172]);
        }
    }
    let mut handler = Recorder::default();
    let mut before = usize::MAX;
    while handler.seen.len() != before {
        before = handler.seen.len();
        io.wait(Some(Duration::from_millis(20))).unwrap();
        io.receive(&mut handler, &mut Vec::new()).unwrap();
    }
    handler.seen.clear();
    for address in &sockets {
        alice.send(*address, b"after");
    }
    turn_for_packets(&mut io, &mut handler, sockets.len());
    assert!(handler.seen.iter().all(|(_, payload)| payload == b"after"));
}

fn a_watched_file_gets_its_turn_in_a_flood(mut io: impl PacketIo) {
    let alice = Peer::new();
    let sockets: Vec<_> = (0..200).map(|_| attach(&mut io).1).collect();
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    io.watch(Token(7), theirs.as_fd(), Interest::Readable).unwrap();
    let fill = || (0..60).for_each(|_| sockets.iter().for_each(|address| alice.send(*address, &[0; 172])));
    let mut handler = Recorder::default();
    let mut ready = Vec::new();
    for _ in 0..3 {
        fill();
        io.wait(Some(Duration::ZERO)).unwrap();
        io.receive(&mut handler, &mut ready).unwrap();
    }
    fill();
    handler.seen.clear();
    ready.clear();
    ours.write_all(b"x").unwrap();
    turn_until(&mut io, &mut handler, |_, ready| ready.contains(&Token(7)));
    assert!(handler.seen.len() < 8000, "its turn came after {} packets", handler.seen.len());
}

fn an_empty_datagram_is_a_packet_and_no_end(mut io: impl PacketIo) {
    let alice = Peer::new();
    let (_, address) = attach(&mut io);
    alice.send(address, b"");
    alice.send(address, b"");
    alice.send(address, b"x");
    let mut handler = Recorder::default();
    turn_for_packets(&mut io, &mut handler, 3);
    let payloads: Vec<&[u8]> = handler.seen.iter().map(|(_, payload)| payload.as_slice()).collect();
    assert_eq!(payloads, [&b""[..], b"", b"x"]);
}

fn an_oversized_datagram_is_dropped_and_counted(mut io: impl PacketIo) {
    let alice = Peer::new();
    let (_, address) = attach(&mut io);
    alice.send(address, &[0; 3000]);
    alice.send(address, &[0; 1500]);
    let mut handler = Recorder::default();
    turn_for_packets(&mut io, &mut handler, 1);
    assert_eq!(handler.seen[0].1.len(), 1500);
    assert_eq!(io.counters().truncated, 1);
}

fn sending_to_a_closed_port_harms_nothing(mut io: impl PacketIo) {
    let alice = Peer::new();
    let closed = Peer::at(ELSEWHERE).address();
    let (one, address) = attach(&mut io);
    let mut handler = Recorder { to: vec![(one, closed)], ..Recorder::default() };
    for round in 1..=20 {
        alice.send(address, b"x");
        turn_for_packets(&mut io, &mut handler, round);
    }
}

fn a_detached_socket_frees_its_port_once_settled(mut io: impl PacketIo) {
    let (mut index, mut address) = attach_at(&mut io, ELSEWHERE.parse().unwrap());
    for _ in 0..50 {
        io.detach(index);
        io.settle().unwrap();
        (index, address) = attach_at(&mut io, address);
    }
    io.wait(Some(Duration::ZERO)).unwrap();
    io.detach(index);
    io.detach(index);
    io.settle().unwrap();
    attach_at(&mut io, address);
}

fn a_new_socket_never_sees_packets_of_the_one_before(mut io: impl PacketIo) {
    let alice = Peer::new();
    let (old, address) = attach(&mut io);
    io.wait(Some(Duration::ZERO)).unwrap();
    alice.send(address, b"old");
    io.wait(Some(Duration::from_millis(50))).unwrap();
    io.detach(old);
    io.settle().unwrap();
    let (new, address) = attach(&mut io);
    alice.send(address, b"new");
    let mut handler = Recorder::default();
    turn_for_packets(&mut io, &mut handler, 1);
    assert_eq!(handler.seen, [(Arrival { socket: new, from: alice.address() }, b"new".to_vec())]);
}

fn detaching_with_packets_under_way_loses_no_buffers(mut io: impl PacketIo) {
    let alice = Peer::new();
    for _ in 0..100 {
        let (socket, address) = attach(&mut io);
        io.wait(Some(Duration::ZERO)).unwrap();
        for _ in 0..30 {
            alice.send(address, b"x");
        }
        io.wait(Some(Duration::from_millis(1))).unwrap();
        io.detach(socket);
        io.settle().unwrap();
    }
    a_burst_larger_than_all_buffers_with(&mut io);
}

fn a_burst_larger_than_all_buffers_with(io: &mut impl PacketIo) {
    let alice = Peer::new();
    let sockets: Vec<_> = (0..20).map(|_| attach(io).1).collect();
    for _ in 0..100 {
        sockets.iter().for_each(|address| alice.send(*address, b"y"));
    }
    turn_for_packets(io, &mut Recorder::default(), 2000);
}

fn ipv6_addresses_arrive_whole(mut io: impl PacketIo) {
    let alice = Peer::at("[::1]:0");
    let (one, address) = attach_at(&mut io, "[::1]:0".parse().unwrap());
    let mut handler = Recorder { to: vec![(one, alice.address())], ..Recorder::default() };
    alice.send(address, b"x");
    turn_for_packets(&mut io, &mut handler, 1);
    assert_eq!(handler.seen[0].0.from, alice.address());
    assert_eq!(alice.receive(), b"X!");
}

fn a_watched_file_is_reported_as_long_as_it_is_readable(mut io: impl PacketIo) {
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    io.watch(Token(7), theirs.as_fd(), Interest::Readable).unwrap();
    let mut handler = Recorder::default();
    for _ in 0..3 {
        ours.write_all(b"x").unwrap();
        turn_until(&mut io, &mut handler, |_, ready| ready == [Token(7)]);
        turn_until(&mut io, &mut handler, |_, ready| ready == [Token(7)]);
    }
    io.watch(Token(7), theirs.as_fd(), Interest::Writable).unwrap();
    turn_until(&mut io, &mut handler, |_, ready| ready == [Token(7)]);
}

fn an_unwatched_file_is_not_reported(mut io: impl PacketIo) {
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    io.watch(Token(7), theirs.as_fd(), Interest::Readable).unwrap();
    io.wait(Some(Duration::ZERO)).unwrap();
    ours.write_all(b"x").unwrap();
    io.wait(Some(Duration::ZERO)).unwrap();
    io.unwatch(Token(7));
    drop(theirs);
    let mut ready = Vec::new();
    for _ in 0..3 {
        io.receive(&mut Recorder::default(), &mut ready).unwrap();
        ready.clear();
        io.wait(Some(Duration::from_millis(1))).unwrap();
    }
    io.receive(&mut Recorder::default(), &mut ready).unwrap();
    assert_eq!(ready, []);
}

fn waiting_ends_in_time(mut io: impl PacketIo) {
    attach(&mut io);
    let start = Instant::now();
    io.wait(Some(Duration::from_millis(30))).unwrap();
    let took = start.elapsed();
    assert!(took >= Duration::from_millis(29) && took < DEADLINE, "{took:?}");
}

fn hundreds_of_sockets_relay_side_by_side(mut io: impl PacketIo) {
    let (alice, bob) = (Peer::new(), Peer::new());
    let sockets: Vec<_> = (0..400).map(|_| attach(&mut io)).collect();
    let mut handler = Recorder { to: vec![(sockets[0].0, bob.address())], ..Recorder::default() };
    for round in 1..=3 {
        for (at, (_, address)) in sockets.iter().enumerate() {
            alice.send(*address, b"x");
            if at % 40 == 39 {
                turn_for_packets(&mut io, &mut handler, (round - 1) * sockets.len() + at + 1);
                (0..40).for_each(|_| assert_eq!(bob.receive(), b"X!"));
            }
        }
    }
}

/// Where no other test opens a port that happens to have been given up a moment ago.
const ELSEWHERE: &str = "127.94.7.1:0";
const DEADLINE: Duration = Duration::from_secs(30);
