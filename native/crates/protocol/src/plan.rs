//! The desired state of one call, complete in itself: applying the same plan twice changes nothing.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::{IcePlan, RelayPlan, RtcpRules, SecurityPlan, StreamSnapshot, TapPlan};

/// Names a session. The control plane uses the Call-ID.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct SessionId(pub String);

/// Names a stream within its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct StreamId(pub u32);

/// Names a pair of local ports within its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct LocalId(pub u32);

/// Everything the data plane has to know of a call. A plan is complete: what it does not name ends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct SessionPlan {
    pub session: SessionId,
    /// Grows with every change. A lower one than the current is refused with `stalePlan`.
    pub revision: u64,
    /// The control plane's own record of the call, opaque here. At most 16 kB.
    pub memo: String,
    /// Type-of-service byte of every packet sent (RFC 2474: DSCP in the upper six bits).
    pub tos: u8,
    pub timeouts: TimeoutPlan,
    /// Keys that parties press (RFC 4733) are reported, whether they are relayed or not.
    pub report_telephone_events: bool,
    pub streams: Vec<StreamPlan>,
    pub routes: Vec<RoutePlan>,
    /// Absent: nobody gets copies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(test, ts(as = "Option<Vec<TapPlan>>", optional))]
    pub taps: Vec<TapPlan>,
}

/// When to report a call whose media has died. The data plane only reports; the control plane ends calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct TimeoutPlan {
    /// No packet on any stream that may receive, in milliseconds.
    pub media_ms: u64,
    /// The same for a call in which no stream may receive (hold), in milliseconds.
    pub silent_ms: u64,
    /// The same for streams whose far end has not been signalled yet (unanswered), in milliseconds.
    pub offer_ms: u64,
    /// A stream that may receive and never had a packet, in milliseconds from its answer. `null`: not watched.
    pub first_packet_ms: Option<u64>,
}

/// One media stream of one leg, i.e. one `m=` section as seen from the proxy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct StreamPlan {
    pub id: StreamId,
    /// Local ports. The first is the one in use (packets leave from it); the others stay bound, still receive,
    /// and keep their port numbers for the case that the peer returns to them. Empty only for a bundled stream.
    pub locals: Vec<LocalPlan>,
    /// `null`: the stream has a transport of its own.
    pub bundle: Option<Box<BundlePlan>>,
    pub kind: StreamKind,
    /// Where the peer's RTCP goes and comes from.
    pub rtcp: RtcpMode,
    /// What it gets in RTCP. `null`: what its counterpart sends, as it is.
    pub rtcp_rules: Option<RtcpRules>,
    /// The peer's transport addresses as negotiated. `null` until its SDP is known.
    pub remote: Option<RemotePlan>,
    /// Addresses of an offer that has not been answered yet: the stream goes on with `remote` (or what was
    /// learned) and moves over when a packet arrives from here, or when the next plan says so.
    pub pending_remote: Option<RemotePlan>,
    /// What had been learned before, when a session is brought back after a crash.
    pub resume: Option<RemotePlan>,
    /// Keys and how far they were used, when a session is brought back after a crash.
    pub snapshot: Option<StreamSnapshot>,
    pub security: SecurityPlan,
    /// `null`: no ICE.
    pub ice: Option<IcePlan>,
    pub learning: LearningPlan,
    /// The peer may send to us: its packets are relayed. Otherwise they are counted and dropped (hold).
    pub receive: bool,
    /// RTP header extensions of the peer that nobody gets to see, by their numbers: such elements become padding. At
    /// most 16.
    pub hidden_extensions: Vec<u8>,
    /// Negotiated payload types, to name the codec in use and to know the RTP clock. At most 64.
    pub payloads: Vec<PayloadPlan>,
    /// The peer belongs to no conversation, it listens to one: whether it sends or not tells nothing of the call's
    /// life, and what it reports is not how the parties hear each other.
    #[serde(default, skip_serializing_if = "is_false")]
    #[cfg_attr(test, ts(as = "Option<bool>", optional))]
    pub listener: bool,
}

fn is_false(value: &bool) -> bool {
    !value
}

/// A stream that shares its transport with others (RFC 8843). Ports, security and ICE are those of the transport
/// stream; locals of the other streams only wait for these to leave the bundle. RTCP is multiplexed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct BundlePlan {
    /// The stream whose transport this one uses. The transport stream names itself.
    pub transport: StreamId,
    /// The stream's `a=mid`.
    pub mid: Option<String>,
    /// Number of the RTP header extension `urn:ietf:params:rtp-hdrext:sdes:mid` towards this peer. `null`: not agreed.
    pub mid_extension: Option<u8>,
    /// The peer's sources of this stream, as signalled with `a=ssrc`. At most 64.
    pub ssrcs: Vec<u32>,
}

