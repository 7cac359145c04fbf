//! `handshakes`: calls whose caller has DTLS-SRTP, and the handshakes of all of them, begun at an even pace.

use crate::bencode::{Dictionary, string_value};
use crate::sdp::{self, Transport};
use crate::{histogram::Histogram, namespace};
use anyhow::{Context, Result, ensure};
use dtls::{Association, Certificate, FingerprintHash, KeyKind, Role, State};
use serde::Serialize;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::time::{Duration, Instant};

const REPLY_TIMEOUT: Duration = Duration::from_secs(3);
const MTU: u16 = 1_200;
/// Sockets are looked at this often.
const TICK: Duration = Duration::from_millis(1);

#[derive(clap::Args)]
pub struct Options {
    /// ng address of the proxy.
    #[arg(long)]
    ng: SocketAddrV4,
    #[arg(long)]
    calls: u32,
    /// Address of the callers, which must be one of this host.
    #[arg(long)]
    caller: Ipv4Addr,
    /// Address of the callees, where nobody listens.
    #[arg(long)]
    callee: Ipv4Addr,
    /// All handshakes begin within this time.
    #[arg(long, default_value_t = 1.0)]
    begin_seconds: f64,
    /// Handshakes that are not complete then have failed.
    #[arg(long, default_value_t = 10.0)]
    patience_seconds: f64,
    #[arg(long)]
    core: Option<usize>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    calls: u32,
    completed: u32,
    /// From the beginning of the first handshake to the end of the last one that completed.
    seconds: f64,
    handshake_p50_us: u64,
}

struct Peer {
    socket: UdpSocket,
    association: Option<Association>,
    begun: Instant,
    done: bool,
}

pub fn run(options: &Options) -> Result<Report> {
    if let Some(core) = options.core {
        namespace::pin(core)?;
    }
    let certificate = Certificate::generate(KeyKind::EcdsaP256)?;
    let fingerprint = certificate.fingerprint(FingerprintHash::Sha256)?;
    let control = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    control.connect(options.ng)?;
    control.set_read_timeout(Some(REPLY_TIMEOUT))?;
    let peers = (0..options.calls).map(|call| make_call(options, &control, &fingerprint, call));
    shake_hands(options, &certificate, &mut peers.collect::<Result<Vec<_>>>()?)
}

fn make_call(options: &Options, control: &UdpSocket, fingerprint: &str, call: u32) -> Result<Peer> {
    let socket = UdpSocket::bind((options.caller, 0))?;
    let port = socket.local_addr()?.port();
    let lines = format!("a=rtcp-mux\r\na=setup:active\r\na=fingerprint:sha-256 {fingerprint}\r\n");
    let secured = Transport { profile: "UDP/TLS/RTP/SAVP", lines: &lines };
    let call_id = format!("handshake-{call}@bench.invalid");
    let command = |name: &str, sdp: &str| {
        Dictionary::after(&format!("{}_{name}_{call}", std::process::id()))
            .string("command", name)
            .string("call-id", &call_id)
            .string("from-tag", "from")
            .string("ICE", "remove")
            .list("rtcp-mux", &["demux"])
            .string("sdp", sdp)
    };
    let offer = command("offer", &sdp::offer(options.caller, port, 1, secured));
    ask(control, &offer.string("transport-protocol", "RTP/AVP").finish())?;
    let answer =
        command("answer", &sdp::answer(options.callee, 20_000, 1, sdp::PLAIN)).string("to-tag", "to");
    let reply = ask(control, &answer.finish())?;
    let sdp = string_value(&reply, "sdp").context("no body in the answer")?;
    let (address, port) = sdp::media_address(sdp).context("no media address in the answer")?;
    socket.connect((address, port))?;
    socket.set_nonblocking(true)?;
    Ok(Peer { socket, association: None, begun: Instant::now(), done: false })
}

fn ask(control: &UdpSocket, command: &[u8]) -> Result<Vec<u8>> {
    control.send(command)?;
    let mut buffer = vec![0; 65_536];
    let length = control.recv(&mut buffer).context("waiting for a reply")?;
    buffer.truncate(length);
    let cookie = buffer.iter().position(|&byte| byte == b' ').context("a reply without a cookie")?;
    buffer.drain(..=cookie);
    ensure!(string_value(&buffer, "result") == Some(b"ok"), "refused: {}", String::from_utf8_lossy(&buffer));
    Ok(buffer)
}

fn shake_hands(options: &Options, certificate: &Certificate, peers: &mut [Peer]) -> Result<Report> {
    let started = Instant::now();
    let mut took = Histogram::new();
    let (mut completed, mut last) = (0, started);
    while completed < options.calls && started.elapsed().as_secs_f64() < options.patience_seconds {
        let share = started.elapsed().as_secs_f64() / options.begin_seconds;
        let begun = ((f64::from(options.calls) * share).ceil() as usize).min(peers.len());
        for peer in peers.iter_mut().take(begun).filter(|peer| !peer.done) {
            if peer.proceed(certificate)? {
                completed += 1;
                last = Instant::now();
                took.record(peer.begun.elapsed().as_nanos() as u64);
            }
        }
        std::thread::sleep(TICK);
    }
    Ok(Report {
        calls: options.calls,
        completed,
        seconds: last.duration_since(started).as_secs_f64(),
        handshake_p50_us: took.quantile_micros(0.5),
    })
}

impl Peer {
    /// True if the handshake is complete now.
    fn proceed(&mut self, certificate: &Certificate) -> Result<bool> {
        let now = Instant::now();
        let association = match &mut self.association {
            Some(association) => association,
            None => {
                self.begun = now;
                self.association.insert(Association::new(certificate, Role::Client, MTU, now)?)
            }
        };
        let mut buffer = [0; 2_048];
        loop {
            match self.socket.recv(&mut buffer) {
                Ok(length) => association.handle_datagram(now, &buffer[..length]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error).context("reading a handshake"),
            }
        }
        association.handle_timeout(now);
        while let Some(datagram) = association.poll_datagram() {
            self.socket.send(&datagram)?;
        }
        self.done = matches!(association.state(), State::Connected(_));
        ensure!(
            !matches!(association.state(), State::Failed(_)),
            "handshake failed: {:?}",
            association.state()
        );
        Ok(self.done)
    }
}
