//! `calls`: sets calls up over ng, several at a time, and times them.

use crate::bencode::{Dictionary, string_value};
use crate::cpu::{self, Consumed};
use crate::frame::{self, RTP_PAYLOAD};
use crate::histogram::Histogram;
use crate::kind::Kind;
use crate::sdes::{self, parse_suite};
use crate::sdp::{PLAIN, Transport};
use crate::stream::Route;
use crate::{namespace, sdp};
use anyhow::{Context, Result};
use serde::Serialize;
use srtp::Suite;
use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::time::{Duration, Instant};

const REPLY_TIMEOUT: Duration = Duration::from_secs(3);
/// Media ports of the made-up endpoints: as many per address, then the next address.
const PORTS_PER_ADDRESS: u32 = 5_000;
const FIRST_PORT: u16 = 20_000;

#[derive(clap::Args)]
pub struct Options {
    /// ng address of the proxy.
    #[arg(long)]
    ng: SocketAddrV4,
    #[arg(long)]
    calls: u32,
    /// Calls in the making at any time.
    #[arg(long, default_value_t = 8)]
    concurrency: usize,
    /// Delete each call as soon as it is answered.
    #[arg(long)]
    delete: bool,
    /// Each party of a call sends a packet before the call is deleted, so that there is something to tell of it.
    #[arg(long, requires = "delete")]
    speak: bool,
    /// Delete the calls of an earlier run with the same prefix instead of making them.
    #[arg(long, conflicts_with = "delete")]
    only_delete: bool,
    /// How many kinds of calls take turns; 0: no two calls are alike.
    #[arg(long, default_value_t = 1)]
    kinds: u32,
    #[arg(long, default_value = "bench")]
    prefix: String,
    /// First address of the callers; the routes are sent from here.
    #[arg(long)]
    caller: Ipv4Addr,
    /// First address of the callees; the proxy sends here.
    #[arg(long)]
    callee: Ipv4Addr,
    /// The party that has SRTP with SDES.
    #[arg(long, requires = "suite")]
    secured: Option<Side>,
    #[arg(long, value_parser = parse_suite)]
    suite: Option<Suite>,
    /// Processes whose CPU time is measured.
    #[arg(long = "watch")]
    watched: Vec<u32>,
    #[arg(long)]
    core: Option<usize>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    calls: u32,
    failed: u32,
    /// The reason of the first failure.
    failure: Option<String>,
    seconds: f64,
    command_p50_us: u64,
    command_p99_us: u64,
    cpu: Consumed,
    routes: Vec<Route>,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Side {
    Caller,
    Callee,
}

#[derive(Clone, Copy)]
enum Step {
    Offer,
    /// Tag of the offered crypto attribute, zero without one.
    Answer(u32),
    Delete,
}

struct Pending {
    call: u32,
    step: Step,
    sent: Instant,
}

struct Maker<'a> {
    options: &'a Options,
    socket: UdpSocket,
    /// Of all parties that speak.
    media: UdpSocket,
    pending: HashMap<String, Pending>,
    latency: Histogram,
    started: u32,
    failed: u32,
    failure: Option<String>,
    routes: Vec<(u32, Route)>,
}

pub fn run(options: &Options) -> Result<Report> {
    if let Some(core) = options.core {
        namespace::pin(core)?;
    }
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    socket.connect(options.ng)?;
    socket.set_read_timeout(Some(REPLY_TIMEOUT))?;
    let mut maker = Maker {
        options,
        socket,
        media: UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?,
        pending: HashMap::new(),
        latency: Histogram::new(),
        started: 0,
        failed: 0,
        failure: None,
        routes: Vec::new(),
    };
    let before = cpu::read(&options.watched)?;
    let began = Instant::now();
    maker.make_calls()?;
    let seconds = began.elapsed().as_secs_f64();
    let cpu = cpu::consumed(&before, &cpu::read(&options.watched)?);
    Ok(maker.report(seconds, cpu))
}

