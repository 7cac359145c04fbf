//! DTLS-SRTP between a peer and the proxy: roles, early handshakes, impostors, renewed associations.

use std::{net::SocketAddr, time::Duration};

use dtls::{Certificate, Role};
use protocol::{
    Component, DtlsRole, DtlsState, Event, FingerprintPlan, RemoteState, RtcpMode, SecurityPlan, SessionPlan,
};
use sim::{Behaviour, MALLORY, Network, PeerId, Scene, crypto, crypto::DtlsEnd, packets};

/// Alice speaks DTLS-SRTP, multiplexed; Bob speaks RTP.
struct Call {
    scene: Scene,
    certificate: Certificate,
}

fn dtls(role: DtlsRole, fingerprints: &[&Certificate], association: u32) -> SecurityPlan {
    let fingerprints = fingerprints.iter().map(|certificate| crypto::fingerprint(certificate)).collect();
    SecurityPlan::Dtls { role, fingerprints, association, certificate: None }
}

impl Call {
    fn new(role: DtlsRole) -> Call {
        Call::with(role, |_| {})
    }

    fn with(role: DtlsRole, change: impl FnOnce(&mut SessionPlan)) -> Call {
        let certificate = crypto::certificate();
        let scene = Scene::audio_with(|plan| {
            plan.streams[0].rtcp = RtcpMode::Muxed;
            plan.streams[0].security = dtls(role, &[&certificate], 1);
            change(plan);
        });
        Call { scene, certificate }
    }

    /// Connected, with Alice as the client.
    fn connected() -> Call {
        let mut call = Call::new(DtlsRole::Passive);
        call.alice_starts();
        assert!(call.scene.net.has_keys(call.scene.alice));
        call.scene.forget();
        call
    }

    fn alice_starts(&mut self) {
        let (alice, to) = (self.scene.alice, self.scene.local(1));
        self.scene.net.start_dtls(alice, &self.certificate, to);
        self.scene.wait(200);
    }

    /// What Alice hears of Bob, in the clear.
    fn heard_by_alice(&mut self) -> usize {
        let alice = self.scene.alice;
        let received = self.scene.heard(alice);
        received.iter().filter(|packet| self.scene.net.open(alice, packet).is_some()).count()
    }

    fn heard_by_bob(&mut self) -> usize {
        let ssrc = self.scene.net.ssrc(self.scene.alice);
        let heard = self.scene.heard(self.scene.bob);
        heard.iter().filter(|packet| packet.ssrc() == Some(ssrc)).count()
    }

    /// Both talk for 100 ms and hear all of it.
    fn assert_flows(&mut self) {
        self.scene.forget();
        self.scene.talk(100);
        assert_eq!((self.heard_by_alice(), self.heard_by_bob()), (5, 5));
    }

    fn replan(&mut self, security: SecurityPlan) {
        self.scene.replan(|plan| plan.streams[0].security = security);
    }

    fn states(&mut self) -> Vec<DtlsState> {
        let state = |event| {
            let Event::DtlsState { stream, state, .. } = event else { return None };
            assert_eq!(stream.0, 1);
            Some(state)
        };
        self.scene.net.take_events().into_iter().filter_map(state).collect()
    }
}

fn connected() -> DtlsState {
    DtlsState::Connected { suite: "AEAD_AES_256_GCM".to_owned() }
}

#[test]
fn as_the_server_the_proxy_waits_and_then_media_flows() {
    let mut call = Call::new(DtlsRole::Passive);
    call.scene.wait(5000);
    let alice = call.scene.alice;
    assert!(call.scene.heard(alice).is_empty());
    call.alice_starts();
    assert_eq!(call.states(), [DtlsState::Handshaking, connected()]);
    call.assert_flows();
    assert!(call.scene.rtp(1).handshake_packets >= 2);
    assert_eq!(call.scene.stats(1).suite_in.as_deref(), Some("AEAD_AES_256_GCM"));
}

#[test]
fn as_the_client_the_proxy_begins_as_soon_as_it_knows_the_address() {
    let mut call = Call::with(DtlsRole::Active, |plan| plan.streams[0].remote = None);
    let alice = call.scene.alice;
    call.scene.net.await_dtls(alice, &call.certificate, false);
    call.scene.wait(5000);
    assert!(call.scene.heard(alice).is_empty());
    let address = call.scene.net.address(alice);
    call.scene.replan(|plan| plan.streams[0].remote = Some(sim::plans::remote_at(address)));
    call.scene.wait(200);
    assert_eq!(call.states(), [DtlsState::Handshaking, connected()]);
    call.assert_flows();
}

