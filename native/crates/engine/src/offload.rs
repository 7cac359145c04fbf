//! Streams whose packets the kernel relays: which may be, since when, and what has come through.
//!
//! A rule is a cache of what the engine would do with the packets of a confirmed source. Every decision stays here:
//! packets of anybody else come up and are judged as ever, and whatever makes a rule untrue withdraws it at once,
//! before the call that brought it about returns. Counters of the kernel are taken over when somebody asks for them
//! or a decision depends on them, see [`tally`].

mod changes;
mod desk;
mod eligible;
mod review;
mod tally;

use std::{fmt, net::SocketAddr, sync::Arc, time::Instant};

use protocol::{StreamPath, UserspaceReason};

use crate::{io::SocketId, moment::Moment, payloads::PayloadTable};
pub use changes::PathChange;
pub(crate) use review::rules;
pub use tally::{Relayed, Tally};

pub use crate::measurement::{Measurement, Sample};

/// RTP of one source (RFC 3550 §3) that is relayed as it is. Everything else is to come up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelayRule {
    /// Where packets arrive, and from whom.
    pub local: SocketAddr,
    pub source: SocketAddr,
    pub ssrc: u32,
    /// Where they leave from, and to whom.
    pub from: SocketAddr,
    pub to: SocketAddr,
    pub tos: u8,
    payloads: Arc<PayloadTable>,
    /// Telephone events may pass.
    events: bool,
    /// Somebody wants copies of the packets.
    pub copied: bool,
}

/// A payload type that may pass, and what it tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelayPayload {
    pub payload_type: u8,
    /// 0: not known.
    pub clock_rate: u32,
    /// Says which codec is in use, and its timestamps tell of jitter.
    pub times: bool,
}

impl RelayRule {
    /// Packets with any other payload type are to come up.
    pub fn payloads(&self) -> Vec<RelayPayload> {
        self.payloads.relayed(self.events)
    }

    /// The same packets to the same receiver, copied or not.
    pub fn relays_like(&self, other: &RelayRule) -> bool {
        *self == RelayRule { copied: self.copied, ..other.clone() }
    }

    /// The same, whichever source (SSRC) they are of.
    fn is_like(&self, other: &RelayRule) -> bool {
        self.relays_like(&RelayRule { ssrc: self.ssrc, ..other.clone() })
    }
}

/// Names a rule in the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RuleHandle(pub u32);

/// What a rule begins with.
#[derive(Debug, Clone, Copy)]
pub struct Beginning {
    pub measurement: Measurement,
    /// Moment zero of the clock that jitter is measured by, see [`Measurement::take_in`].
    pub epoch: Instant,
}

/// What has come through a rule since it was installed.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct RuleCounts {
    pub packets: u64,
    /// UDP payload bytes.
    pub bytes: u64,
    pub last_packet: Option<Instant>,
    /// Of the last packet.
    pub last_sequence: u16,
    pub last_timestamp: u32,
    /// Begun with what was handed over.
    pub measurement: Measurement,
    /// Copies that were wanted and are not to be had.
    pub copies_lost: u64,
}

/// A copy of a packet that came through a rule, as it arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelayedCopy<'a> {
    pub at: Instant,
    pub payload: &'a [u8],
}

/// Why a rule was not installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The device of the rule has no fast path.
    NoFastPath,
    /// The receiver cannot be reached from inside the kernel.
    Unroutable,
    TableFull,
    Failed,
}

/// The kernel's relay, as far as the engine has to know of it.
pub trait FastPath: fmt::Debug + Send {
    /// Relays by this rule from now on. One that a process before us left goes on without a gap if it relays like this.
    fn install(&mut self, rule: &RelayRule, beginning: &Beginning) -> Result<RuleHandle, Refusal>;
    /// Ends it; tells what has come through, and shows the rest of its copies.
    fn withdraw(&mut self, rule: RuleHandle, rest: &mut dyn FnMut(RelayedCopy<'_>)) -> RuleCounts;
    /// Has what comes through copied or not from now on.
    fn copy(&mut self, rule: RuleHandle, copied: bool);
    /// Brings in what was copied until now.
    fn gather(&mut self);
    /// Shows copies that were brought in, once and in order.
    fn copies(&mut self, rule: RuleHandle, show: &mut dyn FnMut(RelayedCopy<'_>));
    fn counts(&mut self, rule: RuleHandle) -> RuleCounts;
    /// Rules that have stopped to work, since nobody can be reached by them from inside the kernel any more.
    fn broken(&mut self) -> Vec<RuleHandle>;
    /// Whom a process before us has left rules for packets to this address for.
    fn left_behind(&self, local: SocketAddr) -> Vec<LeftBehind>;
    /// Ends those rules.
    fn clear(&mut self, local: SocketAddr);
}

/// A rule that a process before us left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeftBehind {
    pub source: SocketAddr,
    pub ssrc: u32,
}

/// Where a stream's packets go through.
#[derive(Debug)]
pub enum Path {
    /// To be looked at with the next packet.
    Open(UserspaceReason),
    /// Stays as it is until a plan or the time says otherwise.
    Settled {
        reason: UserspaceReason,
        until: Option<Moment>,
    },
    Kernel(Box<Offloaded>),
}

/// A rule that is in force.
#[derive(Debug)]
pub struct Offloaded {
    rule: RelayRule,
    handle: RuleHandle,
    tally: Tally,
    asked_at: Moment,
}

impl Path {
    pub const NEW: Path = Path::Open(UserspaceReason::Learning);

    pub fn describe(&self) -> StreamPath {
        match self {
            Path::Open(reason) | Path::Settled { reason, .. } => StreamPath::Userspace { reason: *reason },
            Path::Kernel(_) => StreamPath::FastPath,
        }
    }

    #[inline]
    fn is_due(&self, now: Moment) -> bool {
        match self {
            Path::Open(_) => true,
            Path::Settled { until, .. } => until.is_some_and(|until| now >= until),
            Path::Kernel(_) => false,
        }
    }
}

/// Streams by the way their packets take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PathCounts {
    pub offloaded: u32,
    pub userspace: [u32; REASONS.len()],
}

/// Every reason, in the order of [`PathCounts::userspace`].
pub const REASONS: [UserspaceReason; 14] = [
    UserspaceReason::NoFastPath,
    UserspaceReason::Opaque,
    UserspaceReason::Protected,
    UserspaceReason::Ice,
    UserspaceReason::Bundled,
    UserspaceReason::Unrouted,
    UserspaceReason::Forked,
    UserspaceReason::Silenced,
    UserspaceReason::Altered,
    UserspaceReason::Held,
    UserspaceReason::Learning,
    UserspaceReason::Unroutable,
    UserspaceReason::TableFull,
    UserspaceReason::InstallError,
];

impl PathCounts {
    pub fn add(&mut self, more: &PathCounts) {
        self.offloaded += more.offloaded;
        for (count, more) in self.userspace.iter_mut().zip(more.userspace) {
            *count += more;
        }
    }

    fn count(&mut self, path: &Path) {
        match path.describe() {
            StreamPath::FastPath => self.offloaded += 1,
            StreamPath::Userspace { reason } => self.userspace[reason as usize] += 1,
        }
    }
}

/// A stream that had a packet and may be ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Candidate {
    session: u32,
    stream: u16,
    socket: SocketId,
}

/// The fast path and who waits for it.
#[derive(Debug)]
pub struct Offloading {
    fast_path: Box<dyn FastPath>,
    candidates: Vec<Candidate>,
    /// When to look for copies; `None` while none are made.
    copies_due: Option<Moment>,
}
