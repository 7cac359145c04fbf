//! The steps of a packet's way that have to do with bundles: to which stream it goes, and how its receiver will know.

use crate::{
    bundle_rtcp,
    io::{Outbox, Packet},
    pipeline::{Content, DROPPED, Fate, Passage},
};

impl Passage<'_> {
    /// Takes an authentic packet of a bundle to the stream, or the streams, it is of.
    #[inline(never)]
    pub fn hand_out(
        mut self,
        content: Content,
        packet: &mut Packet<'_>,
        arrived: usize,
        out: &mut impl Outbox,
    ) -> Fate {
        match content {
            Content::Rtp { header, .. } => {
                let now = self.now;
                let group = self.session.streams[self.stream].group_mut();
                let datagram = &packet.buffer[..packet.len];
                let Some(at) = group.and_then(|group| group.assign(now, &header, datagram)) else {
                    return self.unassigned(&content);
                };
                self.stream = at;
                let content = Content::of_member(header, &self.session.streams[at]);
                self.pass_on(&content, packet, arrived, out)
            }
            Content::Rtcp => self.hand_out_rtcp(packet, out),
            Content::Opaque | Content::Handshake => self.unassigned(&content),
        }
    }

    /// Each stream gets the part of a compound that concerns it.
    fn hand_out_rtcp(mut self, packet: &Packet<'_>, out: &mut impl Outbox) -> Fate {
        let transport = self.stream;
        let mut part = std::mem::take(self.part);
        let mut fate = Fate { dropped: true, ..Fate::default() };
        let mut concerns_anybody = false;
        self.is_part = true;
        for at in 0..self.session.streams.len() {
            if self.session.carrier(at) != transport {
                continue;
            }
            bundle_rtcp::part_of(self.session, transport, at, &packet.buffer[..packet.len], &mut part);
            if part.is_empty() {
                continue;
            }
            concerns_anybody = true;
            self.stream = at;
            let len = part.len();
            let passed = self.pass_on(&Content::Rtcp, &mut Packet { buffer: &mut part, len }, len, out);
            fate.sent_packets += passed.sent_packets;
            fate.sent_bytes += passed.sent_bytes;
            fate.dropped &= passed.dropped;
        }
        *self.part = part;
        if concerns_anybody {
            return fate;
        }
        self.stream = transport;
        self.unassigned(&Content::Rtcp)
    }

    fn unassigned(mut self, content: &Content) -> Fate {
        self.half(content).failures().unassigned += 1;
        DROPPED
    }

    /// Takes out of a packet what its sender may say and its receivers were not promised.
    #[inline]
    pub fn hide_extensions(&self, content: &Content, datagram: &mut [u8]) {
        let hidden = &self.session.streams[self.stream].hidden_extensions;
        if let (false, Content::Rtp { header, .. }) = (hidden.is_empty(), content) {
            wire::extension::hide_elements(datagram, header, hidden);
        }
    }

    /// Gives a packet to a bundled peer the MID it needs, in `scratch`; true if what is there goes out.
    #[inline]
    pub fn add_mid(&mut self, content: &Content, sink: usize, altered: bool, datagram: &[u8]) -> bool {
        if self.session.streams[sink].bundle.is_none() {
            return altered;
        }
        self.add_needed_mid(content, sink, altered, datagram)
    }

    #[inline(never)]
    fn add_needed_mid(&mut self, content: &Content, sink: usize, altered: bool, datagram: &[u8]) -> bool {
        let Content::Rtp { header, .. } = content else {
            return altered;
        };
        let (carrier, id) = (self.session.carrier(sink), self.session.streams[sink].id);
        let is_signalled = |origin: &crate::stream::Stream| {
            origin.bundle.as_ref().is_some_and(|bundled| bundled.plan.ssrcs.contains(&header.ssrc))
        };
        let group = self.session.streams[carrier].group();
        let missing = group.and_then(|group| group.missing_mid(id, header, datagram));
        let Some((element, mid)) = missing.filter(|_| !is_signalled(&self.session.streams[self.stream]))
        else {
            return altered;
        };
        if !altered {
            self.scratch.clear();
            self.scratch.extend_from_slice(datagram);
        }
        wire::extension::add_element(self.scratch, element, mid) || altered
    }
}

impl Content {
    /// A packet of a bundle that is of this stream.
    fn of_member(header: wire::rtp::Header, stream: &crate::stream::Stream) -> Self {
        let (class, clock_rate) = stream.payloads.facts(header.payload_type);
        let negotiated = stream.payloads.find(header.payload_type).is_some() || stream.payloads.is_empty();
        Content::Rtp { header, class, clock_rate, negotiated }
    }
}
