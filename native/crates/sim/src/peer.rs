//! Virtual endpoints: an address, a stream of RTP, and an inbox.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use crate::{
    crypto::{Crypto, DtlsEnd},
    ice::IceEnd,
    nat::NatId,
    packets,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PeerId(pub(crate) usize);

/// A datagram in a peer's inbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    pub at: Duration,
    pub from: SocketAddr,
    /// On the peer's RTCP port instead of its RTP port.
    pub on_rtcp_port: bool,
    pub payload: Vec<u8>,
}

impl Received {
    /// SSRC of an RTP packet.
    pub fn ssrc(&self) -> Option<u32> {
        wire::rtp::Header::parse(&self.payload).map(|header| header.ssrc)
    }

    pub fn is_rtcp(&self) -> bool {
        wire::classify(&self.payload) == wire::Kind::Rtcp
    }
}

#[derive(Debug)]
pub struct Peer {
    pub address: SocketAddr,
    pub nat: Option<NatId>,
    pub ssrc: u32,
    pub payload_type: u8,
    pub sequence: u16,
    pub timestamp: u32,
    pub inbox: Vec<Received>,
    /// Protects what is sent and opens what is received.
    pub crypto: Option<Crypto>,
    /// The same for RTCP with keys of its own.
    pub rtcp_crypto: Option<Crypto>,
    /// DTLS on the RTP port and on the RTCP port.
    pub dtls: [Option<DtlsEnd>; 2],
    /// ICE on the RTP port and on the RTCP port.
    pub ice: [Option<IceEnd>; 2],
}

impl Peer {
    pub fn new(address: SocketAddr, nat: Option<NatId>, ssrc: u32) -> Self {
        Peer {
            address,
            nat,
            ssrc,
            payload_type: 0,
            sequence: 1,
            timestamp: 0,
            inbox: Vec::new(),
            crypto: None,
            rtcp_crypto: None,
            dtls: [None, None],
            ice: [None, None],
        }
    }

    /// The next 20 ms of sound.
    pub fn next_packet(&mut self) -> Vec<u8> {
        let packet = packets::rtp(self.payload_type, self.sequence, self.timestamp, self.ssrc);
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(160);
        match &mut self.crypto {
            Some(crypto) => crypto.protect(&packet),
            None => packet,
        }
    }

    /// Speaks DTLS if that is what has arrived; returns the answers.
    pub fn shake_hands(&mut self, now: Instant, on_rtcp_port: bool, payload: &[u8]) -> Vec<Vec<u8>> {
        let end = &mut self.dtls[usize::from(on_rtcp_port)];
        let Some(end) = end.as_mut().filter(|_| wire::classify(payload) == wire::Kind::Dtls) else {
            return Vec::new();
        };
        let was_connected = end.is_connected();
        let answers = end.take_in(now, payload);
        if let Some(crypto) = end.crypto().filter(|_| !was_connected) {
            let place = if on_rtcp_port { &mut self.rtcp_crypto } else { &mut self.crypto };
            *place = Some(crypto);
        }
        answers
    }
}