/// Local transport addresses of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct LocalPlan {
    pub id: LocalId,
    /// Name of a configured interface.
    pub interface: String,
    /// One of that interface's bind addresses.
    #[cfg_attr(test, ts(type = "string"))]
    pub address: IpAddr,
    /// RTP port. `null`: choose one from the interface's range and report it. Otherwise exactly this one.
    pub port: Option<u16>,
    pub span: PortSpan,
    /// Absent: no relayed addresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub relay: Option<Box<RelayPlan>>,
}

/// How many ports a local has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum PortSpan {
    /// RTP on an even port and RTCP on the next one (RFC 3550 §11).
    Pair,
    /// One port of any parity: RTP and RTCP multiplexed (RFC 5761), or not RTP at all.
    Single,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum StreamKind {
    /// RTP and RTCP.
    Rtp,
    /// Any other protocol over UDP (UDPTL, BFCP, DTLS-SCTP): relayed as it is.
    Opaque,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum RtcpMode {
    /// RTCP has its own port on both sides.
    Separate,
    /// RTCP shares the RTP port towards this peer (RFC 5761).
    Muxed,
    /// There is none.
    None,
}

/// A peer's transport addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct RemotePlan {
    #[cfg_attr(test, ts(type = "string"))]
    pub rtp: SocketAddr,
    /// `null` with `rtcp: muxed` or `none`.
    #[cfg_attr(test, ts(type = "string | null"))]
    pub rtcp: Option<SocketAddr>,
}

/// How a stream learns where its peer really is (latching, RFC 7362).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct LearningPlan {
    pub mode: LearningMode,
    /// After learning, packets from any other source are dropped and counted.
    pub strict: bool,
    /// After learning, follow a new source at once. Open to hijacking; only on request.
    pub handover: bool,
    /// Send to the signalled address whatever was learned.
    pub asymmetric: bool,
    /// Send nothing to the peer before it has sent something itself.
    pub wait: bool,
    /// Send the peer a small packet each second until it is found, so that its NAT lets media in.
    pub pierce: bool,
    /// Grows when signalling gives a reason to learn again (a changed address, a re-INVITE).
    pub epoch: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum LearningMode {
    /// The signalled address is right.
    Off,
    /// The first packet's source is right.
    Immediate,
    /// The source seen first after the learning window is right; until then each new source is tried.
    Delayed,
    /// The source nearest to the signalled address within the learning window is right.
    Heuristic,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct PayloadPlan {
    pub payload_type: u8,
    /// Encoding name as in `a=rtpmap`, e.g. `PCMU`.
    pub codec: String,
    /// RTP clock in Hz.
    pub clock_rate: u32,
}

/// Packets received on stream `from` leave on stream `to`; RTCP follows its RTP. A route from a stream to itself is
/// an echo: RTP comes back as if from another source, RTCP stays here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct RoutePlan {
    pub from: StreamId,
    pub to: StreamId,
    /// What happens to media; RTCP is relayed unless it is `drop`.
    pub media: MediaAction,
    /// What happens to telephone events (RFC 4733).
    pub telephone_events: EventAction,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum MediaAction {
    Forward,
    /// Nothing goes out.
    Drop,
    /// The payload is replaced by the codec's silence (G.711, G.722); other codecs are dropped.
    Silence,
}

/// What the listener gets for a key that is pressed. An event that has begun ends as it began, whatever a later plan says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum EventAction {
    Forward,
    /// Nothing goes out.
    Drop,
    /// Silence of the codec in use (G.711, G.722), as long as the key is held; with other codecs nothing goes out.
    Silence,
    /// Another key: always the same.
    Replace {
        /// 0 to 15, as in RFC 4733.
        event: u8,
    },
    /// Another key: one of the ten digits for each press, which without the seed tells nothing of the key.
    Random {
        seed: [u32; 2],
    },
    /// A sine in the codec in use (G.711), as long as the key is held; with other codecs nothing goes out.
    Tone {
        /// In Hz, the next one for each press. 1 to 8 of them.
        frequencies: Vec<u16>,
        /// Decibels below full scale, 0 to 63.
        volume: u8,
    },
}
