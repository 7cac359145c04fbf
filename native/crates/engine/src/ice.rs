//! ICE towards the peer of one stream: an agent per component, and while ICE restarts, those of the generation before.
//!
//! A restart changes nothing about media until the new agents have nominated a pair each; until then it takes the old
//! pairs. Who the peer is, is for the agents to say: with ICE nothing is learned from packets (see [`crate::latch`]).

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    net::SocketAddr,
    time::Duration,
};

use ice::{Agent, Base, Candidate, Credentials, Refused, Remote, Role, Settings, State, Target, Transmit};
use protocol::{Component, IcePair, IcePlan, IceRole, IceSnapshot, IceState};
use wire::stun::Message;

use crate::{io::SocketId, moment::Moment, stream::Local};

#[derive(Debug)]
pub struct StreamIce {
    plan: IcePlan,
    agents: Agents,
    former: Option<Box<Agents>>,
    /// When the former agents are of no use any more: what is under way still arrives.
    former_ends: Option<Moment>,
    /// A pair was valid once.
    pub was_valid: bool,
    /// Handshake datagrams that were quicker than our check.
    held: Vec<Held>,
    pub reported: Option<IceState>,
}

#[derive(Debug)]
pub struct Held {
    pub port: Component,
    pub from: SocketAddr,
    pub bytes: Box<[u8]>,
}

#[derive(Debug)]
struct Agents {
    rtp: Agent,
    rtcp: Option<Agent>,
}

/// Our ports of each component.
pub struct Ports {
    pub rtp: Vec<Base>,
    /// `None`: RTCP has no port of its own.
    pub rtcp: Option<Vec<Base>>,
}

/// What else there is to know when a plan is followed.
pub struct Turn<'a> {
    pub now: Moment,
    pub ports: Ports,
    /// Addresses of the session's ports, where no peer can be.
    pub own: &'a [SocketAddr],
}

impl StreamIce {
    pub fn new(plan: &IcePlan, turn: &Turn<'_>, snapshot: Option<&IceSnapshot>, locals: &[Local]) -> Self {
        let snapshot = snapshot.filter(|snapshot| snapshot.generation == plan.generation);
        let mut agents = Agents::new(plan, snapshot);
        agents.follow(plan, turn);
        if let Some(snapshot) = snapshot {
            agents.resume(snapshot, time(turn.now), locals);
        }
        StreamIce {
            plan: plan.clone(),
            was_valid: false,
            held: Vec::new(),
            agents,
            former: None,
            former_ends: None,
            reported: None,
        }
    }

    pub fn follow(&mut self, plan: &IcePlan, turn: &Turn<'_>) {
        let renames = |before: &Option<String>, after: &Option<String>| before.is_some() && before != after;
        let restarts = plan.generation != self.plan.generation
            || plan.local_ufrag != self.plan.local_ufrag
            || plan.local_pwd != self.plan.local_pwd
            || renames(&self.plan.remote_ufrag, &plan.remote_ufrag)
            || renames(&self.plan.remote_pwd, &plan.remote_pwd);
        if restarts {
            let before = std::mem::replace(&mut self.agents, Agents::new(plan, None));
            if before.is_in_use() {
                self.former = Some(Box::new(before));
                self.former_ends = None;
            }
            self.reported = None;
        }
        self.plan = plan.clone();
        self.agents.follow(plan, turn);
        if let Some(former) = &mut self.former {
            former.use_ports(&turn.ports);
        }
    }

    pub fn plan(&self) -> &IcePlan {
        &self.plan
    }

    /// Takes in a STUN message.
    pub fn handle(
        &mut self,
        now: Moment,
        port: Component,
        base: SocketId,
        from: SocketAddr,
        datagram: &[u8],
        send: &mut Transmit<'_>,
    ) -> Result<(), Refused> {
        let message = Message::parse(datagram).ok_or(Refused)?;
        let now = time(now);
        let former = self.former.as_mut().and_then(|former| former.agent_mut(port));
        for agent in [self.agents.agent_mut(port), former].into_iter().flatten() {
            if agent.handle(now, base.0, from, &message, send).is_ok() {
                return Ok(());
            }
        }
        Err(Refused)
    }

    /// Does what is due by time.
    pub fn drive(&mut self, now: Moment, send: &mut Transmit<'_>) {
        let now = time(now);
        let former = self.former.iter_mut().flat_map(|former| former.each_mut());
        for agent in self.agents.each_mut().chain(former) {
            if agent.poll_timeout().is_some_and(|due| due <= now) {
                agent.handle_timeout(now, send);
            }
        }
    }

