//! DTLS-SRTP with the data plane as a process, and its certificate.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod support;

use std::time::Instant;

use dtls::{Association, Certificate, FingerprintHash, KeyKind, Keys, Role, State};
use protocol::{
    CertificateKey, CertificatePlan, DtlsRole, Event, FingerprintPlan, FromDataPlane, RtcpMode, SecurityPlan,
    SessionPlan,
};
use srtp::{Context, Options};
use support::{Control, DataPlane, Directory, Peer, plan, rtp, with_ports};

fn sha256(certificate: &Certificate) -> FingerprintPlan {
    let value = certificate.fingerprint(FingerprintHash::Sha256).unwrap();
    FingerprintPlan { hash: "sha-256".to_owned(), value }
}

/// Alice is a DTLS client, Bob has plain RTP.
fn secured(alice: &Peer, bob: &Peer, certificate: &Certificate) -> SessionPlan {
    let mut plan = plan("secured", 1, [alice.remote(), bob.remote()]);
    plan.streams[0].rtcp = RtcpMode::Muxed;
    plan.streams[0].security = SecurityPlan::Dtls {
        role: DtlsRole::Passive,
        fingerprints: vec![sha256(certificate)],
        association: 1,
        certificate: None,
    };
    plan
}

/// Shakes hands as a client; the proxy must have the certificate it announced.
fn shake_hands(alice: &Peer, port: u16, certificate: &Certificate, announced: &CertificatePlan) -> Keys {
    let mut association = Association::new(certificate, Role::Client, 1200, Instant::now()).unwrap();
    loop {
        while let Some(datagram) = association.poll_datagram() {
            alice.send_bytes(port, &datagram);
        }
        if let State::Connected(keys) = association.state() {
            let found = association.peer_fingerprint(FingerprintHash::Sha256);
            assert_eq!(found, Some(announced.fingerprints[0].value.clone()));
            return (**keys).clone();
        }
        assert_eq!(*association.state(), State::Handshaking);
        let (datagram, _) = alice.receive();
        association.handle_datagram(Instant::now(), &datagram);
    }
}

/// Alice's SRTP.
struct Crypto {
    send: Context,
    receive: Context,
    sequence: u16,
}

impl Crypto {
    fn new(keys: &Keys) -> Self {
        let context = |key| Context::new(key, Options::default()).unwrap();
        Crypto { send: context(&keys.local), receive: context(&keys.remote), sequence: 0 }
    }

    /// A packet each way.
    fn assert_relays(&mut self, alice: &Peer, bob: &Peer, ports: &[u16]) {
        self.sequence += 1;
        let mut packet = rtp(7);
        packet[3] = self.sequence as u8;
        let mut buffer = packet.clone();
        buffer.resize(256, 0);
        let len = self.send.protect_rtp(&mut buffer, packet.len()).unwrap();
        alice.send_bytes(ports[0], &buffer[..len]);
        assert_eq!(bob.receive().0, packet);
        bob.send_bytes(ports[1], &packet);
        let (mut received, _) = alice.receive();
        let len = received.len();
        let plain = self.receive.unprotect_rtp(&mut received, len).unwrap();
        assert_eq!(received[..plain], packet);
    }
}

#[test]
fn the_certificate_is_handed_out_and_taken_back() {
    let directory = Directory::new();
    let data_plane = DataPlane::start(&directory.file("socket"), &[]);
    let mut control = data_plane.control();
    let own = control.configure(|_| {});
    assert_eq!(control.configure(|_| {}), own, "the same for every connection");
    let [first] = &own[..] else { panic!("{own:?}") };
    assert_eq!(first.fingerprints[0].hash, "sha-256");
    let read = Certificate::from_pem(first.pem.certificate.as_bytes(), first.pem.private_key.as_bytes());
    assert_eq!(sha256(&read.unwrap()), first.fingerprints[0]);

    let other = DataPlane::start(&directory.file("other"), &[]);
    let mut control = other.control();
    let its_own = control.configure(|_| {});
    assert_ne!(its_own, own);
    let both = control.configure(|configuration| configuration.certificates = vec![first.pem.clone()]);
    assert_eq!(both, [first.clone(), its_own[0].clone()], "what it has is kept behind what it is given");
}

#[test]
fn a_certificate_is_renewed_for_new_calls_and_stays_with_those_that_were_told_of_it() {
    let directory = Directory::new();
    let data_plane = DataPlane::start(&directory.file("socket"), &[]);
    let mut control = data_plane.control();
    let first = control.configure(|_| {}).remove(0);
    let certificates = control.renew_certificate(CertificateKey::Rsa { bits: 2048 }, &first.id);
    let [second, former] = &certificates[..] else { panic!("{certificates:?}") };
    assert_eq!((former, second.key), (&first, CertificateKey::Rsa { bits: 2048 }));
    assert!(second.pem.made_here && second.valid_until_ms > second.valid_from_ms);

    let certificate = Certificate::generate(KeyKind::EcdsaP256).unwrap();
    for (number, (told, announced)) in
        [(Some(&first), &first), (Some(second), second), (None, second)].into_iter().enumerate()
    {
        let (alice, bob) = (Peer::new(), Peer::new());
        let mut plan = secured(&alice, &bob, &certificate);
        plan.session = protocol::SessionId(number.to_string());
        let SecurityPlan::Dtls { certificate: name, .. } = &mut plan.streams[0].security else {
            panic!("{plan:?}")
        };
        *name = told.map(|told| told.id.clone());
        let ports = control.apply(&plan).unwrap();
        let mut crypto = Crypto::new(&shake_hands(&alice, ports[0], &certificate, announced));
        crypto.assert_relays(&alice, &bob, &ports);
    }
}

