//! ClientHellos of clients that speak DTLS 1.3 and send a post-quantum key share: too large for one datagram. RFC 9147
//! §5.3 has them say 1.2 outside, so that a server which knows no more answers in 1.2.

#![allow(clippy::unwrap_used, reason = "helpers of a test")]

mod support;

use std::{
    collections::BTreeMap,
    ops::Range,
    time::{Duration, Instant},
};

use dtls::{Association, Certificate, KeyKind, Role, State};
use openssl::{
    pkey::PKey,
    ssl::{ExtensionContext, Ssl, SslContext, SslMethod, SslOptions, SslStream, SslVerifyMode},
    x509::X509,
};
use proptest::prelude::*;
use support::Pipe;

#[test]
fn a_hello_of_1_3_is_answered_in_1_2() {
    for sizes in [&[4000][..], &[1150, 1150], &[700, 700, 700], &[1, 2000], &[1000, 1, 1000]] {
        assert_answered_in_1_2(&fragments(&hello(), sizes));
    }
}

#[test]
fn its_fragments_may_overtake_each_other_and_come_twice() {
    let [one, two, three] = <[Vec<u8>; 3]>::try_from(fragments(&hello(), &[600, 600, 600])).unwrap();
    for order in [
        [&three, &two, &one].as_slice(),
        &[&two, &one, &three],
        &[&one, &one, &two, &two, &three],
        &[&three, &one, &three, &one, &two],
    ] {
        let order: Vec<Vec<u8>> = order.iter().map(|fragment| (*fragment).clone()).collect();
        assert_answered_in_1_2(&order);
    }
}

#[test]
fn several_fragments_may_come_in_one_datagram() {
    assert_answered_in_1_2(&[fragments(&hello(), &[300, 300, 900, 900]).concat()]);
}

#[test]
fn a_hello_that_is_cut_in_another_way_when_it_is_repeated_is_read_all_the_same() {
    let first = fragments(&hello(), &[900, 900]).remove(0);
    let again = fragments_from(10, &hello(), &[500, 700, 900]);
    assert_answered_in_1_2(&[&[first][..], &again].concat());
}

#[test]
fn what_comes_between_its_fragments_does_no_harm() {
    let [one, two] = <[Vec<u8>; 2]>::try_from(fragments(&hello(), &[1000, 1000])).unwrap();
    let noise = vec![0x17; 64];
    // A record of a later epoch, as strangers can make them.
    let later = [&[22, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 51, 0, 40], &[7; 40][..]].concat();
    assert_answered_in_1_2(&[one, noise, later, two]);
}

#[test]
fn a_hello_that_knows_nothing_but_1_3_is_refused() {
    let mut server = server();
    for fragment in fragments(&written(&[0xfefc], &[0x1301]), &[1000, 1000]) {
        server.handle_datagram(Instant::now(), &fragment);
    }
    assert!(matches!(server.state(), State::Failed(_)), "{:?}", server.state());
}

#[test]
fn the_handshake_of_a_large_hello_comes_to_its_end_in_whatever_order_it_arrives() {
    for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2], [2, 0, 1]] {
        let certificate = Certificate::generate(KeyKind::EcdsaP256).unwrap();
        let mut server = Association::new(&certificate, Role::Server, MTU, Instant::now()).unwrap();
        let mut client = large_client(&certificate);
        let _ = client.connect();
        let flight: Vec<Vec<u8>> = std::mem::take(&mut client.get_mut().outgoing);
        let message = flight.iter().flat_map(|datagram| body_of(datagram)).collect::<Vec<u8>>();
        assert!(message.len() > 1300, "{} bytes are no large hello", message.len());
        let fragments = fragments(&message, &[600, 600, 600]);
        for at in order {
            server.handle_datagram(Instant::now(), &fragments[at]);
        }
        for _ in 0..10 {
            while let Some(datagram) = server.poll_datagram() {
                client.get_mut().incoming.push_back(datagram.into());
            }
            let _ = client.connect();
            for datagram in std::mem::take(&mut client.get_mut().outgoing) {
                server.handle_datagram(Instant::now(), &datagram);
            }
        }
        assert!(matches!(server.state(), State::Connected(_)), "{order:?}: {:?}", server.state());
        assert_eq!(client.ssl().version_str(), "DTLSv1.2");
    }
}

