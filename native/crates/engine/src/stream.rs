//! One media stream of one leg: its ports, its peer, its statistics.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use protocol::{
    Component, KeysSnapshot, LearningPlan, LocalId, LocalPlan, MediaAction, PortSpan, RemotePlan, RtcpMode,
    SecurityPlan, StreamId, StreamKind, StreamPath, StreamPlan, StreamSnapshot,
};

use crate::{
    bundle::{Bundled, Group},
    destination,
    half::Half,
    handshake::Reach,
    ice::StreamIce,
    io::{BoundSockets, SocketId},
    keypad::Keypad,
    keys::Change,
    latch::Signal,
    masking::Masking,
    moment::Moment,
    offload::{LeftBehind, Path},
    payloads::{PayloadTable, Pool},
    relayed::LocalRelay,
    rtcp::Reporting,
    secure::{Passed, Secured, Turn},
    source::{Egress, Ingress, Sources},
    tap::Tapped,
};

/// In the order of use by a packet: with thousands of calls its way through memory is what a packet costs.
#[derive(Debug)]
#[repr(C)]
pub struct Stream {
    pub targets: Targets,
    pub way_out: Option<WayOut>,
    /// `None`: packets are relayed as they are.
    pub secure: Option<Box<Secured>>,
    /// `None`: it has a transport of its own.
    pub bundle: Option<Box<Bundled>>,
    /// Who is the peer is for its agents to say.
    pub ice: Option<Box<StreamIce>>,
    pub id: StreamId,
    pub learning: LearningPlan,
    pub kind: StreamKind,
    pub rtcp_mode: RtcpMode,
    /// The peer may send to us.
    pub receive: bool,
    /// The peer only listens: what it sends tells nothing of the call.
    pub listener: bool,
    pub tapped: Tapped,
    /// The way RTP from the peer takes.
    pub path: Path,
    /// The way that was told of last, see [`crate::offload::PathChange`].
    pub told_path: Option<StreamPath>,
    /// A packet came from the pending address, so that is where the peer is.
    moved: bool,
    pub last_payload_in: Option<u8>,
    pub last_payload_out: Option<u8>,
    pub payloads: Arc<PayloadTable>,
    pending: Option<Box<RemotePlan>>,
    pub ingress: Sources<Ingress>,
    pub rtp: Half,
    pub egress: Sources<Egress>,
    pub rtcp: Half,
    pub locals: Box<[Local]>,
    /// Round trip between here and the peer in microseconds.
    pub round_trip_us: Option<u32>,
    /// Signalling that counts as activity: creation, answer, hold and its end.
    pub active_since: Moment,
    pub no_first_packet_reported: bool,
    /// `None`: keys are neither reported nor masked.
    pub keypad: Option<Box<Keypad>>,
    /// `None`: keys pass or do not, as the targets say.
    pub masking: Option<Box<Masking>>,
    remote: Option<RemotePlan>,
    resume: Option<Box<RemotePlan>>,
    /// Header extensions of the peer that are not passed on.
    pub hidden_extensions: Box<[u8]>,
    /// `None`: RTCP for the peer passes as it is.
    pub reporting: Option<Box<Reporting>>,
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
    /// `None`: no relayed addresses are wanted for its ports.
    pub relay: Option<Box<LocalRelay>>,
}

/// A route seen from its source: the index of the stream it leads to, and what happens on the way.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    pub to: u16,
    pub media: MediaAction,
    /// Anything but to forward them is for the stream's masking, or to drop them if it has none.
    pub telephone_events: MediaAction,
}

/// Most streams have one target.
#[derive(Debug, Default)]
pub struct Targets {
    first: Option<Target>,
    others: Box<[Target]>,
}

impl Targets {
    pub fn new(mut targets: impl Iterator<Item = Target>) -> Self {
        Targets { first: targets.next(), others: targets.collect() }
    }

    #[inline]
    pub fn get(&self, at: usize) -> Option<Target> {
        if at == 0 { self.first } else { self.others.get(at - 1).copied() }
    }

    pub fn iter(&self) -> impl Iterator<Item = Target> {
        self.first.into_iter().chain(self.others.iter().copied())
    }
}

