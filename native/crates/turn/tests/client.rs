//! A client and a server that says what the test wants it to say.

#![expect(clippy::unwrap_used, reason = "a broken expectation is what it looks for")]

use std::{net::SocketAddr, sync::Arc, time::Duration};

use proptest::prelude::*;
use turn::{Client, Failure, Incoming, Server, State};
use wire::{
    stun::{Builder, Class, LONGEST, Message, NONCE, REALM},
    turn::{
        ALLOCATE, Attributes, CHANNEL_BIND, CREATE_PERMISSION, DATA, DATA_ATTRIBUTE, Key, LIFETIME, REFRESH,
        SEND, XOR_PEER_ADDRESS, XOR_RELAYED_ADDRESS, key, parse_channel_data, write_channel_data,
    },
};

const PEER: &str = "203.0.113.9:5000";
const OTHER_PORT: &str = "203.0.113.9:6000";
const STRANGER: &str = "198.51.100.66:6666";
const RELAYED: &str = "192.0.2.200:49152";

struct Scene {
    client: Client,
    now: Duration,
    sent: Vec<Vec<u8>>,
}

impl Scene {
    fn asking() -> Scene {
        let client = Client::allocate(server(), 7, Duration::ZERO);
        let mut scene = Scene { client, now: Duration::ZERO, sent: Vec::new() };
        scene.wait(0);
        scene
    }

    /// The address was granted for ten minutes.
    fn granted() -> Scene {
        let mut scene = Scene::asking();
        scene.challenge(401, b"nonce");
        scene.grant(600);
        assert_eq!(scene.client.state(), State::Granted(at(RELAYED)));
        scene
    }

    /// A channel to the peer is bound.
    fn bound() -> Scene {
        let mut scene = Scene::granted();
        scene.send(PEER, b"check");
        scene.answer(CHANNEL_BIND, Class::Success, |builder| builder);
        scene
    }

