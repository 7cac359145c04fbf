//! Packet formats as borrowed views: no state, no allocation, and no input that panics.

#![forbid(unsafe_code)]

pub mod demux;
pub mod dtls;
pub mod extension;
pub mod red;
pub mod rtcp;
pub mod rtp;
pub mod stun;
pub mod telephone_event;
pub mod turn;

pub use demux::{Kind, classify};
