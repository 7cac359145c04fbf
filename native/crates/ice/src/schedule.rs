//! Our checks: which one is due, how often it is repeated, when a pair is nominated (RFC 8445 §6.1.4, §8.1).

use std::{net::SocketAddr, time::Duration};

use wire::stun::{Builder, Class, LONGEST, TransactionId};

use crate::{
    Kind, Role, TA, Transmit,
    agent::{Agent, PATIENCE},
    candidate::own_priority,
    pair::{Check, Pair, Phase, Place},
    response::RETRY,
};

impl Agent {
    /// Does what is due by time.
    pub fn handle_timeout(&mut self, now: Duration, send: &mut Transmit<'_>) {
        self.repeat(now, send);
        self.keep_consent(now, send);
        if let Some(lost) = self.lost.as_mut().filter(|lost| now >= lost.next) {
            let place = lost.place;
            lost.next = now + RETRY;
            self.retry(place);
        }
        self.proceed(now, send);
    }

    /// When `handle_timeout` wants to be called next.
    pub fn poll_timeout(&self) -> Option<Duration> {
        let checks = self.pairs.iter().filter_map(|pair| pair.check().map(|check| check.due));
        let next = self.has_next().then_some(self.next_check);
        let consent = self.consent.as_ref().map(|consent| consent.due());
        let lost = self.lost.as_ref().map(|lost| lost.next);
        let nomination = self.first_valid.map(|first| first + NOMINATE_AFTER).filter(|_| self.may_nominate());
        let patience = self.started.map(|started| started + PATIENCE).filter(|_| self.is_patient());
        checks.chain(next).chain(consent).chain(lost).chain(nomination).chain(patience).min()
    }

    /// Sends what is to be sent now, after anything has changed.
    pub(crate) fn proceed(&mut self, now: Duration, send: &mut Transmit<'_>) {
        self.nominate_best(now);
        if now >= self.next_check && self.remote.is_some() && !self.lite {
            while let Some(place) = self.take_next() {
                if self.check(now, place, send) {
                    self.next_check = now + TA;
                    break;
                }
            }
        }
        if self.is_patient() && self.started.is_some_and(|started| now >= started + PATIENCE) {
            self.is_impatient = true;
        }
        self.retarget(now);
    }

    /// Failure is not decided yet.
    fn is_patient(&self) -> bool {
        !self.lite && !self.is_impatient && self.selected.is_none() && !self.pairs.iter().any(Pair::is_valid)
    }

    fn has_next(&self) -> bool {
        let waits = || self.pairs.iter().any(|pair| pair.phase == Phase::Waiting);
        self.remote.is_some() && !self.lite && (!self.triggered.is_empty() || waits())
    }

    fn take_next(&mut self) -> Option<Place> {
        let ordinary = || self.pairs.iter().find(|pair| pair.phase == Phase::Waiting).map(|pair| pair.place);
        let ordinary = if self.triggered.is_empty() { ordinary() } else { None };
        self.triggered.pop_front().or(ordinary)
    }

    /// Begins a check; false if there is nothing to check there.
    fn check(&mut self, now: Duration, place: Place, send: &mut Transmit<'_>) -> bool {
        let busy = self.pairs.iter().filter(|pair| pair.is_pending()).count() as u32;
        let nominates = self.nominating == Some(place);
        let Some(at) = self.position(place) else { return false };
        let wait = FIRST_WAIT.max(TA * busy);
        let transaction = self.random.transaction();
        let check =
            Check { transaction, nominates, role: self.role, tries: 1, sent: now, due: now + wait, wait };
        self.pairs[at].phase = match (&self.pairs[at].phase, nominates) {
            (Phase::Valid(None), true) => Phase::Valid(Some(check)),
            (Phase::Waiting, _) => Phase::InProgress(check),
            _ => return false,
        };
        self.request(place, transaction, nominates, send);
        true
    }

    fn repeat(&mut self, now: Duration, send: &mut Transmit<'_>) {
        let mut at = 0;
        while at < self.pairs.len() {
            let place = self.pairs[at].place;
            at += 1;
            let Some(check) = self.pairs[at - 1].check_mut().filter(|check| now >= check.due) else {
                continue;
            };
            if check.tries >= MOST_TRIES {
                self.pairs[at - 1].give_up();
                if self.nominating == Some(place) {
                    self.fail(place);
                }
                continue;
            }
            check.tries += 1;
            check.wait = (check.wait * 2).min(LONGEST_WAIT);
            check.sent = now;
            check.due = now + check.wait;
            let (transaction, nominates) = (check.transaction, check.nominates);
            self.request(place, transaction, nominates, send);
        }
    }

