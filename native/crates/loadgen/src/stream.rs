//! `stream`: RTP from one namespace, through the proxy, into another.

use crate::crash::Crash;
use crate::frame::{Mac, Path};
use crate::packet_socket::{Ring, Sender, parse_mac};
use crate::sdes::parse_suite;
use crate::sink::{self, Received, Tally};
use crate::source::{Sent, Source, Style, Watch};
use crate::{cpu::Consumed, namespace};
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use srtp::Suite;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Time for the last packets to come through before the sink closes.
pub const DRAIN: Duration = Duration::from_millis(300);

#[derive(clap::Args)]
pub struct Options {
    /// JSON file with the routes, as `calls` prints them.
    #[arg(long)]
    routes: PathBuf,
    /// Use only this many routes.
    #[arg(long)]
    streams: Option<usize>,
    /// RATE:SECONDS, packets per second over all streams; repeat for several phases.
    #[arg(long = "phase", required = true)]
    pub phases: Vec<Phase>,
    /// Hand frames to the proxy's driver instead of sending packets.
    #[arg(long)]
    pub frames: bool,
    /// NAMESPACE:IN:OUT:FROM:TO; in place of a proxy, the least that XDP can do: frames that arrive at one interface
    /// leave by the other, with these addresses.
    #[arg(long, requires = "frames")]
    pub redirect_bare: Option<Detour>,
    /// The same form; in place of a proxy, its program and rules alone, one rule for each stream and no sockets.
    #[arg(long, requires = "frames", conflicts_with = "redirect_bare")]
    pub relay_by_rules: Option<Detour>,
    #[arg(long)]
    pub source_namespace: String,
    #[arg(long)]
    pub source_interface: String,
    #[arg(long, value_parser = parse_mac)]
    pub source_mac: Mac,
    /// Ethernet address of the proxy's side of the source link.
    #[arg(long, value_parser = parse_mac)]
    pub proxy_mac: Mac,
    #[arg(long)]
    pub sink_namespace: String,
    #[arg(long)]
    pub sink_interface: String,
    /// Core of both generator and sink.
    #[arg(long, default_value_t = 0)]
    pub core: usize,
    /// Core the proxy is pinned to.
    #[arg(long, default_value_t = 1)]
    pub watch_core: usize,
    /// Processes whose CPU time is measured.
    #[arg(long = "watch")]
    pub watched: Vec<u32>,
    /// PID[,PID]…:PHASE, phases counted from 0; kills these processes as the phase begins.
    #[arg(long, conflicts_with = "frames")]
    crash: Option<Crash>,
    /// Shell command that is run once they are dead, before anything is sent.
    #[arg(long, requires = "crash")]
    after_crash: Option<String>,
    /// Protect what is sent, with the keys of `calls --suite`.
    #[arg(long, value_parser = parse_suite)]
    pub suite: Option<Suite>,
    /// Mark packets in the header, because the payload arrives protected.
    #[arg(long)]
    pub marks_in_header: bool,
    /// The generator sends what is due this often.
    #[arg(long, default_value_t = 200)]
    tick_micros: u64,
}

/// A stretch of time at one total rate.
#[derive(Clone, Copy)]
pub struct Phase {
    pub rate: f64,
    pub duration: Duration,
}

impl std::str::FromStr for Phase {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let (rate, seconds) = text.split_once(':').context("expected RATE:SECONDS")?;
        Ok(Self { rate: rate.parse()?, duration: Duration::try_from_secs_f64(seconds.parse()?)? })
    }
}

/// What relays in a proxy's place: from one interface to another, with these addresses.
#[derive(Clone)]
pub struct Detour {
    pub namespace: String,
    pub into: String,
    pub out: String,
    pub from: Ipv4Addr,
    pub to: Ipv4Addr,
}

impl std::str::FromStr for Detour {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let [namespace, into, out, from, to] = text.split(':').collect::<Vec<_>>()[..] else {
            anyhow::bail!("expected NAMESPACE:IN:OUT:FROM:TO")
        };
        let owned = |part: &str| part.to_owned();
        let (namespace, into, out) = (owned(namespace), owned(into), owned(out));
        Ok(Self { namespace, into, out, from: from.parse()?, to: to.parse()? })
    }
}

/// One stream: where it is sent from, and the proxy's port it is sent to.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub struct Route {
    pub from: SocketAddrV4,
    pub to: SocketAddrV4,
}

