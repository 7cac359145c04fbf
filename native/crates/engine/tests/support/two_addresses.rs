//! A host with two addresses that does not rank them: it nominates both pairs, once, and takes either of them.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use dtls::{Certificate, Role};
use protocol::{IcePlan, IceRole, IceState, RtcpMode, SessionPlan};
use sim::{
    Network, PeerId, Received, Scene,
    crypto::{Crypto, DtlsEnd},
    ice, packets,
};
use wire::stun::{Builder, Class, LONGEST, Message, TransactionId};

use super::ice_call::crash;

pub const OTHER: &str = "198.51.100.8:4000";
pub const FIRST: usize = 0;
pub const SECOND: usize = 1;

/// Alice has two addresses; Bob is a telephone.
pub struct Call {
    pub scene: Scene,
    pub alice: Host,
}

impl Call {
    pub fn new(change: impl FnOnce(&mut SessionPlan)) -> Call {
        let addresses: [SocketAddr; 2] = [sim::ALICE, OTHER].map(|address| address.parse().unwrap());
        let mut scene = Scene::audio_with(|plan| {
            plan.streams[0].rtcp = RtcpMode::Muxed;
            plan.streams[0].ice = Some(unranked(IceRole::Controlled, addresses));
            change(plan);
        });
        let places = [scene.alice, scene.net.peer(OTHER)];
        let alice = Host::new(places, scene.local(1));
        Call { scene, alice }
    }

    /// Alice nominates both pairs; ours is the one that was answered on first. She speaks from the other one.
    pub fn settle_apart(&mut self) {
        for at in [FIRST, SECOND] {
            self.nominate(at);
        }
        self.alice.live(&mut self.scene.net, 500);
        let ours = self.scene.stats(1).ice.unwrap().rtp.unwrap().remote;
        self.alice.speaks_at = if ours == sim::ALICE.parse().unwrap() { SECOND } else { FIRST };
    }

    pub fn live(&mut self, time_ms: u64) {
        self.alice.live(&mut self.scene.net, time_ms);
    }

    /// Both talk for 100 ms; how many packets Alice and Bob hear of each other.
    pub fn flow(&mut self) -> (usize, usize) {
        let (bob, to) = (self.scene.bob, self.scene.local(2));
        self.scene.heard(bob);
        self.alice.take_media();
        for _ in 0..5 {
            self.alice.speak(&mut self.scene.net);
            self.scene.net.speak(bob, to);
            self.live(20);
        }
        self.live(20);
        let heard = self.scene.heard(bob).iter().filter(|packet| packet.ssrc().is_some()).count();
        (self.alice.take_media(), heard)
    }

    pub fn state(&self) -> IceState {
        self.scene.stats(1).ice.unwrap().state
    }

    /// Alice checks the pair of one of her addresses and nominates it.
    pub fn nominate(&mut self, at: usize) {
        self.alice.check(&mut self.scene.net, at, true);
    }

    pub fn check(&mut self, at: usize) {
        self.alice.check(&mut self.scene.net, at, false);
    }

    /// The data plane dies, and from then on Alice neither checks nor answers.
    pub fn crash_deaf(&mut self) {
        self.alice.answers = [false, false];
        crash(&mut self.scene);
    }
}

pub struct Host {
    places: [PeerId; 2],
    /// It answers checks here.
    pub answers: [bool; 2],
    proxy: SocketAddr,
    dtls: Option<DtlsEnd>,
    crypto: Option<Crypto>,
    started: Instant,
    checks: u8,
    /// Handshake datagrams sent from its addresses in turn, beginning with the first one.
    pub alternates: bool,
    /// Where it sends from else.
    pub speaks_at: usize,
    sequence: u16,
    /// The checks it was asked to answer.
    pub asked: Vec<TransactionId>,
    /// Everything but checks, by the address it arrived at.
    pub heard: [Vec<Received>; 2],
}

/// ICE with such a peer, both candidates of one priority.
fn unranked(role: IceRole, addresses: [SocketAddr; 2]) -> IcePlan {
    let candidates = addresses.map(|address| ice::candidate(1, address)).to_vec();
    IcePlan { candidates, ..ice::plan(role, addresses[FIRST]) }
}

impl Host {
    pub fn new(places: [PeerId; 2], proxy: SocketAddr) -> Host {
        Host {
            places,
            answers: [true, true],
            proxy,
            dtls: None,
            crypto: None,
            started: Instant::now(),
            checks: 0,
            alternates: false,
            speaks_at: FIRST,
            sequence: 0,
            asked: Vec::new(),
            heard: [Vec::new(), Vec::new()],
        }
    }

