//! The same packets to an engine that is alone, and to one whose rules the program carries out: nobody outside can tell
//! them apart. What the program sends is what the engine would have sent, and what it passes up the engine gets.

use std::{
    cell::Cell,
    net::{IpAddr, SocketAddr},
    time::Instant,
};

use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, TestCaseError, TestRunner},
};
use protocol::{
    Event, EventAction, MeasuredQuality, MediaAction, SessionPlan, SessionStats, StreamPath, StreamStats,
};
use sim::{PROXY_IPV4, PROXY_IPV6, Proxy, Sent, packets, plans};
use wire::{Kind, rtp::Header};

use super::{
    Bench,
    bench::{OURS, PEER, ROUTER, XDP_PASS},
    engine_words::Workbench,
    stack::{Datagram, deliver},
};
use crate::{frame::Frame, kernel::XDP_TX};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Alice,
    Bob,
    /// At Alice's host, from another port.
    Stranger,
}

#[derive(Debug, Clone)]
enum Act {
    Packet { who: Who, to: Port, content: Content, wrapping: Wrapping },
    Plan(Change),
}

/// A port of ours.
#[derive(Debug, Clone, Copy)]
enum Port {
    /// Where the sender is to send RTP to.
    Rtp,
    Rtcp,
    /// Where the other one is to send RTP to.
    Wrong,
}

#[derive(Debug, Clone)]
enum Content {
    Rtp(Rtp),
    Cut(Rtp, usize),
    Damaged(Rtp, Vec<(usize, u8)>),
    Report,
    Goodbye,
    Stun,
    Dtls,
    Noise(Vec<u8>),
}

#[derive(Debug, Clone)]
struct Rtp {
    payload_type: u8,
    /// From the sequence number before.
    step: i16,
    source: u8,
    marked: bool,
    contributing: u8,
    extension: Option<u8>,
    padding: bool,
    len: usize,
}

/// What is special about the frame around a datagram.
#[derive(Debug, Clone, Copy)]
enum Wrapping {
    Plain,
    /// Behind the datagram.
    Trailer(u8),
    NoChecksum,
    Fragment,
    Options,
    DamagedHeader(usize),
    CutShort(usize),
    ForAnotherMachine,
}

#[derive(Debug, Clone)]
enum Change {
    Hold { bob: bool, held: bool },
    Tos(u8),
    TelephoneEvents(EventAction),
    Media(MediaAction),
    BobMoves,
}

fn rtp() -> impl Strategy<Value = Rtp> {
    let payload_type = prop_oneof![20 => Just(0u8), 4 => Just(8), 4 => Just(101), 1 => 0..128u8];
    let step = prop_oneof![12 => Just(1i16), 2 => -3..5i16, 1 => -200..200i16, 1 => any::<i16>()];
    let source = prop_oneof![15 => Just(0u8), 1 => 1..3u8];
    let contributing = prop_oneof![8 => Just(0u8), 1 => 0..16u8];
    let extension = prop_oneof![8 => Just(None), 1 => (0..6u8).prop_map(Some)];
    let rare = |chance| prop::bool::weighted(chance);
    let len = prop_oneof![6 => Just(160usize), 2 => 0..40usize, 1 => 900..1300usize];
    (payload_type, step, source, rare(0.1), contributing, extension, rare(0.05), len).prop_map(
        |(payload_type, step, source, marked, contributing, extension, padding, len)| Rtp {
            payload_type,
            step,
            source,
            marked,
            contributing,
            extension,
            padding,
            len,
        },
    )
}

fn content() -> impl Strategy<Value = Content> {
    prop_oneof![
        24 => rtp().prop_map(Content::Rtp),
        2 => (rtp(), 0..40usize).prop_map(|(rtp, len)| Content::Cut(rtp, len)),
        2 => (rtp(), vec((0..32usize, any::<u8>()), 1..3)).prop_map(|(rtp, bytes)| Content::Damaged(rtp, bytes)),
        1 => Just(Content::Report),
        1 => Just(Content::Goodbye),
        1 => Just(Content::Stun),
        1 => Just(Content::Dtls),
        1 => vec(any::<u8>(), 0..60).prop_map(Content::Noise),
    ]
}

