//! ICE between a peer and the proxy: roles, validated pairs, restarts, consent.

use std::{net::SocketAddr, time::Duration};

use protocol::{Event, IceRole, IceState, RtcpMode, SessionPlan};
use sim::{
    MALLORY, Scene,
    ice::{self, IceEnd},
};

/// Alice does ICE, Bob does not.
struct Call {
    scene: Scene,
}

impl Call {
    fn new(role: IceRole) -> Call {
        Call::with(role, |_| {})
    }

    fn with(role: IceRole, change: impl FnOnce(&mut SessionPlan)) -> Call {
        let alice: SocketAddr = sim::ALICE.parse().unwrap();
        let scene = Scene::audio_with(|plan| {
            plan.streams[0].rtcp = RtcpMode::Muxed;
            plan.streams[0].ice = Some(ice::plan(role, alice));
            change(plan);
        });
        Call { scene }
    }

    /// Alice's agent begins, with the role the proxy has not.
    fn alice_starts(&mut self) {
        let role = self.scene.plan.streams[0].ice.as_ref().map(|ice| ice.role);
        let (alice, proxy) = (self.scene.alice, self.scene.local(1));
        let end = IceEnd::new(self.scene.net.address(alice), role == Some(IceRole::Controlled), &[proxy]);
        self.scene.net.start_ice(alice, false, end);
    }

    fn connected(role: IceRole) -> Call {
        let mut call = Call::new(role);
        call.alice_starts();
        call.scene.wait(3000);
        assert_eq!(call.state(), IceState::Completed);
        call.scene.forget();
        call
    }

    fn state(&self) -> IceState {
        self.scene.stats(1).ice.unwrap().state
    }

    fn states(&mut self) -> Vec<IceState> {
        let state = |event| match event {
            Event::IceState { state, .. } => Some(state),
            _ => None,
        };
        self.scene.net.take_events().into_iter().filter_map(state).collect()
    }

    /// Both talk for 100 ms; how much Alice and Bob hear.
    fn flow(&mut self) -> (usize, usize) {
        self.scene.forget();
        self.scene.talk(100);
        (self.scene.heard(self.scene.alice).len(), self.scene.heard(self.scene.bob).len())
    }
}

#[test]
fn a_controlling_peer_decides_and_media_flows() {
    let mut call = Call::new(IceRole::Controlled);
    call.alice_starts();
    call.scene.wait(3000);
    assert_eq!(call.states(), [IceState::Checking, IceState::Connected, IceState::Completed]);
    let (alice, proxy) = (call.scene.alice, call.scene.local(1));
    assert_eq!(call.scene.net.ice(alice, false).nominated(), Some(proxy));
    assert_eq!(call.flow(), (5, 5));
}

#[test]
fn as_the_controlling_side_the_proxy_nominates() {
    let mut call = Call::new(IceRole::Controlling);
    call.alice_starts();
    call.scene.wait(3000);
    assert_eq!(call.states(), [IceState::Checking, IceState::Connected, IceState::Completed]);
    let (alice, proxy) = (call.scene.alice, call.scene.local(1));
    assert_eq!(call.scene.net.ice(alice, false).nominated(), Some(proxy));
    assert_eq!(call.flow(), (5, 5));
}

#[test]
fn nothing_is_sent_or_taken_before_a_pair_is_valid() {
    let mut call = Call::new(IceRole::Controlling);
    assert_eq!(call.flow().1, 0);
    let alice = call.scene.alice;
    assert!(call.scene.heard(alice).iter().all(|packet| packet.ssrc().is_none()));
}

#[test]
fn consent_that_ends_stops_media_and_is_reported() {
    let mut call = Call::connected(IceRole::Controlled);
    let alice = call.scene.alice;
    call.scene.net.stop_ice(alice);
    call.scene.wait(25_000);
    assert!(call.states().is_empty());
    call.scene.wait(10_000);
    assert_eq!(call.states(), [IceState::Disconnected]);
    let (heard, _) = call.flow();
    let _ = (heard, MALLORY, Duration::ZERO);
}
