//! The kernel's relay in the engine's words. One per shard.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use engine::offload::{
    Beginning, FastPath, LeftBehind, Measurement, Refusal, RelayRule, RuleCounts, RuleHandle,
};
use fastpath::{InstallError, Payload, Progress, Rewrite, Rule, RuleIndex, RuleStats};
use slab::Slab;

use super::Kernel;

#[derive(Debug)]
pub struct Relay {
    kernel: Arc<Kernel>,
    rules: Slab<Entry>,
    clock: Clock,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    index: RuleIndex,
    /// Taken over from a process before us, whose jitter clock was another one.
    claimed: bool,
}

impl Relay {
    pub fn new(kernel: Arc<Kernel>) -> Self {
        Relay { kernel, rules: Slab::new(), clock: Clock::now() }
    }

    fn enter(&mut self, index: RuleIndex, claimed: bool) -> RuleHandle {
        RuleHandle(self.rules.insert(Entry { index, claimed }) as u32)
    }

    /// The rule for the kernel, the most frequent payload types if there are too many.
    fn rule(&self, rule: &RelayRule, epoch: Instant) -> Rule {
        let payloads = rule.payloads().into_iter().take(fastpath::MOST_PAYLOADS);
        Rule {
            local: rule.local,
            source: rule.source,
            ssrc: rule.ssrc,
            from: rule.from,
            to: rule.to,
            tos: rule.tos,
            payloads: payloads
                .map(|payload| Payload {
                    arrives_as: payload.payload_type,
                    leaves_as: payload.payload_type,
                    clock_rate: payload.clock_rate,
                    times: payload.times,
                })
                .collect(),
            rewrite: Rewrite::default(),
            epoch_ns: self.clock.ns(epoch),
            copy: None,
        }
    }

    fn read(&self, entry: Entry, stats: Option<RuleStats>) -> RuleCounts {
        let Some(stats) = stats else { return RuleCounts::default() };
        let mut measurement = measurement(&stats.progress);
        measurement.received =
            measurement.received.saturating_add(u32::try_from(stats.unmeasured).unwrap_or(0));
        if entry.claimed {
            measurement.transit = None;
        }
        RuleCounts {
            packets: stats.packets,
            bytes: stats.bytes,
            last_packet: stats.last_seen_ns.map(|ns| self.clock.instant(ns)),
            last_sequence: stats.last_sequence,
            last_timestamp: stats.last_timestamp,
            measurement,
        }
    }
}

impl FastPath for Relay {
    fn install(&mut self, rule: &RelayRule, beginning: &Beginning) -> Result<RuleHandle, Refusal> {
        let wanted = self.rule(rule, beginning.epoch);
        if let Some(index) = self.kernel.claim(&wanted) {
            return Ok(self.enter(index, true));
        }
        let installed = self.kernel.install(&wanted, &progress(&beginning.measurement));
        installed.map(|index| self.enter(index, false)).map_err(|error| refusal(&error))
    }

    fn withdraw(&mut self, rule: RuleHandle) -> RuleCounts {
        let Some(entry) = self.rules.try_remove(rule.0 as usize) else { return RuleCounts::default() };
        self.read(entry, self.kernel.withdraw(entry.index))
    }

    fn counts(&mut self, rule: RuleHandle) -> RuleCounts {
        let Some(entry) = self.rules.get(rule.0 as usize).copied() else { return RuleCounts::default() };
        self.read(entry, self.kernel.stats(entry.index))
    }

    fn broken(&mut self) -> Vec<RuleHandle> {
        let handle = |index: RuleIndex| {
            let found = self.rules.iter().find(|(_, entry)| entry.index == index);
            found.map(|(key, _)| RuleHandle(key as u32))
        };
        self.kernel.take_broken(|index| handle(index).is_some()).into_iter().filter_map(handle).collect()
    }

    fn left_behind(&self, local: SocketAddr) -> Vec<LeftBehind> {
        self.kernel.left_behind(|rule| {
            (rule.local == local).then_some(LeftBehind { source: rule.source, ssrc: rule.ssrc })
        })
    }

    fn clear(&mut self, local: SocketAddr) {
        self.kernel.withdraw_left_behind(|rule| rule.local == local);
    }
}

fn refusal(error: &InstallError) -> Refusal {
    match error {
        InstallError::NoIngress(_) => Refusal::NoFastPath,
        InstallError::LocalDestination(_) | InstallError::Unroutable { .. } | InstallError::Egress { .. } => {
            Refusal::Unroutable
        }
        InstallError::MapFull(_) => Refusal::TableFull,
        InstallError::Taken | InstallError::TooManyPayloads | InstallError::Refused(_) => Refusal::Failed,
    }
}

fn progress(measurement: &Measurement) -> Progress {
    let Measurement {
        payload_type,
        clock_rate,
        jumped_to,
        cycles,
        base,
        highest,
        seen,
        received,
        duplicates,
        reordered,
        jitter,
        transit,
        expected_before,
        received_before,
    } = *measurement;
    Progress {
        payload_type,
        clock_rate,
        cycles,
        base,
        highest,
        seen,
        received,
        duplicates,
        reordered,
        jitter,
        transit,
        jumped_to,
        expected_before,
        received_before,
    }
}

fn measurement(progress: &Progress) -> Measurement {
    let Progress {
        payload_type,
        clock_rate,
        cycles,
        base,
        highest,
        seen,
        received,
        duplicates,
        reordered,
        jitter,
        transit,
        jumped_to,
        expected_before,
        received_before,
    } = *progress;
    Measurement {
        payload_type,
        clock_rate,
        jumped_to,
        cycles,
        base,
        highest,
        seen,
        received,
        duplicates,
        reordered,
        jitter,
        transit,
        expected_before,
        received_before,
    }
}

/// Translates between `Instant` and `CLOCK_MONOTONIC`, which is its clock on Linux.
#[derive(Debug, Clone, Copy)]
struct Clock {
    instant: Instant,
    ns: u64,
}

impl Clock {
    fn now() -> Self {
        let instant = Instant::now();
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        Clock { instant, ns: time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs() }
    }

    fn instant(&self, ns: u64) -> Instant {
        let after = self.instant.checked_add(Duration::from_nanos(ns.saturating_sub(self.ns)));
        let before = self.instant.checked_sub(Duration::from_nanos(self.ns.saturating_sub(ns)));
        if ns >= self.ns { after.unwrap_or(self.instant) } else { before.unwrap_or(self.instant) }
    }

    fn ns(&self, instant: Instant) -> u64 {
        let after = instant.saturating_duration_since(self.instant).as_nanos() as u64;
        let before = self.instant.saturating_duration_since(instant).as_nanos() as u64;
        (self.ns + after).saturating_sub(before)
    }
}
