//! The relay in the kernel: opened as the control plane wishes, shared by all shards, and what became of it.

mod refusals;
mod relay;

use std::{
    collections::BTreeSet,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use engine::offload::{PathCounts, REASONS};
use fastpath::{FastPath, InterfaceReport, Mode, Options, RuleIndex};
use protocol::{
    DeviceMode, ErrorCode, FastPathDevice, FastPathMode, FastPathPlan, FastPathStatus, PassedCount,
    UserspaceCount,
};
use refusals::Refusals;
pub use relay::Relay;

/// The fast path of this process.
#[derive(Debug)]
pub struct FastPaths {
    state: Mutex<State>,
    /// Grows when shards have something to look at.
    news: AtomicU64,
}

#[derive(Debug)]
struct State {
    opened: Option<(Wanted, Result<Arc<Kernel>, String>)>,
    reports: Vec<InterfaceReport>,
    mode: FastPathMode,
}

/// What it was opened for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wanted {
    devices: Vec<String>,
    addresses: BTreeSet<IpAddr>,
    pin_directory: PathBuf,
    capacity: u32,
}

#[derive(Debug)]
pub struct Kernel {
    fast_path: FastPath,
    /// Rules of a process before us that no plan has claimed yet.
    left_behind: Mutex<Vec<(fastpath::Rule, RuleIndex)>>,
    /// Rules that lead nowhere any more, to be taken back by their shard.
    broken: Mutex<Vec<RuleIndex>>,
    refusals: Refusals,
    opened: Instant,
}

impl FastPaths {
    pub fn new() -> Self {
        let state = State { opened: None, reports: Vec::new(), mode: FastPathMode::Off };
        FastPaths { state: Mutex::new(state), news: AtomicU64::new(0) }
    }

    /// Opens it if it is wanted. What is open stays so until the process ends: other devices need a restart.
    pub fn configure(&self, plan: &FastPathPlan, addresses: BTreeSet<IpAddr>) -> Result<(), ErrorCode> {
        let mut state = self.state();
        if plan.mode == FastPathMode::Off {
            if state.opened.is_none() {
                clear_pinned(Path::new(&plan.pin_directory));
            }
        } else {
            let wanted = Wanted {
                devices: plan.devices.clone(),
                addresses,
                pin_directory: plan.pin_directory.clone().into(),
                capacity: plan.max_streams,
            };
            state.open(wanted);
            if plan.mode == FastPathMode::Require
                && let Some((_, Err(reason))) = &state.opened
            {
                return Err(ErrorCode::FastPathUnavailable { reason: reason.clone() });
            }
        }
        if state.mode != plan.mode {
            state.mode = plan.mode;
            self.news.fetch_add(1, Ordering::Release);
        }
        Ok(())
    }

    /// Another number than before: shards look at what has changed.
    pub fn news(&self) -> u64 {
        self.news.load(Ordering::Acquire)
    }

    /// What streams are to be relayed by; `None`: userspace.
    pub fn kernel(&self) -> Option<Arc<Kernel>> {
        let state = self.state();
        let opened = state.opened.as_ref().filter(|_| state.mode != FastPathMode::Off);
        opened.and_then(|(_, kernel)| kernel.as_ref().ok().cloned())
    }

    /// Follows the routes, and ends rules that no plan has claimed in time. To be called about once a second.
    pub fn tend(&self, now: Instant) {
        let Some(kernel) = self.kernel() else { return };
        if kernel.follow_routes() {
            self.news.fetch_add(1, Ordering::Release);
        }
        kernel.withdraw_unclaimed(now);
        kernel.refusals.report(now);
    }

    /// When this process ends: what nobody needs is removed, so that nothing lingers.
    pub fn end(&self, sessions: u32) {
        let state = self.state();
        let Some((wanted, Ok(kernel))) = &state.opened else { return };
        if sessions == 0 {
            clear_pinned(&wanted.pin_directory);
            return;
        }
        let rules = kernel.fast_path.adopt().len();
        tracing::warn!(rules, sessions, "the kernel goes on relaying; `tandem fastpath clean` ends that");
    }

