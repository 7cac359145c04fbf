//! The peer's checks (RFC 8445 §7.3).

use std::time::Duration;

use wire::stun::{Attributes, Builder, Class, LONGEST, Message};

use crate::{
    Refused, Role, Transmit,
    agent::{Agent, Early},
    pair::{Phase, Place},
    response::ROLE_CONFLICT,
    schedule::FIRST_WAIT,
};

impl Agent {
    pub(crate) fn handle_request(
        &mut self,
        now: Duration,
        place: Place,
        message: &Message<'_>,
        send: &mut Transmit<'_>,
    ) -> Result<(), Refused> {
        let attributes = message.attributes();
        let ufrag = self.sender(&attributes).ok_or(Refused)?;
        message.authenticate(&attributes, self.local.pwd.as_bytes()).map_err(|_| Refused)?;
        if !self.bases.iter().any(|base| base.id == place.base) {
            return Err(Refused);
        }
        if let Some(kind) = attributes.unknown {
            self.respond(place, message, Reply::UnknownAttribute(kind), send);
            return Ok(());
        }
        if !self.resolve_role(&attributes) {
            self.respond(place, message, Reply::RoleConflict, send);
            return Ok(());
        }
        if self.lite && self.is_replayed(place, message) {
            return Err(Refused);
        }
        self.respond(place, message, Reply::Success, send);
        let nominates = attributes.use_candidate && self.role == Role::Controlled;
        let priority = attributes.priority.unwrap_or(0);
        match &self.remote {
            // A fork: what another branch checks is no business of this one.
            Some(remote) if *remote.credentials.ufrag.as_bytes() != *ufrag => {}
            Some(_) => self.note_check(now, place, priority, nominates),
            None => self.note_early(Early { place, priority, nominates, ufrag: ufrag.into() }),
        }
        Ok(())
    }

    /// Does what an authentic check asks for.
    pub(crate) fn note_check(&mut self, now: Duration, place: Place, priority: u32, nominates: bool) {
        let theirs = self.signalled_priority(place.remote);
        let strangers = self.pairs.iter().filter(|pair| self.signalled_priority(pair.place.remote).is_none());
        if theirs.is_none() && self.position(place).is_none() && strangers.count() >= MOST_REFLEXIVE {
            let at = self.pairs.iter().position(|pair| {
                pair.phase == Phase::Failed && self.signalled_priority(pair.place.remote).is_none()
            });
            match at {
                Some(at) => drop(self.pairs.remove(at)),
                None => return,
            }
        }
        let Some(at) = self.add_pair(place, theirs.unwrap_or(priority)) else { return };
        let pair = &mut self.pairs[at];
        pair.heard = Some(now);
        if self.lite {
            pair.phase = Phase::Valid(None);
        }
        pair.wanted |= nominates;
        match &mut pair.phase {
            Phase::Valid(_) if nominates => self.nominate(now, place),
            Phase::Valid(_) => self.note_valid(now),
            // The peer is there: the check may have met a closed NAT, so it is made again, and does not count.
            Phase::InProgress(check) if now >= check.sent + FIRST_WAIT => {
                check.tries = check.tries.saturating_sub(1);
                check.due = now;
            }
            Phase::InProgress(_) => {}
            Phase::Waiting | Phase::Failed => {
                pair.phase = Phase::Waiting;
                self.trigger(place);
            }
        }
        self.retarget(now);
    }

    pub(crate) fn trigger(&mut self, place: Place) {
        if !self.triggered.contains(&place) {
            self.triggered.push_back(place);
        }
    }

    /// The sender's part of the user name, if the other one is ours.
    pub(crate) fn sender<'a>(&self, attributes: &Attributes<'a>) -> Option<&'a [u8]> {
        let username = attributes.username?;
        let (ours, theirs) = username.split_at_checked(self.local.ufrag.len())?;
        if ours != self.local.ufrag.as_bytes() {
            return None;
        }
        theirs.strip_prefix(b":")
    }

    /// Settles who controls (RFC 8445 §7.3.1.1); false if the peer has to give in.
    fn resolve_role(&mut self, attributes: &Attributes<'_>) -> bool {
        if self.lite {
            // Who checks is a full agent, and of the two the full one controls (RFC 8445 §6.1.1). It may well check
            // before its answer says that it is one.
            if self.role == Role::Controlling && attributes.controlling.is_some() {
                self.switch_role();
            }
            return attributes.controlled.is_none();
        }
        let (theirs, ours_wins) = match (self.role, attributes.controlling, attributes.controlled) {
            (Role::Controlling, Some(theirs), _) => (theirs, false),
            (Role::Controlled, _, Some(theirs)) => (theirs, true),
            _ => return true,
        };
        let is_higher = self.tie_breaker >= theirs;
        if is_higher == ours_wins {
            self.switch_role();
            return true;
        }
        false
    }

    pub(crate) fn switch_role(&mut self) {
        self.role = self.role.other();
        self.pairs.iter_mut().for_each(|pair| pair.change_role(self.role));
        self.pairs.sort_by_key(|pair| std::cmp::Reverse(pair.priority));
        self.nominating = None;
    }

    fn note_early(&mut self, early: Early) {
        let is_same = |other: &&mut Early| other.place == early.place && other.ufrag == early.ufrag;
        if let Some(known) = self.early.iter_mut().find(is_same) {
            known.nominates |= early.nominates;
        } else if self.early.len() < MOST_REFLEXIVE {
            self.early.push(early);
        }
    }

    fn is_replayed(&mut self, place: Place, message: &Message<'_>) -> bool {
        let known = self.taken_in.iter().find(|(transaction, _)| *transaction == message.transaction);
        if let Some((_, from)) = known {
            return *from != place.remote;
        }
        if self.taken_in.len() == MOST_TAKEN_IN {
            self.taken_in.pop_front();
        }
        self.taken_in.push_back((message.transaction, place.remote));
        false
    }

    fn respond(&self, place: Place, message: &Message<'_>, reply: Reply, send: &mut Transmit<'_>) {
        let mut buffer = [0; LONGEST];
        let transaction = message.transaction;
        let builder = match reply {
            Reply::Success => Builder::new(&mut buffer, Class::Success, transaction).mapped(place.remote),
            Reply::RoleConflict => {
                Builder::new(&mut buffer, Class::Error, transaction).error(ROLE_CONFLICT, "Role Conflict")
            }
            Reply::UnknownAttribute(kind) => Builder::new(&mut buffer, Class::Error, transaction)
                .error(420, "Unknown Attribute")
                .unknown_attribute(kind),
        };
        if let Some(len) = builder.finish(self.local.pwd.as_bytes()) {
            send(place.base, place.remote, &buffer[..len]);
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Reply {
    Success,
    RoleConflict,
    UnknownAttribute(u16),
}

/// Addresses that were not signalled, or checked from before anything was.
const MOST_REFLEXIVE: usize = 8;
const MOST_TAKEN_IN: usize = 32;
