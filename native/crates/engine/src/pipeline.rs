//! The way of one packet, top to bottom: classify, unprotect, admit, observe, and for each route transform, protect
//! and emit. Nothing is learned from a packet before it has been authenticated.

use std::{collections::VecDeque, net::SocketAddr};

use protocol::{Component, Event, MediaAction, RtcpMode, StreamKind, SuspectCause};
use wire::{Kind, rtp::Header};

use crate::{
    checks::Checks,
    handshaking::Desk,
    io::{Outbox, Packet, SocketId},
    keypad::{self, Heard},
    keys::Protocol,
    latch::Verdict,
    masking::Masked,
    moment::Moment,
    payloads::Class,
    rtcp::{self, Converted},
    session::Session,
    silence,
    source::{Egress, Ingress},
    stream::{Stream, Target},
    suspects::Watch,
    tap::{Copies, Leg},
    timers,
};

/// A packet on its way through a session.
pub struct Passage<'a> {
    pub session: &'a mut Session,
    /// The session's number.
    pub key: u32,
    /// Index of the stream it arrived on.
    pub stream: usize,
    /// Which of the stream's sockets it arrived on.
    pub socket: Component,
    pub arrived_on: SocketId,
    pub from: SocketAddr,
    pub now: Moment,
    pub events: &'a mut VecDeque<Event>,
    /// Room for a changed copy.
    pub scratch: &'a mut Vec<u8>,
    /// Room for the part of a compound that concerns one stream of a bundle.
    pub part: &'a mut Vec<u8>,
    /// The packet is such a part, not the one that arrived.
    pub is_part: bool,
    /// Where handshakes go.
    pub desk: &'a mut Desk,
    pub checks: &'a mut Checks,
    pub watch: &'a mut Watch,
    pub copies: &'a mut Copies,
}

/// What became of a packet, for the counters of the process.
#[derive(Debug, Clone, Copy, Default)]
pub struct Fate {
    pub sent_packets: u64,
    pub sent_bytes: u64,
    pub dropped: bool,
}

/// What a packet is.
#[derive(Debug, Clone, Copy)]
pub enum Content {
    Rtp {
        header: Header,
        class: Class,
        clock_rate: u32,
        negotiated: bool,
    },
    Rtcp,
    Opaque,
    /// Of a DTLS handshake with us.
    Handshake,
}

