//! One media stream of one leg: its ports, its peer, its statistics.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use protocol::{
    Component, LearningPlan, LocalId, LocalPlan, MediaAction, PortSpan, RemotePlan, RtcpMode, StreamId,
    StreamKind, StreamPlan,
};

use crate::{
    half::Half,
    io::{BoundSockets, SocketId},
    latch::Signal,
    moment::Moment,
    payloads::{PayloadTable, Pool},
    source::{Egress, Ingress, Sources},
};

#[derive(Debug)]
pub struct Stream {
    pub id: StreamId,
    pub kind: StreamKind,
    pub rtcp_mode: RtcpMode,
    /// The peer may send to us.
    pub receive: bool,
    pub learning: LearningPlan,
    pub locals: Box<[Local]>,
    pub targets: Box<[Target]>,
    pub payloads: Arc<PayloadTable>,
    pub rtp: Half,
    pub rtcp: Half,
    pub ingress: Sources<Ingress>,
    pub egress: Sources<Egress>,
    pub last_payload_in: Option<u8>,
    pub last_payload_out: Option<u8>,
    /// Round trip between here and the peer in microseconds.
    pub round_trip_us: Option<u32>,
    /// Signalling that counts as activity: creation, answer, hold and its end.
    pub active_since: Moment,
    pub no_first_packet_reported: bool,
    remote: Option<RemotePlan>,
    pending: Option<Box<RemotePlan>>,
    resume: Option<Box<RemotePlan>>,
    /// A packet came from the pending address, so that is where the peer is.
    moved: bool,
}

/// A pair of local ports with its sockets.
#[derive(Debug)]
pub struct Local {
    pub id: LocalId,
    pub interface: Arc<str>,
    pub address: IpAddr,
    pub port: u16,
    pub span: PortSpan,
    pub rtp: SocketId,
    pub rtcp: Option<SocketId>,
}

/// A route seen from its source: the index of the stream it leads to, and what happens on the way.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    pub to: usize,
    pub media: MediaAction,
    pub telephone_events: MediaAction,
}

impl Local {
    pub fn new(plan: &LocalPlan, sockets: &BoundSockets, pool: &mut Pool) -> Self {
        Local {
            id: plan.id,
            interface: pool.name(&plan.interface),
            address: plan.address,
            port: sockets.port,
            span: plan.span,
            rtp: sockets.rtp,
            rtcp: sockets.rtcp,
        }
    }

    pub fn sockets(&self) -> impl Iterator<Item = SocketId> + use<> {
        [Some(self.rtp), self.rtcp].into_iter().flatten()
    }

    /// True if this is the transport address of one of its ports.
    pub fn is_at(&self, address: SocketAddr) -> bool {
        let rtcp_port = self.rtcp.map(|_| self.port.wrapping_add(1));
        self.address == address.ip() && (self.port == address.port() || rtcp_port == Some(address.port()))
    }

    pub fn plan(&self) -> LocalPlan {
        LocalPlan {
            id: self.id,
            interface: self.interface.to_string(),
            address: self.address,
            port: Some(self.port),
            span: self.span,
        }
    }
}

impl Stream {
    /// A stream of this plan without locals and peer; `follow` brings them.
    pub fn new(now: Moment, plan: &StreamPlan, payloads: Arc<PayloadTable>) -> Self {
        Stream {
            id: plan.id,
            kind: plan.kind,
            rtcp_mode: plan.rtcp,
            receive: plan.receive,
            learning: plan.learning,
            locals: Box::default(),
            targets: Box::default(),
            payloads,
            rtp: Half::new(now),
            rtcp: Half::new(now),
            ingress: Sources::new(),
            egress: Sources::new(),
            last_payload_in: None,
            last_payload_out: None,
            round_trip_us: None,
            active_since: now,
            no_first_packet_reported: false,
            remote: None,
            pending: None,
            resume: None,
            moved: false,
        }
    }

    /// Follows a plan, the locals and routes excepted. Statistics and what was learned stay.
    pub fn follow(&mut self, now: Moment, plan: &StreamPlan, own: &[SocketAddr]) {
        let remote = plan.remote.map(canonical);
        let pending = plan.pending_remote.map(canonical);
        self.moved &= remote == self.remote && pending.as_ref() == self.pending.as_deref();
        let reopen = plan.learning.epoch != self.learning.epoch;
        let fresh = self.remote.is_none();
        if remote != self.remote || reopen || plan.receive != self.receive {
            self.active_since = now;
        }
        self.kind = plan.kind;
        self.rtcp_mode = plan.rtcp;
        self.receive = plan.receive;
        self.learning = plan.learning;
        self.remote = remote;
        self.pending = pending.map(Box::new);
        self.resume = plan.resume.map(|resume| Box::new(canonical(resume)));
        let place = if self.moved { pending } else { remote };
        self.signal(now, place, reopen, own);
        if fresh {
            self.resume_learned(now);
        }
    }

