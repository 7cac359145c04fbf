//! DTLS handshakes of one component with whoever claims to be its peer.
//!
//! Who the peer is, only its certificate can say. So several handshakes may be under way at once, one for each
//! source that may be the peer, and the first one whose certificate has the signalled fingerprint wins; until then
//! nobody can spoil anything for anybody else. A handshake may begin before the fingerprint is signalled.
//!
//! With ICE a source is the peer's when its pair is valid, and an association is with the peer, not with one of its
//! addresses (RFC 8842 §5): its datagrams may come by any valid pair, and by another one each time.

use std::{mem::Discriminant, net::SocketAddr};

use dtls::{Association, Certificate, FingerprintHash, Refusal, Role, State};
use protocol::{DtlsRole, DtlsState, FingerprintPlan};
use wire::dtls::{ClientHello, ClientRandom};

use crate::moment::{Moment, TimeLine};

/// The handshakes of a component, and the association in use.
#[derive(Default)]
pub struct Agent {
    candidates: Vec<Candidate>,
    /// The one whose keys are in use, for as long as the peer may repeat its last flight.
    settled: Option<Candidate>,
    /// The plan's number of the association whose keys are in use.
    established: Option<u32>,
    /// Sources with another certificate than signalled: they are not called again.
    barred: Vec<SocketAddr>,
    next_attempt: Option<Moment>,
    attempts: u32,
    /// Associations begun since the moment, to bound what ClientHellos cost.
    begun: Option<(Moment, u32)>,
    outcomes: Vec<Outcome>,
    /// When which trouble was reported last.
    reported: Vec<(Discriminant<DtlsState>, Moment)>,
}

impl std::fmt::Debug for Agent {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let peers: Vec<_> = self.candidates.iter().map(|candidate| candidate.peer).collect();
        formatter
            .debug_struct("Agent")
            .field("candidates", &peers)
            .field("barred", &self.barred)
            .field("outcomes", &self.outcomes)
            .field("reported", &self.reported)
            .finish_non_exhaustive()
    }
}

/// One association with one source.
struct Candidate {
    association: Association,
    /// Where it was heard last, or called.
    peer: SocketAddr,
    begun: Moment,
    random: Option<ClientRandom>,
    /// Begun before the fingerprint was signalled.
    early: bool,
    /// What came in its name last and was refused; an alert stays.
    refused: Option<Refusal>,
    /// Somebody has shaken hands in its name with another certificate than signalled.
    has_impostor: bool,
    alerted: Option<Moment>,
}

/// What the handshakes are to be made with.
pub struct Setup<'a> {
    pub certificate: &'a Certificate,
    pub role: DtlsRole,
    pub fingerprints: &'a [FingerprintPlan],
    pub association: u32,
}

impl Setup<'_> {
    fn expected(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fingerprints.iter().map(|expected| (&*expected.hash, &*expected.value))
    }
}

/// Where a datagram comes from, or goes to.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    pub at: SocketAddr,
    pub reach: Reach,
}

/// What is one peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// An address: nobody knows who is elsewhere.
    Address,
    /// All addresses of the component: ICE has found the peer at each of them.
    Component,
}

#[derive(Debug, Clone, Copy)]
pub struct Clock {
    pub line: TimeLine,
    pub now: Moment,
}

/// What has come of a handshake.
#[derive(Debug)]
pub enum Outcome {
    Begun,
    /// The peer is the one that was signalled.
    Connected {
        peer: SocketAddr,
        keys: Box<dtls::Keys>,
    },
    Mismatch {
        peer: SocketAddr,
    },
    /// A datagram in the clear that would have ended a handshake.
    Refused {
        peer: SocketAddr,
    },
    Failed {
        peer: SocketAddr,
        reason: String,
    },
}

impl Agent {
    /// An agent whose association was made before a restart.
    pub fn established(association: u32) -> Self {
        Agent { established: Some(association), ..Agent::default() }
    }

