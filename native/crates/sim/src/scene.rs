//! A call between Alice (stream 1) and Bob (stream 2), set up and ready.

use std::{net::SocketAddr, time::Duration};

use engine::Applied;
use protocol::{ComponentStats, SessionPlan, StreamStats};

use crate::{Behaviour, Network, PeerId, Received, plans};

pub const ALICE: &str = "198.51.100.7:4000";
pub const BOB: &str = "203.0.113.9:5000";
pub const MALLORY: &str = "192.88.99.66:6666";

#[derive(Debug)]
pub struct Scene {
    pub net: Network,
    pub plan: SessionPlan,
    pub alice: PeerId,
    pub bob: PeerId,
}

impl Scene {
    /// Both at public addresses, as signalled.
    pub fn audio() -> Scene {
        Scene::audio_with(|_| {})
    }

    /// The same with another plan.
    pub fn audio_with(change: impl FnOnce(&mut SessionPlan)) -> Scene {
        let mut net = Network::seeded(1);
        let (alice, bob) = (net.peer(ALICE), net.peer(BOB));
        Scene::between(net, alice, bob, change)
    }

    /// Alice behind a NAT: her SDP has her private address.
    pub fn alice_behind_nat(change: impl FnOnce(&mut SessionPlan)) -> Scene {
        let mut net = Network::seeded(1);
        let nat = net.nat("198.51.100.1", Behaviour::EndpointIndependent, Behaviour::AddressAndPortDependent);
        let (alice, bob) = (net.peer_behind(nat, "192.168.1.5:4000"), net.peer(BOB));
        Scene::between(net, alice, bob, change)
    }

    pub fn between(
        mut net: Network,
        alice: PeerId,
        bob: PeerId,
        change: impl FnOnce(&mut SessionPlan),
    ) -> Scene {
        let mut plan = plans::audio_call("call", Some(net.address(alice)), Some(net.address(bob)));
        change(&mut plan);
        if let Err(error) = net.apply(&plan) {
            panic!("the scene's plan was refused: {error}");
        }
        Scene { net, plan, alice, bob }
    }

    /// The next plan.
    pub fn replan(&mut self, change: impl FnOnce(&mut SessionPlan)) -> Applied {
        self.plan.revision += 1;
        change(&mut self.plan);
        match self.net.apply(&self.plan) {
            Ok(applied) => applied,
            Err(error) => panic!("the plan was refused: {error}"),
        }
    }

    /// Where the peer of a stream sends RTP to.
    pub fn local(&self, stream: u32) -> SocketAddr {
        self.net.local(&self.plan.session, stream)
    }

    /// Where the peer of a stream sends RTCP to.
    pub fn local_rtcp(&self, stream: u32) -> SocketAddr {
        let rtp = self.local(stream);
        SocketAddr::new(rtp.ip(), rtp.port() + 1)
    }

    pub fn talk(&mut self, time_ms: u64) {
        let speakers = [(self.alice, self.local(1)), (self.bob, self.local(2))];
        self.net.talk(&speakers, Duration::from_millis(time_ms));
        self.net.settle();
    }

    pub fn alice_talks(&mut self, time_ms: u64) {
        self.net.talk(&[(self.alice, self.local(1))], Duration::from_millis(time_ms));
        self.net.settle();
    }

    pub fn bob_talks(&mut self, time_ms: u64) {
        self.net.talk(&[(self.bob, self.local(2))], Duration::from_millis(time_ms));
        self.net.settle();
    }

    pub fn wait(&mut self, time_ms: u64) {
        self.net.run(Duration::from_millis(time_ms));
    }

    pub fn heard(&mut self, peer: PeerId) -> Vec<Received> {
        self.net.take_received(peer)
    }

    /// Forgets what was received and reported so far.
    pub fn forget(&mut self) {
        self.net.take_received(self.alice);
        self.net.take_received(self.bob);
        self.net.take_events();
    }

    pub fn stats(&self, stream: usize) -> StreamStats {
        let stats = self.net.stats(&self.plan.session);
        match stats.streams.into_iter().nth(stream - 1) {
            Some(stats) => stats,
            None => panic!("there is no stream {stream}"),
        }
    }

    pub fn rtp(&self, stream: usize) -> ComponentStats {
        self.stats(stream).rtp
    }
}
