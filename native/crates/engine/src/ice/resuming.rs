//! ICE over a crash: valid pairs go on, with the words they were found with. While ICE restarts those of before do so, too.

use ice::{Agent, Target};
use protocol::{Component, IcePair, IcePlan, IceSnapshot, ValidPair};

use super::{Agents, StreamIce, Turn, former::Former, time};
use crate::{io::SocketId, stream::Local};

impl StreamIce {
    /// What it takes to go on; empty before a pair is valid.
    pub fn snapshot(&self, locals: &[Local]) -> Vec<IceSnapshot> {
        self.all().filter_map(|agents| agents.snapshot(locals)).collect()
    }

    pub fn pair_in_use(&self, port: Component, locals: &[Local]) -> Option<IcePair> {
        pair(locals, self.target(port)?)
    }

    /// Goes on with what was valid.
    pub fn resume(&mut self, turn: &Turn<'_>, snapshots: &[IceSnapshot], locals: &[Local]) {
        for words in snapshots {
            let is_ours = words.local_ufrag == self.plan.local_ufrag;
            let is_theirs = Some(&words.remote_ufrag) == self.plan.remote_ufrag.as_ref();
            let before = plan_of(words, &self.plan);
            match (is_ours, is_theirs) {
                (true, true) => {
                    let plan = IcePlan { candidates: self.plan.candidates.clone(), ..before };
                    self.agents = Agents::resumed(&plan, words, turn, locals);
                }
                (false, true) => {
                    let agents = Agents::resumed(&before, words, turn, locals);
                    self.former_with_words_of(&before, turn).crossing = Some(agents);
                }
                (_, false) => {
                    let agents = Agents::resumed(&before, words, turn, locals);
                    self.former_with_words_of(&before, turn).resume(words.remote_ufrag.clone(), agents);
                }
            }
        }
        if let Some(former) = &mut self.former {
            former.follow(&self.plan, turn);
        }
    }

    fn former_with_words_of(&mut self, plan: &IcePlan, turn: &Turn<'_>) -> &mut Former {
        self.former.get_or_insert_with(|| {
            let plan = IcePlan { remote_ufrag: None, remote_pwd: None, ..plan.clone() };
            Box::new(Former::new(&plan, Agents::new(&plan, turn.now)))
        })
    }
}

/// A plan with these words, and without checks of its own accord.
fn plan_of(words: &IceSnapshot, plan: &IcePlan) -> IcePlan {
    IcePlan {
        local_ufrag: words.local_ufrag.clone(),
        local_pwd: words.local_pwd.clone(),
        remote_ufrag: Some(words.remote_ufrag.clone()),
        remote_pwd: Some(words.remote_pwd.clone()),
        role: words.role,
        candidates: Vec::new(),
        ..plan.clone()
    }
}

impl Agents {
    fn snapshot(&self, locals: &[Local]) -> Option<IceSnapshot> {
        let (ours, theirs) = (self.rtp.local(), &self.rtp.remote()?.credentials);
        let pairs = |agent: &Agent| -> Vec<ValidPair> {
            let pair =
                |target: Target| Some(ValidPair { pair: pair(locals, target)?, nominated: target.nominated });
            agent.valid().filter_map(pair).collect()
        };
        let (rtp, rtcp) = (pairs(&self.rtp), self.rtcp.as_ref().map_or_else(Vec::new, pairs));
        (!rtp.is_empty() || !rtcp.is_empty()).then(|| IceSnapshot {
            local_ufrag: ours.ufrag.to_string(),
            local_pwd: ours.pwd.to_string(),
            remote_ufrag: theirs.ufrag.to_string(),
            remote_pwd: theirs.pwd.to_string(),
            role: self.role(),
            tie_breaker: format!("{:016x}", self.rtp.tie_breaker()),
            rtp,
            rtcp,
        })
    }

    fn resumed(plan: &IcePlan, words: &IceSnapshot, turn: &Turn<'_>, locals: &[Local]) -> Self {
        let mut agents = match u64::from_str_radix(&words.tie_breaker, 16) {
            Ok(tie_breaker) => Agents::with(plan, turn.now, tie_breaker),
            Err(_) => Agents::new(plan, turn.now),
        };
        agents.follow(plan, turn);
        let rtp = words.rtp.iter().filter_map(|valid| target(locals, valid, |local| Some(local.rtp)));
        agents.rtp.resume(time(turn.now), rtp);
        if let Some(agent) = &mut agents.rtcp {
            let rtcp = words.rtcp.iter().filter_map(|valid| target(locals, valid, |local| local.rtcp));
            agent.resume(time(turn.now), rtcp);
        }
        agents
    }
}

/// A pair as the protocol names it.
fn pair(locals: &[Local], target: Target) -> Option<IcePair> {
    let base = SocketId(target.base);
    let local = locals.iter().find(|local| local.sockets().any(|socket| socket == base.bound()))?;
    Some(IcePair { local: local.id, remote: target.remote, relayed: base.is_relayed() })
}

fn target(
    locals: &[Local],
    valid: &ValidPair,
    socket: impl Fn(&Local) -> Option<SocketId>,
) -> Option<Target> {
    let ValidPair { pair, nominated } = *valid;
    let socket = socket(locals.iter().find(|local| local.id == pair.local)?)?;
    let base = if pair.relayed { socket.relayed() } else { socket };
    Some(Target { base: base.0, remote: pair.remote, nominated })
}
