//! Keys and roll-over counters of long calls through holds, new keys and new addresses (RFC 3711 §3.3.1, RFC 4568
//! §7.1.4).

use std::net::SocketAddr;

use protocol::SrtpKeyPlan;
use sim::{Random, Scene, crypto};
use srtp::Suite;

const SUITE: Suite = Suite::AesCm128HmacSha1_80;
const ELSEWHERE: &str = "198.51.100.7:4600";

/// Alice speaks SRTP, Bob RTP; both have sent more than 65,536 packets.
struct LongCall {
    scene: Scene,
    theirs: SrtpKeyPlan,
    ours: SrtpKeyPlan,
    /// Where the sequence of both is.
    at: u16,
    /// What has happened, for whoever has to find out why it failed.
    course: Vec<u64>,
}

impl LongCall {
    fn new() -> LongCall {
        let (theirs, ours) = (crypto::key(SUITE, 1), crypto::key(SUITE, 2));
        let mut scene = Scene::audio_with(|plan| plan.streams[0].security = crypto::sdes(&theirs, &ours));
        let alice = scene.alice;
        scene.net.secure(alice, &theirs, &ours);
        let mut call = LongCall { scene, theirs, ours, at: 1, course: Vec::new() };
        // Time is short: each step leaves out half a cycle.
        for at in [1, 30_000, 60_000, 24_000, 50_000] {
            call.jump_to(at);
            call.assert_flows();
        }
        let ssrc = call.scene.net.ssrc(alice);
        assert_eq!(call.scene.net.crypto(alice).sent_index(ssrc).map(|index| index >> 16), Some(1));
        call
    }

    fn jump_to(&mut self, at: u16) {
        let (alice, bob) = (self.scene.alice, self.scene.bob);
        self.scene.net.set_sequence(alice, at);
        self.scene.net.set_sequence(bob, at);
        self.at = at;
    }

    fn flow(&mut self) -> (usize, usize) {
        let (alice, bob) = (self.scene.alice, self.scene.bob);
        self.scene.forget();
        self.scene.talk(100);
        self.at += 5;
        let received = self.scene.heard(alice);
        let opened = received.iter().filter(|packet| self.scene.net.open(alice, packet).is_some()).count();
        (opened, self.scene.heard(bob).len())
    }

    /// Both go on, a little less than half a cycle further.
    fn advance(&mut self) {
        self.jump_to(self.at.wrapping_add(30_000));
        self.assert_flows();
    }

    /// Alice goes on sending while nothing goes to her; then the call is taken up again.
    fn hold(&mut self) {
        let address = self.scene.net.address(self.scene.alice);
        self.scene.replan(|plan| {
            plan.streams[0].remote = Some(sim::plans::remote_at(SocketAddr::from(([0, 0, 0, 0], 9))));
            plan.streams[0].receive = false;
            plan.streams[0].learning.epoch += 1;
        });
        self.jump_to(self.at.wrapping_add(20_000));
        assert_eq!(self.flow(), (0, 0));
        self.scene.replan(|plan| {
            plan.streams[0].remote = Some(sim::plans::remote_at(address));
            plan.streams[0].receive = true;
            plan.streams[0].learning.epoch += 1;
        });
        self.assert_flows();
    }

    /// New keys of both, the second with `number`; from a new address or the old one. Alice goes on with her counter,
    /// or begins at 0.
    fn rekey(&mut self, number: u8, address: Option<&str>, keeps: bool) {
        let ssrc = self.scene.net.ssrc(self.scene.alice);
        let alice = self.scene.alice;
        let roc = self.scene.net.crypto(alice).sent_index(ssrc).map_or(0, |index| (index >> 16) as u32);
        self.signal(number, number + 100, address);
        self.alice_sends_from(if keeps { roc } else { 0 });
        self.alice_receives_from(address.is_none());
        self.assert_flows();
    }

    fn assert_flows(&mut self) {
        assert_eq!(self.flow(), (5, 5), "at {}, after {:?}", self.at, self.course);
    }

    /// An offer or answer of Alice with these keys, from this address.
    fn signal(&mut self, theirs: u8, ours: u8, address: Option<&str>) {
        self.theirs = crypto::key(SUITE, theirs);
        self.ours = crypto::key(SUITE, ours);
        if let Some(address) = address {
            let alice = self.scene.alice;
            self.scene.net.set_address(alice, address);
        }
        let (security, alice) =
            (crypto::sdes(&self.theirs, &self.ours), self.scene.net.address(self.scene.alice));
        self.scene.replan(|plan| {
            plan.streams[0].security = security;
            plan.streams[0].remote = Some(sim::plans::remote_at(alice));
            plan.streams[0].learning.epoch += 1;
        });
    }