#[test]
fn as_the_client_we_repeat_our_hello_with_the_cookie_we_are_asked_for() {
    let certificate = Certificate::generate(KeyKind::EcdsaP256).unwrap();
    let now = Instant::now();
    let mut client = Association::new(&certificate, Role::Client, MTU, now).unwrap();
    let first = client.poll_datagram().unwrap();
    // HelloVerifyRequest (RFC 6347 §4.2.1).
    let cookie = [&[20][..], &[0xc0; 20]].concat();
    let body = [&[0xfe, 0xff][..], &cookie].concat();
    client.handle_datagram(now, &record(0, &handshake(3, &body, 0..body.len())));
    // Anybody can have said so: first the peer may answer.
    assert_eq!(client.poll_datagram(), None);
    let due = client.poll_timeout().unwrap();
    assert!(due > now && due < now + Duration::from_secs(1), "{:?}", due - now);
    client.handle_timeout(due);
    let second = client.poll_datagram().unwrap();
    let (first, second) = (body_of(&first), body_of(&second));
    assert_eq!(first[..COOKIE], second[..COOKIE], "the same version and random");
    assert_eq!((first[COOKIE], &second[COOKIE..COOKIE + 21]), (0, &cookie[..]));
    assert_eq!(first[COOKIE + 1..], second[COOKIE + 21..]);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn every_cut_and_every_order_is_understood(
        sizes in prop::collection::vec(200_usize..1200, 8),
        keys in prop::collection::vec(any::<u64>(), 8),
        again in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
    ) {
        let mut fragments = fragments(&hello(), &sizes);
        let repeated: Vec<_> = again.iter().map(|at| at.get(&fragments).clone()).collect();
        let mut order: Vec<_> = fragments.drain(..).zip(&keys).collect();
        order.sort_by_key(|(_, key)| **key);
        let mut datagrams: Vec<Vec<u8>> = order.into_iter().map(|(fragment, _)| fragment).collect();
        for (at, fragment) in repeated.into_iter().enumerate() {
            datagrams.insert(at.min(datagrams.len()), fragment);
        }
        assert_answered_in_1_2(&datagrams);
    }
}

fn server() -> Association {
    let certificate = Certificate::generate(KeyKind::EcdsaP256).unwrap();
    Association::new(&certificate, Role::Server, MTU, Instant::now()).unwrap()
}

/// Has a server take these datagrams in; it has to answer with a whole flight of DTLS 1.2, and only after the last one
/// it needs.
fn assert_answered_in_1_2(datagrams: &[Vec<u8>]) {
    let mut server = server();
    for datagram in datagrams {
        server.handle_datagram(Instant::now(), datagram);
        assert_eq!(server.state(), &State::Handshaking);
    }
    let flight: Vec<u8> = std::iter::from_fn(|| server.poll_datagram()).flatten().collect();
    let messages = messages(&flight);
    assert_eq!(messages.keys().copied().collect::<Vec<u8>>(), [SERVER_HELLO, 11, KEY_EXCHANGE, 13, 14]);
    let (hello, exchange) = (&messages[&SERVER_HELLO], &messages[&KEY_EXCHANGE]);
    assert_eq!(hello[..2], [0xfe, 0xfd], "the version stands where it always has");
    let extensions = extensions(&hello[2 + 32 + 1 + usize::from(hello[34]) + 3..]);
    assert!(!extensions.contains_key(&SUPPORTED_VERSIONS) && !extensions.contains_key(&KEY_SHARE));
    assert_eq!(extensions[&USE_SRTP], [0, 2, 0, 8, 0], "the best profile");
    assert_eq!(exchange[..3], [3, 0, 0x1d], "X25519, the classical share that both know");
}

/// A ClientHello as of a browser with DTLS 1.3 (RFC 9147 §5.3) and ML-KEM (draft-ietf-tls-ecdhe-mlkem).
fn hello() -> Vec<u8> {
    written(&[0xfefc, 0xfefd], &[0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc00a, 0xc014])
}

fn written(versions: &[u16], suites: &[u16]) -> Vec<u8> {
    let words = |words: &[u16]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>();
    let share = |group: u16, key: &[u8]| [&words(&[group]), &counted(key)[..]].concat();
    let shares = [share(ML_KEM, &[0x4d; 1216]), share(0x1d, &[9; 32])].concat();
    let extensions = [
        (SUPPORTED_VERSIONS, [&[versions.len() as u8 * 2][..], &words(versions)].concat()),
        (KEY_SHARE, counted(&shares)),
        (10, counted(&words(&[ML_KEM, 0x1d, 0x17, 0x18]))),
        (13, counted(&words(&[0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501]))),
        (11, vec![1, 0]),
        (USE_SRTP, [&counted(&words(&[8, 7, 1]))[..], &[0]].concat()),
        (23, Vec::new()),
        (0xff01, vec![0]),
        // Modes of keys that are shared already, which only 1.3 has.
        (45, vec![1, 1]),
    ];
    let extensions: Vec<u8> =
        extensions.iter().flat_map(|(kind, value)| [words(&[*kind]), counted(value)].concat()).collect();
    let head = [&[0xfe, 0xfd][..], &[0x11; 32], &[0, 0]].concat();
    [head, counted(&words(suites)), vec![1, 0], counted(&extensions)].concat()
}

