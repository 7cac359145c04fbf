//! Operations on the engine read from bytes, each result checked against invariants. Property tests and the
//! fuzzer feed it.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::LazyLock,
    time::{Duration, Instant},
};

use dtls::{Certificate, Role};
use engine::{Arrival, BoundSockets, Engine, Outbox, Packet, SocketId};
use protocol::{
    Component, DtlsRole, ErrorCode, EventAction, FingerprintPlan, LearningMode, LearningPlan, MediaAction,
    RemotePlan, RtcpMode, SecurityPlan, SessionPlan, StreamId, StreamKind, StreamPlan,
};

use crate::{
    PROXY_IPV4,
    crypto::{self, Crypto, DtlsEnd},
    packets, plans,
};

/// Carries out the operations. Panics if an invariant does not hold.
pub fn replay(now: Instant, bytes: &[u8]) {
    let mut world = World::new(now);
    let mut input = Input(bytes);
    for _ in 0..MOST_OPERATIONS {
        let Some(operation) = input.next_byte() else {
            break;
        };
        match operation % 8 {
            0 | 1 => world.replan(&mut input),
            2 => world.wait(&mut input),
            3 if operation >= 192 => world.release(&mut input),
            _ => world.packet(&mut input),
        }
    }
    world.check_counters();
}

struct World {
    now: Instant,
    engine: Engine,
    calls: BTreeMap<u8, Call>,
    sockets: BTreeMap<SocketId, Socket>,
    next_port: u16,
    arrived: u64,
    sent: u64,
    /// Peers with SRTP, by the seed of their key.
    sealers: BTreeMap<u8, Crypto>,
    client_hello: Vec<u8>,
    /// Everybody who has sent anything, before a restart included.
    heard: BTreeSet<SocketAddr>,
}

/// What the engine should know of a call.
struct Call {
    plan: SessionPlan,
    streams: BTreeMap<StreamId, Model>,
}

#[derive(Default)]
struct Model {
    arrived: u64,
    sent: u64,
    /// Who has sent to the stream what may be authentic, before a restart included.
    sources: BTreeSet<SocketAddr>,
}

#[derive(Clone, Copy)]
struct Socket {
    call: u8,
    stream: StreamId,
    component: Component,
}

impl World {
    fn new(now: Instant) -> Self {
        let mut engine = Engine::new(now);
        static CERTIFICATE: LazyLock<Certificate> = LazyLock::new(crypto::certificate);
        engine.use_certificates(CERTIFICATE.clone());
        let client_hello = DtlsEnd::new(&CERTIFICATE, Role::Client, now).outgoing().concat();
        World {
            now,
            engine,
            calls: BTreeMap::new(),
            sockets: BTreeMap::new(),
            next_port: 10_000,
            arrived: 0,
            sent: 0,
            sealers: BTreeMap::new(),
            client_hello,
            heard: BTreeSet::new(),
        }
    }

    fn replan(&mut self, input: &mut Input<'_>) {
        let number = input.below(3);
        let before = self.calls.get(&number).map(|call| call.plan.clone());
        let mut plan = random_plan(number, before.as_ref(), input);
        if let Some(before) = &before {
            plan.revision = before.revision + u64::from(input.below(3));
            if input.below(16) == 0 {
                plan.revision = before.revision.saturating_sub(1);
                assert_eq!(
                    self.engine.missing_locals(&plan),
                    Err(ErrorCode::StalePlan { current: before.revision })
                );
                return;
            }
        }
        let Ok(missing) = self.engine.missing_locals(&plan) else {
            assert!(self.engine.plans(None, 9).len() == self.calls.len(), "a refused plan creates nothing");
            return;
        };
        let new: Vec<BoundSockets> = missing.iter().map(|local| self.bind(number, &plan, local)).collect();
        let applied =
            self.engine.apply(self.now, plan.clone(), &new).expect("a plan that was checked is applied");
        for socket in &applied.released {
            assert!(self.sockets.remove(socket).is_some(), "only bound sockets are released");
        }
        let again =
            self.engine.apply(self.now, plan.clone(), &[]).expect("the same plan may be applied again");
        assert!(again.bound == applied.bound && again.released.is_empty() && !again.tos_changed);
        let bound: usize = plan.streams.iter().flat_map(|stream| &stream.locals).count();
        assert_eq!(applied.bound.len(), bound);
        let mut streams = self.calls.remove(&number).map(|call| call.streams).unwrap_or_default();
        streams.retain(|id, _| plan.streams.iter().any(|stream| stream.id == *id));
        for stream in &plan.streams {
            let resumed = stream.resume.iter().flat_map(|resume| [Some(resume.rtp), resume.rtcp]).flatten();
            self.heard.extend(resumed.clone());
            streams.entry(stream.id).or_default().sources.extend(resumed);
        }
        self.calls.insert(number, Call { plan, streams });
    }