#[test]
fn a_call_is_secured_by_a_handshake_and_survives_the_process() {
    let directory = Directory::new();
    let mut data_plane = DataPlane::start(&directory.file("socket"), &[]);
    let mut control = data_plane.control();
    let announced = control.configure(|_| {}).remove(0);
    let (alice, bob) = (Peer::new(), Peer::new());
    let certificate = Certificate::generate(KeyKind::EcdsaP256).unwrap();
    let plan = secured(&alice, &bob, &certificate);
    let ports = control.apply(&plan).unwrap();
    let mut crypto = Crypto::new(&shake_hands(&alice, ports[0], &certificate, &announced));
    assert_eq!(states(&mut control, 2), ["handshaking", "connected"]);
    for _ in 0..5 {
        crypto.assert_relays(&alice, &bob, &ports);
    }
    let (snapshots, more) = control.snapshots(None, 10);
    assert_eq!((snapshots.len(), more), (1, false));
    crypto.assert_relays(&alice, &bob, &ports);

    data_plane.kill();
    let data_plane = DataPlane::start(&directory.file("socket"), &[]);
    let mut control = data_plane.control_after_crash();
    assert_eq!(
        control.configure(|configuration| configuration.certificates = vec![announced.pem.clone()])[0],
        announced
    );
    let mut plan = with_ports(plan, &ports);
    plan.streams[0].snapshot = snapshots[0].streams.first().cloned();
    assert_eq!(control.apply(&plan), Ok(ports.clone()));
    for _ in 0..5 {
        crypto.assert_relays(&alice, &bob, &ports);
    }
}

#[test]
fn what_is_lost_is_sent_again_in_both_roles() {
    let directory = Directory::new();
    let data_plane = DataPlane::start(&directory.file("socket"), &[]);
    let mut control = data_plane.control();
    let certificate = Certificate::generate(KeyKind::EcdsaP256).unwrap();
    for role in [DtlsRole::Passive, DtlsRole::Active] {
        let (alice, bob) = (Peer::new(), Peer::new());
        let mut plan = secured(&alice, &bob, &certificate);
        plan.session.0 = format!("{role:?}");
        plan.streams[0].security = SecurityPlan::Dtls {
            role,
            fingerprints: vec![sha256(&certificate)],
            association: 1,
            certificate: None,
        };
        let ports = control.apply(&plan).unwrap();
        if role == DtlsRole::Passive {
            let mut client = Association::new(&certificate, Role::Client, 1200, Instant::now()).unwrap();
            alice.send_bytes(ports[0], &client.poll_datagram().unwrap());
        }
        // Nobody answers: the same flight comes once more.
        let (first, _) = alice.receive();
        let kind = |datagram: &[u8]| (datagram[0], datagram[13]);
        loop {
            let (again, _) = alice.receive();
            if kind(&again) == kind(&first) {
                break;
            }
        }
    }
}

#[test]
fn snapshots_of_all_shards_come_in_pages() {
    let directory = Directory::new();
    let data_plane = DataPlane::start(&directory.file("socket"), &["--shards", "3"]);
    let mut control = data_plane.control();
    let key = |octet: &str| protocol::SrtpKeyPlan {
        suite: "AES_CM_128_HMAC_SHA1_80".to_owned(),
        key_base64: format!("{}==", octet.repeat(22)),
        salt_base64: format!("{}=", octet.repeat(19)),
        mki_base64: None,
        unencrypted_srtp: false,
        unencrypted_srtcp: false,
        unauthenticated_srtp: false,
    };
    for number in 0..5 {
        let mut plan = plan(&format!("call {number}"), 1, [None, None]);
        if number != 3 {
            plan.streams[0].security = SecurityPlan::Sdes { receive: key("A"), send: key("Q") };
        }
        control.apply(&plan).unwrap();
    }
    let names = |snapshots: &[protocol::SessionSnapshot]| -> Vec<String> {
        snapshots.iter().map(|snapshot| snapshot.session.0.clone()).collect()
    };
    let (first, more) = control.snapshots(None, 3);
    assert_eq!((names(&first), more), (vec!["call 0".into(), "call 1".into(), "call 2".into()], true));
    let (rest, more) = control.snapshots(Some(&first[2].session), 3);
    assert_eq!((names(&rest), more), (vec!["call 4".into()], false));
}

fn states(control: &mut Control, count: usize) -> Vec<&'static str> {
    let mut states = Vec::new();
    while states.len() < count {
        let Some(FromDataPlane::Event { event: Event::DtlsState { state, .. }, .. }) = control.next() else {
            continue;
        };
        states.push(match state {
            protocol::DtlsState::Handshaking => "handshaking",
            protocol::DtlsState::Connected { .. } => "connected",
            protocol::DtlsState::FingerprintMismatch { .. } => "mismatch",
            protocol::DtlsState::Failed { .. } => "failed",
        });
    }
    states
}
