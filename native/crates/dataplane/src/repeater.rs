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

use protocol::{BoundLocal, FromDataPlane, LogPosition, PatternPlan, RepeatCounters, SessionId, SessionPlan};
use repeat::{Held, Known, Patterns, Refused, Replies, ReplyLimits, Step};

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
    Apply(Job),
}

/// A plan to be applied because of a datagram.
#[derive(Debug)]
pub struct Job {
    pub plan: Box<SessionPlan>,
    /// The revision the session has to have; `None`: there must not be one.
    pub before: Option<u64>,
    step: Step,
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
}

/// A session that a pattern has made.
#[derive(Debug)]
struct Session {
    /// `None`: it has changed by itself since.
    held: Option<Held>,
    /// When it was last changed by a pattern, in the log.
    seq: u64,
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
        job.map_or_else(|| self.pass_on(), Taken::Apply)
    }

    /// The plan is in force: what the client is told. `None`: the request is to be passed on all the same.
    pub fn applied(
        &mut self,
        datagram: &Datagram,
        step: Step,
        session: SessionId,
        bound: &[BoundLocal],
    ) -> Option<Vec<u8>> {
        let (cookie, _) = split(&datagram.bytes)?;
        let Some((held, reply)) = step.complete(&self.patterns, bound) else {
            self.sessions.remove(session.0.as_str());
            self.refused(datagram);
            return None;
        };
        let answer = [cookie, b" ", &reply].concat();
        self.replies.settle(datagram.from, cookie, Known::Answered(answer.as_slice().into()));
        self.counters.answered += 1;
        self.last += 1;
        let micros = datagram.arrived.elapsed().as_micros().try_into().unwrap_or(u32::MAX);
        let values = held.values.clone();
        self.log.push_back(Entry { seq: self.last, pattern: held.pattern, micros, values });
        self.sessions.insert(session.0.into(), Session { held: Some(held), seq: self.last });
        Some(answer)
    }

    /// The plan was not taken: the request is for the control plane after all.
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
            self.log.pop_front();
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

    /// The session ends.
    pub fn ended(&mut self, session: &SessionId) {
        self.sessions.remove(session.0.as_str());
    }

    /// Something happened to the session that no pattern knows of.
    pub fn changed(&mut self, session: &SessionId) {
        if let Some(session) = self.sessions.get_mut(session.0.as_str()) {
            session.held = None;
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
        let before = match self.sessions.get(reading.session()) {
            Some(session) => Some(session.held.as_ref()?),
            None if is_room => None,
            None => return None,
        };
        let decision = self.patterns.decide(&reading, before)?;
        let (plan, before) = (Box::new(decision.plan()?), decision.revision_before());
        Some(Job { plan, before, step: decision.into_step() })
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

impl Job {
    pub fn into_parts(self) -> (Box<SessionPlan>, Option<u64>, Step) {
        (self.plan, self.before, self.step)
    }
}

/// Cookie and request.
fn split(datagram: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = datagram.iter().position(|byte| *byte == b' ')?;
    (space > 0).then(|| (&datagram[..space], &datagram[space + 1..]))
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

/// The control plane's own (`src/control/reply-cache.ts`).
const LIMITS: ReplyLimits =
    ReplyLimits { generation: Duration::from_secs(30), entries: 100_000, bytes: 64 * 1024 * 1024 };
/// A control plane that has missed so much is stuck: what it is sent from then on makes it say how far it has come.
const MOST_UNSEEN: usize = 8192;