#[derive(Deserialize)]
struct Routes {
    routes: Vec<Route>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    phases: Vec<PhaseReport>,
    sink_overrun: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PhaseReport {
    wanted_rate: f64,
    seconds: f64,
    sent: u64,
    refused: u64,
    received: u64,
    reordered: u64,
    duplicated: u64,
    encrypted: u64,
    streams: usize,
    streams_alive: usize,
    /// Of the streams alive: the longest time from the start of the phase to the first packet relayed.
    slowest_first_ms: f64,
    latency_p50_us: u64,
    latency_p99_us: u64,
    latency_max_us: u64,
    cpu: Consumed,
    core_busy_ns: u64,
    core_softirq_ns: u64,
}

pub fn run(options: &Options) -> Result<Report> {
    let text = std::fs::read_to_string(&options.routes).context("reading the routes")?;
    let Routes { mut routes } = serde_json::from_str(&text).context("parsing the routes")?;
    routes.truncate(options.streams.unwrap_or(usize::MAX));
    anyhow::ensure!(!routes.is_empty(), "no routes");

    if options.frames {
        return crate::frames::run(options, &routes);
    }
    let stop = AtomicBool::new(false);
    let (sent, tally) = std::thread::scope(|scope| {
        let sink = scope.spawn(|| receive(options, routes.len(), &stop));
        let sent = scope.spawn(|| send(options, &routes)).join();
        stop.store(true, Ordering::Release);
        (sent, sink.join())
    });
    let sent = sent.map_err(|_| anyhow::anyhow!("the generator panicked"))??;
    let tally = tally.map_err(|_| anyhow::anyhow!("the sink panicked"))??;
    report(options, sent.into_iter().zip(tally.phases).collect(), tally.overrun)
}

fn send(options: &Options, routes: &[Route]) -> Result<Vec<Sent>> {
    namespace::enter(&options.source_namespace)?;
    namespace::pin(options.core)?;
    let socket = Sender::open(&options.source_interface)?;
    let tick = Duration::from_micros(options.tick_micros);
    let (source, destination) = (options.source_mac, options.proxy_mac);
    let path = |route: &Route| Path { from: route.from, to: route.to, source, destination };
    let paths: Vec<_> = routes.iter().map(path).collect();
    let style = Style { suite: options.suite, marked_in_header: options.marks_in_header };
    let mut source = Source::new(socket, &paths, style, tick)?;
    let watch = Watch { processes: options.watched.clone(), core: options.watch_core };
    let run = |(index, &phase): (usize, &Phase)| {
        let crash = options.crash.as_ref().filter(|crash| crash.is_due(index));
        let killed_ns = crash.map(|crash| crash.carry_out(options.after_crash.as_deref())).transpose()?;
        let sent = source.run_phase(index as u32, phase, &watch)?;
        Ok(Sent { started_ns: killed_ns.unwrap_or(sent.started_ns), ..sent })
    };
    let sent = options.phases.iter().enumerate().map(run).collect();
    std::thread::sleep(DRAIN);
    sent
}

fn receive(options: &Options, streams: usize, stop: &AtomicBool) -> Result<Tally> {
    namespace::enter(&options.sink_namespace)?;
    namespace::pin(options.core)?;
    sink::run(Ring::open(&options.sink_interface)?, options.phases.len(), streams, stop)
}

pub fn report(options: &Options, phases: Vec<(Sent, Received)>, sink_overrun: u32) -> Result<Report> {
    let phases = options.phases.iter().zip(&phases);
    let phases = phases.map(|(phase, (sent, received))| phase_report(phase, sent, received)).collect();
    Ok(Report { phases, sink_overrun })
}

fn phase_report(phase: &Phase, sent: &Sent, received: &Received) -> PhaseReport {
    let alive = || received.streams.iter().filter(|stream| stream.received > 0);
    let sum = |field: fn(&sink::StreamCount) -> u32| {
        received.streams.iter().map(|stream| u64::from(field(stream))).sum()
    };
    let slowest_ns = alive().map(|stream| stream.first_ns.saturating_sub(sent.started_ns)).max().unwrap_or(0);
    PhaseReport {
        wanted_rate: phase.rate,
        seconds: sent.took.as_secs_f64(),
        sent: sent.per_stream.iter().map(|&count| u64::from(count)).sum(),
        refused: sent.refused,
        received: sum(|stream| stream.received),
        reordered: sum(|stream| stream.reordered),
        duplicated: sum(|stream| stream.duplicated),
        encrypted: sum(|stream| stream.encrypted),
        streams: sent.per_stream.len(),
        streams_alive: alive().count(),
        slowest_first_ms: slowest_ns as f64 / 1e6,
        latency_p50_us: received.latency.quantile_micros(0.5),
        latency_p99_us: received.latency.quantile_micros(0.99),
        latency_max_us: received.latency.quantile_micros(1.0),
        cpu: Consumed { total_ns: sent.cpu.total_ns, per_process_ns: sent.cpu.per_process_ns.clone() },
        core_busy_ns: sent.core_busy_ns,
        core_softirq_ns: sent.core_softirq_ns,
    }
}