    /// Checks the pair of one of its addresses.
    pub fn check(&mut self, net: &mut Network, at: usize, nominates: bool) {
        self.checks += 1;
        let mut transaction = TransactionId::default();
        transaction[0] = self.checks;
        let check = stun(Class::Request, transaction, ice::LOCAL.1, |builder| {
            let username = [ice::LOCAL.0.as_bytes(), b":", ice::REMOTE.0.as_bytes()];
            let builder = builder.username(username).priority(1).controlling(7);
            if nominates { builder.use_candidate() } else { builder }
        });
        net.send(self.places[at], self.proxy, check);
    }

    pub fn await_dtls(&mut self, certificate: &Certificate) {
        self.dtls = Some(DtlsEnd::new(certificate, Role::Server, self.started));
    }

    pub fn start_dtls(&mut self, net: &mut Network, certificate: &Certificate) {
        let mut end = DtlsEnd::new(certificate, Role::Client, self.started);
        let flight = end.outgoing();
        self.dtls = Some(end);
        self.send_flight(net, flight);
    }

    pub fn is_connected(&self) -> bool {
        self.crypto.is_some()
    }

    /// Lets time go on, and answers checks and handshakes.
    pub fn live(&mut self, net: &mut Network, time_ms: u64) {
        for _ in 0..time_ms / STEP_MS {
            net.run(Duration::from_millis(STEP_MS));
            for at in [FIRST, SECOND] {
                for received in net.take_received(self.places[at]) {
                    self.take_in(net, at, received);
                }
            }
        }
    }

    /// Sends 20 ms of sound.
    pub fn speak(&mut self, net: &mut Network) {
        self.sequence += 1;
        let packet = packets::rtp(0, self.sequence, 160 * u32::from(self.sequence), SSRC);
        let packet = match &mut self.crypto {
            Some(crypto) => crypto.protect(&packet),
            None => packet,
        };
        net.send(self.places[self.speaks_at], self.proxy, packet);
    }

    /// Media packets it has heard and could read.
    pub fn take_media(&mut self) -> usize {
        let heard = std::mem::take(&mut self.heard).into_iter().flatten();
        let media = heard.filter(|packet| packet.ssrc().is_some());
        let opened = media.filter(|packet| match &mut self.crypto {
            Some(crypto) => crypto.open(&packet.payload).is_some(),
            None => true,
        });
        opened.count()
    }

    /// Looks now at what has arrived at one of its addresses.
    pub fn read_again(&mut self, net: &mut Network, at: usize) {
        for received in std::mem::take(&mut self.heard[at]) {
            self.take_in(net, at, received);
        }
    }

    fn take_in(&mut self, net: &mut Network, at: usize, received: Received) {
        let kind = wire::classify(&received.payload);
        if kind == wire::Kind::Stun {
            return self.answer(net, at, &received);
        }
        if let Some(end) = self.dtls.as_mut().filter(|_| kind == wire::Kind::Dtls) {
            let was_connected = end.is_connected();
            let flight = end.take_in(self.started, &received.payload);
            if !was_connected {
                self.crypto = end.crypto();
            }
            self.send_flight(net, flight);
        }
        self.heard[at].push(received);
    }

    fn answer(&mut self, net: &mut Network, at: usize, received: &Received) {
        let Some(request) = Message::parse(&received.payload).filter(|_| self.answers[at]) else { return };
        if request.class != Class::Request {
            return;
        }
        self.asked.push(request.transaction);
        let answer =
            stun(Class::Success, request.transaction, ice::REMOTE.1, |builder| builder.mapped(received.from));
        net.send(self.places[at], received.from, answer);
    }

    fn send_flight(&mut self, net: &mut Network, flight: Vec<Vec<u8>>) {
        for datagram in flight {
            net.send(self.places[self.speaks_at], self.proxy, datagram);
            if self.alternates {
                self.speaks_at = 1 - self.speaks_at;
            }
        }
    }
}

fn stun(
    class: Class,
    transaction: TransactionId,
    password: &str,
    add: impl FnOnce(Builder<'_>) -> Builder<'_>,
) -> Vec<u8> {
    let mut buffer = [0; LONGEST];
    let len = add(Builder::new(&mut buffer, class, transaction)).finish(password.as_bytes()).unwrap();
    buffer[..len].to_vec()
}

const SSRC: u32 = 0x7e57;
/// The way there and back takes twice as long.
const STEP_MS: u64 = 5;
