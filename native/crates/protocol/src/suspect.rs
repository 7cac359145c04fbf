//! Packets that are not, or not provably, the peer's: what becomes of them, and who sent them.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// What is wrong with such packets. All are dropped but `tolerated` ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum SuspectCause {
    /// From another source than the peer.
    Foreign,
    /// The same on a stream that is not strict about sources: relayed, but nothing is learned from it.
    Tolerated,
    /// SRTP or SRTCP that is not authentic.
    NotAuthentic,
    /// SRTP or SRTCP that was heard before, or is too old to tell.
    Replay,
    /// SRTP or SRTCP before there are keys.
    Unkeyed,
    /// STUN that does not prove to be the peer's.
    Check,
    /// DTLS that is of no handshake, and begins none that may be begun.
    Handshake,
    /// Neither RTP nor RTCP, nor anything else that belongs there.
    Malformed,
    /// Before the peer was signalled.
    Early,
}

/// Suspect packets of all streams since the start of the process, by cause.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct SuspectCounts {
    pub foreign: u64,
    pub tolerated: u64,
    pub not_authentic: u64,
    pub replay: u64,
    pub unkeyed: u64,
    pub check: u64,
    pub handshake: u64,
    pub malformed: u64,
    pub early: u64,
}

impl SuspectCounts {
    pub fn add(&mut self, more: &SuspectCounts) {
        self.foreign += more.foreign;
        self.tolerated += more.tolerated;
        self.not_authentic += more.not_authentic;
        self.replay += more.replay;
        self.unkeyed += more.unkeyed;
        self.check += more.check;
        self.handshake += more.handshake;
        self.malformed += more.malformed;
        self.early += more.early;
    }

    pub fn of(&mut self, cause: SuspectCause) -> &mut u64 {
        match cause {
            SuspectCause::Foreign => &mut self.foreign,
            SuspectCause::Tolerated => &mut self.tolerated,
            SuspectCause::NotAuthentic => &mut self.not_authentic,
            SuspectCause::Replay => &mut self.replay,
            SuspectCause::Unkeyed => &mut self.unkeyed,
            SuspectCause::Check => &mut self.check,
            SuspectCause::Handshake => &mut self.handshake,
            SuspectCause::Malformed => &mut self.malformed,
            SuspectCause::Early => &mut self.early,
        }
    }
}

/// The last suspect packet of a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Suspect {
    pub cause: SuspectCause,
    #[cfg_attr(test, ts(type = "string"))]
    pub source: SocketAddr,
}
