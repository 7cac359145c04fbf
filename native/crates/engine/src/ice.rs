//! ICE towards the peer of one stream: an agent per component, and while ICE restarts, those of the generation before.
//!
//! A restart changes nothing about media until the new agents have nominated a pair each; until then it takes the old
//! pairs. Who the peer is, is for the agents to say: with ICE nothing is learned from packets (see [`crate::latch`]).

mod former;
mod resuming;

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    net::SocketAddr,
    time::Duration,
};

use former::Former;
use ice::{Agent, Base, Candidate, Credentials, Refused, Remote, Role, Settings, State, Target, Transmit};
use protocol::{Component, IcePlan, IceRole, IceState};
use wire::stun::{Class, Message};

use crate::{io::SocketId, moment::Moment};

#[derive(Debug)]
pub struct StreamIce {
    plan: IcePlan,
    agents: Agents,
    former: Option<Box<Former>>,
    /// A pair was valid once.
    pub was_valid: bool,
    /// The last check that was the peer's, or its answer to one of ours.
    pub checked_at: Option<Moment>,
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
    pub fn new(plan: &IcePlan, turn: &Turn<'_>) -> Self {
        let mut agents = Agents::new(plan, turn.now);
        agents.follow(plan, turn);
        StreamIce {
            plan: plan.clone(),
            was_valid: false,
            checked_at: None,
            held: Vec::new(),
            agents,
            former: None,
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
            let before = std::mem::replace(&mut self.agents, Agents::new(plan, turn.now));
            let former = self.former.take().map(|former| former.into_carrying());
            let carrying = if before.is_in_use() { Some(before) } else { former };
            self.former = carrying.map(|agents| Box::new(Former::new(&self.plan, agents)));
            self.reported = None;
        }
        self.plan = plan.clone();
        self.agents.follow(plan, turn);
        if let Some(former) = &mut self.former {
            former.follow(plan, turn);
        }
    }

    /// Uses other ports from now on.
    pub fn use_ports(&mut self, now: Moment, ports: &Ports) {
        for agents in self.all_mut() {
            agents.use_ports(ports);
            agents.each_mut().for_each(|agent| agent.settle_on(time(now)));
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
        if message.class == Class::Indication {
            // RFC 8445 §11: nobody vouches for it, so that it keeps nothing alive.
            return Ok(());
        }
        let taken = [true, false].into_iter().any(|is_meant| {
            self.all_mut().filter_map(|agents| agents.agent_mut(port)).any(|agent| {
                agent.is_meant(&message) == is_meant
                    && agent.handle(time(now), base.0, from, &message, send).is_ok()
            })
        });
        if !taken {
            return Err(Refused);
        }
        self.checked_at = Some(now);
        Ok(())
    }

    /// Does what is due by time.
    pub fn drive(&mut self, now: Moment, send: &mut Transmit<'_>) {
        let now = time(now);
        for agent in self.all_mut().flat_map(Agents::each_mut) {
            if agent.poll_timeout().is_some_and(|due| due <= now) {
                agent.handle_timeout(now, send);
            }
        }
    }

    pub fn next_due(&self) -> Option<Moment> {
        let due = self.all().flat_map(Agents::each).filter_map(Agent::poll_timeout).min()?;
        Some(Moment::at(due))
    }

    /// Media has a way that was checked, and whose peer consents.
    pub fn has_pair(&self) -> bool {
        self.target(Component::Rtp).is_some()
    }

    /// Forgets the generation before, some time after it has become superfluous.
    pub fn tidy(&mut self, now: Moment) {
        let is_superseded = self.agents.is_nominated();
        self.former.take_if(|former| former.is_over(now, is_superseded));
    }

    /// Where packets to the peer go.
    pub fn target(&self, port: Component) -> Option<Target> {
        let target = |agents: &Agents| agents.agent(port)?.target();
        let nominated = self.all().filter_map(target).find(|target| target.nominated);
        nominated.or_else(|| self.all().filter_map(target).last())
    }

    /// Where packets go to a peer that was heard at this address: while ICE restarts, the peer before and the one after
    /// may be two.
    pub fn target_near(&self, port: Component, heard_at: SocketAddr) -> Option<Target> {
        let agent = self.all().filter_map(|agents| agents.agent(port)).find(|agent| agent.accepts(heard_at));
        agent.and_then(Agent::target).or_else(|| self.target(port))
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
        self.all().any(|agents| agents.agent(port).is_some_and(|agent| agent.accepts(from)))
    }

    pub fn state(&self) -> IceState {
        let crossed = self.former.as_ref().and_then(|former| former.crossed());
        let crossed = crossed.filter(|_| !self.agents.is_nominated());
        let states = crossed.unwrap_or(&self.agents).concerned().map(|agent| match agent.state() {
            State::Waiting => IceState::Waiting,
            State::Checking => IceState::Checking,
            State::Connected => IceState::Connected,
            State::Completed => IceState::Completed,
            State::Failed => IceState::Failed,
            State::Disconnected => IceState::Disconnected,
        });
        states.min_by_key(|state| progress(*state)).unwrap_or(IceState::Waiting)
    }

    /// The newest words first.
    fn all(&self) -> impl Iterator<Item = &Agents> {
        [&self.agents].into_iter().chain(self.former.iter().flat_map(|former| former.all()))
    }

    fn all_mut(&mut self) -> impl Iterator<Item = &mut Agents> {
        let former = self.former.iter_mut().flat_map(|former| former.all_mut());
        [&mut self.agents].into_iter().chain(former)
    }

    pub fn role(&self) -> IceRole {
        self.agents.role()
    }
}

impl Agents {
    fn new(plan: &IcePlan, now: Moment) -> Self {
        Agents::with(plan, now, hashed(&plan.local_pwd, 0))
    }

    fn with(plan: &IcePlan, now: Moment, tie_breaker: u64) -> Self {
        let role = match plan.role {
            IceRole::Controlling => Role::Controlling,
            IceRole::Controlled => Role::Controlled,
        };
        let agent = |component: u8| {
            Agent::new(Settings {
                component,
                local: credentials(&plan.local_ufrag, &plan.local_pwd),
                role,
                lite: plan.lite,
                tie_breaker,
                // Transactions are other ones than before a crash.
                seed: hashed(&plan.local_pwd, now.us() << 8 | u64::from(component)),
            })
        };
        Agents { rtp: agent(1), rtcp: Some(agent(2)) }
    }

    fn follow(&mut self, plan: &IcePlan, turn: &Turn<'_>) {
        if turn.ports.rtcp.is_some() && self.rtcp.is_none() {
            self.rtcp = Agents::new(plan, turn.now).rtcp;
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

    fn role(&self) -> IceRole {
        match self.rtp.role() {
            Role::Controlling => IceRole::Controlling,
            Role::Controlled => IceRole::Controlled,
        }
    }

    fn use_ports(&mut self, ports: &Ports) {
        self.rtp.use_bases(&ports.rtp);
        match (&mut self.rtcp, &ports.rtcp) {
            (Some(agent), Some(bases)) => agent.use_bases(bases),
            (rtcp, _) => *rtcp = None,
        }
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
fn hashed(pwd: &str, salt: u64) -> u64 {
    let mut hasher = DefaultHasher::new();
    (pwd, salt).hash(&mut hasher);
    hasher.finish()
}

fn time(now: Moment) -> Duration {
    Duration::from_micros(now.us())
}

const MOST_HELD: usize = 4;
const LONGEST_WORD: usize = 256;
const MOST_CANDIDATES: usize = 64;
