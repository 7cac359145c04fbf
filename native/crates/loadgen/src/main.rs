//! Load generator of the benchmarks: makes calls over ng, sends RTP, and counts what comes out of the proxy.

mod bencode;
mod calls;
mod cpu;
mod crash;
mod frame;
mod frames;
mod handshakes;
mod histogram;
mod kind;
mod namespace;
mod packet_socket;
mod sdes;
mod sdp;
mod sink;
mod source;
mod stream;

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::io::Write;

#[derive(Parser)]
#[command(name = "tandem-loadgen", about = "Makes calls and RTP for benchmarks; prints one JSON document")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Makes calls over ng (offer, answer, and delete if asked).
    Calls(calls::Options),
    /// Sends RTP in phases from one namespace and counts it in another.
    Stream(Box<stream::Options>),
    /// Makes calls with DTLS-SRTP and shakes hands in all of them.
    Handshakes(handshakes::Options),
    /// Times the relay program and a bare redirect in turns, by themselves.
    Programs(frames::alone::Options),
}

fn main() -> Result<()> {
    let document = match Arguments::parse().command {
        Command::Calls(options) => serde_json::to_string(&calls::run(&options)?)?,
        Command::Handshakes(options) => serde_json::to_string(&handshakes::run(&options)?)?,
        Command::Programs(options) => serde_json::to_string(&frames::alone::run(&options)?)?,
        Command::Stream(options) => serde_json::to_string(&stream::run(&options)?)?,
    };
    writeln!(std::io::stdout(), "{document}")?;
    Ok(())
}