fn wrapping() -> impl Strategy<Value = Wrapping> {
    prop_oneof![
        24 => Just(Wrapping::Plain),
        1 => (1..30u8).prop_map(Wrapping::Trailer),
        1 => Just(Wrapping::NoChecksum),
        1 => Just(Wrapping::Fragment),
        1 => Just(Wrapping::Options),
        1 => (0..12usize).prop_map(Wrapping::DamagedHeader),
        1 => (0..100usize).prop_map(Wrapping::CutShort),
        1 => Just(Wrapping::ForAnotherMachine),
    ]
}

fn change() -> impl Strategy<Value = Change> {
    let action = || prop_oneof![2 => Just(MediaAction::Forward), 1 => Just(MediaAction::Drop)];
    let keys = prop_oneof![
        2 => Just(EventAction::Forward),
        1 => Just(EventAction::Drop),
        1 => Just(EventAction::Replace { event: 9 }),
    ];
    prop_oneof![
        (any::<bool>(), any::<bool>()).prop_map(|(bob, held)| Change::Hold { bob, held }),
        prop_oneof![Just(0u8), Just(0xb8)].prop_map(Change::Tos),
        keys.prop_map(Change::TelephoneEvents),
        action().prop_map(Change::Media),
        Just(Change::BobMoves),
    ]
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let who = prop_oneof![8 => Just(Who::Alice), 8 => Just(Who::Bob), 1 => Just(Who::Stranger)];
    let port = prop_oneof![16 => Just(Port::Rtp), 1 => Just(Port::Rtcp), 1 => Just(Port::Wrong)];
    let packet = (who, port, content(), wrapping()).prop_map(|(who, to, content, wrapping)| Act::Packet {
        who,
        to,
        content,
        wrapping,
    });
    vec(prop_oneof![30 => packet, 1 => change().prop_map(Act::Plan)], 1..60)
}

/// Two engines with the same call between Alice and Bob.
struct Twins {
    alone: Proxy,
    /// Its rules are on the workbench.
    helped: Proxy,
    workbench: Workbench,
    plan: SessionPlan,
    sequences: [u16; 3],
    /// A packet of a source came up of which the program relays others: each of the two measures what it sees.
    torn: bool,
}

impl Twins {
    fn new(workbench: &Workbench, ipv6: (bool, bool)) -> Self {
        let (now, certificate) = (Instant::now(), sim::crypto::certificate());
        let [mut alone, mut helped] = [0, 1].map(|_| Proxy::new(now, certificate.clone()));
        helped.engine.use_fast_path(now, Some(Box::new(workbench.clone())));
        let mut plan = plans::audio_call("call", Some(alice(ipv6.0)), Some(bob(ipv6.1, false)));
        plan.tos = 0xb8;
        for (stream, ipv6) in plan.streams.iter_mut().zip([ipv6.0, ipv6.1]) {
            stream.locals[0].address = if ipv6 { PROXY_IPV6 } else { PROXY_IPV4 };
        }
        for proxy in [&mut alone, &mut helped] {
            proxy.apply(now, plan.clone()).unwrap();
        }
        Twins { alone, helped, workbench: workbench.clone(), plan, sequences: [1000; 3], torn: false }
    }

    fn act(&mut self, act: &Act) -> Result<bool, TestCaseError> {
        match act {
            Act::Packet { who, to, content, wrapping } => {
                let payload = self.payload(*who, content);
                let (from, to) = (self.address(*who), self.port(*who, *to));
                self.send(&framed(from, to, &payload, *wrapping))
            }
            Act::Plan(change) => {
                self.change(change.clone());
                let now = Instant::now();
                for proxy in [&mut self.alone, &mut self.helped] {
                    proxy.apply(now, self.plan.clone()).unwrap();
                }
                Ok(false)
            }
        }
    }

