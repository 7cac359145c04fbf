//! The data plane process: a Unix socket for the control plane, and threads that relay packets.

pub mod carrier;
pub mod certificates;
pub mod child;
pub mod clients;
pub mod connection;
pub mod control;
pub mod ending;
pub mod fanout;
pub mod fast_path;
pub mod inherited;
pub mod listener;
pub mod local;
pub mod options;
pub mod recorder;
pub mod repeater;
pub mod run;
pub mod shard;
pub mod shared;
pub mod sockets;
pub mod worker;
