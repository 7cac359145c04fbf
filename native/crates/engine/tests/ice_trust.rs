//! What strangers try on a stream with ICE: nothing they send ends, moves or teaches anything.

#![expect(clippy::unwrap_used, reason = "a broken expectation is what it looks for")]

mod support;

use std::{net::SocketAddr, time::Duration};

use protocol::{DtlsRole, Event, IceRole, IceState, RtcpMode, SecurityPlan, SuspectCause};
use sim::{MALLORY, PeerId, Scene, crypto, ice, packets};
use support::ice_call::Call;
use wire::stun::{Builder, Class, LONGEST, Message, TransactionId};

const TRANSACTION: TransactionId = [7; 12];

struct Attack {
    call: Call,
    mallory: PeerId,
    pair: SocketAddr,
}

impl Attack {
    fn on(mut call: Call) -> Attack {
        let mallory = call.scene.net.peer(MALLORY);
        call.scene.forget();
        Attack { call, mallory, pair: sim::ALICE.parse().unwrap() }
    }

    fn new() -> Attack {
        Attack::on(Call::connected(IceRole::Controlled))
    }

    fn send(&mut self, payload: Vec<u8>) {
        let to = self.call.scene.local(1);
        self.call.scene.net.send(self.mallory, to, payload);
        self.call.scene.net.settle();
    }

    fn heard(&mut self) -> Vec<Vec<u8>> {
        let heard = self.call.scene.heard(self.mallory);
        heard.into_iter().map(|packet| packet.payload).collect()
    }

    /// Everything is as it was.
    fn assert_futile(&mut self) {
        assert_eq!(self.call.state(), IceState::Completed);
        assert_eq!(self.call.pair().unwrap().remote, self.pair);
        assert_eq!(self.call.flow(), (5, 5));
        assert_eq!(self.call.scene.rtp(1).remote, Some(self.pair));
    }

    /// The same, and she was counted and reported.
    fn assert_refused(&mut self, times: u64) {
        assert_eq!(self.call.scene.rtp(1).refused_checks, times);
        let events = self.call.scene.net.take_events();
        let source: SocketAddr = MALLORY.parse().unwrap();
        let named = |event: &Event| matches!(event, Event::SuspectPackets { cause: SuspectCause::Check, source: from, .. } if *from == source);
        assert_eq!(events.iter().filter(|event| named(event)).count(), 1);
        self.assert_futile();
    }
}

