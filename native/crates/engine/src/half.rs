//! One half of a stream, RTP or RTCP: its latch and its counters.

use std::net::SocketAddr;

use protocol::{ComponentStats, RemoteState};

use crate::{latch::Latch, moment::Moment};

#[derive(Debug)]
#[repr(C)]
pub struct Half {
    pub counters: Counters,
    pub last_packet: Option<Moment>,
    pub latch: Latch,
    pub learned_event_at: Option<Moment>,
    /// A learned address waits to be reported.
    pub learned_event_due: bool,
    foreign: Option<Box<Foreign>>,
    refused: Option<Box<Foreign>>,
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

/// Packets that came to nothing on a protected or bundled stream, or to something else than media.
#[derive(Debug, Clone, Copy, Default)]
pub struct Failures {
    pub unassigned: u64,
    pub not_authentic: u64,
    pub replays: u64,
    pub unkeyed: u64,
    pub handshake_packets: u64,
    pub checks: u64,
}

/// Packets from somebody else.
#[derive(Debug)]
struct Foreign {
    packets: u64,
    last: SocketAddr,
    reported_at: Moment,
    unreported: u64,
}

impl Half {
    pub fn new(now: Moment) -> Self {
        Half {
            counters: Counters::default(),
            last_packet: None,
            latch: Latch::new(now),
            learned_event_at: None,
            learned_event_due: false,
            foreign: None,
            refused: None,
            failures: None,
        }
    }

    pub fn failures(&mut self) -> &mut Failures {
        self.failures.get_or_insert_default()
    }

    /// Counts a foreign packet; returns how many to report, if it is time to.
    pub fn count_foreign(&mut self, now: Moment, from: SocketAddr) -> Option<u64> {
        count(&mut self.foreign, now, from)
    }

    /// The same of STUN that is not authentic.
    pub fn count_refused(&mut self, now: Moment, from: SocketAddr) -> Option<u64> {
        count(&mut self.refused, now, from)
    }

    pub fn stats(&self, now: Moment, remote: Option<SocketAddr>, state: RemoteState) -> ComponentStats {
        let failures = self.failures.as_deref().copied().unwrap_or_default();
        let foreign = self.foreign.as_deref();
        ComponentStats {
            received_packets: self.counters.received_packets,
            received_bytes: self.counters.received_bytes,
            sent_packets: self.counters.sent_packets,
            sent_bytes: self.counters.sent_bytes,
            malformed: self.counters.malformed,
            foreign: foreign.map_or(0, |foreign| foreign.packets),
            last_foreign: foreign.map(|foreign| foreign.last),
            blocked: self.counters.blocked,
            unroutable: self.counters.unroutable,
            unassigned: failures.unassigned,
            authentication_failures: failures.not_authentic,
            replays: failures.replays,
            unkeyed: failures.unkeyed,
            handshake_packets: failures.handshake_packets,
            checks: failures.checks,
            refused_checks: self.refused.as_deref().map_or(0, |refused| refused.packets),
            unknown_payload_type: self.counters.unknown_payload_type,
            remote,
            remote_state: state,
            last_packet_ms_ago: self.last_packet.map(|at| now.ms_since(at)),
        }
    }
}

/// Counts a packet of somebody else; returns how many to report, if it is time to.
fn count(others: &mut Option<Box<Foreign>>, now: Moment, from: SocketAddr) -> Option<u64> {
    let Some(foreign) = others else {
        *others = Some(Box::new(Foreign { packets: 1, last: from, reported_at: now, unreported: 0 }));
        return Some(1);
    };
    foreign.packets += 1;
    foreign.unreported += 1;
    foreign.last = from;
    if now.ms_since(foreign.reported_at) < FOREIGN_EVENT_MS {
        return None;
    }
    foreign.reported_at = now;
    Some(std::mem::take(&mut foreign.unreported))
}

/// At most one event in this time.
const FOREIGN_EVENT_MS: u64 = 10_000;
