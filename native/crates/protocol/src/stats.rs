//! Statistics of a session. What was measured from packets and what peers report in RTCP are kept apart.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::{IceStats, SessionId, StreamId, StreamPath, Suspect, TapStats};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct SessionStats {
    pub session: SessionId,
    pub revision: u64,
    pub streams: Vec<StreamStats>,
    /// Absent: there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(test, ts(as = "Option<Vec<TapStats>>", optional))]
    pub taps: Vec<TapStats>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct StreamStats {
    pub stream: StreamId,
    /// The way RTP from the peer takes.
    pub path: StreamPath,
    pub rtp: ComponentStats,
    /// With `rtcp: muxed` this counts the RTCP that arrived on the RTP port.
    pub rtcp: ComponentStats,
    /// Codec of the last media packet from the peer, e.g. `PCMU`; `null` if unknown or none yet.
    pub codec_in: Option<String>,
    /// Codec of the last media packet sent to the peer.
    pub codec_out: Option<String>,
    /// SRTP suite of what the peer sends; `null`: none, or no keys yet.
    pub suite_in: Option<String>,
    /// SRTP suite of what is sent to the peer.
    pub suite_out: Option<String>,
    /// `null`: no ICE.
    pub ice: Option<IceStats>,
    /// Sources seen from the peer, at most eight: the idlest gives way.
    pub ingress: Vec<SsrcStats>,
    /// Sources sent to the peer, at most eight.
    pub egress: Vec<SsrcStats>,
    /// Sources that had to give way in `ingress`.
    pub ssrcs_forgotten: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ComponentStats {
    /// Relayed or consumed packets from the peer.
    pub received_packets: u64,
    /// UDP payload bytes of those.
    pub received_bytes: u64,
    pub sent_packets: u64,
    pub sent_bytes: u64,
    /// Not RTP or RTCP of version 2, or truncated.
    pub malformed: u64,
    /// From another source than the peer, and dropped.
    pub foreign: u64,
    /// From another source than the peer, and relayed all the same: the stream is not strict about sources.
    pub tolerated: u64,
    /// `null`: every packet has been the peer's as far as can be told.
    pub last_suspect: Option<Suspect>,
    /// Dropped because the peer may not send (hold) or its media is blocked.
    pub blocked: u64,
    /// Dropped because there is nobody to send it to yet.
    pub unroutable: u64,
    /// Dropped because it is of none of the streams of a bundle. Counted with the transport stream.
    pub unassigned: u64,
    /// SRTP or SRTCP that is not authentic, and dropped.
    pub authentication_failures: u64,
    /// Authentic but seen before, or too old to tell, and dropped.
    pub replays: u64,
    /// Dropped because there are no keys yet.
    pub unkeyed: u64,
    /// DTLS, handled here.
    pub handshake_packets: u64,
    /// Connectivity checks of the peer, and its answers to ours.
    pub checks: u64,
    /// STUN that does not prove to be the peer's, and dropped.
    pub refused_checks: u64,
    /// DTLS that is of no handshake and begins none, and dropped.
    pub refused_handshakes: u64,
    /// RTP with a payload type that was not negotiated; relayed all the same.
    pub unknown_payload_type: u64,
    /// Where packets to the peer go now.
    #[cfg_attr(test, ts(type = "string | null"))]
    pub remote: Option<SocketAddr>,
    pub remote_state: RemoteState,
    /// Milliseconds since the last packet from the peer; `null` if there was none.
    pub last_packet_ms_ago: Option<u64>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum RemoteState {
    /// Not signalled, nothing learned.
    #[default]
    Unknown,
    /// As in the SDP; no packet from there yet.
    Signalled,
    /// Seen in packets; a better source may still replace it.
    Provisional,
    /// Learned for good.
    Confirmed,
}

/// One RTP source (RFC 3550 §3).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct SsrcStats {
    pub ssrc: u32,
    pub packets: u64,
    pub bytes: u64,
    pub payload_type: u8,
    pub codec: Option<String>,
    pub last_sequence: u16,
    pub last_timestamp: u32,
    pub measured: MeasuredQuality,
    /// What the receiver of this source reports of it; `null` before its first usable report block.
    pub reported: Option<ReportedQuality>,
}

/// Quality as seen on arrival here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct MeasuredQuality {
    /// Packets expected less packets received (RFC 3550 A.3); duplicates can make it negative.
    pub lost: i64,
    pub duplicates: u64,
    pub reordered: u64,
    /// Interarrival jitter (RFC 3550 A.8) in milliseconds.
    pub jitter_ms: f64,
    /// Estimated listening quality from loss and jitter, 1.0 to 4.5 (simplified ITU-T G.107); `null` before the
    /// first second of media.
    pub mos: Option<f64>,
}

/// Quality from RTCP report blocks about this source.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ReportedQuality {
    pub reports: u64,
    /// Cumulative number of packets lost (RFC 3550 §6.4.1).
    pub lost: i64,
    /// Loss since the report before, percent.
    pub loss_percent: f64,
    pub jitter_ms: f64,
    /// Round trip between here and the reporter in microseconds; `null` without a usable LSR.
    pub round_trip_leg_us: Option<u64>,
    /// Sum of both legs in microseconds.
    pub round_trip_us: Option<u64>,
    pub average: Option<MosSample>,
    pub lowest: Option<MosSample>,
    pub highest: Option<MosSample>,
    /// Report blocks that gave a MOS.
    pub samples: u64,
    /// `null` without any.
    pub progression: Option<MosProgression>,
}

/// Samples over time, each the mean of an interval in which there were any.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct MosProgression {
    pub interval_ms: u64,
    /// At most ten, the oldest first.
    pub entries: Vec<MosSample>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct MosSample {
    /// 1.0 to 4.5.
    pub mos: f64,
    pub jitter_ms: f64,
    pub loss_percent: f64,
    pub round_trip_us: u64,
    pub round_trip_leg_us: u64,
    /// Milliseconds ago.
    pub ms_ago: u64,
}
