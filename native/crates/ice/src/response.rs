//! Answers to our checks (RFC 8445 §7.2.5), nomination and its end.

use std::time::Duration;

use wire::stun::{Class, Message};

use crate::{
    Refused, Role,
    agent::{Agent, Lost},
    pair::{Check, Phase, Place},
};

impl Agent {
    pub(crate) fn handle_response(
        &mut self,
        now: Duration,
        place: Place,
        message: &Message<'_>,
    ) -> Result<(), Refused> {
        let transaction = message.transaction;
        let open = |check: &&Check| check.transaction == transaction;
        let check = self.pair(place).and_then(|pair| pair.check()).filter(open).copied();
        let consents = self.in_use == Some(place)
            && self.consent.as_ref().is_some_and(|consent| consent.awaits(&transaction));
        let attributes = message.attributes();
        let remote = self.remote.as_ref().filter(|_| self.knows(place.remote)).ok_or(Refused)?;
        message.authenticate(&attributes, remote.credentials.pwd.as_bytes()).map_err(|_| Refused)?;
        if check.is_none() && !consents {
            // The answer to a check that was repeated, or given up since: of no consequence.
            return Ok(());
        }
        match (message.class, check) {
            (Class::Success, check) => self.note_success(now, place, check),
            (_, Some(check)) if attributes.error == Some(ROLE_CONFLICT) => self.give_in(place, &check),
            (_, Some(_)) => self.fail(place),
            // An error is no consent.
            (_, None) => {}
        }
        self.retarget(now);
        Ok(())
    }

    fn note_success(&mut self, now: Duration, place: Place, check: Option<Check>) {
        let Some(at) = self.position(place) else { return };
        let pair = &mut self.pairs[at];
        pair.heard = Some(now);
        if check.is_some() {
            pair.phase = Phase::Valid(None);
        }
        let is_wanted = pair.wanted && self.role == Role::Controlled;
        if self.in_use == Some(place)
            && let Some(consent) = &mut self.consent
        {
            consent.renew(now);
        }
        self.note_valid(now);
        let nominates = check.is_some_and(|check| check.nominates) && self.role == Role::Controlling;
        if nominates || (is_wanted && check.is_some()) {
            self.nominate(now, place);
        }
    }

    pub(crate) fn note_valid(&mut self, now: Duration) {
        self.first_valid.get_or_insert(now);
    }

    /// Takes a valid pair into use. A peer that nominates several means the best of them, or the one it is left with.
    pub(crate) fn nominate(&mut self, now: Duration, place: Place) {
        let Some(at) = self.position(place) else { return };
        self.pairs[at].nominated = true;
        self.note_valid(now);
        let current =
            self.selected.filter(|selected| *selected != place).and_then(|selected| self.pair(selected));
        let is_kept = current.is_some_and(|current| {
            let is_heard = current.heard.is_some_and(|heard| now < heard + SILENT);
            current.priority >= self.pairs[at].priority && is_heard
        });
        if !is_kept && self.selected != Some(place) {
            self.selected = Some(place);
            self.settle();
        }
    }

    /// The peer insists on its role. RFC 8445 §7.2.5.1: the check is made again with another tie-breaker.
    fn give_in(&mut self, place: Place, check: &Check) {
        if check.role == self.role {
            self.switch_role();
            self.tie_breaker = self.random.number();
        }
        if let Some(at) = self.position(place) {
            let pair = &mut self.pairs[at];
            match pair.is_valid() {
                true => pair.phase = Phase::Valid(None),
                false => {
                    pair.phase = Phase::Waiting;
                    self.trigger(place);
                }
            }
        }
    }

    /// A pair is of no use any more, at least for now.
    pub(crate) fn fail(&mut self, place: Place) {
        if self.nominating == Some(place) {
            self.nominating = None;
        }
        if let Some(at) = self.position(place) {
            self.pairs[at].phase = Phase::Failed;
            self.pairs[at].nominated = false;
        }
        if self.selected == Some(place) {
            self.selected = None;
        }
    }

    /// Consent for the pair in use has ended: everything is tried anew.
    pub(crate) fn lose(&mut self, now: Duration, place: Place) {
        self.fail(place);
        self.lost = Some(Lost { place, next: now + RETRY });
        self.pair_up();
        for pair in &mut self.pairs {
            pair.wanted = false;
            if pair.phase == Phase::Failed {
                pair.phase = Phase::Waiting;
            }
        }
        self.started = Some(now);
        self.is_impatient = false;
        self.retarget(now);
    }
}

pub(crate) const ROLE_CONFLICT: u16 = 487;
/// A nominated pair on which nothing was heard for so long gives way to a newer one, whatever its priority.
const SILENT: Duration = Duration::from_secs(3);
/// How often a lost pair is tried again.
pub(crate) const RETRY: Duration = Duration::from_secs(5);
