//! Relayed addresses of our own ports: asked for, used, kept and given back. The test is the TURN server.

#![expect(clippy::unwrap_used, reason = "a broken expectation is what it looks for")]

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use protocol::{Event, IceRole, RelayOutcome, RelayPlan, RelayServerPlan, RtcpMode, SessionId, SessionPlan};
use sim::{BOB, Proxy, Sent, crypto, ice, plans};
use wire::{
    stun::{Builder, Class, LONGEST, Message, NONCE, REALM},
    turn::{
        ALLOCATE, Attributes, DATA, DATA_ATTRIBUTE, LIFETIME, REFRESH, SEND, XOR_PEER_ADDRESS,
        XOR_RELAYED_ADDRESS, key,
    },
};

const SERVER: &str = "198.51.100.200:3478";
const RELAYED: &str = "198.51.100.200:49160";

struct Scene {
    proxy: Proxy,
    now: Instant,
    sent: Vec<Sent>,
}

impl Scene {
    fn new() -> Scene {
        let now = Instant::now();
        let mut proxy = Proxy::new(now, crypto::certificate());
        proxy.engine.use_relay_server(Some(&RelayServerPlan {
            address: at(SERVER),
            username: "user".to_owned(),
            password: "pass".to_owned(),
        }));
        Scene { proxy, now, sent: Vec::new() }
    }

    fn apply(&mut self, plan: &SessionPlan) {
        self.proxy.apply(self.now, plan.clone()).unwrap();
        self.wait(0);
    }

    fn wait(&mut self, ms: u64) {
        let end = self.now + Duration::from_millis(ms);
        while let Some(due) = self.proxy.engine.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.sent.extend(self.proxy.handle_timeout(self.now));
        }
        self.now = end;
    }

    /// Answers the last request of this method.
    fn answer(&mut self, method: u16, class: Class, add: impl FnOnce(Builder<'_>) -> Builder<'_>) {
        let is_it =
            |sent: &&Sent| Message::parse_any(&sent.payload).is_some_and(|message| message.method == method);
        let request = self.sent.iter().rev().find(is_it).unwrap();
        let (local, transaction) = (request.from, Message::parse_any(&request.payload).unwrap().transaction);
        let mut buffer = [0; LONGEST];
        let builder = add(Builder::of(&mut buffer, class, method, transaction));
        let length = builder.finish(&key(b"user", b"realm", b"pass")).unwrap();
        self.receive(local, &buffer[..length]);
    }

    fn receive(&mut self, local: SocketAddr, datagram: &[u8]) {
        self.sent.extend(self.proxy.receive(self.now, at(SERVER), local, datagram));
    }

    fn grant(&mut self) {
        self.answer(ALLOCATE, Class::Error, |builder| {
            builder.error(401, "who are you").other(REALM, b"realm").other(NONCE, b"nonce")
        });
        self.answer(ALLOCATE, Class::Success, |builder| {
            builder.address(XOR_RELAYED_ADDRESS, at(RELAYED)).other(LIFETIME, &600u32.to_be_bytes())
        });
    }

    fn outcomes(&mut self) -> Vec<RelayOutcome> {
        let events = std::iter::from_fn(|| self.proxy.engine.poll_event());
        let outcome = |event| if let Event::Relay { outcome, .. } = event { Some(outcome) } else { None };
        events.filter_map(outcome).collect()
    }

    /// Whom the server was asked to send to.
    fn relayed_to(&self) -> Vec<SocketAddr> {
        let peer = |sent: &Sent| {
            let message = Message::parse_any(&sent.payload)?;
            (message.method == SEND).then(|| Attributes::of(&message).peer).flatten()
        };
        self.sent.iter().filter_map(peer).collect()
    }
}

/// A call to a peer with ICE that only a relay may reach.
fn call(id: &str, peer: &str) -> SessionPlan {
    let mut plan = plans::audio_call(id, None, Some(at(BOB)));
    let stream = &mut plan.streams[0];
    stream.rtcp = RtcpMode::Muxed;
    stream.ice = Some(ice::plan(IceRole::Controlling, at(peer)));
    stream.locals[0].relay = Some(Box::new(RelayPlan { separate_rtcp: false, rtp: None, rtcp: None }));
    plan
}

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

