//! What the kernel is told to relay, and what it reports of it.

use std::net::SocketAddr;

/// RTP of one source (SSRC) that is relayed without the engine. Everything else on the port goes up to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Where packets arrive.
    pub local: SocketAddr,
    /// The peer they come from.
    pub source: SocketAddr,
    /// The source they belong to. Another one goes up.
    pub ssrc: u32,
    /// What they leave from.
    pub from: SocketAddr,
    pub to: SocketAddr,
    /// DSCP and ECN of what leaves.
    pub tos: u8,
    /// Payload types that may pass, at most [`MOST_PAYLOADS`]; the frequent ones first. Others go up.
    pub payloads: Vec<Payload>,
    pub rewrite: Rewrite,
    /// CLOCK_MONOTONIC at the moment zero of jitter measurement (`Progress::transit` refers to it).
    pub epoch_ns: u64,
    /// Its packets are copied, and the copies bear this.
    pub copy: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Payload {
    pub arrives_as: u8,
    pub leaves_as: u8,
    /// 0 if it is not known: nothing is measured then.
    pub clock_rate: u32,
    /// False for telephone events, whose timestamps tell nothing of jitter.
    pub times: bool,
}

/// Changes to the RTP header. Offsets are added modulo their width.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rewrite {
    pub ssrc: Option<u32>,
    pub sequence_offset: u16,
    pub timestamp_offset: u32,
}

/// Names an installed rule until it is withdrawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RuleIndex(pub(crate) u32);

/// What a rule has relayed since it was installed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RuleStats {
    pub packets: u64,
    /// UDP payload.
    pub bytes: u64,
    /// CLOCK_MONOTONIC.
    pub last_seen_ns: Option<u64>,
    /// Of the last packet, as it arrived.
    pub last_sequence: u16,
    pub last_timestamp: u32,
    /// Packets counted above that are missing in `progress`: two cores handled the stream at once.
    pub unmeasured: u64,
    /// Copies for which there was no room.
    pub copies_lost: u64,
    pub progress: Progress,
}

/// The measurement of a source (RFC 3550 A.1, A.3, A.8), continued where the engine left it and the other way round.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Of the last packet that times.
    pub payload_type: u8,
    pub clock_rate: u32,
    pub cycles: u32,
    pub base: u16,
    pub highest: u16,
    /// Which of the 64 sequence numbers up to `highest` have been seen.
    pub seen: u64,
    /// Packets since `base`. 0: none yet, the first one sets `base`.
    pub received: u32,
    pub duplicates: u32,
    pub reordered: u32,
    /// Times 16, in clock units.
    pub jitter: u32,
    pub transit: Option<u32>,
    /// The next packet begins a new measurement: the sequence made a jump.
    pub jumped_to: Option<u16>,
    pub expected_before: u64,
    pub received_before: u64,
}

pub const MOST_PAYLOADS: usize = 16;
