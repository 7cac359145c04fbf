//! One session: makes its streams and routes look like a plan.
//!
//! What a new plan resets: nothing but what it names differently. Statistics live as long as their stream,
//! learned addresses until [`crate::latch`] says otherwise, sockets as long as their local is named.

use std::{net::SocketAddr, sync::Arc};

use protocol::{
    BoundLocal, Component, EventAction, LocalId, MediaAction, RoutePlan, RtcpMode, SecurityPlan, SessionId,
    SessionPlan, SessionSnapshot, StreamId, StreamKind, StreamPlan, TimeoutPlan,
};

use crate::{
    bundle::{Bundled, Group},
    io::{Applied, BoundSockets, SocketId},
    latch::{Candidate, Verdict},
    masking::Masking,
    moment::Moment,
    payloads::Pool,
    secure::Passed,
    stream::{Local, Stream, Target, Targets},
    tap::Tap,
};

#[derive(Debug)]
pub struct Session {
    pub id: Arc<str>,
    pub revision: u64,
    pub streams: Vec<Stream>,
    pub timeouts: TimeoutPlan,
    /// Nothing is due before.
    pub next_check: Moment,
    /// When its DTLS handshakes want to be driven.
    pub handshake_due: Option<Moment>,
    /// When a report of our own to one of its peers is due.
    pub report_due: Option<Moment>,
    /// When its ICE agents want to be driven.
    pub checks_due: Option<Moment>,
    pub timeout_reported_at: Option<Moment>,
    pub taps: Box<[Tap]>,
    /// When the kernel was last asked for its copies because of a packet.
    pub caught_up_at: Option<Moment>,
    memo: Box<str>,
    routes: Box<[RoutePlan]>,
    tos: u8,
    report_telephone_events: bool,
}

impl Session {
    pub fn new(now: Moment, id: Arc<str>, timeouts: TimeoutPlan) -> Self {
        Session {
            id,
            revision: 0,
            streams: Vec::new(),
            timeouts,
            next_check: now,
            handshake_due: None,
            report_due: None,
            checks_due: None,
            timeout_reported_at: None,
            taps: Box::default(),
            caught_up_at: None,
            memo: Box::default(),
            routes: Box::default(),
            tos: 0,
            report_telephone_events: false,
        }
    }

    /// Follows a plan that was checked, with the sockets of the locals that are new in it.
    pub fn follow(
        &mut self,
        now: Moment,
        plan: SessionPlan,
        new: &[BoundSockets],
        pool: &mut Pool,
    ) -> Applied {
        let tos_changed = plan.tos != self.tos;
        if plan.revision > self.revision {
            self.timeout_reported_at = None;
        }
        self.tos = plan.tos;
        self.revision = plan.revision;
        self.memo = plan.memo.into_boxed_str();
        self.timeouts = plan.timeouts;
        self.report_telephone_events = plan.report_telephone_events;
        self.next_check = now;

        let mut before = std::mem::take(&mut self.streams);
        let mut locals: Vec<Local> =
            before.iter_mut().flat_map(|stream| std::mem::take(&mut stream.locals)).collect();
        let mut streams: Vec<Stream> = Vec::with_capacity(plan.streams.len());
        for stream in &plan.streams {
            let known = before.iter().position(|known| known.id == stream.id);
            let table = pool.table(&stream.payloads);
            let mut next = match known {
                Some(at) => before.swap_remove(at),
                None => Stream::new(now, stream, table.clone()),
            };
            next.payloads = table;
            next.set_locals(take_locals(stream, &mut locals, new, pool));
            streams.push(next);
        }
        self.streams = streams;
        self.bundle(now, &plan.streams);
        let own = self.own_addresses();
        for (at, plan) in plan.streams.iter().enumerate() {
            let passed = self.passed(at, plan);
            self.streams[at].follow(now, plan, &own, passed);
            if let Some(reporting) = &mut self.streams[at].reporting {
                reporting.name_after(&self.id);
            }
        }
        let before = std::mem::replace(&mut self.routes, plan.routes.into_boxed_slice());
        self.compile_routes();
        self.mask_keys(now, &before);
        Applied {
            bound: self.bound(),
            released: locals.iter().flat_map(Local::sockets).collect(),
            farewells: Vec::new(),
            tos_changed,
        }
    }

