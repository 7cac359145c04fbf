//! What a peer gets in RTCP, where that is not simply what its counterpart sends.

use serde::{Deserialize, Serialize};

/// What a peer may get in RTCP. RTCP of the counterpart that breaks these rules is translated or dropped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct RtcpRules {
    /// Feedback (RFC 4585, 5104) the peer has agreed to. `null`: whatever its counterpart sends.
    pub feedback: Option<Vec<FeedbackKind>>,
    /// The peer takes compounds that begin with no report (RFC 5506).
    pub reduced_size: bool,
    /// `null`: no reports are made here.
    pub reports: Option<ReportsPlan>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum FeedbackKind {
    Nack,
    /// Picture loss indication.
    Pli,
    /// Full intra request.
    Fir,
    /// Temporary maximum bit rate, requests and notifications.
    Tmmbr,
    /// Receiver estimated maximum bit rate.
    Remb,
    /// Transport-wide congestion control.
    TransportCc,
    Other,
}

/// Sender and receiver reports of our own towards a peer (RFC 3550 §6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ReportsPlan {
    pub when: ReportsWhen,
    /// Least time between two of them, to which up to a second is added by chance, in milliseconds.
    pub interval_ms: u32,
    /// Share of RTCP in the session's bandwidth, in bits per second. 0: none are sent.
    pub bandwidth_bps: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum ReportsWhen {
    /// In place of those of the counterpart, which end here.
    Always,
    /// While the counterpart sends none.
    Missing,
}
