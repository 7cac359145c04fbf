//! Who may be learned where media is protected: nobody who cannot authenticate, whatever the rules of learning.

use std::time::Duration;

use dtls::Certificate;
use protocol::{DtlsRole, LearningMode, RemoteState, RtcpMode, SecurityPlan, SessionPlan};
use sim::{MALLORY, PeerId, Scene, crypto, packets};
use srtp::Suite;

const SUITE: Suite = Suite::AesCm128HmacSha1_80;
const MODES: [LearningMode; 4] =
    [LearningMode::Off, LearningMode::Immediate, LearningMode::Delayed, LearningMode::Heuristic];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    Sdes,
    Dtls,
}

/// How a cell of the matrix is set up.
#[derive(Debug, Clone, Copy)]
struct Cell {
    method: Method,
    mode: LearningMode,
    strict: bool,
    handover: bool,
}

fn cells() -> Vec<Cell> {
    let mut cells = Vec::new();
    for method in [Method::Sdes, Method::Dtls] {
        for mode in MODES {
            for (strict, handover) in [(true, false), (false, false), (false, true)] {
                cells.push(Cell { method, mode, strict, handover });
            }
        }
    }
    cells
}

struct Attack {
    scene: Scene,
    cell: Cell,
    mallory: PeerId,
    certificate: Certificate,
    /// What Mallory has overheard of Alice.
    overheard: Vec<Vec<u8>>,
}

impl Attack {
    fn on(cell: Cell) -> Attack {
        let certificate = crypto::certificate();
        let security = match cell.method {
            Method::Sdes => crypto::sdes(&crypto::key(SUITE, 1), &crypto::key(SUITE, 2)),
            Method::Dtls => SecurityPlan::Dtls {
                role: DtlsRole::Passive,
                fingerprints: vec![crypto::fingerprint(&certificate)],
                association: 1,
                certificate: None,
            },
        };
        let mut scene = Scene::audio_with(|plan: &mut SessionPlan| {
            plan.streams[0].rtcp = RtcpMode::Muxed;
            plan.streams[0].security = security;
            plan.streams[0].learning.mode = cell.mode;
            plan.streams[0].learning.strict = cell.strict;
            plan.streams[0].learning.handover = cell.handover;
        });
        let mallory = scene.net.peer(MALLORY);
        Attack { scene, cell, mallory, certificate, overheard: Vec::new() }
    }

    fn secure_alice(&mut self) {
        let (alice, to) = (self.scene.alice, self.scene.local(1));
        match self.cell.method {
            Method::Sdes => self.scene.net.secure(alice, &crypto::key(SUITE, 1), &crypto::key(SUITE, 2)),
            Method::Dtls => {
                self.scene.net.start_dtls(alice, &self.certificate, to);
                self.scene.wait(200);
            }
        }
    }

    /// A second of everything Mallory can think of; with `talking`, of the others as well.
    fn spray(&mut self, talking: bool) {
        let (mallory, to) = (self.mallory, self.scene.local(1));
        let stranger = crypto::key(SUITE, 99);
        let mut forger = crypto::Crypto::new(&stranger, &stranger);
        let (alice, ssrc) = (self.scene.alice, self.scene.net.ssrc(self.scene.alice));
        for step in 0..50u16 {
            if talking {
                let packet = self.scene.net.next_packet(alice);
                self.overheard.push(packet.clone());
                self.scene.net.send(alice, to, packet);
                self.scene.net.speak(self.scene.bob, self.scene.local(2));
            }
            self.scene.wait(7);
            let plain = packets::rtp(0, step, 0, ssrc);
            self.scene.net.send(mallory, to, forger.protect(&packets::rtp(0, step, 0, ssrc)));
            self.scene.net.send(mallory, to, plain);
            self.scene.net.send(mallory, to, packets::receiver_report(ssrc, &[]));
            if let Some(overheard) = self.overheard.last() {
                self.scene.net.send(mallory, to, overheard.clone());
            }
            if step % 10 == 0 {
                self.scene.net.start_dtls(mallory, &crypto::certificate(), to);
            }
            self.scene.wait(13);
        }
        self.scene.net.settle();
    }