    /// True if the program sent it on.
    fn send(&mut self, frame: &[u8]) -> Result<bool, TestCaseError> {
        let now = Instant::now();
        let datagram = deliver(frame, OURS);
        let out = self.workbench.bench().run(frame);
        let relayed = out.verdict == XDP_TX;
        let (at, sent) = if relayed {
            let left = deliver(&out.frame, ROUTER);
            prop_assert!(left.is_some(), "what left is damaged: {:02x?}", out.frame);
            let left = left.unwrap();
            prop_assert_eq!((left.tos, left.ttl), (self.plan.tos, 64));
            let sent = Sent { from: left.from, to: left.to, payload: left.payload };
            (self.workbench.relayed_at().unwrap(), vec![sent])
        } else {
            prop_assert_eq!((out.verdict, &out.frame[..]), (XDP_PASS, frame));
            self.torn |= datagram.as_ref().is_some_and(|up| self.is_of_rule(up));
            let sent = datagram
                .as_ref()
                .map(|datagram| self.helped.receive(now, datagram.from, datagram.to, &datagram.payload));
            self.helped.engine.offload(now, &[]);
            (now, sent.unwrap_or_default())
        };
        let expected =
            datagram.map(|datagram| self.alone.receive(at, datagram.from, datagram.to, &datagram.payload));
        prop_assert_eq!(sent, expected.unwrap_or_default());
        Ok(relayed)
    }

    fn is_of_rule(&self, up: &Datagram) -> bool {
        let header = Header::parse(&up.payload).filter(|_| wire::classify(&up.payload) == Kind::Rtp);
        header.is_some_and(|header| self.workbench.has_rule(up.to, up.from, header.ssrc))
    }

    fn compare(&mut self) -> Result<(), TestCaseError> {
        let now = Instant::now();
        let [mut alone, mut helped] =
            [&mut self.alone, &mut self.helped].map(|proxy| account(proxy, now, &self.plan));
        if self.torn {
            alone.0.streams.iter_mut().chain(&mut helped.0.streams).for_each(leave_out_measurements);
        }
        prop_assert_eq!(alone, helped);
        Ok(())
    }