    /// Makes the bundles of a checked plan.
    fn bundle(&mut self, now: Moment, plans: &[StreamPlan]) {
        let mut groups: Vec<(StreamId, Group)> = Vec::new();
        for (at, plan) in plans.iter().enumerate() {
            let before = self.streams[at].bundle.take().and_then(|bundled| bundled.group);
            groups.extend(before.map(|group| (plan.id, group)));
            self.streams[at].bundle = plan.bundle.as_deref().and_then(|bundle| {
                let transport = plans.iter().position(|other| other.id == bundle.transport)?;
                Some(Box::new(Bundled { plan: bundle.clone(), transport, group: None }))
            });
        }
        for (at, plan) in plans.iter().enumerate() {
            if self.streams[at].bundle.as_ref().is_none_or(|bundled| bundled.transport != at) {
                continue;
            }
            let before = groups.iter().position(|(id, _)| *id == plan.id);
            let before = before.map(|place| groups.swap_remove(place).1);
            let is_new = before.is_none();
            let mut group = Group::of(&self.streams, plan.id, before);
            if let Some(snapshot) = plan.snapshot.as_ref().filter(|_| is_new) {
                group.resume(now, &snapshot.bundled);
            }
            if let Some(bundled) = &mut self.streams[at].bundle {
                bundled.group = Some(group);
            }
        }
    }

    /// Place of the stream whose ports and keys this one uses: its own, unless it is bundled.
    #[inline]
    pub fn carrier(&self, at: usize) -> usize {
        self.streams[at].bundle.as_ref().map_or(at, |bundled| bundled.transport)
    }

    /// The way of RTCP to the peer of a stream; `None` if there is none, or none yet.
    pub fn rtcp_way(&self, at: usize) -> Option<(Component, SocketId, SocketAddr)> {
        let (sink, transport) = (&self.streams[at], &self.streams[self.carrier(at)]);
        let port = match (sink.kind, sink.rtcp_mode) {
            (StreamKind::Opaque, _) | (_, RtcpMode::None) => return None,
            (StreamKind::Rtp, RtcpMode::Separate) => Component::Rtcp,
            (StreamKind::Rtp, RtcpMode::Muxed) => Component::Rtp,
        };
        if sink.learning.wait && transport.half(port).latch.source().is_none() {
            return None;
        }
        let (socket, to) = transport.leaves(port)?;
        Some((port, socket, to))
    }

    /// Judges the source of a packet on this port of a stream, and learns from it.
    #[inline]
    pub fn admit(
        &mut self,
        at: usize,
        port: Component,
        from: SocketAddr,
        now: Moment,
        plausible: bool,
    ) -> Verdict {
        if self.streams[at].ice.is_some() {
            return self.streams[at].admit_validated(port, from);
        }
        if !self.may_be_peer(at, port, from) {
            return Verdict::Foreign;
        }
        if plausible && self.streams[at].is_pending_at(from, port) {
            let own = self.own_addresses();
            self.streams[at].move_to_pending(now, &own);
        }
        let stream = &mut self.streams[at];
        let rules = stream.learning;
        if stream.is_astray(port, from) {
            return if rules.strict { Verdict::Foreign } else { Verdict::Tolerated };
        }
        let candidate = Candidate { from, plausible, known_host: stream.known_host(port) };
        let latch = &mut stream.half_mut(port).latch;
        let was_found = latch.is_confirmed();
        let verdict = latch.admit(now, candidate, &rules);
        if !was_found && latch.is_confirmed() {
            stream.forget_astray();
        }
        verdict
    }

    /// What `admit` is going to say, but for `Learned`; learns nothing.
    pub fn foresee(
        &mut self,
        at: usize,
        port: Component,
        from: SocketAddr,
        now: Moment,
        plausible: bool,
    ) -> Verdict {
        if self.streams[at].ice.is_some() {
            return self.streams[at].admit_validated(port, from);
        }
        if !self.may_be_peer(at, port, from) {
            return Verdict::Foreign;
        }
        let stream = &mut self.streams[at];
        if plausible && stream.is_pending_at(from, port) {
            return Verdict::Accepted;
        }
        let rules = stream.learning;
        if stream.is_astray(port, from) && rules.strict {
            return Verdict::Foreign;
        }
        let candidate = Candidate { from, plausible, known_host: stream.known_host(port) };
        stream.half_mut(port).latch.foresee(now, candidate, &rules)
    }

    #[inline]
    fn may_be_peer(&mut self, at: usize, port: Component, from: SocketAddr) -> bool {
        let known_source = self.streams[at].half_mut(port).latch.source() == Some(from);
        known_source || (self.streams[at].may_be_at(from) && !self.is_own(from))
    }

    /// What it takes to continue the protection and the ICE of its streams; `None` if none of them has any.
    pub fn snapshot(&self) -> Option<SessionSnapshot> {
        let streams: Vec<_> = self.streams.iter().filter_map(Stream::snapshot).collect();
        (!streams.is_empty()).then(|| SessionSnapshot { session: self.session_id(), streams })
    }

    pub fn is_protected(&self) -> bool {
        self.streams.iter().any(|stream| stream.secure.is_some() || stream.ice.is_some())
    }

    pub fn speaks_ice(&self) -> bool {
        self.streams.iter().any(|stream| stream.ice.is_some())
    }

    pub fn speaks_dtls(&self) -> bool {
        let speaks = |stream: &Stream| stream.secure.as_ref().is_some_and(|secure| secure.dtls.is_some());
        self.streams.iter().any(speaks)
    }

