//! One half of a stream, RTP or RTCP: its latch and its counters.

use std::net::SocketAddr;

use protocol::{ComponentStats, RemoteState, SuspectCause};

use crate::{latch::Latch, moment::Moment, repeats::Repeats, suspects::Suspects};

#[derive(Debug)]
#[repr(C)]
pub struct Half {
    pub counters: Counters,
    pub last_packet: Option<Moment>,
    pub latch: Latch,
    pub repeats: Repeats,
    pub learned_event_at: Option<Moment>,
    /// A learned address waits to be reported.
    pub learned_event_due: bool,
    suspects: Option<Box<Suspects>>,
    failures: Option<Box<Failures>>,
}

#[derive(Debug, Default)]
#[repr(C)]
pub struct Counters {
    pub malformed: u64,
    pub blocked: u64,
    pub unroutable: u64,
    pub unknown_payload_type: u64,
    pub received_packets: u64,
    pub received_bytes: u64,
    pub sent_packets: u64,
    pub sent_bytes: u64,
}

/// Packets that came to nothing on a bundled stream, or to something else than media.
#[derive(Debug, Clone, Copy, Default)]
pub struct Failures {
    pub unassigned: u64,
    pub handshake_packets: u64,
    pub checks: u64,
}

impl Half {
    pub fn new(now: Moment) -> Self {
        Half {
            counters: Counters::default(),
            last_packet: None,
            latch: Latch::new(now),
            repeats: Repeats::default(),
            learned_event_at: None,
            learned_event_due: false,
            suspects: None,
            failures: None,
        }
    }

    pub fn failures(&mut self) -> &mut Failures {
        self.failures.get_or_insert_default()
    }

    pub fn suspects(&mut self) -> &mut Suspects {
        self.suspects.get_or_insert_default()
    }

    /// Packets that were not, or not provably, the peer's, or of no negotiated payload type.
    pub fn errors(&self) -> u64 {
        let suspects = self
            .suspects
            .as_deref()
            .map_or(0, |suspects| ERRORS.iter().map(|cause| suspects.packets(*cause)).sum::<u64>());
        self.counters.malformed + self.counters.unknown_payload_type + suspects
    }

    pub fn stats(&self, now: Moment, remote: Option<SocketAddr>, state: RemoteState) -> ComponentStats {
        let failures = self.failures.as_deref().copied().unwrap_or_default();
        let suspects = self.suspects.as_deref();
        let suspect = |cause| suspects.map_or(0, |suspects| suspects.packets(cause));
        ComponentStats {
            received_packets: self.counters.received_packets,
            received_bytes: self.counters.received_bytes,
            sent_packets: self.counters.sent_packets,
            sent_bytes: self.counters.sent_bytes,
            malformed: self.counters.malformed,
            foreign: suspect(SuspectCause::Foreign),
            tolerated: suspect(SuspectCause::Tolerated),
            last_suspect: suspects.and_then(Suspects::last),
            blocked: self.counters.blocked,
            unroutable: self.counters.unroutable,
            unassigned: failures.unassigned,
            authentication_failures: suspect(SuspectCause::NotAuthentic),
            replays: suspect(SuspectCause::Replay),
            unkeyed: suspect(SuspectCause::Unkeyed),
            handshake_packets: failures.handshake_packets,
            checks: failures.checks,
            refused_checks: suspect(SuspectCause::Check),
            refused_handshakes: suspect(SuspectCause::Handshake),
            unknown_payload_type: self.counters.unknown_payload_type,
            remote,
            remote_state: state,
            last_packet_ms_ago: self.last_packet.map(|at| now.ms_since(at)),
        }
    }
}

const ERRORS: [SuspectCause; 4] =
    [SuspectCause::Foreign, SuspectCause::NotAuthentic, SuspectCause::Replay, SuspectCause::Unkeyed];
