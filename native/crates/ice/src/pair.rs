//! A pair of addresses and the check under way on it.

use std::{net::SocketAddr, time::Duration};

use wire::stun::TransactionId;

use crate::{Role, candidate::pair_priority};

#[derive(Debug)]
pub struct Pair {
    pub place: Place,
    pub priority: u64,
    ours: u32,
    theirs: u32,
    pub phase: Phase,
    /// The controlling peer has asked for it before it was valid.
    pub wanted: bool,
    pub nominated: bool,
    /// When the peer last proved to be there.
    pub heard: Option<Duration>,
}

/// What a pair is known by: one of our bases and the peer's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub base: u32,
    pub remote: SocketAddr,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Phase {
    Waiting,
    InProgress(Check),
    /// Valid; a further check may be under way to nominate it.
    Valid(Option<Check>),
    Failed,
}

/// A request that waits for its response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Check {
    pub transaction: TransactionId,
    pub nominates: bool,
    pub role: Role,
    pub tries: u32,
    /// When it was sent last.
    pub sent: Duration,
    pub due: Duration,
    pub wait: Duration,
}

impl Pair {
    pub fn new(role: Role, place: Place, ours: u32, theirs: u32) -> Self {
        Pair {
            place,
            priority: pair_priority(role, ours, theirs),
            ours,
            theirs,
            phase: Phase::Waiting,
            wanted: false,
            nominated: false,
            heard: None,
        }
    }

    pub fn change_role(&mut self, role: Role) {
        self.priority = pair_priority(role, self.ours, self.theirs);
    }

    pub fn is_valid(&self) -> bool {
        matches!(self.phase, Phase::Valid(_))
    }

    /// It may still become valid without anybody's doing.
    pub fn is_pending(&self) -> bool {
        matches!(self.phase, Phase::Waiting | Phase::InProgress(_))
    }

    pub fn check(&self) -> Option<&Check> {
        match &self.phase {
            Phase::InProgress(check) | Phase::Valid(Some(check)) => Some(check),
            Phase::Waiting | Phase::Valid(None) | Phase::Failed => None,
        }
    }

    pub fn check_mut(&mut self) -> Option<&mut Check> {
        match &mut self.phase {
            Phase::InProgress(check) | Phase::Valid(Some(check)) => Some(check),
            Phase::Waiting | Phase::Valid(None) | Phase::Failed => None,
        }
    }

    /// The check under way has come to nothing. What was valid stays so: only consent ends that.
    pub fn give_up(&mut self) {
        self.phase = if self.is_valid() { Phase::Valid(None) } else { Phase::Failed };
    }
}