    fn bind(&mut self, call: u8, plan: &SessionPlan, local: &protocol::LocalPlan) -> BoundSockets {
        let owner = plan.streams.iter().find(|stream| stream.locals.iter().any(|l| l.id == local.id));
        let stream = owner.map(|stream| stream.id).expect("a missing local is one of the plan");
        let mut bind = |component| {
            let free = (0..).map(SocketId).find(|socket| !self.sockets.contains_key(socket));
            let socket = free.expect("numbers do not end");
            self.sockets.insert(socket, Socket { call, stream, component });
            socket
        };
        let (rtp, rtcp) = (bind(Component::Rtp), bind(Component::Rtcp));
        self.next_port = if self.next_port > 60_000 { 10_000 } else { self.next_port + 2 };
        BoundSockets { local: local.id, port: self.next_port, rtp, rtcp: Some(rtcp) }
    }

    fn release(&mut self, input: &mut Input<'_>) {
        let number = input.below(3);
        let id = protocol::SessionId(number.to_string());
        self.check_counters();
        let released = self.engine.release(self.now, &id);
        assert_eq!(released.is_some(), self.calls.remove(&number).is_some());
        for socket in released.map(|released| released.sockets).unwrap_or_default() {
            assert!(self.sockets.remove(&socket).is_some());
        }
        assert!(self.sockets.values().all(|socket| socket.call != number), "every socket is given back");
    }

    fn wait(&mut self, input: &mut Input<'_>) {
        self.now += Duration::from_millis(1 << input.below(17));
        let mut out = Sent::default();
        for _ in 0..1000 {
            self.engine.handle_timeout(self.now, &mut out);
            if self.engine.poll_timeout().is_none_or(|next| next > self.now) {
                break;
            }
        }
        assert!(self.engine.poll_timeout().is_none_or(|next| next > self.now), "what is due is done");
        self.sent += out.0.len() as u64;
        for (socket, to) in out.0 {
            self.check_unasked(socket, to);
        }
        while self.engine.poll_event().is_some() {}
    }

    fn packet(&mut self, input: &mut Input<'_>) {
        let count = self.sockets.len() as u8;
        let Some((socket, owner)) = self.sockets.iter().nth(input.below(count).into()).map(|(s, o)| (*s, *o))
        else {
            return;
        };
        let from = address(input);
        let (mut buffer, is_sealed) = self.payload(input);
        let len = buffer.len();
        // Room for a tag, or not.
        buffer.resize(len + usize::from(input.below(2)) * 64, 0);
        let mut out = Sent::default();
        let mut packet = Packet { buffer: &mut buffer, len };
        self.engine.handle_datagram(self.now, Arrival { socket, from }, &mut packet, &mut out);
        self.now += Duration::from_millis(input.below(40).into());
        self.arrived += 1;
        self.sent += out.0.len() as u64;
        let call = self.calls.get_mut(&owner.call).expect("a bound socket has a call");
        let model = call.streams.get_mut(&owner.stream).expect("a bound socket has a stream");
        model.arrived += 1;
        let plan = call.plan.streams.iter().find(|stream| stream.id == owner.stream);
        let may_be_authentic = match plan.map(|plan| &plan.security) {
            None | Some(SecurityPlan::None) => true,
            Some(SecurityPlan::Sdes { .. }) => is_sealed,
            Some(SecurityPlan::Dtls { .. }) => false,
        };
        if may_be_authentic {
            model.sources.insert(from);
        }
        self.heard.insert(from);
        for (socket, to) in out.0 {
            self.check_sent(owner, socket, to);
        }
    }