impl Passage<'_> {
    pub fn run(mut self, packet: &mut Packet<'_>, out: &mut impl Outbox) -> Fate {
        let Some(datagram) = packet.buffer.get(..packet.len) else {
            return DROPPED;
        };
        if self.session.streams[self.stream].ice.is_some() && wire::stun::is_stun(datagram) {
            return self.check(datagram, out);
        }
        let Some(mut content) = self.classify(datagram) else {
            self.session.streams[self.stream].half_mut(self.socket).counters.malformed += 1;
            self.suspect(self.socket, SuspectCause::Malformed);
            return DROPPED;
        };
        if self.session.carrier(self.stream) != self.stream {
            self.half(&content).counters.unroutable += 1;
            return DROPPED;
        }
        let arrived = packet.len;
        if self.session.streams[self.stream].secure.is_some() {
            if matches!(content, Content::Handshake) {
                return self.post(datagram);
            }
            let Some(plain) = self.unprotect(&content, packet) else {
                return DROPPED;
            };
            packet.len = plain;
            content.read_again(&packet.buffer[..plain]);
        }
        if !self.admit(&content) || self.goes_in_a_circle(&content, &packet.buffer[..packet.len]) {
            return DROPPED;
        }
        if self.session.streams[self.stream].group().is_some() {
            return self.hand_out(content, packet, arrived, out);
        }
        self.pass_on(&content, packet, arrived, out)
    }

    /// The rest of the way, once it is clear which stream the packet is of.
    pub fn pass_on(
        &mut self,
        content: &Content,
        packet: &mut Packet<'_>,
        arrived: usize,
        out: &mut impl Outbox,
    ) -> Fate {
        let now = self.now;
        self.half(content).last_packet = Some(now);
        self.copy_arriving(content, &packet.buffer[..packet.len]);
        if self.is_held(content) {
            return DROPPED;
        }
        if matches!(content, Content::Rtcp) {
            rtcp::restore_numbers(self.session, self.stream, &mut packet.buffer[..packet.len]);
        }
        self.observe(content, &packet.buffer[..packet.len], arrived);
        self.hide_extensions(content, &mut packet.buffer[..packet.len]);
        self.relay(content, packet, arrived, out)
    }

    #[inline]
    fn copy_arriving(&mut self, content: &Content, datagram: &[u8]) {
        let component = component(content, self.socket);
        let bits = self.session.streams[self.stream].tapped.arriving.of(component);
        if bits != 0 && !self.is_hidden_key(content, datagram) {
            let carrier = self.session.carrier(self.stream);
            let leg = Leg { carrier, socket: self.arrived_on, peer: self.from, component };
            self.copies.arriving(self.session, bits, leg, self.now, datagram);
        }
    }

    /// Copies the packet, or the altered copy in `scratch`, before it leaves.
    #[inline]
    pub fn copy_leaving(&mut self, content: &Content, way: Way, altered: bool, datagram: &[u8]) {
        let component = component(content, self.socket);
        let bits = self.session.streams[way.sink].tapped.leaving.of(component);
        if bits != 0 {
            let payload = if altered { self.scratch.as_slice() } else { datagram };
            let leg = Leg { carrier: way.carrier, socket: way.socket, peer: way.to, component };
            self.copies.leaving(self.session, bits, leg, self.now, payload);
        }
    }

    fn classify(&self, datagram: &[u8]) -> Option<Content> {
        let stream = &self.session.streams[self.stream];
        if stream.kind == StreamKind::Opaque {
            let known = if stream.has_rtcp_half() { self.known(datagram) } else { None };
            return Some(known.unwrap_or(Content::Opaque));
        }
        match (wire::classify(datagram), self.socket) {
            (Kind::Rtp, Component::Rtp) => {
                let header = Header::parse(datagram)?;
                Some(Content::rtp(header, stream))
            }
            (Kind::Rtcp, _) if wire::rtcp::begins_well(datagram) => Some(Content::Rtcp),
            (Kind::Dtls, port) => {
                let dtls = stream.secure.as_ref()?.dtls.as_ref()?;
                dtls.is_spoken_on(port).then_some(Content::Handshake)
            }
            _ => None,
        }
    }

    pub fn is_plausible(&self, content: &Content) -> bool {
        match content {
            Content::Rtp { negotiated, .. } => *negotiated,
            // RTCP on an RTP port never says where RTP comes from.
            Content::Rtcp => self.socket == Component::Rtcp,
            Content::Opaque | Content::Handshake => true,
        }
    }

    /// RTP and RTCP on the ports that are theirs, among whatever else comes to an opaque pair of ports.
    fn known(&self, datagram: &[u8]) -> Option<Content> {
        match (wire::classify(datagram), self.socket) {
            (Kind::Rtp, Component::Rtp) => {
                let header = Header::parse(datagram)?;
                let (class, clock_rate) =
                    self.session.streams[self.stream].payloads.facts(header.payload_type);
                Some(Content::Rtp { header, class, clock_rate, negotiated: true })
            }
            (Kind::Rtcp, Component::Rtcp) if wire::rtcp::begins_well(datagram) => Some(Content::Rtcp),
            _ => None,
        }
    }

    /// Drops what does not come from the peer, and learns where the peer is.
    fn admit(&mut self, content: &Content) -> bool {
        let plausible = self.is_plausible(content);
        match self.session.admit(self.stream, self.socket, self.from, self.now, plausible) {
            Verdict::Accepted => {}
            Verdict::Learned => {
                timers::note_learned(self.session, self.stream, self.socket, self.now, self.events);
            }
            Verdict::Tolerated => self.suspect(component(content, self.socket), SuspectCause::Tolerated),
            Verdict::Foreign => {
                self.suspect(component(content, self.socket), SuspectCause::Foreign);
                return false;
            }
            Verdict::Closed => {
                self.count_early(content);
                return false;
            }
        }
        true
    }

    #[inline]
    fn goes_in_a_circle(&mut self, content: &Content, datagram: &[u8]) -> bool {
        let now = self.now;
        let half = self.half(content);
        let circles = half.repeats.is_circle(now, datagram);
        if circles {
            half.counters.blocked += 1;
        }
        circles
    }

    pub fn count_early(&mut self, content: &Content) {
        self.half(content).counters.unroutable += 1;
        self.suspect(component(content, self.socket), SuspectCause::Early);
    }

    /// On hold media is dropped; RTCP goes on.
    fn is_held(&mut self, content: &Content) -> bool {
        let held = !self.session.streams[self.stream].receive && !matches!(content, Content::Rtcp);
        if held {
            self.half(content).counters.blocked += 1;
        }
        held
    }

    fn observe(&mut self, content: &Content, datagram: &[u8], arrived: usize) {
        let now = self.now;
        match content {
            Content::Rtp { header, class, clock_rate, negotiated } => {
                let stream = &mut self.session.streams[self.stream];
                if class.is_media() {
                    stream.last_payload_in = Some(header.payload_type);
                }
                if !negotiated {
                    stream.rtp.counters.unknown_payload_type += 1;
                }
                let source = stream.ingress.entry(header.ssrc, || Ingress::new(now, header));
                source.count(now, header, arrived, *clock_rate, class.is_media());
                if stream.keypad.is_some() && stream.payloads.may_be_event(*class) {
                    let heard = Heard { header: *header, clock_rate: *clock_rate, source: self.from };
                    keypad::observe(self.session, self.stream, now, (heard, datagram), self.events);
                }
            }
            Content::Rtcp => rtcp::observe(self.session, self.stream, now, datagram),
            Content::Opaque | Content::Handshake => {}
        }
    }

    fn relay(
        &mut self,
        content: &Content,
        packet: &mut Packet<'_>,
        arrived: usize,
        out: &mut impl Outbox,
    ) -> Fate {
        let mut fate = Fate::default();
        let mut blocked = false;
        let mut consumed = false;
        let mut malformed = false;
        let mut at = 0;
        while let Some(target) = self.session.streams[self.stream].targets.get(at) {
            at += 1;
            let sink = usize::from(target.to);
            let Some((mut sent, mut altered)) = self.treat(content, target, &packet.buffer[..packet.len])
            else {
                blocked = true;
                continue;
            };
            if sink == self.stream {
                let Some(echoed) = self.echo(&sent, altered, &packet.buffer[..packet.len]) else {
                    consumed = true;
                    continue;
                };
                (sent, altered) = (echoed, true);
            }
            match self.exit(content, sink) {
                Exit::Towards(way) => {
                    let altered = match self.convert(&sent, sink, &packet.buffer[..packet.len]) {
                        Converted::Unchanged => altered,
                        Converted::Changed => true,
                        Converted::Nothing => {
                            consumed = true;
                            continue;
                        }
                        Converted::Malformed => {
                            malformed = true;
                            continue;
                        }
                    };
                    let altered = self.add_mid(&sent, sink, altered, &packet.buffer[..packet.len]);
                    let Some(len) = self.emit(&sent, way, altered, packet, out) else { continue };
                    self.count_sent(&sent, sink, len);
                    fate.sent_packets += 1;
                    fate.sent_bytes += len as u64;
                }
                Exit::NotWanted => consumed = true,
                Exit::Waiting => blocked = true,
                Exit::Unknown => {}
            }
        }
        let counters = &mut self.half(content).counters;
        if fate.sent_packets > 0 || consumed {
            counters.received_packets += 1;
            counters.received_bytes += arrived as u64;
        } else if malformed {
            counters.malformed += 1;
            fate.dropped = true;
        } else if blocked {
            counters.blocked += 1;
            fate.dropped = true;
        } else {
            counters.unroutable += 1;
            fate.dropped = true;
        }
        fate
    }

    /// What goes to a target, and whether it is what is in `scratch`; `None`: nothing.
    #[inline]
    fn treat(&mut self, content: &Content, target: Target, datagram: &[u8]) -> Option<(Content, bool)> {
        let action = match content {
            Content::Rtp { class: Class::TelephoneEvent | Class::Redundancy, .. }
                if self.session.streams[self.stream].masking.is_some() =>
            {
                match self.mask(content, target, datagram) {
                    Masked::Unchanged => MediaAction::Forward,
                    Masked::Changed(masked) => return Some((masked, true)),
                    Masked::Nothing => return None,
                    Masked::Media => target.media,
                }
            }
            Content::Rtp { class: Class::TelephoneEvent, .. } => target.telephone_events,
            Content::Rtp { .. } | Content::Opaque | Content::Handshake => target.media,
            Content::Rtcp if target.media == MediaAction::Drop => MediaAction::Drop,
            Content::Rtcp => MediaAction::Forward,
        };
        match action {
            MediaAction::Forward => Some((*content, self.is_part && self.copy(datagram))),
            MediaAction::Silence => self.silence(content, datagram).then_some((*content, true)),
            MediaAction::Drop => None,
        }
    }

    /// Puts a copy with a silent payload into `scratch`; false if the codec's silence is not known.
    fn silence(&mut self, content: &Content, datagram: &[u8]) -> bool {
        let Content::Rtp { header, class, .. } = content else {
            return false;
        };
        self.copy(datagram);
        silence::fill(*class, &mut self.scratch[header.payload(datagram.len())])
    }

    /// Puts a copy into `scratch`.
    pub fn copy(&mut self, datagram: &[u8]) -> bool {
        self.scratch.clear();
        self.scratch.extend_from_slice(datagram);
        true
    }

    /// RTCP as the peer of a stream may have it.
    #[inline]
    fn convert(&mut self, content: &Content, sink: usize, datagram: &[u8]) -> Converted {
        if !matches!(content, Content::Rtcp) || self.session.streams[sink].reporting.is_none() {
            return Converted::Unchanged;
        }
        rtcp::convert(self.session, sink, self.now, datagram, self.scratch)
    }

    #[inline]
    fn exit(&self, content: &Content, at: usize) -> Exit {
        let sink = &self.session.streams[at];
        let separate = match (content, sink.kind, sink.rtcp_mode) {
            (Content::Rtcp | Content::Opaque, StreamKind::Opaque, RtcpMode::Separate) => {
                self.socket == Component::Rtcp
            }
            (Content::Rtcp, StreamKind::Opaque, _) | (Content::Rtcp, _, RtcpMode::None) => {
                return Exit::NotWanted;
            }
            (Content::Rtcp, StreamKind::Rtp, RtcpMode::Separate) => true,
            _ => false,
        };
        let carrier = self.session.carrier(at);
        let transport = &self.session.streams[carrier];
        let port = if separate { Component::Rtcp } else { Component::Rtp };
        if sink.learning.wait && transport.half(port).latch.source().is_none() {
            return Exit::Waiting;
        }
        transport
            .leaves(port)
            .map_or(Exit::Unknown, |(socket, to)| Exit::Towards(Way { sink: at, carrier, port, socket, to }))
    }

    fn count_sent(&mut self, content: &Content, to: usize, len: usize) {
        let (now, origin) = (self.now, self.session.streams[self.stream].id);
        let sink = &mut self.session.streams[to];
        let counters = &mut sink.half_mut(component(content, self.socket)).counters;
        counters.sent_packets += 1;
        counters.sent_bytes += len as u64;
        if let Content::Rtp { header, class, clock_rate, .. } = content {
            if class.is_media() {
                sink.last_payload_out = Some(header.payload_type);
            }
            let source = sink.egress.entry(header.ssrc, || Egress::new(now, header.ssrc, origin));
            source.count(now, header, len, *clock_rate, class.is_media());
        }
    }

    /// The half that counts this packet: RTCP is counted as RTCP on whichever port it arrives.
    pub fn half(&mut self, content: &Content) -> &mut crate::half::Half {
        let component = component(content, self.socket);
        self.session.streams[self.stream].half_mut(component)
    }
}

