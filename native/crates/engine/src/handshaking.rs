//! The DTLS side of sessions: handshake datagrams wait here, so that their cost never holds up media.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
    mem,
    net::SocketAddr,
    sync::Arc,
};

use protocol::{Component, DtlsState, Event, StreamId, Suspect, SuspectCause};
use slab::Slab;

use crate::{
    certificates::Certificates,
    handshake::{Clock, Outcome},
    io::Outbox,
    latch::Verdict,
    moment::Moment,
    session::Session,
    suspects::{self, Telling},
    timers,
};

/// Handshake datagrams and deadlines of all sessions.
#[derive(Debug, Default)]
pub struct Desk {
    letters: VecDeque<Letter>,
    /// When which session wants to be driven; outdated entries are skipped.
    due: BinaryHeap<Reverse<(Moment, u32)>>,
    /// A session was driven last, so a letter comes next.
    drove: bool,
}

/// A handshake datagram, and whom it is for.
#[derive(Debug)]
pub struct Letter {
    pub session: u32,
    pub id: Arc<str>,
    pub stream: StreamId,
    pub port: Component,
    pub from: SocketAddr,
    pub at: Moment,
    pub bytes: Box<[u8]>,
}

/// Datagrams and bytes that were sent, and datagrams that were dropped.
#[derive(Debug, Default, Clone, Copy)]
pub struct Sent {
    pub packets: u64,
    pub bytes: u64,
    pub dropped: u64,
}

impl Desk {
    /// False if too much waits already: the peer will repeat it.
    pub fn post(&mut self, letter: Letter) -> bool {
        let same = |other: &&Letter| other.session == letter.session;
        if self.letters.len() >= MOST_LETTERS || self.letters.iter().filter(same).count() >= MOST_OF_ONE {
            return false;
        }
        self.letters.push_back(letter);
        true
    }

    /// Has the session driven at this time at the latest.
    pub fn schedule(&mut self, key: u32, session: &mut Session, at: Option<Moment>) {
        let Some(at) = at else { return };
        if session.handshake_due.is_none_or(|due| at < due) {
            session.handshake_due = Some(at);
            self.due.push(Reverse((at, key)));
        }
    }

    pub fn next_due(&self) -> Option<Moment> {
        let letter = self.letters.front().map(|letter| letter.at);
        let driven = self.due.peek().map(|Reverse((at, _))| *at);
        [letter, driven].into_iter().flatten().min()
    }

    /// Takes one handshake one step further; the rest waits for the next call.
    pub fn work(
        &mut self,
        sessions: &mut Slab<Session>,
        clock: Clock,
        certificates: &Certificates,
        telling: &mut Telling<'_>,
        out: &mut impl Outbox,
    ) -> Sent {
        // In turns: a flood of datagrams shall not keep handshakes from their ends, nor what is due again and again the
        // datagrams of all others.
        let is_letters_turn = mem::take(&mut self.drove) && !self.letters.is_empty();
        let driven = if is_letters_turn { None } else { self.pop_driven(sessions, clock.now) };
        if let Some(key) = driven {
            self.drove = true;
            let session = &mut sessions[key as usize];
            let mut turn = Turn { session, clock, certificates, telling, sent: Sent::default() };
            turn.drive(out);
            let (sent, due) = (turn.sent, next_due(session, clock, certificates));
            self.schedule(key, session, due);
            return sent;
        }
        let Some(letter) = self.pop_letter(sessions) else { return Sent::default() };
        let session = &mut sessions[letter.session as usize];
        let mut turn = Turn { session, clock, certificates, telling, sent: Sent::default() };
        turn.take_in(&letter, out);
        let (sent, due) = (turn.sent, next_due(session, clock, certificates));
        self.schedule(letter.session, session, due);
        sent
    }

    /// The next datagram whose session is still there.
    fn pop_letter(&mut self, sessions: &Slab<Session>) -> Option<Letter> {
        loop {
            let letter = self.letters.pop_front()?;
            let session = sessions.get(letter.session as usize);
            if session.is_some_and(|session| Arc::ptr_eq(&session.id, &letter.id)) {
                return Some(letter);
            }
        }
    }

    /// The next session that wants to be driven now.
    fn pop_driven(&mut self, sessions: &mut Slab<Session>, now: Moment) -> Option<u32> {
        loop {
            let (_, key) = self.pop_due(now)?;
            let Some(session) = sessions.get_mut(key as usize) else { continue };
            if session.handshake_due.is_some_and(|due| due <= now) {
                session.handshake_due = None;
                return Some(key);
            }
        }
    }

    fn pop_due(&mut self, now: Moment) -> Option<(Moment, u32)> {
        let Reverse((at, _)) = self.due.peek()?;
        if *at > now {
            return None;
        }
        self.due.pop().map(|Reverse(due)| due)
    }
}

