//! ICE between a peer and the proxy: roles, validated pairs, several addresses, consent.

#![expect(clippy::unwrap_used, reason = "a broken expectation is what it looks for")]

mod support;

use std::{net::SocketAddr, time::Duration};

use protocol::{IceRole, IceState, LocalId, RtcpMode};
use sim::{
    Behaviour, Network, PROXY_IPV6, Scene,
    ice::{self, IceEnd},
    plans,
};
use support::ice_call::Call;

#[test]
fn a_controlling_peer_decides_and_media_flows() {
    assert_settles(Call::new(IceRole::Controlled));
}

#[test]
fn as_the_controlling_side_the_proxy_nominates() {
    assert_settles(Call::new(IceRole::Controlling));
}

fn assert_settles(mut call: Call) {
    call.alice_starts();
    call.scene.wait(3000);
    assert_eq!(call.states(), [IceState::Checking, IceState::Connected, IceState::Completed]);
    assert_eq!(call.nominated_by_alice(), Some(call.scene.local(1)));
    assert_eq!(call.flow(), (5, 5));
}

#[test]
fn nothing_is_sent_or_taken_before_a_pair_is_valid() {
    let mut call = Call::new(IceRole::Controlling);
    assert_eq!(call.flow(), (0, 0));
    assert_eq!(call.scene.rtp(1).unroutable, 5);
}

#[test]
fn a_peer_that_takes_itself_for_controlling_too_is_agreed_with() {
    for (theirs, is_controlling) in [(u64::MAX, true), (0, false)] {
        let mut call = Call::new(IceRole::Controlling);
        let end = call.end(true).with_tie_breaker(theirs);
        call.start(end);
        call.scene.wait(5000);
        assert_eq!(call.state(), IceState::Completed);
        assert_eq!(call.scene.net.ice(call.scene.alice, false).is_controlling(), is_controlling);
        assert_eq!(call.flow(), (5, 5));
    }
}

#[test]
fn two_controlled_sides_come_to_terms_as_well() {
    for theirs in [u64::MAX, 0] {
        let mut call = Call::new(IceRole::Controlled);
        let end = call.end(false).with_tie_breaker(theirs);
        call.start(end);
        call.scene.wait(5000);
        assert_eq!(call.state(), IceState::Completed);
        assert_eq!(call.flow(), (5, 5));
    }
}

#[test]
fn a_lite_peer_is_checked_and_told_which_pair_is_used() {
    let mut call = Call::with(IceRole::Controlling, |plan| {
        plan.streams[0].ice.as_mut().unwrap().remote_lite = true;
    });
    let end = call.end(false).lite();
    call.start(end);
    call.scene.wait(3000);
    assert_eq!(call.state(), IceState::Completed);
    assert_eq!(call.nominated_by_alice(), Some(call.scene.local(1)));
    assert_eq!(call.flow(), (5, 5));
}

#[test]
fn as_a_lite_agent_the_proxy_answers_and_asks_nothing() {
    let mut call = Call::with(IceRole::Controlled, |plan| plan.streams[0].ice.as_mut().unwrap().lite = true);
    call.scene.wait(5000);
    assert_eq!((call.state(), call.flow().1), (IceState::Checking, 0));
    call.alice_starts();
    call.scene.wait(3000);
    assert_eq!(call.state(), IceState::Completed);
    assert_eq!(call.flow(), (5, 5));
    call.scene.wait(60_000);
    assert_eq!(call.flow(), (5, 5));
}

#[test]
fn rtcp_with_a_port_of_its_own_has_an_agent_of_its_own() {
    let mut call = Call::with(IceRole::Controlling, |plan| plan.streams[0].rtcp = RtcpMode::Separate);
    call.alice_starts();
    call.scene.wait(3000);
    assert_eq!(call.state(), IceState::Checking, "RTCP is behind");
    let alice = call.scene.alice;
    let address = call.scene.net.address(alice);
    let own = SocketAddr::new(address.ip(), address.port() + 1);
    let end = IceEnd::new(own, false, &[call.scene.local_rtcp(1)]);
    call.scene.net.start_ice(alice, true, end);
    call.scene.wait(5000);
    assert_eq!(call.state(), IceState::Completed);
    let report = sim::packets::sender_report(call.scene.net.ssrc(call.scene.bob), 7, &[]);
    call.scene.forget();
    call.scene.net.report(call.scene.bob, call.scene.local_rtcp(2), &report, true);
    call.scene.net.settle();
    let heard = call.scene.heard(alice);
    assert!(heard.iter().any(|packet| packet.on_rtcp_port && packet.from == call.scene.local_rtcp(1)));
    assert_eq!(call.flow(), (5, 5));
}

