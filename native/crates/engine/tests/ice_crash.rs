//! ICE over a crash of the data plane: media goes on at once, over the pairs that were in use, before anybody has checked
//! anything anew; then they have to be confirmed.

#![expect(clippy::unwrap_used, reason = "a broken expectation is what it looks for")]

mod support;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use protocol::{IceRole, IceState, LocalId, RtcpMode};
use sim::{
    PROXY_IPV6, Scene,
    ice::{self, IceEnd},
    plans,
};
use support::{
    ice_call::{Call, NEW_REMOTE, crash, crash_with, restart},
    two_addresses::{self, FIRST, SECOND},
};

const ELSEWHERE: &str = "198.51.100.99:4444";

#[test]
fn media_flows_at_once_over_the_nominated_pair() {
    for role in [IceRole::Controlling, IceRole::Controlled] {
        let mut call = Call::connected(role);
        crash(&mut call.scene);
        assert_eq!(call.flow(), (5, 5));
        call.scene.wait(60_000);
        assert_eq!(call.state(), IceState::Completed);
        assert!(call.scene.rtp(1).checks > 0);
        assert_eq!(call.flow(), (5, 5));
    }
}

#[test]
fn the_pair_has_to_be_confirmed() {
    let mut call = Call::connected(IceRole::Controlled);
    crash(&mut call.scene);
    let alice = call.scene.alice;
    call.scene.net.stop_ice(alice);
    call.scene.wait(31_000);
    assert_eq!(call.state(), IceState::Disconnected);
}

#[test]
fn a_pair_that_is_used_and_not_nominated_yet_goes_on_and_may_be_nominated() {
    let mut call = two_addresses::Call::new(|_| {});
    call.check(FIRST);
    call.live(500);
    assert_eq!(call.state(), IceState::Connected);
    call.crash_deaf();
    assert_eq!(call.state(), IceState::Connected);
    assert_eq!(call.flow(), (5, 5));
    call.alice.answers = [true, true];
    call.nominate(FIRST);
    call.live(500);
    assert_eq!(call.state(), IceState::Completed);
    assert_eq!(call.flow(), (5, 5));
}

#[test]
fn a_peer_that_uses_another_valid_pair_than_we_is_heard_at_once() {
    let mut call = two_addresses::Call::new(|_| {});
    call.nominate(FIRST);
    call.nominate(SECOND);
    call.live(500);
    for speaks_at in [FIRST, SECOND] {
        call.alice.speaks_at = speaks_at;
        call.crash_deaf();
        assert_eq!(call.flow(), (5, 5));
        assert_eq!(call.state(), IceState::Completed);
        call.alice.answers = [true, true];
        call.live(500);
    }
}

#[test]
fn of_several_interfaces_media_leaves_from_the_one_in_use() {
    let other = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 9));
    for (number, address, peer) in [(77, other, sim::ALICE), (78, PROXY_IPV6, "[2001:db8::7]:4000")] {
        let peer: SocketAddr = peer.parse().unwrap();
        let mut net = sim::Network::seeded(1);
        let (alice, bob) = (net.peer(&peer.to_string()), net.peer(sim::BOB));
        let mut call = Call::of(Scene::between(net, alice, bob, |plan| {
            plan.streams[0].rtcp = RtcpMode::Muxed;
            plan.streams[0].locals.push(plans::local(number, address));
            plan.streams[0].ice = Some(ice::plan(IceRole::Controlled, peer));
        }));
        let local = call.scene.local(number);
        call.start(IceEnd::new(peer, true, &[local]));
        call.scene.wait(3000);
        assert_eq!(call.pair().unwrap().local, LocalId(number));
        crash(&mut call.scene);
        call.scene.net.stop_ice(alice);
        assert_eq!(call.pair().unwrap().local, LocalId(number));
        call.scene.net.speak(alice, local);
        call.scene.bob_talks(100);
        let heard = call.scene.heard(alice);
        let media: Vec<_> = heard.iter().filter(|packet| packet.ssrc().is_some()).collect();
        assert_eq!(media.len(), 5);
        assert!(media.iter().all(|packet| packet.from == local));
        let ssrc = call.scene.net.ssrc(alice);
        assert!(call.scene.heard(bob).iter().any(|packet| packet.ssrc() == Some(ssrc)));
    }
}