    fn check_sent(&mut self, from: Socket, socket: SocketId, to: SocketAddr) {
        let exit = *self.sockets.get(&socket).expect("packets leave from bound sockets only");
        assert_eq!(exit.call, from.call, "no packet goes from one session to another");
        let call = self.calls.get_mut(&exit.call).expect("a bound socket has a call");
        let route =
            call.plan.routes.iter().find(|route| route.from == from.stream && route.to == exit.stream);
        let route = route.expect("packets follow routes only");
        assert!(route.media != MediaAction::Drop || route.telephone_events != EventAction::Drop);
        let stream = call.plan.streams.iter().find(|stream| stream.id == exit.stream).expect("checked above");
        let model = call.streams.get_mut(&exit.stream).expect("checked above");
        model.sent += 1;
        assert!(to.port() != 0 && !to.ip().is_unspecified() && !to.ip().is_multicast());
        let signalled = [stream.remote, stream.pending_remote];
        let named = signalled.iter().flatten().any(|remote| is_named(remote, to));
        assert!(named || model.sources.contains(&to), "{to} was neither signalled nor heard");
        if stream.learning.mode == LearningMode::Off || stream.learning.asymmetric {
            assert!(named, "{to} was not signalled");
        }
        assert!(!stream.learning.wait || !model.sources.is_empty(), "it had to speak first");
        if exit.component == Component::Rtcp {
            assert_eq!(stream.rtcp, RtcpMode::Separate);
        }
    }

    /// What is sent by itself is for those who were signalled, or who began: a handshake, or a way kept open.
    fn check_unasked(&self, socket: SocketId, to: SocketAddr) {
        let exit = self.sockets.get(&socket).expect("packets leave from bound sockets only");
        let plan = &self.calls.get(&exit.call).expect("a bound socket has a call").plan;
        let stream = plan.streams.iter().find(|stream| stream.id == exit.stream).expect("it has a stream");
        assert!(matches!(stream.security, SecurityPlan::Dtls { .. }) || stream.learning.pierce);
        let signalled = [stream.remote, stream.pending_remote, stream.resume];
        let named = signalled.iter().flatten().any(|remote| is_named(remote, to));
        assert!(named || self.heard.contains(&to), "{to} was neither signalled nor heard");
        assert!(to.port() != 0 && !to.ip().is_unspecified() && !to.ip().is_multicast());
    }

    /// A datagram, and whether it is protected with one of the keys in plans.
    fn payload(&mut self, input: &mut Input<'_>) -> (Vec<u8>, bool) {
        let bits = input.below(16);
        let plain = payload(input);
        match bits {
            0..KEYS if wire::classify(&plain) == wire::Kind::Rtp => {
                let key = crypto::key(SUITE, bits);
                let sealer = self.sealers.entry(bits).or_insert_with(|| Crypto::new(&key, &key));
                match sealer.try_protect(&plain) {
                    Ok(sealed) => (sealed, true),
                    Err(_) => (plain, false),
                }
            }
            12 => (self.client_hello.clone(), false),
            13 => {
                let mut garbled = self.client_hello.clone();
                for octet in plain.iter().take(8) {
                    let at = usize::from(*octet) * 3 % garbled.len();
                    garbled[at] ^= octet.rotate_left(3) | 1;
                }
                (garbled, false)
            }
            _ => (plain, false),
        }
    }