    pub fn next_due(&self) -> Option<Moment> {
        let former = self.former.iter().flat_map(|former| former.each());
        let due = self.agents.each().chain(former).filter_map(Agent::poll_timeout).min()?;
        Some(Moment::at(due))
    }

    /// Forgets the generation before, some time after it has become superfluous.
    pub fn tidy(&mut self, now: Moment) {
        let is_nominated = |agent: &Agent| agent.target().is_some_and(|target| target.nominated);
        let is_done = self.agents.concerned().all(is_nominated);
        if is_done && self.former.is_some() {
            let ends = *self.former_ends.get_or_insert(now.plus_ms(LINGER_MS));
            self.former.take_if(|_| now >= ends);
        }
        self.former.take_if(|former| !former.is_in_use());
    }

    /// Where packets to the peer go.
    pub fn target(&self, port: Component) -> Option<Target> {
        let target = |agents: &Agents| agents.agent(port)?.target();
        let present = target(&self.agents);
        if present.is_some_and(|present| present.nominated) {
            return present;
        }
        self.former.as_deref().and_then(target).or(present)
    }

    /// The pair a component of this generation has settled on.
    pub fn nominated(&self, port: Component) -> Option<Target> {
        self.agents.agent(port)?.target().filter(|target| target.nominated)
    }

    pub fn tie_breaker(&self) -> u64 {
        self.agents.rtp.tie_breaker()
    }

    /// Keeps a handshake datagram from where a pair is about to become valid; false if there is none, or no room.
    pub fn hold(&mut self, port: Component, from: SocketAddr, datagram: &[u8]) -> bool {
        let is_expected = self.agents.agent(port).is_some_and(|agent| agent.expects(from));
        if !is_expected || self.held.len() == MOST_HELD {
            return false;
        }
        self.held.push(Held { port, from, bytes: datagram.into() });
        true
    }

    /// What was held and turned out to be the peer's.
    pub fn release(&mut self) -> Vec<Held> {
        let (released, held) =
            std::mem::take(&mut self.held).into_iter().partition(|held| self.accepts(held.port, held.from));
        self.held = held;
        released
    }

    /// True if a packet from there is the peer's.
    pub fn accepts(&self, port: Component, from: SocketAddr) -> bool {
        let accepts = |agents: &Agents| agents.agent(port).is_some_and(|agent| agent.accepts(from));
        accepts(&self.agents) || self.former.as_deref().is_some_and(accepts)
    }

    pub fn state(&self) -> IceState {
        let states = self.agents.concerned().map(|agent| match agent.state() {
            State::Waiting => IceState::Waiting,
            State::Checking => IceState::Checking,
            State::Connected => IceState::Connected,
            State::Completed => IceState::Completed,
            State::Failed => IceState::Failed,
            State::Disconnected => IceState::Disconnected,
        });
        states.min_by_key(|state| progress(*state)).unwrap_or(IceState::Waiting)
    }

    pub fn role(&self) -> IceRole {
        match self.agents.rtp.role() {
            Role::Controlling => IceRole::Controlling,
            Role::Controlled => IceRole::Controlled,
        }
    }
}

impl Agents {
    fn new(plan: &IcePlan, snapshot: Option<&IceSnapshot>) -> Self {
        let known = snapshot.and_then(|snapshot| u64::from_str_radix(&snapshot.tie_breaker, 16).ok());
        let role = match snapshot.map_or(plan.role, |snapshot| snapshot.role) {
            IceRole::Controlling => Role::Controlling,
            IceRole::Controlled => Role::Controlled,
        };
        let agent = |component: u8| {
            Agent::new(Settings {
                component,
                local: credentials(&plan.local_ufrag, &plan.local_pwd),
                role,
                lite: plan.lite,
                tie_breaker: known.unwrap_or_else(|| hashed(&plan.local_pwd, 0)),
                seed: hashed(&plan.local_pwd, component),
            })
        };
        Agents { rtp: agent(1), rtcp: Some(agent(2)) }
    }

