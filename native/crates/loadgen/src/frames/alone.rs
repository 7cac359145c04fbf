//! `programs`: the relay program and a bare redirect by themselves, run by the kernel in turns, without any network.

use super::programs::{Detour, Programs};
use anyhow::{Context, Result};
use fastpath::TimedRelay;
use serde::Serialize;
use std::net::Ipv4Addr;

#[derive(clap::Args)]
pub struct Options {
    /// Turns of each program.
    #[arg(long, default_value_t = 100)]
    rounds: u32,
    /// Packets in a turn.
    #[arg(long, default_value_t = 20_000)]
    packets: u32,
}

/// Nanoseconds per packet of each turn.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    bare_ns: Vec<u64>,
    native_ns: Vec<u64>,
}

pub fn run(options: &Options) -> Result<Report> {
    let mut bare = Programs::load(1)?;
    let mut native = TimedRelay::load().context("loading the relay program")?;
    let frame = TimedRelay::frame();
    let [destination, source] = [2, 4].map(|last| [2, 0, 0, 0, 0, last]);
    let [from, to] = [1, 2].map(|last| Ipv4Addr::new(192, 0, 2, last).octets());
    bare.detour(Detour { destination, source, from, to, out: LOOPBACK })?;
    let mut report = Report { bare_ns: Vec::new(), native_ns: Vec::new() };
    for _ in 0..options.rounds {
        report.bare_ns.push(bare.time_bare(&frame, options.packets)?);
        report.native_ns.push(native.time(options.packets)?);
    }
    Ok(report)
}

/// In every network namespace.
const LOOPBACK: u32 = 1;
