//! Relayed addresses of a stream's ports, as far as the stream has to know of them.

use std::net::SocketAddr;

use protocol::{RelayOutcome, RelayPlan};
use turn::{Failure, State};

use crate::{io::SocketId, stream::Local};

#[derive(Debug)]
pub struct LocalRelay {
    /// With the addresses there are.
    pub plan: RelayPlan,
    /// The plan still names it; otherwise it only tells what came of it.
    is_wanted: bool,
    /// Why there is none for RTP.
    pub failure: Option<Failure>,
}

impl LocalRelay {
    pub fn new(plan: RelayPlan) -> Self {
        LocalRelay { plan, is_wanted: true, failure: None }
    }

    /// Takes in what has become of both ports; `None` while one of them still waits.
    pub fn settle(&mut self, rtp: State, rtcp: Option<State>) -> Option<RelayOutcome> {
        if rtp == State::Asking || rtcp == Some(State::Asking) {
            return None;
        }
        let had = self.plan.rtp.is_some();
        self.plan.rtcp = match (rtp, rtcp) {
            (State::Granted(_), Some(State::Granted(address))) => Some(address),
            _ => None,
        };
        match rtp {
            State::Granted(rtp) => {
                (self.plan.rtp, self.failure) = (Some(rtp), None);
                Some(RelayOutcome::Granted { rtp, rtcp: self.plan.rtcp })
            }
            State::Failed(failure) => {
                (self.plan.rtp, self.failure) = (None, Some(failure));
                let reason = failure.to_string();
                Some(if had { RelayOutcome::Lost { reason } } else { RelayOutcome::Failed { reason } })
            }
            State::Asking => None,
        }
    }
}

impl Local {
    /// Follows what a plan says of relayed addresses. What is known of them here is newer.
    pub fn follow_relay(&mut self, plan: Option<&RelayPlan>) {
        match (plan, &mut self.relay) {
            (Some(plan), Some(relay)) => {
                relay.plan.separate_rtcp = plan.separate_rtcp;
                relay.is_wanted = true;
            }
            (Some(plan), None) => self.relay = Some(Box::new(LocalRelay::new(*plan))),
            (None, Some(relay)) if relay.failure.is_some() => relay.is_wanted = false,
            (None, _) => self.relay = None,
        }
    }

    /// What its plan says of relayed addresses, with those there are.
    pub fn relay_plan(&self) -> Option<RelayPlan> {
        self.relay.as_ref().filter(|relay| relay.is_wanted).map(|relay| relay.plan)
    }

    pub fn relayed_addresses(&self) -> impl Iterator<Item = SocketAddr> + use<> {
        self.relay_plan().into_iter().flat_map(|plan| [plan.rtp, plan.rtcp]).flatten()
    }

    /// The sockets that want a relayed address, with the one they have.
    pub fn wanted_relays(&self) -> impl Iterator<Item = (SocketId, Option<SocketAddr>)> + use<> {
        let (rtp, rtcp) = (self.rtp, self.rtcp);
        self.relay_plan().into_iter().flat_map(move |plan| {
            let rtcp = rtcp.filter(|_| plan.separate_rtcp).map(|socket| (socket, plan.rtcp));
            [Some((rtp, plan.rtp)), rtcp].into_iter().flatten()
        })
    }
}
