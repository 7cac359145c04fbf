//! The language between the control plane (TypeScript) and the data plane (Rust).
//!
//! These types are the only schema: `npm run gen` prints them as TypeScript into
//! `src/dataplane/protocol.gen.ts`, together with [`FINGERPRINT`], which both sides compare in the first frame.
//! On the wire each message is one [frame](framing): a length and one JSON document.

#![forbid(unsafe_code)]

pub mod error;
pub mod fast_path;
pub mod framing;
pub mod ice;
pub mod message;
pub mod plan;
pub mod relay;
pub mod repeat;
pub mod reporting;
pub mod security;
pub mod stats;
pub mod suspect;
pub mod tap;

#[cfg(test)]
mod export;

pub use error::ErrorCode;
pub use fast_path::*;
pub use ice::*;
pub use message::*;
pub use plan::*;
pub use relay::*;
pub use repeat::*;
pub use reporting::*;
pub use security::*;
pub use stats::*;
pub use suspect::*;
pub use tap::*;

/// Hash of the schema text; two builds talk to each other only if it is the same.
pub const FINGERPRINT: &str = include_str!("fingerprint.txt");
