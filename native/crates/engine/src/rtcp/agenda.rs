//! Which session's reports are due when, and sending them.

use std::{cmp::Reverse, collections::BinaryHeap};

use protocol::Component;
use slab::Slab;
use wire::rtcp::write;

use super::{
    Reporting,
    report::{self, Place},
};
use crate::{
    handshaking::Sent,
    io::Outbox,
    keys::Protocol,
    moment::Moment,
    session::Session,
    tap::{Copies, Leg},
};

/// What reports are written with.
#[derive(Debug)]
pub struct Writing<'a> {
    pub scratch: &'a mut Vec<u8>,
    pub copies: &'a mut Copies,
}

/// Outdated entries are skipped.
#[derive(Debug, Default)]
pub struct Agenda {
    due: BinaryHeap<Reverse<(Moment, u32)>>,
}

impl Agenda {
    /// Has the session's reports sent when the first of them is due.
    pub fn schedule(&mut self, key: u32, session: &mut Session) {
        let dues = session.streams.iter().filter_map(|stream| stream.reporting.as_ref()?.due);
        let Some(at) = dues.min() else {
            session.report_due = None;
            return;
        };
        if session.report_due != Some(at) {
            session.report_due = Some(at);
            self.due.push(Reverse((at, key)));
        }
    }

    pub fn next_due(&self) -> Option<Moment> {
        self.due.peek().map(|Reverse((at, _))| *at)
    }

    /// The sessions whose reports are due.
    pub fn due(&self, now: Moment) -> impl Iterator<Item = u32> {
        self.due.iter().filter(move |Reverse((at, _))| *at <= now).map(|Reverse((_, key))| *key)
    }

    /// Sends what is due.
    pub fn work(
        &mut self,
        sessions: &mut Slab<Session>,
        now: Moment,
        mut writing: Writing<'_>,
        out: &mut impl Outbox,
    ) -> Sent {
        let mut sent = Sent::default();
        while let Some(Reverse((at, key))) = self.due.peek().copied().filter(|Reverse((at, _))| *at <= now) {
            self.due.pop();
            let Some(session) = sessions.get_mut(key as usize) else { continue };
            if session.report_due != Some(at) {
                continue;
            }
            session.report_due = None;
            for at in 0..session.streams.len() {
                if let Some(bytes) = report_if_due(Place { session, at, now }, &mut writing, out) {
                    sent.packets += 1;
                    sent.bytes += bytes as u64;
                }
            }
            self.schedule(key, session);
        }
        sent
    }
}

/// Returns the size of what was sent.
fn report_if_due(place: Place<'_>, writing: &mut Writing<'_>, out: &mut impl Outbox) -> Option<usize> {
    let Place { session, at, now } = place;
    let is_due = |reporting: &mut Box<Reporting>| reporting.due.is_some_and(|due| due <= now);
    let mut reporting = session.streams[at].reporting.take_if(is_due)?;
    let mut sent = None;
    if reporting.is_wanted(now) && report::has_media(&session.streams[at]) {
        writing.scratch.clear();
        let former = reporting.avoid_collisions(&session.streams[at]);
        report::write(&mut reporting, Place { session, at, now }, writing.scratch);
        if let Some(former) = former {
            write::bye(writing.scratch, &[former]);
        }
        sent = send(Place { session, at, now }, writing, out);
        if let Some(size) = sent {
            reporting.note_sent(size);
        }
    }
    let stream = &mut session.streams[at];
    let members = stream.ingress.iter().count() + stream.egress.iter().count();
    reporting.schedule(now, (members as u32).max(2));
    stream.reporting = Some(reporting);
    sent
}

/// Sends a compound to the peer, protected as it wants it. `None` if there is no way to it yet.
pub fn send(place: Place<'_>, writing: &mut Writing<'_>, out: &mut impl Outbox) -> Option<usize> {
    let Place { session, at, now } = place;
    let (port, socket, to) = session.rtcp_way(at)?;
    let carrier = session.carrier(at);
    let compound = &mut *writing.scratch;
    let bits = session.streams[at].tapped.leaving.of(Component::Rtcp);
    if bits != 0 && session.streams[carrier].secure.as_ref().is_none_or(|secure| secure.suite_out().is_some())
    {
        let leg = Leg { carrier, socket, peer: to, component: Component::Rtcp };
        writing.copies.leaving(session, bits, leg, now, compound);
    }
    if let Some(secure) = &mut session.streams[carrier].secure {
        let keys = secure.keys(port);
        let len = compound.len();
        compound.resize(len + keys.overhead(), 0);
        let protected = keys.protect(Protocol::Rtcp, compound, len).ok()?;
        compound.truncate(protected);
    }
    out.send(socket, to, compound);
    let counters = &mut session.streams[at].rtcp.counters;
    counters.sent_packets += 1;
    counters.sent_bytes += compound.len() as u64;
    Some(compound.len())
}
