//! What a stranger who claims the address and port of the peer can say during a handshake, all of which is in the clear:
//! it is counted and told, and the handshake comes to its end.

use dtls::{Certificate, Role};
use protocol::{DtlsRole, DtlsState, Event, RtcpMode, SecurityPlan, SuspectCause};
use sim::{MALLORY, Scene, crypto, crypto::DtlsEnd, packets};

const ROLES: [DtlsRole; 2] = [DtlsRole::Passive, DtlsRole::Active];

struct Call {
    scene: Scene,
    certificate: Certificate,
    role: DtlsRole,
}

impl Call {
    fn new(role: DtlsRole) -> Call {
        let certificate = crypto::certificate();
        let scene = Scene::audio_with(|plan| {
            plan.streams[0].rtcp = RtcpMode::Muxed;
            plan.streams[0].security = SecurityPlan::Dtls {
                role,
                fingerprints: vec![crypto::fingerprint(&certificate)],
                association: 1,
                certificate: None,
            };
        });
        Call { scene, certificate, role }
    }

    /// Alice is ready to shake hands, and begins if it is for her to do so.
    fn alice_begins(&mut self) {
        let (alice, to) = (self.scene.alice, self.scene.local(1));
        match self.role {
            DtlsRole::Passive => self.scene.net.start_dtls(alice, &self.certificate, to),
            DtlsRole::Active => self.scene.net.await_dtls(alice, &self.certificate, false),
        }
    }

    /// Somebody sends this in the name of Alice.
    fn forge(&mut self, datagram: &[u8]) {
        let (from, to) = (self.scene.net.address(self.scene.alice), self.scene.local(1));
        self.scene.net.send_as(from, to, datagram.to_vec());
    }

    /// Both talk for 100 ms and hear all of it.
    fn assert_flows(&mut self) {
        self.scene.forget();
        self.scene.talk(100);
        let (alice, bob) = (self.scene.alice, self.scene.bob);
        let received = self.scene.heard(alice);
        let opened = received.iter().filter(|packet| self.scene.net.open(alice, packet).is_some()).count();
        assert_eq!((opened, self.scene.heard(bob).len()), (5, 5));
    }

    fn events(&mut self) -> (Vec<SuspectCause>, Vec<DtlsState>) {
        let (mut causes, mut states) = (Vec::new(), Vec::new());
        let alice = self.scene.net.address(self.scene.alice);
        for event in self.scene.net.take_events() {
            if let Event::SuspectPackets { cause, source, .. } = event {
                assert_eq!(source, alice);
                causes.push(cause);
            } else if let Event::DtlsState { state, .. } = event {
                states.push(state);
            }
        }
        (causes, states)
    }
}

fn record(kind: u8, number: u64, body: &[u8]) -> Vec<u8> {
    [&[kind, 0xfe, 0xfd][..], &number.to_be_bytes(), &(body.len() as u16).to_be_bytes(), body].concat()
}

fn message(kind: u8, sequence: u8, body: &[u8]) -> Vec<u8> {
    let length = &(body.len() as u32).to_be_bytes()[1..];
    record(22, 7, &[&[kind][..], length, &[0, sequence, 0, 0, 0], length, body].concat())
}

#[test]
fn nothing_in_the_clear_ends_a_handshake_under_way() {
    let attacks = [
        record(21, 5, &[2, 40]),
        record(21, 5, &[1, 0]),
        record(20, 5, &[1]),
        record(20, 5, &[2]),
        record(23, 5, &[0; 20]),
        record(22, 0xffff_ffff_ffff, &[0; 12]),
        message(2, 1, &[0xfe; 60]),
        message(11, 1, &[0; 80]),
        message(12, 2, &[3, 0, 29, 32, 9]),
        message(14, 3, &[]),
        message(16, 2, &[4, 1, 2, 3, 4]),
        message(15, 3, &[4, 3, 0, 2, 0, 0]),
        message(20, 1, &[0; 12]),
        message(255, 200, &[0; 12]),
    ];
    for role in ROLES {
        for attack in &attacks {
            let mut call = Call::new(role);
            if role == DtlsRole::Active {
                // Before the answer to our ClientHello.
                call.scene.wait(1);
                call.forge(attack);
            }
            call.alice_begins();
            for _ in 0..40 {
                call.scene.wait(1);
                call.forge(attack);
            }
            call.scene.wait(3500);
            call.assert_flows();
        }
    }
}

#[test]
fn an_alert_in_the_clear_is_counted_and_told_with_its_source() {
    for role in ROLES {
        let mut call = Call::new(role);
        call.alice_begins();
        call.scene.wait(1);
        call.forge(&record(21, 5, &[2, 40]));
        call.scene.wait(3500);
        let (causes, states) = call.events();
        assert_eq!(causes, [SuspectCause::Handshake], "{role:?}");
        assert_eq!(states.len(), 2, "{states:?}");
        assert_eq!(call.scene.rtp(1).refused_handshakes, 1);
        call.assert_flows();
    }
}