#[test]
fn a_granted_address_is_told_and_checks_go_by_way_of_it() {
    let mut scene = Scene::new();
    scene.apply(&call("call", "203.0.113.77:7000"));
    scene.grant();
    assert_eq!(scene.outcomes(), [RelayOutcome::Granted { rtp: at(RELAYED), rtcp: None }]);
    scene.wait(1_000);
    assert!(scene.relayed_to().contains(&at("203.0.113.77:7000")), "{:?}", scene.relayed_to());
    let plan = scene.proxy.engine.plans(None, 1).remove(0);
    assert_eq!(plan.streams[0].locals[0].relay.as_ref().unwrap().rtp, Some(at(RELAYED)));
}

#[test]
fn nothing_is_relayed_to_where_nothing_is_sent_directly() {
    let mut scene = Scene::new();
    scene.apply(&call("call", "127.0.0.1:7000"));
    scene.grant();
    scene.wait(3_000);
    assert_eq!(scene.relayed_to(), []);
}

#[test]
fn what_a_relay_brings_has_to_be_authentic() {
    let mut scene = Scene::new();
    scene.apply(&call("call", "203.0.113.77:7000"));
    scene.grant();
    scene.wait(1_000);
    let local = scene.proxy.local(&SessionId("call".to_owned()), 1).unwrap();
    let mut buffer = [0; LONGEST];
    let builder = Builder::of(&mut buffer, Class::Indication, DATA, [9; 12]);
    let forged = [&[0x80, 0], &[0; 170][..]].concat();
    let builder = builder.address(XOR_PEER_ADDRESS, at("203.0.113.77:7000")).other(DATA_ATTRIBUTE, &forged);
    let length = builder.finish_unproven().unwrap();
    let before = scene.sent.len();
    scene.receive(local, &buffer[..length]);
    assert_eq!(scene.sent.len(), before, "media from a pair that is not valid goes nowhere");
}

#[test]
fn later_calls_do_not_wait_for_a_server_that_is_silent() {
    let mut scene = Scene::new();
    scene.apply(&call("first", "203.0.113.77:7000"));
    scene.wait(2_000);
    let reason = "the server does not answer".to_owned();
    assert_eq!(scene.outcomes(), [RelayOutcome::Failed { reason: reason.clone() }]);
    scene.sent.clear();
    scene.apply(&call("second", "203.0.113.77:7000"));
    assert_eq!(scene.outcomes(), [RelayOutcome::Failed { reason }]);
    assert!(scene.sent.iter().all(|sent| sent.to != at(SERVER)));
    scene.wait(30_000);
    scene.apply(&call("third", "203.0.113.77:7000"));
    assert!(scene.sent.iter().any(|sent| sent.to == at(SERVER)), "it is asked again after a while");
}

#[test]
fn without_a_server_the_wish_fails_at_once() {
    let mut scene = Scene::new();
    scene.proxy.engine.use_relay_server(None);
    scene.apply(&call("call", "203.0.113.77:7000"));
    let reason = "no server is configured".to_owned();
    assert_eq!(scene.outcomes(), [RelayOutcome::Failed { reason }]);
}

#[test]
fn the_address_is_given_back_when_the_call_ends() {
    let mut scene = Scene::new();
    scene.apply(&call("call", "203.0.113.77:7000"));
    scene.grant();
    let released = scene.proxy.release(scene.now, &SessionId("call".to_owned())).unwrap();
    let [farewell] = &released.farewells[..] else { panic!("{:?}", released.farewells) };
    let message = Message::parse_any(&farewell.payload).unwrap();
    assert_eq!((farewell.to, message.method), (at(SERVER), REFRESH));
    assert_eq!(Attributes::of(&message).lifetime, Some(0));
}

#[test]
fn a_lost_address_is_told_and_no_candidate_any_more() {
    let mut scene = Scene::new();
    scene.apply(&call("call", "203.0.113.77:7000"));
    scene.grant();
    scene.outcomes();
    scene.wait(300_500);
    scene.answer(REFRESH, Class::Error, |builder| builder.error(437, "gone"));
    let reason = "refused: the server has no such allocation (437)".to_owned();
    assert_eq!(scene.outcomes(), [RelayOutcome::Lost { reason }]);
    let stats = scene.proxy.engine.stats(scene.now, &SessionId("call".to_owned())).unwrap();
    assert_eq!(stats.streams[0].ice.as_ref().unwrap().relayed, None);
}
