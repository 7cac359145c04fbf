//! The protection of one stream: whose keys, and how they come about. `None` streams have none of this.
//!
//! What a new plan resets: with `sdes`, see [`crate::keys`]. With `dtls`, a new association number begins a new
//! handshake, and the old keys stay in use until it has succeeded; new fingerprints alone change nothing about keys
//! in use. A change of the kind drops all keys.

use std::net::SocketAddr;

use protocol::{Component, DtlsRole, FingerprintPlan, SecurityPlan, StreamId, StreamPlan, StreamSnapshot};
use srtp::Suite;

use crate::{
    certificates::Certificates,
    handshake::{Agent, Place, Reach, Setup},
    keys::{Change, Keys, Material},
    moment::Moment,
};

pub struct Secured {
    /// Of RTP, and of RTCP if it has none of its own.
    keys: Keys,
    /// Of RTCP with an association of its own.
    rtcp_keys: Option<Box<Keys>>,
    pub dtls: Option<Box<Dtls>>,
}

impl std::fmt::Debug for Secured {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Keys never reach a log.
        formatter.debug_struct("Secured").field("dtls", &self.dtls).finish_non_exhaustive()
    }
}

/// DTLS towards one peer.
#[derive(Debug)]
pub struct Dtls {
    role: DtlsRole,
    fingerprints: Vec<FingerprintPlan>,
    association: u32,
    certificate: Option<Box<str>>,
    reach: Reach,
    rtp: Agent,
    rtcp: Option<Agent>,
}

/// What else there is to know when a plan is followed.
pub struct Turn<'a> {
    pub change: Change,
    /// RTCP has a port of its own.
    pub separate_rtcp: bool,
    /// What is one peer in handshakes.
    pub reach: Reach,
    /// To be continued after a restart.
    pub snapshot: Option<&'a StreamSnapshot>,
    /// Sources that were passed on unread so far, with their highest index: from the peer and to the peer.
    pub passed: Passed,
}

#[derive(Debug, Default)]
pub struct Passed {
    pub from_peer: Vec<(u32, u64)>,
    pub to_peer: Vec<(u32, u64)>,
}

impl Secured {
    /// What a checked plan makes of a stream's protection.
    pub fn follow(before: Option<Box<Secured>>, plan: &SecurityPlan, turn: Turn<'_>) -> Option<Box<Secured>> {
        match plan {
            SecurityPlan::None => None,
            SecurityPlan::Sdes { receive, send } => {
                let (receive, send) = (Material::of(receive).ok()?, Material::of(send).ok()?);
                let known = before.filter(|before| before.dtls.is_none());
                let is_new = known.is_none();
                let mut secured = known.unwrap_or_else(|| Box::new(Secured::new(None)));
                secured.keys.change(&receive, &send, turn.change);
                if is_new {
                    turn.passed.from_peer.iter().for_each(|(ssrc, index)| secured.keys.expect(*ssrc, *index));
                    turn.passed.to_peer.iter().for_each(|(ssrc, index)| secured.keys.skip_to(*ssrc, *index));
                }
                if let Some(snapshot) = turn.snapshot {
                    secured.keys.resume(&snapshot.rtp);
                }
                Some(secured)
            }
            SecurityPlan::Dtls { role, fingerprints, association, certificate } => {
                let known = before.filter(|before| before.dtls.is_some());
                let mut secured = known.unwrap_or_else(|| {
                    Box::new(Secured::new(Some(Dtls::new(*role, fingerprints, *association))))
                });
                secured.follow_dtls(*role, fingerprints, *association, &turn);
                if let Some(dtls) = &mut secured.dtls {
                    dtls.certificate = certificate.as_deref().map(Box::from);
                }
                Some(secured)
            }
        }
    }

    fn new(dtls: Option<Dtls>) -> Self {
        Secured { keys: Keys::default(), rtcp_keys: None, dtls: dtls.map(Box::new) }
    }

    fn follow_dtls(
        &mut self,
        role: DtlsRole,
        fingerprints: &[FingerprintPlan],
        association: u32,
        turn: &Turn<'_>,
    ) {
        let Some(dtls) = &mut self.dtls else { return };
        let association_changed = dtls.association != association;
        let changed = association_changed || dtls.role != role || dtls.fingerprints != fingerprints;
        dtls.role = role;
        dtls.fingerprints = fingerprints.to_vec();
        dtls.association = association;
        dtls.reach = turn.reach;
        if turn.separate_rtcp {
            dtls.rtcp.get_or_insert_default();
            self.rtcp_keys.get_or_insert_default();
        } else {
            dtls.rtcp = None;
            self.rtcp_keys = None;
        }
        if changed || turn.change != Change::Nothing {
            for agent in std::iter::once(&mut dtls.rtp).chain(&mut dtls.rtcp) {
                agent.replan(association_changed);
            }
        }
        if let Some(snapshot) = turn.snapshot.filter(|snapshot| snapshot.association == association) {
            self.resume_dtls(snapshot, fingerprints);
        }
    }

    /// Keys that were proven before a restart are good without another handshake.
    fn resume_dtls(&mut self, snapshot: &StreamSnapshot, fingerprints: &[FingerprintPlan]) {
        let Some(dtls) = self.dtls.as_mut().filter(|_| !fingerprints.is_empty()) else { return };
        if let Some(keys) = Keys::resumed(&snapshot.rtp) {
            self.keys = keys;
            dtls.rtp = Agent::established(snapshot.association);
        }
        let rtcp = snapshot.rtcp.as_ref().and_then(Keys::resumed);
        if let (Some(agent), Some(keys)) = (&mut dtls.rtcp, rtcp) {
            self.rtcp_keys = Some(Box::new(keys));
            *agent = Agent::established(snapshot.association);
        }
    }