    fn payload(&mut self, who: Who, content: &Content) -> Vec<u8> {
        let source = 0x1000 * (who as u32 + 1);
        match content {
            Content::Rtp(rtp) => self.rtp(who, rtp),
            Content::Cut(rtp, len) => {
                let mut packet = self.rtp(who, rtp);
                packet.truncate(*len);
                packet
            }
            Content::Damaged(rtp, bytes) => {
                let mut packet = self.rtp(who, rtp);
                for (at, value) in bytes.iter().filter(|(at, _)| *at < packet.len()).collect::<Vec<_>>() {
                    packet[*at] = *value;
                }
                packet
            }
            Content::Report => packets::sender_report(source, 1 << 32, &[]),
            Content::Goodbye => packets::bye(source),
            Content::Stun => [&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42][..], &[7; 12]].concat(),
            Content::Dtls => [&[22, 254, 253][..], &[0; 40]].concat(),
            Content::Noise(bytes) => bytes.clone(),
        }
    }

    fn rtp(&mut self, who: Who, rtp: &Rtp) -> Vec<u8> {
        let sequence = &mut self.sequences[who as usize];
        *sequence = sequence.wrapping_add_signed(rtp.step);
        let ssrc = 0x1000 * (who as u32 + 1) + u32::from(rtp.source);
        let mut packet = packets::rtp(rtp.payload_type, *sequence, u32::from(*sequence) * 160, ssrc);
        packet.truncate(12);
        packet[0] |= rtp.contributing | u8::from(rtp.extension.is_some()) << 4 | u8::from(rtp.padding) << 5;
        packet[1] |= u8::from(rtp.marked) << 7;
        packet.extend((0..rtp.contributing).flat_map(|number| [number; 4]));
        if let Some(words) = rtp.extension {
            packet.extend([0xbe, 0xde, 0, words]);
            packet.extend((0..words).flat_map(|number| [0x10, number, 0, 0]));
        }
        packet.extend((0..rtp.len).map(|at| at as u8));
        if let (true, Some(last)) = (rtp.padding, packet.last_mut()) {
            *last = 4;
        }
        packet
    }

    fn address(&self, who: Who) -> SocketAddr {
        let signalled = |at: usize| self.plan.streams[at].remote.as_ref().unwrap().rtp;
        match who {
            Who::Alice => signalled(0),
            Who::Bob => signalled(1),
            Who::Stranger => SocketAddr::new(signalled(0).ip(), 6666),
        }
    }

    fn port(&self, who: Who, port: Port) -> SocketAddr {
        let own = if who == Who::Bob { 2 } else { 1 };
        let local = |number| self.alone.local(&self.plan.session, number).unwrap();
        match port {
            Port::Rtp => local(own),
            Port::Rtcp => SocketAddr::new(local(own).ip(), local(own).port() + 1),
            // Nobody reaches the other family's port from where he is.
            Port::Wrong if local(1).is_ipv4() == local(2).is_ipv4() => local(3 - own),
            Port::Wrong => local(own),
        }
    }

    fn change(&mut self, change: Change) {
        self.plan.revision += 1;
        match change {
            Change::Hold { bob, held } => self.plan.streams[usize::from(bob)].receive = !held,
            Change::Tos(tos) => self.plan.tos = tos,
            Change::TelephoneEvents(action) => self.plan.routes[0].telephone_events = action,
            Change::Media(action) => self.plan.routes[1].media = action,
            Change::BobMoves => {
                let now = self.address(Who::Bob);
                let to = bob(now.is_ipv6(), now == bob(now.is_ipv6(), false));
                self.plan.streams[1].remote = Some(plans::remote_at(to));
                self.plan.streams[1].learning.epoch += 1;
            }
        }
    }
}

/// All that an engine tells, but for which way packets went.
fn account(proxy: &mut Proxy, now: Instant, plan: &SessionPlan) -> (SessionStats, [u64; 5], Vec<Event>) {
    proxy.engine.refresh(now, &plan.session);
    let mut stats = proxy.engine.stats(now, &plan.session).unwrap();
    for stream in &mut stats.streams {
        stream.path = StreamPath::FastPath;
        // Whose packet was the last one is known only when the kernel is asked.
        stream.ingress.sort_by_key(|source| source.ssrc);
        stream.egress.sort_by_key(|source| source.ssrc);
    }
    let counters = proxy.engine.counters();
    let counts = [
        counters.received_packets,
        counters.received_bytes,
        counters.sent_packets,
        counters.sent_bytes,
        counters.dropped_packets,
    ];
    (stats, counts, std::iter::from_fn(|| proxy.engine.poll_event()).collect())
}

fn leave_out_measurements(stream: &mut StreamStats) {
    (stream.codec_in, stream.codec_out) = (None, None);
    for source in stream.ingress.iter_mut().chain(&mut stream.egress) {
        source.measured = MeasuredQuality::default();
        (source.last_sequence, source.payload_type, source.codec) = (0, 0, None);
    }
}