/// The sockets packets to the peer leave from.
#[derive(Debug, Clone, Copy)]
pub struct WayOut {
    pub rtp: SocketId,
    pub rtcp: Option<SocketId>,
    pub ipv4: bool,
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
            relay: plan.relay.as_deref().map(|plan| Box::new(LocalRelay::new(*plan))),
        }
    }

    fn way_out(&self) -> WayOut {
        WayOut { rtp: self.rtp, rtcp: self.rtcp, ipv4: self.address.is_ipv4() }
    }

    pub fn sockets(&self) -> impl Iterator<Item = SocketId> + use<> {
        [Some(self.rtp), self.rtcp].into_iter().flatten()
    }

    /// True if this is the transport address of one of its ports.
    pub fn is_at(&self, address: SocketAddr) -> bool {
        let rtcp_port = self.rtcp.map(|_| self.port.wrapping_add(1));
        let is_bound = self.address == address.ip()
            && (self.port == address.port() || rtcp_port == Some(address.port()));
        is_bound || self.relayed_addresses().any(|relayed| relayed == address)
    }

    fn address_of(&self, socket: SocketId) -> Option<SocketAddr> {
        let is_rtp = self.rtp == socket.bound();
        if !is_rtp && self.rtcp != Some(socket.bound()) {
            return None;
        }
        if socket.is_relayed() {
            let relay = self.relay.as_ref()?;
            return if is_rtp { relay.plan.rtp } else { relay.plan.rtcp };
        }
        let port = if is_rtp { self.port } else { self.port.wrapping_add(1) };
        Some(SocketAddr::new(self.address, port))
    }

    pub fn plan(&self) -> LocalPlan {
        LocalPlan {
            id: self.id,
            interface: self.interface.to_string(),
            address: self.address,
            port: Some(self.port),
            span: self.span,
            relay: self.relay_plan().map(Box::new),
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
            listener: plan.listener,
            tapped: Tapped::default(),
            path: Path::NEW,
            told_path: None,
            learning: plan.learning,
            locals: Box::default(),
            targets: Targets::default(),
            way_out: None,
            secure: None,
            bundle: None,
            ice: None,
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
            keypad: None,
            masking: None,
            remote: None,
            pending: None,
            resume: None,
            hidden_extensions: Box::default(),
            reporting: None,
            moved: false,
        }
    }

    /// Follows a plan, the locals and routes excepted. Statistics and what was learned stay.
    pub fn follow(&mut self, now: Moment, plan: &StreamPlan, own: &[SocketAddr], passed: Passed) {
        let remote = plan.remote.map(canonical);
        let pending = plan.pending_remote.map(canonical);
        self.moved &= remote == self.remote && pending.as_ref() == self.pending.as_deref();
        let reopen = plan.learning.epoch != self.learning.epoch;
        let fresh = self.remote.is_none();
        if remote != self.remote || reopen || plan.receive != self.receive {
            self.active_since = now;
        }
        let addresses_differ = remote.map(|remote| remote.rtp) != self.remote.map(|remote| remote.rtp);
        // With ICE the address in the SDP is only one of several candidates.
        let moved = addresses_differ && plan.ice.is_none();
        let change = match (moved, reopen) {
            (true, _) => Change::Moved,
            (false, true) => Change::Signalled,
            (false, false) => Change::Nothing,
        };
        self.kind = plan.kind;
        self.rtcp_mode = plan.rtcp;
        let snapshot = plan.snapshot.as_ref().filter(|_| self.is_new());
        let reach = if plan.ice.is_some() { Reach::Component } else { Reach::Address };
        let turn = Turn { change, separate_rtcp: self.has_rtcp_half(), reach, snapshot, passed };
        self.secure = Secured::follow(self.secure.take(), &plan.security, turn);
        let seed = now.us() << 20
            ^ u64::from(plan.id.0) << 16
            ^ u64::from(self.locals.first().map_or(0, |local| local.port));
        self.reporting = Reporting::follow(self.reporting.take(), now, plan.rtcp_rules.as_ref(), seed);
        self.receive = plan.receive;
        self.listener = plan.listener;
        self.hidden_extensions = plan.hidden_extensions.as_slice().into();
        self.learning = plan.learning;
        self.remote = remote;
        self.pending = pending.map(Box::new);
        self.resume = plan.resume.map(|resume| Box::new(canonical(resume)));
        let resumed = snapshot.map_or(&[][..], |snapshot| &snapshot.ice);
        if self.follow_ice(now, plan.ice.as_ref(), own, resumed) {
            return;
        }
        let place = if self.moved { pending } else { remote };
        self.signal(now, place, reopen, own);
        if fresh {
            self.resume_learned(now);
        }
    }

    /// Follows keys that the peer presses if they are reported or masked. One that is being pressed is not forgotten.
    pub fn watch_keys(&mut self, is_reported: bool) {
        if is_reported || self.masking.is_some() {
            self.keypad.get_or_insert_default().is_reported = is_reported;
        } else {
            self.keypad = None;
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

    /// The kernel has had RTP from the confirmed source.
    pub fn hear(&mut self, at: Moment) {
        self.rtp.last_packet = self.rtp.last_packet.max(Some(at));
        self.rtp.latch.hear(at);
    }

    /// These were sources of the stream before a restart; if one is where signalling says, the peer is there.
    pub fn hear_again(&mut self, now: Moment, left: &[LeftBehind]) {
        let is_left = |source: SocketAddr| left.iter().find(|left| left.source == source);
        if let Some(source) = self.rtp.latch.signalled().filter(|at| is_left(*at).is_some())
            && self.rtp.latch.confirmed().is_none()
            && self.ice.is_none()
        {
            self.rtp.latch.resume(now, source, &self.learning);
        }
        if let Some(left) = self.rtp.latch.confirmed().and_then(is_left)
            && self.ingress.latest().is_none()
        {
            self.ingress.entry(left.ssrc, || Ingress::unheard(now, left.ssrc));
        }
    }

    #[inline]
    pub fn half(&self, component: Component) -> &Half {
        match component {
            Component::Rtp => &self.rtp,
            Component::Rtcp => &self.rtcp,
        }
    }

    /// The transport address of one of its sockets.
    pub fn address_of(&self, socket: SocketId) -> Option<SocketAddr> {
        self.locals.iter().find_map(|local| local.address_of(socket))
    }

    /// Where packets for a port of the peer leave from and go to.
    #[inline]
    pub fn leaves(&self, port: Component) -> Option<(SocketId, SocketAddr)> {
        self.leaves_to(port, self.half(port).latch.destination()?)
    }

    pub fn leaves_to(&self, port: Component, to: SocketAddr) -> Option<(SocketId, SocketAddr)> {
        let way_out = self.way_out(to)?;
        let socket = match port {
            Component::Rtp => way_out.rtp,
            Component::Rtcp => way_out.rtcp?,
        };
        Some((socket, to))
    }

    pub fn is_signalled(&self) -> bool {
        self.remote.is_some()
    }

    /// RTCP has its own socket and its own remote.
    pub fn has_rtcp_half(&self) -> bool {
        self.rtcp_mode == RtcpMode::Separate
    }

    /// The bundle, if this is its transport stream.
    #[inline]
    pub fn group(&self) -> Option<&Group> {
        self.bundle.as_ref()?.group.as_ref()
    }

    #[inline]
    pub fn group_mut(&mut self) -> Option<&mut Group> {
        self.bundle.as_mut()?.group.as_mut()
    }

    /// The sockets packets to this address leave from: those of the first local of its family.
    #[inline]
    pub fn way_out(&self, to: SocketAddr) -> Option<WayOut> {
        let way_out = self.way_out.filter(|way_out| way_out.ipv4 == to.is_ipv4());
        way_out
            .or_else(|| self.locals.iter().map(Local::way_out).find(|way_out| way_out.ipv4 == to.is_ipv4()))
    }

    pub fn set_locals(&mut self, locals: Box<[Local]>) {
        self.way_out = locals.first().map(Local::way_out);
        self.locals = locals;
    }

    /// A host the peer is known to be on, for packets on this port.
    #[inline]
    pub fn known_host(&self, port: Component) -> Option<IpAddr> {
        match port {
            Component::Rtp => None,
            Component::Rtcp => self.rtp.latch.confirmed().map(|at| at.ip()),
        }
    }

    /// RTCP in the clear from another host than the one the peer's RTP comes from, or its SDP names: nobody's.
    #[inline]
    pub fn is_astray(&self, port: Component, from: SocketAddr) -> bool {
        let Some(host) = self.known_host(port) else { return false };
        let is_signalled = self.rtcp.latch.signalled().is_some_and(|signalled| signalled.ip() == from.ip());
        host != from.ip() && !is_signalled && !self.learning.handover && self.secure.is_none()
    }

    /// The peer's RTP has been found: what RTCP taught before, elsewhere, was not the peer's.
    pub fn forget_astray(&mut self) {
        if self.rtcp.latch.source().is_some_and(|source| self.is_astray(Component::Rtcp, source)) {
            self.rtcp.latch.unlearn(&self.learning);
        }
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
            bundle: self.bundle.as_ref().map(|bundled| Box::new(bundled.plan.clone())),
            kind: self.kind,
            rtcp: self.rtcp_mode,
            rtcp_rules: self.reporting.as_ref().map(|reporting| reporting.rules.clone()),
            remote: self.remote,
            pending_remote: self.pending.as_deref().copied(),
            resume: self.learned().or(self.resume.as_deref().copied()),
            snapshot: None,
            security: self.secure.as_ref().map_or(SecurityPlan::None, |secure| secure.plan()),
            ice: self.ice.as_ref().map(|ice| ice.plan().clone()),
            learning: self.learning,
            receive: self.receive,
            hidden_extensions: self.hidden_extensions.to_vec(),
            payloads: self.payloads.plans(),
            listener: self.listener,
        }
    }

    /// What it takes to continue its protection and its ICE; `None` if it has neither.
    pub fn snapshot(&self) -> Option<StreamSnapshot> {
        let keys = self.secure.as_ref().and_then(|secure| secure.snapshot(self.id));
        let ice = self.ice.as_ref().map_or_else(Vec::new, |ice| ice.snapshot(&self.locals));
        if keys.is_none() && ice.is_empty() {
            return None;
        }
        let bundled = self.group().map_or_else(Vec::new, Group::sources);
        let unkeyed = StreamSnapshot {
            stream: self.id,
            association: 0,
            rtp: KeysSnapshot::default(),
            rtcp: None,
            bundled: Vec::new(),
            ice: Vec::new(),
        };
        Some(StreamSnapshot { bundled, ice, ..keys.unwrap_or(unkeyed) })
    }

    /// True before its first plan was followed.
    fn is_new(&self) -> bool {
        self.secure.is_none() && self.ice.is_none() && self.remote.is_none() && !self.heard()
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

    /// True if the peer can be at this address: nothing is ever sent to another one, nor learned from there.
    #[inline]
    pub fn may_be_at(&self, address: SocketAddr) -> bool {
        let local = self.locals.iter().find(|local| local.address.is_ipv4() == address.is_ipv4());
        destination::is_allowed(address, local.map(|local| local.address))
    }

    fn signal(&mut self, now: Moment, place: Option<RemotePlan>, reopen: bool, own: &[SocketAddr]) {
        let signal = |address: Option<SocketAddr>| Signal {
            address,
            sendable: address.is_some_and(|address| self.may_be_at(address) && !own.contains(&address)),
            reopen,
        };
        let rtcp = place.as_ref().map(rtcp_address).filter(|_| self.has_rtcp_half());
        let (rtp, rtcp) = (signal(place.map(|place| place.rtp)), signal(rtcp));
        self.rtp.latch.signal(now, rtp, &self.learning);
        self.rtcp.latch.signal(now, rtcp, &self.learning);
    }

    fn resume_learned(&mut self, now: Moment) {
        let Some(resume) = self.resume.as_deref().copied() else {
            return;
        };
        if self.may_be_at(resume.rtp) {
            self.rtp.latch.resume(now, resume.rtp, &self.learning);
        }
        if let Some(rtcp) = resume.rtcp.filter(|rtcp| self.may_be_at(*rtcp)) {
            self.rtcp.latch.resume(now, rtcp, &self.learning);
        }
    }
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
