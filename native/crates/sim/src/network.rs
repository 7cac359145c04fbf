//! The network: carries datagrams between peers, NATs and the proxy while virtual time goes on.

mod checks;
mod traffic;

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use dtls::{Certificate, Role};
use engine::{Applied, Engine, Released, offload::PathChange};
use protocol::{ErrorCode, Event, SessionId, SessionPlan, SessionSnapshot, SessionStats, SrtpKeyPlan};

pub use traffic::{Traffic, Way};

use crate::{
    crypto::{self, Crypto, DtlsEnd},
    kernel::Kernel,
    nat::{Behaviour, Nat, NatId},
    packets,
    peer::{Peer, PeerId, Received},
    proxy::{Proxy, Sent},
    random::Random,
    tape::Tape,
};

/// What the way between any two hosts is like.
#[derive(Debug, Clone, Copy)]
pub struct Link {
    pub delay: Duration,
    /// Added to the delay at random, so packets may overtake each other.
    pub variation: Duration,
    pub loss_per_mille: u32,
}

impl Default for Link {
    fn default() -> Self {
        Link { delay: Duration::from_millis(5), variation: Duration::ZERO, loss_per_mille: 0 }
    }
}

#[derive(Debug)]
pub struct Network {
    pub link: Link,
    origin: Instant,
    now: Duration,
    random: Random,
    peers: Vec<Peer>,
    nats: Vec<Nat>,
    proxy: Proxy,
    in_flight: BinaryHeap<Reverse<Flight>>,
    launched: u64,
    events: Vec<Event>,
    certificate: Certificate,
    kernel: Option<Kernel>,
    /// What went through the proxy, if anybody wants to know.
    traffic: Option<Vec<Traffic>>,
    most_handshakes: usize,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Flight {
    arrives: Duration,
    /// Keeps the order of what arrives at the same time.
    number: u64,
    from: SocketAddr,
    to: SocketAddr,
    payload: Vec<u8>,
}

impl Network {
    pub fn seeded(seed: u64) -> Self {
        let origin = Instant::now();
        let certificate = crypto::certificate();
        Network {
            link: Link::default(),
            origin,
            now: Duration::ZERO,
            random: Random::seeded(seed),
            peers: Vec::new(),
            nats: Vec::new(),
            proxy: Proxy::new(origin, certificate.clone()),
            certificate,
            kernel: None,
            traffic: None,
            most_handshakes: 0,
            in_flight: BinaryHeap::new(),
            launched: 0,
            events: Vec::new(),
        }
    }

    /// A host at a public address; RTCP is on the next port.
    pub fn peer(&mut self, address: &str) -> PeerId {
        self.add_peer(address, None)
    }

    /// A host with a private address behind a NAT.
    pub fn peer_behind(&mut self, nat: NatId, address: &str) -> PeerId {
        self.add_peer(address, Some(nat))
    }

    pub fn nat(&mut self, public: &str, mapping: Behaviour, filtering: Behaviour) -> NatId {
        let Ok(public) = public.parse::<IpAddr>() else { panic!("{public} is no address") };
        self.nats.push(Nat::new(public, mapping, filtering));
        NatId(self.nats.len() - 1)
    }

    pub fn rebind(&mut self, nat: NatId) {
        self.nats[nat.0].rebind();
    }

    /// The address as the peer itself knows it and puts it into its SDP.
    pub fn address(&self, peer: PeerId) -> SocketAddr {
        self.peers[peer.0].address
    }

    pub fn ssrc(&self, peer: PeerId) -> u32 {
        self.peers[peer.0].ssrc
    }

    pub fn set_ssrc(&mut self, peer: PeerId, ssrc: u32) {
        self.peers[peer.0].ssrc = ssrc;
    }

    pub fn set_payload_type(&mut self, peer: PeerId, payload_type: u8) {
        self.peers[peer.0].payload_type = payload_type;
    }

    pub fn apply(&mut self, plan: &SessionPlan) -> Result<Applied, ErrorCode> {
        self.proxy.apply(self.instant(), plan.clone())
    }

    pub fn release(&mut self, session: &SessionId) -> Option<Released> {
        self.proxy.release(self.instant(), session)
    }

    pub fn stats(&self, session: &SessionId) -> SessionStats {
        let stats = self.proxy.engine.stats(self.instant(), session);
        stats.unwrap_or_else(|| panic!("there is no session {}", session.0))
    }

