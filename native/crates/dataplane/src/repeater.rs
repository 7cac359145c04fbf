//! Answers clients' requests by the control plane's patterns, and tells which ones are not for that.
//!
//! What was done is written down in a log that the control plane reads before anything that happened later. A session
//! that it has touched since is its own: requests about it are passed on.

use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use protocol::{BoundLocal, Event, FromDataPlane, LogPosition, PatternPlan, RepeatCounters, SessionId};
use repeat::{Done, Held, Known, Patterns, Refused, Replies, ReplyLimits, Step, Work};

/// A request of a client as it came in.
#[derive(Debug)]
pub struct Datagram {
    /// Which control socket.
    pub socket: u32,
    pub from: SocketAddr,
    pub bytes: Vec<u8>,
    pub arrived: Instant,
}

/// What is to be done about a datagram.
#[derive(Debug)]
pub enum Taken {
    Nothing,
    Reply(Vec<u8>),
    PassOn,
    Do(Job),
}

/// What is to be done about a session because of a datagram.
#[derive(Debug)]
pub struct Job {
    pub session: SessionId,
    pub work: Work,
    pub step: Step,
}

pub struct Repeater {
    patterns: Patterns,
    replies: Replies,
    sessions: HashMap<Box<str>, Session>,
    /// What the control plane may not have taken in yet.
    log: VecDeque<Entry>,
    last: u64,
    counters: RepeatCounters,
}

/// What a pattern has done.
#[derive(Debug, Clone)]
struct Entry {
    seq: u64,
    pattern: u32,
    micros: u32,
    values: Arc<str>,
    /// The session that has ended by it.
    ended: Option<Box<str>>,
}

/// A session that a pattern has made.
#[derive(Debug)]
struct Session {
    state: State,
    /// When it was last changed by a pattern, in the log.
    seq: u64,
    /// When another one of this name ended before it; 0: the control plane has read of that.
    since: u64,
}

#[derive(Debug)]
enum State {
    Held(Held),
    /// It has changed by itself since.
    Changed,
    /// There is none any more, which the control plane has not read yet.
    Ended,
}

impl Repeater {
    pub fn new(now: Instant) -> Self {
        Self {
            patterns: Patterns::default(),
            replies: Replies::new(LIMITS, now),
            sessions: HashMap::new(),
            log: VecDeque::new(),
            last: 0,
            counters: RepeatCounters::default(),
        }
    }

    pub fn counters(&self) -> RepeatCounters {
        RepeatCounters { patterns: self.patterns.len() as u64, ..self.counters }
    }

    pub fn learn(&mut self, pattern: PatternPlan) -> Result<(), Refused> {
        self.patterns.learn(pattern)
    }

    pub fn forget(&mut self) {
        self.patterns.clear();
    }

    /// Looks at a datagram. New sessions are only made if there `is_room`.
    pub fn take(&mut self, datagram: &Datagram, is_room: bool) -> Taken {
        let Some((cookie, request)) = split(&datagram.bytes) else {
            return self.pass_on();
        };
        match self.replies.find(datagram.arrived, datagram.from, cookie, request) {
            Some(Known::Answered(reply)) => {
                self.counters.repeated += 1;
                return Taken::Reply(reply.to_vec());
            }
            Some(Known::Running) => return Taken::Nothing,
            Some(Known::PassedOn) => return self.pass_on(),
            None => {}
        }
        let job =
            if self.log.len() < MOST_UNSEEN { self.decide(datagram.from, request, is_room) } else { None };
        let known = if job.is_some() { Known::Running } else { Known::PassedOn };
        self.replies.add(datagram.from, cookie, request, known);
        job.map_or_else(|| self.pass_on(), Taken::Do)
    }

    /// It is done: what the client is told. `None`: the request is to be passed on all the same.
    pub fn done(
        &mut self,
        datagram: &Datagram,
        step: Step,
        session: SessionId,
        bound: &[BoundLocal],
    ) -> Option<Vec<u8>> {
        let (cookie, _) = split(&datagram.bytes)?;
        let Some(done) = step.complete(&self.patterns, bound) else {
            self.sessions.remove(session.0.as_str());
            self.refused(datagram);
            return None;
        };
        let Done { pattern, values, has_ended, reply } = done;
        let answer = [cookie, b" ", &reply].concat();
        self.replies.settle(datagram.from, cookie, Known::Answered(answer.as_slice().into()));
        self.counters.answered += 1;
        self.last += 1;
        let (seq, name) = (self.last, Box::<str>::from(session.0));
        let micros = datagram.arrived.elapsed().as_micros().try_into().unwrap_or(u32::MAX);
        let ended = has_ended.then(|| name.clone());
        self.log.push_back(Entry { seq, pattern, micros, values: values.clone(), ended });
        let state = if has_ended { State::Ended } else { State::Held(Held { pattern, values }) };
        let since = match self.sessions.get(&name) {
            Some(Session { state: State::Ended, seq, .. }) => *seq,
            Some(Session { since, .. }) => *since,
            None => 0,
        };
        self.sessions.insert(name, Session { state, seq, since });
        Some(answer)
    }

