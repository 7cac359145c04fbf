//! The open fast path: rules of a process before us, rules that stopped to work, rules that were refused.

use std::{
    os::fd::BorrowedFd,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use fastpath::{
    DeviceCounters, FastPath, InstallError, InterfaceReport, Progress, Rule, RuleIndex, RuleStats,
};

use super::{boxes::Boxes, clock::Clock, instance::Presence, lock, refusals::Refusals};

#[derive(Debug)]
pub struct Kernel {
    fast_path: FastPath,
    /// Rules of a process before us that no plan has claimed yet.
    left_behind: Mutex<Vec<(Rule, RuleIndex)>>,
    /// Rules that lead nowhere any more, to be taken back by their shard.
    broken: Mutex<Vec<RuleIndex>>,
    boxes: Mutex<Boxes>,
    /// Lost copies that were told of.
    told_lost: Mutex<u64>,
    /// No process on this host has used it or a later one.
    next_token: AtomicU64,
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
        let mut boxes = Boxes::default();
        left_behind.iter().filter_map(|(rule, _)| rule.copy).for_each(|token| boxes.open(token));
        let kernel = Kernel {
            told_lost: Mutex::new(fast_path.copies_lost()),
            fast_path,
            boxes: Mutex::new(boxes),
            next_token: AtomicU64::new(Clock::now().ns(Instant::now())),
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

    /// Names the copies of a rule.
    pub fn token(&self) -> u64 {
        let token = self.next_token.fetch_add(1, Ordering::Relaxed);
        lock(&self.boxes).open(token);
        token
    }

    /// Has packets of a rule copied or not from now on.
    pub fn copy(&self, index: RuleIndex, token: Option<u64>) {
        self.fast_path.copy(index, token);
    }

    /// Sorts what the kernel has copied since the last time.
    pub fn gather(&self) {
        let mut boxes = lock(&self.boxes);
        self.fast_path.read_copies(MOST_GATHERED, |copied| boxes.put(&copied));
    }

    /// Shows times (CLOCK_MONOTONIC) and UDP payloads of what was gathered, oldest first.
    pub fn take_copies(&self, token: u64, show: impl FnMut(u64, &[u8])) {
        lock(&self.boxes).take(token, show);
    }

    /// Copies that found no room here, see [`RuleStats`] for those that found none in the kernel.
    pub fn lost_copies(&self, token: u64) -> u64 {
        lock(&self.boxes).lost(token)
    }

    pub fn forget_copies(&self, token: u64) {
        lock(&self.boxes).close(token);
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

    /// A rule that a process before us left, if it does just this, and the token of its copies, if it has any made.
    pub fn claim(&self, wanted: &Rule) -> Option<(RuleIndex, Option<u64>)> {
        let mut left = lock(&self.left_behind);
        let same = |rule: &Rule| Rule { epoch_ns: rule.epoch_ns, copy: rule.copy, ..wanted.clone() } == *rule;
        let at = left.iter().position(|(rule, _)| rule.local == wanted.local && same(rule))?;
        let (rule, index) = left.swap_remove(at);
        Some((index, rule.copy))
    }

    /// Rules that a process before us left, and nobody has claimed.
    pub fn left_behind<T>(&self, pick: impl Fn(&Rule) -> Option<T>) -> Vec<T> {
        lock(&self.left_behind).iter().filter_map(|(rule, _)| pick(rule)).collect()
    }

    pub fn withdraw_left_behind(&self, which: impl Fn(&Rule) -> bool) {
        let ended: Vec<_> = lock(&self.left_behind).extract_if(.., |(rule, _)| which(rule)).collect();
        for (rule, index) in ended {
            self.fast_path.withdraw(index);
            if let Some(token) = rule.copy {
                self.gather();
                self.forget_copies(token);
            }
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

    /// Looks after copies nobody has asked for yet, and tells of those that are lost.
    pub fn tend_copies(&self) {
        self.gather();
        let lost = self.fast_path.copies_lost() + lock(&self.boxes).strays;
        let before = std::mem::replace(&mut *lock(&self.told_lost), lost);
        if lost > before {
            tracing::warn!(copies = lost - before, "copies of packets that the kernel relays are lost");
        }
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

/// Copies sorted at once, so that no shard does so for the others for ever.
const MOST_GATHERED: usize = 100_000;
/// After a restart plans come back within a second or two.
pub const TIME_TO_CLAIM: Duration = Duration::from_secs(10);