    pub fn take_back_broken(&mut self) {
        let now = self.instant();
        self.proxy.engine.take_back_broken(now);
    }

    /// Lets statistics be of this moment.
    pub fn refresh(&mut self, session: &SessionId) {
        let now = self.instant();
        self.proxy.engine.refresh(now, session);
    }

    pub fn engine(&self) -> &Engine {
        &self.proxy.engine
    }

    /// What the taps of its sessions have taken.
    pub fn tape(&self) -> &Tape {
        &self.proxy.tape
    }

    /// RTP address of a local.
    pub fn local(&self, session: &SessionId, local: u32) -> SocketAddr {
        let address = self.proxy.local(session, local);
        address.unwrap_or_else(|| panic!("local {local} of {} was never bound", session.0))
    }

    /// The proxy dies and comes back empty.
    pub fn restart_proxy(&mut self) {
        self.proxy = Proxy::new(self.instant(), self.certificate.clone());
        if let Some(kernel) = self.kernel.clone() {
            kernel.leave_behind();
            self.use_kernel(kernel);
        }
    }

    /// The kernel relays what the engine allows it to.
    pub fn use_kernel(&mut self, kernel: Kernel) {
        let now = self.instant();
        self.proxy.engine.use_fast_path(now, Some(Box::new(kernel.clone())));
        self.kernel = Some(kernel);
    }

    /// The ways streams have changed to since this was asked first, or last.
    pub fn path_changes(&mut self) -> Vec<PathChange> {
        self.proxy.engine.watch_paths();
        std::iter::from_fn(|| self.proxy.engine.poll_path_change()).collect()
    }

    pub fn snapshot(&self, session: &SessionId) -> Option<SessionSnapshot> {
        let all = self.proxy.engine.snapshots(None, usize::MAX);
        all.into_iter().find(|snapshot| snapshot.session == *session)
    }

    /// The peer protects what it sends, and opens what it gets.
    pub fn secure(&mut self, peer: PeerId, send: &SrtpKeyPlan, receive: &SrtpKeyPlan) {
        self.peers[peer.0].crypto = Some(Crypto::new(send, receive));
    }

    pub fn crypto(&mut self, peer: PeerId) -> &mut Crypto {
        match &mut self.peers[peer.0].crypto {
            Some(crypto) => crypto,
            None => panic!("{peer:?} has no keys"),
        }
    }

    pub fn has_keys(&self, peer: PeerId) -> bool {
        self.peers[peer.0].crypto.is_some()
    }

    /// A packet in the clear; `None` if the peer has to drop it.
    pub fn open(&mut self, peer: PeerId, received: &Received) -> Option<Vec<u8>> {
        let Peer { crypto, rtcp_crypto, .. } = &mut self.peers[peer.0];
        let own = rtcp_crypto.as_mut().filter(|_| received.on_rtcp_port);
        own.or(crypto.as_mut())?.open(&received.payload)
    }

    /// The peer waits for a ClientHello, with or without RTCP of its own.
    pub fn await_dtls(&mut self, peer: PeerId, certificate: &Certificate, with_rtcp: bool) {
        let now = self.instant();
        let end = || DtlsEnd::new(certificate, Role::Server, now);
        self.peers[peer.0].dtls = [Some(end()), with_rtcp.then(end)];
    }

    /// The peer sends a ClientHello from its RTP port.
    pub fn start_dtls(&mut self, peer: PeerId, certificate: &Certificate, to: SocketAddr) {
        self.start_dtls_on(peer, certificate, to, false);
    }

    /// The peer sends a ClientHello from its RTCP port.
    pub fn start_rtcp_dtls(&mut self, peer: PeerId, certificate: &Certificate, to: SocketAddr) {
        self.start_dtls_on(peer, certificate, to, true);
    }

    /// The peer has a ClientHello, cut into records of `size` bytes of message (RFC 6347 §4.2.3), to be sent by the
    /// caller.
    pub fn start_dtls_in_fragments(
        &mut self,
        peer: PeerId,
        certificate: &Certificate,
        size: usize,
    ) -> Vec<Vec<u8>> {
        let mut end = DtlsEnd::new(certificate, Role::Client, self.instant());
        let flight = end.outgoing();
        self.peers[peer.0].dtls[0] = Some(end);
        flight.iter().flat_map(|datagram| packets::fragments(datagram, size)).collect()
    }

