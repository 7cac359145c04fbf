//! The relay in the kernel: opened as the control plane wishes, shared by all shards, and what became of it.

mod boxes;
mod clock;
mod instance;
mod kernel;
pub mod path_log;
mod refusals;
mod relay;

use std::{
    collections::BTreeSet,
    net::IpAddr,
    os::fd::BorrowedFd,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Instant,
};

use engine::offload::{PathCounts, REASONS};
use fastpath::{FastPath, InterfaceReport, Mode, OpenError, Options};
use protocol::{
    DeviceMode, FastPathDevice, FastPathHook, FastPathMode, FastPathPlan, FastPathState, FastPathStatus,
    PassedCount, UserspaceCount,
};

pub use instance::{Instance, clear_dead};
use instance::{Presence, clear_elsewhere};
pub use kernel::Kernel;
use kernel::TIME_TO_CLAIM;
pub use relay::Relay;

/// The fast path of this process.
#[derive(Debug)]
pub struct FastPaths {
    instance: Instance,
    state: Mutex<State>,
    /// Grows when shards have something to look at.
    news: AtomicU64,
}

#[derive(Debug)]
struct State {
    mode: FastPathMode,
    wanted: Option<Wanted>,
    stage: Stage,
    /// Where to look for what dead instances have left, and since when we know: late enough for whoever was killed at the
    /// same time as we to be alive again. `None` once that is done.
    to_clear: Option<(PathBuf, Instant)>,
}

#[derive(Debug)]
enum Stage {
    Closed,
    Opening,
    Open(Arc<Kernel>),
    Failed(Failure),
}

#[derive(Debug)]
struct Failure {
    reason: String,
    reports: Vec<InterfaceReport>,
}

/// What it is opened for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wanted {
    devices: Vec<String>,
    addresses: BTreeSet<IpAddr>,
    pin_directory: PathBuf,
    capacity: u32,
    hook: FastPathHook,
}

impl FastPaths {
    pub fn new(instance: Instance) -> Self {
        let state = State { mode: FastPathMode::Off, wanted: None, stage: Stage::Closed, to_clear: None };
        FastPaths { instance, state: Mutex::new(state), news: AtomicU64::new(0) }
    }

    /// Has it opened if it is wanted, which takes its time. What is open stays so until the process ends: other
    /// settings need a restart.
    pub fn configure(this: &Arc<Self>, plan: &FastPathPlan, addresses: BTreeSet<IpAddr>) {
        let mut state = this.state();
        let pin_directory = this.instance.folder(Path::new(&plan.pin_directory));
        state.to_clear = Some((PathBuf::from(&plan.pin_directory), Instant::now()));
        if state.mode != plan.mode {
            state.mode = plan.mode;
            this.news.fetch_add(1, Ordering::Release);
        }
        if plan.mode == FastPathMode::Off {
            if matches!(state.stage, Stage::Closed) {
                clear_pinned(&pin_directory);
            }
            return;
        }
        let wanted = Wanted {
            devices: plan.devices.clone(),
            addresses: addresses.into_iter().filter(|address| !address.is_loopback()).collect(),
            pin_directory,
            capacity: plan.max_streams,
            hook: plan.hook,
        };
        match &state.stage {
            Stage::Open(_) | Stage::Opening if state.wanted.as_ref() != Some(&wanted) => {
                tracing::warn!("other settings of the fast path take effect when the data plane restarts");
            }
            Stage::Open(_) | Stage::Opening => {}
            Stage::Closed | Stage::Failed(_) => this.start_opening(&mut state, wanted),
        }
    }

    /// The verifier and the self-test take a second or two, in which packets shall not wait.
    fn start_opening(self: &Arc<Self>, state: &mut State, wanted: Wanted) {
        state.wanted = Some(wanted.clone());
        state.stage = Stage::Opening;
        let this = Arc::clone(self);
        let open = move || this.take_in(wanted.open(&this.instance));
        if let Err(error) = thread::Builder::new().name("fast-path".to_owned()).spawn(open) {
            state.stage = Stage::Failed(Failure { reason: error.to_string(), reports: Vec::new() });
        }
    }

    fn take_in(&self, opened: Result<Kernel, Failure>) {
        let mut state = self.state();
        state.stage = match opened {
            Ok(kernel) => Stage::Open(Arc::new(kernel)),
            Err(failure) => {
                tracing::info!(reason = failure.reason, "no fast path");
                Stage::Failed(failure)
            }
        };
        self.news.fetch_add(1, Ordering::Release);
    }

    /// Another number than before: shards look at what has changed.
    pub fn news(&self) -> u64 {
        self.news.load(Ordering::Acquire)
    }

    /// What streams are to be relayed by; `None`: userspace.
    pub fn kernel(&self) -> Option<Arc<Kernel>> {
        let state = self.state();
        match &state.stage {
            Stage::Open(kernel) if state.mode != FastPathMode::Off => Some(kernel.clone()),
            Stage::Open(_) | Stage::Closed | Stage::Opening | Stage::Failed(_) => None,
        }
    }

