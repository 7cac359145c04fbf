//! What carries media until an ICE restart has come to its end.

use ice::Agent;
use protocol::IcePlan;

use super::{Agents, Turn};
use crate::moment::Moment;

/// The agents of the generation before, and those in between.
#[derive(Debug)]
pub struct Former {
    /// Our words before the restart.
    ufrag: String,
    pwd: String,
    /// The peer's.
    peer: Option<String>,
    pub agents: Agents,
    /// Our words are still the old ones, the peer's are the new ones. A browser that restarts checks like that from its
    /// new ports before it has read our answer, and may go on with such a pair for good.
    pub crossing: Option<Agents>,
    /// When all this is of no use any more: what is under way still arrives.
    ends: Option<Moment>,
}

impl Former {
    /// `plan` is the one before the restart.
    pub fn new(plan: &IcePlan, agents: Agents) -> Self {
        Former {
            ufrag: plan.local_ufrag.clone(),
            pwd: plan.local_pwd.clone(),
            peer: plan.remote_ufrag.clone(),
            agents,
            crossing: None,
            ends: None,
        }
    }

    /// After a crash, with these words of the peer.
    pub fn resume(&mut self, peer: String, agents: Agents) {
        (self.peer, self.agents) = (Some(peer), agents);
    }

    pub fn follow(&mut self, plan: &IcePlan, turn: &Turn<'_>) {
        self.agents.use_ports(&turn.ports);
        if plan.remote_ufrag.is_none() || plan.remote_ufrag == self.peer || plan.lite {
            return;
        }
        let crossing = IcePlan {
            local_ufrag: self.ufrag.clone(),
            local_pwd: self.pwd.clone(),
            // No checks of its own accord.
            candidates: Vec::new(),
            ..plan.clone()
        };
        self.crossing.get_or_insert_with(|| Agents::new(&crossing, turn.now)).follow(&crossing, turn);
    }

    /// What goes on when ICE restarts once more.
    pub fn into_carrying(self) -> Agents {
        self.crossing.filter(Agents::is_in_use).unwrap_or(self.agents)
    }

    /// True once nothing of it is needed; `is_superseded` by the present generation.
    pub fn is_over(&mut self, now: Moment, is_superseded: bool) -> bool {
        if !self.all().any(Agents::is_in_use) {
            return true;
        }
        is_superseded && now >= *self.ends.get_or_insert(now.plus_ms(LINGER_MS))
    }

    /// The agents in between, once the peer has settled on a pair of theirs.
    pub fn crossed(&self) -> Option<&Agents> {
        self.crossing.as_ref().filter(|crossing| crossing.is_nominated())
    }

    pub fn all(&self) -> impl Iterator<Item = &Agents> {
        self.crossing.iter().chain([&self.agents])
    }

    pub fn all_mut(&mut self) -> impl Iterator<Item = &mut Agents> {
        self.crossing.iter_mut().chain([&mut self.agents])
    }
}

impl Agents {
    pub fn is_in_use(&self) -> bool {
        self.each().any(|agent| agent.target().is_some())
    }

    pub fn is_nominated(&self) -> bool {
        let is_nominated = |agent: &Agent| agent.target().is_some_and(|target| target.nominated);
        self.concerned().all(is_nominated)
    }
}

const LINGER_MS: u64 = 5000;
