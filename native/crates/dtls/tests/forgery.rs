//! Forged datagrams during a handshake: everything that is in the clear can be said by anybody who claims the address of
//! the peer, and none of it may end or spoil the handshake.

#![allow(clippy::unwrap_used, reason = "helpers of a test")]

use std::time::{Duration, Instant};

use dtls::{Association, Certificate, FingerprintHash, KeyKind, Refusal, Role, State};
use openssl::x509::X509;
use proptest::prelude::*;

/// Both ends, with the datagrams between them.
struct Handshake {
    client: Association,
    server: Association,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Victim {
    Client,
    Server,
}

impl Handshake {
    fn between(client: &Certificate, server: &Certificate) -> Handshake {
        let begin = |own: &Certificate, role| Association::new(own, role, MTU, Instant::now()).unwrap();
        let mut handshake =
            Handshake { client: begin(client, Role::Client), server: begin(server, Role::Server) };
        let [of_client, of_server] =
            [client, server].map(|certificate| certificate.fingerprint(FingerprintHash::Sha256).unwrap());
        handshake.client.expect(Instant::now(), [("sha-256", &*of_server)].into_iter());
        handshake.server.expect(Instant::now(), [("sha-256", &*of_client)].into_iter());
        handshake
    }

    fn new() -> Handshake {
        let [client, server] = [(); 2].map(|()| Certificate::generate(KeyKind::EcdsaP256).unwrap());
        Handshake::between(&client, &server)
    }

    fn end(&mut self, victim: Victim) -> &mut Association {
        match victim {
            Victim::Client => &mut self.client,
            Victim::Server => &mut self.server,
        }
    }

    /// Carries datagrams, and before and behind each of them those of a stranger.
    fn exchange(&mut self, victim: Victim, forge: &mut dyn FnMut() -> Vec<Vec<u8>>) {
        let now = Instant::now();
        for _ in 0..10 {
            while let Some(datagram) = self.client.poll_datagram() {
                self.deliver(victim, Victim::Server, &datagram, forge, now);
            }
            while let Some(datagram) = self.server.poll_datagram() {
                self.deliver(victim, Victim::Client, &datagram, forge, now);
            }
        }
    }

    fn deliver(
        &mut self,
        victim: Victim,
        to: Victim,
        datagram: &[u8],
        forge: &mut dyn FnMut() -> Vec<Vec<u8>>,
        now: Instant,
    ) {
        for forged in forge() {
            self.end(victim).handle_datagram(now, &forged);
        }
        self.end(to).handle_datagram(now, datagram);
        for forged in forge() {
            self.end(victim).handle_datagram(now, &forged);
        }
    }