/// Records, a datagram each, with these sizes of the message in turn; the last one takes the rest.
fn fragments(body: &[u8], sizes: &[usize]) -> Vec<Vec<u8>> {
    fragments_from(0, body, sizes)
}

/// The same, with the records numbered from `first` on.
fn fragments_from(first: u8, body: &[u8], sizes: &[usize]) -> Vec<Vec<u8>> {
    let (mut start, mut fragments) = (0, Vec::new());
    for (number, size) in sizes.iter().enumerate() {
        let is_last = number + 1 == sizes.len();
        let end = if is_last { body.len() } else { (start + size).min(body.len()) };
        // Within the replay window, but not among those a client uses later.
        if start < end {
            fragments.push(record(40 + first + number as u8, &handshake(1, body, start..end)));
        }
        start = end;
    }
    fragments
}

fn record(number: u8, fragment: &[u8]) -> Vec<u8> {
    [&[22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, number][..], &counted(fragment)].concat()
}

/// A part of a handshake message, the first of its side.
fn handshake(kind: u8, body: &[u8], part: Range<usize>) -> Vec<u8> {
    let long = |length: usize| (length as u32).to_be_bytes()[1..].to_vec();
    let head = [vec![kind], long(body.len()), vec![0, 0], long(part.start), long(part.len())].concat();
    [&head, &body[part]].concat()
}

fn counted(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u16).to_be_bytes()[..], bytes].concat()
}

/// What a datagram with one record has of its message.
fn body_of(datagram: &[u8]) -> Vec<u8> {
    datagram[RECORD + HANDSHAKE..].to_vec()
}

/// Handshake messages by their kind, put together from records one behind the other.
fn messages(mut records: &[u8]) -> BTreeMap<u8, Vec<u8>> {
    let mut messages: BTreeMap<u8, Vec<u8>> = BTreeMap::new();
    while !records.is_empty() {
        assert_eq!(records[..3], [22, 0xfe, 0xfd], "a handshake of 1.2");
        let length = usize::from(u16::from_be_bytes([records[11], records[12]]));
        let (record, rest) = records.split_at(RECORD + length);
        messages.entry(record[RECORD]).or_default().extend_from_slice(&record[RECORD + HANDSHAKE..]);
        records = rest;
    }
    messages
}

fn extensions(bytes: &[u8]) -> BTreeMap<u16, Vec<u8>> {
    let (mut rest, mut extensions) = (&bytes[2..], BTreeMap::new());
    while let Some((&[k0, k1, l0, l1], behind)) = rest.split_first_chunk::<4>() {
        let (value, behind) = behind.split_at(usize::from(u16::from_be_bytes([l0, l1])));
        extensions.insert(u16::from_be_bytes([k0, k1]), value.to_vec());
        rest = behind;
    }
    extensions
}

/// Another client than ours, whose hello has an extension as large as an ML-KEM share.
fn large_client(certificate: &Certificate) -> SslStream<Pipe> {
    let mut context = SslContext::builder(SslMethod::dtls()).unwrap();
    context.set_verify(SslVerifyMode::NONE);
    let (pem, key) = certificate.to_pem().unwrap();
    context.set_certificate(&X509::from_pem(&pem).unwrap()).unwrap();
    context.set_private_key(&PKey::private_key_from_pem(&key).unwrap()).unwrap();
    context.set_tlsext_use_srtp("SRTP_AEAD_AES_128_GCM").unwrap();
    context.set_options(SslOptions::NO_QUERY_MTU);
    let kind = ExtensionContext::CLIENT_HELLO;
    context.add_custom_ext(0xfe42, kind, |_, _, _| Ok(Some(vec![0x4d; 1250])), |_, _, _, _| Ok(())).unwrap();
    let mut ssl = Ssl::new(&context.build()).unwrap();
    ssl.set_mtu(MTU.into()).unwrap();
    SslStream::new(ssl, Pipe::default()).unwrap()
}

const MTU: u16 = 1200;
const RECORD: usize = 13;
const HANDSHAKE: usize = 12;
/// Where in a ClientHello the cookie is: behind version, random and an empty session.
const COOKIE: usize = 2 + 32 + 1;
const SERVER_HELLO: u8 = 2;
const KEY_EXCHANGE: u8 = 12;
const USE_SRTP: u16 = 14;
const SUPPORTED_VERSIONS: u16 = 43;
const KEY_SHARE: u16 = 51;
/// X25519MLKEM768.
const ML_KEM: u16 = 0x11ec;
