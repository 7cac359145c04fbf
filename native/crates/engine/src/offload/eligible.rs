//! Which streams the kernel may relay.

use std::net::SocketAddr;

use protocol::{Component, LocalId, MediaAction, RemoteState, StreamKind, UserspaceReason};

use super::RelayRule;
use crate::{
    session::Session,
    stream::{Local, Stream, Target},
};

impl Session {
    /// The rule for what the peer of a stream sends to one of its locals: it does to RTP with a payload type of the
    /// rule just what [`crate::pipeline`] would do.
    pub fn relay_rule(&self, at: usize, local: LocalId) -> Result<RelayRule, UserspaceReason> {
        let stream = &self.streams[at];
        let target = self.sole_target(stream)?;
        let sink = &self.streams[usize::from(target.to)];
        check_media(stream, sink, target)?;
        if usize::from(target.to) == at {
            return Err(UserspaceReason::Altered);
        }
        let local = stream.locals.iter().find(|known| known.id == local).ok_or(UserspaceReason::Unrouted)?;
        let (socket, to) =
            sink.leaves(Component::Rtp).filter(|_| stream.receive).ok_or(UserspaceReason::Held)?;
        let from = sink.locals.iter().find(|local| local.rtp == socket).ok_or(UserspaceReason::Held)?;
        let source = stream.rtp.latch.confirmed().ok_or(UserspaceReason::Learning)?;
        let moving = stream.is_pending_at(source, Component::Rtp);
        let waiting = sink.learning.wait && sink.rtp.latch.confirmed().is_none();
        if moving || waiting || sink.rtp.latch.state() == RemoteState::Provisional {
            return Err(UserspaceReason::Learning);
        }
        let [local, from] = [local, from].map(rtp_address);
        if local.ip().is_unspecified() || from.ip().is_unspecified() {
            return Err(UserspaceReason::NoFastPath);
        }
        let ssrc = stream.ingress.latest().ok_or(UserspaceReason::Learning)?.ssrc;
        let (payloads, tos) = (stream.payloads.clone(), self.tos());
        let events = stream.keypad.is_none() && target.telephone_events == MediaAction::Forward;
        let copied = stream.tapped.arriving.of(Component::Rtp) | sink.tapped.leaving.of(Component::Rtp) != 0;
        Ok(RelayRule { local, source, ssrc, from, to, tos, payloads, events, copied })
    }

    fn sole_target(&self, stream: &Stream) -> Result<Target, UserspaceReason> {
        if stream.targets.get(1).is_some() {
            return Err(UserspaceReason::Forked);
        }
        stream.targets.get(0).ok_or(UserspaceReason::Unrouted)
    }
}

fn check_media(stream: &Stream, sink: &Stream, target: Target) -> Result<(), UserspaceReason> {
    if stream.kind == StreamKind::Opaque || sink.kind == StreamKind::Opaque {
        return Err(UserspaceReason::Opaque);
    }
    if stream.secure.is_some() || sink.secure.is_some() {
        return Err(UserspaceReason::Protected);
    }
    // Who the peer is and where it wants its packets, its agent says; checks come up from the kernel.
    let is_relayed = |each: &Stream| each.way_out.is_some_and(|way_out| way_out.rtp.is_relayed());
    if [stream, sink]
        .iter()
        .any(|each| is_relayed(each) || each.ice.as_ref().is_some_and(|ice| !ice.has_pair()))
    {
        return Err(UserspaceReason::Ice);
    }
    if stream.bundle.is_some() || sink.bundle.is_some() {
        return Err(UserspaceReason::Bundled);
    }
    if !stream.hidden_extensions.is_empty() {
        return Err(UserspaceReason::Altered);
    }
    if target.media != MediaAction::Forward {
        return Err(UserspaceReason::Silenced);
    }
    Ok(())
}

pub fn rtp_address(local: &Local) -> SocketAddr {
    SocketAddr::new(local.address, local.port)
}