    pub fn status(&self, counts: PathCounts) -> FastPathStatus {
        let state = self.state();
        let (active, reason) = match (&state.opened, state.mode) {
            (_, FastPathMode::Off) => (false, "off by configuration".to_owned()),
            (None, _) => (false, "not configured yet".to_owned()),
            (Some((_, Err(reason))), _) => (false, reason.clone()),
            (Some((_, Ok(_))), _) => (true, "loaded".to_owned()),
        };
        FastPathStatus {
            mode: state.mode,
            active,
            reason,
            devices: state.devices(),
            offloaded: counts.offloaded,
            userspace: REASONS
                .into_iter()
                .zip(counts.userspace)
                .filter(|(_, streams)| *streams > 0)
                .map(|(reason, streams)| UserspaceCount { reason, streams })
                .collect(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for FastPaths {
    fn default() -> Self {
        Self::new()
    }
}

impl State {
    fn open(&mut self, wanted: Wanted) {
        match &self.opened {
            Some((opened, Ok(_))) if *opened != wanted => {
                tracing::warn!("other settings of the fast path take effect when the data plane restarts");
                return;
            }
            Some((_, Ok(_))) => return,
            Some((_, Err(_))) | None => {}
        }
        let options = Options {
            devices: wanted.devices.clone(),
            addresses: wanted.addresses.iter().copied().collect(),
            pin_dir: Some(wanted.pin_directory.clone()),
            capacity: wanted.capacity,
        };
        let kernel = match FastPath::open(&options) {
            Ok((fast_path, reports)) => {
                for InterfaceReport { device, mode, reason } in &reports {
                    tracing::info!(device, %mode, reason, "fast path");
                }
                self.reports = reports;
                Ok(Arc::new(Kernel::new(fast_path)))
            }
            Err(error) => {
                if let fastpath::OpenError::NoInterface(reports) = &error {
                    self.reports.clone_from(reports);
                }
                tracing::warn!(reason = %error, "no fast path");
                Err(error.to_string())
            }
        };
        self.opened = Some((wanted, kernel));
    }

    fn devices(&self) -> Vec<FastPathDevice> {
        let kernel = self.opened.as_ref().and_then(|(_, kernel)| kernel.as_ref().ok());
        let counters = kernel.map(|kernel| kernel.fast_path.counters()).unwrap_or_default();
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

impl Kernel {
    fn new(fast_path: FastPath) -> Self {
        let left_behind = fast_path.adopt();
        if !left_behind.is_empty() {
            tracing::info!(rules = left_behind.len(), "the kernel has been relaying for a process before us");
        }
        Kernel {
            fast_path,
            left_behind: Mutex::new(left_behind),
            broken: Mutex::default(),
            refusals: Refusals::default(),
            opened: Instant::now(),
        }
    }

    /// True if some rule leads nowhere any more.
    fn follow_routes(&self) -> bool {
        let broken = self.fast_path.refresh();
        for (_, error) in &broken {
            self.refusals.note(error);
        }
        let any = !broken.is_empty();
        lock(&self.broken).extend(broken.into_iter().map(|(index, _)| index));
        any
    }

    fn withdraw_unclaimed(&self, now: Instant) {
        if now.saturating_duration_since(self.opened) < TIME_TO_CLAIM {
            return;
        }
        let unclaimed = std::mem::take(&mut *lock(&self.left_behind));
        if unclaimed.is_empty() {
            return;
        }
        tracing::info!(rules = unclaimed.len(), "rules of a process before us that no call has claimed end");
        for (_, index) in unclaimed {
            self.fast_path.withdraw(index);
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

/// After a restart plans come back within a second or two.
const TIME_TO_CLAIM: Duration = Duration::from_secs(10);
