//! What OpenSSL gets to read during a handshake. Most of a handshake is in the clear, and one forged message would spoil
//! it for good. So the peer's flight waits here until its signature shows that all of it is of one peer, and the one
//! that is expected; what is forged lies beside it, and makes way.
//!
//! The signature of a client covers everything before it (RFC 5246 §7.4.8). That of a server covers both randoms and its
//! key (§7.4.3), and there is none without a key exchange, so a flight without one is never let in. Who sees the
//! ServerHello, and is quicker, can still spoil the rest of the flight. Alerts in the clear and application data are never
//! passed on. A ChangeCipherSpec says nothing that is not known: ours follows the flight.

mod proof;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::Role;
use crate::allowance::Allowance;
use crate::certificate::FingerprintHash;
use crate::message::{
    self, ALERT, CERTIFICATE, CERTIFICATE_REQUEST, CERTIFICATE_VERIFY, CHANGE_CIPHER_SPEC, CLIENT_HELLO,
    CLIENT_KEY_EXCHANGE, Fragment, HANDSHAKE, HELLO_VERIFY_REQUEST, Message, Record, SERVER_HELLO,
    SERVER_HELLO_DONE, SERVER_KEY_EXCHANGE,
};
use crate::refusal::Refusal;
use proof::Trial;

/// What is expected of the peer's certificate; nothing: any one.
pub type Expected = Vec<(Option<FingerprintHash>, String)>;

#[derive(Debug)]
pub struct Gate {
    role: Role,
    stage: Stage,
    expected: Expected,
    /// What both have said before the flight, as it is signed.
    transcript: Vec<u8>,
    client_random: Vec<u8>,
    /// Ours that is not whole yet.
    saying: Option<Message>,
    next_said: u16,
    version: [u8; 2],
    /// Number of the first message of the flight.
    first: u16,
    heard: Vec<Message>,
    /// Fragments that have come.
    clock: u64,
    /// Up to where messages have been tried with each other.
    tried: u64,
    allowance: Allowance,
    /// Protected records that came before the flight.
    early: VecDeque<Box<[u8]>>,
    /// Records given to OpenSSL.
    passed: u64,
    refusals: VecDeque<Refusal>,
    /// Until when the server may answer although somebody has asked for a cookie in its name.
    patience: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Waits for a ClientHello.
    Greeting,
    /// Waits for a flight that is signed.
    Proving,
    /// Only what is protected is of interest.
    Open,
}

impl Gate {
    pub fn new(role: Role, now: Instant) -> Gate {
        let stage = if role == Role::Server { Stage::Greeting } else { Stage::Proving };
        Gate {
            role,
            stage,
            expected: Vec::new(),
            transcript: Vec::new(),
            client_random: Vec::new(),
            saying: None,
            next_said: 0,
            version: [0xfe, 0xfd],
            first: u16::from(role == Role::Server),
            heard: Vec::new(),
            clock: 0,
            tried: 0,
            allowance: Allowance::new(now),
            early: VecDeque::new(),
            passed: 0,
            refusals: VecDeque::new(),
            patience: None,
        }
    }

    /// Returns true if what was refused may be right now.
    pub fn expect(&mut self, expected: Expected) -> bool {
        let changed = self.expected != expected;
        if changed {
            self.expected = expected;
            self.tried = 0;
        }
        changed
    }

    /// True if something came that may be of the handshake.
    pub fn has_heard(&self) -> bool {
        self.stage == Stage::Open || self.heard.iter().any(|message| message.kind != HELLO_VERIFY_REQUEST)
    }

