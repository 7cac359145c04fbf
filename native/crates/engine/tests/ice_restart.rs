//! ICE restarts, and ICE together with protection.

#![expect(clippy::unwrap_used, reason = "a broken expectation is what it looks for")]

mod support;

use std::net::SocketAddr;

use protocol::{
    Component, DtlsRole, DtlsState, Event, IceRole, IceState, RtcpMode, SecurityPlan, SessionPlan,
};
use sim::{
    bundle::{AUDIO, Bundle, VIDEO},
    crypto,
    ice::{self, IceEnd},
};
use support::ice_call::{Call, NEW_LOCAL, NEW_REMOTE, crash, restart};

fn restarted_end(call: &Call, controlling: bool) -> IceEnd {
    let own = call.scene.net.address(call.scene.alice);
    IceEnd::with(own, controlling, &[call.scene.local(1)], NEW_REMOTE, NEW_LOCAL)
}

#[test]
fn the_old_pair_carries_media_until_the_new_one_is_nominated() {
    for role in [IceRole::Controlling, IceRole::Controlled] {
        let mut call = Call::connected(role);
        call.replan(|ice| restart(ice, sim::ALICE));
        assert_eq!(call.state(), IceState::Checking);
        for _ in 0..20 {
            assert_eq!(call.flow(), (5, 5));
        }
        let end = restarted_end(&call, role == IceRole::Controlled);
        call.start(end);
        for _ in 0..30 {
            assert_eq!(call.flow(), (5, 5));
        }
        assert_eq!(call.state(), IceState::Completed);
    }
}

#[test]
fn a_peer_that_moves_is_followed_by_a_restart() {
    let mut call = Call::connected(IceRole::Controlled);
    let alice = call.scene.alice;
    call.scene.net.set_address(alice, "198.51.100.99:4444");
    call.replan(|ice| restart(ice, "198.51.100.99:4444"));
    let end = restarted_end(&call, true);
    call.start(end);
    call.scene.wait(3000);
    assert_eq!(call.pair().unwrap().remote, "198.51.100.99:4444".parse().unwrap());
    assert_eq!(call.flow(), (5, 5));
}

#[test]
fn a_browser_that_moves_before_it_has_read_our_new_words_is_followed() {
    for role in [IceRole::Controlled, IceRole::Controlling] {
        let mut call = Call::connected(role);
        let alice = call.scene.alice;
        call.scene.net.set_address(alice, "198.51.100.99:4444");
        call.replan(|ice| restart(ice, "198.51.100.99:4444"));
        let own = call.scene.net.address(alice);
        let is_controlling = role == IceRole::Controlled;
        let end = IceEnd::with(own, is_controlling, &[call.scene.local(1)], NEW_REMOTE, ice::LOCAL);
        call.start(end);
        call.scene.wait(3000);
        assert_eq!(call.flow(), (5, 5));
        assert_eq!(call.state(), IceState::Completed);
        // For good: consent is asked for with the words the browser knows.
        call.scene.wait(60_000);
        assert_eq!(call.flow(), (5, 5));
        assert_eq!(call.state(), IceState::Completed);
    }
}

#[test]
fn a_restart_that_comes_to_nothing_leaves_the_old_pair_as_long_as_it_lives() {
    let mut call = Call::connected(IceRole::Controlled);
    call.replan(|ice| restart(ice, sim::ALICE));
    call.scene.wait(60_000);
    assert_eq!(call.state(), IceState::Failed);
    assert_eq!(call.flow(), (5, 5));
}

#[test]
fn the_same_plan_again_is_no_restart() {
    let mut call = Call::connected(IceRole::Controlled);
    call.scene.replan(|_| {});
    call.scene.wait(10_000);
    assert!(call.states().is_empty());
    assert_eq!(call.flow(), (5, 5));
}

#[test]
fn dtls_begins_once_a_pair_is_valid() {
    let certificate = crypto::certificate();
    let mut call = protected(IceRole::Controlling, |plan| {
        let fingerprints = vec![crypto::fingerprint(&certificate)];
        plan.streams[0].security =
            SecurityPlan::Dtls { role: DtlsRole::Active, fingerprints, association: 1, certificate: None };
    });
    let alice = call.scene.alice;
    call.scene.net.await_dtls(alice, &certificate, false);
    call.scene.wait(5000);
    let is_hello = |packet: &sim::Received| wire::classify(&packet.payload) == wire::Kind::Dtls;
    assert!(!call.scene.heard(alice).iter().any(is_hello));
    call.alice_starts();
    call.scene.wait(1000);
    assert!(call.scene.net.has_keys(alice));
    assert_protected_flow(&mut call);
}

#[test]
fn a_client_hello_from_another_source_than_a_valid_pair_begins_nothing() {
    let certificate = crypto::certificate();
    let mut call = protected(IceRole::Controlled, |plan| {
        let fingerprints = vec![crypto::fingerprint(&certificate)];
        plan.streams[0].security =
            SecurityPlan::Dtls { role: DtlsRole::Passive, fingerprints, association: 1, certificate: None };
    });
    let (alice, to) = (call.scene.alice, call.scene.local(1));
    call.scene.net.start_dtls(alice, &certificate, to);
    call.scene.wait(2000);
    assert!(!call.scene.net.take_events().iter().any(|event| matches!(event, Event::DtlsState { .. })));
    call.alice_starts();
    call.scene.wait(2000);
    call.scene.net.start_dtls(alice, &certificate, to);
    call.scene.wait(1000);
    assert!(call.scene.net.has_keys(alice));
    assert_protected_flow(&mut call);
}

