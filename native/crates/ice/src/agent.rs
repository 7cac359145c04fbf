//! The agent: what it knows, and what follows from it.

use std::{collections::VecDeque, net::SocketAddr, time::Duration};

use wire::stun::{Class, Message, TransactionId};

use crate::{
    Base, Candidate, Credentials, Kind, Refused, Remote, Role, Settings, Transmit,
    candidate::own_priority,
    consent::Consent,
    pair::{Pair, Phase, Place},
    random::Random,
};

/// One component of one generation.
#[derive(Debug)]
pub struct Agent {
    pub(crate) component: u8,
    pub(crate) local: Credentials,
    pub(crate) role: Role,
    pub(crate) lite: bool,
    pub(crate) tie_breaker: u64,
    pub(crate) random: Random,
    pub(crate) remote: Option<Remote>,
    pub(crate) bases: Box<[Base]>,
    candidates: Vec<Candidate>,
    /// The best one first.
    pub(crate) pairs: Vec<Pair>,
    pub(crate) triggered: VecDeque<Place>,
    /// Checks from before the peer's credentials were known.
    pub(crate) early: Vec<Early>,
    pub(crate) selected: Option<Place>,
    /// The pair a nominating check goes to.
    pub(crate) nominating: Option<Place>,
    /// What consent is about: the pair in use.
    pub(crate) in_use: Option<Place>,
    pub(crate) consent: Option<Consent>,
    pub(crate) lost: Option<Lost>,
    pub(crate) first_valid: Option<Duration>,
    pub(crate) started: Option<Duration>,
    /// A pair should have become valid by now.
    pub(crate) is_impatient: bool,
    pub(crate) next_check: Duration,
    /// Requests a lite agent has taken in: it asks nobody back, so a repeated one must not look like another pair.
    pub(crate) taken_in: VecDeque<(TransactionId, SocketAddr)>,
}

/// A check that was authentic but came before the answer.
#[derive(Debug)]
pub struct Early {
    pub place: Place,
    pub priority: u32,
    pub nominates: bool,
    pub ufrag: Box<[u8]>,
}

/// The pair that was in use until its consent ended; it is tried again from time to time.
#[derive(Debug)]
pub struct Lost {
    pub place: Place,
    pub next: Duration,
}

/// How far an agent has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The peer's credentials are not known yet.
    Waiting,
    Checking,
    /// A pair is valid; none is nominated.
    Connected,
    /// A pair is nominated.
    Completed,
    /// No pair became valid in time. A check of the peer may still change that.
    Failed,
    /// The peer has stopped answering on the pair that was in use.
    Disconnected,
}

/// Where packets to the peer go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    pub base: u32,
    pub remote: SocketAddr,
    pub nominated: bool,
}

impl Agent {
    pub fn new(settings: Settings) -> Self {
        let Settings { component, local, role, lite, tie_breaker, seed } = settings;
        Agent {
            component,
            local,
            role,
            lite,
            tie_breaker,
            random: Random::seeded(seed),
            remote: None,
            bases: Box::default(),
            candidates: Vec::new(),
            pairs: Vec::new(),
            triggered: VecDeque::new(),
            early: Vec::new(),
            selected: None,
            nominating: None,
            in_use: None,
            consent: None,
            lost: None,
            first_valid: None,
            started: None,
            is_impatient: false,
            next_check: Duration::ZERO,
            taken_in: VecDeque::new(),
        }
    }

    pub fn role(&self) -> Role {
        self.role
    }

    pub fn tie_breaker(&self) -> u64 {
        self.tie_breaker
    }

    pub fn local(&self) -> &Credentials {
        &self.local
    }

    /// What was signalled of the peer.
    pub fn remote(&self) -> Option<&Remote> {
        self.remote.as_ref()
    }

    /// Our ports; the first one of each address makes checks, all of them answer.
    pub fn use_bases(&mut self, bases: &[Base]) {
        if *self.bases == *bases {
            return;
        }
        self.bases = bases.into();
        self.pairs.retain(|pair| bases.iter().any(|base| base.id == pair.place.base));
        let pairs = &self.pairs;
        let exists = |place: &Place| pairs.iter().any(|pair| pair.place == *place);
        self.triggered.retain(exists);
        self.selected = self.selected.filter(exists);
        self.nominating = self.nominating.filter(exists);
        self.lost.take_if(|lost| !exists(&lost.place));
        self.pair_up();
    }

    /// Decides anew what is in use, after ports have come or gone.
    pub fn settle_on(&mut self, now: Duration) {
        self.next_check = self.next_check.max(now);
        self.retarget(now);
    }