    /// The plan's number of the association whose keys are in use.
    pub fn association(&self) -> Option<u32> {
        self.established
    }

    /// Signalling has changed something: what was wrong may be right now.
    pub fn replan(&mut self, association_changed: bool) {
        self.barred.clear();
        self.next_attempt = None;
        self.attempts = 0;
        if association_changed {
            self.candidates.retain(|candidate| candidate.early);
        }
    }

    /// Whether a datagram is worth looking at; cheap.
    pub fn wants(&self, now: Moment, from: Place, datagram: &[u8], role: DtlsRole) -> bool {
        match ClientHello::parse(datagram) {
            Some(_) => role == DtlsRole::Passive && (self.knows(from) || self.may_begin(now)),
            None => wire::dtls::begins_well(datagram) && self.knows(from),
        }
    }

    /// Takes in a datagram that was wanted. `is_signalled`: its source is the address of the peer's SDP.
    pub fn take_in(
        &mut self,
        clock: Clock,
        setup: &Setup<'_>,
        from: Place,
        is_signalled: bool,
        datagram: &[u8],
    ) {
        let now = clock.line.instant(clock.now);
        self.announce(clock, setup);
        match ClientHello::parse(datagram) {
            Some(hello) => {
                if let Some(candidate) = self.greeted_by(clock, setup, from, is_signalled, hello) {
                    candidate.association.handle_datagram(now, datagram);
                }
            }
            // Of several handshakes with one source, only the one that is meant can make something of it.
            None => {
                let known = self.candidates.iter_mut().chain(&mut self.settled);
                for candidate in known.filter(|candidate| from.is_of(candidate.peer)) {
                    candidate.peer = from.at;
                    candidate.association.handle_datagram(now, datagram);
                }
            }
        }
        if self.hear_out(clock) {
            self.outcomes.push(Outcome::Refused { peer: from.at });
        }
        self.judge(clock, setup);
    }

    /// Does what is due by time. `peer` is where the peer is thought to be.
    pub fn drive(&mut self, clock: Clock, setup: &Setup<'_>, peer: Option<Place>) {
        let now = clock.line.instant(clock.now);
        for candidate in self.candidates.iter_mut().chain(&mut self.settled) {
            candidate.association.handle_timeout(now);
        }
        self.settled.take_if(|settled| clock.now.ms_since(settled.begun) >= LINGER_MS);
        self.announce(clock, setup);
        self.hear_out(clock);
        self.judge(clock, setup);
        if let Some(peer) = peer {
            self.call(clock, setup, peer);
        }
    }

    /// When `drive` wants to be called next. `peer` as for `drive`.
    pub fn next_due(&self, clock: Clock, setup: &Setup<'_>, peer: Option<Place>) -> Option<Moment> {
        let known = self.candidates.iter().chain(&self.settled);
        let timeouts = known.filter_map(|candidate| candidate.association.poll_timeout());
        let ends = self.candidates.iter().map(|candidate| candidate.ends());
        let settled = self.settled.as_ref().map(|settled| settled.begun.plus_ms(LINGER_MS));
        let wants_peer = setup.role == DtlsRole::Active && self.established != Some(setup.association);
        let attempt = peer.filter(|peer| wants_peer && self.candidates.is_empty() && !self.is_barred(*peer));
        let attempt = attempt.map(|_| self.next_attempt.unwrap_or(clock.now));
        timeouts.map(|at| clock.line.moment(at).plus_ms(1)).chain(ends).chain(settled).chain(attempt).min()
    }

    /// The next datagram to send, and where its peer was heard last.
    pub fn poll_datagram(&mut self) -> Option<(SocketAddr, Box<[u8]>)> {
        let mut known = self.candidates.iter_mut().chain(&mut self.settled);
        known.find_map(|candidate| Some((candidate.peer, candidate.association.poll_datagram()?)))
    }

    pub fn poll_outcome(&mut self) -> Option<Outcome> {
        (!self.outcomes.is_empty()).then(|| self.outcomes.remove(0))
    }