    fn start_dtls_on(&mut self, peer: PeerId, certificate: &Certificate, to: SocketAddr, on_rtcp_port: bool) {
        let mut end = DtlsEnd::new(certificate, Role::Client, self.instant());
        let flight = end.outgoing();
        self.peers[peer.0].dtls[usize::from(on_rtcp_port)] = Some(end);
        let rtp = self.peers[peer.0].address;
        let from = if on_rtcp_port { next_port(rtp) } else { rtp };
        for datagram in flight {
            self.send_from(peer, from, to, datagram);
        }
    }

    /// The suite of a peer's DTLS association, once it is connected.
    pub fn dtls_suite(&self, peer: PeerId) -> Option<srtp::Suite> {
        self.peers[peer.0].dtls[0].as_ref()?.suite()
    }

    pub fn set_sequence(&mut self, peer: PeerId, sequence: u16) {
        self.peers[peer.0].sequence = sequence;
    }

    pub fn set_address(&mut self, peer: PeerId, address: &str) {
        let Ok(address) = address.parse::<SocketAddr>() else { panic!("{address} is no address") };
        self.peers[peer.0].address = address;
    }

    /// Sends RTCP from a port of the peer, protected if it has keys.
    pub fn report(&mut self, peer: PeerId, to: SocketAddr, payload: &[u8], from_rtcp_port: bool) {
        let Peer { crypto, rtcp_crypto, address, .. } = &mut self.peers[peer.0];
        let own = rtcp_crypto.as_mut().filter(|_| from_rtcp_port);
        let payload = match own.or(crypto.as_mut()) {
            Some(crypto) => crypto.protect(payload),
            None => payload.to_vec(),
        };
        let from = if from_rtcp_port { next_port(*address) } else { *address };
        self.send_from(peer, from, to, payload);
    }

    /// Events since the last call.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// What arrived at a peer since the last call.
    pub fn take_received(&mut self, peer: PeerId) -> Vec<Received> {
        std::mem::take(&mut self.peers[peer.0].inbox)
    }

    /// The next 20 ms of a peer's sound, protected if it has keys.
    pub fn next_packet(&mut self, peer: PeerId) -> Vec<u8> {
        self.peers[peer.0].next_packet()
    }

    /// Sends 20 ms of sound.
    pub fn speak(&mut self, peer: PeerId, to: SocketAddr) {
        let packet = self.next_packet(peer);
        self.send(peer, to, packet);
    }

    /// Sends from the peer's RTP port.
    pub fn send(&mut self, peer: PeerId, to: SocketAddr, payload: Vec<u8>) {
        self.send_from(peer, self.peers[peer.0].address, to, payload);
    }

    /// Sends from the peer's RTCP port.
    pub fn send_rtcp(&mut self, peer: PeerId, to: SocketAddr, payload: Vec<u8>) {
        self.send_from(peer, next_port(self.peers[peer.0].address), to, payload);
    }

    /// Sends from an address that need not be the sender's own.
    pub fn send_as(&mut self, from: SocketAddr, to: SocketAddr, payload: Vec<u8>) {
        self.launch(from, to, payload);
    }

    /// Peers speak every 20 ms, all at the same time, each to its address.
    pub fn talk(&mut self, speakers: &[(PeerId, SocketAddr)], time: Duration) {
        let end = self.now + time;
        while self.now < end {
            for (peer, to) in speakers {
                self.speak(*peer, *to);
            }
            self.run(Duration::from_millis(20).min(end - self.now));
        }
    }

