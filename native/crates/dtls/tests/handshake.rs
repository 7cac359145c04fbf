//! Handshakes between two associations, in memory.

#![allow(clippy::unwrap_used, reason = "helpers of a test")]

use std::time::Instant;

use dtls::{Association, Certificate, FingerprintHash, KeyKind, Keys, Role, State};
use srtp::{Context, Options};

const MTU: u16 = 1_200;

fn association(certificate: &Certificate, role: Role) -> Association {
    Association::new(certificate, role, MTU, Instant::now()).unwrap()
}

fn exchange(client: &mut Association, server: &mut Association) {
    let now = Instant::now();
    for _ in 0..20 {
        while let Some(datagram) = client.poll_datagram() {
            assert!(datagram.len() <= usize::from(MTU));
            server.handle_datagram(now, &datagram);
        }
        while let Some(datagram) = server.poll_datagram() {
            assert!(datagram.len() <= usize::from(MTU));
            client.handle_datagram(now, &datagram);
        }
    }
}

fn keys(association: &Association) -> Keys {
    let State::Connected(keys) = association.state() else {
        panic!("not connected: {:?}", association.state());
    };
    (**keys).clone()
}

#[test]
fn both_sides_get_the_same_keys_and_see_each_others_certificates() {
    for (ours, theirs) in [
        (KeyKind::EcdsaP256, KeyKind::EcdsaP256),
        (KeyKind::EcdsaP256, KeyKind::Rsa(4_096)),
        (KeyKind::Rsa(2_048), KeyKind::EcdsaP256),
    ] {
        let (one, other) = (Certificate::generate(ours).unwrap(), Certificate::generate(theirs).unwrap());
        let (mut client, mut server) = (association(&one, Role::Client), association(&other, Role::Server));
        exchange(&mut client, &mut server);
        let (client_keys, server_keys) = (keys(&client), keys(&server));
        assert_eq!(client_keys.local, server_keys.remote);
        assert_eq!(client_keys.remote, server_keys.local);
        for hash in [FingerprintHash::Sha256, FingerprintHash::Sha1, FingerprintHash::Sha512] {
            assert_eq!(client.peer_fingerprint(hash), other.fingerprint(hash).ok());
            assert_eq!(server.peer_fingerprint(hash), one.fingerprint(hash).ok());
        }
    }
}

#[test]
fn srtp_flows_with_the_keys() {
    let certificate = Certificate::generate(KeyKind::EcdsaP256).unwrap();
    let (mut client, mut server) =
        (association(&certificate, Role::Client), association(&certificate, Role::Server));
    exchange(&mut client, &mut server);
    let mut sender = Context::new(&keys(&client).local, Options::default()).unwrap();
    let mut receiver = Context::new(&keys(&server).remote, Options::default()).unwrap();
    let mut buffer = [0; 100];
    buffer[..12].copy_from_slice(&[0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1]);
    let length = sender.protect_rtp(&mut buffer, 60).unwrap();
    assert_eq!(receiver.unprotect_rtp(&mut buffer, length).unwrap(), 60);
}

#[test]
fn a_client_hello_in_several_datagrams_is_reassembled() {
    let certificate = Certificate::generate(KeyKind::EcdsaP256).unwrap();
    let mut client = association(&certificate, Role::Client);
    let mut server = association(&certificate, Role::Server);
    let now = Instant::now();
    let hello = client.poll_datagram().unwrap();
    for (number, fragment) in fragments(&hello, 60).into_iter().enumerate() {
        server.handle_datagram(now, &fragment);
        assert_eq!(server.state(), &State::Handshaking, "fragment {number}");
    }
    exchange(&mut client, &mut server);
    assert_eq!(keys(&client).local, keys(&server).remote);
}

