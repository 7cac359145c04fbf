//! SRTP and SRTCP, in place and without IO.
//!
//! A [`Context`] holds the keyed state of one direction of one stream: session keys derived once (key derivation
//! rate 0), and per source the packet index and replay window. Packets are protected and unprotected in the buffer
//! they stand in; the buffer needs [`Suite::overhead`] bytes of tail room, plus the MKI.
//!
//! Sources: RFC 3711 (framework, AES-CM, F8, NULL), RFC 6188 (192 and 256 bit keys), RFC 7714 (AES-GCM),
//! RFC 4568 (suite names). No authenticated packet, no state: an unprotect that fails changes nothing.

#![forbid(unsafe_code)]

mod cipher;
mod context;
mod index;
mod kdf;
mod suite;

pub use context::{Context, MasterKey, Mki, Options, SourceState};
pub use index::{Index, estimate};
pub use suite::Suite;

/// Why a packet was not protected or unprotected. The packet is to be dropped and counted; nothing else follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("not an RTP or RTCP packet of this context's form")]
    Malformed,
    #[error("no tail room for tag and MKI")]
    NoRoom,
    #[error("authentication failed")]
    Authentication,
    #[error("the index was seen before or is too old")]
    Replay,
    #[error("the MKI is not the negotiated one")]
    UnknownMki,
    #[error("the key is used up: 2^48 RTP or 2^31 RTCP packets")]
    KeyExpired,
}

/// Key or salt do not fit the suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{suite:?} needs {needed} bytes of key and salt, not {given}")]
pub struct KeyLength {
    pub suite: Suite,
    pub needed: usize,
    pub given: usize,
}