    /// The keys of what comes or goes through this port.
    #[inline]
    pub fn keys(&mut self, port: Component) -> &mut Keys {
        match &mut self.rtcp_keys {
            Some(keys) if port == Component::Rtcp => keys,
            Some(_) | None => &mut self.keys,
        }
    }

    /// Takes over the keys of a handshake with the right peer.
    pub fn adopt(&mut self, port: Component, keys: &dtls::Keys) {
        let (receive, send) = (Material::new(keys.remote.clone()), Material::new(keys.local.clone()));
        // Peers begin at 0 with a new association.
        self.keys(port).change(&receive, &send, Change::Moved);
    }

    /// True if sequence numbers of some source are altered on their way to the peer.
    #[inline]
    pub fn shifts(&self) -> bool {
        self.keys.shifts()
    }

    /// What is added to the sequence numbers of a source on their way to the peer.
    pub fn shift_of(&self, ssrc: u32) -> Option<u16> {
        self.keys.shift_of(ssrc)
    }

    /// Bytes that protection adds to RTP.
    pub fn media_overhead(&self) -> usize {
        self.keys.overhead().saturating_sub(SRTCP_INDEX)
    }

    pub fn suite_in(&self) -> Option<Suite> {
        self.keys.suite_in()
    }

    pub fn suite_out(&self) -> Option<Suite> {
        self.keys.suite_out()
    }

    /// The plan this follows.
    pub fn plan(&self) -> SecurityPlan {
        if let Some(dtls) = &self.dtls {
            let Dtls { role, association, .. } = **dtls;
            let certificate = dtls.certificate.as_deref().map(str::to_owned);
            return SecurityPlan::Dtls {
                role,
                fingerprints: dtls.fingerprints.clone(),
                association,
                certificate,
            };
        }
        match self.keys.materials() {
            Some((receive, send)) => SecurityPlan::Sdes { receive: receive.plan(), send: send.plan() },
            None => SecurityPlan::None,
        }
    }

    /// What it takes to continue elsewhere; `None` before there are keys.
    pub fn snapshot(&self, stream: StreamId) -> Option<StreamSnapshot> {
        let rtp = self.keys.snapshot()?;
        let association = match &self.dtls {
            Some(dtls) => dtls.rtp.association()?,
            None => 0,
        };
        let rtcp_agent = self.dtls.as_ref().and_then(|dtls| dtls.rtcp.as_ref());
        let rtcp_keys =
            self.rtcp_keys.as_ref().filter(|_| rtcp_agent.and_then(Agent::association) == Some(association));
        Some(StreamSnapshot {
            stream,
            association,
            rtp,
            rtcp: rtcp_keys.and_then(|keys| keys.snapshot()),
            bundled: Vec::new(),
            ice: Vec::new(),
        })
    }
}

impl Dtls {
    fn new(role: DtlsRole, fingerprints: &[FingerprintPlan], association: u32) -> Self {
        Dtls {
            role,
            fingerprints: fingerprints.to_vec(),
            association,
            certificate: None,
            reach: Reach::Address,
            rtp: Agent::default(),
            rtcp: None,
        }
    }

    /// The agent behind a port, if DTLS is spoken there, and what it has to know.
    pub fn agent<'a>(
        &'a mut self,
        port: Component,
        certificates: &'a Certificates,
    ) -> Option<(&'a mut Agent, Setup<'a>)> {
        let setup = Setup {
            certificate: certificates.named(self.certificate.as_deref())?,
            role: self.role,
            fingerprints: &self.fingerprints,
            association: self.association,
        };
        let agent = match port {
            Component::Rtp => &mut self.rtp,
            Component::Rtcp => self.rtcp.as_mut()?,
        };
        Some((agent, setup))
    }

    /// True if DTLS is spoken on this port.
    pub fn is_spoken_on(&self, port: Component) -> bool {
        port == Component::Rtp || self.rtcp.is_some()
    }

    pub fn place(&self, at: SocketAddr) -> Place {
        Place { at, reach: self.reach }
    }

    /// Whether a datagram on this port is worth looking at; cheap.
    pub fn wants(&self, port: Component, now: Moment, from: SocketAddr, datagram: &[u8]) -> bool {
        let agent = match port {
            Component::Rtp => Some(&self.rtp),
            Component::Rtcp => self.rtcp.as_ref(),
        };
        agent.is_some_and(|agent| agent.wants(now, self.place(from), datagram, self.role))
    }
}

/// Says what is wrong with the protection a plan asks for.
pub fn check(plan: &StreamPlan) -> Result<(), (&'static str, String)> {
    match &plan.security {
        SecurityPlan::None => return Ok(()),
        SecurityPlan::Sdes { receive, send } => {
            Material::of(receive).map_err(|reason| ("security.receive", reason))?;
            Material::of(send).map_err(|reason| ("security.send", reason))?;
        }
        SecurityPlan::Dtls { fingerprints, certificate, .. } => {
            if certificate.as_ref().is_some_and(|name| name.len() > LONGEST_NAME) {
                return Err(("security.certificate", format!("exceeds {LONGEST_NAME} bytes")));
            }
            if fingerprints.len() > MOST_FINGERPRINTS {
                return Err(("security.fingerprints", format!("exceed {MOST_FINGERPRINTS}")));
            }
        }
    }
    match plan.kind {
        protocol::StreamKind::Rtp => Ok(()),
        protocol::StreamKind::Opaque => Err(("security", "is for RTP only".to_owned())),
    }
}

/// SRTCP has an index that SRTP has not.
const SRTCP_INDEX: usize = 4;
const MOST_FINGERPRINTS: usize = 16;
/// Of a certificate.
const LONGEST_NAME: usize = 64;
