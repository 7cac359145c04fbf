//! The open fast path: rules of a process before us, rules that stopped to work, rules that were refused.

use std::{
    os::fd::BorrowedFd,
    sync::Mutex,
    time::{Duration, Instant},
};

use fastpath::{DeviceCounters, FastPath, InstallError, Progress, Rule, RuleIndex, RuleStats};

use super::{instance::Alive, lock, refusals::Refusals};

#[derive(Debug)]
pub struct Kernel {
    fast_path: FastPath,
    /// Rules of a process before us that no plan has claimed yet.
    left_behind: Mutex<Vec<(Rule, RuleIndex)>>,
    /// Rules that lead nowhere any more, to be taken back by their shard.
    broken: Mutex<Vec<RuleIndex>>,
    refusals: Refusals,
    opened: Instant,
    /// Others see by it that we live.
    _alive: Option<Alive>,
}

impl Kernel {
    pub fn new(fast_path: FastPath, alive: Option<Alive>) -> Self {
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
            _alive: alive,
        }
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

    /// True if the time to claim rules is over.
    pub fn withdraw_unclaimed(&self, now: Instant) -> bool {
        if now.saturating_duration_since(self.opened) < TIME_TO_CLAIM {
            return false;
        }
        let unclaimed = lock(&self.left_behind).len();
        if unclaimed > 0 {
            tracing::info!(rules = unclaimed, "rules of a process before us that no call has claimed end");
            self.withdraw_left_behind(|_| true);
        }
        true
    }
}

/// After a restart plans come back within a second or two.
const TIME_TO_CLAIM: Duration = Duration::from_secs(10);
