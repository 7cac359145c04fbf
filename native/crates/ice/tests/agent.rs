//! One agent and a peer that says what the test wants it to say.

#![expect(clippy::unwrap_used, reason = "a broken expectation is what it looks for")]

use std::{net::SocketAddr, time::Duration};

use ice::{Agent, Base, Candidate, Credentials, Kind, Refused, Remote, Role, Settings, State};
use proptest::prelude::*;
use wire::stun::{Builder, Class, LONGEST, Message, TransactionId};

const OURS: (&str, &str) = ("ours", "our password is no secret");
const THEIRS: (&str, &str) = ("theirs", "their password is none too");
const BASE: u32 = 5;
const NEAR: &str = "198.51.100.7:4000";
const FAR: &str = "203.0.113.9:5000";
const ELSEWHERE: &str = "192.88.99.66:6666";

/// What the agent has sent.
#[derive(Debug, Clone)]
struct Sent {
    to: SocketAddr,
    bytes: Vec<u8>,
}

struct Scene {
    agent: Agent,
    now: Duration,
    sent: Vec<Sent>,
}

impl Scene {
    fn new(role: Role) -> Scene {
        Scene::with(role, false, |_| {})
    }

    /// The peer has signalled a near and a far address.
    fn with(role: Role, lite: bool, change: impl FnOnce(&mut Vec<Candidate>)) -> Scene {
        let local = credentials(OURS);
        let settings = Settings { component: 1, local, role, lite, tie_breaker: 1 << 40, seed: 1 };
        let mut agent = Agent::new(settings);
        agent.use_bases(&[Base { id: BASE, address: at("192.0.2.1:40000"), kind: Kind::Host }]);
        let mut candidates = vec![candidate(NEAR, 2_000), candidate(FAR, 1_000)];
        change(&mut candidates);
        let remote = Remote { credentials: credentials(THEIRS), lite: false };
        agent.meet(Duration::ZERO, remote, candidates.into_iter());
        Scene { agent, now: Duration::ZERO, sent: Vec::new() }
    }

    fn wait(&mut self, time_ms: u64) {
        let end = self.now + Duration::from_millis(time_ms);
        while let Some(due) = self.agent.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            let sent = &mut self.sent;
            self.agent
                .handle_timeout(self.now, &mut |_, to, bytes| sent.push(Sent { to, bytes: bytes.to_vec() }));
        }
        self.now = end;
    }

    fn hear(&mut self, from: &str, bytes: &[u8]) -> Result<(), Refused> {
        let (sent, message) = (&mut self.sent, Message::parse(bytes).unwrap());
        let mut send = |_: u32, to: SocketAddr, bytes: &[u8]| sent.push(Sent { to, bytes: bytes.to_vec() });
        self.agent.handle(self.now, BASE, at(from), &message, &mut send)
    }

    /// The peer checks; returns the class and error of the answer.
    fn check(&mut self, from: &str, add: impl FnOnce(Builder<'_>) -> Builder<'_>) -> (Class, Option<u16>) {
        self.check_as(THEIRS.0, from, add)
    }

    fn check_as(
        &mut self,
        ufrag: &str,
        from: &str,
        add: impl FnOnce(Builder<'_>) -> Builder<'_>,
    ) -> (Class, Option<u16>) {
        let transaction = transaction(self.sent.len());
        let username = [OURS.0.as_bytes(), b":", ufrag.as_bytes()];
        let bytes = message(Class::Request, transaction, OURS.1, |builder| {
            add(builder.username(username).priority(500))
        });
        self.hear(from, &bytes).unwrap();
        let answer = self.sent.iter().rev().find(|sent| sent.bytes[8..20] == transaction).unwrap();
        assert_eq!(answer.to, at(from));
        let answer = Message::parse(&answer.bytes).unwrap();
        (answer.class, answer.attributes().error)
    }

    /// The peer answers everything that was sent to these addresses and is open.
    fn answer(&mut self, from: &[&str]) {
        for sent in std::mem::take(&mut self.sent) {
            let request = Message::parse(&sent.bytes).unwrap();
            let Some(from) = from.iter().find(|from| at(from) == sent.to) else { continue };
            if request.class == Class::Request {
                let mapped = at("192.0.2.1:40000");
                let answer = success(request.transaction, mapped);
                // One to a pair that was found by a check and given up since is refused.
                let _ = self.hear(from, &answer);
            }
        }
    }

    /// The peer answers for so long.
    fn talk(&mut self, from: &[&str], time_ms: u64) {
        for _ in 0..time_ms / 50 {
            self.wait(50);
            self.answer(from);
        }
    }

    fn requests(&self) -> Vec<Message<'_>> {
        let messages = self.sent.iter().filter_map(|sent| Message::parse(&sent.bytes));
        messages.filter(|message| message.class == Class::Request).collect()
    }

    fn target(&self) -> Option<(SocketAddr, bool)> {
        self.agent.target().map(|target| (target.remote, target.nominated))
    }
}