#[test]
fn a_server_that_is_not_ready_yet_is_asked_again_within_three_seconds() {
    let mut call = Call::new(DtlsRole::Active);
    call.scene.wait(60_000);
    let alice = call.scene.alice;
    call.scene.net.await_dtls(alice, &call.certificate, false);
    call.scene.wait(3200);
    assert!(call.scene.net.has_keys(alice));
    assert_eq!(call.states(), [DtlsState::Handshaking, connected()]);
    call.assert_flows();
}

#[test]
fn without_multiplexing_rtcp_shakes_hands_for_itself() {
    for role in [DtlsRole::Passive, DtlsRole::Active] {
        let mut call = Call::with(role, |plan| plan.streams[0].rtcp = RtcpMode::Separate);
        let alice = call.scene.alice;
        if role == DtlsRole::Active {
            call.scene.net.await_dtls(alice, &call.certificate, true);
        } else {
            let (rtp, rtcp) = (call.scene.local(1), call.scene.local_rtcp(1));
            call.scene.net.start_dtls(alice, &call.certificate, rtp);
            call.scene.net.start_rtcp_dtls(alice, &call.certificate, rtcp);
        }
        call.scene.wait(200);
        assert_eq!(call.states().iter().filter(|state| **state == connected()).count(), 2, "{role:?}");
        call.assert_flows();
        let (bob, bob_rtcp) = (call.scene.bob, call.scene.local_rtcp(2));
        let (ssrc_alice, ssrc_bob) = (call.scene.net.ssrc(alice), call.scene.net.ssrc(bob));
        let (from_alice, from_bob) =
            (packets::sender_report(ssrc_alice, 7, &[]), packets::sender_report(ssrc_bob, 7, &[]));
        call.scene.net.report(alice, call.scene.local_rtcp(1), &from_alice, true);
        call.scene.net.report(bob, bob_rtcp, &from_bob, true);
        call.scene.net.settle();
        assert_eq!(call.scene.heard(bob)[0].payload, from_alice);
        let received = call.scene.heard(alice);
        assert_eq!(call.scene.net.open(alice, &received[0]), Some(from_bob));
    }
}

#[test]
fn media_before_the_handshake_is_dropped_and_counted() {
    let mut call = Call::new(DtlsRole::Passive);
    call.scene.talk(100);
    assert_eq!((call.scene.heard(call.scene.alice).len(), call.scene.heard(call.scene.bob).len()), (0, 0));
    assert_eq!(call.scene.rtp(1).unkeyed, 5);
    assert_eq!(call.scene.rtp(2).unroutable, 5);
    assert_eq!(call.scene.rtp(1).remote_state, RemoteState::Signalled);
}

#[test]
fn a_handshake_may_be_earlier_than_the_answer() {
    let mut call = Call::with(DtlsRole::Passive, |plan| {
        plan.streams[0].remote = None;
        plan.streams[0].security = dtls(DtlsRole::Passive, &[], 0);
    });
    call.alice_starts();
    // The peer has its keys and speaks; who it is has not been said.
    let alice = call.scene.alice;
    assert!(call.scene.net.has_keys(alice));
    call.scene.talk(100);
    assert_eq!((call.heard_by_alice(), call.heard_by_bob()), (0, 0));
    assert_eq!(call.states(), [DtlsState::Handshaking]);

    let address = call.scene.net.address(alice);
    let security = dtls(DtlsRole::Passive, &[&call.certificate], 1);
    call.scene.replan(|plan| {
        plan.streams[0].remote = Some(sim::plans::remote_at(address));
        plan.streams[0].security = security;
    });
    call.scene.wait(10);
    assert_eq!(call.states(), [connected()]);
    call.assert_flows();
}

#[test]
fn an_early_impostor_does_not_keep_the_peer_out() {
    let mut call = Call::with(DtlsRole::Passive, |plan| {
        plan.streams[0].remote = None;
        plan.streams[0].security = dtls(DtlsRole::Passive, &[], 1);
    });
    let to = call.scene.local(1);
    for number in 0..20 {
        let mallory = call.scene.net.peer(&format!("192.88.99.66:{}", 6000 + number * 2));
        call.scene.net.start_dtls(mallory, &crypto::certificate(), to);
        call.scene.wait(50);
    }
    call.scene.wait(3000);
    let address = call.scene.net.address(call.scene.alice);
    let security = dtls(DtlsRole::Passive, &[&call.certificate], 1);
    call.scene.replan(|plan| {
        plan.streams[0].remote = Some(sim::plans::remote_at(address));
        plan.streams[0].security = security;
    });
    call.scene.wait(10);
    call.alice_starts();
    call.assert_flows();
}