    /// What signalling says of the peer. Credentials once known stay; candidates only grow.
    pub fn meet(&mut self, now: Duration, remote: Remote, candidates: impl Iterator<Item = Candidate>) {
        for candidate in candidates.filter(|candidate| candidate.component == self.component) {
            let is_known = |known: &Candidate| known.address == candidate.address;
            if self.candidates.len() < MOST_CANDIDATES && !self.candidates.iter().any(is_known) {
                self.candidates.push(candidate);
            }
        }
        if self.remote.is_none() {
            self.remote = Some(remote);
            self.started = Some(now);
            self.next_check = self.next_check.max(now);
        }
        self.pair_up();
        self.recall_early(now);
        if self.lite && self.remote.as_ref().is_some_and(|remote| remote.lite) {
            // RFC 8445 §8.2: two lite agents take the best pair, untried.
            if let Some(best) = self.pairs.first_mut().filter(|_| self.selected.is_none()) {
                best.phase = Phase::Valid(None);
                best.nominated = true;
                self.selected = Some(best.place);
            }
        }
        self.retarget(now);
    }

    /// Goes on with pairs that were valid before a crash, the one in use first; that one is confirmed at once.
    pub fn resume(&mut self, now: Duration, pairs: impl Iterator<Item = Target>) {
        let reflexive = own_priority(Kind::PeerReflexive, 0, self.component);
        for Target { base, remote, nominated } in pairs {
            let place = Place { base, remote };
            let theirs = self.signalled_priority(remote).unwrap_or(reflexive);
            let Some(at) = self.add_pair(place, theirs) else { continue };
            let pair = &mut self.pairs[at];
            (pair.phase, pair.heard, pair.nominated) = (Phase::Valid(None), Some(now), nominated);
            if self.in_use.is_none() {
                self.in_use = Some(place);
                self.selected = nominated.then_some(place);
                self.consent = (!self.lite).then(|| Consent::assumed(now));
                self.note_valid(now);
            }
        }
        self.settle();
    }

    /// The valid pairs, the one in use first.
    pub fn valid(&self) -> impl Iterator<Item = Target> {
        let in_use = self.target();
        let target = |pair: &Pair| Target {
            base: pair.place.base,
            remote: pair.place.remote,
            nominated: pair.nominated,
        };
        let is_other = move |other: &Target| {
            in_use.is_none_or(|in_use| (in_use.base, in_use.remote) != (other.base, other.remote))
        };
        let others = self.pairs.iter().filter(|pair| pair.is_valid()).map(target).filter(is_other);
        in_use.into_iter().chain(others)
    }

    /// Takes in a STUN message that arrived at one of our ports.
    pub fn handle(
        &mut self,
        now: Duration,
        base: u32,
        from: SocketAddr,
        message: &Message<'_>,
        send: &mut Transmit<'_>,
    ) -> Result<(), Refused> {
        let place = Place { base, remote: from };
        match message.class {
            Class::Request => self.handle_request(now, place, message, send)?,
            Class::Success | Class::Error => self.handle_response(now, place, message)?,
            // A sign of life that nobody vouches for.
            Class::Indication => return Ok(()),
        }
        self.proceed(now, send);
        Ok(())
    }

    /// True for a request that names exactly this agent and its peer, and for the response to one of its own.
    pub fn is_meant(&self, message: &Message<'_>) -> bool {
        match message.class {
            Class::Request => {
                let peer = self.remote.as_ref().map(|remote| remote.credentials.ufrag.as_bytes());
                peer.is_some() && self.sender(&message.attributes()) == peer
            }
            Class::Success | Class::Error => self.awaits(&message.transaction),
            Class::Indication => false,
        }
    }

    /// Where packets to the peer go; before a pair is nominated, over the best valid one.
    pub fn target(&self) -> Option<Target> {
        let pair = match self.selected {
            Some(selected) => self.pair(selected),
            None => self.pairs.iter().find(|pair| pair.is_valid()),
        }?;
        let Place { base, remote } = pair.place;
        Some(Target { base, remote, nominated: self.selected.is_some() })
    }

    /// True if packets from there are the peer's.
    pub fn accepts(&self, from: SocketAddr) -> bool {
        self.pairs.iter().any(|pair| pair.is_valid() && pair.place.remote == from)
    }

    /// True if there is anything to be checked: a peer without a candidate may have no such component.
    pub fn has_peer(&self) -> bool {
        !self.candidates.is_empty() || !self.pairs.is_empty()
    }

    /// True if the peer has proved to be there, though no check of ours has been answered from there yet.
    pub fn expects(&self, from: SocketAddr) -> bool {
        let is_heard = |pair: &Pair| pair.place.remote == from && pair.heard.is_some();
        self.pairs.iter().any(is_heard) || self.early.iter().any(|early| early.place.remote == from)
    }

    pub fn state(&self) -> State {
        let pending = !self.triggered.is_empty() || self.pairs.iter().any(Pair::is_pending);
        if self.selected.is_some() {
            State::Completed
        } else if self.pairs.iter().any(Pair::is_valid) {
            State::Connected
        } else if self.lost.is_some() {
            State::Disconnected
        } else if self.remote.is_none() {
            State::Waiting
        } else if self.is_impatient && !pending {
            State::Failed
        } else {
            State::Checking
        }
    }