    /// False if the same was said lately: strangers can begin handshakes and spoil them.
    pub fn may_report(&mut self, now: Moment, state: &DtlsState) -> bool {
        if matches!(state, DtlsState::Connected { .. }) {
            self.reported.clear();
            return true;
        }
        let kind = std::mem::discriminant(state);
        match self.reported.iter_mut().find(|(reported, _)| *reported == kind) {
            Some((_, at)) if now.ms_since(*at) < REPORT_MS => return false,
            Some((_, at)) => *at = now,
            None => self.reported.push((kind, now)),
        }
        true
    }

    fn knows(&self, from: Place) -> bool {
        self.candidates.iter().chain(&self.settled).any(|candidate| from.is_of(candidate.peer))
    }

    fn is_barred(&self, place: Place) -> bool {
        self.barred.iter().any(|barred| place.is_of(*barred))
    }

    /// The association a ClientHello is for; a new one, if it is none of those there are.
    fn greeted_by(
        &mut self,
        clock: Clock,
        setup: &Setup<'_>,
        from: Place,
        is_signalled: bool,
        hello: ClientHello,
    ) -> Option<&mut Candidate> {
        let is_meant = |candidate: &Candidate| {
            from.is_of(candidate.peer)
                && (hello.random.is_none() || candidate.random.is_none() || candidate.random == hello.random)
        };
        if let Some(at) = self.candidates.iter().rposition(is_meant) {
            let candidate = &mut self.candidates[at];
            candidate.random = candidate.random.or(hello.random);
            candidate.peer = from.at;
            return Some(candidate);
        }
        if self.settled.as_ref().is_some_and(is_meant) {
            return self.settled.as_mut();
        }
        if !self.may_begin(clock.now) || !self.make_room(clock.now, from, is_signalled) {
            return None;
        }
        self.begin(clock, setup, Role::Server, from.at)?;
        let candidate = self.candidates.last_mut()?;
        candidate.random = hello.random;
        Some(candidate)
    }

    /// Sends a ClientHello if it is for us to do so, and to do now.
    fn call(&mut self, clock: Clock, setup: &Setup<'_>, peer: Place) {
        if setup.role != DtlsRole::Active || self.established == Some(setup.association) {
            return;
        }
        self.candidates
            .retain(|candidate| candidate.association.role() == Role::Server || peer.is_of(candidate.peer));
        let waits = self.next_attempt.is_some_and(|next| clock.now < next);
        let calls = self.candidates.iter().any(|candidate| candidate.association.role() == Role::Client);
        if waits || calls || self.is_barred(peer) {
            return;
        }
        self.attempts += 1;
        self.next_attempt = Some(clock.now.plus_ms(UNHEARD_MS));
        self.begin(clock, setup, Role::Client, peer.at);
    }

    fn begin(&mut self, clock: Clock, setup: &Setup<'_>, role: Role, peer: SocketAddr) -> Option<()> {
        let instant = clock.line.instant(clock.now);
        let mut association = Association::new(setup.certificate, role, MTU, instant).ok()?;
        association.expect(instant, setup.expected());
        let first = self.candidates.is_empty();
        self.candidates.push(Candidate {
            association,
            peer,
            begun: clock.now,
            random: None,
            early: setup.fingerprints.is_empty(),
            refused: None,
            has_impostor: false,
            alerted: None,
        });
        let (since, count) =
            self.begun.filter(|(since, _)| clock.now.ms_since(*since) < RATE_MS).unwrap_or((clock.now, 0));
        self.begun = Some((since, count + 1));
        // A client that repeats itself has been reported.
        if first && self.attempts <= 1 {
            self.outcomes.push(Outcome::Begun);
        }
        Some(())
    }

    fn may_begin(&self, now: Moment) -> bool {
        self.begun.is_none_or(|(since, count)| count < MOST_BEGUN || now.ms_since(since) >= RATE_MS)
    }