    fn follow(&mut self, plan: &IcePlan, turn: &Turn<'_>) {
        if turn.ports.rtcp.is_some() && self.rtcp.is_none() {
            self.rtcp = Agents::new(plan, None).rtcp;
        }
        self.use_ports(&turn.ports);
        let (Some(ufrag), Some(pwd)) = (&plan.remote_ufrag, &plan.remote_pwd) else { return };
        if *ufrag == plan.local_ufrag {
            // A peer that answers with our own words would have us talk to ourselves.
            return;
        }
        let is_peer = |candidate: &Candidate| !turn.own.contains(&candidate.address);
        for agent in self.each_mut() {
            let remote = Remote { credentials: credentials(ufrag, pwd), lite: plan.remote_lite };
            let candidates = plan.candidates.iter().filter_map(|text| Candidate::parse(text));
            agent.meet(time(turn.now), remote, candidates.filter(is_peer));
        }
    }

    fn use_ports(&mut self, ports: &Ports) {
        self.rtp.use_bases(&ports.rtp);
        match (&mut self.rtcp, &ports.rtcp) {
            (Some(agent), Some(bases)) => agent.use_bases(bases),
            (rtcp, _) => *rtcp = None,
        }
    }

    fn resume(&mut self, snapshot: &IceSnapshot, now: Duration, locals: &[Local]) {
        let local = |pair: &IcePair| locals.iter().find(|local| local.id == pair.local);
        if let Some((pair, local)) = snapshot.rtp.as_ref().and_then(|pair| Some((pair, local(pair)?))) {
            self.rtp.resume(now, local.rtp.0, pair.remote);
        }
        let rtcp = snapshot.rtcp.as_ref().and_then(|pair| Some((pair, local(pair)?.rtcp?)));
        if let (Some(agent), Some((pair, socket))) = (&mut self.rtcp, rtcp) {
            agent.resume(now, socket.0, pair.remote);
        }
    }

    fn is_in_use(&self) -> bool {
        self.each().any(|agent| agent.target().is_some())
    }

    fn agent(&self, port: Component) -> Option<&Agent> {
        match port {
            Component::Rtp => Some(&self.rtp),
            Component::Rtcp => self.rtcp.as_ref(),
        }
    }

    fn agent_mut(&mut self, port: Component) -> Option<&mut Agent> {
        match port {
            Component::Rtp => Some(&mut self.rtp),
            Component::Rtcp => self.rtcp.as_mut(),
        }
    }

    /// Those ICE waits for: not RTCP's, if the peer has no candidate for it.
    fn concerned(&self) -> impl Iterator<Item = &Agent> {
        std::iter::once(&self.rtp).chain(self.rtcp.iter().filter(|agent| agent.has_peer()))
    }

    fn each(&self) -> impl Iterator<Item = &Agent> {
        std::iter::once(&self.rtp).chain(&self.rtcp)
    }

    fn each_mut(&mut self) -> impl Iterator<Item = &mut Agent> {
        std::iter::once(&mut self.rtp).chain(&mut self.rtcp)
    }
}

/// Says what is wrong with the ICE a plan asks for.
pub fn check(plan: &IcePlan) -> Result<(), (&'static str, String)> {
    let words = [
        Some(&plan.local_ufrag),
        Some(&plan.local_pwd),
        plan.remote_ufrag.as_ref(),
        plan.remote_pwd.as_ref(),
    ];
    if words.into_iter().flatten().any(|word| word.is_empty() || word.len() > LONGEST_WORD) {
        return Err((
            "ice",
            format!("has a user name or password that is empty or exceeds {LONGEST_WORD} bytes"),
        ));
    }
    if plan.candidates.len() > MOST_CANDIDATES {
        return Err(("ice.candidates", format!("exceed {MOST_CANDIDATES}")));
    }
    Ok(())
}

/// The component that is behind is the one that counts.
fn progress(state: IceState) -> u32 {
    match state {
        IceState::Failed => 0,
        IceState::Disconnected => 1,
        IceState::Waiting => 2,
        IceState::Checking => 3,
        IceState::Connected => 4,
        IceState::Completed => 5,
    }
}

fn credentials(ufrag: &str, pwd: &str) -> Credentials {
    Credentials { ufrag: ufrag.into(), pwd: pwd.into() }
}

/// A number nobody can guess who does not know the password, which is new with each generation.
fn hashed(pwd: &str, salt: u8) -> u64 {
    let mut hasher = DefaultHasher::new();
    (pwd, salt).hash(&mut hasher);
    hasher.finish()
}

fn time(now: Moment) -> Duration {
    Duration::from_micros(now.us())
}

const LINGER_MS: u64 = 5000;
const MOST_HELD: usize = 4;
const LONGEST_WORD: usize = 256;
const MOST_CANDIDATES: usize = 64;
