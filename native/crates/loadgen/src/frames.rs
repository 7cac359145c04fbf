//! `stream --frames`: RTP as a network card's driver hands it over, made and counted by XDP programs.

pub mod alone;
mod programs;
mod rules;

use crate::cpu::{self, Consumed};
use crate::frame::{self, Path};
use crate::histogram::Histogram;
use crate::sink::StreamCount;
use crate::source::{Sent, realtime_ns};
use crate::stream::{self, DRAIN, Detour, Options, Phase, Report, Route};
use crate::{namespace, sink};
use anyhow::{Context, Result, ensure};
use programs::{Pace, Programs, Tally};
use std::ffi::CString;
use std::time::{Duration, Instant};

/// Frames leave in bursts, as a card that moderates its interrupts hands them over.
const LONGEST_INTERVAL: Duration = Duration::from_micros(200);
/// A veth end has room for 256: what a generator that was held up may send at once.
const LARGEST_BACKLOG: f64 = 128.0;
const LARGEST_BURST: f64 = 64.0;

pub fn run(options: &Options, routes: &[Route]) -> Result<Report> {
    ensure!(options.suite.is_none() && !options.marks_in_header, "frames are never protected");
    namespace::pin(options.core)?;
    let mut programs = Programs::load(routes.len() as u32)?;
    namespace::enter(&options.sink_namespace)?;
    programs.swallow_on(index_of(&options.sink_interface)?)?;
    if let Some(detour) = &options.redirect_bare {
        redirect_bare(options, detour, &mut programs)?;
    }
    let _relay = options.relay_by_rules.as_ref().map(|detour| rules::relay(detour, routes)).transpose()?;
    namespace::enter(&options.source_namespace)?;
    let out = index_of(&options.source_interface)?;
    for (index, route) in (0..).zip(routes) {
        let (source, destination) = (options.source_mac, options.proxy_mac);
        let path = Path { from: route.from, to: route.to, source, destination };
        programs.set_stream(index, &frame::head(index, &path))?;
    }
    let phases = (0..).zip(&options.phases);
    let phases = phases.map(|(index, phase)| run_phase(&mut programs, options, out, index, *phase));
    stream::report(options, phases.collect::<Result<Vec<_>>>()?, 0)
}

fn redirect_bare(options: &Options, detour: &Detour, programs: &mut Programs) -> Result<()> {
    namespace::enter(&detour.namespace)?;
    let (into, out) = (index_of(&detour.into)?, index_of(&detour.out)?);
    let value = programs::Detour {
        destination: options.proxy_mac,
        source: options.proxy_mac,
        from: detour.from.octets(),
        to: detour.to.octets(),
        out,
    };
    programs.redirect_bare(into, value)
}

fn run_phase(
    programs: &mut Programs,
    options: &Options,
    out: u32,
    index: u32,
    phase: Phase,
) -> Result<(Sent, sink::Received)> {
    let streams = programs.begin_phase()?;
    let refused_before = refused(&options.source_interface)?;
    let before = cpu::read(&options.watched)?;
    let core_before = cpu::core_busy(options.watch_core)?;
    let started_ns = realtime_ns();
    let started = Instant::now();
    let begin_ns = monotonic_ns();
    let interval = LONGEST_INTERVAL.as_secs_f64().min(LARGEST_BURST / phase.rate);
    let burst = (phase.rate * interval).round().max(1.0);
    let pace = Pace {
        now_ns: begin_ns,
        due_ns: begin_ns,
        interval_ns: (burst / phase.rate * 1e9) as u64,
        until_ns: begin_ns + phase.duration.as_nanos() as u64,
        patience_ns: (LARGEST_BACKLOG / phase.rate * 1e9) as u64,
        burst: burst as u32,
        owed: 0,
        next: 0,
        streams,
        phase: index,
        out,
    };
    programs.set_pace(pace)?;
    while started.elapsed() < phase.duration {
        programs.generate()?;
    }
    let took = started.elapsed().min(phase.duration);
    std::thread::sleep(DRAIN);
    let core_after = cpu::core_busy(options.watch_core)?;
    let cpu: Consumed = cpu::consumed(&before, &cpu::read(&options.watched)?);
    let sent = Sent {
        per_stream: programs.sent()?,
        refused: refused(&options.source_interface)? - refused_before,
        started_ns,
        took,
        cpu,
        core_busy_ns: core_after.0 - core_before.0,
        core_softirq_ns: core_after.1 - core_before.1,
    };
    let received = received(&programs.tallies()?, programs.latencies()?, started_ns.wrapping_sub(begin_ns))?;
    Ok((sent, received))
}

fn received(tallies: &[Tally], latency: Histogram, to_realtime: u64) -> Result<sink::Received> {
    let broken: u64 = tallies.iter().map(|tally| u64::from(tally.broken)).sum();
    ensure!(broken == 0, "{broken} frames came out with a wrong IP header checksum");
    let count = |tally: &Tally| StreamCount {
        received: tally.received,
        reordered: tally.reordered,
        duplicated: tally.duplicated,
        first_ns: if tally.received > 0 { tally.first_ns.wrapping_add(to_realtime) } else { 0 },
        ..StreamCount::default()
    };
    Ok(sink::Received { streams: tallies.iter().map(count).collect(), latency })
}

/// Frames for which there was no room in the ring of the other end, so that no program saw them. The calling thread is in
/// the interface's namespace.
fn refused(interface: &str) -> Result<u64> {
    let text = std::fs::read_to_string("/proc/thread-self/net/dev")?;
    let prefix = format!("{interface}:");
    let line =
        text.lines().find_map(|line| line.trim_start().strip_prefix(&prefix)).context("no such interface")?;
    const TRANSMIT_DROP: usize = 11;
    Ok(line.split_whitespace().nth(TRANSMIT_DROP).context("short line of /proc/net/dev")?.parse()?)
}

fn index_of(interface: &str) -> Result<u32> {
    let name = CString::new(interface)?;
    // SAFETY: a terminated string that outlives the call.
    let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
    (index > 0).then_some(index).with_context(|| format!("no interface {interface}"))
}

/// The clock of the programs.
fn monotonic_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a timespec that outlives the call.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
