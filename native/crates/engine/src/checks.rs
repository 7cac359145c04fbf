//! The ICE side of sessions: takes connectivity checks to the agents, and does what follows from them.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
    net::SocketAddr,
};

use protocol::{Event, SuspectCause};
use slab::Slab;

use crate::{
    handshaking::{Desk, Letter, Sent},
    ice::Held,
    io::{Outbox, SocketId},
    moment::Moment,
    pipeline::{DROPPED, Fate, Passage},
    session::Session,
};

/// When which session wants to be driven; outdated entries are skipped.
#[derive(Debug, Default)]
pub struct Checks {
    due: BinaryHeap<Reverse<(Moment, u32)>>,
    /// Sessions in which a peer is elsewhere than before, or nowhere.
    moved: Vec<u32>,
}

impl Checks {
    /// Has the session driven at this time at the latest.
    pub fn schedule(&mut self, key: u32, session: &mut Session, at: Option<Moment>) {
        let Some(at) = at else { return };
        if session.checks_due.is_none_or(|due| at < due) {
            session.checks_due = Some(at);
            self.due.push(Reverse((at, key)));
        }
    }

    pub fn next_due(&self) -> Option<Moment> {
        self.due.peek().map(|Reverse((at, _))| *at)
    }

    /// Drives some of the agents that want to be; the rest waits for the next call, so that media does not.
    pub fn work(
        &mut self,
        sessions: &mut Slab<Session>,
        now: Moment,
        desk: &mut Desk,
        events: &mut VecDeque<Event>,
        out: &mut impl Outbox,
    ) -> Sent {
        let mut sent = Sent::default();
        for _ in 0..STEPS {
            let Some(key) = self.pop_due(now) else { break };
            let Some(session) = sessions.get_mut(key as usize) else { continue };
            if session.checks_due.is_none_or(|due| now < due) {
                continue;
            }
            session.checks_due = None;
            for at in 0..session.streams.len() {
                let Some(ice) = &mut session.streams[at].ice else { continue };
                ice.drive(now, &mut |base, to, bytes| sent.post(out, base, to, bytes));
                if conclude(key, session, at, now, desk, events) {
                    self.moved.push(key);
                }
            }
            let due = next_due(session);
            self.schedule(key, session, due);
        }
        sent
    }

    /// Takes one of the sessions in which a peer has moved.
    pub fn pop_moved(&mut self) -> Option<u32> {
        self.moved.pop()
    }

    fn pop_due(&mut self, now: Moment) -> Option<u32> {
        let Reverse((at, _)) = self.due.peek()?;
        if *at > now {
            return None;
        }
        self.due.pop().map(|Reverse((_, key))| key)
    }
}

impl Passage<'_> {
    /// Takes a STUN message to the agent it is for.
    pub fn check(&mut self, datagram: &[u8], out: &mut impl Outbox) -> Fate {
        let (now, port, from) = (self.now, self.socket, self.from);
        let is_own = self.session.is_own(from);
        let stream = &mut self.session.streams[self.stream];
        let mut sent = Sent::default();
        let mut send = |base: u32, to: SocketAddr, bytes: &[u8]| sent.post(out, base, to, bytes);
        let result = match &mut stream.ice {
            Some(ice) if !is_own => ice.handle(now, port, self.arrived_on, from, datagram, &mut send),
            Some(_) | None => Err(ice::Refused),
        };
        if result.is_err() {
            self.suspect(port, SuspectCause::Check);
            return DROPPED;
        }
        stream.half_mut(port).failures().checks += 1;
        if conclude(self.key, self.session, self.stream, now, self.desk, self.events) {
            self.checks.moved.push(self.key);
        }
        let due = next_due(self.session);
        self.checks.schedule(self.key, self.session, due);
        Fate { sent_packets: sent.packets, sent_bytes: sent.bytes, dropped: false }
    }
}

impl Sent {
    fn post(&mut self, out: &mut impl Outbox, base: u32, to: SocketAddr, bytes: &[u8]) {
        out.send(SocketId(base), to, bytes);
        self.packets += 1;
        self.bytes += bytes.len() as u64;
    }
}

/// Does what has come of checks: media moves, a handshake may begin, a new state is reported. True if media has moved.
fn conclude(
    key: u32,
    session: &mut Session,
    at: usize,
    now: Moment,
    desk: &mut Desk,
    events: &mut VecDeque<Event>,
) -> bool {
    let moved = session.streams[at].aim(now);
    if moved && session.speaks_dtls() {
        desk.schedule(key, session, Some(now));
    }
    let stream = &mut session.streams[at];
    let (id, Some(ice)) = (stream.id, &mut stream.ice) else { return moved };
    for Held { port, from, bytes } in ice.release() {
        desk.post(Letter { session: key, id: session.id.clone(), stream: id, port, from, at: now, bytes });
    }
    let state = ice.state();
    if ice.reported.replace(state) != Some(state) {
        events.push_back(Event::IceState {
            session: session.session_id(),
            revision: session.revision,
            stream: id,
            state,
        });
    }
    moved
}

fn next_due(session: &Session) -> Option<Moment> {
    session.streams.iter().filter_map(|stream| stream.ice.as_ref()?.next_due()).min()
}

/// Sessions in one go: each costs some microseconds for a MAC and a datagram.
const STEPS: usize = 64;