#[test]
fn the_keys_of_another_certificate_are_never_used() {
    for role in [DtlsRole::Passive, DtlsRole::Active] {
        let mut call = Call::new(role);
        let (alice, other) = (call.scene.alice, crypto::certificate());
        let announced = std::mem::replace(&mut call.certificate, other);
        call.scene.net.await_dtls(alice, &call.certificate, false);
        if role == DtlsRole::Passive {
            call.alice_starts();
        }
        call.scene.wait(20_000);
        let states = call.states();
        assert!(matches!(states[1], DtlsState::FingerprintMismatch { .. }), "{role:?}");
        assert!(!states.contains(&connected()));
        call.scene.talk(100);
        assert_eq!((call.heard_by_alice(), call.heard_by_bob()), (0, 0));
        let mismatches = states.iter().filter(|state| matches!(state, DtlsState::FingerprintMismatch { .. }));
        assert_eq!(mismatches.count(), 1, "one attempt, not many");

        // Only signalling lets it try again.
        call.certificate = announced;
        let security = dtls(role, &[&call.certificate], 2);
        call.scene.net.await_dtls(alice, &call.certificate, false);
        call.replan(security);
        if role == DtlsRole::Passive {
            call.alice_starts();
        }
        call.scene.wait(200);
        call.assert_flows();
    }
}

#[test]
fn one_matching_fingerprint_of_several_is_enough_in_any_case() {
    let certificate = crypto::certificate();
    let mut right = crypto::fingerprint(&certificate);
    right.value = right.value.to_lowercase();
    right.hash = "SHA-256".to_owned();
    let unknown = FingerprintPlan { hash: "md2".to_owned(), value: "00".to_owned() };
    let mut call = Call::with(DtlsRole::Passive, |plan| {
        let fingerprints = vec![unknown, right];
        plan.streams[0].security =
            SecurityPlan::Dtls { role: DtlsRole::Passive, fingerprints, association: 1, certificate: None };
    });
    call.certificate = certificate;
    call.alice_starts();
    call.assert_flows();
}

#[test]
fn another_hash_of_the_same_certificate_is_no_reason_to_begin_anew() {
    let mut call = Call::connected();
    let Ok(value) = call.certificate.fingerprint(dtls::FingerprintHash::Sha512) else { panic!() };
    let fingerprints = vec![FingerprintPlan { hash: "sha-512".to_owned(), value }];
    call.replan(SecurityPlan::Dtls {
        role: DtlsRole::Passive,
        fingerprints,
        association: 1,
        certificate: None,
    });
    call.assert_flows();
    assert!(call.states().is_empty());
}

#[test]
fn a_change_of_roles_alone_is_no_reason_to_begin_anew() {
    let mut call = Call::connected();
    let security = dtls(DtlsRole::Active, &[&call.certificate], 1);
    call.replan(security);
    call.scene.wait(5000);
    call.assert_flows();
    assert!(call.states().is_empty());
}

#[test]
fn old_keys_are_in_use_until_a_new_association_is_there() {
    for role in [DtlsRole::Passive, DtlsRole::Active] {
        let mut call = Call::connected();
        let other = crypto::certificate();
        let security = dtls(role, &[&other], 2);
        call.replan(security);
        call.scene.wait(1000);
        call.assert_flows();
        call.certificate = other;
        let alice = call.scene.alice;
        match role {
            DtlsRole::Passive => call.alice_starts(),
            DtlsRole::Active => call.scene.net.await_dtls(alice, &call.certificate, false),
        }
        call.scene.wait(3500);
        assert!(call.states().contains(&connected()), "{role:?}");
        call.assert_flows();
    }
}

#[test]
fn packets_under_the_old_keys_are_understood_for_a_while() {
    let mut call = Call::connected();
    let alice = call.scene.alice;
    let ssrc = call.scene.net.ssrc(alice);
    call.assert_flows();
    let late = call.scene.net.crypto(alice).protect(&packets::rtp(0, 6, 0, ssrc));
    let security = dtls(DtlsRole::Passive, &[&call.certificate], 2);
    call.replan(security);
    call.alice_starts();
    call.scene.forget();
    call.scene.net.send(alice, call.scene.local(1), late);
    call.scene.net.settle();
    assert_eq!(call.heard_by_bob(), 1);
    call.assert_flows();
}