impl Content {
    /// A packet of this stream, or of one that is bundled with it.
    pub fn rtp(header: Header, stream: &Stream) -> Self {
        let (class, clock_rate) = stream.payloads.facts(header.payload_type);
        let is_known = || stream.payloads.find(header.payload_type).is_some() || stream.payloads.is_empty();
        let negotiated = stream.group().map_or_else(is_known, |group| group.knows(header.payload_type));
        Content::Rtp { header, class, clock_rate, negotiated }
    }

    pub fn protocol(&self) -> Option<Protocol> {
        match self {
            Content::Rtp { header, .. } => {
                Some(Protocol::Rtp { ssrc: header.ssrc, sequence: header.sequence })
            }
            Content::Rtcp => Some(Protocol::Rtcp),
            Content::Opaque | Content::Handshake => None,
        }
    }

    /// Padding could not be read while the packet was encrypted.
    fn read_again(&mut self, datagram: &[u8]) {
        if let Content::Rtp { header, .. } = self
            && wire::rtp::has_padding(datagram)
            && let Some(plain) = Header::parse(datagram)
        {
            *header = plain;
        }
    }
}

/// Where a packet leaves.
enum Exit {
    Towards(Way),
    /// The peer has no use for it.
    NotWanted,
    /// The peer has to speak first.
    Waiting,
    /// There is no way to the peer yet.
    Unknown,
}

#[derive(Clone, Copy)]
pub struct Way {
    /// The stream it is for.
    pub sink: usize,
    /// The stream whose ports and keys it uses.
    pub carrier: usize,
    /// The peer's port it is for.
    pub port: Component,
    pub socket: SocketId,
    pub to: SocketAddr,
}

pub fn component(content: &Content, socket: Component) -> Component {
    match content {
        Content::Rtcp => Component::Rtcp,
        Content::Rtp { .. } => Component::Rtp,
        Content::Opaque | Content::Handshake => socket,
    }
}

pub const DROPPED: Fate = Fate { sent_packets: 0, sent_bytes: 0, dropped: true };
