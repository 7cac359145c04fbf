//! The open fast path: rules of a process before us, rules that stopped to work, rules that were refused.

use std::{
    os::fd::BorrowedFd,
    sync::Mutex,
    time::{Duration, Instant},
};

use fastpath::{
    DeviceCounters, FastPath, InstallError, InterfaceReport, Progress, Rule, RuleIndex, RuleStats,
};

use super::{instance::Presence, lock, refusals::Refusals};

#[derive(Debug)]
pub struct Kernel {
    fast_path: FastPath,
    /// Rules of a process before us that no plan has claimed yet.
    left_behind: Mutex<Vec<(Rule, RuleIndex)>>,
    /// Rules that lead nowhere any more, to be taken back by their shard.
    broken: Mutex<Vec<RuleIndex>>,
    refusals: Refusals,
    /// What was said of the interfaces.
    told: Mutex<Vec<InterfaceReport>>,
    opened: Instant,
    /// Others see by it that we live.
    presence: Presence,
}

impl Kernel {
    pub fn new(fast_path: FastPath, presence: Presence) -> Self {
        let left_behind = fast_path.adopt();
        if !left_behind.is_empty() {
            tracing::info!(rules = left_behind.len(), "the kernel has been relaying for a process before us");
        }
        let kernel = Kernel {
            fast_path,
            left_behind: Mutex::new(left_behind),
            broken: Mutex::default(),
            refusals: Refusals::default(),
            told: Mutex::default(),
            opened: Instant::now(),
            presence,
        };
        kernel.tell_of_interfaces();
        kernel
    }

    /// To be called from time to time.
    pub fn insist_on_living(&self) {
        self.presence.insist();
    }

    pub fn reports(&self) -> Vec<InterfaceReport> {
        self.fast_path.reports()
    }

    fn tell_of_interfaces(&self) {
        let reports = self.fast_path.reports();
        let mut told = lock(&self.told);
        for report in told.iter().filter(|told| reports.iter().all(|report| report.device != told.device)) {
            tracing::info!(device = report.device, "fast path: the interface is gone");
        }
        for report @ InterfaceReport { device, mode, reason } in &reports {
            if !told.contains(report) {
                tracing::info!(device, %mode, reason, "fast path");
            }
        }
        *told = reports;
    }

    pub fn install(&self, rule: &Rule, progress: &Progress) -> Result<RuleIndex, InstallError> {
        self.fast_path.install(rule, progress).inspect_err(|error| {
            // Whoever has no fast path on a device knows from the start.
            if !matches!(error, InstallError::NoIngress(_)) {
                self.refusals.note(error);
            }
        })
    }

    pub fn withdraw(&self, index: RuleIndex) -> Option<RuleStats> {
        self.fast_path.withdraw(index)
    }

    pub fn stats(&self, index: RuleIndex) -> Option<RuleStats> {
        self.fast_path.stats(index)
    }

    pub fn counters(&self) -> Vec<DeviceCounters> {
        self.fast_path.counters()
    }

    /// Why relaying ends with this process; `None` if it does not.
    pub fn not_pinned(&self) -> Option<&str> {
        self.fast_path.not_pinned()
    }

    pub fn changes(&self) -> BorrowedFd<'_> {
        self.fast_path.changes()
    }

    pub fn describe(&self) -> String {
        match self.not_pinned() {
            None => "its self-test has passed, and rules outlive this process".to_owned(),
            Some(reason) => format!("its self-test has passed; rules end with this process: {reason}"),
        }
    }

    /// A rule that a process before us left, if it does just this.
    pub fn claim(&self, wanted: &Rule) -> Option<RuleIndex> {
        let mut left = lock(&self.left_behind);
        let same = |rule: &Rule| Rule { epoch_ns: rule.epoch_ns, ..wanted.clone() } == *rule;
        let at = left.iter().position(|(rule, _)| rule.local == wanted.local && same(rule))?;
        Some(left.swap_remove(at).1)
    }

    /// Rules that a process before us left, and nobody has claimed.
    pub fn left_behind<T>(&self, pick: impl Fn(&Rule) -> Option<T>) -> Vec<T> {
        lock(&self.left_behind).iter().filter_map(|(rule, _)| pick(rule)).collect()
    }

    pub fn withdraw_left_behind(&self, which: impl Fn(&Rule) -> bool) {
        let ended: Vec<_> = lock(&self.left_behind).extract_if(.., |(rule, _)| which(rule)).collect();
        for (_, index) in ended {
            self.fast_path.withdraw(index);
        }
    }

    /// Takes those of the broken rules that are the caller's.
    pub fn take_broken(&self, is_ours: impl Fn(RuleIndex) -> bool) -> Vec<RuleIndex> {
        lock(&self.broken).extract_if(.., |index| is_ours(*index)).collect()
    }

    /// True if some rule leads nowhere any more.
    pub fn follow_routes(&self) -> bool {
        let broken = self.fast_path.refresh();
        self.tell_of_interfaces();
        for (_, error) in &broken {
            self.refusals.note(error);
        }
        let any = !broken.is_empty();
        lock(&self.broken).extend(broken.into_iter().map(|(index, _)| index));
        any
    }

    pub fn report_refusals(&self, now: Instant) {
        self.refusals.report(now);
    }

    /// Ends rules that no plan has claimed in time.
    pub fn withdraw_unclaimed(&self, now: Instant) {
        let unclaimed = lock(&self.left_behind).len();
        if unclaimed > 0 && now.saturating_duration_since(self.opened) >= TIME_TO_CLAIM {
            tracing::info!(rules = unclaimed, "rules of a process before us that no call has claimed end");
            self.withdraw_left_behind(|_| true);
        }
    }
}

/// After a restart plans come back within a second or two.
pub const TIME_TO_CLAIM: Duration = Duration::from_secs(10);
