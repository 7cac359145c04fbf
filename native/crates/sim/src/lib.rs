//! Test only: a virtual network with NATs, loss and RTP peers around the real engine, in virtual time.
//!
//! Everything is decided by the seed; nothing sleeps.

#![forbid(unsafe_code)]

pub mod bundle;
mod checks;
pub mod course;
pub mod crypto;
pub mod ice;
pub mod inputs;
mod kernel;
mod nat;
mod network;
#[expect(clippy::expect_used, reason = "a broken expectation is what it looks for")]
pub mod ops;
pub mod packets;
mod peer;
pub mod plans;
mod proxy;
mod random;
mod records;
mod scene;
mod tape;

pub use kernel::Kernel;
pub use nat::{Behaviour, NatId};
pub use network::{Link, Network, Traffic, Way};
pub use peer::{PeerId, Received};
pub use proxy::{PROXY_IPV4, PROXY_IPV6, Proxy, Sent};
pub use random::Random;
pub use scene::{ALICE, BOB, MALLORY, Scene};
pub use tape::{Taken, Tape};
