//! Requests, responses and events.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::{
    CertificateKey, CertificatePem, CertificatePlan, DtlsState, ErrorCode, FastPathPlan, FastPathStatus,
    IceState, LocalId, PatternPlan, RelayOutcome, RelayServerPlan, RepeatCounters, SessionId, SessionPlan,
    SessionSnapshot, SessionStats, StreamId, SuspectCause, SuspectCounts, TapId,
};

/// One frame from the control plane.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ToDataPlane {
    /// Chosen by the control plane; the response carries it back.
    pub id: u64,
    /// The last `seq` of `repeated` that the control plane had taken in.
    pub seen: u64,
    pub request: Request,
}

/// One frame from the data plane.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum FromDataPlane {
    /// The request of this id was carried out.
    Ok { id: u64, response: Response },
    /// The request of this id was refused; nothing changed.
    Error { id: u64, error: ErrorCode },
    /// Something happened by itself. `seq` grows by one with each event of a connection.
    Event { seq: u64, event: Event },
    /// A request of a client was answered by a pattern: the session is what the pattern makes of these values, or has
    /// ended. Comes before anything that happened after it. `seq` grows by one, over all connections of this start.
    Repeated {
        seq: u64,
        pattern: u32,
        /// How long that took.
        micros: u32,
        /// All values of the session, with a space between them; if it has ended, those of the request.
        values: String,
    },
    /// A request of a client, for the control plane to answer with `send`. One byte a character.
    Datagram {
        socket: u32,
        #[cfg_attr(test, ts(type = "string"))]
        from: SocketAddr,
        bytes: String,
    },
}

/// A request from the control plane. Every request but `send` and `seen` gets exactly one response.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum Request {
    /// First frame of a connection. Anything else before it closes the connection.
    Hello { fingerprint: String, node: String, position: Option<LogPosition> },
    /// Interfaces and limits. Idempotent; interfaces in use by sessions stay as long as those live.
    Configure { configuration: Configuration },
    /// Makes the session look like the plan. Creates it if it does not exist.
    Apply { plan: Box<SessionPlan> },
    /// Ends a session and returns its last statistics. Unknown sessions are not an error.
    Release { session: SessionId },
    /// Plans of all sessions in order of their id, with the ports filled in, for re-attach. Answered in pages.
    List { after: Option<SessionId>, limit: u32 },
    /// Statistics of these sessions; unknown ones are left out.
    Stats { sessions: Vec<SessionId> },
    /// What it takes to continue the protection of all protected sessions, in order of their id. Answered in
    /// pages.
    Snapshot { after: Option<SessionId>, limit: u32 },
    /// Begins to make a certificate with this kind of key, for new calls, unless another one than `instead_of` is first
    /// already. Answered at once; to be asked again until there is one.
    #[serde(rename_all = "camelCase")]
    RenewCertificate { key: CertificateKey, instead_of: String },
    /// The state of the process.
    Status,
    /// Requests of this kind may be answered from now on. Those that are refused here are passed on all the same.
    Learn { pattern: Box<PatternPlan> },
    /// All requests are passed on again, until new patterns come.
    Forget,
    /// Only says how far the control plane has read.
    Seen,
    /// Sends a datagram from a control socket. One byte a character.
    Send {
        socket: u32,
        #[cfg_attr(test, ts(type = "string"))]
        to: SocketAddr,
        bytes: String,
    },
}