#[test]
fn a_client_hello_that_is_quicker_than_our_check_is_kept() {
    let certificate = crypto::certificate();
    let mut call = protected(IceRole::Controlling, |plan| {
        let fingerprints = vec![crypto::fingerprint(&certificate)];
        plan.streams[0].security =
            SecurityPlan::Dtls { role: DtlsRole::Passive, fingerprints, association: 1, certificate: None };
        let ice = plan.streams[0].ice.as_mut().unwrap();
        (ice.remote_ufrag, ice.remote_pwd) = (None, None);
    });
    let (alice, to) = (call.scene.alice, call.scene.local(1));
    call.alice_starts();
    call.scene.wait(1000);
    for _ in 0..20 {
        call.scene.net.start_dtls(alice, &certificate, to);
    }
    call.scene.wait(1000);
    assert!(call.scene.net.take_events().iter().all(|event| !matches!(event, Event::DtlsState { .. })));
    let known = ice::plan(IceRole::Controlling, sim::ALICE.parse().unwrap());
    call.replan(|ice| (ice.remote_ufrag, ice.remote_pwd) = (known.remote_ufrag, known.remote_pwd));
    call.scene.wait(1000);
    let begun = |event: Event| matches!(event, Event::DtlsState { .. });
    assert!(call.scene.net.take_events().into_iter().any(begun));
}

#[test]
fn without_multiplexing_both_components_shake_hands_over_their_own_pair() {
    let certificate = crypto::certificate();
    let mut call = Call::with(IceRole::Controlled, |plan| {
        let fingerprints = vec![crypto::fingerprint(&certificate)];
        plan.streams[0].rtcp = RtcpMode::Separate;
        plan.streams[0].security =
            SecurityPlan::Dtls { role: DtlsRole::Active, fingerprints, association: 1, certificate: None };
    });
    let alice = call.scene.alice;
    call.scene.net.await_dtls(alice, &certificate, true);
    call.alice_starts();
    let rtcp = SocketAddr::new(call.scene.net.address(alice).ip(), 4001);
    call.scene.net.start_ice(alice, true, IceEnd::new(rtcp, true, &[call.scene.local_rtcp(1)]));
    call.scene.wait(5000);
    assert_eq!(call.state(), IceState::Completed);
    let connected_component = |event| {
        if let Event::DtlsState { component, state: DtlsState::Connected { .. }, .. } = event {
            Some(component)
        } else {
            None
        }
    };
    let events = call.scene.net.take_events();
    let mut connected: Vec<_> = events.into_iter().filter_map(connected_component).collect();
    connected.sort();
    assert_eq!(connected, [Component::Rtp, Component::Rtcp]);
    assert_protected_flow(&mut call);
}

#[test]
fn keys_from_sdp_and_ice_go_together() {
    let suite = srtp::Suite::AesCm128HmacSha1_80;
    let (theirs, ours) = (crypto::key(suite, 1), crypto::key(suite, 2));
    let mut call =
        protected(IceRole::Controlled, |plan| plan.streams[0].security = crypto::sdes(&theirs, &ours));
    let alice = call.scene.alice;
    call.scene.net.secure(alice, &theirs, &ours);
    call.alice_starts();
    call.scene.wait(3000);
    assert_eq!(call.state(), IceState::Completed);
    assert_protected_flow(&mut call);
    crash(&mut call.scene);
    assert_protected_flow(&mut call);
}

#[test]
fn bundled_streams_use_the_agent_of_their_transport() {
    let alice = sim::ALICE.parse().unwrap();
    let mut bundle = Bundle::with(|plan| {
        plan.streams[0].rtcp = RtcpMode::Muxed;
        plan.streams[0].ice = Some(ice::plan(IceRole::Controlled, alice));
    });
    let packets = [sim::packets::rtp(AUDIO, 1, 0, 11), sim::packets::rtp(VIDEO, 1, 0, 22)];
    packets.iter().for_each(|packet| bundle.alice_sends(packet));
    assert_eq!(bundle.bob_hears(), [Vec::<Vec<u8>>::new(), Vec::new()]);
    let end = IceEnd::new(alice, true, &[bundle.scene.local(1)]);
    bundle.scene.net.start_ice(bundle.scene.alice, false, end);
    bundle.scene.wait(3000);
    for stream in [1, 2] {
        assert_eq!(bundle.scene.stats(stream).ice.unwrap().state, IceState::Completed);
    }
    packets.iter().for_each(|packet| bundle.alice_sends(packet));
    assert_eq!(bundle.bob_hears(), packets.map(|packet| vec![packet]));
}

fn protected(role: IceRole, change: impl FnOnce(&mut SessionPlan)) -> Call {
    Call::with(role, |plan| {
        plan.streams[0].rtcp = RtcpMode::Muxed;
        change(plan);
    })
}

fn assert_protected_flow(call: &mut Call) {
    let (alice, bob) = (call.scene.alice, call.scene.bob);
    call.scene.forget();
    call.scene.talk(100);
    let heard = call.scene.heard(alice);
    let opened = heard.iter().filter(|packet| !packet.is_rtcp());
    assert_eq!(opened.filter_map(|packet| call.scene.net.open(alice, packet)).count(), 5);
    let ssrc = call.scene.net.ssrc(alice);
    assert_eq!(call.scene.heard(bob).iter().filter(|packet| packet.ssrc() == Some(ssrc)).count(), 5);
}
