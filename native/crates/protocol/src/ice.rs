//! ICE (RFC 8445): what it shall do towards a peer, how far it has come, and what continues it after a crash.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::LocalId;

/// ICE towards the peer (RFC 8445).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct IcePlan {
    pub local_ufrag: String,
    pub local_pwd: String,
    /// `null`: not signalled yet.
    pub remote_ufrag: Option<String>,
    pub remote_pwd: Option<String>,
    pub role: IceRole,
    /// We are lite: we only answer checks.
    pub lite: bool,
    pub remote_lite: bool,
    /// The peer's: what stands behind `a=candidate:`.
    pub candidates: Vec<String>,
    pub end_of_candidates: bool,
    /// Grows with an ICE restart.
    pub generation: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum IceRole {
    Controlling,
    Controlled,
}

/// How far ICE with a peer has come: that of the component that is behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum IceState {
    /// The peer's credentials are not known yet; its checks are answered.
    Waiting,
    Checking,
    /// Pairs are valid, but not nominated yet.
    Connected,
    /// The pairs in use are nominated.
    Completed,
    /// No pair became valid in time. A check of the peer may still change that.
    Failed,
    /// The peer has stopped consenting (RFC 7675): nothing is sent to it until it answers again.
    Disconnected,
}

/// ICE with one peer, in the statistics.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct IceStats {
    pub state: IceState,
    /// As it is now; a role conflict may have changed it.
    pub role: IceRole,
    pub generation: u32,
    /// The pair in use, even if it is of the generation before.
    pub rtp: Option<IcePair>,
    /// The same of RTCP, if it has a port of its own.
    pub rtcp: Option<IcePair>,
    /// Our relayed candidate for RTP.
    #[cfg_attr(test, ts(type = "string | null"))]
    pub relayed: Option<SocketAddr>,
    /// Why there is none, though one was wanted, or why it is gone.
    pub relay_failure: Option<String>,
}

/// A candidate pair: our port and the peer's transport address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct IcePair {
    pub local: LocalId,
    #[cfg_attr(test, ts(type = "string"))]
    pub remote: SocketAddr,
    /// Packets go by way of our relayed candidate.
    pub relayed: bool,
}

/// What has to be known of ICE with a peer to go on with its valid pairs after a crash, for one pair of words: those of
/// the plan, or of before a restart that has not come to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct IceSnapshot {
    pub local_ufrag: String,
    pub local_pwd: String,
    pub remote_ufrag: String,
    pub remote_pwd: String,
    pub role: IceRole,
    /// Sixteen hexadecimal digits.
    pub tie_breaker: String,
    /// The pair in use first.
    pub rtp: Vec<ValidPair>,
    pub rtcp: Vec<ValidPair>,
}

/// A pair on which a check of ours was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ValidPair {
    pub pair: IcePair,
    pub nominated: bool,
}