    /// Nothing but Alice's own packets, each once, has come to Bob, and none of Bob's to Mallory.
    fn assert_harmless(&mut self, when: &str) {
        let (alice, bob, cell) = (self.scene.alice, self.scene.bob, self.cell);
        let ssrc = self.scene.net.ssrc(alice);
        let mut seen = std::collections::BTreeSet::new();
        for packet in self.scene.heard(bob) {
            let Some(header) = wire::rtp::Header::parse(&packet.payload) else { panic!("{cell:?} {when}") };
            assert_eq!(header.ssrc, ssrc, "injected {when}: {cell:?}");
            assert!(seen.insert(header.sequence), "injected {when}: {cell:?}");
            assert_eq!(header.timestamp, u32::from(header.sequence - 1) * 160, "injected {when}: {cell:?}");
        }
        let bled = self.scene.net.take_received(self.mallory);
        let media = bled.iter().filter(|packet| wire::classify(&packet.payload) != wire::Kind::Dtls).count();
        assert_eq!(media, 0, "bled {when}: {cell:?}");
    }
}

#[test]
fn in_no_cell_of_the_matrix_anything_is_injected_or_bleeds() {
    for cell in cells() {
        let mut attack = Attack::on(cell);
        attack.spray(false);
        attack.scene.net.talk(&[(attack.scene.bob, attack.scene.local(2))], Duration::from_millis(100));
        attack.assert_harmless("before the peer speaks");
        attack.secure_alice();
        attack.spray(true);
        attack.assert_harmless("while it is learned");
        for _ in 0..4 {
            attack.spray(true);
        }
        attack.assert_harmless("after it was learned");
        attack.scene.replan(|plan| plan.streams[0].learning.epoch += 1);
        attack.spray(true);
        attack.assert_harmless("after a re-offer");
        // Alice falls silent: her place is not to be had.
        attack.spray(false);
        attack.scene.net.talk(&[(attack.scene.bob, attack.scene.local(2))], Duration::from_millis(100));
        attack.assert_harmless("while the peer is silent");
        attack.scene.replan(|plan| plan.streams[0].receive = false);
        attack.spray(true);
        attack.assert_harmless("on hold");
        attack.scene.replan(|plan| plan.streams[0].receive = true);
        attack.scene.forget();
        attack.spray(true);
        assert!(attack.scene.heard(attack.scene.bob).len() >= 50, "{cell:?}");
    }
}

#[test]
fn source_is_not_learned_before_authentication() {
    for mode in MODES {
        let mut attack = Attack::on(Cell { method: Method::Sdes, mode, strict: true, handover: false });
        let (mallory, to) = (attack.mallory, attack.scene.local(1));
        for number in 0..10 {
            attack.scene.net.send(mallory, to, packets::rtp(0, number, 0, 1));
        }
        attack.scene.net.settle();
        assert_eq!(attack.scene.rtp(1).remote_state, RemoteState::Signalled, "{mode:?}");
        assert_eq!(attack.scene.rtp(1).remote, Some(attack.scene.net.address(attack.scene.alice)));
    }
}

#[test]
fn a_protected_peer_behind_a_nat_is_learned_like_any_other() {
    let (theirs, ours) = (crypto::key(SUITE, 1), crypto::key(SUITE, 2));
    let mut scene = Scene::alice_behind_nat(|plan| plan.streams[0].security = crypto::sdes(&theirs, &ours));
    let alice = scene.alice;
    scene.net.secure(alice, &theirs, &ours);
    scene.talk(200);
    assert_eq!(scene.rtp(1).remote_state, RemoteState::Provisional);
    scene.talk(3000);
    assert_eq!(scene.rtp(1).remote_state, RemoteState::Confirmed);
    let received = scene.heard(alice);
    assert!(received.iter().filter(|packet| scene.net.open(alice, packet).is_some()).count() > 150);
}

#[test]
fn packets_from_elsewhere_are_not_even_tried_once_the_peer_is_known() {
    let cell = Cell { method: Method::Sdes, mode: LearningMode::Heuristic, strict: true, handover: false };
    let mut attack = Attack::on(cell);
    attack.secure_alice();
    attack.scene.talk(100);
    for number in 0..10 {
        attack.scene.net.send(attack.mallory, attack.scene.local(1), packets::rtp(0, number, 0, 1));
    }
    attack.scene.net.settle();
    let stats = attack.scene.rtp(1);
    assert_eq!((stats.foreign, stats.authentication_failures), (10, 0));
}