#[test]
fn rtcp_with_a_port_of_its_own_has_its_pair_again() {
    let mut call = Call::with(IceRole::Controlled, |plan| plan.streams[0].rtcp = RtcpMode::Separate);
    call.alice_starts();
    let (alice, to) = (call.scene.alice, call.scene.local_rtcp(1));
    let rtcp = SocketAddr::new(call.scene.net.address(alice).ip(), 4001);
    call.scene.net.start_ice(alice, true, IceEnd::new(rtcp, true, &[to]));
    call.scene.wait(3000);
    let before = call.scene.stats(1).ice.unwrap();
    crash(&mut call.scene);
    call.scene.net.stop_ice(alice);
    let after = call.scene.stats(1).ice.unwrap();
    assert_eq!((after.rtp, after.rtcp), (before.rtp, before.rtcp));
    assert_eq!(after.rtcp.unwrap().remote, rtcp);
    let report = sim::packets::sender_report(call.scene.net.ssrc(call.scene.bob), 7, &[]);
    call.scene.net.report(call.scene.bob, call.scene.local_rtcp(2), &report, true);
    call.scene.net.settle();
    assert!(call.scene.heard(alice).iter().any(|packet| packet.on_rtcp_port && packet.from == to));
}

#[test]
fn while_ice_restarts_the_old_pair_carries_media_also_after_a_crash() {
    for role in [IceRole::Controlling, IceRole::Controlled] {
        let mut call = Call::connected(role);
        call.replan(|ice| restart(ice, ELSEWHERE));
        crash(&mut call.scene);
        assert_eq!(call.flow(), (5, 5));
        assert_eq!(call.state(), IceState::Checking);
        // With the old words, in both directions.
        call.scene.wait(60_000);
        assert_eq!(call.flow(), (5, 5));
        let alice = call.scene.alice;
        call.scene.net.stop_ice(alice);
        call.scene.wait(31_000);
        assert_eq!(call.flow(), (0, 0));
    }
}

#[test]
fn a_snapshot_from_before_a_restart_has_the_old_pair_go_on() {
    let mut call = Call::connected(IceRole::Controlled);
    let snapshot = call.scene.net.snapshot(&call.scene.plan.session).unwrap();
    call.replan(|ice| restart(ice, ELSEWHERE));
    crash_with(&mut call.scene, &snapshot);
    assert_eq!(call.state(), IceState::Checking);
    assert_eq!(call.flow(), (5, 5));
}

#[test]
fn a_browser_that_goes_on_with_our_old_words_is_still_understood_after_a_crash() {
    for role in [IceRole::Controlled, IceRole::Controlling] {
        let mut call = Call::connected(role);
        let alice = call.scene.alice;
        call.scene.net.set_address(alice, ELSEWHERE);
        call.replan(|ice| restart(ice, ELSEWHERE));
        let (own, is_controlling) = (call.scene.net.address(alice), role == IceRole::Controlled);
        let end = IceEnd::with(own, is_controlling, &[call.scene.local(1)], NEW_REMOTE, ice::LOCAL);
        call.start(end);
        call.scene.wait(3000);
        for _ in 0..3 {
            crash(&mut call.scene);
            assert_eq!(call.state(), IceState::Completed);
            assert_eq!(call.pair().unwrap().remote, ELSEWHERE.parse().unwrap());
            assert_eq!(call.flow(), (5, 5));
            call.scene.wait(60_000);
            assert_eq!(call.flow(), (5, 5));
        }
    }
}

#[test]
fn checks_after_a_crash_are_other_ones_than_before() {
    let mut call = two_addresses::Call::new(|_| {});
    call.nominate(FIRST);
    call.live(40_000);
    call.crash_deaf();
    call.alice.answers = [true, true];
    call.live(40_000);
    let mut asked = call.alice.asked.clone();
    let all = asked.len();
    asked.sort();
    asked.dedup();
    assert!(asked.len() > 6);
    assert_eq!(asked.len(), all);
}