    /// It was not to be done: the request is for the control plane after all.
    pub fn refused(&mut self, datagram: &Datagram) {
        if let Some((cookie, _)) = split(&datagram.bytes) {
            self.replies.settle(datagram.from, cookie, Known::PassedOn);
        }
        self.counters.passed_on += 1;
    }

    /// What was written into the log last.
    pub fn last_entry(&self) -> Option<FromDataPlane> {
        self.log.back().map(Entry::message)
    }

    /// The control plane has taken in the log so far.
    pub fn seen(&mut self, seq: u64) {
        while self.log.front().is_some_and(|entry| entry.seq <= seq) {
            let Some(Entry { seq, ended, .. }) = self.log.pop_front() else { return };
            // It may have been made anew since.
            if let Some(name) = ended
                && self.sessions.get(&name).is_some_and(|session| session.seq == seq)
            {
                self.sessions.remove(&name);
            }
        }
    }

    /// Whether the control plane, having seen this much, knows the session as it is; then it is its own from now on.
    pub fn hand_over(&mut self, session: &SessionId, seen: u64) -> bool {
        let is_known = self.sessions.get(session.0.as_str()).is_none_or(|session| session.seq <= seen);
        if is_known {
            self.sessions.remove(session.0.as_str());
        }
        is_known
    }

    /// The control plane, having seen this much, ends the session. Whether it is there: it may have been ended by a
    /// pattern, and another one made.
    pub fn end(&mut self, session: &SessionId, seen: u64) -> bool {
        let name = session.0.as_str();
        let is_there = self
            .sessions
            .get(name)
            .is_none_or(|session| !matches!(session.state, State::Ended) && session.since <= seen);
        if is_there {
            self.sessions.remove(name);
        }
        is_there
    }

    /// The control plane is told of something that happened to a session.
    pub fn told(&mut self, event: &Event) {
        // No decision depends on how far handshakes and checks have come.
        if !matches!(event, Event::IceState { .. } | Event::DtlsState { .. }) {
            self.changed(event.session());
        }
    }

    /// Something happened to the session that no pattern knows of.
    pub fn changed(&mut self, session: &SessionId) {
        if let Some(Session { state, .. }) = self.sessions.get_mut(session.0.as_str())
            && matches!(state, State::Held(_))
        {
            *state = State::Changed;
        }
    }

    /// A control plane has connected; returns what it has missed. Patterns begin anew with each connection.
    pub fn connected(
        &mut self,
        boot: &str,
        position: Option<&LogPosition>,
    ) -> impl Iterator<Item = FromDataPlane> {
        self.patterns.clear();
        match position {
            Some(position) if position.boot == boot => self.seen(position.seq),
            // Another one than before: it reads from the list of sessions what there is.
            _ => {
                self.log.clear();
                self.sessions.clear();
            }
        }
        self.log.iter().map(Entry::message)
    }

    /// Where the log ends.
    pub fn last(&self) -> u64 {
        self.last
    }

    fn decide(&self, from: SocketAddr, request: &[u8], is_room: bool) -> Option<Job> {
        let reading = self.patterns.read(request, from, now_ms())?;
        let before = match self.sessions.get(reading.session()).map(|session| &session.state) {
            Some(State::Held(held)) => Some(held),
            Some(State::Changed) => return None,
            Some(State::Ended) | None if is_room => None,
            Some(State::Ended) | None => return None,
        };
        let decision = self.patterns.decide(&reading, before, &mut draw)?;
        let work = decision.work()?;
        let session = SessionId(reading.session().to_owned());
        Some(Job { session, work, step: decision.into_step() })
    }

    fn pass_on(&mut self) -> Taken {
        self.counters.passed_on += 1;
        Taken::PassOn
    }
}

impl Entry {
    fn message(&self) -> FromDataPlane {
        let Self { seq, pattern, micros, .. } = *self;
        FromDataPlane::Repeated { seq, pattern, micros, values: self.values.to_string() }
    }
}

/// Cookie and request.
fn split(datagram: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = datagram.iter().position(|byte| *byte == b' ')?;
    (space > 0).then(|| (&datagram[..space], &datagram[space + 1..]))
}

/// Octets nobody can tell in advance. Where the kernel gives none, requests that need some are passed on.
fn draw(block: &mut [u8]) -> bool {
    rustix::rand::getrandom(&mut *block, rustix::rand::GetRandomFlags::empty()) == Ok(block.len())
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

/// The control plane's own (`src/control/reply-cache.ts`).
const LIMITS: ReplyLimits =
    ReplyLimits { generation: Duration::from_secs(30), entries: 100_000, bytes: 64 * 1024 * 1024 };
/// A control plane that has missed so much is stuck: what it is sent from then on makes it say how far it has come.
const MOST_UNSEEN: usize = 8192;