fn at(address: &str) -> SocketAddr {
    address.parse().unwrap()
}

fn credentials((ufrag, pwd): (&str, &str)) -> Credentials {
    Credentials { ufrag: ufrag.into(), pwd: pwd.into() }
}

fn candidate(address: &str, priority: u32) -> Candidate {
    let address = at(address);
    Candidate::parse(&format!("1 1 UDP {priority} {} {} typ host", address.ip(), address.port())).unwrap()
}

/// As of a host with two addresses that does not rank them.
fn equal(candidates: &mut [Candidate]) {
    candidates.iter_mut().for_each(|candidate| candidate.priority = 2_000);
}

fn transaction(number: usize) -> TransactionId {
    let mut transaction = TransactionId::default();
    transaction[..8].copy_from_slice(&number.to_be_bytes());
    transaction
}

fn message(
    class: Class,
    transaction: TransactionId,
    password: &str,
    add: impl FnOnce(Builder<'_>) -> Builder<'_>,
) -> Vec<u8> {
    let mut buffer = [0; LONGEST];
    let len = add(Builder::new(&mut buffer, class, transaction)).finish(password.as_bytes()).unwrap();
    buffer[..len].to_vec()
}

fn success(transaction: TransactionId, mapped: SocketAddr) -> Vec<u8> {
    message(Class::Success, transaction, THEIRS.1, |builder| builder.mapped(mapped))
}

#[test]
fn checks_are_paced_and_the_best_pair_comes_first() {
    let mut scene = Scene::new(Role::Controlled);
    scene.wait(0);
    assert_eq!(scene.sent.iter().map(|sent| sent.to).collect::<Vec<_>>(), [at(NEAR)]);
    scene.wait(49);
    assert_eq!(scene.sent.len(), 1);
    scene.wait(1);
    assert_eq!(scene.sent[1].to, at(FAR));
}

#[test]
fn an_unanswered_check_is_repeated_seven_times_in_all_with_growing_pauses() {
    let mut scene = Scene::with(Role::Controlled, false, |candidates| candidates.truncate(1));
    scene.wait(60_000);
    assert_eq!(scene.requests().len(), 7);
    let first = scene.requests()[0].transaction;
    assert!(scene.requests().iter().all(|request| request.transaction == first));
    assert_eq!(scene.agent.state(), State::Failed);
}

#[test]
fn a_request_carries_what_rfc_8445_asks_for() {
    let mut scene = Scene::new(Role::Controlled);
    scene.wait(0);
    let request = scene.requests()[0];
    let attributes = request.attributes();
    assert_eq!(attributes.username, Some(b"theirs:ours".as_slice()));
    assert_eq!((attributes.controlled, attributes.controlling), (Some(1 << 40), None));
    assert_eq!(attributes.priority, Some(110 << 24 | 0xffff << 8 | 255));
    assert_eq!(request.authenticate(&attributes, THEIRS.1.as_bytes()), Ok(()));
    assert!(!attributes.use_candidate);
}

#[test]
fn the_controlling_side_waits_for_the_better_pair_and_then_nominates_one() {
    let mut scene = Scene::new(Role::Controlling);
    scene.talk(&[FAR], 300);
    assert_eq!(scene.target(), Some((at(FAR), false)));
    scene.talk(&[FAR], 700);
    assert_eq!(scene.target(), Some((at(FAR), true)));
    assert_eq!(scene.agent.state(), State::Completed);
}

#[test]
fn with_aggressive_nomination_the_best_of_the_nominated_pairs_is_used() {
    let mut scene = Scene::new(Role::Controlled);
    scene.check(FAR, |builder| builder.use_candidate().controlling(7));
    scene.talk(&[FAR], 200);
    assert_eq!(scene.target(), Some((at(FAR), true)));
    scene.check(NEAR, |builder| builder.use_candidate().controlling(7));
    scene.check(FAR, |builder| builder.use_candidate().controlling(7));
    scene.talk(&[NEAR, FAR], 800);
    assert_eq!(scene.target(), Some((at(NEAR), true)));
    scene.check(FAR, |builder| builder.use_candidate().controlling(7));
    assert_eq!(scene.target(), Some((at(NEAR), true)));
}

#[test]
fn a_nominated_pair_that_fell_silent_gives_way_to_a_lesser_one() {
    let mut scene = Scene::new(Role::Controlled);
    scene.check(NEAR, |builder| builder.use_candidate().controlling(7));
    scene.talk(&[NEAR], 500);
    assert_eq!(scene.target(), Some((at(NEAR), true)));
    for _ in 0..8 {
        scene.check(ELSEWHERE, |builder| builder.use_candidate().controlling(7));
        scene.talk(&[ELSEWHERE], 500);
    }
    assert_eq!(scene.target(), Some((at(ELSEWHERE), true)));
}

#[test]
fn of_two_nominated_pairs_of_equal_priority_both_are_the_peers() {
    for answers_first in [NEAR, FAR] {
        let mut scene = Scene::with(Role::Controlled, false, |candidates| equal(candidates));
        for from in [NEAR, FAR] {
            scene.check(from, |builder| builder.use_candidate().controlling(7));
        }
        scene.talk(&[answers_first], 200);
        assert_eq!(scene.target(), Some((at(answers_first), true)));
        scene.talk(&[NEAR, FAR], 600);
        assert!(scene.agent.accepts(at(NEAR)) && scene.agent.accepts(at(FAR)));
        assert_eq!(scene.target(), Some((at(answers_first), true)), "and one is kept to");
    }
}

#[test]
fn a_pair_that_was_checked_before_another_one_was_settled_on_is_still_checked_back() {
    for role in [Role::Controlled, Role::Controlling] {
        let mut scene = Scene::new(role);
        scene.talk(&[NEAR], 400);
        scene.wait(200);
        scene.check(FAR, |builder| builder.priority(1));
        if role == Role::Controlled {
            scene.check(NEAR, |builder| builder.use_candidate().controlling(7));
        }
        scene.answer(&[NEAR]);
        assert_eq!(scene.target(), Some((at(NEAR), true)));
        assert!(!scene.agent.accepts(at(FAR)));
        scene.talk(&[NEAR, FAR], 1000);
        assert!(scene.agent.accepts(at(FAR)), "{role:?}");
        assert_eq!(scene.target(), Some((at(NEAR), true)));
    }
}

#[test]
fn a_pair_that_nobody_has_answered_on_is_never_the_peers_though_it_was_nominated() {
    let mut scene = Scene::with(Role::Controlled, false, |candidates| equal(candidates));
    for _ in 0..60 {
        for from in [NEAR, FAR, ELSEWHERE] {
            scene.check(from, |builder| builder.use_candidate().controlling(7));
        }
        scene.talk(&[NEAR], 1000);
    }
    assert_eq!(scene.target(), Some((at(NEAR), true)));
    assert!(!scene.agent.accepts(at(FAR)) && !scene.agent.accepts(at(ELSEWHERE)));
}

#[test]
fn a_peer_that_keeps_to_the_other_pair_is_listened_to_there_for_good() {
    let mut scene = Scene::with(Role::Controlled, false, |candidates| equal(candidates));
    for from in [NEAR, FAR] {
        scene.check(from, |builder| builder.use_candidate().controlling(7));
    }
    scene.talk(&[NEAR, FAR], 500);
    let other = if scene.target() == Some((at(NEAR), true)) { FAR } else { NEAR };
    for _ in 0..20 {
        scene.talk(&[NEAR, FAR], 5000);
        scene.check(other, |builder| builder.use_candidate().controlling(7));
        assert!(scene.agent.accepts(at(other)));
    }
    scene.talk(&[other], 5000);
    scene.check(other, |builder| builder.use_candidate().controlling(7));
    assert_eq!(scene.target(), Some((at(other), true)), "and followed once the one we kept to is silent");
}

#[test]
fn a_valid_pair_that_neither_side_uses_is_forgotten() {
    let mut scene = Scene::with(Role::Controlled, false, |candidates| equal(candidates));
    for from in [NEAR, FAR] {
        scene.check(from, |builder| builder.use_candidate().controlling(7));
    }
    scene.talk(&[NEAR, FAR], 60_000);
    let accepted = [NEAR, FAR].into_iter().filter(|from| scene.agent.accepts(at(from)));
    assert_eq!(accepted.count(), 1);
}

#[test]
fn an_answer_from_elsewhere_is_refused_though_it_is_authentic() {
    let mut scene = Scene::new(Role::Controlled);
    scene.wait(0);
    let transaction = scene.requests()[0].transaction;
    let answer = success(transaction, at("192.0.2.1:40000"));
    assert_eq!(scene.hear(ELSEWHERE, &answer), Err(Refused));
    assert_eq!(
        scene.hear(NEAR, &message(Class::Success, transaction, "wrong", |builder| builder)),
        Err(Refused)
    );
    assert_eq!(scene.target(), None);
    assert_eq!(scene.hear(NEAR, &answer), Ok(()));
    assert_eq!(scene.target(), Some((at(NEAR), false)));
    assert_eq!(scene.hear(NEAR, &answer), Ok(()), "again, to a repeated request");
}

#[test]
fn an_error_that_proves_nothing_ends_nothing() {
    let mut scene = Scene::new(Role::Controlled);
    scene.wait(0);
    let transaction = scene.requests()[0].transaction;
    for (password, code) in [("wrong", 487), ("wrong", 401), ("", 400)] {
        let error = message(Class::Error, transaction, password, |builder| builder.error(code, ""));
        assert_eq!(scene.hear(NEAR, &error), Err(Refused));
    }
    assert_eq!(scene.agent.role(), Role::Controlled);
    let answer = success(transaction, at("192.0.2.1:40000"));
    assert_eq!(scene.hear(NEAR, &answer), Ok(()));
}

#[test]
fn role_conflicts_go_by_the_tie_breaker() {
    for (ours, theirs, answer, then) in [
        (Role::Controlling, 1 << 50, Class::Success, Role::Controlled),
        (Role::Controlling, 1 << 30, Class::Error, Role::Controlling),
        (Role::Controlled, 1 << 50, Class::Error, Role::Controlled),
        (Role::Controlled, 1 << 30, Class::Success, Role::Controlling),
    ] {
        let mut scene = Scene::new(ours);
        let (class, error) = match ours {
            Role::Controlling => scene.check(NEAR, |builder| builder.controlling(theirs)),
            Role::Controlled => scene.check(NEAR, |builder| builder.controlled(theirs)),
        };
        assert_eq!((class, scene.agent.role()), (answer, then));
        assert_eq!(error, (class == Class::Error).then_some(487));
    }
}

#[test]
fn a_peer_that_insists_on_its_role_is_given_in_to_with_another_tie_breaker() {
    let mut scene = Scene::new(Role::Controlling);
    scene.wait(0);
    let transaction = scene.requests()[0].transaction;
    scene.sent.clear();
    let error = message(Class::Error, transaction, THEIRS.1, |builder| builder.error(487, "Role Conflict"));
    scene.hear(NEAR, &error).unwrap();
    assert_eq!(scene.agent.role(), Role::Controlled);
    assert_ne!(scene.agent.tie_breaker(), 1 << 40);
    scene.talk(&[NEAR], 200);
    assert_eq!(scene.target(), Some((at(NEAR), false)));
}

#[test]
fn an_attribute_that_has_to_be_understood_is_asked_back() {
    let mut scene = Scene::new(Role::Controlled);
    assert_eq!(scene.check(NEAR, |builder| builder.other(0x7001, &[])), (Class::Error, Some(420)));
    assert!(!scene.agent.expects(at(NEAR)));
}

#[test]
fn a_peer_that_checks_often_from_far_away_gets_the_time_to_answer() {
    let mut scene = Scene::with(Role::Controlled, false, |candidates| candidates.truncate(1));
    scene.wait(0);
    let transaction = scene.requests()[0].transaction;
    for _ in 0..60 {
        scene.wait(50);
        scene.check(NEAR, |builder| builder.controlling(7));
    }
    let repeated = scene.requests().len();
    assert!((4..=7).contains(&repeated), "{repeated}");
    assert_eq!(scene.hear(NEAR, &success(transaction, at("192.0.2.1:40000"))), Ok(()));
    assert_eq!(scene.target(), Some((at(NEAR), false)));
}

#[test]
fn another_branch_is_answered_and_not_followed() {
    let mut scene = Scene::with(Role::Controlled, false, Vec::clear);
    let (class, _) = scene.check_as("branch", ELSEWHERE, |builder| builder.use_candidate().controlling(7));
    assert_eq!(class, Class::Success);
    scene.sent.clear();
    scene.wait(5000);
    assert!(scene.requests().is_empty());
}

#[test]
fn addresses_nobody_has_signalled_are_bounded() {
    let mut scene = Scene::with(Role::Controlled, false, Vec::clear);
    for port in 1..100 {
        scene.check(&format!("203.0.113.9:{port}"), |builder| builder);
    }
    scene.sent.clear();
    scene.wait(1000);
    let mut checked: Vec<SocketAddr> = scene.sent.iter().map(|sent| sent.to).collect();
    checked.sort();
    checked.dedup();
    assert!(checked.len() <= 8, "{checked:?}");
}

#[test]
fn consent_is_renewed_by_answers_and_lost_without() {
    let mut scene = Scene::new(Role::Controlling);
    scene.talk(&[NEAR], 120_000);
    assert_eq!((scene.agent.state(), scene.target()), (State::Completed, Some((at(NEAR), true))));
    scene.wait(31_000);
    assert_eq!((scene.agent.state(), scene.target()), (State::Disconnected, None));
    assert!(!scene.agent.accepts(at(NEAR)));
    scene.talk(&[NEAR], 10_000);
    assert_eq!((scene.agent.state(), scene.target()), (State::Completed, Some((at(NEAR), true))));
}

#[test]
fn a_lite_agent_never_asks() {
    let mut scene = Scene::with(Role::Controlled, true, |_| {});
    scene.wait(60_000);
    scene.check(NEAR, |builder| builder.controlling(7));
    assert_eq!(scene.target(), Some((at(NEAR), false)));
    scene.check(NEAR, |builder| builder.use_candidate().controlling(7));
    scene.wait(60_000);
    assert_eq!(scene.target(), Some((at(NEAR), true)));
    assert!(scene.requests().is_empty());
}

#[test]
fn a_lite_agent_lets_the_peer_that_checks_control_whatever_the_tie_breaker() {
    for tie_breaker in [0, u64::MAX] {
        for role in [Role::Controlling, Role::Controlled] {
            let mut scene = Scene::with(role, true, |_| {});
            let conflict = scene.check(NEAR, |builder| builder.use_candidate().controlled(tie_breaker));
            assert_eq!(conflict, (Class::Error, Some(487)));
            let taken = scene.check(NEAR, |builder| builder.use_candidate().controlling(tie_breaker));
            assert_eq!(taken, (Class::Success, None));
            assert_eq!(scene.agent.role(), Role::Controlled);
            assert_eq!(scene.target(), Some((at(NEAR), true)));
        }
    }
}

#[test]
fn two_lite_agents_take_the_best_pair() {
    let settings = Settings {
        component: 1,
        local: credentials(OURS),
        role: Role::Controlled,
        lite: true,
        tie_breaker: 1,
        seed: 1,
    };
    let mut agent = Agent::new(settings);
    agent.use_bases(&[Base { id: BASE, address: at("192.0.2.1:40000"), kind: Kind::Host }]);
    let remote = Remote { credentials: credentials(THEIRS), lite: true };
    agent.meet(Duration::ZERO, remote, [candidate(FAR, 1), candidate(NEAR, 2)].into_iter());
    assert_eq!(agent.target().map(|target| target.remote), Some(at(NEAR)));
}

proptest! {
    /// Whatever is said by whom in which order: who has not answered a check is not the peer, and time goes on.
    #[test]
    fn only_who_answers_becomes_the_peer(steps in prop::collection::vec((0u8..8, any::<u8>()), 0..60)) {
        let role = if steps.len() % 2 == 0 { Role::Controlling } else { Role::Controlled };
        let mut scene = Scene::new(role);
        let mut answered = Vec::new();
        for (step, detail) in steps {
            let who = [NEAR, FAR, ELSEWHERE][usize::from(detail) % 3];
            match step {
                0 | 1 => scene.wait(u64::from(detail) * 20),
                2 => drop(scene.check(who, |builder| builder.use_candidate().controlling(u64::from(detail) << 36))),
                3 => drop(scene.check(who, |builder| builder.controlled(u64::from(detail) << 36))),
                4 | 5 => {
                    scene.answer(&[who]);
                    answered.push(at(who));
                }
                6 => {
                    let forged = success(transaction(usize::from(detail)), at(who));
                    let _ = scene.hear(who, &forged);
                }
                _ => scene.wait(u64::from(detail) * 1000),
            }
            if let Some((remote, _)) = scene.target() {
                prop_assert!(answered.contains(&remote));
            }
            if let Some(due) = scene.agent.poll_timeout() {
                let sent = &mut scene.sent;
                let now = scene.now.max(due);
                scene.agent.handle_timeout(now, &mut |_, to, bytes| sent.push(Sent { to, bytes: bytes.to_vec() }));
                scene.now = now;
                prop_assert!(scene.agent.poll_timeout().is_none_or(|next| next > now));
            }
        }
    }
}
