//! Peers that use another valid pair than the one we send to: media and handshakes belong to the component, not to an
//! address (RFC 8445 §12.2, RFC 8842 §5).

#![expect(clippy::unwrap_used, reason = "a broken expectation is what it looks for")]

mod support;

use dtls::Certificate;
use protocol::{DtlsRole, DtlsState, Event, SecurityPlan};
use sim::{PeerId, crypto};
use support::two_addresses::{Call, FIRST, OTHER, SECOND};

fn handshake(role: DtlsRole, certificate: &Certificate) -> SecurityPlan {
    let fingerprints = vec![crypto::fingerprint(certificate)];
    SecurityPlan::Dtls { role, fingerprints, association: 1, certificate: None }
}

fn protected(role: DtlsRole, certificate: &Certificate) -> Call {
    Call::new(|plan| plan.streams[0].security = handshake(role, certificate))
}

/// While both settle, each on a pair of its own. `role` is ours.
fn shake_hands(call: &mut Call, role: DtlsRole, certificate: &Certificate) {
    if role == DtlsRole::Active {
        call.alice.await_dtls(certificate);
    }
    call.settle_apart();
    if role == DtlsRole::Passive {
        call.alice.start_dtls(&mut call.scene.net, certificate);
    }
    call.live(500);
    assert!(call.alice.is_connected(), "{role:?}");
}

fn begun(call: &mut Call) -> usize {
    let is_begun = |event: &Event| matches!(event, Event::DtlsState { state: DtlsState::Handshaking, .. });
    call.scene.net.take_events().iter().filter(|event| is_begun(event)).count()
}

fn handshakes_of(call: &mut Call, peer: PeerId) -> usize {
    let heard = call.scene.heard(peer);
    heard.iter().filter(|packet| wire::classify(&packet.payload) == wire::Kind::Dtls).count()
}

#[test]
fn media_from_the_other_nominated_pair_is_the_peers() {
    let mut call = Call::new(|_| {});
    call.settle_apart();
    assert_eq!(call.flow(), (5, 5));
}

#[test]
fn a_peer_shakes_hands_over_the_other_nominated_pair() {
    let certificate = crypto::certificate();
    for role in [DtlsRole::Passive, DtlsRole::Active] {
        let mut call = protected(role, &certificate);
        shake_hands(&mut call, role, &certificate);
        assert_eq!(call.flow(), (5, 5), "{role:?}");
    }
}

#[test]
fn a_handshake_may_go_over_two_pairs_in_turn() {
    let certificate = crypto::certificate();
    for role in [DtlsRole::Passive, DtlsRole::Active] {
        let mut call = protected(role, &certificate);
        call.alice.alternates = true;
        shake_hands(&mut call, role, &certificate);
        assert_eq!(begun(&mut call), 1);
        for at in [FIRST, SECOND] {
            call.alice.speaks_at = at;
            assert_eq!(call.flow(), (5, 5), "{role:?}");
        }
    }
}

#[test]
fn handshakes_go_where_media_goes() {
    let certificate = crypto::certificate();
    let mut call = protected(DtlsRole::Passive, &certificate);
    call.settle_apart();
    call.alice.start_dtls(&mut call.scene.net, &certificate);
    call.live(500);
    let ours = 1 - call.alice.speaks_at;
    assert!(!call.alice.heard[ours].is_empty());
    assert!(call.alice.heard[1 - ours].is_empty());
}

#[test]
fn a_handshake_goes_on_when_a_better_pair_is_taken() {
    let certificate = crypto::certificate();
    let mut call = Call::new(|plan| {
        plan.streams[0].security = handshake(DtlsRole::Active, &certificate);
        let candidate = &mut plan.streams[0].ice.as_mut().unwrap().candidates[SECOND];
        *candidate = candidate.replace(" UDP 2130706431 ", " UDP 2130706999 ");
    });
    call.alice.answers[SECOND] = false;
    call.nominate(FIRST);
    call.live(200);
    call.alice.answers[SECOND] = true;
    call.nominate(SECOND);
    call.live(600);
    assert_eq!(call.scene.stats(1).ice.unwrap().rtp.unwrap().remote, OTHER.parse().unwrap());
    call.alice.speaks_at = SECOND;
    call.alice.await_dtls(&certificate);
    call.alice.read_again(&mut call.scene.net, FIRST);
    call.live(100);
    assert!(call.alice.is_connected());
    assert_eq!(call.flow(), (5, 5));
}

#[test]
fn a_pair_that_was_nominated_and_not_validated_is_nobodys() {
    let certificate = crypto::certificate();
    let mut call = protected(DtlsRole::Passive, &certificate);
    call.alice.answers[SECOND] = false;
    for at in [FIRST, SECOND] {
        call.nominate(at);
    }
    call.live(500);
    call.alice.speaks_at = SECOND;
    call.alice.start_dtls(&mut call.scene.net, &certificate);
    call.live(500);
    assert!(!call.alice.is_connected());
    assert_eq!(begun(&mut call), 0);
    assert_eq!(call.flow(), (0, 0));
}

#[test]
fn a_stranger_spoils_no_handshake_it_overhears() {
    let certificate = crypto::certificate();
    let mut call = protected(DtlsRole::Passive, &certificate);
    let mallory = call.scene.net.peer(sim::MALLORY);
    let to = call.scene.local(1);
    call.settle_apart();
    call.alice.start_dtls(&mut call.scene.net, &certificate);
    for _ in 0..20 {
        for kind in [20, 21, 22] {
            let record = [kind, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40];
            call.scene.net.send(mallory, to, record.to_vec());
        }
        call.live(5);
    }
    call.live(500);
    assert!(call.alice.is_connected());
    assert_eq!(handshakes_of(&mut call, mallory), 0);
    assert_eq!(call.scene.rtp(1).foreign, 60);
    assert_eq!(call.flow(), (5, 5));
}
