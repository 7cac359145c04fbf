//! One DTLS association: from the first datagram to the SRTP keys.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

use openssl::pkey::{PKeyRef, Private};
use openssl::ssl::{
    ErrorCode, Ssl, SslContext, SslContextBuilder, SslMethod, SslOptions, SslStream, SslVerifyMode,
    SslVersion,
};
use openssl::x509::X509Ref;
use srtp::{MasterKey, Suite};

use crate::SetupError;
use crate::certificate::{Certificate, FingerprintHash, fingerprint};
use crate::gate::{Expected, Gate};
use crate::refusal::Refusal;

/// Profiles in order of preference (RFC 5764 §4.1.2, RFC 7714 §14.2).
const PROFILES: &str =
    "SRTP_AEAD_AES_256_GCM:SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80:SRTP_AES128_CM_SHA1_32";
const EXPORTER_LABEL: &str = "EXTRACTOR-dtls_srtp";
/// RFC 6347 §4.2.4.1: one second, doubled each time, at most 60.
const FIRST_TIMEOUT: Duration = Duration::from_secs(1);
const LAST_TIMEOUT: Duration = Duration::from_secs(60);
/// OpenSSL looks at its own clock; ours must never be earlier.
const TIMEOUT_MARGIN: Duration = Duration::from_millis(20);
/// Datagrams kept for the caller to send: more than any flight needs.
const MAX_QUEUE: usize = 32;

/// Who sends the ClientHello: `a=setup:active` is the client (RFC 5763 §5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Client,
    Server,
}

/// How far an association has come.
#[derive(Debug, Clone, PartialEq)]
pub enum State {
    Handshaking,
    /// Keys are there. The peer's fingerprint still has to be compared.
    Connected(Box<Keys>),
    /// The handshake cannot go on; a new association may.
    Failed(String),
    /// The peer has closed the association (an authenticated close_notify).
    Closed,
}

/// SRTP keys of both directions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    pub suite: Suite,
    /// Protects what we send.
    pub local: MasterKey,
    /// Unprotects what the peer sends.
    pub remote: MasterKey,
}

/// One handshake and what follows it.
pub struct Association {
    stream: SslStream<Datagrams>,
    role: Role,
    state: State,
    timeout: Duration,
    deadline: Option<Instant>,
}

impl Association {
    /// Prepares a handshake. A client's first flight is ready to be polled at once.
    ///
    /// `mtu` is the largest datagram to send, in bytes of UDP payload.
    pub fn new(certificate: &Certificate, role: Role, mtu: u16, now: Instant) -> Result<Self, SetupError> {
        let mut ssl = Ssl::new(certificate.context(role))?;
        ssl.set_mtu(u32::from(mtu))?;
        match role {
            Role::Client => ssl.set_connect_state(),
            Role::Server => ssl.set_accept_state(),
        }
        let stream = SslStream::new(ssl, Datagrams::of(role, now))?;
        let mut association =
            Self { stream, role, state: State::Handshaking, timeout: FIRST_TIMEOUT, deadline: None };
        if role == Role::Client {
            association.proceed(now);
        }
        Ok(association)
    }

    pub fn role(&self) -> Role {
        self.role
    }

    pub fn state(&self) -> &State {
        &self.state
    }

