//! Peers that do ICE.

use std::time::Instant;

use super::{Network, peer_port};
use crate::{ice::IceEnd, peer::PeerId};

impl Network {
    /// The peer does ICE on its RTP port, or on its RTCP port.
    pub fn start_ice(&mut self, peer: PeerId, on_rtcp_port: bool, end: IceEnd) {
        self.peers[peer.0].ice[usize::from(on_rtcp_port)] = Some(end);
        self.make_checks();
    }

    /// The ICE agent on a port of a peer.
    pub fn ice(&mut self, peer: PeerId, on_rtcp_port: bool) -> &mut IceEnd {
        match &mut self.peers[peer.0].ice[usize::from(on_rtcp_port)] {
            Some(end) => end,
            None => panic!("{peer:?} does no ICE"),
        }
    }

    /// The peer's host falls silent.
    pub fn stop_ice(&mut self, peer: PeerId) {
        self.peers[peer.0].ice = [None, None];
    }

    pub(super) fn next_check(&mut self) -> Option<Instant> {
        let ends = self.peers.iter_mut().flat_map(|peer| peer.ice.iter_mut().flatten());
        ends.filter_map(IceEnd::poll_timeout).min()
    }

    pub(super) fn make_checks(&mut self) {
        let now = self.instant();
        let mut sent = Vec::new();
        for (number, peer) in self.peers.iter_mut().enumerate() {
            for on_rtcp_port in [false, true] {
                let Some(end) = &mut peer.ice[usize::from(on_rtcp_port)] else { continue };
                let own = peer_port(peer.address, on_rtcp_port);
                let datagrams = end.handle_timeout(now);
                sent.extend(datagrams.into_iter().map(|(to, bytes)| (PeerId(number), own, to, bytes)));
            }
        }
        for (peer, own, to, bytes) in sent {
            self.send_from(peer, own, to, bytes);
        }
    }
}
