//! The steps of a packet's way that have to do with keys.

use protocol::SuspectCause;

use crate::{
    handshaking::Letter,
    io::{Outbox, Packet},
    keys::Refusal,
    latch::Verdict,
    pipeline::{Content, DROPPED, Fate, Passage, Way, component},
};

impl Passage<'_> {
    /// Puts a handshake datagram aside, if it may come from the peer and may be of use.
    pub fn post(&mut self, datagram: &[u8]) -> Fate {
        let (now, from, port) = (self.now, self.from, self.socket);
        let verdict = self.session.foresee(self.stream, port, from, now, true);
        let stream = &mut self.session.streams[self.stream];
        if let (Verdict::Closed | Verdict::Foreign, Some(ice)) = (verdict, &mut stream.ice)
            && ice.hold(port, from, datagram)
        {
            stream.half_mut(port).failures().handshake_packets += 1;
            return Fate::default();
        }
        let has_ice = stream.ice.is_some();
        match verdict {
            Verdict::Accepted | Verdict::Learned | Verdict::Tolerated => {}
            // The peer may be quicker than its SDP.
            Verdict::Closed if !has_ice => {}
            Verdict::Closed => {
                self.count_early(&Content::Handshake);
                return DROPPED;
            }
            Verdict::Foreign => {
                self.suspect(port, SuspectCause::Foreign);
                return DROPPED;
            }
        }
        let stream = &mut self.session.streams[self.stream];
        let id = stream.id;
        let dtls = stream.secure.as_ref().and_then(|secure| secure.dtls.as_ref());
        let wanted = dtls.is_some_and(|dtls| dtls.wants(port, now, from, datagram));
        let letter = || Letter {
            session: self.key,
            id: self.session.id.clone(),
            stream: id,
            port,
            from,
            at: now,
            bytes: datagram.into(),
        };
        if wanted && self.desk.post(letter()) {
            stream.half_mut(port).failures().handshake_packets += 1;
            return Fate::default();
        }
        self.suspect(port, SuspectCause::Handshake);
        DROPPED
    }

    /// Authenticates and decrypts in place; returns the new length. Sources that could not be the peer are not
    /// even tried.
    pub fn unprotect(&mut self, content: &Content, packet: &mut Packet<'_>) -> Option<usize> {
        let (now, from, port) = (self.now, self.from, self.socket);
        match self.session.foresee(self.stream, port, from, now, self.is_plausible(content)) {
            Verdict::Accepted | Verdict::Learned | Verdict::Tolerated => {}
            Verdict::Foreign => {
                self.suspect(component(content, port), SuspectCause::Foreign);
                return None;
            }
            Verdict::Closed => {
                self.count_early(content);
                return None;
            }
        }
        let component = component(content, port);
        let secure = self.session.streams[self.stream].secure.as_mut()?;
        match secure.keys(port).unprotect(now, content.protocol()?, packet.buffer, packet.len) {
            Ok(plain) => Some(plain),
            Err(refusal) => {
                let cause = match refusal {
                    Refusal::NotAuthentic => SuspectCause::NotAuthentic,
                    Refusal::Replay => SuspectCause::Replay,
                    Refusal::NoKey => SuspectCause::Unkeyed,
                };
                self.suspect(component, cause);
                None
            }
        }
    }

    /// Sends the packet, or the altered copy in `scratch`, protected as its receiver wants it; returns the length
    /// sent, `None` if it cannot be protected.
    #[inline]
    pub fn emit(
        &mut self,
        content: &Content,
        way: Way,
        altered: bool,
        packet: &mut Packet<'_>,
        out: &mut impl Outbox,
    ) -> Option<usize> {
        // What a relay takes has to be wrapped at once.
        let altered = altered || (way.socket.is_relayed() && self.copy(&packet.buffer[..packet.len]));
        if self.session.streams[way.carrier].secure.is_some() {
            return self.emit_protected(content, way, altered, packet, out);
        }
        self.copy_leaving(content, way, altered, &packet.buffer[..packet.len]);
        if altered {
            out.send(way.socket, way.to, self.scratch);
            return Some(self.scratch.len());
        }
        out.forward(way.socket, way.to, packet.len);
        Some(packet.len)
    }

    #[inline(never)]
    fn emit_protected(
        &mut self,
        content: &Content,
        way: Way,
        altered: bool,
        packet: &mut Packet<'_>,
        out: &mut impl Outbox,
    ) -> Option<usize> {
        let secure = self.session.streams[way.carrier].secure.as_mut()?;
        let (keys, len) = (secure.keys(way.port), if altered { self.scratch.len() } else { packet.len });
        let protocol = content.protocol()?;
        let room = len + keys.overhead();
        if keys.suite_out().is_some() {
            self.copy_leaving(content, way, altered, &packet.buffer[..packet.len]);
        }
        let is_only = self.session.streams[self.stream].targets.get(1).is_none();
        if is_only && !altered && packet.buffer.len() >= room {
            let keys = self.session.streams[way.carrier].secure.as_mut()?.keys(way.port);
            let protected = keys.protect(protocol, packet.buffer, len).ok()?;
            out.forward(way.socket, way.to, protected);
            return Some(protected);
        }
        if !altered {
            self.scratch.clear();
            self.scratch.extend_from_slice(&packet.buffer[..len]);
        }
        self.scratch.resize(room, 0);
        let keys = self.session.streams[way.carrier].secure.as_mut()?.keys(way.port);
        let protected = keys.protect(protocol, self.scratch, len).ok()?;
        out.send(way.socket, way.to, &self.scratch[..protected]);
        Some(protected)
    }
}
