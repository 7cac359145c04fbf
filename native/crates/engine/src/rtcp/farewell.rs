//! The last report to a peer (RFC 3550 §6.3.7): whom we reported of or as, and is no more, says BYE.
//!
//! Where the counterpart's RTCP passes, its BYE does too, and nothing is said here. Nor is anything said to somebody who
//! was never heard: an address that was only signalled may be anybody's.

use protocol::{RtcpRules, SessionPlan, StreamId};
use wire::rtcp::write;

use super::{
    agenda::{self, Writing},
    report::{self, Place},
    reporting::Reporting,
};
use crate::{
    Engine,
    handshaking::Sent,
    io::{Farewell, Outbox, SocketId},
    moment::Moment,
    relays::Wrapping,
    session::Session,
    source::Source,
};

impl Engine {
    /// What to say before a session follows a plan; without one, before it ends.
    pub(crate) fn part(&mut self, now: Moment, key: usize, next: Option<&SessionPlan>) -> Vec<Farewell> {
        let mut farewells = Farewells(Vec::new());
        let mut out = Wrapping { relays: &mut self.relays, now, out: &mut farewells };
        let session = &mut self.sessions[key];
        let mut writing = Writing { scratch: &mut self.scratch, copies: &mut self.copies };
        for at in 0..session.streams.len() {
            let sent = part(Place { session, at, now }, next, &mut writing, &mut out);
            self.counters.sent_packets += sent.packets;
            self.counters.sent_bytes += sent.bytes;
        }
        farewells.0
    }
}

/// Says goodbye to the peer of one stream, if there is reason to.
fn part(
    place: Place<'_>,
    next: Option<&SessionPlan>,
    writing: &mut Writing<'_>,
    out: &mut impl Outbox,
) -> Sent {
    let Place { session, at, now } = place;
    let Some(mut reporting) = session.streams[at].reporting.take() else { return Sent::default() };
    let mut sent = Sent::default();
    let parting = Parting::of(&reporting, session, at, next);
    if reporting.is_wanted(now) && is_known(session, at) && parting.is_due(&reporting) {
        writing.scratch.clear();
        report::write(&mut reporting, Place { session, at, now }, writing.scratch);
        let own = (parting.own && reporting.spoke_as_own).then_some(reporting.own_ssrc);
        let gone: Vec<u32> = parting.sources.iter().copied().chain(own).collect();
        write::bye(writing.scratch, &gone);
        if let Some(size) = agenda::send(Place { session, at, now }, writing, out) {
            sent = Sent { packets: 1, bytes: size as u64, dropped: 0 };
        }
    }
    for ssrc in parting.sources {
        reporting.leaving(ssrc).left = Some(now);
    }
    session.streams[at].reporting = Some(reporting);
    sent
}

/// Who leaves.
struct Parting {
    /// Sources of others, of which we reported.
    sources: Vec<u32>,
    /// And who we were where none of these spoke.
    own: bool,
}

impl Parting {
    fn of(reporting: &Reporting, session: &Session, at: usize, next: Option<&SessionPlan>) -> Parting {
        let stream = &session.streams[at];
        let planned = next.and_then(|plan| plan.streams.iter().find(|planned| planned.id == stream.id));
        let is_routed = |origin: StreamId| {
            let mut routes = next.iter().flat_map(|plan| &plan.routes);
            planned.is_some() && routes.any(|route| route.from == origin && route.to == stream.id)
        };
        let sources = stream
            .egress
            .iter()
            .filter(|source| !is_routed(source.origin) && !reporting.has_left(source.ssrc, source.last()));
        Parting {
            sources: sources.map(|source| source.ssrc).collect(),
            own: !planned.is_some_and(|planned| has_reports(planned.rtcp_rules.as_ref())),
        }
    }

    /// RFC 3550 §6.3.7: who has never sent anything has nothing to leave.
    fn is_due(&self, reporting: &Reporting) -> bool {
        let has_spoken = reporting.has_reported || reporting.replaces_reports();
        (has_spoken && !self.sources.is_empty()) || (self.own && reporting.spoke_as_own)
    }
}

fn has_reports(rules: Option<&RtcpRules>) -> bool {
    rules.and_then(|rules| rules.reports).is_some_and(|reports| reports.bandwidth_bps > 0)
}

/// True if the peer was heard on the host where its RTCP would go.
fn is_known(session: &Session, at: usize) -> bool {
    let Some((_, _, to)) = session.rtcp_way(at) else { return false };
    let transport = &session.streams[session.carrier(at)];
    let heard = [&transport.rtp, &transport.rtcp].into_iter().filter_map(|half| half.latch.source());
    heard.into_iter().any(|source| source.ip() == to.ip())
}

struct Farewells(Vec<Farewell>);

impl Outbox for Farewells {
    fn forward(&mut self, _: SocketId, _: std::net::SocketAddr, _: usize) {
        unreachable!("no packet is being handled");
    }

    fn send(&mut self, socket: SocketId, to: std::net::SocketAddr, payload: &[u8]) {
        self.0.push(Farewell { socket, to, payload: payload.to_vec() });
    }
}