    /// When to try again although nothing has come.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let asks = self.heard.iter().any(|message| message.body().is_some());
        self.patience.filter(|_| self.first == 0 && asks && !self.has_heard())
    }

    pub fn poll_refusal(&mut self) -> Option<Refusal> {
        self.refusals.pop_front()
    }

    /// Takes in a datagram of the peer, or of somebody in its name; adds what OpenSSL may read.
    pub fn take_in(&mut self, now: Instant, datagram: &[u8], passed: &mut VecDeque<Box<[u8]>>) {
        for record in message::records(datagram) {
            match record {
                Record { epoch: 1.., bytes, .. } if self.stage == Stage::Open => {
                    passed.push_back(bytes.into())
                }
                Record { epoch: 1.., bytes, .. } => self.keep_early(bytes),
                Record { kind: HANDSHAKE, body, version, .. } => {
                    for fragment in message::fragments(body) {
                        self.take_fragment(&fragment, version, passed);
                    }
                }
                Record { kind: ALERT, body: &[_, description], .. } => {
                    self.refuse(Refusal::Alert(description))
                }
                Record { kind: CHANGE_CIPHER_SPEC, body: [1], .. } => {}
                Record { .. } => self.refuse(Refusal::Untimely),
            }
        }
        self.prove(now, passed);
    }

    /// Tries again with what has come so far.
    pub fn prove(&mut self, now: Instant, passed: &mut VecDeque<Box<[u8]>>) {
        if self.role == Role::Client && self.first == 0 && !self.has_heard() {
            self.heed_request(now, passed);
        }
        if self.stage != Stage::Proving || self.tried == self.clock {
            return;
        }
        let mut allowance = self.allowance;
        allowance.refill(now);
        let trial = match self.role {
            Role::Server => self.try_client(&mut allowance),
            Role::Client => self.try_server(&mut allowance),
        };
        self.allowance = allowance;
        if !allowance.is_short() {
            self.tried = self.clock;
        }
        match trial {
            Trial::Incomplete => {}
            Trial::Refused(refusal) => self.refuse(refusal),
            Trial::Proven(flight) => {
                for at in flight {
                    self.pass(at, self.version, passed);
                }
                passed.push_back(message::write_record(CHANGE_CIPHER_SPEC, self.version, self.passed, &[1]));
                passed.extend(self.early.drain(..));
                self.heard = Vec::new();
                self.transcript = Vec::new();
                self.stage = Stage::Open;
            }
        }
    }

    /// Begins again with the cookie a server asks for. Nothing in that can be proven, so the hello may be answered first.
    fn heed_request(&mut self, now: Instant, passed: &mut VecDeque<Box<[u8]>>) {
        let requests = self.heard.iter().enumerate().filter(|(_, message)| message.body().is_some());
        let Some((at, _)) = requests.max_by_key(|(_, message)| message.seen) else { return };
        if now < *self.patience.get_or_insert(now + COOKIE_PATIENCE) {
            return;
        }
        self.pass(at, DTLS_1_0, passed);
        self.heard.clear();
        self.first = 1;
    }

    /// Takes note of a datagram that OpenSSL sends.
    pub fn note_sent(&mut self, datagram: &[u8]) {
        if self.stage == Stage::Open {
            return;
        }
        for record in
            message::records(datagram).filter(|record| record.epoch == 0 && record.kind == HANDSHAKE)
        {
            for fragment in message::fragments(record.body) {
                self.note_said(&fragment, record.version);
            }
        }
    }

    fn note_said(&mut self, fragment: &Fragment<'_>, version: [u8; 2]) {
        if fragment.sequence < self.next_said {
            return;
        }
        let saying = self.saying.get_or_insert_with(|| Message::begun_by(fragment, 0));
        saying.take(fragment, 0);
        let Some(body) = saying.body() else { return };
        if self.role == Role::Client {
            self.client_random = random(body).to_vec();
        } else {
            self.version = version;
            self.transcript.extend(saying.whole());
        }
        self.next_said = fragment.sequence + 1;
        self.saying = None;
    }

    fn take_fragment(&mut self, fragment: &Fragment<'_>, version: [u8; 2], passed: &mut VecDeque<Box<[u8]>>) {
        match self.standing(fragment) {
            Standing::Repeated => return,
            Standing::Untimely => return self.refuse(Refusal::Untimely),
            Standing::Awaited => {}
        }
        self.clock += 1;
        let mut is_taken = false;
        for message in &mut self.heard {
            is_taken |= message.take(fragment, self.clock);
        }
        if !is_taken {
            self.make_room(fragment.sequence);
            self.heard.push(Message::begun_by(fragment, self.clock));
        }
        let is_hello = |message: &Message| message.kind == CLIENT_HELLO && message.body().is_some();
        let Some(at) = self.heard.iter().position(is_hello) else { return };
        self.transcript = self.heard[at].whole();
        self.pass(at, version, passed);
        self.heard.clear();
        self.first = 1;
        self.stage = Stage::Proving;
    }

    fn standing(&self, fragment: &Fragment<'_>) -> Standing {
        let is_of_flight = |kinds: &[u8]| kinds.contains(&fragment.kind) && fragment.sequence >= self.first;
        let is_awaited = match (self.role, self.stage) {
            (_, Stage::Open) => return Standing::Repeated,
            (Role::Server, Stage::Greeting) => fragment.kind == CLIENT_HELLO && fragment.sequence == 0,
            (Role::Client, _) if fragment.kind == HELLO_VERIFY_REQUEST && fragment.sequence == 0 => {
                if self.first > 0 {
                    return Standing::Repeated;
                }
                // Behind a ServerHello there is none.
                self.heard.iter().all(|message| message.kind == HELLO_VERIFY_REQUEST)
            }
            (Role::Server, _) if fragment.kind == CLIENT_HELLO => return Standing::Repeated,
            (Role::Server, Stage::Proving) => is_of_flight(&OF_CLIENT),
            (Role::Client, _) if fragment.kind == SERVER_HELLO_DONE && fragment.length > 0 => false,
            (Role::Client, _) => is_of_flight(&OF_SERVER),
        };
        let is_near = fragment.sequence < self.first + LONGEST_FLIGHT;
        if is_awaited && is_near { Standing::Awaited } else { Standing::Untimely }
    }

    /// Of what claims to be the same message, the one that was not heard for longest gives way.
    fn make_room(&mut self, sequence: u16) {
        let same = |message: &&Message| message.sequence == sequence;
        if self.heard.iter().filter(same).count() < MOST_VARIANTS {
            return;
        }
        let oldest = self.heard.iter().filter(same).map(|message| message.seen).min();
        self.heard.retain(|message| message.sequence != sequence || Some(message.seen) != oldest);
    }

    fn keep_early(&mut self, record: &[u8]) {
        if self.early.len() == MOST_EARLY {
            self.early.pop_front();
        }
        self.early.push_back(record.into());
    }

    fn pass(&mut self, at: usize, version: [u8; 2], passed: &mut VecDeque<Box<[u8]>>) {
        for part in self.heard[at].parts() {
            passed.push_back(message::write_record(HANDSHAKE, version, self.passed, &part));
            self.passed += 1;
        }
    }

    fn refuse(&mut self, refusal: Refusal) {
        if self.refusals.len() < MOST_REFUSALS {
            self.refusals.push_back(refusal);
        }
    }
}

enum Standing {
    Awaited,
    Repeated,
    Untimely,
}

/// Of a hello: behind its version.
fn random(hello: &[u8]) -> &[u8] {
    hello.get(2..34).unwrap_or_default()
}

const OF_CLIENT: [u8; 3] = [CERTIFICATE, CLIENT_KEY_EXCHANGE, CERTIFICATE_VERIFY];
const OF_SERVER: [u8; 5] =
    [SERVER_HELLO, CERTIFICATE, SERVER_KEY_EXCHANGE, CERTIFICATE_REQUEST, SERVER_HELLO_DONE];
const LONGEST_FLIGHT: u16 = 5;
/// Messages kept that claim to be the same one.
const MOST_VARIANTS: usize = 2;
const MOST_EARLY: usize = 8;
/// As long as most peers take to answer; few ask for cookies where DTLS is for SRTP.
const COOKIE_PATIENCE: Duration = Duration::from_millis(500);
/// Whatever is spoken later (RFC 6347 §4.2.1).
const DTLS_1_0: [u8; 2] = [0xfe, 0xff];
const MOST_REFUSALS: usize = 8;