    fn assert_connected(&self) {
        let keys = |association: &Association| match association.state() {
            State::Connected(keys) => (**keys).clone(),
            other @ (State::Handshaking | State::Failed(_) | State::Closed) => panic!("{other:?}"),
        };
        assert_eq!(keys(&self.client).local, keys(&self.server).remote);
    }
}

fn survives(victim: Victim, forged: &[Vec<u8>]) -> Vec<Refusal> {
    let mut handshake = Handshake::new();
    handshake.exchange(victim, &mut || forged.to_vec());
    handshake.assert_connected();
    let end = handshake.end(victim);
    std::iter::from_fn(|| end.poll_refusal()).collect()
}

fn record(kind: u8, number: u64, body: &[u8]) -> Vec<u8> {
    [&[kind, 0xfe, 0xfd][..], &number.to_be_bytes(), &(body.len() as u16).to_be_bytes(), body].concat()
}

fn message(kind: u8, sequence: u8, body: &[u8]) -> Vec<u8> {
    let length = &(body.len() as u32).to_be_bytes()[1..];
    record(22, 7, &[&[kind][..], length, &[0, sequence, 0, 0, 0], length, body].concat())
}

#[test]
fn alerts_in_the_clear_end_no_handshake_and_are_remembered() {
    for victim in [Victim::Client, Victim::Server] {
        for alert in [[1, 0], [2, 40], [2, 46]] {
            let refusals = survives(victim, &[record(21, 3, &alert)]);
            assert_eq!(refusals[0], Refusal::Alert(alert[1]), "{victim:?}");
        }
    }
}

#[test]
fn nothing_else_that_is_no_handshake_ends_one() {
    for victim in [Victim::Client, Victim::Server] {
        let forged = [
            record(23, 1, b"application data"),
            record(20, 1, &[1]),
            record(20, 2, &[1, 1]),
            record(20, 3, &[2]),
            record(21, 4, &[2]),
            record(24, 5, &[1, 0, 0]),
            record(26, 6, &[0; 40]),
        ];
        assert!(survives(victim, &forged).contains(&Refusal::Untimely));
    }
}

#[test]
fn a_high_record_number_does_not_make_the_records_of_the_peer_old() {
    for victim in [Victim::Client, Victim::Server] {
        survives(victim, &[record(22, 0xffff_ffff_ffff, &[0; 12]), record(20, 0xffff_ffff_fff0, &[1])]);
    }
}

#[test]
fn forged_messages_of_a_client_do_not_displace_the_flight_of_the_peer() {
    for forged in [
        message(16, 2, &[4, 1, 2, 3, 4]),
        message(15, 3, &[4, 3, 0, 4, 1, 2, 3, 4]),
        message(11, 1, &[0, 0, 0]),
        message(11, 1, &[0; 300]),
        message(20, 4, &[0; 12]),
        message(2, 1, &[0; 40]),
        message(1, 1, &[0; 40]),
    ] {
        survives(Victim::Server, std::slice::from_ref(&forged));
    }
}

#[test]
fn forged_messages_of_a_server_do_not_displace_the_flight_of_the_peer() {
    let hello = [&[0xfe, 0xfd][..], &[9; 32], &[0, 0xc0, 0x2b, 0]].concat();
    for forged in [
        vec![message(2, 0, &hello)],
        vec![message(11, 1, &[0; 300])],
        vec![message(12, 2, &[3, 0, 29, 32, 1, 2, 3])],
        // The end of the flight, one message early.
        vec![message(14, 3, &[])],
        vec![message(14, 4, &[]), message(14, 2, &[])],
        vec![message(1, 0, &[0; 40])],
    ] {
        let mut handshake = Handshake::new();
        let mut before_the_flight = Some(forged.clone());
        handshake.exchange(Victim::Client, &mut || before_the_flight.take().unwrap_or_default());
        handshake.assert_connected();
        survives(Victim::Client, &forged);
    }
}

/// The body of a Certificate message.
fn chain(certificate: &Certificate) -> Vec<u8> {
    let (pem, _) = certificate.to_pem().unwrap();
    let certificate = X509::from_pem(&pem).unwrap().to_der().unwrap();
    let long = |length: usize| (length as u32).to_be_bytes()[1..].to_vec();
    [long(certificate.len() + 3), long(certificate.len()), certificate].concat()
}

#[test]
fn a_flight_that_needs_no_signature_is_let_in_with_no_suite() {
    for suite in [[0x00, 0x9c], [0x00, 0x2f], [0xc0, 0x9c], [0xc0, 0x2b], [0xff, 0xff]] {
        let [client, server] = [(); 2].map(|()| Certificate::generate(KeyKind::EcdsaP256).unwrap());
        let hello = [&[0xfe, 0xfd][..], &[9; 32], &[0], &suite, &[0]].concat();
        // The certificate of the peer is no secret.
        let mut flight = Some(vec![
            [message(2, 0, &hello), message(11, 1, &chain(&server)), message(14, 2, &[])].concat(),
        ]);
        let mut handshake = Handshake::between(&client, &server);
        handshake.exchange(Victim::Client, &mut || flight.take().unwrap_or_default());
        handshake.assert_connected();
    }
}

/// A datagram for each record.
fn cut(mut datagram: &[u8]) -> Vec<Vec<u8>> {
    let mut records = Vec::new();
    while let Some(header) = datagram.first_chunk::<13>() {
        let (record, rest) =
            datagram.split_at(13 + usize::from(u16::from_be_bytes([header[11], header[12]])));
        records.push(record.to_vec());
        datagram = rest;
    }
    records
}

/// RFC 6347 §4.2.1.
fn hello_verify_request(cookie: u8) -> Vec<u8> {
    message(3, 0, &[&[0xfe, 0xff, 20][..], &[cookie; 20]].concat())
}

#[test]
fn a_forged_wish_for_a_cookie_waits_until_the_peer_has_had_its_time_to_answer() {
    let mut cookie = 0;
    let mut handshake = Handshake::new();
    handshake.exchange(Victim::Client, &mut || {
        cookie += 1;
        vec![hello_verify_request(cookie)]
    });
    handshake.assert_connected();
}

#[test]
fn a_wish_for_a_cookie_that_others_have_displaced_is_not_waited_for() {
    let now = Instant::now();
    let client = &mut Handshake::new().client;
    client.handle_datagram(now, &hello_verify_request(1));
    let due = client.poll_timeout().unwrap();
    for length in [100, 101] {
        let first_byte = [3, 0, 0, length, 0, 0, 0, 0, 0, 0, 0, 1, 0xfe];
        client.handle_datagram(now, &record(22, 0, &first_byte));
    }
    client.handle_timeout(due);
    assert!(client.poll_timeout().is_none_or(|next| next > due));
}

#[test]
fn an_end_of_a_flight_that_is_sent_before_the_flight_does_not_end_it() {
    let now = Instant::now();
    for forged in [
        vec![message(13, 3, &[1, 64, 0, 2, 4, 3, 0, 0]), message(14, 4, &[])],
        vec![message(13, 3, b"no request"), message(14, 4, &[])],
        vec![message(14, 4, &[1]), message(14, 4, &[1, 2])],
        vec![message(14, 3, &[1]), message(14, 3, &[])],
    ] {
        let mut handshake = Handshake::new();
        let hello = handshake.client.poll_datagram().unwrap();
        handshake.server.handle_datagram(now, &hello);
        let flight: Vec<_> = std::iter::from_fn(|| handshake.server.poll_datagram()).collect();
        let records = flight.iter().flat_map(|datagram| cut(datagram));
        for datagram in forged.into_iter().chain(records) {
            handshake.client.handle_datagram(now, &datagram);
        }
        handshake.exchange(Victim::Client, &mut Vec::new);
        handshake.assert_connected();
    }
}

#[test]
fn an_end_of_a_flight_that_says_anything_is_refused() {
    assert!(survives(Victim::Client, &[message(14, 4, &[0])]).contains(&Refusal::Untimely));
}

#[test]
fn another_server_that_answers_in_the_name_of_the_peer_is_refused() {
    let (client, server) = (
        Certificate::generate(KeyKind::EcdsaP256).unwrap(),
        Certificate::generate(KeyKind::EcdsaP256).unwrap(),
    );
    let mut handshake = Handshake::between(&client, &server);
    let hello = handshake.client.poll_datagram().unwrap();
    let stranger = Certificate::generate(KeyKind::EcdsaP256).unwrap();
    let mut impostor = Association::new(&stranger, Role::Server, MTU, Instant::now()).unwrap();
    impostor.handle_datagram(Instant::now(), &hello);
    while let Some(datagram) = impostor.poll_datagram() {
        handshake.client.handle_datagram(Instant::now(), &datagram);
    }
    assert_eq!(handshake.client.poll_refusal(), Some(Refusal::Certificate));
    handshake.server.handle_datagram(Instant::now(), &hello);
    handshake.exchange(Victim::Client, &mut Vec::new);
    handshake.assert_connected();
}

#[test]
fn another_client_than_expected_gets_no_keys_until_it_is() {
    let [client, server, other] = [(); 3].map(|()| Certificate::generate(KeyKind::EcdsaP256).unwrap());
    let mut handshake = Handshake::between(&client, &server);
    let expected = other.fingerprint(FingerprintHash::Sha256).unwrap();
    handshake.server.expect(Instant::now(), [("sha-256", &*expected)].into_iter());
    handshake.exchange(Victim::Server, &mut Vec::new);
    assert_eq!(handshake.server.state(), &State::Handshaking);
    assert_eq!(handshake.server.poll_refusal(), Some(Refusal::Certificate));

    let announced = client.fingerprint(FingerprintHash::Sha256).unwrap();
    handshake.server.expect(Instant::now(), [("SHA-256", &*announced.to_lowercase())].into_iter());
    handshake.exchange(Victim::Server, &mut Vec::new);
    handshake.assert_connected();
}

#[test]
fn flights_of_all_kinds_of_keys_are_proven() {
    for kind in [KeyKind::EcdsaP256, KeyKind::Rsa(2048), KeyKind::Rsa(4096)] {
        let (one, other) =
            (Certificate::generate(kind).unwrap(), Certificate::generate(KeyKind::EcdsaP256).unwrap());
        for (client, server) in [(&one, &other), (&other, &one)] {
            let mut handshake = Handshake::between(client, server);
            handshake.exchange(Victim::Server, &mut Vec::new);
            handshake.assert_connected();
        }
    }
}

/// Flights of a client up to the signature, which is wrong, each time another one.
fn wrongly_signed(certificate: &Certificate) -> impl Iterator<Item = Vec<u8>> {
    let begin = [message(11, 1, &chain(certificate)), message(16, 2, &[4, 1, 2, 3, 4])].concat();
    // An integer pair of ECDSA, so that it has to be verified.
    let proof = |number: u8| message(15, 3, &[4, 3, 0, 8, 48, 6, 2, 1, number % 127 + 1, 2, 1, 1]);
    (0..100).map(move |number| [begin.clone(), proof(number)].concat())
}

/// A server that has got a hundred wrongly signed flights at once, and then that of the peer; how many were verified.
fn server_after(forged_by: impl FnOnce(&Certificate) -> Certificate, pause: Duration) -> (Handshake, usize) {
    let now = Instant::now();
    let [client, server] = [(); 2].map(|()| Certificate::generate(KeyKind::EcdsaP256).unwrap());
    let mut handshake = Handshake::between(&client, &server);
    let hello = handshake.client.poll_datagram().unwrap();
    handshake.server.handle_datagram(now, &hello);
    while let Some(datagram) = handshake.server.poll_datagram() {
        handshake.client.handle_datagram(now, &datagram);
    }
    let mut verified = 0;
    for forged in wrongly_signed(&forged_by(&client)) {
        handshake.server.handle_datagram(now, &forged);
        verified += std::iter::from_fn(|| handshake.server.poll_refusal()).count();
    }
    while let Some(datagram) = handshake.client.poll_datagram() {
        handshake.server.handle_datagram(now + pause, &datagram);
    }
    handshake.exchange(Victim::Server, &mut Vec::new);
    (handshake, verified)
}

#[test]
fn wrong_signatures_of_others_are_verified_in_small_numbers_and_take_nothing_from_the_peer() {
    let another = |_: &_| Certificate::generate(KeyKind::EcdsaP256).unwrap();
    let (handshake, verified) = server_after(another, Duration::ZERO);
    assert!((1..=16).contains(&verified), "{verified}");
    handshake.assert_connected();
}

#[test]
fn wrong_signatures_with_the_certificate_of_the_peer_hold_it_up_only_while_they_come() {
    let (handshake, verified) = server_after(Certificate::clone, Duration::from_secs(1));
    assert!((1..=16).contains(&verified), "{verified}");
    handshake.assert_connected();
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn no_message_of_a_stranger_that_sees_nothing_ends_a_handshake(
        at_server in any::<bool>(),
        messages in prop::collection::vec(
            (1u8..24, 0u8..8, prop::collection::vec(any::<u8>(), 0..60)), 1..6),
        records in prop::collection::vec((20u8..27, 0u64..1 << 48, prop::collection::vec(any::<u8>(), 1..40)), 0..4),
    ) {
        let forged: Vec<Vec<u8>> = messages
            .iter()
            // What a stranger says first to a server is a handshake of its own.
            .map(|(kind, sequence, body)| message(*kind, (*sequence).max(at_server.into()), body))
            .chain(records.iter().filter(|(kind, ..)| *kind != 22).map(|(kind, number, body)| record(*kind, *number, body)))
            .collect();
        survives(if at_server { Victim::Server } else { Victim::Client }, &forged);
    }
}

const MTU: u16 = 1200;