fn message(class: Class, password: &str, add: impl FnOnce(Builder<'_>) -> Builder<'_>) -> Vec<u8> {
    let mut buffer = [0; LONGEST];
    let len = add(Builder::new(&mut buffer, class, TRANSACTION)).finish(password.as_bytes()).unwrap();
    buffer[..len].to_vec()
}

fn check(ufrag: &str, password: &str) -> Vec<u8> {
    message(Class::Request, password, |builder| {
        let builder = builder.username([ufrag.as_bytes(), b":", ice::REMOTE.0.as_bytes()]);
        builder.priority(u32::MAX >> 1).use_candidate().controlling(u64::MAX)
    })
}

#[test]
fn a_check_with_a_wrong_password_is_refused() {
    let mut attack = Attack::new();
    attack.send(check(ice::LOCAL.0, "wrong"));
    assert!(attack.heard().is_empty());
    attack.assert_refused(1);
}

#[test]
fn a_check_with_a_wrong_user_name_is_refused() {
    let mut attack = Attack::new();
    for ufrag in ["wrong", "", "tandem0", "tandem011"] {
        attack.send(check(ufrag, ice::LOCAL.1));
    }
    assert!(attack.heard().is_empty());
    attack.assert_refused(4);
}

#[test]
fn a_check_without_integrity_is_refused() {
    let mut attack = Attack::new();
    let mut bare = check(ice::LOCAL.0, ice::LOCAL.1);
    bare.truncate(bare.len() - 32);
    let length = bare.len() as u16 - 20;
    bare[2..4].copy_from_slice(&length.to_be_bytes());
    assert!(Message::parse(&bare).is_some());
    attack.send(bare);
    attack.assert_refused(1);
}

#[test]
fn an_answer_to_nothing_is_refused() {
    let mut attack = Attack::new();
    let source = MALLORY.parse().unwrap();
    attack.send(message(Class::Success, ice::REMOTE.1, |builder| builder.mapped(source)));
    attack.send(message(Class::Error, ice::REMOTE.1, |builder| builder.error(487, "Role Conflict")));
    attack.send(message(Class::Error, "", |builder| builder.error(401, "Unauthorized")));
    attack.assert_refused(3);
}

#[test]
fn a_flood_makes_one_event_in_ten_seconds_and_no_answer() {
    let mut attack = Attack::new();
    for _ in 0..500 {
        let to = attack.call.scene.local(1);
        attack.call.scene.net.send(attack.mallory, to, check(ice::LOCAL.0, "wrong"));
    }
    attack.call.scene.net.settle();
    assert!(attack.heard().is_empty());
    attack.assert_refused(500);
}

#[test]
fn a_check_that_is_replayed_from_elsewhere_makes_nobody_the_peer() {
    let mut attack = Attack::new();
    // She knows the password to say what Alice says, but not the one to answer the proxy.
    for _ in 0..50 {
        attack.send(check(ice::LOCAL.0, ice::LOCAL.1));
        attack.call.scene.wait(500);
    }
    attack.assert_futile();
    attack.call.scene.wait(60_000);
    attack.assert_futile();
}

#[test]
fn a_replayed_check_does_not_move_a_lite_agent() {
    let mut call = Call::with(IceRole::Controlled, |plan| plan.streams[0].ice.as_mut().unwrap().lite = true);
    let copy = check(ice::LOCAL.0, ice::LOCAL.1);
    let alice = call.scene.alice;
    let to = call.scene.local(1);
    call.scene.net.send(alice, to, copy.clone());
    call.scene.wait(100);
    assert_eq!(call.state(), IceState::Completed);
    let mut attack = Attack::on(call);
    attack.call.scene.wait(10_000);
    attack.send(copy);
    attack.assert_refused(1);
}

#[test]
fn packets_from_another_source_than_a_valid_pair_are_foreign() {
    let mut attack = Attack::new();
    let bob = attack.call.scene.bob;
    let mallory = attack.mallory;
    for _ in 0..10 {
        let packet = attack.call.scene.net.next_packet(mallory);
        attack.send(packet);
    }
    attack.send(packets::sender_report(1, 7, &[]));
    assert!(attack.call.scene.heard(bob).is_empty());
    assert_eq!(attack.call.scene.rtp(1).foreign, 10);
    attack.assert_futile();
}

#[test]
fn before_the_answer_and_between_re_invites_strangers_learn_nothing_either() {
    let mut call = Call::new(IceRole::Controlled);
    let mallory = call.scene.net.peer(MALLORY);
    let to = call.scene.local(1);
    for _ in 0..20 {
        call.scene.net.speak(mallory, to);
        call.scene.net.send(mallory, to, check(ice::LOCAL.0, "wrong"));
        call.scene.wait(50);
    }
    call.scene.replan(|plan| plan.streams[0].learning.epoch += 1);
    call.scene.net.speak(mallory, to);
    call.scene.net.settle();
    let bob = call.scene.bob;
    assert!(call.scene.heard(bob).is_empty());
    assert!(call.scene.heard(mallory).is_empty());
    call.alice_starts();
    call.scene.wait(3000);
    assert_eq!(call.flow(), (5, 5));
}

#[test]
fn a_source_that_was_learned_before_ice_began_has_to_be_validated() {
    let mut scene = Scene::audio_with(|plan| plan.streams[0].rtcp = RtcpMode::Muxed);
    let mallory = scene.net.peer(MALLORY);
    let to = scene.local(1);
    scene.net.talk(&[(mallory, to)], Duration::from_secs(5));
    assert_eq!(scene.rtp(1).remote, MALLORY.parse().ok());
    scene.replan(|plan| {
        plan.streams[0].ice = Some(ice::plan(IceRole::Controlled, sim::ALICE.parse().unwrap()));
    });
    scene.forget();
    scene.heard(mallory);
    scene.net.speak(mallory, to);
    scene.bob_talks(100);
    let bob = scene.bob;
    assert!(scene.heard(mallory).is_empty());
    assert!(scene.heard(bob).is_empty());
}

#[test]
fn candidates_at_our_own_ports_are_left_alone() {
    let mut call = Call::new(IceRole::Controlling);
    let own = [call.scene.local(1), call.scene.local(2), call.scene.local_rtcp(1)];
    call.replan(|ice| ice.candidates = own.map(|address| ice::candidate(1, address)).to_vec());
    let before = call.scene.rtp(2).malformed;
    call.scene.wait(60_000);
    assert_eq!((call.scene.rtp(2).malformed, call.scene.rtp(1).checks), (before, 0));
}

#[test]
fn a_peer_that_answers_with_our_own_words_gets_no_check() {
    let mut call = Call::with(IceRole::Controlling, |plan| {
        let ice = plan.streams[0].ice.as_mut().unwrap();
        ice.remote_ufrag = Some(ice.local_ufrag.clone());
        ice.remote_pwd = Some(ice.local_pwd.clone());
    });
    call.scene.wait(60_000);
    assert_eq!(call.state(), IceState::Waiting);
    let alice = call.scene.alice;
    assert!(call.scene.heard(alice).is_empty());
}

#[test]
fn a_peer_with_very_many_candidates_is_checked_at_a_bounded_pace() {
    let mut call = Call::with(IceRole::Controlling, |plan| {
        let addresses = (1..=60u16).map(|port| SocketAddr::new([203, 0, 113, 200].into(), port));
        plan.streams[0].ice.as_mut().unwrap().candidates =
            addresses.map(|at| ice::candidate(1, at)).collect();
    });
    let before = call.scene.net.engine().counters().sent_packets;
    call.scene.wait(1000);
    assert!(call.scene.net.engine().counters().sent_packets - before <= 21);
    call.scene.wait(120_000);
    assert!(call.scene.net.engine().counters().sent_packets - before <= 24 * 7);
    assert_eq!(call.state(), IceState::Failed);
}

#[test]
fn a_hello_that_waits_for_a_check_that_is_never_answered_is_counted() {
    let certificate = crypto::certificate();
    let call = Call::with(IceRole::Controlled, |plan| {
        plan.streams[0].security = SecurityPlan::Dtls {
            role: DtlsRole::Passive,
            fingerprints: vec![crypto::fingerprint(&certificate)],
            association: 1,
            certificate: None,
        };
    });
    let mut attack = Attack::on(call);
    attack.send(check(ice::LOCAL.0, ice::LOCAL.1));
    let to = attack.call.scene.local(1);
    attack.call.scene.net.start_dtls(attack.mallory, &certificate, to);
    attack.call.scene.wait(60_000);
    let stats = attack.call.scene.rtp(1);
    assert_eq!((stats.checks, stats.handshake_packets), (1, 1));
}
