//! Why a request was refused: a closed list, each with one meaning and the data to act on.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "code", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum ErrorCode {
    /// The frame is not a request.
    #[error("bad frame: {reason}")]
    BadFrame { reason: String },
    /// The two halves come from different builds.
    #[error("the data plane is of another build: fingerprint {ours} there, {theirs} here")]
    FingerprintMismatch { ours: String, theirs: String },
    /// The session is at a later revision already.
    #[error("the session is at revision {current} already")]
    StalePlan { current: u64 },
    /// A pattern has changed the session since the control plane last heard of it: to be decided again.
    #[error("the session has changed meanwhile")]
    Overtaken,
    /// The plan contradicts itself.
    #[error("bad plan at {path}: {reason}")]
    BadPlan { path: String, reason: String },
    /// The plan names an interface that is not configured.
    #[error("no interface named {name}")]
    NoSuchInterface { name: String },
    /// The bind address is not on this host.
    #[error("address {address} is not an address of this host")]
    AddressNotLocal { address: IpAddr },
    /// Every port of the interface's range is taken or resting.
    #[error("no port left on interface {interface} ({address}): {in_use} in use")]
    PortRangeFull { interface: String, address: IpAddr, in_use: u32 },
    /// The process may open no more sockets.
    #[error("no socket left: {reason}")]
    OutOfSockets { reason: String },
    /// Somebody else has the port.
    #[error("port {port} of {address} is taken by somebody else")]
    PortBusy { address: IpAddr, port: u16 },
    /// The configured number of sessions is reached.
    #[error("the limit of {limit} sessions is reached")]
    TooManySessions { limit: u32 },
    /// This build or host cannot do it.
    #[error("not supported: {feature}")]
    Unsupported { feature: String },
    /// The process is about to end.
    #[error("shutting down")]
    ShuttingDown,
    /// A defect of ours; the log has the incident.
    #[error("internal error, incident {incident}")]
    Internal { incident: String },
}
