//! Protection of media: SRTP keys (RFC 3711, 4568), DTLS-SRTP (RFC 5764), and what continues it after a crash.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::{IceSnapshot, SessionId, StreamId};

/// How the packets exchanged with a stream's peer are protected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum SecurityPlan {
    /// Not at all, or by the end points themselves: relayed as they are.
    None,
    /// SRTP with keys from SDP.
    Sdes {
        /// Unprotects what the peer sends: the key in the peer's `a=crypto`.
        receive: SrtpKeyPlan,
        /// Protects what is sent to the peer: the key in our `a=crypto`.
        send: SrtpKeyPlan,
    },
    /// SRTP with keys from a DTLS handshake with the peer.
    Dtls {
        role: DtlsRole,
        /// The peer's; one that matches is enough. Empty: not signalled yet, and keys are held back until it is.
        fingerprints: Vec<FingerprintPlan>,
        /// Grows when the association has to be made anew. Old keys are in use until the new ones are there.
        association: u32,
        /// Which of the node's certificates the peer was told of. `null`, or not known any more: that of new calls.
        certificate: Option<String>,
    },
}

/// One master key, as in one `a=crypto` line.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct SrtpKeyPlan {
    /// Name in SDP, e.g. `AES_CM_128_HMAC_SHA1_80`.
    pub suite: String,
    pub key_base64: String,
    pub salt_base64: String,
    pub mki_base64: Option<String>,
    pub unencrypted_srtp: bool,
    pub unencrypted_srtcp: bool,
    pub unauthenticated_srtp: bool,
}

impl std::fmt::Debug for SrtpKeyPlan {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Keys never reach a log.
        formatter.debug_struct("SrtpKeyPlan").field("suite", &self.suite).finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum DtlsRole {
    /// We send the ClientHello.
    Active,
    /// We wait for it.
    Passive,
}

/// A certificate's fingerprint as in `a=fingerprint`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct FingerprintPlan {
    /// Name of the hash function, e.g. `sha-256`.
    pub hash: String,
    /// Hexadecimal octets with colons.
    pub value: String,
}

/// A certificate for DTLS with its private key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct CertificatePem {
    pub certificate: String,
    pub private_key: String,
    /// By a data plane; otherwise it comes from files.
    pub made_here: bool,
}

/// One of the node's certificates.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct CertificatePlan {
    /// What plans call it.
    pub id: String,
    pub pem: CertificatePem,
    pub key: CertificateKey,
    /// Milliseconds since 1970.
    pub valid_from_ms: u64,
    pub valid_until_ms: u64,
    /// The preferred one first.
    pub fingerprints: Vec<FingerprintPlan>,
}

/// The kind of key a certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum CertificateKey {
    /// P-256 if it is made here.
    Ecdsa,
    Rsa {
        bits: u32,
    },
}

impl std::fmt::Debug for CertificatePem {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Keys never reach a log.
        formatter.debug_struct("CertificatePem").field("made_here", &self.made_here).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for CertificatePlan {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let fingerprints = &self.fingerprints;
        formatter.debug_struct("CertificatePlan").field("fingerprints", fingerprints).finish_non_exhaustive()
    }
}

/// How far a DTLS association has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum DtlsState {
    Handshaking,
    /// Its keys are in use.
    Connected {
        suite: String,
    },
    /// Somebody has another certificate than signalled: its keys are not used.
    FingerprintMismatch {
        #[cfg_attr(test, ts(type = "string"))]
        source: SocketAddr,
    },
    /// The handshake broke off. It is tried again, ever more rarely.
    Failed {
        reason: String,
        #[cfg_attr(test, ts(type = "string"))]
        source: SocketAddr,
    },
}

/// What has to be known of a session's protection to continue it after a crash; taken again and again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct SessionSnapshot {
    pub session: SessionId,
    pub streams: Vec<StreamSnapshot>,
}

/// The same of one stream; handed back in its plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct StreamSnapshot {
    pub stream: StreamId,
    /// The DTLS association the keys are from; 0 with keys from SDP.
    pub association: u32,
    pub rtp: KeysSnapshot,
    /// RTCP, if it has keys of its own (DTLS without multiplexing).
    pub rtcp: Option<KeysSnapshot>,
    /// Of the transport stream of a bundle: which stream each source is of.
    pub bundled: Vec<BundledSource>,
    /// The newest words first.
    pub ice: Vec<IceSnapshot>,
}

/// A source of a bundle that was told apart by its header extension or payload type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct BundledSource {
    pub ssrc: u32,
    pub stream: StreamId,
}

/// Keys in use and how far they are used.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct KeysSnapshot {
    pub receive: Option<KeySnapshot>,
    pub send: Option<KeySnapshot>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct KeySnapshot {
    pub key: SrtpKeyPlan,
    pub sources: Vec<SourceSnapshot>,
}

/// How far one source is in its use of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct SourceSnapshot {
    pub ssrc: u32,
    /// Highest SRTP index: 32 bits of roll-over counter, 16 of sequence number.
    pub rtp_index: Option<u64>,
    /// Highest SRTCP index.
    pub rtcp_index: Option<u32>,
    /// Added to the sequence numbers of this source when they are sent on.
    pub sequence_offset: u16,
}