    /// Says which certificates the peer may have, by name of hash and value as in SDP; without any, all of them. What
    /// was held back may be let in then.
    pub fn expect<'a>(&mut self, now: Instant, fingerprints: impl Iterator<Item = (&'a str, &'a str)>) {
        let expected: Expected =
            fingerprints.map(|(hash, value)| (FingerprintHash::named(hash), value.to_owned())).collect();
        let Datagrams { gate, incoming, .. } = self.stream.get_mut();
        if gate.expect(expected) {
            gate.prove(now, incoming);
            self.proceed_with_input(now);
        }
    }

    /// Takes in one datagram that began with a DTLS record (first byte 20 to 63, RFC 7983).
    pub fn handle_datagram(&mut self, now: Instant, datagram: &[u8]) {
        let Datagrams { gate, incoming, .. } = self.stream.get_mut();
        gate.take_in(now, datagram, incoming);
        self.proceed_with_input(now);
    }

    /// What was held back since the last call, as it may be forged.
    pub fn poll_refusal(&mut self) -> Option<Refusal> {
        self.stream.get_mut().gate.poll_refusal()
    }

    /// True if something has come that may be of the peer.
    pub fn has_heard(&self) -> bool {
        self.stream.get_ref().gate.has_heard()
    }

    /// Retransmits the last flight when it is time.
    pub fn handle_timeout(&mut self, now: Instant) {
        let Datagrams { gate, incoming, .. } = self.stream.get_mut();
        if gate.poll_timeout().is_some_and(|due| now >= due) {
            gate.prove(now, incoming);
            self.proceed_with_input(now);
        }
        if self.deadline.is_some_and(|deadline| now >= deadline) {
            self.timeout = (self.timeout * 2).min(LAST_TIMEOUT);
            self.deadline = None;
            self.proceed(now);
        }
    }

    /// When to call [`Association::handle_timeout`].
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadline.into_iter().chain(self.stream.get_ref().gate.poll_timeout()).min()
    }

    /// The next datagram to send.
    pub fn poll_datagram(&mut self) -> Option<Box<[u8]>> {
        self.stream.get_mut().outgoing.pop_front()
    }

    /// Fingerprint of the peer's certificate once it is known.
    pub fn peer_fingerprint(&self, hash: FingerprintHash) -> Option<String> {
        let certificate = self.stream.ssl().peer_certificate()?;
        fingerprint(&certificate, hash).ok()
    }

    fn proceed_with_input(&mut self, now: Instant) {
        if !self.stream.get_ref().incoming.is_empty() {
            self.proceed(now);
        }
    }

    fn proceed(&mut self, now: Instant) {
        match &self.state {
            State::Handshaking => self.handshake(now),
            State::Connected(_) => self.drain(),
            State::Failed(_) | State::Closed => self.stream.get_mut().incoming.clear(),
        }
    }

    fn handshake(&mut self, now: Instant) {
        match self.stream.do_handshake() {
            Ok(()) => {
                self.deadline = None;
                self.state = match self.keys() {
                    Ok(keys) => State::Connected(Box::new(keys)),
                    Err(reason) => State::Failed(reason),
                };
            }
            Err(error) if error.code() == ErrorCode::WANT_READ || error.code() == ErrorCode::WANT_WRITE => {
                // A server that has sent nothing has nothing to repeat.
                if self.deadline.is_none() && self.stream.get_ref().wrote {
                    self.deadline = Some(now + self.timeout + TIMEOUT_MARGIN);
                }
            }
            Err(error) => {
                self.deadline = None;
                self.state = State::Failed(error.to_string());
            }
        }
    }

    /// After the handshake: answers retransmitted last flights, notices the peer's close.
    fn drain(&mut self) {
        let mut scratch = [0; 512];
        loop {
            match self.stream.ssl_read(&mut scratch) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) => {
                    if error.code() == ErrorCode::ZERO_RETURN {
                        self.state = State::Closed;
                    }
                    break;
                }
            }
        }
        self.stream.get_mut().incoming.clear();
    }

    /// RFC 5764 §4.2: client key, server key, client salt, server salt.
    fn keys(&self) -> Result<Keys, String> {
        let ssl = self.stream.ssl();
        let profile = ssl.selected_srtp_profile().ok_or("the peer negotiated no SRTP profile")?;
        let suite = suite_of(profile.name()).ok_or_else(|| format!("unknown profile {}", profile.name()))?;
        let (key, salt) = (suite.key_length(), suite.salt_length());
        let mut material = vec![0; 2 * (key + salt)];
        ssl.export_keying_material(&mut material, EXPORTER_LABEL, None).map_err(|error| error.to_string())?;
        let (keys, salts) = material.split_at(2 * key);
        let master = |at: usize| MasterKey {
            suite,
            key: keys[at * key..(at + 1) * key].to_vec(),
            salt: salts[at * salt..(at + 1) * salt].to_vec(),
            mki: None,
        };
        let (client, server) = (master(0), master(1));
        Ok(match self.role {
            Role::Client => Keys { suite, local: client, remote: server },
            Role::Server => Keys { suite, local: server, remote: client },
        })
    }
}

fn suite_of(profile: &str) -> Option<Suite> {
    match profile {
        "SRTP_AEAD_AES_256_GCM" => Some(Suite::AeadAes256Gcm),
        "SRTP_AEAD_AES_128_GCM" => Some(Suite::AeadAes128Gcm),
        "SRTP_AES128_CM_SHA1_80" => Some(Suite::AesCm128HmacSha1_80),
        "SRTP_AES128_CM_SHA1_32" => Some(Suite::AesCm128HmacSha1_32),
        _ => None,
    }
}

pub(crate) fn context(
    certificate: &X509Ref,
    key: &PKeyRef<Private>,
    role: Role,
) -> Result<SslContext, SetupError> {
    let mut builder = SslContextBuilder::new(SslMethod::dtls())?;
    builder.set_min_proto_version(Some(SslVersion::DTLS1))?;
    // Old phones still speak DTLS 1.0, which OpenSSL allows only below security level 1.
    builder.set_cipher_list(match role {
        // Without a signed key exchange nothing says whose the flight of a server is.
        Role::Client => "DEFAULT:!NULL:!aNULL:!aPSK:!kRSA:@SECLEVEL=0",
        Role::Server => "DEFAULT:!NULL:!aNULL:!aPSK:@SECLEVEL=0",
    })?;
    builder.set_groups_list("X25519:P-256:P-384:P-521")?;
    builder.set_certificate(certificate)?;
    builder.set_private_key(key)?;
    builder.set_tlsext_use_srtp(PROFILES)?;
    builder.set_options(SslOptions::NO_QUERY_MTU | SslOptions::NO_RENEGOTIATION | SslOptions::NO_TICKET);
    // Certificates are self-signed; the fingerprint in SDP is what authenticates (RFC 5763 §5).
    builder.set_verify_callback(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT, |_, _| true);
    Ok(builder.build())
}

/// One datagram per read, one per write.
struct Datagrams {
    gate: Gate,
    incoming: VecDeque<Box<[u8]>>,
    outgoing: VecDeque<Box<[u8]>>,
    wrote: bool,
}

impl Datagrams {
    fn of(role: Role, now: Instant) -> Self {
        Self {
            gate: Gate::new(role, now),
            incoming: VecDeque::new(),
            outgoing: VecDeque::new(),
            wrote: false,
        }
    }
}

impl Read for Datagrams {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(datagram) = self.incoming.pop_front() else {
            return Err(io::ErrorKind::WouldBlock.into());
        };
        let length = datagram.len().min(buffer.len());
        buffer[..length].copy_from_slice(&datagram[..length]);
        Ok(length)
    }
}

impl Write for Datagrams {
    fn write(&mut self, datagram: &[u8]) -> io::Result<usize> {
        self.wrote = true;
        self.gate.note_sent(datagram);
        if self.outgoing.len() < MAX_QUEUE {
            self.outgoing.push_back(datagram.into());
        }
        Ok(datagram.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