    /// Makes room for a handshake with this source, if it has a better claim than one of the others.
    fn make_room(&mut self, now: Moment, from: Place, is_signalled: bool) -> bool {
        let unfinished = |other: &Candidate| *other.association.state() == State::Handshaking;
        let of_peer = |other: &Candidate| from.is_of(other.peer);
        if self.candidates.iter().filter(|other| of_peer(other)).count() >= MOST_OF_ONE_PEER {
            // Anybody can begin in its name; what gets no further shall not keep it out.
            let stalled = |other: &Candidate| {
                of_peer(other)
                    && unfinished(other)
                    && now.ms_since(other.begun) >= UNANSWERED_MS
                    && (!other.association.has_heard() || now.ms_since(other.begun) >= STALLED_MS)
            };
            let stalled = self.candidates.iter().position(stalled);
            return stalled.map(|at| self.candidates.remove(at)).is_some();
        }
        if self.candidates.len() < MOST_CANDIDATES {
            return true;
        }
        let gives_way = |other: &Candidate| {
            unfinished(other)
                && (is_signalled || other.has_impostor || now.ms_since(other.begun) >= STALLED_MS)
        };
        let Some(at) = self.candidates.iter().position(gives_way) else {
            return false;
        };
        self.candidates.remove(at);
        true
    }

    fn bar(&mut self, peer: SocketAddr) {
        if self.barred.len() == MOST_BARRED {
            self.barred.remove(0);
        }
        self.barred.push(peer);
    }

    /// Says whom to expect; before anything is taken in, as what is proven is not asked for its certificate again.
    fn announce(&mut self, clock: Clock, setup: &Setup<'_>) {
        for candidate in self.candidates.iter_mut().chain(&mut self.settled) {
            candidate.association.expect(clock.line.instant(clock.now), setup.expected());
        }
    }

    /// True if something was refused that anybody can have sent.
    fn hear_out(&mut self, clock: Clock) -> bool {
        let mut is_refused = false;
        for candidate in self.candidates.iter_mut().chain(&mut self.settled) {
            while let Some(refusal) = candidate.association.poll_refusal() {
                if refusal != Refusal::Certificate {
                    is_refused = true;
                } else if !std::mem::replace(&mut candidate.has_impostor, true) {
                    self.outcomes.push(Outcome::Mismatch { peer: candidate.peer });
                }
                candidate.note(refusal, clock.now);
            }
        }
        is_refused
    }

    /// Looks at what each association has come to.
    fn judge(&mut self, clock: Clock, setup: &Setup<'_>) {
        let mut at = 0;
        while at < self.candidates.len() {
            match self.candidates[at].standing(clock.now, setup.fingerprints) {
                Standing::Open => at += 1,
                Standing::Proven(keys) => {
                    let winner = self.candidates.swap_remove(at);
                    let peer = winner.peer;
                    self.candidates.clear();
                    self.barred.clear();
                    self.attempts = 0;
                    self.established = Some(setup.association);
                    self.settled = Some(Candidate { begun: clock.now, ..winner });
                    self.outcomes.push(Outcome::Connected { peer, keys });
                    return;
                }
                Standing::Foreign => {
                    let peer = self.candidates.swap_remove(at).peer;
                    self.bar(peer);
                    self.outcomes.push(Outcome::Mismatch { peer });
                }
                Standing::Broken(_) if self.candidates[at].has_impostor => {
                    let peer = self.candidates.swap_remove(at).peer;
                    self.bar(peer);
                }
                Standing::Broken(reason) => {
                    let broken = self.candidates.swap_remove(at);
                    let wait = if broken.association.has_heard() {
                        FIRST_RETRY_MS << self.attempts.min(MOST_DOUBLINGS)
                    } else {
                        0
                    };
                    self.next_attempt = Some(clock.now.plus_ms(wait));
                    if let Some(reason) = reason {
                        self.outcomes.push(Outcome::Failed { peer: broken.peer, reason });
                    }
                }
            }
        }
        let is_over =
            |settled: &mut Candidate| matches!(settled.association.state(), State::Closed | State::Failed(_));
        self.settled.take_if(is_over);
    }
}

