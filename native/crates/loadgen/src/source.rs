//! The sending side: rounds over all streams at a steady total rate, one phase after the other.

use crate::cpu::{self, Consumed};
use crate::frame::{self, FRAME, Path, RTP_AT, Shape};
use crate::packet_socket::{BATCH, Sender};
use crate::sdes;
use crate::stream::Phase;
use anyhow::Result;
use srtp::{Context, Suite};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A generator that fell behind by more than this gives the backlog up instead of sending it as one burst.
const PATIENCE: Duration = Duration::from_millis(20);

/// How the packets of all streams are made.
#[derive(Clone, Copy)]
pub struct Style {
    /// Protect what is sent.
    pub suite: Option<Suite>,
    pub marked_in_header: bool,
}

pub struct Sent {
    pub per_stream: Vec<u32>,
    /// Of frames: those that no program of the proxy's host has seen.
    pub refused: u64,
    pub started_ns: u64,
    pub took: Duration,
    pub cpu: Consumed,
    pub core_busy_ns: u64,
    pub core_softirq_ns: u64,
}

/// What is watched while packets flow.
pub struct Watch {
    pub processes: Vec<u32>,
    pub core: usize,
}

/// A protected packet is longer than its frame by at most this.
const ROOM: usize = 16;

pub struct Source {
    socket: Sender,
    frames: Vec<[u8; FRAME]>,
    /// One for each stream, if packets are to be protected.
    contexts: Vec<Context>,
    protected: Vec<[u8; FRAME + ROOM]>,
    packets: Vec<u32>,
    next: usize,
    tick: Duration,
}

impl Source {
    pub fn new(socket: Sender, paths: &[Path], style: Style, tick: Duration) -> Result<Self> {
        let overhead = style.suite.map_or(0, |suite| suite.rtp_tag_length());
        let shape = Shape { marked_in_header: style.marked_in_header, overhead };
        let template = |(index, path): (usize, &Path)| frame::template(index as u32, path, shape);
        let frames: Vec<_> = paths.iter().enumerate().map(template).collect();
        let contexts = style.suite.map(|suite| paths.iter().map(|_| sdes::context(suite)).collect());
        Ok(Self {
            socket,
            packets: vec![0; frames.len()],
            frames,
            contexts: contexts.transpose()?.unwrap_or_default(),
            protected: vec![[0; FRAME + ROOM]; BATCH],
            next: 0,
            tick,
        })
    }

    pub fn run_phase(&mut self, index: u32, phase: Phase, watch: &Watch) -> Result<Sent> {
        let mut per_stream = vec![0_u32; self.frames.len()];
        let before = cpu::read(&watch.processes)?;
        let core_before = cpu::core_busy(watch.core)?;
        let started_ns = realtime_ns();
        let started = Instant::now();
        let mut accounted = 0_u64;
        loop {
            let elapsed = started.elapsed();
            if elapsed >= phase.duration {
                break;
            }
            let owed = (elapsed.as_secs_f64() * phase.rate) as u64;
            accounted = accounted.max(owed.saturating_sub((PATIENCE.as_secs_f64() * phase.rate) as u64));
            if owed <= accounted {
                std::thread::sleep(self.tick);
                continue;
            }
            let count = (owed - accounted).min(BATCH as u64) as usize;
            accounted += self.send_round(count, index, &mut per_stream) as u64;
        }
        let took = started.elapsed();
        let core_after = cpu::core_busy(watch.core)?;
        let cpu = cpu::consumed(&before, &cpu::read(&watch.processes)?);
        let core_busy_ns = core_after.0 - core_before.0;
        Ok(Sent {
            per_stream,
            refused: 0,
            started_ns,
            took,
            cpu,
            core_busy_ns,
            core_softirq_ns: core_after.1 - core_before.1,
        })
    }

    /// Sends the next packet of the next streams, at most one per stream; answers how many went out.
    fn send_round(&mut self, count: usize, phase: u32, per_stream: &mut [u32]) -> usize {
        let total = self.frames.len();
        let count = count.min(total);
        let now = realtime_ns();
        for step in 0..count {
            let stream = (self.next + step) % total;
            frame::stamp(&mut self.frames[stream], self.packets[stream], phase, per_stream[stream], now);
        }
        let mut batch = [&self.frames[0][..]; BATCH];
        let outgoing = batch.iter_mut().zip(&mut self.protected).enumerate().take(count);
        for (step, (slot, protected)) in outgoing {
            let stream = (self.next + step) % total;
            *slot = match self.contexts.get_mut(stream) {
                Some(context) => protect(context, &self.frames[stream], protected),
                None => &self.frames[stream],
            };
        }
        let sent = self.socket.send(&batch[..count]);
        for step in 0..sent {
            let stream = (self.next + step) % total;
            self.packets[stream] = self.packets[stream].wrapping_add(1);
            per_stream[stream] += 1;
        }
        self.next = (self.next + sent) % total;
        sent
    }
}

fn protect<'a>(context: &mut Context, frame: &[u8; FRAME], into: &'a mut [u8; FRAME + ROOM]) -> &'a [u8] {
    into[..FRAME].copy_from_slice(frame);
    // A packet that cannot be protected goes out as it is: it counts as lost.
    let length = context.protect_rtp(&mut into[RTP_AT..], FRAME - RTP_AT).unwrap_or(FRAME - RTP_AT);
    &into[..RTP_AT + length]
}

pub fn realtime_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}
