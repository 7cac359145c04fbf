//! ICE whatever happens: restarts, crashes, lost packets, silence and strangers in any order.

#![expect(clippy::unwrap_used, reason = "a broken expectation is what it looks for")]

mod support;

use proptest::prelude::*;
use protocol::{IcePlan, IceRole, IceState};
use sim::{
    MALLORY, PeerId,
    ice::{self, IceEnd},
};
use support::ice_call::Call;
use wire::stun::{Builder, Class, LONGEST};

struct Model {
    call: Call,
    mallory: PeerId,
    generation: u32,
}

#[derive(Debug, Clone)]
enum Step {
    Wait(u16),
    Talk,
    /// Both sides restart, or only the plan does, and Alice has not heard of it yet.
    Restart {
        alice_follows: bool,
    },
    AliceFollows,
    Crash,
    Loss(u16),
    AliceFallsSilent,
    Stranger,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (1u16..8000).prop_map(Step::Wait),
        Just(Step::Talk),
        any::<bool>().prop_map(|alice_follows| Step::Restart { alice_follows }),
        Just(Step::AliceFollows),
        Just(Step::Crash),
        (0u16..400).prop_map(Step::Loss),
        Just(Step::AliceFallsSilent),
        Just(Step::Stranger),
    ];
    prop::collection::vec(step, 0..16)
}

impl Model {
    fn new(role: IceRole) -> Model {
        let mut call = Call::new(role);
        let mallory = call.scene.net.peer(MALLORY);
        let mut model = Model { call, mallory, generation: 0 };
        model.take(&Step::Restart { alice_follows: true });
        model
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Wait(time_ms) => self.call.scene.wait(u64::from(*time_ms)),
            Step::Talk => self.call.scene.talk(100),
            Step::Restart { alice_follows } => {
                self.generation += 1;
                let (ours, theirs) = (self.ours(), self.theirs());
                self.call.replan(|ice| restart(ice, &ours, &theirs));
                if *alice_follows {
                    self.alice_follows();
                }
            }
            Step::AliceFollows => self.alice_follows(),
            Step::Crash => self.crash(),
            Step::Loss(per_mille) => self.call.scene.net.link.loss_per_mille = u32::from(*per_mille),
            Step::AliceFallsSilent => self.call.scene.net.stop_ice(self.call.scene.alice),
            Step::Stranger => self.stranger(),
        }
        let remote = self.call.scene.rtp(1).remote;
        assert!(remote.is_none() || remote == sim::ALICE.parse().ok(), "{step:?} led to {remote:?}");
    }

    fn alice_follows(&mut self) {
        let (ours, theirs) = (self.ours(), self.theirs());
        let own = self.call.scene.net.address(self.call.scene.alice);
        let controls = self.call.scene.stats(1).ice.unwrap().role == IceRole::Controlled;
        let proxy = [self.call.scene.local(1)];
        let end = IceEnd::with(own, controls, &proxy, (&theirs.0, &theirs.1), (&ours.0, &ours.1));
        self.call.start(end);
    }

    fn crash(&mut self) {
        let scene = &mut self.call.scene;
        let snapshot = scene.net.snapshot(&scene.plan.session);
        let mut plans = scene.net.engine().plans(None, 1);
        scene.net.restart_proxy();
        scene.plan = plans.remove(0);
        let streams = snapshot.map_or_else(Vec::new, |snapshot| snapshot.streams);
        for stream in &mut scene.plan.streams {
            stream.snapshot = streams.iter().find(|state| state.stream == stream.id).cloned();
        }
        scene.net.apply(&scene.plan).unwrap();
    }

    /// Says what Alice has said, as far as somebody who has read the SDP can, and sends sound.
    fn stranger(&mut self) {
        let (ours, theirs) = (self.ours(), self.theirs());
        let mut buffer = [0; LONGEST];
        let builder = Builder::new(&mut buffer, Class::Request, [9; 12]);
        let builder =
            builder.username([ours.0.as_bytes(), b":", theirs.0.as_bytes()]).priority(u32::MAX >> 1);
        let len = builder.use_candidate().controlling(1).finish(ours.1.as_bytes()).unwrap();
        let to = self.call.scene.local(1);
        self.call.scene.net.send(self.mallory, to, buffer[..len].to_vec());
        self.call.scene.net.speak(self.mallory, to);
        self.call.scene.net.settle();
        let (bob, ssrc) = (self.call.scene.bob, self.call.scene.net.ssrc(self.mallory));
        assert!(self.call.scene.heard(bob).iter().all(|packet| packet.ssrc() != Some(ssrc)));
    }

    fn ours(&self) -> (String, String) {
        let suffix = self.generation;
        (format!("{}{suffix}", ice::LOCAL.0), format!("{}{suffix}", ice::LOCAL.1))
    }

    fn theirs(&self) -> (String, String) {
        let suffix = self.generation;
        (format!("{}{suffix}", ice::REMOTE.0), format!("{}{suffix}", ice::REMOTE.1))
    }
}

fn restart(plan: &mut IcePlan, ours: &(String, String), theirs: &(String, String)) {
    (plan.local_ufrag, plan.local_pwd) = ours.clone();
    (plan.remote_ufrag, plan.remote_pwd) = (Some(theirs.0.clone()), Some(theirs.1.clone()));
    plan.generation += 1;
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn media_goes_to_the_peer_or_to_nobody_and_comes_back_in_the_end(
        controls: bool,
        restarts: bool,
        steps in steps(),
    ) {
        let mut model = Model::new(if controls { IceRole::Controlling } else { IceRole::Controlled });
        for step in &steps {
            model.take(step);
        }
        // In the end both are of the same generation and packets arrive.
        model.take(&Step::Loss(0));
        model.take(&if restarts { Step::Restart { alice_follows: true } } else { Step::AliceFollows });
        model.call.scene.wait(20_000);
        prop_assert_eq!(model.call.state(), IceState::Completed);
        prop_assert_eq!(model.call.flow(), (5, 5));
    }
}
