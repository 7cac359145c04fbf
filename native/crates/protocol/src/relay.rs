//! Relayed candidates of our own (RFC 8656): who gives them, where they are wanted, what has become of them.

use std::{fmt, net::SocketAddr};

use serde::{Deserialize, Serialize};

/// A TURN server, to be spoken to over UDP.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct RelayServerPlan {
    #[cfg_attr(test, ts(type = "string"))]
    pub address: SocketAddr,
    pub username: String,
    pub password: String,
}

impl fmt::Debug for RelayServerPlan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Passwords never reach a log.
        formatter.debug_struct("RelayServerPlan").field("address", &self.address).finish_non_exhaustive()
    }
}

/// The ports of a local want relayed addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct RelayPlan {
    /// RTCP has a candidate of its own.
    pub separate_rtcp: bool,
    /// As granted before. `null`: to be asked for.
    #[cfg_attr(test, ts(type = "string | null"))]
    pub rtp: Option<SocketAddr>,
    #[cfg_attr(test, ts(type = "string | null"))]
    pub rtcp: Option<SocketAddr>,
}

/// What the server has said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum RelayOutcome {
    /// These are candidates from now on.
    Granted {
        #[cfg_attr(test, ts(type = "string"))]
        rtp: SocketAddr,
        #[cfg_attr(test, ts(type = "string | null"))]
        rtcp: Option<SocketAddr>,
    },
    Failed {
        reason: String,
    },
    /// What was granted is so no more.
    Lost {
        reason: String,
    },
}