    fn check_counters(&self) {
        for call in self.calls.values() {
            let stats = self.engine.stats(self.now, &call.plan.session).expect("a call has statistics");
            for stream in &stats.streams {
                let model = &call.streams[&stream.stream];
                let sum =
                    |count: fn(&protocol::ComponentStats) -> u64| count(&stream.rtp) + count(&stream.rtcp);
                let dropped = sum(|c| c.malformed + c.foreign + c.blocked + c.unroutable + c.unassigned);
                let refused =
                    sum(|c| c.authentication_failures + c.replays + c.unkeyed + c.refused_handshakes);
                let consumed = sum(|c| c.received_packets + c.handshake_packets);
                assert_eq!(consumed + dropped + refused, model.arrived);
                assert_eq!(sum(|c| c.sent_packets), model.sent);
                assert!(stream.ingress.len() <= 8 && stream.egress.len() <= 8);
            }
        }
        let node = self.engine.counters();
        assert_eq!((node.received_packets, node.sent_packets), (self.arrived, self.sent));
    }
}

/// The next plan of a call: other remotes, modes and routes, and now and then another stream or local.
fn random_plan(number: u8, before: Option<&SessionPlan>, input: &mut Input<'_>) -> SessionPlan {
    let count = u32::from(input.below(3)) + 1;
    let mut plan = plans::audio_call(&number.to_string(), None, None);
    plan.streams = (1..=count).map(|id| random_stream(id, before, input)).collect();
    plan.routes.clear();
    for from in 1..=count + u32::from(input.below(12) == 11) {
        for to in 1..=count {
            let bits = input.next_byte().unwrap_or(0);
            if bits & 1 == 1 {
                let mut route = plans::route(from, to);
                (route.media, route.telephone_events) = (action(bits >> 1), event_action(bits >> 4));
                plan.routes.push(route);
            }
        }
    }
    plan.timeouts.first_packet_ms = Some(4000);
    plan
}

fn random_stream(id: u32, before: Option<&SessionPlan>, input: &mut Input<'_>) -> StreamPlan {
    let known = before.and_then(|plan| plan.streams.iter().find(|stream| stream.id.0 == id));
    let mut stream = known.cloned().unwrap_or_else(|| plans::audio_stream(id, None));
    let bits = input.next_byte().unwrap_or(0);
    if bits & 1 == 1 {
        stream.remote = (bits & 2 == 2).then(|| remote(input));
        stream.pending_remote = (bits & 12 == 12).then(|| remote(input));
        stream.resume = (bits & 48 == 48).then(|| remote(input));
        stream.learning.epoch += u32::from(bits >> 6);
    }
    let bits = input.next_byte().unwrap_or(0);
    if bits & 1 == 1 {
        stream.rtcp = [RtcpMode::Separate, RtcpMode::Muxed, RtcpMode::None][usize::from(bits >> 1) % 3];
        stream.kind = if bits & 0x70 == 0x70 { StreamKind::Opaque } else { StreamKind::Rtp };
        stream.receive = bits & 8 == 8;
        let bits = input.next_byte().unwrap_or(0);
        const MODES: [LearningMode; 4] =
            [LearningMode::Heuristic, LearningMode::Delayed, LearningMode::Immediate, LearningMode::Off];
        stream.learning = LearningPlan {
            mode: MODES[usize::from(bits) % 4],
            strict: bits & 4 == 0,
            handover: bits & 24 == 24,
            asymmetric: bits & 96 == 96,
            wait: bits & 40 == 40,
            pierce: bits & 80 == 80,
            epoch: stream.learning.epoch,
        };
        stream.locals = vec![plans::local(id, PROXY_IPV4)];
        if bits & 128 == 128 {
            stream.locals.insert(usize::from(bits & 1), plans::local(id + 100, PROXY_IPV4));
        }
    }
    let bits = input.next_byte().unwrap_or(0);
    if bits & 1 == 1 {
        stream.security = security(bits >> 1, input);
    }
    if stream.kind == StreamKind::Opaque {
        stream.security = SecurityPlan::None;
    }
    stream
}