/// When the handshakes of a session want to be driven.
fn next_due(session: &mut Session, clock: Clock, certificates: &Certificates) -> Option<Moment> {
    let due = |stream: &mut crate::stream::Stream, port: Component| {
        let peer = stream.half_mut(port).latch.destination();
        let dtls = stream.secure.as_mut()?.dtls.as_mut()?;
        let peer = peer.map(|at| dtls.place(at));
        let (agent, setup) = dtls.agent(port, certificates)?;
        agent.next_due(clock, &setup, peer)
    };
    let streams = session.streams.iter_mut();
    streams.flat_map(|stream| PORTS.map(|port| due(stream, port))).flatten().min()
}

/// One step of the handshakes of a session.
struct Turn<'a, 'b> {
    session: &'a mut Session,
    clock: Clock,
    certificates: &'a Certificates,
    telling: &'a mut Telling<'b>,
    sent: Sent,
}

impl Turn<'_, '_> {
    fn take_in(&mut self, letter: &Letter, out: &mut impl Outbox) {
        let Some(at) = self.session.streams.iter().position(|stream| stream.id == letter.stream) else {
            return;
        };
        let stream = &mut self.session.streams[at];
        let is_signalled = stream.half_mut(letter.port).latch.signalled() == Some(letter.from);
        let Some(dtls) = stream.secure.as_mut().and_then(|secure| secure.dtls.as_mut()) else { return };
        let from = dtls.place(letter.from);
        let Some((agent, setup)) = dtls.agent(letter.port, self.certificates) else { return };
        agent.take_in(self.clock, &setup, from, is_signalled, &letter.bytes);
        self.conclude(at, letter.port, out);
    }

    fn drive(&mut self, out: &mut impl Outbox) {
        for at in 0..self.session.streams.len() {
            for port in PORTS {
                let stream = &mut self.session.streams[at];
                let peer = stream.half_mut(port).latch.destination();
                let Some(dtls) = stream.secure.as_mut().and_then(|secure| secure.dtls.as_mut()) else {
                    break;
                };
                let peer = peer.map(|at| dtls.place(at));
                let Some((agent, setup)) = dtls.agent(port, self.certificates) else { continue };
                agent.drive(self.clock, &setup, peer);
                self.conclude(at, port, out);
            }
        }
    }

    /// Sends what the handshakes of a component want to say, and does what has come of them.
    fn conclude(&mut self, at: usize, port: Component, out: &mut impl Outbox) {
        while let Some((peer, datagram)) = self.agent(at, port).and_then(|agent| agent.poll_datagram()) {
            let Some((socket, to)) = self.session.streams[at].answers(port, peer) else { continue };
            out.send(socket, to, &datagram);
            self.sent.packets += 1;
            self.sent.bytes += datagram.len() as u64;
        }
        while let Some(outcome) = self.agent(at, port).and_then(|agent| agent.poll_outcome()) {
            match outcome {
                Outcome::Begun => self.report(at, port, DtlsState::Handshaking),
                Outcome::Refused { peer } => {
                    let suspect = Suspect { cause: SuspectCause::Handshake, source: peer };
                    let stream = &mut self.session.streams[at];
                    // It was taken for one of a handshake when it came.
                    let failures = stream.half_mut(port).failures();
                    failures.handshake_packets = failures.handshake_packets.saturating_sub(1);
                    self.sent.dropped += 1;
                    let news = suspects::note(stream, port, suspect, self.clock.now, self.telling.watch);
                    if let Some(news) = news {
                        self.telling.events.push_back(news.of(self.session));
                    }
                }
                Outcome::Failed { peer, reason } => {
                    self.report(at, port, DtlsState::Failed { reason, source: peer });
                }
                Outcome::Mismatch { peer } => {
                    self.report(at, port, DtlsState::FingerprintMismatch { source: peer });
                }
                Outcome::Connected { peer, keys } => {
                    if let Some(secure) = &mut self.session.streams[at].secure {
                        secure.adopt(port, &keys);
                    }
                    self.learn(at, port, peer);
                    self.report(at, port, DtlsState::Connected { suite: keys.suite.name().to_owned() });
                }
            }
        }
    }

    fn agent(&mut self, at: usize, port: Component) -> Option<&mut crate::handshake::Agent> {
        let secure = self.session.streams[at].secure.as_mut()?;
        Some(secure.dtls.as_mut()?.agent(port, self.certificates)?.0)
    }

    /// Whoever has shown the signalled certificate is the peer.
    fn learn(&mut self, at: usize, port: Component, peer: SocketAddr) {
        let now = self.clock.now;
        if self.session.admit(at, port, peer, now, true) == Verdict::Learned {
            timers::note_learned(self.session, at, port, now, self.telling.events);
        }
    }

    fn report(&mut self, at: usize, port: Component, state: DtlsState) {
        let now = self.clock.now;
        if !self.agent(at, port).is_some_and(|agent| agent.may_report(now, &state)) {
            return;
        }
        self.telling.events.push_back(Event::DtlsState {
            session: self.session.session_id(),
            revision: self.session.revision,
            stream: self.session.streams[at].id,
            component: port,
            state,
        });
    }
}

const PORTS: [Component; 2] = [Component::Rtp, Component::Rtcp];
const MOST_LETTERS: usize = 1024;
const MOST_OF_ONE: usize = 32;
