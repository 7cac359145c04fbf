//! The program and its maps inside the kernel.

use std::{io, os::fd::AsFd, path::Path, sync::Arc};

use aya::{
    Ebpf, EbpfLoader,
    maps::{Array, HashMap, Map, MapData, MapError, PerCpuArray, PerCpuValues},
    programs::{ProgramError, SchedClassifier, TestRun, TestRunOptions, Xdp},
};

use crate::{
    copies::Copies,
    layout::{Device, Hop, NEAR_DEVICES, NearDevice, OUTCOMES},
    mapped::MappedArray,
    report::OpenError,
    rules::Rules,
};

mod program {
    include!(concat!(env!("OUT_DIR"), "/program.rs"));
}

pub struct Kernel {
    ebpf: Ebpf,
    pub rules: Rules,
    pub devices: HashMap<MapData, u32, Device>,
    near_devices: Array<MapData, NearDevice>,
    counters: PerCpuArray<MapData, u64>,
    hops: Option<MappedArray<Hop>>,
    copies: Option<Copies>,
    copies_lost: MappedArray<u64>,
    /// Referred to by programs that are loaded later.
    _mapped: [Map; 5],
}

/// What running the program on a frame led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub verdict: u32,
    pub frame: Vec<u8>,
    pub duration_ns: u64,
}

impl Kernel {
    /// Loads the program; maps pinned below `pins` are taken over, others pinned there.
    pub fn load(pins: Option<&Path>, capacity: u32) -> Result<Kernel, OpenError> {
        let object = program::PROGRAM.map_err(OpenError::NotBuilt)?;
        let mut loader = EbpfLoader::new();
        for map in ["rules", "states", "details"] {
            loader.map_max_entries(map, capacity);
        }
        if let Some(pins) = pins {
            for map in MAPS {
                loader.map_pin_path(map, pins.join(map));
            }
        }
        let mut ebpf = loader.load(object).map_err(load_error)?;
        let program: &mut Xdp = program_of(&mut ebpf)?;
        program.load().map_err(load_error)?;
        let mut take = |name| ebpf.take_map(name).ok_or_else(|| OpenError::Load(format!("no map {name}")));
        let (rules, devices, counters) = (take("rules")?, take("devices")?, take("counters")?);
        let (near_devices, copies) = (take("near_devices")?, take("copies")?);
        let mapped =
            [take("states")?, take("hops")?, take("details")?, take("places")?, take("copies_lost")?];
        let [states, hops, details, places, copies_lost] = &mapped;
        let rules = Rules {
            table: rules.try_into().map_err(load_error)?,
            states: Arc::new(map_memory(states).map_err(load_error)?),
            details: map_memory(details).map_err(load_error)?,
            places: map_memory(places).map_err(load_error)?,
        };
        let hops = map_memory(hops).map_err(load_error)?;
        let kernel = Kernel {
            rules,
            devices: devices.try_into().map_err(load_error)?,
            near_devices: near_devices.try_into().map_err(load_error)?,
            counters: counters.try_into().map_err(load_error)?,
            hops: Some(hops),
            copies: Some(Copies::new(copies).map_err(load_error)?),
            copies_lost: map_memory(copies_lost).map_err(load_error)?,
            _mapped: mapped,
            ebpf,
        };
        Ok(kernel)
    }

    /// Has packets that arrive there looked at from now on.
    pub fn enter_device(&mut self, interface: u32, device: Device) -> Result<(), MapError> {
        self.devices.insert(interface, device, 0)?;
        self.near_devices.set(interface % NEAR_DEVICES, NearDevice { interface, device }, 0)
    }

    /// The next hops, once.
    pub fn take_hops(&mut self) -> io::Result<MappedArray<Hop>> {
        self.hops.take().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// The reading end of the ring, once.
    pub fn take_copies(&mut self) -> io::Result<Copies> {
        self.copies.take().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Copies for which there was no room, since the maps were made.
    pub fn copies_lost(&self) -> u64 {
        self.copies_lost.get(0)
    }

    /// What became of the packets of a device, one count per outcome, in their order.
    pub fn counters(&self, slot: u32) -> Vec<u64> {
        let first = slot * OUTCOMES.len() as u32;
        let each = (first..).take(OUTCOMES.len());
        each.map(|index| self.counters.get(&index, 0).map_or(0, |cores| cores.iter().sum())).collect()
    }

    pub fn set_counter(&mut self, index: u32, counts: PerCpuValues<u64>) -> Result<(), MapError> {
        self.counters.set(index, counts, 0)
    }

    pub fn program(&mut self) -> Result<&mut Xdp, OpenError> {
        program_of(&mut self.ebpf)
    }

    /// The same for traffic control, loaded when it is wanted for the first time.
    pub fn classifier(&mut self) -> Result<&mut SchedClassifier, ProgramError> {
        let program = self.ebpf.program_mut(CLASSIFIER_NAME).ok_or(ProgramError::NotLoaded)?;
        let program: &mut SchedClassifier = program.try_into()?;
        match program.load() {
            Ok(()) | Err(ProgramError::AlreadyLoaded) => Ok(program),
            Err(error) => Err(error),
        }
    }

    /// Has the kernel run the program on a frame that arrives on the loopback interface.
    pub fn run(&mut self, frame: &[u8], repeat: u32) -> Result<Outcome, ProgramError> {
        let mut out = vec![0; frame.len() + 256];
        let program: &mut Xdp =
            self.ebpf.program_mut(PROGRAM_NAME).ok_or(ProgramError::NotLoaded)?.try_into()?;
        let mut options = TestRunOptions::new();
        options.data_in = Some(frame);
        options.data_out = Some(&mut out);
        options.repeat = repeat;
        let result = program.test_run(options)?;
        out.truncate(result.data_size_out as usize);
        let duration_ns = result.duration.as_nanos() as u64;
        Ok(Outcome { verdict: result.return_value, frame: out, duration_ns })
    }
}

impl std::fmt::Debug for Kernel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kernel").finish_non_exhaustive()
    }
}

pub fn errno(error: &(dyn std::error::Error + 'static)) -> Option<i32> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(code) = error.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error) {
            return Some(code);
        }
        cause = error.source();
    }
    None
}

fn program_of(ebpf: &mut Ebpf) -> Result<&mut Xdp, OpenError> {
    let program = ebpf.program_mut(PROGRAM_NAME).ok_or_else(|| OpenError::Load("no program".to_owned()))?;
    program.try_into().map_err(load_error)
}

fn map_memory<T: Copy>(map: &Map) -> Result<MappedArray<T>, io::Error> {
    let Map::Array(data) = map else { return Err(io::ErrorKind::InvalidData.into()) };
    let len = data.info().map_err(io::Error::other)?.max_entries();
    MappedArray::new(data.fd().as_fd(), len)
}

fn load_error(error: impl std::error::Error) -> OpenError {
    OpenError::Load(last_lines(&error))
}

/// An error with its causes; of the verifier's log, its end tells why.
pub fn last_lines(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(6)..].join(" / ")
}

/// `enum xdp_action`.
pub const XDP_TX: u32 = 3;
/// In every network namespace.
pub const LOOPBACK: u32 = 1;
/// Those that outlive the process.
pub const MAPS: [&str; 8] =
    ["rules", "states", "details", "hops", "devices", "counters", "copies", "copies_lost"];
const PROGRAM_NAME: &str = "tandem_relay";
const CLASSIFIER_NAME: &str = "tandem_tc";
