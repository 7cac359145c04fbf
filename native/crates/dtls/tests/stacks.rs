//! Handshakes with OpenSSL as a peer has it: other versions, curves, suites and kinds of keys than ours.

#![allow(clippy::unwrap_used, reason = "helpers of a test")]

mod support;

use std::time::Instant;

use dtls::{Association, Certificate, FingerprintHash, KeyKind, Role, State};
use openssl::{
    asn1::Asn1Time,
    ec::{EcGroup, EcKey},
    hash::MessageDigest,
    nid::Nid,
    pkey::{PKey, Private},
    rsa::Rsa,
    ssl::{Ssl, SslContext, SslMethod, SslOptions, SslStream, SslVerifyMode, SslVersion},
    x509::{X509, X509NameBuilder},
};
use support::Pipe;

struct Manner {
    key: PKey<Private>,
    version: SslVersion,
    suites: &'static str,
    asks_for_certificate: bool,
}

#[test]
fn peers_of_all_kinds_shake_hands_in_both_roles() {
    let manner = |key, version, suites| Manner { key, version, suites, asks_for_certificate: true };
    let curve = |name| PKey::from_ec_key(EcKey::generate(&EcGroup::from_curve_name(name).unwrap()).unwrap());
    let rsa = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    let own = Certificate::generate(KeyKind::Rsa(2048)).unwrap();
    for peer in [
        manner(curve(Nid::SECP384R1).unwrap(), SslVersion::DTLS1_2, "DEFAULT"),
        manner(curve(Nid::SECP521R1).unwrap(), SslVersion::DTLS1_2, "DEFAULT"),
        manner(rsa.clone(), SslVersion::DTLS1_2, "DEFAULT"),
        manner(rsa.clone(), SslVersion::DTLS1, "DEFAULT:@SECLEVEL=0"),
        manner(curve(Nid::X9_62_PRIME256V1).unwrap(), SslVersion::DTLS1, "DEFAULT:@SECLEVEL=0"),
        Manner { asks_for_certificate: false, ..manner(rsa.clone(), SslVersion::DTLS1_2, "DEFAULT") },
    ] {
        for role in [Role::Server, Role::Client] {
            shake_hands(&own, &peer, role);
        }
    }
    for peer in [
        // As a server OpenSSL finds no suite of DTLS for it.
        manner(PKey::generate_ed25519().unwrap(), SslVersion::DTLS1_2, "DEFAULT"),
        // As a client we want a signature.
        manner(rsa, SslVersion::DTLS1_2, "kRSA"),
    ] {
        shake_hands(&own, &peer, Role::Server);
    }
}

fn shake_hands(own: &Certificate, peer: &Manner, role: Role) {
    let now = Instant::now();
    let mut ours = Association::new(own, role, 1200, now).unwrap();
    let certificate = certificate(&peer.key);
    let expected = hex(&certificate.digest(MessageDigest::sha256()).unwrap());
    ours.expect(now, [("sha-256", &*expected)].into_iter());
    let mut theirs = stream(peer, &certificate);
    for _ in 0..10 {
        let _ = if role == Role::Server { theirs.connect() } else { theirs.accept() };
        for datagram in std::mem::take(&mut theirs.get_mut().outgoing) {
            ours.handle_datagram(now, &datagram);
        }
        while let Some(datagram) = ours.poll_datagram() {
            theirs.get_mut().incoming.push_back(datagram.into());
        }
    }
    let what = (peer.key.id(), peer.suites, peer.asks_for_certificate, role);
    let refusal = ours.poll_refusal();
    assert!(matches!(ours.state(), State::Connected(_)), "{what:?}: {:?}, {refusal:?}", ours.state());
    assert_eq!(ours.peer_fingerprint(FingerprintHash::Sha256), Some(expected));
}

fn stream(peer: &Manner, certificate: &X509) -> SslStream<Pipe> {
    let mut context = SslContext::builder(SslMethod::dtls()).unwrap();
    let verify = if peer.asks_for_certificate {
        SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT
    } else {
        SslVerifyMode::NONE
    };
    context.set_verify_callback(verify, |_, _| true);
    context.set_cipher_list(peer.suites).unwrap();
    context.set_min_proto_version(Some(SslVersion::DTLS1)).unwrap();
    context.set_max_proto_version(Some(peer.version)).unwrap();
    context.set_certificate(certificate).unwrap();
    context.set_private_key(&peer.key).unwrap();
    context.set_tlsext_use_srtp("SRTP_AES128_CM_SHA1_80").unwrap();
    context.set_options(SslOptions::NO_QUERY_MTU);
    let mut ssl = Ssl::new(&context.build()).unwrap();
    ssl.set_mtu(1200).unwrap();
    SslStream::new(ssl, Pipe::default()).unwrap()
}

fn certificate(key: &PKey<Private>) -> X509 {
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", "peer").unwrap();
    let name = name.build();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(&name).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(2).unwrap()).unwrap();
    builder.set_pubkey(key).unwrap();
    let is_own = key.id() == openssl::pkey::Id::ED25519;
    builder.sign(key, if is_own { MessageDigest::null() } else { MessageDigest::sha256() }).unwrap();
    builder.build()
}

fn hex(digest: &[u8]) -> String {
    digest.iter().map(|octet| format!("{octet:02X}")).collect::<Vec<_>>().join(":")
}