#[test]
fn checks_that_come_before_the_answer_are_answered_and_remembered() {
    let mut call = Call::with(IceRole::Controlling, |plan| {
        let ice = plan.streams[0].ice.as_mut().unwrap();
        (ice.remote_ufrag, ice.remote_pwd) = (None, None);
        ice.candidates.clear();
    });
    call.alice_starts();
    call.scene.wait(3000);
    assert_eq!(call.state(), IceState::Waiting);
    assert!(call.scene.rtp(1).checks >= 1);
    assert_eq!(call.flow(), (0, 0));
    // The answer has no candidate: Alice was found by her checks.
    let known = ice::plan(IceRole::Controlling, sim::ALICE.parse().unwrap());
    call.replan(|ice| (ice.remote_ufrag, ice.remote_pwd) = (known.remote_ufrag, known.remote_pwd));
    call.scene.wait(1000);
    assert_eq!(call.state(), IceState::Completed);
    assert_eq!(call.flow(), (5, 5));
}

#[test]
fn candidates_may_come_later() {
    let mut call = Call::with(IceRole::Controlling, |plan| {
        let ice = plan.streams[0].ice.as_mut().unwrap();
        ice.candidates.clear();
        ice.end_of_candidates = false;
    });
    // Alice does not know the proxy's candidates yet, so she only answers.
    let end = IceEnd::new(call.scene.net.address(call.scene.alice), false, &[]);
    call.start(end);
    call.scene.wait(5000);
    assert_eq!(call.state(), IceState::Checking);
    let candidate = ice::candidate(1, sim::ALICE.parse().unwrap());
    call.replan(|ice| {
        ice.candidates.push("9 1 UDP 7 abc.local 4000 typ host".to_owned());
        ice.candidates.push("9 1 TCP 7 198.51.100.7 9 typ host tcptype active".to_owned());
        ice.candidates.push(candidate);
        ice.end_of_candidates = true;
    });
    call.scene.wait(3000);
    assert_eq!(call.state(), IceState::Completed);
    assert_eq!(call.flow(), (5, 5));
}

#[test]
fn a_peer_behind_a_nat_is_found_by_its_checks() {
    for (mapping, filtering) in [
        (Behaviour::EndpointIndependent, Behaviour::AddressAndPortDependent),
        (Behaviour::AddressAndPortDependent, Behaviour::AddressAndPortDependent),
    ] {
        for role in [IceRole::Controlling, IceRole::Controlled] {
            let mut net = Network::seeded(1);
            let nat = net.nat("198.51.100.1", mapping, filtering);
            let alice = net.peer_behind(nat, "192.168.1.5:4000");
            let mut call = Call::across(net, alice, role);
            call.scene.wait(5000);
            assert_eq!(call.state(), IceState::Completed);
            assert_eq!(call.flow(), (5, 5));
            assert_eq!(call.pair().unwrap().remote.ip().to_string(), "198.51.100.1");
        }
    }
}

#[test]
fn a_peer_whose_nat_gives_it_another_port_is_followed() {
    for role in [IceRole::Controlling, IceRole::Controlled] {
        let mut net = Network::seeded(1);
        let nat = net.nat("198.51.100.1", Behaviour::EndpointIndependent, Behaviour::AddressAndPortDependent);
        let alice = net.peer_behind(nat, "192.168.1.5:4000");
        let mut call = Call::across(net, alice, role);
        call.scene.wait(5000);
        let before = call.pair().unwrap();
        call.scene.net.rebind(nat);
        call.scene.wait(15_000);
        assert_ne!(call.pair(), Some(before));
        assert_eq!(call.flow(), (5, 5));
    }
}

#[test]
fn of_two_address_families_the_one_that_works_is_used() {
    let mut call = Call::with(IceRole::Controlling, |plan| {
        plan.streams[0].locals.push(plans::local(77, PROXY_IPV6));
        let ice = plan.streams[0].ice.as_mut().unwrap();
        ice.candidates.insert(0, ice::candidate(1, "[2001:db8::7]:4000".parse().unwrap()));
    });
    call.alice_starts();
    call.scene.wait(3000);
    assert_eq!(call.state(), IceState::Completed);
    assert_eq!(call.pair().unwrap().local, LocalId(1));
    assert_eq!(call.flow(), (5, 5));
}