/// Splits the handshake message of a datagram into records of `size` bytes of message (RFC 6347 §4.2.3).
fn fragments(datagram: &[u8], size: usize) -> Vec<Vec<u8>> {
    let (record, message) = (&datagram[..13], &datagram[25..]);
    let handshake = &datagram[13..25];
    message
        .chunks(size)
        .enumerate()
        .map(|(number, chunk)| {
            let mut out = record.to_vec();
            // Within the replay window, but not among those the client uses later.
            out[10] = 40 + number as u8;
            out[11..13].copy_from_slice(&((12 + chunk.len()) as u16).to_be_bytes());
            out.extend_from_slice(&handshake[..6]);
            out.extend_from_slice(&((number * size) as u32).to_be_bytes()[1..]);
            out.extend_from_slice(&(chunk.len() as u32).to_be_bytes()[1..]);
            out.extend_from_slice(chunk);
            out
        })
        .collect()
}

#[test]
fn garbage_neither_ends_nor_disturbs_a_handshake() {
    let certificate = Certificate::generate(KeyKind::EcdsaP256).unwrap();
    let mut client = association(&certificate, Role::Client);
    let mut server = association(&certificate, Role::Server);
    let now = Instant::now();
    for length in 0..200usize {
        let garbage: Vec<u8> = (0..length).map(|at| (at * 7 + length) as u8 | 20).collect();
        server.handle_datagram(now, &garbage);
        client.handle_datagram(now, &garbage);
    }
    exchange(&mut client, &mut server);
    assert_eq!(keys(&client).local, keys(&server).remote);
}

#[test]
fn a_client_repeats_its_flight_when_the_timer_says_so() {
    let certificate = Certificate::generate(KeyKind::EcdsaP256).unwrap();
    let mut client = association(&certificate, Role::Client);
    assert!(client.poll_datagram().is_some());
    assert!(client.poll_datagram().is_none());
    let deadline = client.poll_timeout().unwrap();
    // OpenSSL has its own clock, so this one test waits for real time to pass.
    while Instant::now() < deadline {
        std::thread::park_timeout(deadline - Instant::now());
    }
    client.handle_timeout(Instant::now());
    assert!(client.poll_datagram().is_some());
    assert!(client.poll_timeout().unwrap() > deadline);
}

#[test]
fn a_peer_without_srtp_is_refused() {
    use openssl::ssl::{Ssl, SslContext, SslMethod, SslVerifyMode};
    let certificate = Certificate::generate(KeyKind::EcdsaP256).unwrap();
    let mut server = association(&certificate, Role::Server);
    let mut context = SslContext::builder(SslMethod::dtls()).unwrap();
    context.set_verify(SslVerifyMode::NONE);
    let (pem, key) = certificate.to_pem().unwrap();
    context.set_certificate(&openssl::x509::X509::from_pem(&pem).unwrap()).unwrap();
    context.set_private_key(&openssl::pkey::PKey::private_key_from_pem(&key).unwrap()).unwrap();
    let mut ssl = Ssl::new(&context.build()).unwrap();
    ssl.set_mtu(1_200).unwrap();
    let mut stream = openssl::ssl::SslStream::new(ssl, Pipe::default()).unwrap();
    let now = Instant::now();
    for _ in 0..10 {
        let _ = stream.connect();
        for datagram in std::mem::take(&mut stream.get_mut().outgoing) {
            server.handle_datagram(now, &datagram);
        }
        while let Some(datagram) = server.poll_datagram() {
            stream.get_mut().incoming.push_back(datagram.into());
        }
    }
    assert!(
        matches!(server.state(), State::Failed(reason) if reason.contains("SRTP")),
        "{:?}",
        server.state()
    );
}

#[derive(Default)]
struct Pipe {
    incoming: std::collections::VecDeque<Vec<u8>>,
    outgoing: Vec<Vec<u8>>,
}

impl std::io::Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let datagram = self.incoming.pop_front().ok_or(std::io::ErrorKind::WouldBlock)?;
        buffer[..datagram.len()].copy_from_slice(&datagram);
        Ok(datagram.len())
    }
}

impl std::io::Write for Pipe {
    fn write(&mut self, datagram: &[u8]) -> std::io::Result<usize> {
        self.outgoing.push(datagram.to_vec());
        Ok(datagram.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