/// How far a control plane that connects again has read of `repeated`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct LogPosition {
    /// Of the data plane it was connected to.
    pub boot: String,
    pub seq: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum Response {
    /// `boot` is new with every start of the data plane.
    Hello {
        boot: String,
        sessions: u32,
    },
    /// The certificates of this node, that of new calls first.
    Configured {
        certificates: Vec<CertificatePlan>,
    },
    Applied {
        bound: Vec<BoundLocal>,
    },
    Released {
        stats: Option<Box<SessionStats>>,
    },
    Sessions {
        plans: Vec<SessionPlan>,
        more: bool,
    },
    Stats {
        sessions: Vec<SessionStats>,
    },
    Snapshot {
        sessions: Vec<SessionSnapshot>,
        more: bool,
    },
    Status {
        status: Box<Status>,
    },
    Learned,
    Forgotten,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Configuration {
    pub interfaces: Vec<InterfacePlan>,
    /// A released port rests this long before it is given out again, in milliseconds.
    pub port_rest_ms: u64,
    /// Sessions beyond this are refused with `tooManySessions`.
    pub max_sessions: Option<u32>,
    /// Patterns make no sessions beyond this.
    pub max_repeated: Option<u32>,
    /// DTLS certificates, that of new calls first; so fingerprints stay valid when the data plane restarts. Those it
    /// has besides are kept behind them, and if none is given, as they are.
    pub certificates: Vec<CertificatePem>,
    pub fast_path: FastPathPlan,
    /// `null`: there are no relayed candidates.
    pub relay_server: Option<Box<RelayServerPlan>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct InterfacePlan {
    pub name: String,
    /// Local addresses sockets are bound to.
    #[cfg_attr(test, ts(type = "Array<string>"))]
    pub addresses: Vec<IpAddr>,
    /// First and last port of the range, both included.
    pub port_min: u16,
    pub port_max: u16,
    /// Ports of the range that are never given out (other listeners).
    pub excluded: Vec<u16>,
}

/// The ports a local got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct BoundLocal {
    pub local: LocalId,
    /// RTP port; RTCP is the next one if the span is a pair.
    pub port: u16,
}

/// Which half of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum Component {
    /// RTP (1 in RFC 8445).
    Rtp,
    /// RTCP (2 in RFC 8445).
    Rtcp,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum Event {
    /// The peer was found at this address (confirmed, not provisional).
    #[serde(rename_all = "camelCase")]
    RemoteLearned {
        session: SessionId,
        revision: u64,
        stream: StreamId,
        component: Component,
        #[cfg_attr(test, ts(type = "string"))]
        address: SocketAddr,
    },
    /// Packets that are not, or not provably, the peer's. At most one per component and cause in ten seconds, and at
    /// most fifty of a packet thread; what was left out is in the next one.
    #[serde(rename_all = "camelCase")]
    SuspectPackets {
        session: SessionId,
        revision: u64,
        stream: StreamId,
        component: Component,
        cause: SuspectCause,
        /// Of the last one.
        #[cfg_attr(test, ts(type = "string"))]
        source: SocketAddr,
        packets: u64,
    },
    /// No media for too long. Repeated every three seconds while that lasts.
    #[serde(rename_all = "camelCase")]
    MediaTimeout { session: SessionId, revision: u64, reason: TimeoutReason, last_packet_ms_ago: Option<u64> },
    /// A stream that may receive has had no packet since its answer. Reported once per stream.
    #[serde(rename_all = "camelCase")]
    NoFirstPacket { session: SessionId, revision: u64, stream: StreamId },
    /// A key was pressed and released on a stream of a session that reports telephone events. Once for each key.
    #[serde(rename_all = "camelCase")]
    TelephoneEvent {
        session: SessionId,
        revision: u64,
        stream: StreamId,
        /// 0 to 9, 10 `*`, 11 `#`, 12 to 15 `A` to `D`.
        event: u8,
        /// In units of the clock.
        duration: u32,
        /// In Hz.
        clock_rate: u32,
        /// Decibels below 0 dBm0.
        volume: u8,
        payload_type: u8,
        #[cfg_attr(test, ts(type = "string"))]
        source: SocketAddr,
    },
    /// A DTLS association has come further.
    #[serde(rename_all = "camelCase")]
    DtlsState { session: SessionId, revision: u64, stream: StreamId, component: Component, state: DtlsState },
    /// ICE with a peer has come further, or not.
    #[serde(rename_all = "camelCase")]
    IceState { session: SessionId, revision: u64, stream: StreamId, state: IceState },
    /// It is settled whether a local has relayed addresses, or that has changed.
    #[serde(rename_all = "camelCase")]
    Relay { session: SessionId, revision: u64, stream: StreamId, local: LocalId, outcome: RelayOutcome },
    /// Copies of a tap are lost from now on. Once for each failure; the call goes on, and the next plan tries again.
    #[serde(rename_all = "camelCase")]
    TapFailed { session: SessionId, tap: TapId, reason: String },
}

impl Event {
    /// Where it happened.
    pub fn session(&self) -> &SessionId {
        match self {
            Self::RemoteLearned { session, .. }
            | Self::SuspectPackets { session, .. }
            | Self::MediaTimeout { session, .. }
            | Self::NoFirstPacket { session, .. }
            | Self::TelephoneEvent { session, .. }
            | Self::DtlsState { session, .. }
            | Self::IceState { session, .. }
            | Self::Relay { session, .. }
            | Self::TapFailed { session, .. } => session,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum TimeoutReason {
    Media,
    Silent,
    Offer,
}

/// State of the data plane process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Status {
    pub version: String,
    pub boot: String,
    pub sessions: u32,
    pub shards: u32,
    pub data_path: DataPath,
    pub fast_path: FastPathStatus,
    pub interfaces: Vec<InterfaceStatus>,
    pub counters: NodeCounters,
    pub repeats: RepeatCounters,
}

/// Which way packets take, and why that one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct DataPath {
    /// `io_uring` or `mmsg`.
    pub name: String,
    pub reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct InterfaceStatus {
    pub name: String,
    #[cfg_attr(test, ts(type = "string"))]
    pub address: IpAddr,
    pub port_min: u16,
    pub port_max: u16,
    pub ports_used: u32,
    pub ports_resting: u32,
    pub ports_free: u32,
    pub traffic: InterfaceTraffic,
}

/// What an address of ours has relayed or consumed from its peers, and sent to them, RTCP included, since the start of
/// the process. With several addresses a stream counts at its first one. UDP payload bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct InterfaceTraffic {
    pub received_packets: u64,
    pub received_bytes: u64,
    /// Not, or not provably, a peer's, or of no negotiated payload type.
    pub received_errors: u64,
    pub sent_packets: u64,
    pub sent_bytes: u64,
}

/// Counters of the whole process since its start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct NodeCounters {
    pub received_packets: u64,
    pub received_bytes: u64,
    pub sent_packets: u64,
    pub sent_bytes: u64,
    pub dropped_packets: u64,
    /// Packets the kernel or the send queue did not take.
    pub send_failures: u64,
    /// Packets relayed in the kernel; in `received` and `sent`, too.
    pub fast_path_packets: u64,
    pub fast_path_bytes: u64,
    pub suspect: SuspectCounts,
}