    fn wait(&mut self, ms: u64) {
        let end = self.now + Duration::from_millis(ms);
        while let Some(due) = self.client.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            let sent = &mut self.sent;
            self.client.handle_timeout(self.now, &mut |bytes| sent.push(bytes.to_vec()));
        }
        self.now = end;
    }

    fn hear(&mut self, datagram: &[u8]) -> Incoming {
        let sent = &mut self.sent;
        self.client.handle(self.now, datagram, &mut |bytes| sent.push(bytes.to_vec()))
    }

    fn send(&mut self, to: &str, data: &[u8]) {
        let sent = &mut self.sent;
        self.client.send(self.now, at(to), data, &mut |bytes| sent.push(bytes.to_vec()));
    }

    /// The methods of requests and indications sent since the last time; 0 for data over a channel.
    fn methods(&mut self) -> Vec<u16> {
        let sent = std::mem::take(&mut self.sent);
        sent.iter().map(|bytes| Message::parse_any(bytes).map_or(0, |message| message.method)).collect()
    }

    fn last(&self, method: u16) -> &[u8] {
        let is_it = |bytes: &&Vec<u8>| Message::parse_any(bytes).is_some_and(|sent| sent.method == method);
        self.sent.iter().rev().find(is_it).unwrap()
    }

    /// Answers the last request of this method, with proof.
    fn answer(
        &mut self,
        method: u16,
        class: Class,
        add: impl FnOnce(Builder<'_>) -> Builder<'_>,
    ) -> Incoming {
        self.answer_as(method, class, &secret(), add)
    }

    fn answer_as(
        &mut self,
        method: u16,
        class: Class,
        key: &Key,
        add: impl FnOnce(Builder<'_>) -> Builder<'_>,
    ) -> Incoming {
        let transaction = Message::parse_any(self.last(method)).unwrap().transaction;
        let mut buffer = [0; LONGEST];
        let length = add(Builder::of(&mut buffer, class, method, transaction)).finish(key).unwrap();
        self.hear(&buffer[..length])
    }

    fn refuse(&mut self, method: u16, code: u16) {
        self.answer(method, Class::Error, |builder| builder.error(code, "no"));
    }

    fn challenge(&mut self, code: u16, nonce: &[u8]) {
        let method = Message::parse_any(self.sent.last().unwrap()).unwrap().method;
        self.answer(method, Class::Error, |builder| {
            builder.error(code, "who are you").other(REALM, b"realm").other(NONCE, nonce)
        });
    }

    fn grant(&mut self, seconds: u32) -> Incoming {
        self.answer(ALLOCATE, Class::Success, |builder| {
            builder.address(XOR_RELAYED_ADDRESS, at(RELAYED)).other(LIFETIME, &seconds.to_be_bytes())
        })
    }

    fn indicate(&mut self, from: &str, data: &[u8]) -> Incoming {
        let mut buffer = [0; LONGEST];
        let builder = Builder::of(&mut buffer, Class::Indication, DATA, [9; 12]);
        let builder = builder.address(XOR_PEER_ADDRESS, at(from)).other(DATA_ATTRIBUTE, data);
        let length = builder.finish_unproven().unwrap();
        self.hear(&buffer[..length])
    }
}

fn server() -> Arc<Server> {
    let address = at("192.0.2.1:3478");
    Arc::new(Server { address, username: "user".into(), password: "pass".into() })
}

fn secret() -> Key {
    key(b"user", b"realm", b"pass")
}

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

#[test]
fn an_address_is_granted_after_a_challenge() {
    let mut scene = Scene::granted();
    assert_eq!(scene.methods(), [ALLOCATE, ALLOCATE]);
}

#[test]
fn a_server_that_knows_neither_our_key_nor_our_request_grants_nothing() {
    let mut scene = Scene::asking();
    scene.challenge(401, b"nonce");
    let answer = |builder: Builder<'_>| builder.address(XOR_RELAYED_ADDRESS, at(STRANGER)).finish(&[0; 16]);
    let mut buffer = [0; LONGEST];
    let length = answer(Builder::of(&mut buffer, Class::Success, ALLOCATE, [1; 12])).unwrap();
    scene.hear(&buffer[..length]);
    assert_eq!(scene.client.state(), State::Asking);
    let forged = scene.answer_as(ALLOCATE, Class::Success, &[0; 16], |builder| {
        builder.address(XOR_RELAYED_ADDRESS, at(STRANGER))
    });
    assert_eq!((forged, scene.client.state()), (Incoming::Junk, State::Asking));
}

#[test]
fn a_wrong_password_is_not_tried_again_and_again() {
    let mut scene = Scene::asking();
    scene.challenge(401, b"nonce");
    scene.challenge(401, b"nonce");
    assert_eq!(scene.client.state(), State::Failed(Failure::Refused(401)));
    scene.wait(60_000);
    assert_eq!(scene.methods(), [ALLOCATE, ALLOCATE]);
}

#[test]
fn a_server_that_never_likes_our_nonce_is_given_up() {
    let mut scene = Scene::asking();
    scene.challenge(401, b"nonce");
    for _ in 0..3 {
        scene.challenge(438, b"another");
    }
    assert_eq!(scene.client.state(), State::Failed(Failure::Refused(438)));
}

#[test]
fn a_silent_server_is_given_up_within_two_seconds() {
    let mut scene = Scene::asking();
    scene.wait(1_999);
    assert_eq!(scene.client.state(), State::Failed(Failure::Silent));
    assert_eq!(scene.client.poll_timeout(), None);
}

#[test]
fn what_another_call_has_left_on_the_port_is_cleared_once() {
    let mut scene = Scene::asking();
    scene.challenge(401, b"nonce");
    scene.refuse(ALLOCATE, 437);
    assert_eq!(lifetime(scene.last(REFRESH)), Some(0));
    scene.answer(REFRESH, Class::Success, |builder| builder.other(LIFETIME, &[0; 4]));
    scene.refuse(ALLOCATE, 437);
    assert_eq!(scene.client.state(), State::Failed(Failure::Refused(437)));
}

#[test]
fn an_address_is_kept_as_long_as_the_server_agrees() {
    let mut scene = Scene::granted();
    scene.methods();
    scene.wait(301_000);
    assert_eq!(scene.methods(), [REFRESH, REFRESH, REFRESH], "repeated until answered");
    let mut scene = Scene::granted();
    scene.wait(300_100);
    scene.answer(REFRESH, Class::Success, |builder| builder.other(LIFETIME, &600u32.to_be_bytes()));
    scene.methods();
    scene.wait(299_000);
    assert_eq!(scene.methods(), []);
    scene.wait(2_000);
    scene.refuse(REFRESH, 437);
    assert_eq!(scene.client.state(), State::Failed(Failure::Refused(437)));
}

#[test]
fn a_server_that_falls_silent_has_until_the_end_of_the_lifetime_to_come_back() {
    let mut scene = Scene::granted();
    scene.wait(590_000);
    assert_eq!(scene.client.state(), State::Granted(at(RELAYED)));
    scene.wait(60_000);
    assert_eq!(scene.client.state(), State::Failed(Failure::Silent));
}

#[test]
fn a_server_in_passing_trouble_is_asked_again_until_the_lifetime_ends() {
    for code in [500, 508] {
        let mut scene = Scene::granted();
        scene.wait(300_100);
        for _ in 0..9 {
            scene.refuse(REFRESH, code);
            assert_eq!(scene.client.state(), State::Granted(at(RELAYED)));
            scene.methods();
            scene.wait(30_100);
        }
        scene.refuse(REFRESH, code);
        assert_eq!(scene.client.state(), State::Failed(Failure::Refused(code)));
    }
}

#[test]
fn an_answer_to_no_request_is_junk() {
    let mut scene = Scene::granted();
    for class in [Class::Success, Class::Error] {
        let mut buffer = [0; LONGEST];
        let length = Builder::of(&mut buffer, class, REFRESH, [9; 12]).finish(&secret()).unwrap();
        assert_eq!(scene.hear(&buffer[..length]), Incoming::Junk);
    }
    assert_eq!(scene.grant(600), Incoming::Junk, "it has been answered");
}

#[test]
fn data_go_as_indications_until_the_channel_is_bound() {
    let mut scene = Scene::granted();
    scene.methods();
    scene.send(PEER, b"one");
    assert_eq!(scene.methods(), [CHANNEL_BIND, SEND]);
    scene.send(PEER, b"two");
    assert_eq!(scene.methods(), [SEND]);
    let mut scene = Scene::bound();
    scene.send(PEER, b"three");
    let (_, range) = parse_channel_data(scene.sent.last().unwrap()).unwrap();
    assert_eq!(&scene.sent.last().unwrap()[range], b"three");
}

#[test]
fn a_server_without_channels_is_asked_for_a_permission() {
    let mut scene = Scene::granted();
    scene.send(PEER, b"one");
    scene.refuse(CHANNEL_BIND, 400);
    scene.answer(CREATE_PERMISSION, Class::Success, |builder| builder);
    scene.methods();
    scene.send(PEER, b"two");
    assert_eq!(scene.methods(), [SEND]);
}

#[test]
fn nothing_is_sent_to_a_peer_the_server_refuses_until_it_is_asked_again() {
    let mut scene = Scene::granted();
    scene.send(PEER, b"one");
    scene.refuse(CHANNEL_BIND, 403);
    scene.refuse(CREATE_PERMISSION, 403);
    scene.methods();
    scene.send(PEER, b"two");
    assert_eq!(scene.methods(), []);
    scene.wait(30_100);
    assert_eq!(scene.methods(), [CREATE_PERMISSION]);
}

#[test]
fn a_channel_in_use_is_renewed_before_its_permission_ends() {
    let mut scene = Scene::bound();
    scene.methods();
    scene.wait(200_000);
    scene.send(PEER, b"media");
    scene.methods();
    scene.wait(41_000);
    assert!(scene.methods().contains(&CHANNEL_BIND));
}

#[test]
fn a_peer_that_is_not_used_any_more_is_let_go() {
    let mut scene = Scene::bound();
    scene.wait(310_000);
    scene.methods();
    scene.send(PEER, b"again");
    assert_eq!(scene.methods(), [CHANNEL_BIND, SEND]);
}

#[test]
fn data_are_told_from_whom_they_are() {
    let mut scene = Scene::bound();
    let from = |incoming: Incoming| match incoming {
        Incoming::Data { from, .. } => Some(from),
        Incoming::Taken | Incoming::Junk => None,
    };
    let incoming = scene.indicate(PEER, b"indicated");
    assert_eq!(from(incoming), Some(at(PEER)));
    let incoming = scene.indicate(OTHER_PORT, b"from behind the same NAT");
    assert_eq!(from(incoming), Some(at(OTHER_PORT)));
    scene.send(PEER, b"media");
    let (channel, _) = parse_channel_data(scene.sent.last().unwrap()).unwrap();
    let mut datagram = Vec::new();
    write_channel_data(&mut datagram, channel, b"media");
    assert_eq!(scene.hear(&datagram), Incoming::Data { from: at(PEER), range: 4..9 });
}

#[test]
fn data_of_hosts_nobody_sent_to_are_junk() {
    let mut scene = Scene::bound();
    assert_eq!(scene.indicate(STRANGER, b"hello"), Incoming::Junk);
    assert_eq!(scene.hear(&[0x4f, 0xff, 0, 1, 1]), Incoming::Junk);
}

#[test]
fn an_address_from_before_a_restart_is_in_use_before_it_is_confirmed() {
    let client = Client::resume(server(), 8, Duration::ZERO, at(RELAYED));
    let mut scene = Scene { client, now: Duration::ZERO, sent: Vec::new() };
    scene.send(PEER, b"media");
    assert_eq!(scene.methods(), [CHANNEL_BIND, SEND]);
    scene.wait(0);
    assert_eq!(scene.methods(), [REFRESH]);
}

#[test]
fn a_channel_from_before_a_restart_is_understood() {
    let mut before = Scene::bound();
    before.send(PEER, b"media");
    let (channel, _) = parse_channel_data(before.sent.last().unwrap()).unwrap();
    let client = Client::resume(server(), 8, Duration::ZERO, at(RELAYED));
    let mut scene = Scene { client, now: Duration::ZERO, sent: Vec::new() };
    scene.send(PEER, b"check");
    let mut datagram = Vec::new();
    write_channel_data(&mut datagram, channel, b"media");
    assert_eq!(scene.hear(&datagram), Incoming::Data { from: at(PEER), range: 4..9 });
}

#[test]
fn the_address_is_given_back_with_proof() {
    let mut scene = Scene::granted();
    let farewell = scene.client.farewell().unwrap();
    let message = Message::parse_any(&farewell).unwrap();
    let attributes = Attributes::of(&message);
    assert_eq!((message.method, attributes.lifetime), (REFRESH, Some(0)));
    assert!(attributes.authenticate(&message, &secret()).is_ok());
}

#[test]
fn who_has_nothing_gives_nothing_back() {
    assert_eq!(Scene::asking().client.farewell(), None);
    let mut scene = Scene::asking();
    scene.wait(3_000);
    assert_eq!(scene.client.farewell(), None);
}

#[test]
fn the_password_is_in_no_description() {
    assert!(!format!("{:?} {:?}", server(), Scene::asking().client).contains("pass"));
}

#[test]
fn a_peer_that_gives_way_to_others_is_not_asked_for_any_more() {
    let mut scene = Scene::granted();
    for port in 1..1000 {
        scene.send(&format!("203.0.113.9:{port}"), b"check");
    }
    scene.methods();
    scene.wait(300);
    assert_eq!(scene.methods().len(), 64, "as many as there are peers at a time");
}

fn lifetime(request: &[u8]) -> Option<u32> {
    Attributes::of(&Message::parse_any(request)?).lifetime
}

proptest! {
    #[test]
    fn no_datagram_panics_or_grants(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut scene = Scene::asking();
        scene.hear(&bytes);
        prop_assert_eq!(scene.client.state(), State::Asking);
        let mut scene = Scene::bound();
        if let Incoming::Data { range, .. } = scene.hear(&bytes) {
            prop_assert!(range.end <= bytes.len());
        }
    }
}