impl Maker<'_> {
    fn make_calls(&mut self) -> Result<()> {
        let mut buffer = vec![0; 65_536];
        for _ in 0..self.options.concurrency {
            self.start_next()?;
        }
        while !self.pending.is_empty() {
            match self.socket.recv(&mut buffer) {
                Ok(length) => self.take_reply(&buffer[..length])?,
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => self.give_up()?,
                Err(error) => return Err(error).context("waiting for replies"),
            }
        }
        Ok(())
    }

    fn start_next(&mut self) -> Result<()> {
        if self.started == self.options.calls {
            return Ok(());
        }
        self.started += 1;
        self.send(self.started - 1, if self.options.only_delete { Step::Delete } else { Step::Offer })
    }

    fn send(&mut self, call: u32, step: Step) -> Result<()> {
        let cookie = format!("{}_{}_{call}", std::process::id(), step.name());
        self.socket.send(&self.command(&cookie, call, step)).context("sending a command")?;
        self.pending.insert(cookie, Pending { call, step, sent: Instant::now() });
        Ok(())
    }

    fn take_reply(&mut self, datagram: &[u8]) -> Result<()> {
        let Some(space) = datagram.iter().position(|&byte| byte == b' ') else { return Ok(()) };
        let cookie = String::from_utf8_lossy(&datagram[..space]);
        let Some(pending) = self.pending.remove(cookie.as_ref()) else { return Ok(()) };
        let reply = &datagram[space + 1..];
        self.latency.record(pending.sent.elapsed().as_nanos() as u64);
        if string_value(reply, "result") != Some(b"ok") {
            let reason = string_value(reply, "error-reason").unwrap_or(reply);
            self.fail(&String::from_utf8_lossy(reason));
            return self.start_next();
        }
        self.advance(&pending, reply)
    }

    fn advance(&mut self, pending: &Pending, reply: &[u8]) -> Result<()> {
        let call = pending.call;
        match pending.step {
            Step::Offer => {
                self.speak(call, reply)?;
                self.send(call, Step::Answer(self.offered_tag(reply)))
            }
            Step::Answer(_) => {
                self.speak(call, reply)?;
                self.remember_route(call, reply);
                if self.options.delete { self.send(call, Step::Delete) } else { self.start_next() }
            }
            Step::Delete => self.start_next(),
        }
    }

    /// Whoever gets this SDP sends a packet to where it says.
    fn speak(&self, call: u32, reply: &[u8]) -> Result<()> {
        let place = string_value(reply, "sdp").and_then(sdp::media_address);
        let Some(place) = place.filter(|_| self.options.speak) else { return Ok(()) };
        let mut packet = [0xd5; 12 + RTP_PAYLOAD];
        packet[..8].copy_from_slice(&[0x80, 0, 0, 1, 0, 0, 0, 160]);
        packet[8..12].copy_from_slice(&frame::ssrc(call).to_be_bytes());
        self.media.send_to(&packet, place).context("sending a packet")?;
        Ok(())
    }

    /// The answer names the proxy's port that faces the caller.
    fn remember_route(&mut self, call: u32, reply: &[u8]) {
        match string_value(reply, "sdp").and_then(sdp::media_address) {
            Some((address, port)) => {
                let from = endpoint(self.options.caller, call);
                self.routes.push((call, Route { from, to: SocketAddrV4::new(address, port) }));
            }
            None => self.fail("no media address in the answer"),
        }
    }

    fn give_up(&mut self) -> Result<()> {
        let lost = self.pending.len();
        self.pending.clear();
        for _ in 0..lost {
            self.fail("no reply");
            self.start_next()?;
        }
        Ok(())
    }

    fn fail(&mut self, reason: &str) {
        self.failed += 1;
        self.failure.get_or_insert_with(|| reason.to_owned());
    }

    /// A command as Kamailio's rtpengine module writes it.
    fn command(&self, cookie: &str, call: u32, step: Step) -> Vec<u8> {
        let call_id = format!("{}-{call}@bench.invalid", self.options.prefix);
        let (from_tag, to_tag) = (format!("from{call}"), format!("to{call}"));
        let dictionary = Dictionary::after(cookie);
        let (caller, callee) = (endpoint(self.options.caller, call), endpoint(self.options.callee, call));
        let kind = self.kind(call);
        let flags: &[&str] = match kind {
            Some(kind) if kind.says(58) => &["trust-address", "symmetric"],
            Some(kind) if kind.says(59) => &["trust-address", "strict-source"],
            Some(_) | None => &["trust-address"],
        };
        let media = |dictionary: Dictionary, sdp: &str, from: Ipv4Addr| {
            dictionary
                .list("supports", &["load limit"])
                .string("sdp", sdp)
                .string("ICE", "remove")
                .list("flags", flags)
                .list("replace", &["origin", "session-connection"])
                .string("call-id", &call_id)
                .list("received-from", &["IP4", &from.to_string()])
                .string("from-tag", &from_tag)
        };
        let session = 4_000_000_000 + u64::from(call);
        match step {
            Step::Offer => {
                let (address, port) = (*caller.ip(), caller.port());
                let lines = self.lines(Side::Caller, 1);
                let body = match kind {
                    Some(kind) => kind.offer(address, port, session),
                    None => sdp::offer(address, port, session, self.transport(Side::Caller, &lines)),
                };
                media(dictionary, &body, address)
                    .string("transport-protocol", self.transport(Side::Callee, "").profile)
                    .string("command", "offer")
            }
            Step::Answer(tag) => {
                let (address, port) = (*callee.ip(), callee.port());
                let lines = self.lines(Side::Callee, tag);
                let body = match kind {
                    Some(kind) => kind.answer(address, port, session),
                    None => sdp::answer(address, port, session, self.transport(Side::Callee, &lines)),
                };
                media(dictionary, &body, address)
                    .string("transport-protocol", self.transport(Side::Caller, "").profile)
                    .string("to-tag", &to_tag)
                    .string("command", "answer")
            }
            Step::Delete => dictionary
                .string("call-id", &call_id)
                .string("from-tag", &from_tag)
                .integer("delete-delay", 0)
                .string("command", "delete"),
        }
        .finish()
    }

    /// `None`: all calls are of the usual kind.
    fn kind(&self, call: u32) -> Option<Kind> {
        match self.options.kinds {
            0 => {
                // Another run, other kinds.
                let run = self
                    .options
                    .prefix
                    .bytes()
                    .fold(0, |run: u64, byte| run.wrapping_mul(131) + u64::from(byte));
                Some(Kind::new(run.wrapping_mul(1 << 24) + u64::from(call)))
            }
            1 => None,
            kinds => Some(Kind::new(u64::from(call % kinds))),
        }
    }

    fn transport<'a>(&self, side: Side, lines: &'a str) -> Transport<'a> {
        match self.options.secured {
            Some(secured) if secured == side => Transport { profile: "RTP/SAVP", lines },
            _ => PLAIN,
        }
    }

    fn lines(&self, side: Side, tag: u32) -> String {
        let suite = self.options.suite.filter(|_| self.options.secured == Some(side));
        suite.map_or_else(String::new, |suite| sdes::crypto_line(tag, suite))
    }

    fn offered_tag(&self, reply: &[u8]) -> u32 {
        let sdp = string_value(reply, "sdp").unwrap_or_default();
        self.options.suite.and_then(|suite| sdes::offered_tag(sdp, suite)).unwrap_or(0)
    }

    fn report(mut self, seconds: f64, cpu: Consumed) -> Report {
        self.routes.sort_by_key(|(call, _)| *call);
        Report {
            calls: self.started,
            failed: self.failed,
            failure: self.failure,
            seconds,
            command_p50_us: self.latency.quantile_micros(0.5),
            command_p99_us: self.latency.quantile_micros(0.99),
            cpu,
            routes: if self.options.delete {
                Vec::new()
            } else {
                self.routes.into_iter().map(|(_, route)| route).collect()
            },
        }
    }
}

impl Step {
    fn name(self) -> &'static str {
        match self {
            Step::Offer => "offer",
            Step::Answer(_) => "answer",
            Step::Delete => "delete",
        }
    }
}

fn endpoint(first: Ipv4Addr, call: u32) -> SocketAddrV4 {
    let address = Ipv4Addr::from_bits(first.to_bits() + call / PORTS_PER_ADDRESS);
    SocketAddrV4::new(address, FIRST_PORT + 2 * (call % PORTS_PER_ADDRESS) as u16)
}