    /// Shows the file that is readable when routes, neighbours or links have changed, if there is one.
    pub fn with_changes<T>(&self, look: impl FnOnce(BorrowedFd<'_>) -> T) -> Option<T> {
        self.kernel().map(|kernel| look(kernel.changes()))
    }

    /// Follows the routes.
    pub fn follow_routes(&self) {
        if self.kernel().is_some_and(|kernel| kernel.follow_routes()) {
            self.news.fetch_add(1, Ordering::Release);
        }
    }

    /// Follows the routes, ends what nobody has claimed in time, and lets others know that we live. To be called about once a second.
    pub fn tend(&self, now: Instant) {
        if let Some(kernel) = self.kernel() {
            self.follow_routes();
            kernel.insist_on_living();
            kernel.report_refusals(now);
            kernel.tend_copies();
            kernel.withdraw_unclaimed(now);
        }
        let is_due =
            |(_, since): &mut (PathBuf, Instant)| now.saturating_duration_since(*since) >= TIME_TO_CLAIM;
        let due = self.state().to_clear.take_if(is_due);
        if let Some((pin_directory, _)) = due {
            clear_dead(&pin_directory, Some(&self.instance));
        }
    }

    /// When this process ends: what nobody needs is removed, so that nothing lingers.
    pub fn end(&self, sessions: u32) {
        let state = self.state();
        let (Some(wanted), Stage::Open(kernel)) = (&state.wanted, &state.stage) else { return };
        if sessions == 0 {
            return clear_pinned(&wanted.pin_directory);
        }
        match kernel.not_pinned() {
            Some(reason) => tracing::info!(reason, "relaying in the kernel ends with us"),
            None => {
                tracing::warn!(sessions, "the kernel goes on relaying; `tandem fastpath clean` ends that")
            }
        }
    }

    pub fn status(&self, counts: PathCounts) -> FastPathStatus {
        let state = self.state();
        let (now, reason) = match (&state.stage, state.mode) {
            (_, FastPathMode::Off) => (FastPathState::Off, "off by configuration".to_owned()),
            (Stage::Closed | Stage::Opening, _) => (FastPathState::Opening, "being tried out".to_owned()),
            (Stage::Failed(failure), _) => (FastPathState::Unavailable, failure.reason.clone()),
            (Stage::Open(kernel), _) => (FastPathState::Active, kernel.describe()),
        };
        let userspace = REASONS.into_iter().zip(counts.userspace).filter(|(_, streams)| *streams > 0);
        FastPathStatus {
            mode: state.mode,
            state: now,
            reason,
            devices: state.devices(),
            offloaded: counts.offloaded,
            userspace: userspace.map(|(reason, streams)| UserspaceCount { reason, streams }).collect(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl State {
    fn devices(&self) -> Vec<FastPathDevice> {
        let (reports, counters) = match &self.stage {
            Stage::Open(kernel) => (kernel.reports(), kernel.counters()),
            Stage::Failed(failure) => (failure.reports.clone(), Vec::new()),
            Stage::Closed | Stage::Opening => (Vec::new(), Vec::new()),
        };
        let describe = |InterfaceReport { device, mode, reason }: &InterfaceReport| {
            let counted = counters.iter().find(|counters| counters.device == *device);
            let passed = counted.into_iter().flat_map(|counters| &counters.passed);
            FastPathDevice {
                device: device.clone(),
                mode: device_mode(*mode),
                reason: reason.clone(),
                forwarded: counted.map_or(0, |counters| counters.forwarded),
                passed: passed
                    .map(|(reason, packets)| PassedCount { reason: (*reason).to_owned(), packets: *packets })
                    .collect(),
            }
        };
        reports.iter().map(describe).collect()
    }
}

impl Wanted {
    fn open(&self, instance: &Instance) -> Result<Kernel, Failure> {
        if self.addresses.is_empty() && self.devices.is_empty() {
            let reason = "all interfaces are on the loopback device".to_owned();
            return Err(Failure { reason, reports: Vec::new() });
        }
        clear_elsewhere(&self.pin_directory, instance);
        let options = Options {
            devices: self.devices.clone(),
            addresses: self.addresses.iter().copied().collect(),
            pin_dir: Some(self.pin_directory.clone()),
            capacity: self.capacity,
        };
        match FastPath::open_by(&options, only(self.hook)) {
            Ok((fast_path, _)) => {
                Ok(Kernel::new(fast_path, Presence::new(instance.clone(), self.pin_directory.clone())))
            }
            Err(error) => {
                // Nobody would look after what an earlier process has left there.
                clear_pinned(&self.pin_directory);
                let reason = error.to_string();
                let reports = if let OpenError::NoInterface(reports) = error { reports } else { Vec::new() };
                Err(Failure { reason, reports })
            }
        }
    }
}

/// Removes what a configuration that had the fast path on has left in the kernel.
fn clear_pinned(directory: &Path) {
    if !directory.exists() {
        return;
    }
    match fastpath::clean(directory) {
        Ok(cleaned) if cleaned.devices.is_empty() && cleaned.rules == 0 => {}
        Ok(cleaned) => {
            tracing::info!(devices = ?cleaned.devices, rules = cleaned.rules, "fast path removed from the kernel");
        }
        Err(error) => tracing::warn!(%error, "cannot remove the fast path from the kernel"),
    }
}

fn only(hook: FastPathHook) -> Option<Mode> {
    match hook {
        FastPathHook::Auto => None,
        FastPathHook::Native => Some(Mode::Native),
        FastPathHook::Generic => Some(Mode::Generic),
        FastPathHook::Tc => Some(Mode::Tc),
    }
}

fn device_mode(mode: Mode) -> DeviceMode {
    match mode {
        Mode::Native => DeviceMode::Native,
        Mode::Generic => DeviceMode::Generic,
        Mode::Tc => DeviceMode::Tc,
        Mode::None => DeviceMode::None,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
