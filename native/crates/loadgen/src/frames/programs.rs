//! The XDP programs of `bpf/frames.bpf.c`, and their maps.

use crate::frame::{FRAME, HEAD, Mac};
use crate::histogram::Histogram;
use anyhow::{Context, Result, anyhow};
use aya::maps::{Array, MapData};
use aya::programs::{TestRun, TestRunAttrs, TestRunOptions, Xdp, XdpMode};
use aya::{Ebpf, EbpfLoader, Pod};

mod program {
    include!(concat!(env!("OUT_DIR"), "/program.rs"));
}

const LATENCIES: u32 = 65_536;
/// Frames in the making at once.
const BATCH: u32 = 64;
/// Runs of the generator in one system call, most of which find nothing due.
const RUNS: u32 = 1 << 19;

#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct Pace {
    pub now_ns: u64,
    pub due_ns: u64,
    pub interval_ns: u64,
    pub until_ns: u64,
    pub patience_ns: u64,
    pub burst: u32,
    pub owed: u32,
    pub next: u32,
    pub streams: u32,
    pub phase: u32,
    pub out: u32,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct Stream {
    head: [u8; HEAD],
    packets: u32,
    sequence: u32,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct Tally {
    pub first_ns: u64,
    pub received: u32,
    pub reordered: u32,
    pub duplicated: u32,
    pub broken: u32,
    next: u32,
    unused: u32,
}

/// Addresses and where to, in network order.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Detour {
    pub destination: Mac,
    pub source: Mac,
    pub from: [u8; 4],
    pub to: [u8; 4],
    pub out: u32,
}

// SAFETY: plain integers without padding, any bit pattern is a value.
unsafe impl Pod for Pace {}
// SAFETY: see above.
unsafe impl Pod for Stream {}
// SAFETY: see above.
unsafe impl Pod for Tally {}
// SAFETY: see above.
unsafe impl Pod for Detour {}

pub struct Programs {
    /// Attached programs stay so until this is dropped.
    ebpf: Ebpf,
    pacing: Array<MapData, Pace>,
    streams: Array<MapData, Stream>,
    tallies: Array<MapData, Tally>,
    latencies: Array<MapData, u32>,
    detours: Array<MapData, Detour>,
}

impl Programs {
    pub fn load(streams: u32) -> Result<Self> {
        let object = program::PROGRAM.map_err(|reason| anyhow!("frames cannot be made: {reason}"))?;
        let mut loader = EbpfLoader::new();
        let loader = loader.map_max_entries("streams", streams).map_max_entries("tallies", streams);
        let mut ebpf = loader.load(object).context("loading the generator")?;
        let mut take = |name| ebpf.take_map(name).with_context(|| format!("no map {name}"));
        let mut programs = Self {
            pacing: take("pacing")?.try_into()?,
            streams: take("streams")?.try_into()?,
            tallies: take("tallies")?.try_into()?,
            latencies: take("latencies")?.try_into()?,
            detours: take("detours")?.try_into()?,
            ebpf,
        };
        // Verified before time counts.
        programs.program("generate")?;
        Ok(programs)
    }

    /// Counts what arrives there, in the namespace the calling thread is in.
    pub fn swallow_on(&mut self, interface: u32) -> Result<()> {
        self.attach("swallow", interface)
    }

    /// Has everything that arrives there leave at once.
    pub fn redirect_bare(&mut self, interface: u32, detour: Detour) -> Result<()> {
        self.detour(detour)?;
        self.attach("redirect_bare", interface)
    }

    pub fn detour(&mut self, detour: Detour) -> Result<()> {
        Ok(self.detours.set(0, detour, 0)?)
    }

    /// Nanoseconds of the bare redirect per packet, by itself.
    pub fn time_bare(&mut self, frame: &[u8], packets: u32) -> Result<u64> {
        let mut options = TestRunOptions::new();
        options.data_in = Some(frame);
        options.repeat = packets;
        let ran = self.program("redirect_bare")?.test_run(options).context("running the bare redirect")?;
        Ok(ran.duration.as_nanos() as u64)
    }

    fn attach(&mut self, name: &str, interface: u32) -> Result<()> {
        let program = self.program(name)?;
        program
            .attach_to_if_index(interface, XdpMode::Driver)
            .with_context(|| format!("attaching {name}"))?;
        Ok(())
    }

    fn program(&mut self, name: &str) -> Result<&mut Xdp> {
        let program = self.ebpf.program_mut(name).with_context(|| format!("no program {name}"))?;
        let program: &mut Xdp = program.try_into()?;
        if program.fd().is_err() {
            program.load().with_context(|| format!("loading {name}"))?;
        }
        Ok(program)
    }

    pub fn set_stream(&mut self, index: u32, head: &[u8; HEAD]) -> Result<()> {
        Ok(self.streams.set(index, Stream { head: *head, packets: 0, sequence: 0 }, 0)?)
    }

    pub fn set_pace(&mut self, pace: Pace) -> Result<()> {
        Ok(self.pacing.set(0, pace, 0)?)
    }

    /// Forgets what was counted; RTP goes on where it was. Answers how many streams there are.
    pub fn begin_phase(&mut self) -> Result<u32> {
        for index in 0..self.streams.len() {
            let stream = self.streams.get(&index, 0)?;
            self.streams.set(index, Stream { sequence: 0, ..stream }, 0)?;
            self.tallies.set(index, Tally::default(), 0)?;
        }
        for bucket in 0..LATENCIES {
            if self.latencies.get(&bucket, 0)? > 0 {
                self.latencies.set(bucket, 0, 0)?;
            }
        }
        Ok(self.streams.len())
    }

    /// Makes what is due, for some ten milliseconds.
    pub fn generate(&mut self) -> Result<()> {
        let template = [0xd5; FRAME];
        let mut options = TestRunOptions::new();
        options.data_in = Some(&template);
        options.repeat = RUNS;
        options.attrs = TestRunAttrs::new().xdp_live_frames(BATCH);
        self.program("generate")?.test_run(options).context("making frames")?;
        Ok(())
    }

    pub fn sent(&self) -> Result<Vec<u32>> {
        let streams = 0..self.streams.len();
        streams.map(|index| Ok(self.streams.get(&index, 0)?.sequence)).collect()
    }

    pub fn tallies(&self) -> Result<Vec<Tally>> {
        (0..self.tallies.len()).map(|index| Ok(self.tallies.get(&index, 0)?)).collect()
    }

    pub fn latencies(&self) -> Result<Histogram> {
        let counts = (0..LATENCIES).map(|bucket| Ok(self.latencies.get(&bucket, 0)?));
        Ok(Histogram::of(counts.collect::<Result<Vec<u32>>>()?))
    }
}
