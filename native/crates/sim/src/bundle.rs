//! A call between Alice, whose audio (stream 1) and video (stream 2) share a transport, and Bob, who has a port for
//! each (streams 3 and 4).

use std::net::SocketAddr;

use protocol::{BundlePlan, PayloadPlan, RtcpMode, SessionPlan, StreamId, StreamPlan};

use crate::{Network, PeerId, Received, Scene, packets, plans};

pub const AUDIO: u8 = 111;
pub const VIDEO: u8 = 96;
/// A payload type both have.
pub const SHARED: u8 = 101;
/// Number of the MID extension.
pub const MID: u8 = 4;

#[derive(Debug)]
pub struct Bundle {
    /// Bob stands for his audio.
    pub scene: Scene,
    pub bob_video: PeerId,
}

impl Bundle {
    pub fn call() -> Bundle {
        Bundle::with(|_| {})
    }

    /// The same with another plan.
    pub fn with(change: impl FnOnce(&mut SessionPlan)) -> Bundle {
        let mut net = Network::seeded(1);
        let (alice, bob, bob_video) = (net.peer(crate::ALICE), net.peer(crate::BOB), net.peer(VIDEO_PHONE));
        let (home, video) = (net.address(alice), net.address(bob_video));
        let scene = Scene::between(net, alice, bob, |plan| {
            let phone = std::mem::take(&mut plan.streams).pop();
            plan.streams = vec![bundled(1, home, "a", AUDIO), bundled(2, home, "v", VIDEO)];
            plan.streams.extend(phone.map(|phone| StreamPlan {
                id: StreamId(3),
                locals: vec![plans::local(3, crate::PROXY_IPV4)],
                payloads: payloads(AUDIO),
                ..phone
            }));
            let video = plans::audio_stream(4, Some(video));
            plan.streams.push(StreamPlan { payloads: payloads(VIDEO), ..video });
            plan.routes = [(1, 3), (3, 1), (2, 4), (4, 2)].map(|(from, to)| plans::route(from, to)).to_vec();
            change(plan);
        });
        Bundle { scene, bob_video }
    }

    /// Alice sends this from her one port.
    pub fn alice_sends(&mut self, payload: &[u8]) {
        let (alice, to) = (self.scene.alice, self.scene.local(1));
        self.scene.net.report(alice, to, payload, false);
        self.scene.net.settle();
    }

    pub fn bob_sends(&mut self, stream: u32, payload: &[u8]) {
        let (peer, to) = (self.phone(stream), self.scene.local(stream));
        self.scene.net.send(peer, to, payload.to_vec());
        self.scene.net.settle();
    }

    pub fn bob_reports(&mut self, stream: u32, payload: &[u8]) {
        let (peer, to) = (self.phone(stream), self.scene.local_rtcp(stream));
        self.scene.net.send_rtcp(peer, to, payload.to_vec());
        self.scene.net.settle();
    }

    /// What arrived at Bob's audio and at his video.
    pub fn bob_hears(&mut self) -> [Vec<Vec<u8>>; 2] {
        let bob = self.scene.bob;
        [bob, self.bob_video]
            .map(|peer| self.scene.heard(peer).into_iter().map(|Received { payload, .. }| payload).collect())
    }

    pub fn alice_hears(&mut self) -> Vec<Vec<u8>> {
        let alice = self.scene.alice;
        self.scene.heard(alice).into_iter().map(|received| received.payload).collect()
    }

    fn phone(&self, stream: u32) -> PeerId {
        if stream == 3 { self.scene.bob } else { self.bob_video }
    }
}

/// RTP with a MID.
pub fn with_mid(mid: &str, payload_type: u8, sequence: u16, ssrc: u32) -> Vec<u8> {
    let mut packet = packets::rtp(payload_type, sequence, 0, ssrc);
    assert!(wire::extension::add_element(&mut packet, MID, mid.as_bytes()));
    packet
}

/// A stream of a bundle with the transport of stream 1.
pub fn bundled(id: u32, home: SocketAddr, mid: &str, payload_type: u8) -> StreamPlan {
    let stream = plans::audio_stream(id, Some(home));
    StreamPlan {
        locals: if id == 1 { stream.locals } else { Vec::new() },
        bundle: Some(Box::new(BundlePlan {
            transport: StreamId(1),
            mid: Some(mid.to_owned()),
            mid_extension: Some(MID),
            ssrcs: Vec::new(),
        })),
        rtcp: RtcpMode::Muxed,
        payloads: payloads(payload_type),
        ..stream
    }
}

fn payloads(payload_type: u8) -> Vec<PayloadPlan> {
    vec![plans::payload(payload_type, "own"), plans::payload(SHARED, "shared")]
}

const VIDEO_PHONE: &str = "203.0.113.9:6000";
