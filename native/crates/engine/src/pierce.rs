//! Opens the way to peers behind a NAT or firewall that lets in only what it has seen go out.

use protocol::{Component, RemoteState};

use crate::{handshaking::Sent, io::Outbox, session::Session};

/// Sends a packet to each component that wants it and has not been found yet; true if there is one.
pub fn pierce(session: &mut Session, out: &mut impl Outbox) -> (Sent, bool) {
    let (mut sent, mut is_piercing) = (Sent::default(), false);
    for stream in session.streams.iter_mut().filter(|stream| stream.learning.pierce) {
        for component in [Component::Rtp, Component::Rtcp] {
            let latch = &stream.half_mut(component).latch;
            if latch.state() == RemoteState::Confirmed {
                continue;
            }
            let Some((to, way_out)) = latch.destination().and_then(|to| Some((to, stream.way_out(to)?)))
            else {
                continue;
            };
            let socket = match component {
                Component::Rtp => Some(way_out.rtp),
                Component::Rtcp => way_out.rtcp,
            };
            let Some(socket) = socket else { continue };
            out.send(socket, to, &EMPTY);
            is_piercing = true;
            sent.packets += 1;
            sent.bytes += EMPTY.len() as u64;
        }
    }
    (sent, is_piercing)
}

/// Between two packets, in milliseconds.
pub const INTERVAL_MS: u64 = 1000;

/// An RTP packet without payload, of a payload type nobody negotiates.
const EMPTY: [u8; 12] = [0x80, 0x7f, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0];