fn framed(from: SocketAddr, to: SocketAddr, payload: &[u8], wrapping: Wrapping) -> Vec<u8> {
    let destination = if matches!(wrapping, Wrapping::ForAnotherMachine) { ROUTER } else { OURS };
    let frame = Frame { destination, source: PEER, tags: &[], from, to, tos: 0, ttl: 57, payload };
    let mut bytes = frame.bytes();
    let ipv6 = to.is_ipv6();
    let udp = if ipv6 { 54 } else { 34 };
    match wrapping {
        Wrapping::Plain | Wrapping::ForAnotherMachine => {}
        Wrapping::Trailer(len) => bytes.extend((0..len).map(|_| 0xaa)),
        Wrapping::NoChecksum => bytes[udp + 6..udp + 8].fill(0),
        Wrapping::Fragment if ipv6 => bytes[20] = 44,
        Wrapping::Fragment => {
            bytes[20] = 0x20;
            seal(&mut bytes, 20);
        }
        Wrapping::Options if ipv6 => {
            let len = u16::from_be_bytes([bytes[18], bytes[19]]) + 8;
            bytes[18..20].copy_from_slice(&len.to_be_bytes());
            bytes[20] = 60;
            bytes.splice(54..54, [17, 0, 1, 4, 0, 0, 0, 0]);
        }
        Wrapping::Options => {
            let len = u16::from_be_bytes([bytes[16], bytes[17]]) + 4;
            bytes[14] = 0x46;
            bytes[16..18].copy_from_slice(&len.to_be_bytes());
            bytes.splice(34..34, [1, 1, 1, 1]);
            seal(&mut bytes, 24);
        }
        // Not the addresses: with them the datagram would be somebody else's.
        Wrapping::DamagedHeader(at) if ipv6 => bytes[14 + [0, 4, 5, 6][at % 4]] ^= 0x40,
        Wrapping::DamagedHeader(at) => bytes[14 + at] ^= 0x40,
        Wrapping::CutShort(len) => bytes.truncate(len.max(14)),
    }
    bytes
}

/// The checksum of an IPv4 header of this length.
fn seal(frame: &mut [u8], len: usize) {
    frame[24..26].fill(0);
    let check = !crate::sum::Sum::of(&frame[14..14 + len]).folded();
    frame[24..26].copy_from_slice(&check.to_ne_bytes());
}

fn alice(ipv6: bool) -> SocketAddr {
    let host: IpAddr = if ipv6 { "2001:db8:a::7" } else { "198.51.100.7" }.parse().unwrap();
    SocketAddr::new(host, 4000)
}

fn bob(ipv6: bool, elsewhere: bool) -> SocketAddr {
    let host: IpAddr = if ipv6 { "2001:db8:b::9" } else { "203.0.113.9" }.parse().unwrap();
    SocketAddr::new(host, if elsewhere { 5100 } else { 5000 })
}

fn plain(sequences: std::ops::Range<u8>) -> impl Iterator<Item = Act> {
    sequences.map(|number| {
        let rtp = Rtp {
            payload_type: 0,
            step: 1,
            source: 0,
            marked: false,
            contributing: 0,
            extension: None,
            padding: false,
            len: 160,
        };
        let who = if number % 2 == 0 { Who::Alice } else { Who::Bob };
        Act::Packet { who, to: Port::Rtp, content: Content::Rtp(rtp), wrapping: Wrapping::Plain }
    })
}

#[test]
fn nobody_can_tell_the_program_from_the_engine() {
    let Some(bench) = Bench::new() else { return };
    let workbench = Workbench::new(bench);
    let mut runner = TestRunner::new(Config { cases: 300, failure_persistence: None, ..Config::default() });
    let (relayed, passed, whole) = (Cell::new(0), Cell::new(0), Cell::new(0));
    let result = runner.run(&(any::<(bool, bool)>(), acts()), |(ipv6, acts)| {
        workbench.clear();
        let mut twins = Twins::new(&workbench, ipv6);
        for act in plain(0..4).chain(acts).chain(plain(0..4)) {
            let count = if twins.act(&act)? { &relayed } else { &passed };
            count.set(count.get() + 1);
        }
        whole.set(whole.get() + u32::from(!twins.torn));
        twins.compare()
    });
    result.unwrap();
    let counts = [relayed, passed, whole].map(Cell::into_inner);
    assert!(counts[0] > 2000 && counts[1] > 2000 && counts[2] > 60, "{counts:?}");
}
