//! A call in which Alice does ICE and Bob does not.

use std::net::SocketAddr;

use protocol::{Event, IcePair, IcePlan, IceRole, IceState, RtcpMode, SessionPlan, SessionSnapshot};
use sim::{
    Network, PeerId, Scene,
    ice::{self, IceEnd},
};

pub const NEW_LOCAL: (&str, &str) = ("tandem02", "bbbbbbbbbbbbbbbbbbbbbbbb");
pub const NEW_REMOTE: (&str, &str) = ("peer2", "cccccccccccccccccccccccc");

pub struct Call {
    pub scene: Scene,
}

/// New words on both sides.
pub fn restart(ice: &mut IcePlan, peer: &str) {
    let (ufrag, pwd) = NEW_LOCAL;
    (ice.local_ufrag, ice.local_pwd) = (ufrag.to_owned(), pwd.to_owned());
    let (ufrag, pwd) = NEW_REMOTE;
    (ice.remote_ufrag, ice.remote_pwd) = (Some(ufrag.to_owned()), Some(pwd.to_owned()));
    ice.candidates = vec![ice::candidate(1, peer.parse().unwrap())];
    ice.generation += 1;
}

/// The data plane dies and gets its plan again, with what was snapshot.
pub fn crash(scene: &mut Scene) {
    let snapshot = scene.net.snapshot(&scene.plan.session).unwrap();
    crash_with(scene, &snapshot);
}

pub fn crash_with(scene: &mut Scene, snapshot: &SessionSnapshot) {
    let mut plans = scene.net.engine().plans(None, 1);
    scene.net.restart_proxy();
    scene.wait(20);
    scene.plan = plans.remove(0);
    for stream in &mut scene.plan.streams {
        stream.snapshot = snapshot.streams.iter().find(|state| state.stream == stream.id).cloned();
    }
    scene.net.apply(&scene.plan).unwrap();
    scene.forget();
}

impl Call {
    /// The proxy has this role towards Alice.
    pub fn new(role: IceRole) -> Call {
        Call::with(role, |_| {})
    }

    pub fn with(role: IceRole, change: impl FnOnce(&mut SessionPlan)) -> Call {
        let alice: SocketAddr = sim::ALICE.parse().unwrap();
        Call::of(Scene::audio_with(|plan| {
            plan.streams[0].rtcp = RtcpMode::Muxed;
            plan.streams[0].ice = Some(ice::plan(role, alice));
            change(plan);
        }))
    }

    pub fn of(scene: Scene) -> Call {
        Call { scene }
    }

    /// Over a network of the test's own; Alice begins.
    pub fn across(mut net: Network, alice: PeerId, role: IceRole) -> Call {
        let (bob, address) = (net.peer(sim::BOB), net.address(alice));
        let mut call = Call::of(Scene::between(net, alice, bob, |plan| {
            plan.streams[0].rtcp = RtcpMode::Muxed;
            plan.streams[0].ice = Some(ice::plan(role, address));
        }));
        call.alice_starts();
        call
    }

    /// With the pair nominated.
    pub fn connected(role: IceRole) -> Call {
        let mut call = Call::new(role);
        call.alice_starts();
        call.scene.wait(3000);
        assert_eq!(call.state(), IceState::Completed);
        call.scene.forget();
        call
    }

    /// Alice's end for her RTP port.
    pub fn end(&self, controlling: bool) -> IceEnd {
        IceEnd::new(self.scene.net.address(self.scene.alice), controlling, &[self.scene.local(1)])
    }

    pub fn start(&mut self, end: IceEnd) {
        self.scene.net.start_ice(self.scene.alice, false, end);
    }

    /// Alice begins, with the role the proxy has not.
    pub fn alice_starts(&mut self) {
        let role = self.scene.plan.streams[0].ice.as_ref().map(|ice| ice.role);
        let end = self.end(role == Some(IceRole::Controlled));
        self.start(end);
    }

    pub fn replan(&mut self, change: impl FnOnce(&mut IcePlan)) {
        self.scene.replan(|plan| change(plan.streams[0].ice.as_mut().unwrap()));
    }

    pub fn state(&self) -> IceState {
        self.scene.stats(1).ice.unwrap().state
    }

    pub fn pair(&self) -> Option<IcePair> {
        self.scene.stats(1).ice.unwrap().rtp
    }

    pub fn nominated_by_alice(&mut self) -> Option<SocketAddr> {
        self.scene.net.ice(self.scene.alice, false).nominated()
    }

    /// The states that were reported.
    pub fn states(&mut self) -> Vec<IceState> {
        let state = |event| if let Event::IceState { state, .. } = event { Some(state) } else { None };
        self.scene.net.take_events().into_iter().filter_map(state).collect()
    }

    /// Both talk for 100 ms; how many packets Alice and Bob hear of each other.
    pub fn flow(&mut self) -> (usize, usize) {
        let (alice, bob) = (self.scene.alice, self.scene.bob);
        self.scene.forget();
        self.scene.talk(100);
        let (from_alice, from_bob) = (self.scene.net.ssrc(alice), self.scene.net.ssrc(bob));
        let heard = |packets: Vec<sim::Received>, ssrc| {
            packets.iter().filter(|packet| !packet.is_rtcp() && packet.ssrc() == Some(ssrc)).count()
        };
        (heard(self.scene.heard(alice), from_bob), heard(self.scene.heard(bob), from_alice))
    }
}
