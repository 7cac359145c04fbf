//! The engine's words for what the program measures and is told, and the program on its bench as the engine's fast path.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, Instant},
};

use engine::offload::{
    Beginning, FastPath, LeftBehind, Measurement, Refusal, RelayRule, RelayedCopy, RuleCounts, RuleHandle,
};

use super::Bench;
use crate::{Payload, Progress, Rewrite, Rule, RuleStats};

pub fn measurement(progress: &Progress) -> Measurement {
    Measurement {
        payload_type: progress.payload_type,
        clock_rate: progress.clock_rate,
        jumped_to: progress.jumped_to,
        cycles: progress.cycles,
        base: progress.base,
        highest: progress.highest,
        seen: progress.seen,
        received: progress.received,
        duplicates: progress.duplicates,
        reordered: progress.reordered,
        jitter: progress.jitter,
        transit: progress.transit,
        expected_before: progress.expected_before,
        received_before: progress.received_before,
    }
}

fn progress(measurement: &Measurement) -> Progress {
    Progress {
        payload_type: measurement.payload_type,
        clock_rate: measurement.clock_rate,
        jumped_to: measurement.jumped_to,
        cycles: measurement.cycles,
        base: measurement.base,
        highest: measurement.highest,
        seen: measurement.seen,
        received: measurement.received,
        duplicates: measurement.duplicates,
        reordered: measurement.reordered,
        jitter: measurement.jitter,
        transit: measurement.transit,
        expected_before: measurement.expected_before,
        received_before: measurement.received_before,
    }
}

/// A bench that an engine installs its rules on.
#[derive(Debug, Clone)]
pub struct Workbench {
    bench: Arc<Mutex<Bench>>,
    installed: Arc<Mutex<BTreeMap<u32, Rule>>>,
    clock: Clock,
}

impl Workbench {
    pub fn new(bench: Bench) -> Self {
        let bench = Arc::new(Mutex::new(bench));
        Workbench { bench, installed: Arc::default(), clock: Clock::now() }
    }

    pub fn bench(&self) -> MutexGuard<'_, Bench> {
        self.bench.lock().unwrap()
    }

    /// When the program relayed last.
    pub fn relayed_at(&self) -> Option<Instant> {
        let installed = self.installed.lock().unwrap();
        let last = installed.keys().filter_map(|index| self.bench().stats(*index).last_seen_ns).max();
        last.map(|ns| self.clock.instant(ns))
    }

    pub fn has_rule(&self, local: SocketAddr, source: SocketAddr, ssrc: u32) -> bool {
        let installed = self.installed.lock().unwrap();
        installed.values().any(|rule| (rule.local, rule.source, rule.ssrc) == (local, source, ssrc))
    }

    /// For the next engine.
    pub fn clear(&self) {
        for rule in std::mem::take(&mut *self.installed.lock().unwrap()).values() {
            self.bench().withdraw(rule);
        }
    }

    fn in_its_words(&self, stats: &RuleStats) -> RuleCounts {
        RuleCounts {
            packets: stats.packets,
            bytes: stats.bytes,
            last_packet: stats.last_seen_ns.map(|ns| self.clock.instant(ns)),
            last_sequence: stats.last_sequence,
            last_timestamp: stats.last_timestamp,
            measurement: measurement(&stats.progress),
            copies_lost: stats.copies_lost,
        }
    }
}

impl FastPath for Workbench {
    fn install(&mut self, rule: &RelayRule, beginning: &Beginning) -> Result<RuleHandle, Refusal> {
        let mut installed = self.installed.lock().unwrap();
        let index = (0..).find(|index| !installed.contains_key(index)).unwrap();
        let payloads = rule.payloads().into_iter().map(|payload| Payload {
            arrives_as: payload.payload_type,
            leaves_as: payload.payload_type,
            clock_rate: payload.clock_rate,
            times: payload.times,
        });
        let wanted = Rule {
            local: rule.local,
            source: rule.source,
            ssrc: rule.ssrc,
            from: rule.from,
            to: rule.to,
            tos: rule.tos,
            payloads: payloads.collect(),
            rewrite: Rewrite::default(),
            epoch_ns: self.clock.ns(beginning.epoch),
            copy: None,
        };
        self.bench().install_at(index, &wanted, &progress(&beginning.measurement));
        installed.insert(index, wanted);
        Ok(RuleHandle(index))
    }

    fn withdraw(&mut self, RuleHandle(index): RuleHandle, _: &mut dyn FnMut(RelayedCopy<'_>)) -> RuleCounts {
        let rule = self.installed.lock().unwrap().remove(&index).unwrap();
        self.bench().withdraw(&rule);
        let stats = self.bench().stats(index);
        self.in_its_words(&stats)
    }

    fn counts(&mut self, RuleHandle(index): RuleHandle) -> RuleCounts {
        let stats = self.bench().stats(index);
        self.in_its_words(&stats)
    }

    fn copy(&mut self, _: RuleHandle, _: bool) {}

    fn gather(&mut self) {}

    fn copies(&mut self, _: RuleHandle, _: &mut dyn FnMut(RelayedCopy<'_>)) {}

    fn broken(&mut self) -> Vec<RuleHandle> {
        Vec::new()
    }

    fn left_behind(&self, _: SocketAddr) -> Vec<LeftBehind> {
        Vec::new()
    }

    fn clear(&mut self, _: SocketAddr) {}
}

/// `Instant` is CLOCK_MONOTONIC, which the program reads, too; any skew in telling one by the other cancels out.
#[derive(Debug, Clone, Copy)]
struct Clock {
    instant: Instant,
    ns: u64,
}

impl Clock {
    fn now() -> Self {
        // SAFETY: all zero is a valid time, and the call writes nothing else.
        let time = unsafe {
            let mut time: libc::timespec = std::mem::zeroed();
            libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time);
            time
        };
        Clock { instant: Instant::now(), ns: time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64 }
    }

    fn instant(&self, ns: u64) -> Instant {
        if ns >= self.ns {
            self.instant + Duration::from_nanos(ns - self.ns)
        } else {
            self.instant - Duration::from_nanos(self.ns - ns)
        }
    }

    fn ns(&self, instant: Instant) -> u64 {
        let after = instant.saturating_duration_since(self.instant).as_nanos() as u64;
        let before = self.instant.saturating_duration_since(instant).as_nanos() as u64;
        self.ns + after - before
    }
}