    fn keep_consent(&mut self, now: Duration, send: &mut Transmit<'_>) {
        let Some(place) = self.in_use else { return };
        let has_moved = self.has_moved(now, place);
        let Some(consent) = &mut self.consent else { return };
        if consent.is_lost(now) {
            self.lose(now, place);
        } else if has_moved {
            self.fail(place);
            self.retarget(now);
        } else if let Some(transaction) = consent.ask(now, &mut self.random) {
            self.request(place, transaction, self.role == Role::Controlling, send);
            let is_settled = self.selected.is_some();
            let is_fresh =
                |pair: &Pair| pair.heard.is_some_and(|heard| now < heard + crate::consent::EXPIRES);
            self.pairs.retain(|pair| match pair.phase {
                Phase::Waiting | Phase::InProgress(_) | Phase::Valid(Some(_)) => true,
                Phase::Valid(None) => pair.place == place || is_fresh(pair),
                Phase::Failed => !is_settled,
            });
        }
    }

    /// The peer we control is silent on this pair and to be heard on another valid one: its NAT has given it a new port.
    fn has_moved(&self, now: Duration, place: Place) -> bool {
        let heard_within = |pair: &Pair, time: Duration| pair.heard.is_some_and(|heard| now < heard + time);
        let is_silent = self.pair(place).is_some_and(|pair| !heard_within(pair, SILENCE));
        let is_elsewhere =
            |pair: &Pair| pair.place != place && pair.is_valid() && heard_within(pair, SILENCE);
        self.role == Role::Controlling && is_silent && self.pairs.iter().any(is_elsewhere)
    }

    fn retry(&mut self, place: Place) {
        let Some(at) = self.position(place) else {
            self.lost = None;
            return;
        };
        if self.pairs[at].phase == Phase::Failed {
            self.pairs[at].phase = Phase::Waiting;
            self.trigger(place);
        }
    }

    fn may_nominate(&self) -> bool {
        let controls = self.role == Role::Controlling && !self.lite;
        controls
            && self.selected.is_none()
            && self.nominating.is_none()
            && self.pairs.iter().any(Pair::is_valid)
    }

    /// RFC 8445 §8.1.1: the best valid pair, once nothing better is to be expected.
    fn nominate_best(&mut self, now: Duration) {
        if !self.may_nominate() {
            return;
        }
        let Some(at) = self.pairs.iter().position(Pair::is_valid) else { return };
        let is_late = self.first_valid.is_some_and(|first| now >= first + NOMINATE_AFTER);
        if is_late || !self.pairs[..at].iter().any(Pair::is_pending) {
            let place = self.pairs[at].place;
            self.nominating = Some(place);
            self.triggered.push_front(place);
        }
    }

    fn request(
        &mut self,
        place: Place,
        transaction: TransactionId,
        nominates: bool,
        send: &mut Transmit<'_>,
    ) {
        let Some(remote) = &self.remote else { return };
        let number = self.bases.iter().position(|base| base.id == place.base).unwrap_or(0);
        let priority = own_priority(Kind::PeerReflexive, number, self.component);
        let mut buffer = [0; LONGEST];
        let (theirs, ours) = (remote.credentials.ufrag.as_bytes(), self.local.ufrag.as_bytes());
        let builder = Builder::new(&mut buffer, Class::Request, transaction);
        let builder = builder.username([theirs, b":", ours]).priority(priority);
        let builder = match self.role {
            Role::Controlling => builder.controlling(self.tie_breaker),
            Role::Controlled => builder.controlled(self.tie_breaker),
        };
        let builder =
            if nominates && self.role == Role::Controlling { builder.use_candidate() } else { builder };
        if let Some(len) = builder.finish(remote.credentials.pwd.as_bytes()) {
            let to: SocketAddr = place.remote;
            send(place.base, to, &buffer[..len]);
        }
    }
}

pub(crate) const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(4);
const MOST_TRIES: u32 = 7;
/// More than one request for consent went unanswered.
const SILENCE: Duration = Duration::from_secs(8);
/// So long a valid pair waits for better ones.
const NOMINATE_AFTER: Duration = Duration::from_millis(500);