    pub fn local(&self, id: LocalId) -> Option<&Local> {
        self.locals().find(|local| local.id == id)
    }

    pub fn sockets(&self) -> impl Iterator<Item = SocketId> {
        self.locals().flat_map(Local::sockets)
    }

    /// True if this is an address of one of the session's own ports.
    pub fn is_own(&self, address: SocketAddr) -> bool {
        self.locals().any(|local| local.is_at(address))
    }

    pub fn own_addresses(&self) -> Vec<SocketAddr> {
        let ports = |local: &Local| [Some(local.port), local.rtcp.map(|_| local.port.wrapping_add(1))];
        let addresses = |local: &Local| {
            let address = local.address;
            let bound = ports(local).into_iter().flatten().map(move |port| SocketAddr::new(address, port));
            bound.chain(local.relayed_addresses())
        };
        self.locals().flat_map(addresses).collect()
    }

    pub fn tos(&self) -> u8 {
        self.tos
    }

    pub fn session_id(&self) -> SessionId {
        SessionId(self.id.to_string())
    }

    /// The plan as it was applied, with the ports filled in and what has been learned as `resume`.
    pub fn plan(&self) -> SessionPlan {
        SessionPlan {
            session: self.session_id(),
            revision: self.revision,
            memo: self.memo.to_string(),
            tos: self.tos,
            timeouts: self.timeouts,
            report_telephone_events: self.report_telephone_events,
            streams: self.streams.iter().map(Stream::plan).collect(),
            routes: self.routes.to_vec(),
            taps: self.tap_plans(),
        }
    }

    /// How far sources are that passed through a stream as they were, if the plan has them unprotected from now on.
    fn passed(&self, at: usize, plan: &StreamPlan) -> Passed {
        let stream = &self.streams[at];
        if stream.secure.is_some() || !matches!(plan.security, SecurityPlan::Sdes { .. }) {
            return Passed::default();
        }
        let carried = || {
            let members = self.streams.iter().enumerate();
            members.filter(|(other, _)| self.carrier(*other) == at).map(|(_, stream)| stream)
        };
        let from_peer = carried().flat_map(|stream| stream.ingress.iter());
        let origin = |id| self.streams.iter().find(|stream| stream.id == id);
        let to_peer = carried().flat_map(|stream| stream.egress.iter()).filter_map(|sent| {
            let source = origin(sent.origin)?.ingress.find(sent.ssrc)?;
            Some((sent.ssrc, source.index()))
        });
        Passed {
            from_peer: from_peer.map(|source| (source.ssrc, source.index())).collect(),
            to_peer: to_peer.collect(),
        }
    }

    fn locals(&self) -> impl Iterator<Item = &Local> {
        self.streams.iter().flat_map(|stream| &stream.locals)
    }

    fn bound(&self) -> Vec<BoundLocal> {
        self.locals().map(|local| BoundLocal { local: local.id, port: local.port }).collect()
    }

    fn compile_routes(&mut self) {
        for at in 0..self.streams.len() {
            let from = self.streams[at].id;
            let targets = self.routes.iter().filter(|route| route.from == from).filter_map(|route| {
                let to = self.streams.iter().position(|stream| stream.id == route.to)?;
                let to = u16::try_from(to).ok()?;
                Some(Target { to, media: route.media, telephone_events: passes(&route.telephone_events) })
            });
            self.streams[at].targets = Targets::new(targets);
        }
    }

    fn mask_keys(&mut self, now: Moment, before: &[RoutePlan]) {
        for stream in &mut self.streams {
            let ways = |routes: &[RoutePlan]| {
                let own = routes.iter().filter(|route| route.from == stream.id);
                own.map(|route| (route.to, route.telephone_events.clone())).collect()
            };
            let pressed = stream.keypad.as_ref().and_then(|keypad| keypad.pressed(now));
            let ways = (ways(before), ways(&self.routes));
            stream.masking = Masking::follow(stream.masking.take(), ways, pressed, &stream.payloads);
            stream.watch_keys(self.report_telephone_events);
        }
    }
}

fn passes(action: &EventAction) -> MediaAction {
    if *action == EventAction::Forward { MediaAction::Forward } else { MediaAction::Drop }
}

fn take_locals(
    stream: &StreamPlan,
    known: &mut Vec<Local>,
    new: &[BoundSockets],
    pool: &mut Pool,
) -> Box<[Local]> {
    let mut locals = Vec::with_capacity(stream.locals.len());
    for plan in &stream.locals {
        if let Some(at) = known.iter().position(|local| local.id == plan.id) {
            let mut local = known.swap_remove(at);
            local.follow_relay(plan.relay.as_deref());
            locals.push(local);
        } else if let Some(sockets) = new.iter().find(|sockets| sockets.local == plan.id) {
            locals.push(Local::new(plan, sockets, pool));
        }
    }
    locals.into_boxed_slice()
}
