//! ICE towards the peer of one stream: an agent per component, and while ICE restarts, those of the generation before.
//!
//! A restart changes nothing about media until the new agents have nominated a pair each; until then it takes the old
//! pairs. Who the peer is, is for the agents to say: with ICE nothing is learned from packets (see [`crate::latch`]).

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    net::SocketAddr,
    time::Duration,
};

use ice::{Agent, Base, Candidate, Credentials, Refused, Remote, Role, Send, Settings, State, Target};
use protocol::{Component, IcePair, IcePlan, IceRole, IceSnapshot, IceState, IceStats};
use wire::stun::Message;

use crate::{
    io::SocketId,
    latch::{Latch, Verdict},
    moment::Moment,
    stream::{Local, Stream, WayOut},
};

#[derive(Debug)]
pub struct StreamIce {
    plan: IcePlan,
    agents: Agents,
    former: Option<Box<Agents>>,
    /// When the former agents are of no use any more: what is under way still arrives.
    former_ends: Option<Moment>,
    /// A pair was valid once.
    was_valid: bool,
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
struct Ports {
    rtp: Vec<Base>,
    /// `None`: RTCP has no port of its own.
    rtcp: Option<Vec<Base>>,
}

/// What else there is to know when a plan is followed.
struct Turn<'a> {
    now: Duration,
    ports: Ports,
    /// Addresses of the session's ports, where no peer can be.
    own: &'a [SocketAddr],
}

impl StreamIce {
    fn new(plan: &IcePlan, turn: &Turn<'_>, snapshot: Option<&IceSnapshot>, locals: &[Local]) -> Self {
        let snapshot = snapshot.filter(|snapshot| snapshot.generation == plan.generation);
        let mut agents = Agents::new(plan, snapshot);
        agents.follow(plan, turn);
        if let Some(snapshot) = snapshot {
            agents.resume(snapshot, turn.now, locals);
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

    fn follow(&mut self, plan: &IcePlan, turn: &Turn<'_>) {
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
        send: &mut Send<'_>,
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
    pub fn drive(&mut self, now: Moment, send: &mut Send<'_>) {
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
    fn accepts(&self, port: Component, from: SocketAddr) -> bool {
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

    fn role(&self) -> IceRole {
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
            agent.meet(turn.now, remote, candidates.filter(is_peer));
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

impl Stream {
    /// Follows what a plan says of ICE; false if there is none.
    pub fn follow_ice(
        &mut self,
        now: Moment,
        plan: Option<&IcePlan>,
        own: &[SocketAddr],
        snapshot: Option<&IceSnapshot>,
    ) -> bool {
        let Some(plan) = plan else {
            if self.ice.take().is_some() {
                self.rtp.latch = Latch::new(now);
                self.rtcp.latch = Latch::new(now);
            }
            return false;
        };
        let turn = Turn { now: time(now), ports: self.ports(), own };
        match &mut self.ice {
            Some(ice) => ice.follow(plan, &turn),
            None => {
                self.ice = Some(Box::new(StreamIce::new(plan, &turn, snapshot, &self.locals)));
                for half in [&mut self.rtp, &mut self.rtcp] {
                    // Within a call, media stays where it is until a pair is valid; but a source that only sent
                    // packets may be anybody.
                    if half.latch.confirmed() != half.latch.signalled() {
                        half.latch.pin(None);
                    }
                }
            }
        }
        self.aim(now);
        true
    }

    /// Has packets go where the agents say; true if that is elsewhere than before.
    pub fn aim(&mut self, now: Moment) -> bool {
        let Some(ice) = &mut self.ice else { return false };
        ice.tidy(now);
        let (rtp, rtcp) = (ice.target(Component::Rtp), ice.target(Component::Rtcp));
        if rtp.is_none() && !ice.was_valid {
            return false;
        }
        ice.was_valid = true;
        let mut changed = false;
        for (half, target) in [(&mut self.rtp, rtp), (&mut self.rtcp, rtcp)] {
            let place = target.map(|target| target.remote);
            if half.latch.destination() != place || half.latch.source() != place {
                half.latch.pin(place);
                changed = true;
            }
        }
        if let Some(rtp) = rtp {
            let rtcp = rtcp.map(|target| SocketId(target.base));
            self.way_out = Some(WayOut { rtp: SocketId(rtp.base), rtcp, ipv4: rtp.remote.is_ipv4() });
        }
        changed
    }

    /// Whether a source is the peer; learns nothing.
    pub fn admit_validated(&mut self, port: Component, from: SocketAddr) -> Verdict {
        let known = self.half_mut(port).latch.source();
        let Some(ice) = &self.ice else { return Verdict::Foreign };
        if known == Some(from) || ice.accepts(port, from) {
            Verdict::Accepted
        } else if known.is_none() {
            Verdict::Closed
        } else {
            Verdict::Foreign
        }
    }

    pub fn ice_stats(&self) -> Option<IceStats> {
        let ice = self.ice.as_ref()?;
        Some(IceStats {
            state: ice.state(),
            role: ice.role(),
            generation: ice.plan.generation,
            rtp: self.pair(ice.target(Component::Rtp)),
            rtcp: self.pair(ice.target(Component::Rtcp)),
        })
    }

    /// What it takes to go on with the nominated pairs; `None` before there are any.
    pub fn ice_snapshot(&self) -> Option<IceSnapshot> {
        let ice = self.ice.as_ref()?;
        let nominated = |port| ice.agents.agent(port)?.target().filter(|target| target.nominated);
        let rtp = self.pair(nominated(Component::Rtp));
        let rtcp = self.pair(nominated(Component::Rtcp));
        (rtp.is_some() || rtcp.is_some()).then(|| IceSnapshot {
            generation: ice.plan.generation,
            role: ice.role(),
            tie_breaker: format!("{:016x}", ice.agents.rtp.tie_breaker()),
            rtp,
            rtcp,
        })
    }

    fn pair(&self, target: Option<Target>) -> Option<IcePair> {
        let Target { base, remote, .. } = target?;
        let local = self.locals.iter().find(|local| local.sockets().any(|socket| socket.0 == base))?;
        Some(IcePair { local: local.id, remote })
    }

    fn ports(&self) -> Ports {
        let base = |socket: SocketId, local: &Local, port: u16| Base {
            id: socket.0,
            address: SocketAddr::new(local.address, port),
        };
        let rtp = self.locals.iter().map(|local| base(local.rtp, local, local.port)).collect();
        let rtcp = || {
            let of = |local: &Local| Some(base(local.rtcp?, local, local.port.wrapping_add(1)));
            self.locals.iter().filter_map(of).collect()
        };
        Ports { rtp, rtcp: self.has_rtcp_half().then(rtcp) }
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
