//! The relay in the kernel: opened as the control plane wishes, shared by all shards, and what became of it.

mod instance;
mod kernel;
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
pub use kernel::Kernel;
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
    reports: Vec<InterfaceReport>,
    /// What dead instances had left was cleared.
    cleared: bool,
}

#[derive(Debug)]
enum Stage {
    Closed,
    Opening,
    Open(Arc<Kernel>),
    Failed(String),
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
        let state = State {
            mode: FastPathMode::Off,
            wanted: None,
            stage: Stage::Closed,
            reports: Vec::new(),
            cleared: false,
        };
        FastPaths { instance, state: Mutex::new(state), news: AtomicU64::new(0) }
    }

    /// Has it opened if it is wanted, which takes its time. What is open stays so until the process ends: other
    /// settings need a restart.
    pub fn configure(this: &Arc<Self>, plan: &FastPathPlan, addresses: BTreeSet<IpAddr>) {
        let mut state = this.state();
        let pin_directory = this.instance.folder(Path::new(&plan.pin_directory));
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
            state.stage = Stage::Failed(error.to_string());
        }
    }

    fn take_in(&self, (opened, reports): (Result<Kernel, String>, Vec<InterfaceReport>)) {
        let mut state = self.state();
        state.reports = reports;
        state.stage = match opened {
            Ok(kernel) => Stage::Open(Arc::new(kernel)),
            Err(reason) => {
                tracing::info!(reason, "no fast path");
                Stage::Failed(reason)
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

    /// Follows the routes, and ends rules that no plan has claimed in time. To be called about once a second.
    pub fn tend(&self, now: Instant) {
        let Some(kernel) = self.kernel() else { return };
        self.follow_routes();
        kernel.report_refusals(now);
        if kernel.withdraw_unclaimed(now) {
            self.state().clear_dead(&self.instance);
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
            (Stage::Failed(reason), _) => (FastPathState::Unavailable, reason.clone()),
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
    /// Once, and late enough for whoever was killed at the same time as we to be alive again.
    fn clear_dead(&mut self, ours: &Instance) {
        let Some(wanted) = self.wanted.as_ref().filter(|_| !self.cleared) else { return };
        if let Some(pin_directory) = wanted.pin_directory.parent() {
            clear_dead(pin_directory, Some(ours));
        }
        self.cleared = true;
    }

    fn devices(&self) -> Vec<FastPathDevice> {
        let counters = match &self.stage {
            Stage::Open(kernel) => kernel.counters(),
            Stage::Closed | Stage::Opening | Stage::Failed(_) => Vec::new(),
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
        self.reports.iter().map(describe).collect()
    }
}

impl Wanted {
    fn open(&self, instance: &Instance) -> (Result<Kernel, String>, Vec<InterfaceReport>) {
        if self.addresses.is_empty() && self.devices.is_empty() {
            return (Err("all interfaces are on the loopback device".to_owned()), Vec::new());
        }
        let options = Options {
            devices: self.devices.clone(),
            addresses: self.addresses.iter().copied().collect(),
            pin_dir: Some(self.pin_directory.clone()),
            capacity: self.capacity,
        };
        match FastPath::open_by(&options, only(self.hook)) {
            Ok((fast_path, reports)) => {
                for InterfaceReport { device, mode, reason } in &reports {
                    tracing::info!(device, %mode, reason, "fast path");
                }
                (Ok(Kernel::new(fast_path, instance.live(&self.pin_directory))), reports)
            }
            Err(OpenError::NoInterface(reports)) => {
                (Err(OpenError::NoInterface(reports.clone()).to_string()), reports)
            }
            Err(error) => (Err(error.to_string()), Vec::new()),
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