#[test]
fn a_peer_that_refuses_in_earnest_is_told_with_its_alert_once_it_has_been_silent() {
    let mut call = Call::new(DtlsRole::Passive);
    let mut end = DtlsEnd::new(&call.certificate, Role::Client, std::time::Instant::now());
    for datagram in end.outgoing() {
        call.forge(&datagram);
    }
    call.scene.wait(20);
    call.forge(&record(21, 5, &[2, 42]));
    call.scene.wait(40_000);
    let (_, states) = call.events();
    let Some(DtlsState::Failed { reason, .. }) = states.last() else { panic!("{states:?}") };
    assert!(reason.contains("bad_certificate"), "{reason}");

    call.alice_begins();
    call.scene.wait(200);
    call.assert_flows();
}

#[test]
fn a_server_that_refuses_in_earnest_is_asked_again_before_long() {
    let mut call = Call::new(DtlsRole::Active);
    let mut deaf = DtlsEnd::new(&crypto::certificate(), Role::Server, std::time::Instant::now());
    let alice = call.scene.alice;
    call.scene.wait(20);
    // It answers with a part of its flight, and then with an alert.
    let hello = call.scene.net.take_received(alice).remove(0);
    let flight = deaf.take_in(std::time::Instant::now(), &hello.payload);
    call.forge(&flight[0][..100]);
    call.forge(&message(2, 0, &[0xfe; 60]));
    call.forge(&record(21, 5, &[2, 80]));
    call.alice_begins();
    call.scene.wait(8000);
    assert!(call.scene.net.has_keys(alice));
    call.assert_flows();
}

#[test]
fn an_impostor_that_answers_our_first_hello_before_the_peer_spoils_nothing() {
    let mut call = Call::new(DtlsRole::Active);
    let alice = call.scene.alice;
    call.scene.wait(20);
    let hello = call.scene.net.take_received(alice).remove(0);
    for certificate in [crypto::certificate(), call.certificate.clone()] {
        let now = std::time::Instant::now();
        let mut end = DtlsEnd::new(&certificate, Role::Server, now);
        for datagram in end.take_in(now, &hello.payload) {
            call.forge(&datagram);
        }
        call.scene.wait(20);
        for received in call.scene.net.take_received(alice) {
            for datagram in end.take_in(now, &received.payload) {
                call.forge(&datagram);
            }
        }
        call.scene.wait(20);
    }
    let (_, states) = call.events();
    assert!(
        matches!(
            states.as_slice(),
            [DtlsState::Handshaking, DtlsState::FingerprintMismatch { .. }, DtlsState::Connected { .. }]
        ),
        "{states:?}"
    );
}

#[test]
fn client_hellos_in_the_name_of_the_peer_do_not_keep_it_out() {
    let mut call = Call::new(DtlsRole::Passive);
    for _ in 0..3 {
        let mut end = DtlsEnd::new(&crypto::certificate(), Role::Client, std::time::Instant::now());
        for datagram in end.outgoing() {
            call.forge(&datagram);
        }
    }
    call.scene.wait(1000);
    call.alice_begins();
    call.scene.wait(200);
    call.assert_flows();
}

#[test]
fn a_handshake_that_has_failed_begins_again_with_a_hello_of_the_peer() {
    let mut call = Call::new(DtlsRole::Passive);
    // A hello with no suite that we know: OpenSSL gives up.
    let body = [&[0xfe, 0xfd][..], &[7; 32], &[0, 0, 0, 2, 0x13, 0x01, 1, 0]].concat();
    call.forge(&message(1, 0, &body));
    call.scene.wait(20);
    let (_, states) = call.events();
    assert!(matches!(states.last(), Some(DtlsState::Failed { .. })), "{states:?}");
    call.alice_begins();
    call.scene.wait(200);
    call.assert_flows();
}

#[test]
fn an_impostor_with_the_address_of_the_peer_keeps_it_neither_out_nor_silent() {
    for role in ROLES {
        let mut call = Call::new(role);
        let other = crypto::certificate();
        let alice = call.scene.alice;
        match role {
            DtlsRole::Passive => {
                call.scene.net.start_dtls(alice, &other, call.scene.local(1));
                call.scene.wait(700);
            }
            DtlsRole::Active => {
                call.scene.net.await_dtls(alice, &other, false);
                call.scene.wait(20);
            }
        }
        let (_, states) = call.events();
        assert!(
            matches!(states.as_slice(), [_, DtlsState::FingerprintMismatch { .. }]),
            "{role:?}: {states:?}"
        );
        if role == DtlsRole::Passive {
            call.alice_begins();
            call.scene.wait(200);
            call.assert_flows();
        }
    }
}

#[test]
fn a_forged_goodbye_ends_nothing_once_there_are_keys() {
    let mut call = Call::new(DtlsRole::Passive);
    call.alice_begins();
    call.scene.wait(200);
    call.assert_flows();
    let ssrc = call.scene.net.ssrc(call.scene.alice);
    call.forge(&[packets::receiver_report(ssrc, &[]), packets::bye(ssrc)].concat());
    call.forge(&record(21, 9, &[1, 0]));
    call.forge(&record(21, 9, &[2, 0]));
    let mallory = call.scene.net.peer(MALLORY);
    call.scene.net.send(mallory, call.scene.local(1), record(21, 9, &[1, 0]));
    call.scene.wait(200);
    let suspect = call.scene.net.engine().counters().suspect;
    assert_eq!((suspect.not_authentic, suspect.handshake, suspect.foreign), (1, 2, 1));
    call.assert_flows();
}