    /// Lets time go on.
    pub fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let arrival = self.in_flight.peek().map(|Reverse(flight)| flight.arrives);
            let timeout =
                self.proxy.engine.poll_timeout().map(|at| at.saturating_duration_since(self.origin));
            let checks = self.next_check().map(|at| at.saturating_duration_since(self.origin));
            let due = [arrival, timeout, checks].into_iter().flatten().min().filter(|due| *due <= end);
            let Some(due) = due else {
                break;
            };
            self.now = self.now.max(due);
            if timeout == Some(due) {
                let sent = self.proxy.handle_timeout(self.instant());
                self.note_handshakes(&sent);
                self.carry_from_proxy(sent);
            } else if checks == Some(due) {
                self.make_checks();
            } else if let Some(Reverse(flight)) = self.in_flight.pop() {
                self.deliver(flight);
            }
            self.collect_events();
        }
        self.now = end;
    }

    /// Virtual time since the beginning.
    pub fn elapsed(&self) -> Duration {
        self.now
    }

    /// Waits until nothing is under way any more.
    pub fn settle(&mut self) {
        self.run(self.link.delay * 4 + self.link.variation * 4);
    }

    fn add_peer(&mut self, address: &str, nat: Option<NatId>) -> PeerId {
        let Ok(address) = address.parse::<SocketAddr>() else { panic!("{address} is no address") };
        let ssrc = self.random.number() as u32;
        self.peers.push(Peer::new(address, nat, ssrc));
        PeerId(self.peers.len() - 1)
    }

    fn send_from(&mut self, peer: PeerId, from: SocketAddr, to: SocketAddr, payload: Vec<u8>) {
        let from = match self.peers[peer.0].nat {
            Some(nat) => self.nats[nat.0].translate(from, to),
            None => from,
        };
        self.launch(from, to, payload);
    }

    fn carry(&mut self, sent: Vec<Sent>) {
        for Sent { from, to, payload } in sent {
            self.launch(from, to, payload);
        }
    }

    fn launch(&mut self, from: SocketAddr, to: SocketAddr, payload: Vec<u8>) {
        if self.random.chance(self.link.loss_per_mille) {
            return;
        }
        let variation_us = self.random.below(self.link.variation.as_micros() as u64 + 1);
        let arrives = self.now + self.link.delay + Duration::from_micros(variation_us);
        self.launched += 1;
        self.in_flight.push(Reverse(Flight { arrives, number: self.launched, from, to, payload }));
    }

    fn deliver(&mut self, flight: Flight) {
        let Flight { from, to, payload, .. } = flight;
        let now = self.instant();
        if let Some(sent) = self.kernel.as_ref().and_then(|kernel| kernel.relay(now, from, to, &payload)) {
            return self.carry(vec![sent]);
        }
        if self.proxy.is_bound(to) {
            let sent = self.proxy.receive(now, from, to, &payload);
            self.note_arrival(from, to, payload);
            self.carry_from_proxy(sent);
            self.proxy.engine.offload(now, &[]);
            return;
        }
        let Some((to, nat)) = self.behind_nat(from, to) else {
            return;
        };
        let (at, now) = (self.now, self.instant());
        let mut answers = Vec::new();
        for (number, peer) in self.peers.iter_mut().enumerate() {
            let on_rtcp_port = next_port(peer.address) == to;
            if peer.nat == nat && (peer.address == to || on_rtcp_port) {
                if let Some(spoken) = peer.ice[usize::from(on_rtcp_port)]
                    .as_mut()
                    .and_then(|ice| ice.take_in(now, from, &payload))
                {
                    answers.extend(spoken.into_iter().map(|(to, answer)| {
                        (PeerId(number), peer_port(peer.address, on_rtcp_port), to, answer)
                    }));
                    continue;
                }
                peer.inbox.push(Received { at, from, on_rtcp_port, payload: payload.clone() });
                let spoken = peer.shake_hands(now, on_rtcp_port, &payload);
                answers.extend(spoken.into_iter().map(|answer| (PeerId(number), to, from, answer)));
            }
        }
        for (peer, own, to, answer) in answers {
            self.send_from(peer, own, to, answer);
        }
    }

    /// The address a packet is for behind the NAT it is addressed to; `None` if that NAT filters it.
    fn behind_nat(&self, from: SocketAddr, to: SocketAddr) -> Option<(SocketAddr, Option<NatId>)> {
        match self.nats.iter().position(|nat| nat.public() == to.ip()) {
            Some(nat) => Some((self.nats[nat].inside(to.port(), from)?, Some(NatId(nat)))),
            None => Some((to, None)),
        }
    }

    fn collect_events(&mut self) {
        while let Some(event) = self.proxy.engine.poll_event() {
            self.events.push(event);
        }
    }

    fn instant(&self) -> Instant {
        self.origin + self.now
    }
}

fn peer_port(rtp: SocketAddr, on_rtcp_port: bool) -> SocketAddr {
    if on_rtcp_port { next_port(rtp) } else { rtp }
}

fn next_port(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip(), address.port().wrapping_add(1))
}