#[test]
fn a_peer_that_shakes_hands_again_without_signalling_is_followed() {
    let mut call = Call::connected();
    call.assert_flows();
    call.alice_starts();
    assert_eq!(call.states(), [DtlsState::Handshaking, connected()]);
    call.assert_flows();
}

#[test]
fn a_peer_behind_a_nat_is_found_by_its_handshake() {
    let mut net = Network::seeded(1);
    let nat = net.nat("198.51.100.1", Behaviour::EndpointIndependent, Behaviour::AddressAndPortDependent);
    let (alice, bob) = (net.peer_behind(nat, "192.168.1.5:4000"), net.peer(sim::BOB));
    let certificate = crypto::certificate();
    let security = dtls(DtlsRole::Passive, &[&certificate], 1);
    let scene = Scene::between(net, alice, bob, |plan| {
        plan.streams[0].rtcp = RtcpMode::Muxed;
        plan.streams[0].security = security;
    });
    let mut call = Call { scene, certificate };
    call.alice_starts();
    // Bob speaks first, and is heard where the handshake came from.
    call.scene.bob_talks(100);
    assert_eq!(call.heard_by_alice(), 5);
    call.assert_flows();
}

#[test]
fn a_spray_of_client_hellos_from_elsewhere_resets_nothing() {
    for before in [false, true] {
        let mut call = if before { Call::new(DtlsRole::Passive) } else { Call::connected() };
        if !before {
            call.assert_flows();
        }
        let to = call.scene.local(1);
        for number in 0..30u16 {
            let mallory = call.scene.net.peer(&format!("192.88.99.66:{}", 6000 + number * 2));
            call.scene.net.start_dtls(mallory, &crypto::certificate(), to);
            if !before {
                call.scene.talk(20);
            }
        }
        call.scene.wait(100);
        if before {
            call.alice_starts();
        } else {
            // Known and live: everybody else is foreign.
            assert!(call.scene.rtp(1).foreign >= 29);
        }
        call.assert_flows();
    }
}

#[test]
fn a_flood_of_client_hellos_does_not_keep_the_peer_out() {
    let mut call = Call::new(DtlsRole::Passive);
    let to = call.scene.local(1);
    let hello = DtlsEnd::new(&crypto::certificate(), Role::Client, std::time::Instant::now()).outgoing();
    let flood = |scene: &mut Scene, number: u16| {
        let forged = scene.net.peer(&format!("192.88.{}.{}:6000", number >> 8, number & 0xff));
        hello.iter().for_each(|datagram| scene.net.send(forged, to, datagram.clone()));
        scene.wait(5);
    };
    (0..250).for_each(|number| flood(&mut call.scene, number));
    let alice = call.scene.alice;
    call.scene.net.start_dtls(alice, &call.certificate, to);
    (250..350).for_each(|number| flood(&mut call.scene, number));
    assert!(call.scene.net.has_keys(alice), "half a second later");
    call.assert_flows();
}

#[test]
fn a_client_hello_with_the_address_of_the_peer_resets_nothing() {
    let mut call = Call::connected();
    let alice = call.scene.alice;
    let mut forged = DtlsEnd::new(&crypto::certificate(), Role::Client, std::time::Instant::now());
    for datagram in forged.outgoing() {
        call.scene.net.send(alice, call.scene.local(1), datagram);
    }
    call.scene.wait(100);
    call.assert_flows();
}

#[test]
fn a_handshake_in_progress_survives_a_forged_client_hello() {
    let mut call = Call::new(DtlsRole::Passive);
    let (alice, to) = (call.scene.alice, call.scene.local(1));
    call.scene.net.start_dtls(alice, &call.certificate, to);
    // Arrives between the flights of the real one.
    call.scene.wait(7);
    let mut forged = DtlsEnd::new(&crypto::certificate(), Role::Client, std::time::Instant::now());
    for datagram in forged.outgoing() {
        call.scene.net.send(alice, to, datagram);
    }
    call.scene.wait(200);
    call.assert_flows();
}

#[test]
fn a_client_hello_in_several_datagrams_in_any_order_is_understood() {
    for reversed in [false, true] {
        let mut call = Call::new(DtlsRole::Passive);
        let (alice, to) = (call.scene.alice, call.scene.local(1));
        // As large as one with a post-quantum key share: it fills several datagrams.
        let mut fragments = call.scene.net.start_dtls_in_fragments(alice, &call.certificate, 60);
        assert!(fragments.len() > 2);
        if reversed {
            fragments.reverse();
        }
        for fragment in fragments {
            call.scene.net.send(alice, to, fragment);
            call.scene.wait(20);
        }
        call.scene.wait(200);
        call.assert_flows();
    }
}