impl Place {
    /// True if a peer that was heard at this address is the one meant.
    fn is_of(self, peer: SocketAddr) -> bool {
        self.reach == Reach::Component || self.at == peer
    }
}

enum Standing {
    Open,
    Proven(Box<dtls::Keys>),
    /// Finished, with another certificate than signalled.
    Foreign,
    /// Not to be finished any more; without a reason, nobody has answered.
    Broken(Option<String>),
}

impl Candidate {
    fn note(&mut self, refusal: Refusal, now: Moment) {
        if matches!(refusal, Refusal::Alert(_)) {
            self.alerted.get_or_insert(now);
        } else if self.alerted.is_some() {
            return;
        }
        self.refused = Some(refusal);
    }

    fn standing(&self, now: Moment, fingerprints: &[FingerprintPlan]) -> Standing {
        match self.association.state() {
            State::Connected(_) if fingerprints.is_empty() => Standing::Open,
            State::Connected(keys) if self.matches(fingerprints) => Standing::Proven(keys.clone()),
            State::Connected(_) => Standing::Foreign,
            State::Failed(reason) => Standing::Broken(Some(reason.clone())),
            State::Closed => Standing::Broken(Some("closed by the peer".to_owned())),
            State::Handshaking if now < self.ends() => Standing::Open,
            State::Handshaking => {
                let answered = self.association.has_heard()
                    || self.refused.is_some()
                    || self.association.role() == Role::Server;
                Standing::Broken(answered.then(|| match self.refused {
                    Some(refusal) => {
                        format!("the peer fell silent; it, or somebody in its name, sent {refusal}")
                    }
                    None => "the peer fell silent".to_owned(),
                }))
            }
        }
    }

    /// RFC 8122 §5: one of the fingerprints has to match.
    fn matches(&self, fingerprints: &[FingerprintPlan]) -> bool {
        fingerprints.iter().any(|expected| {
            let hash = FingerprintHash::named(&expected.hash);
            let found = hash.and_then(|hash| self.association.peer_fingerprint(hash));
            found.is_some_and(|found| found.eq_ignore_ascii_case(&expected.value))
        })
    }

    /// When it is given up.
    fn ends(&self) -> Moment {
        match (self.association.role(), self.alerted) {
            (Role::Client, _) if !self.association.has_heard() => self.begun.plus_ms(UNHEARD_MS),
            // Who has refused in earnest goes on with a new ClientHello only.
            (Role::Client, Some(alerted)) => alerted.plus_ms(ALERTED_MS),
            (Role::Client, None) | (Role::Server, _) => self.begun.plus_ms(HANDSHAKE_MS),
        }
    }
}

/// Largest DTLS datagram sent, in bytes of UDP payload.
const MTU: u16 = 1200;
const MOST_CANDIDATES: usize = 4;
const MOST_OF_ONE_PEER: usize = 2;
const MOST_BARRED: usize = 16;
/// Associations begun within `RATE_MS`.
const MOST_BEGUN: u32 = 8;
const RATE_MS: u64 = 1000;
/// A handshake begun so long ago gives way to a newer one if there are too many.
const STALLED_MS: u64 = 2000;
/// OpenSSL doubles its pauses up to a minute; a peer that was not ready yet shall not wait so long.
const UNHEARD_MS: u64 = 3000;
const HANDSHAKE_MS: u64 = 30_000;
/// As long as a peer waits that has not refused us, and repeats itself twice.
const ALERTED_MS: u64 = 5000;
/// Within this time a peer that has sent a ClientHello should have answered.
const UNANSWERED_MS: u64 = 500;
/// The peer repeats its last flight until it has ours (RFC 6347 §4.2.4).
const LINGER_MS: u64 = 60_000;
/// The same trouble is not reported again within this time.
const REPORT_MS: u64 = 10_000;
const FIRST_RETRY_MS: u64 = 1000;
const MOST_DOUBLINGS: u32 = 5;