fn security(bits: u8, input: &mut Input<'_>) -> SecurityPlan {
    let mut key = || crypto::key(SUITE, input.below(KEYS));
    match bits & 3 {
        0 => SecurityPlan::None,
        1 | 2 => crypto::sdes(&key(), &key()),
        _ => {
            let wrong = FingerprintPlan { hash: "sha-256".to_owned(), value: "AB:CD".to_owned() };
            SecurityPlan::Dtls {
                role: if bits & 4 == 4 { DtlsRole::Active } else { DtlsRole::Passive },
                fingerprints: if bits & 8 == 8 { vec![wrong] } else { Vec::new() },
                association: u32::from(bits >> 4),
                certificate: None,
            }
        }
    }
}

fn action(bits: u8) -> MediaAction {
    match bits & 3 {
        0 => MediaAction::Drop,
        1 => MediaAction::Silence,
        _ => MediaAction::Forward,
    }
}

fn event_action(bits: u8) -> EventAction {
    match bits & 15 {
        0 | 4 | 8 => EventAction::Drop,
        1 => EventAction::Silence,
        5 => EventAction::Replace { event: bits >> 4 },
        9 => EventAction::Random { seed: [7, 7] },
        13 => EventAction::Tone { frequencies: vec![400, 800], volume: bits >> 2 },
        _ => EventAction::Forward,
    }
}

fn remote(input: &mut Input<'_>) -> RemotePlan {
    let rtp = address(input);
    RemotePlan { rtp, rtcp: (input.below(2) == 1).then(|| address(input)) }
}

fn address(input: &mut Input<'_>) -> SocketAddr {
    let bits = input.next_byte().unwrap_or(0);
    let ip = match bits >> 5 {
        0 => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        1 => IpAddr::V4(Ipv4Addr::new(224, 0, 0, 5)),
        2 => PROXY_IPV4,
        host => IpAddr::V4(Ipv4Addr::new(198, 51, 100, host)),
    };
    let port = if bits & 31 == 0 { 0 } else { 10_000 + u16::from(bits & 31) };
    SocketAddr::new(ip, port)
}

fn payload(input: &mut Input<'_>) -> Vec<u8> {
    let bits = input.next_byte().unwrap_or(0);
    let value = input.next_byte().unwrap_or(0);
    match bits % 8 {
        0..=3 => packets::rtp(
            [0, 8, 101, 97][usize::from(bits >> 3) % 4],
            value.into(),
            u32::from(value) * 160,
            bits.into(),
        ),
        4 => packets::sender_report(
            value.into(),
            7 << 16,
            &[packets::Block { ssrc: bits.into(), last_sender_report: 7, ..packets::Block::default() }],
        ),
        5 => packets::receiver_report(value.into(), &[]),
        _ => input.take(usize::from(value) % 64).to_vec(),
    }
}

fn is_named(remote: &RemotePlan, to: SocketAddr) -> bool {
    let next = SocketAddr::new(remote.rtp.ip(), remote.rtp.port().wrapping_add(1));
    remote.rtp == to || remote.rtcp.unwrap_or(next) == to
}

/// Bytes that decide what happens next.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn next_byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn below(&mut self, end: u8) -> u8 {
        self.next_byte().unwrap_or(0).checked_rem(end).unwrap_or(0)
    }

    fn take(&mut self, count: usize) -> &[u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }
}

#[derive(Default)]
struct Sent(Vec<(SocketId, SocketAddr)>);

impl Outbox for Sent {
    fn forward(&mut self, socket: SocketId, to: SocketAddr, _len: usize) {
        self.0.push((socket, to));
    }

    fn send(&mut self, socket: SocketId, to: SocketAddr, _payload: &[u8]) {
        self.0.push((socket, to));
    }
}

const SUITE: srtp::Suite = srtp::Suite::AesCm128HmacSha1_80;
/// Different keys in plans.
const KEYS: u8 = 4;
const MOST_OPERATIONS: usize = 2000;
