//! DTLS-SRTP without sockets: datagrams in, datagrams and SRTP keys out.
//!
//! An [`Association`] drives one OpenSSL handshake over an in-memory queue of datagrams. It does not judge the peer:
//! the caller compares [`Association::peer_fingerprint`] with the signalled one before it uses the keys
//! (RFC 8122 §5, RFC 5763 §5). Until then nothing in the clear reaches OpenSSL that could spoil the handshake
//! ([`gate`]). OpenSSL and not a smaller stack, because peers use RSA certificates and fragmented
//! ClientHellos.

#![forbid(unsafe_code)]

mod allowance;
mod association;
mod certificate;
mod gate;
mod message;
mod refusal;
mod signature;

pub use association::{Association, Keys, Role, State};
pub use certificate::{Certificate, FingerprintHash, KeyKind};
pub use refusal::Refusal;

/// OpenSSL could not set something up. Never caused by what a peer sends.
#[derive(Debug, thiserror::Error)]
#[error("OpenSSL: {0}")]
pub struct SetupError(#[from] openssl::error::ErrorStack);
