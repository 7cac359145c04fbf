//! SRTP and DTLS as a peer does them.

use std::time::Instant;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use dtls::{Association, Certificate, FingerprintHash, KeyKind, Keys, Role, State};
use protocol::{FingerprintPlan, SecurityPlan, SrtpKeyPlan};
use srtp::{Context, MasterKey, Mki, Options, Suite};

/// A key as in an `a=crypto` line; each seed is another one.
pub fn key(suite: Suite, seed: u8) -> SrtpKeyPlan {
    let bytes = |length: usize, factor: u8| -> Vec<u8> {
        (0..length).map(|at| seed.wrapping_mul(factor).wrapping_add(at as u8)).collect()
    };
    SrtpKeyPlan {
        suite: suite.name().to_owned(),
        key_base64: STANDARD.encode(bytes(suite.key_length(), 31)),
        salt_base64: STANDARD.encode(bytes(suite.salt_length(), 17)),
        mki_base64: None,
        unencrypted_srtp: false,
        unencrypted_srtcp: false,
        unauthenticated_srtp: false,
    }
}

/// SDES with the peer's key and ours.
pub fn sdes(theirs: &SrtpKeyPlan, ours: &SrtpKeyPlan) -> SecurityPlan {
    SecurityPlan::Sdes { receive: theirs.clone(), send: ours.clone() }
}

/// The fingerprint of a certificate, as signalled.
pub fn fingerprint(certificate: &Certificate) -> FingerprintPlan {
    let hash = FingerprintHash::Sha256;
    match certificate.fingerprint(hash) {
        Ok(value) => FingerprintPlan { hash: hash.name().to_owned(), value },
        Err(error) => panic!("{error}"),
    }
}

pub fn certificate() -> Certificate {
    Certificate::generate(KeyKind::EcdsaP256).unwrap_or_else(|error| panic!("{error}"))
}

/// SRTP contexts of a peer: what it sends and what it gets.
pub struct Crypto {
    send: Context,
    receive: Context,
}

impl std::fmt::Debug for Crypto {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Crypto").finish_non_exhaustive()
    }
}

impl Crypto {
    pub fn new(send: &SrtpKeyPlan, receive: &SrtpKeyPlan) -> Self {
        Crypto { send: context(send), receive: context(receive) }
    }

    pub fn from_handshake(keys: &Keys) -> Self {
        let context = |key: &MasterKey| match Context::new(key, Options::default()) {
            Ok(context) => context,
            Err(error) => panic!("{error}"),
        };
        Crypto { send: context(&keys.local), receive: context(&keys.remote) }
    }

    /// Sends with another key from now on, with the roll-over counter at `roc`.
    pub fn send_with(&mut self, key: &SrtpKeyPlan, ssrc: u32, roc: u32) {
        self.send = context(key);
        self.send.start_in_cycle(ssrc, roc);
    }

    /// Receives with another key from now on, the roll-over counter kept if there is an index.
    pub fn receive_with(&mut self, key: &SrtpKeyPlan, kept: Option<(u32, u64)>) {
        self.receive = context(key);
        if let Some((ssrc, index)) = kept {
            self.receive.resume(srtp::SourceState { ssrc, rtp_index: Some(index), rtcp_index: None });
        }
    }

    /// How far a source is that was received.
    pub fn received_index(&self, ssrc: u32) -> Option<u64> {
        self.receive.rtp_index(ssrc)
    }

    pub fn sent_index(&self, ssrc: u32) -> Option<u64> {
        self.send.rtp_index(ssrc)
    }

    /// Sources that were heard.
    pub fn received_sources(&self) -> usize {
        self.receive.sources().count()
    }

    pub fn protect(&mut self, packet: &[u8]) -> Vec<u8> {
        self.try_protect(packet).unwrap_or_else(|error| panic!("{error}"))
    }

    pub fn try_protect(&mut self, packet: &[u8]) -> Result<Vec<u8>, srtp::Error> {
        let mut buffer = packet.to_vec();
        buffer.resize(packet.len() + self.send.overhead(), 0);
        let protected = if wire::classify(packet) == wire::Kind::Rtcp {
            self.send.protect_rtcp(&mut buffer, packet.len())
        } else {
            self.send.protect_rtp(&mut buffer, packet.len())
        };
        buffer.truncate(protected?);
        Ok(buffer)
    }

    /// The packet in the clear; `None` if the peer has to drop it.
    pub fn open(&mut self, packet: &[u8]) -> Option<Vec<u8>> {
        let mut buffer = packet.to_vec();
        let plain = if wire::classify(packet) == wire::Kind::Rtcp {
            self.receive.unprotect_rtcp(&mut buffer, packet.len())
        } else {
            self.receive.unprotect_rtp(&mut buffer, packet.len())
        };
        buffer.truncate(plain.ok()?);
        Some(buffer)
    }
}

fn context(plan: &SrtpKeyPlan) -> Context {
    let bytes = |text: &str| STANDARD.decode(text).unwrap_or_else(|error| panic!("{error}"));
    let Some(suite) = Suite::named(&plan.suite) else { panic!("{} is no suite", plan.suite) };
    let mki = plan.mki_base64.as_deref().map(|mki| Mki(bytes(mki)));
    let (key, salt) = (bytes(&plan.key_base64), bytes(&plan.salt_base64));
    let options = Options {
        unencrypted_srtp: plan.unencrypted_srtp,
        unencrypted_srtcp: plan.unencrypted_srtcp,
        unauthenticated_srtp: plan.unauthenticated_srtp,
    };
    match Context::new(&MasterKey { suite, key, salt, mki }, options) {
        Ok(context) => context,
        Err(error) => panic!("{error}"),
    }
}

/// A peer's end of a DTLS association.
pub struct DtlsEnd {
    association: Association,
}

impl std::fmt::Debug for DtlsEnd {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("DtlsEnd").field("state", self.association.state()).finish_non_exhaustive()
    }
}

impl DtlsEnd {
    pub fn new(certificate: &Certificate, role: Role, now: Instant) -> Self {
        match Association::new(certificate, role, 1200, now) {
            Ok(association) => DtlsEnd { association },
            Err(error) => panic!("{error}"),
        }
    }

    /// Takes in a datagram; returns what is to be sent.
    pub fn take_in(&mut self, now: Instant, datagram: &[u8]) -> Vec<Vec<u8>> {
        self.association.handle_datagram(now, datagram);
        self.outgoing()
    }

    pub fn outgoing(&mut self) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| self.association.poll_datagram()).map(Vec::from).collect()
    }

    pub fn is_connected(&self) -> bool {
        matches!(self.association.state(), State::Connected(_))
    }

    pub fn crypto(&self) -> Option<Crypto> {
        match self.association.state() {
            State::Connected(keys) => Some(Crypto::from_handshake(keys)),
            State::Handshaking | State::Failed(_) | State::Closed => None,
        }
    }

    pub fn suite(&self) -> Option<Suite> {
        match self.association.state() {
            State::Connected(keys) => Some(keys.suite),
            State::Handshaking | State::Failed(_) | State::Closed => None,
        }
    }
}