    /// Alice's part of that: how her roll-over counters go on.
    fn alice_sends_from(&mut self, roc: u32) {
        let (alice, theirs) = (self.scene.alice, self.theirs.clone());
        let ssrc = self.scene.net.ssrc(alice);
        self.scene.net.crypto(alice).send_with(&theirs, ssrc, roc);
    }

    fn alice_receives_from(&mut self, kept: bool) {
        let (alice, bob, ours) = (self.scene.alice, self.scene.bob, self.ours.clone());
        let ssrc = self.scene.net.ssrc(bob);
        let index = self.scene.net.crypto(alice).received_index(ssrc).filter(|_| kept);
        self.scene.net.crypto(alice).receive_with(&ours, index.map(|index| (ssrc, index)));
    }
}

#[test]
fn the_same_plan_again_changes_nothing() {
    let mut call = LongCall::new();
    call.signal(1, 2, None);
    call.assert_flows();
}

#[test]
fn hold_and_its_end_keep_the_counters() {
    let mut call = LongCall::new();
    let Ok(nowhere) = "0.0.0.0:9".parse() else { panic!() };
    call.scene.replan(|plan| {
        plan.streams[0].remote = Some(sim::plans::remote_at(nowhere));
        plan.streams[0].receive = false;
    });
    // A phone may go on sending: a cycle ends while nobody listens.
    for at in [60_000, 20_000] {
        call.jump_to(at);
        assert_eq!(call.flow(), (0, 0));
    }
    let address = call.scene.net.address(call.scene.alice);
    call.scene.replan(|plan| {
        plan.streams[0].remote = Some(sim::plans::remote_at(address));
        plan.streams[0].receive = true;
    });
    let alice = call.scene.alice;
    let ssrc = call.scene.net.ssrc(alice);
    assert_eq!(call.flow().1, 5);
    assert_eq!(call.scene.net.crypto(alice).sent_index(ssrc).map(|index| index >> 16), Some(2));
}

#[test]
fn with_a_new_key_the_peer_may_keep_its_counter_or_begin_again() {
    for address in [None, Some(ELSEWHERE)] {
        for roc in [0, 1] {
            let mut call = LongCall::new();
            call.signal(11, 2, address);
            call.alice_sends_from(roc);
            call.assert_flows();
            call.jump_to(10_000);
            call.assert_flows();
        }
    }
}

#[test]
fn with_the_same_key_at_a_new_address_the_peer_may_keep_its_counter_or_begin_again() {
    for roc in [0, 1] {
        let mut call = LongCall::new();
        call.signal(1, 2, Some(ELSEWHERE));
        call.alice_sends_from(roc);
        call.assert_flows();
    }
}

#[test]
fn what_was_heard_before_is_not_heard_again_after_signalling() {
    let mut call = LongCall::new();
    let (alice, bob) = (call.scene.alice, call.scene.bob);
    let ssrc = call.scene.net.ssrc(alice);
    let recorded = call.scene.net.crypto(alice).protect(&sim::packets::rtp(0, 51_000, 0, ssrc));
    call.scene.net.send(alice, call.scene.local(1), recorded.clone());
    call.scene.net.settle();
    call.signal(1, 2, None);
    call.scene.forget();
    call.scene.net.send(alice, call.scene.local(1), recorded);
    call.scene.net.settle();
    assert!(call.scene.heard(bob).is_empty());
    let stats = call.scene.rtp(1);
    assert_eq!(stats.replays + stats.authentication_failures, 1);
}

#[test]
fn with_a_new_key_at_the_same_address_our_counter_goes_on() {
    let mut call = LongCall::new();
    call.signal(1, 12, None);
    call.alice_receives_from(true);
    call.assert_flows();
}

#[test]
fn with_a_new_key_at_a_new_address_our_counter_begins_again() {
    let mut call = LongCall::new();
    call.signal(1, 12, Some(ELSEWHERE));
    call.alice_receives_from(false);
    call.assert_flows();
}

#[test]
fn with_the_same_key_at_a_new_address_our_counter_goes_on() {
    let mut call = LongCall::new();
    call.signal(1, 2, Some(ELSEWHERE));
    call.assert_flows();
}