    /// The peer is at its pending address from now on.
    pub fn move_to_pending(&mut self, now: Moment, own: &[SocketAddr]) {
        self.moved = true;
        let pending = self.pending.as_deref().copied();
        self.signal(now, pending, true, own);
    }

    /// True if packets of this component are awaited from here, where the peer has offered to go.
    #[inline]
    pub fn is_pending_at(&self, from: SocketAddr, component: Component) -> bool {
        let Some(pending) = self.pending.as_deref().filter(|_| !self.moved) else {
            return false;
        };
        from == match component {
            Component::Rtp => pending.rtp,
            Component::Rtcp => rtcp_address(pending),
        }
    }

    #[inline]
    pub fn half_mut(&mut self, component: Component) -> &mut Half {
        match component {
            Component::Rtp => &mut self.rtp,
            Component::Rtcp => &mut self.rtcp,
        }
    }

    pub fn is_signalled(&self) -> bool {
        self.remote.is_some()
    }

    /// RTCP has its own socket and its own remote.
    pub fn has_rtcp_half(&self) -> bool {
        self.kind == StreamKind::Rtp && self.rtcp_mode == RtcpMode::Separate
    }

    /// The local packets to this address leave from.
    pub fn exit(&self, to: SocketAddr) -> Option<&Local> {
        self.locals.iter().find(|local| local.address.is_ipv4() == to.is_ipv4())
    }

    /// The last sign of life of the peer or of signalling.
    pub fn last_activity(&self) -> Moment {
        let packet = self.rtp.last_packet.max(self.rtcp.last_packet);
        packet.map_or(self.active_since, |packet| packet.max(self.active_since))
    }

    pub fn heard(&self) -> bool {
        self.rtp.last_packet.is_some() || self.rtcp.last_packet.is_some()
    }

    /// The stream as a plan; `resume` is what has been learned by now.
    pub fn plan(&self) -> StreamPlan {
        StreamPlan {
            id: self.id,
            locals: self.locals.iter().map(Local::plan).collect(),
            kind: self.kind,
            rtcp: self.rtcp_mode,
            remote: self.remote,
            pending_remote: self.pending.as_deref().copied(),
            resume: self.learned().or(self.resume.as_deref().copied()),
            learning: self.learning,
            receive: self.receive,
            payloads: self.payloads.plans(),
        }
    }

    fn learned(&self) -> Option<RemotePlan> {
        let differs = |half: &Half| half.latch.confirmed().filter(|at| half.latch.signalled() != Some(*at));
        let (rtp, rtcp) = (differs(&self.rtp), differs(&self.rtcp));
        if rtp.is_none() && rtcp.is_none() {
            return None;
        }
        let rtp = rtp.or(self.rtp.latch.signalled())?;
        let rtcp = if self.has_rtcp_half() { rtcp.or(self.rtcp.latch.signalled()) } else { None };
        Some(RemotePlan { rtp, rtcp })
    }

    fn signal(&mut self, now: Moment, place: Option<RemotePlan>, reopen: bool, own: &[SocketAddr]) {
        let signal = |address: Option<SocketAddr>| Signal {
            address,
            sendable: address.is_some_and(|address| is_usable(address) && !own.contains(&address)),
            reopen,
        };
        let rtcp = place.as_ref().map(rtcp_address).filter(|_| self.has_rtcp_half());
        self.rtp.latch.signal(now, signal(place.map(|place| place.rtp)), &self.learning);
        self.rtcp.latch.signal(now, signal(rtcp), &self.learning);
    }

    fn resume_learned(&mut self, now: Moment) {
        let Some(resume) = self.resume.as_deref().copied() else {
            return;
        };
        if is_usable(resume.rtp) {
            self.rtp.latch.resume(now, resume.rtp, &self.learning);
        }
        if let Some(rtcp) = resume.rtcp.filter(|rtcp| is_usable(*rtcp)) {
            self.rtcp.latch.resume(now, rtcp, &self.learning);
        }
    }
}

/// True if a peer can be at this address: nothing is ever sent to another one, nor learned from there.
pub fn is_usable(address: SocketAddr) -> bool {
    let ip = address.ip();
    let broadcast = ip == IpAddr::V4(std::net::Ipv4Addr::BROADCAST);
    address.port() != 0 && !ip.is_unspecified() && !ip.is_multicast() && !broadcast
}

/// RFC 3550 §11: RTCP is on the next port unless said otherwise.
fn rtcp_address(remote: &RemotePlan) -> SocketAddr {
    remote.rtcp.unwrap_or_else(|| {
        let port = if remote.rtp.port() == 0 { 0 } else { remote.rtp.port().wrapping_add(1) };
        SocketAddr::new(remote.rtp.ip(), port)
    })
}

fn canonical(remote: RemotePlan) -> RemotePlan {
    let canonical = |at: SocketAddr| match at.ip().to_canonical() {
        IpAddr::V4(ip) => SocketAddr::new(ip.into(), at.port()),
        IpAddr::V6(_) => at,
    };
    RemotePlan { rtp: canonical(remote.rtp), rtcp: remote.rtcp.map(canonical) }
}