#[test]
fn media_leaves_from_the_port_the_peer_was_validated_on() {
    let mut call = Call::with(IceRole::Controlled, |plan| {
        plan.streams[0].locals.insert(0, plans::local(77, PROXY_IPV6));
        let address = "[2001:db8::7]:4000".parse().unwrap();
        plan.streams[0].ice.as_mut().unwrap().candidates.push(ice::candidate(1, address));
    });
    call.alice_starts();
    call.scene.wait(3000);
    assert_eq!(call.pair().unwrap().local, LocalId(1));
    let local = call.scene.local(1);
    call.scene.forget();
    call.scene.bob_talks(100);
    assert!(call.scene.heard(call.scene.alice).iter().all(|packet| packet.from == local));
}

#[test]
fn loss_and_reordering_only_delay() {
    for seed in 0..12 {
        let mut net = Network::seeded(seed);
        net.link.loss_per_mille = 300;
        net.link.variation = Duration::from_millis(80);
        let alice = net.peer(sim::ALICE);
        let role = if seed % 2 == 0 { IceRole::Controlling } else { IceRole::Controlled };
        let mut call = Call::across(net, alice, role);
        call.scene.wait(30_000);
        assert_eq!(call.state(), IceState::Completed, "seed {seed}");
        call.scene.net.link.loss_per_mille = 0;
        assert_eq!(call.flow(), (5, 5), "seed {seed}");
    }
}

#[test]
fn a_long_way_is_no_obstacle() {
    for role in [IceRole::Controlling, IceRole::Controlled] {
        let mut net = Network::seeded(1);
        net.link.delay = Duration::from_millis(900);
        let alice = net.peer(sim::ALICE);
        let mut call = Call::across(net, alice, role);
        call.scene.wait(20_000);
        assert_eq!(call.state(), IceState::Completed);
        assert_eq!(call.flow(), (5, 5));
    }
}

#[test]
fn a_peer_that_nobody_can_reach_is_reported_and_may_still_come() {
    let mut call = Call::new(IceRole::Controlling);
    call.scene.wait(60_000);
    assert_eq!(call.states(), [IceState::Checking, IceState::Failed]);
    call.alice_starts();
    call.scene.wait(5000);
    assert_eq!(call.state(), IceState::Completed);
    assert_eq!(call.flow(), (5, 5));
}

#[test]
fn consent_is_asked_for_every_five_seconds() {
    let mut call = Call::connected(IceRole::Controlled);
    let before = call.scene.rtp(1).checks;
    call.scene.wait(300_000);
    assert_eq!(call.state(), IceState::Completed);
    assert!(call.states().is_empty());
    assert!((50..=600).contains(&(call.scene.rtp(1).checks - before)));
    assert_eq!(call.flow(), (5, 5));
}

#[test]
fn consent_that_ends_stops_media_and_is_reported() {
    let mut call = Call::connected(IceRole::Controlled);
    let alice = call.scene.alice;
    call.scene.net.stop_ice(alice);
    call.scene.wait(23_000);
    assert!(call.states().is_empty());
    call.scene.wait(8_000);
    assert_eq!(call.states(), [IceState::Disconnected]);
    call.scene.forget();
    call.scene.bob_talks(100);
    assert!(call.scene.heard(alice).iter().all(|packet| packet.ssrc().is_none()));
}

#[test]
fn a_peer_that_comes_back_after_its_consent_has_ended_is_taken_back() {
    for role in [IceRole::Controlling, IceRole::Controlled] {
        let mut call = Call::connected(role);
        let alice = call.scene.alice;
        call.scene.net.stop_ice(alice);
        call.scene.wait(120_000);
        assert_eq!(call.state(), IceState::Disconnected);
        call.alice_starts();
        call.scene.wait(10_000);
        assert_eq!(call.state(), IceState::Completed);
        assert_eq!(call.flow(), (5, 5));
    }
}

#[test]
fn a_call_whose_peer_does_no_ice_after_all_goes_on_as_signalled() {
    let mut call = Call::new(IceRole::Controlling);
    call.scene.replan(|plan| plan.streams[0].ice = None);
    assert_eq!(call.flow(), (5, 5));
}

#[test]
fn ice_that_begins_within_a_call_does_not_interrupt_it() {
    let mut scene = Scene::audio_with(|plan| plan.streams[0].rtcp = RtcpMode::Muxed);
    scene.talk(100);
    scene.replan(|plan| {
        plan.streams[0].ice = Some(ice::plan(IceRole::Controlled, sim::ALICE.parse().unwrap()));
    });
    let mut call = Call::of(scene);
    assert_eq!(call.flow(), (5, 5));
    call.alice_starts();
    call.scene.wait(3000);
    assert_eq!(call.state(), IceState::Completed);
    assert_eq!(call.flow(), (5, 5));
}
