//! Taps: copies of a session's packets, to a file or to somebody who listens along.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::StreamId;

/// Names a tap within its session. While a tap stays in the plan, so do its counters and its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct TapId(pub u32);

/// Copies packets that were accepted, in the clear. At most eight of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct TapPlan {
    pub id: TapId,
    /// Whose packets, each stream once.
    pub streams: Vec<StreamId>,
    pub side: TapSide,
    /// RTCP is copied, too.
    pub rtcp: bool,
    /// Nothing is copied for now.
    pub paused: bool,
    pub target: TapTarget,
}

/// Which packets of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum TapSide {
    /// From its peer, as they arrived.
    Arriving,
    /// To its peer, as they are sent.
    Leaving,
    Both,
}

/// Where copies go. A tap with another target begins anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum TapTarget {
    /// A capture file. Created in a directory that is there; appended to if the file is there already.
    Pcap {
        /// Absolute.
        path: String,
        link: PcapLink,
    },
    /// Datagrams with the packet alone, from a socket of the data plane.
    Datagrams {
        #[cfg_attr(test, ts(type = "string"))]
        rtp: SocketAddr,
        /// `null`: RTCP is not copied.
        #[cfg_attr(test, ts(type = "string | null"))]
        rtcp: Option<SocketAddr>,
    },
}

/// What a packet in a capture file begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum PcapLink {
    /// Its IP header (LINKTYPE_RAW).
    RawIp,
    /// A made-up Ethernet header.
    Ethernet,
}

/// What has become of a tap's copies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct TapStats {
    pub id: TapId,
    /// Written or sent.
    pub packets: u64,
    /// RTP and RTCP bytes of those.
    pub bytes: u64,
    /// Copies that were lost, because the recorder was behind or its target has failed.
    pub dropped: u64,
    /// Why nothing is written or sent now. `null`: all is well.
    pub failure: Option<String>,
}
