//! What goes through the proxy, for those who want to know.

use std::{collections::BTreeSet, net::SocketAddr, time::Duration};

use super::Network;
use crate::proxy::Sent;

/// A datagram at the proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traffic {
    pub at: Duration,
    pub way: Way,
    pub from: SocketAddr,
    pub to: SocketAddr,
    pub payload: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    In,
    Out,
}

impl Network {
    /// What arrived at the proxy and what it sent, in its order, since this was asked first, or last.
    pub fn take_traffic(&mut self) -> Vec<Traffic> {
        self.traffic.replace(Vec::new()).unwrap_or_default()
    }

    pub(super) fn note_arrival(&mut self, from: SocketAddr, to: SocketAddr, payload: Vec<u8>) {
        if let Some(traffic) = &mut self.traffic {
            traffic.push(Traffic { at: self.now, way: Way::In, from, to, payload });
        }
    }

    pub(super) fn carry_from_proxy(&mut self, sent: Vec<Sent>) {
        let (at, way) = (self.now, Way::Out);
        let noted = |Sent { from, to, payload }| Traffic { at, way, from, to, payload };
        if let Some(traffic) = &mut self.traffic {
            traffic.extend(sent.iter().cloned().map(noted));
        }
        self.carry(sent);
    }
    /// Peers that the proxy went on shaking hands with between two looks at its sockets, at most.
    pub fn most_handshakes_at_once(&self) -> usize {
        self.most_handshakes
    }

    pub(super) fn note_handshakes(&mut self, sent: &[Sent]) {
        let handshakes = sent.iter().filter(|sent| wire::classify(&sent.payload) == wire::Kind::Dtls);
        let peers: BTreeSet<SocketAddr> = handshakes.map(|sent| sent.to).collect();
        self.most_handshakes = self.most_handshakes.max(peers.len());
    }
}