#[test]
fn a_new_key_at_the_end_of_a_cycle_is_followed_both_ways() {
    let mut call = LongCall::new();
    call.jump_to(65_531);
    let (alice, bob) = (call.scene.alice, call.scene.bob);
    call.scene.talk(100);
    call.scene.net.set_sequence(alice, 0);
    call.scene.net.set_sequence(bob, 0);
    call.at = 0;
    let received = call.scene.heard(alice);
    assert_eq!(received.iter().filter(|packet| call.scene.net.open(alice, packet).is_some()).count(), 5);
    call.signal(11, 12, None);
    call.alice_sends_from(2);
    call.alice_receives_from(true);
    call.assert_flows();
}

#[test]
fn several_new_keys_during_a_hold_lose_no_counter() {
    for roc in [0, 1] {
        let mut call = LongCall::new();
        call.signal(11, 12, None);
        call.signal(21, 22, None);
        call.signal(31, 32, None);
        call.alice_sends_from(roc);
        call.alice_receives_from(true);
        call.assert_flows();
    }
}

#[test]
fn a_key_that_comes_back_goes_on_where_it_was() {
    let mut call = LongCall::new();
    let alice = call.scene.alice;
    // A re-offer elsewhere with new keys that comes to nothing.
    call.signal(11, 12, Some(ELSEWHERE));
    call.scene.bob_talks(100);
    call.signal(1, 2, Some(sim::ALICE));
    call.jump_to(51_000);
    call.scene.forget();
    call.assert_flows();
    let ssrc = call.scene.net.ssrc(call.scene.bob);
    assert_eq!(call.scene.net.crypto(alice).received_index(ssrc), Some(1 << 16 | 51_004));
}

#[test]
fn the_former_key_is_understood_until_the_new_one_was_heard_for_ten_seconds() {
    let mut call = LongCall::new();
    call.signal(11, 2, None);
    call.scene.wait(60_000);
    // Not heard yet, the peer has not changed over.
    call.assert_flows();
    let (alice, ssrc) = (call.scene.alice, call.scene.net.ssrc(call.scene.alice));
    let late = |call: &mut LongCall, number: u16| {
        let old = call.scene.net.crypto(alice).protect(&sim::packets::rtp(0, number, 0, ssrc));
        move |call: &mut LongCall| {
            call.scene.forget();
            call.scene.net.send(alice, call.scene.local(1), old.clone());
            call.scene.net.settle();
            call.scene.heard(call.scene.bob).len()
        }
    };
    let (early, too_late) = (late(&mut call, 50_200), late(&mut call, 50_201));
    call.alice_sends_from(1);
    call.scene.talk(9_000);
    assert_eq!(early(&mut call), 1);
    call.scene.talk(2_000);
    assert_eq!(too_late(&mut call), 0);
}

#[test]
fn keys_passed_on_unread_so_far_go_on_where_they_were() {
    let mut scene = Scene::audio();
    let (alices, bobs) = (crypto::key(SUITE, 1), crypto::key(SUITE, 2));
    let (alice, bob) = (scene.alice, scene.bob);
    scene.net.secure(alice, &alices, &bobs);
    scene.net.secure(bob, &bobs, &alices);
    for at in (1..70_000u32).step_by(2_500).map(|at| at as u16) {
        scene.net.set_sequence(alice, at);
        scene.net.set_sequence(bob, at);
        scene.talk(100);
        for peer in [alice, bob] {
            let heard = scene.heard(peer);
            assert_eq!(heard.iter().filter(|packet| scene.net.open(peer, packet).is_some()).count(), 5);
        }
    }
    // From now on the proxy has to read them.
    scene.replan(|plan| {
        plan.streams[0].security = crypto::sdes(&alices, &bobs);
        plan.streams[1].security = crypto::sdes(&bobs, &alices);
    });
    scene.talk(100);
    for peer in [alice, bob] {
        let heard = scene.heard(peer);
        assert_eq!(heard.iter().filter(|packet| scene.net.open(peer, packet).is_some()).count(), 5);
    }
}

#[test]
fn any_course_of_a_long_call_is_heard_to_its_end() {
    for seed in 0..60 {
        let mut random = Random::seeded(seed);
        let mut call = LongCall::new();
        for number in 3..15u8 {
            let step = random.below(6);
            call.course.push(step);
            let elsewhere = format!("198.51.100.{}:4600", 20 + number);
            match step {
                0 => call.advance(),
                1 => call.hold(),
                2 => call.rekey(number, None, true),
                3 => call.rekey(number, None, false),
                4 => call.rekey(number, Some(&elsewhere), true),
                _ => call.rekey(number, Some(&elsewhere), false),
            }
            call.advance();
        }
    }
}
