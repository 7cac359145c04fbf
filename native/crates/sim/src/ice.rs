//! ICE as a peer does it: another implementation than ours (the crate `is`), one agent per port.

use std::{net::SocketAddr, time::Instant};

use is::{
    Candidate, IceAgent, IceAgentEvent, IceCreds, Protocol,
    stun::{StunMessage, StunPacket},
};
use protocol::{
    IcePair, IcePlan, IceRole, IceSnapshot, KeysSnapshot, RtcpMode, StreamPlan, StreamSnapshot, ValidPair,
};

/// Our credentials in the plans of tests.
pub const LOCAL: (&str, &str) = ("tandem01", "abcdefghijklmnopqrstuvwx");
/// The peer's.
pub const REMOTE: (&str, &str) = ("peer", "zyxwvutsrqponmlkjihgfedc");

/// A peer's end of ICE on one of its ports.
pub struct IceEnd {
    agent: IceAgent,
    own: SocketAddr,
    nominated: Option<SocketAddr>,
}

impl std::fmt::Debug for IceEnd {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("IceEnd").field("own", &self.own).finish_non_exhaustive()
    }
}

impl IceEnd {
    /// A full agent that knows where the proxy is.
    pub fn new(own: SocketAddr, controlling: bool, proxy: &[SocketAddr]) -> IceEnd {
        IceEnd::with(own, controlling, proxy, REMOTE, LOCAL)
    }

    /// The same with other credentials: its own, and the proxy's.
    pub fn with(
        own: SocketAddr,
        controlling: bool,
        proxy: &[SocketAddr],
        theirs: (&str, &str),
        ours: (&str, &str),
    ) -> IceEnd {
        let mut agent = IceAgent::new(credentials(theirs));
        agent.set_controlling(controlling);
        agent.add_local_candidate(host(own));
        agent.set_remote_credentials(credentials(ours));
        for address in proxy {
            agent.add_remote_candidate(host(*address));
        }
        IceEnd { agent, own, nominated: None }
    }

    pub fn lite(mut self) -> IceEnd {
        self.agent.set_ice_lite(true);
        self
    }

    pub fn with_tie_breaker(mut self, tie_breaker: u64) -> IceEnd {
        self.agent.set_control_tie_breaker(tie_breaker);
        self
    }

    /// Where it sends media to.
    pub fn nominated(&self) -> Option<SocketAddr> {
        self.nominated
    }

    pub fn is_connected(&self) -> bool {
        self.agent.state().is_connected()
    }

    pub fn is_controlling(&self) -> bool {
        self.agent.controlling()
    }

    pub fn poll_timeout(&mut self) -> Option<Instant> {
        self.agent.poll_timeout()
    }

    pub fn handle_timeout(&mut self, now: Instant) -> Vec<(SocketAddr, Vec<u8>)> {
        self.agent.handle_timeout(now);
        self.outgoing()
    }

    /// Takes in a datagram; returns what is to be sent. `None` if it is not STUN.
    pub fn take_in(
        &mut self,
        now: Instant,
        from: SocketAddr,
        datagram: &[u8],
    ) -> Option<Vec<(SocketAddr, Vec<u8>)>> {
        if wire::classify(datagram) != wire::Kind::Stun {
            return None;
        }
        if let Ok(message) = StunMessage::parse(datagram) {
            let packet = StunPacket { proto: Protocol::Udp, source: from, destination: self.own, message };
            self.agent.handle_packet(now, packet);
            self.agent.handle_timeout(now);
        }
        Some(self.outgoing())
    }

    fn outgoing(&mut self) -> Vec<(SocketAddr, Vec<u8>)> {
        while let Some(event) = self.agent.poll_event() {
            if let IceAgentEvent::NominatedSend { destination, .. } = event {
                self.nominated = Some(destination);
            }
        }
        let transmits = std::iter::from_fn(|| self.agent.poll_transmit());
        transmits.map(|transmit| (transmit.destination, transmit.contents.to_vec())).collect()
    }
}

/// A plan for ICE with a peer whose RTP port is at this address; RTCP is on the next one.
pub fn plan(role: IceRole, peer: SocketAddr) -> IcePlan {
    let rtcp = SocketAddr::new(peer.ip(), peer.port() + 1);
    IcePlan {
        local_ufrag: LOCAL.0.to_owned(),
        local_pwd: LOCAL.1.to_owned(),
        remote_ufrag: Some(REMOTE.0.to_owned()),
        remote_pwd: Some(REMOTE.1.to_owned()),
        role,
        lite: false,
        remote_lite: false,
        candidates: vec![candidate(1, peer), candidate(2, rtcp)],
        end_of_candidates: true,
        generation: 0,
    }
}

/// Has a stream go on with a pair that was nominated before a restart, RTCP multiplexed.
pub fn nominated(stream: &mut StreamPlan) {
    let (Some(remote), Some(local)) = (stream.remote, stream.locals.first()) else {
        panic!("the stream has no addresses");
    };
    let pair = IcePair { local: local.id, remote: remote.rtp, relayed: false };
    let role = IceRole::Controlled;
    let ice = IceSnapshot {
        local_ufrag: LOCAL.0.to_owned(),
        local_pwd: LOCAL.1.to_owned(),
        remote_ufrag: REMOTE.0.to_owned(),
        remote_pwd: REMOTE.1.to_owned(),
        role,
        tie_breaker: "0123456789abcdef".to_owned(),
        rtp: vec![ValidPair { pair, nominated: true }],
        rtcp: Vec::new(),
    };
    stream.rtcp = RtcpMode::Muxed;
    stream.ice = Some(plan(role, remote.rtp));
    stream.snapshot = Some(StreamSnapshot {
        stream: stream.id,
        association: 0,
        rtp: KeysSnapshot::default(),
        rtcp: None,
        bundled: Vec::new(),
        ice: vec![ice],
    });
}

/// A host candidate as in SDP.
pub fn candidate(component: u8, address: SocketAddr) -> String {
    let priority = 2_130_706_432 - u32::from(component);
    format!("1 {component} UDP {priority} {} {} typ host", address.ip(), address.port())
}

fn credentials((ufrag, pass): (&str, &str)) -> IceCreds {
    IceCreds { ufrag: ufrag.to_owned(), pass: pass.to_owned() }
}

fn host(address: SocketAddr) -> Candidate {
    match Candidate::host(address, "udp") {
        Ok(candidate) => candidate,
        Err(error) => panic!("{error}"),
    }
}