#[test]
fn garbage_that_looks_like_dtls_changes_nothing() {
    let mut call = Call::connected();
    let alice = call.scene.alice;
    for seed in 0..200u8 {
        let mut datagram = vec![20 + seed % 6, 0xfe, 0xfd, 0, seed % 3, 0, 0, 0, 0, 0, 0, 0, 40];
        datagram.extend((0..40u8).map(|at| at.wrapping_mul(seed)));
        call.scene.net.send(alice, call.scene.local(1), datagram);
    }
    // An alert in the clear: close_notify, then a fatal one.
    for alert in [[1, 0], [2, 40]] {
        let mut datagram = vec![21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2];
        datagram.extend(alert);
        call.scene.net.send(alice, call.scene.local(1), datagram);
    }
    call.scene.wait(200);
    call.assert_flows();
}

#[test]
fn a_stranger_who_finishes_a_handshake_learns_and_gets_nothing() {
    let mut call = Call::new(DtlsRole::Passive);
    let mallory = call.scene.net.peer(MALLORY);
    let to = call.scene.local(1);
    call.scene.net.start_dtls(mallory, &crypto::certificate(), to);
    call.scene.wait(200);
    call.scene.net.take_received(mallory);
    call.scene.talk(200);
    call.scene.net.talk(&[(mallory, to)], Duration::from_millis(200));
    assert!(call.scene.net.take_received(mallory).is_empty());
    assert_eq!(call.scene.rtp(1).remote, Some(call.scene.net.address(call.scene.alice)));
    call.alice_starts();
    call.assert_flows();
}

#[test]
fn a_handshake_shows_no_media() {
    // Neither keeps it a call alive, nor is it counted as media.
    let mut call = Call::connected();
    call.scene.wait(1000);
    let stats = call.scene.rtp(1);
    assert_eq!((stats.received_packets, stats.sent_packets, stats.last_packet_ms_ago), (0, 0, None));
}

#[test]
fn a_plan_with_dtls_needs_a_certificate() {
    let plan = Call::new(DtlsRole::Passive).scene.plan;
    let engine = engine::Engine::new(std::time::Instant::now());
    let refused = engine.missing_locals(&plan);
    assert!(matches!(refused, Err(protocol::ErrorCode::Unsupported { .. })), "{refused:?}");
}

#[test]
fn other_media_goes_on_while_handshakes_wait() {
    // More handshakes at once than one step of the engine makes.
    let mut call = Call::new(DtlsRole::Passive);
    let certificate = call.certificate.clone();
    let mut peers: Vec<(PeerId, SocketAddr)> = Vec::new();
    for number in 0..40u16 {
        let peer = call.scene.net.peer(&format!("198.51.100.{}:4000", 20 + number));
        let address = call.scene.net.address(peer);
        let mut plan = sim::plans::audio_call(&format!("other-{number}"), Some(address), None);
        plan.streams[0].rtcp = RtcpMode::Muxed;
        plan.streams[0].security = dtls(DtlsRole::Passive, &[&certificate], 1);
        assert!(call.scene.net.apply(&plan).is_ok());
        peers.push((peer, call.scene.net.local(&plan.session, 1)));
    }
    for (peer, to) in &peers {
        call.scene.net.start_dtls(*peer, &certificate, *to);
    }
    call.alice_starts();
    call.scene.wait(1000);
    for (peer, _) in peers {
        assert!(call.scene.net.has_keys(peer));
    }
    assert_eq!(call.scene.net.most_handshakes_at_once(), 1);
    call.assert_flows();
}

#[test]
fn events_name_the_component() {
    let mut call = Call::with(DtlsRole::Passive, |plan| plan.streams[0].rtcp = RtcpMode::Separate);
    let (alice, rtcp) = (call.scene.alice, call.scene.local_rtcp(1));
    call.scene.net.start_rtcp_dtls(alice, &call.certificate, rtcp);
    call.scene.wait(200);
    let components: Vec<Component> = call
        .scene
        .net
        .take_events()
        .into_iter()
        .filter_map(|event| {
            let Event::DtlsState { component, .. } = event else { return None };
            Some(component)
        })
        .collect();
    assert_eq!(components, [Component::Rtcp, Component::Rtcp]);
}