    fn awaits(&self, transaction: &TransactionId) -> bool {
        let mut checks = self.pairs.iter().filter_map(Pair::check);
        checks.any(|check| check.transaction == *transaction)
            || self.consent.as_ref().is_some_and(|consent| consent.awaits(transaction))
    }

    pub(crate) fn pair(&self, place: Place) -> Option<&Pair> {
        self.pairs.iter().find(|pair| pair.place == place)
    }

    pub(crate) fn position(&self, place: Place) -> Option<usize> {
        self.pairs.iter().position(|pair| pair.place == place)
    }

    /// The pair at this place, made if there is room; `theirs` is the priority of the peer's candidate.
    pub(crate) fn add_pair(&mut self, place: Place, theirs: u32) -> Option<usize> {
        if let Some(at) = self.position(place) {
            return Some(at);
        }
        if self.pairs.len() >= MOST_PAIRS {
            let at = self.pairs.iter().rposition(|pair| pair.phase == Phase::Failed)?;
            self.pairs.remove(at);
        }
        let number = self.bases.iter().position(|base| base.id == place.base)?;
        let kind = self.bases[number].kind;
        let pair = Pair::new(self.role, place, own_priority(kind, number, self.component), theirs);
        let at = self.pairs.partition_point(|other| other.priority >= pair.priority);
        self.pairs.insert(at, pair);
        Some(at)
    }

    /// True for an address that is, or may be, the peer's.
    pub(crate) fn knows(&self, address: SocketAddr) -> bool {
        let is_checked = self.pairs.iter().any(|pair| pair.place.remote == address);
        is_checked || self.signalled_priority(address).is_some()
    }

    /// The priority of the peer's candidate at an address, if it was signalled.
    pub(crate) fn signalled_priority(&self, address: SocketAddr) -> Option<u32> {
        self.candidates.iter().find(|known| known.address == address).map(|known| known.priority)
    }

    /// A pair is decided on: what is worse needs no further checks of our own accord. Where the peer has checked, it may
    /// be for the other one to use, so that is checked back all the same (RFC 8445 §7.3.1.4, §12.2).
    pub(crate) fn settle(&mut self) {
        let Some(best) = self.selected.and_then(|selected| self.pair(selected)).map(|pair| pair.priority)
        else {
            return;
        };
        let may_nominate = self.role == Role::Controlled;
        self.pairs.retain(|pair| {
            let is_better = may_nominate && pair.priority > best && pair.check().is_some();
            pair.is_valid() || (pair.is_pending() && (is_better || pair.heard.is_some()))
        });
        self.pairs.shrink_to_fit();
        let pairs = &self.pairs;
        self.triggered.retain(|place| pairs.iter().any(|pair| pair.place == *place));
        self.triggered.shrink_to_fit();
        self.early = Vec::new();
        self.nominating = None;
        self.lost = None;
    }

    /// Begins consent for the pair that is in use from now on.
    pub(crate) fn retarget(&mut self, now: Duration) {
        let place = self.target().map(|target| Place { base: target.base, remote: target.remote });
        if place == self.in_use {
            return;
        }
        self.in_use = place;
        self.consent = place.filter(|_| !self.lite).map(|_| Consent::given(now, &mut self.random));
    }

    /// Pairs our ports with the peer's candidates (RFC 8445 §6.1.2).
    pub(crate) fn pair_up(&mut self) {
        if self.remote.is_none() || self.selected.is_some() {
            return;
        }
        for at in 0..self.bases.len() {
            let base = self.bases[at];
            let is_like = |other: &Base| other.address.ip() == base.address.ip() && other.kind == base.kind;
            if self.bases[..at].iter().any(is_like) {
                continue;
            }
            for number in 0..self.candidates.len() {
                let candidate = self.candidates[number];
                let is_reachable = candidate.address.is_ipv4() == base.address.is_ipv4();
                let is_own = self.bases.iter().any(|base| base.address == candidate.address);
                if is_reachable && !is_own {
                    self.add_pair(Place { base: base.id, remote: candidate.address }, candidate.priority);
                }
            }
        }
    }

    fn recall_early(&mut self, now: Duration) {
        let Some(ufrag) = self.remote.as_ref().map(|remote| remote.credentials.ufrag.clone()) else {
            return;
        };
        for early in std::mem::take(&mut self.early) {
            if *early.ufrag == *ufrag.as_bytes() {
                self.note_check(now, early.place, early.priority, early.nominates);
            }
        }
    }
}

/// Of one peer, as signalled.
const MOST_CANDIDATES: usize = 24;
pub(crate) const MOST_PAIRS: usize = 48;
/// RFC 8863 §4: so long an agent waits at least for a pair to become valid.
pub(crate) const PATIENCE: Duration = Duration::from_millis(39_500);
