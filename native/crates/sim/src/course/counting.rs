//! Every packet is counted once, where it belongs.

use std::collections::BTreeMap;

use protocol::{ComponentStats, NodeCounters, SessionPlan, SessionStats, StreamId};
use wire::Kind;

use crate::{Network, Traffic, Way};

/// What an engine should have counted.
#[derive(Debug, Default)]
pub struct Counting {
    arrived: u64,
    sent: u64,
    /// By the stream whose port it came to: packets, and how many more times those of a bundle may count.
    streams: BTreeMap<StreamId, (u64, u64)>,
}

impl Counting {
    pub fn add(&mut self, net: &Network, plan: &SessionPlan, traffic: &[Traffic]) {
        for datagram in traffic {
            let Traffic { way, to, payload, .. } = datagram;
            if *way == Way::Out {
                self.sent += 1;
                continue;
            }
            self.arrived += 1;
            for stream in plan.streams.iter().filter(|stream| !stream.locals.is_empty()) {
                let port = net.local(&plan.session, stream.id.0).port();
                if to.port() / 2 != port / 2 {
                    continue;
                }
                let (packets, again) = self.streams.entry(stream.id).or_default();
                *packets += 1;
                // Each stream that a compound says something of counts it.
                *again += u64::from(stream.bundle.is_some() && wire::classify(payload) == Kind::Rtcp);
            }
        }
    }

    pub fn check(&self, stats: &SessionStats, node: &NodeCounters) {
        assert_eq!((node.received_packets, node.sent_packets), (self.arrived, self.sent), "of the process");
        let mut dropped = 0;
        for (id, (arrived, again)) in &self.streams {
            let members = stats
                .streams
                .iter()
                .filter(|stream| stream.stream == *id || (id.0 == 1 && stream.stream.0 == 2));
            let counted: u64 = members.clone().flat_map(|stream| [&stream.rtp, &stream.rtcp]).map(all).sum();
            dropped += members.flat_map(|stream| [&stream.rtp, &stream.rtcp]).map(lost).sum::<u64>();
            let counts = *arrived..=arrived + again;
            assert!(counts.contains(&counted), "stream {}: {counted} counted, {counts:?} arrived", id.0);
        }
        let again: u64 = self.streams.values().map(|(_, again)| again).sum();
        assert!(
            node.dropped_packets <= dropped && dropped <= node.dropped_packets + again,
            "{dropped} dropped, {} by the process",
            node.dropped_packets
        );
    }
}

fn all(stats: &ComponentStats) -> u64 {
    stats.received_packets + stats.handshake_packets + stats.checks + lost(stats)
}

fn lost(stats: &ComponentStats) -> u64 {
    let unwanted = stats.malformed + stats.foreign + stats.blocked + stats.unroutable + stats.unassigned;
    let refused = stats.authentication_failures + stats.replays + stats.unkeyed;
    unwanted + refused + stats.refused_checks + stats.refused_handshakes
}
