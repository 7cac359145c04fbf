//! The kernel's relay in the engine's words. One per shard.

use std::{net::SocketAddr, sync::Arc, time::Instant};

use engine::offload::{
    Beginning, FastPath, LeftBehind, Measurement, Refusal, RelayRule, RelayedCopy, RuleCounts, RuleHandle,
};
use fastpath::{InstallError, Payload, Progress, Rewrite, Rule, RuleIndex, RuleStats};
use slab::Slab;

use super::{Kernel, clock::Clock};

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
    /// Of its copies, if any were ever wanted.
    token: Option<u64>,
}

impl Relay {
    pub fn new(kernel: Arc<Kernel>) -> Self {
        Relay { kernel, rules: Slab::new(), clock: Clock::now() }
    }

    fn enter(&mut self, entry: Entry) -> RuleHandle {
        RuleHandle(self.rules.insert(entry) as u32)
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
            copies_lost: stats.copies_lost + entry.token.map_or(0, |token| self.kernel.lost_copies(token)),
        }
    }
}

impl FastPath for Relay {
    fn install(&mut self, rule: &RelayRule, beginning: &Beginning) -> Result<RuleHandle, Refusal> {
        let wanted = self.rule(rule, beginning.epoch);
        if let Some((index, token)) = self.kernel.claim(&wanted) {
            let claimed = self.enter(Entry { index, claimed: true, token });
            if token.is_some() != rule.copied {
                self.copy(claimed, rule.copied);
            }
            return Ok(claimed);
        }
        let token = rule.copied.then(|| self.kernel.token());
        let wanted = Rule { copy: token, ..wanted };
        match self.kernel.install(&wanted, &progress(&beginning.measurement)) {
            Ok(index) => Ok(self.enter(Entry { index, claimed: false, token })),
            Err(error) => {
                token.into_iter().for_each(|token| self.kernel.forget_copies(token));
                Err(refusal(&error))
            }
        }
    }

    fn withdraw(&mut self, rule: RuleHandle, rest: &mut dyn FnMut(RelayedCopy<'_>)) -> RuleCounts {
        let Some(entry) = self.rules.get(rule.0 as usize).copied() else { return RuleCounts::default() };
        let stats = self.kernel.withdraw(entry.index);
        if entry.token.is_some() {
            self.gather();
            self.copies(rule, rest);
        }
        let counts = self.read(entry, stats);
        entry.token.into_iter().for_each(|token| self.kernel.forget_copies(token));
        self.rules.remove(rule.0 as usize);
        counts
    }

    fn copy(&mut self, rule: RuleHandle, copied: bool) {
        let Some(entry) = self.rules.get_mut(rule.0 as usize) else { return };
        let token = *entry.token.get_or_insert_with(|| self.kernel.token());
        self.kernel.copy(entry.index, copied.then_some(token));
    }

    fn gather(&mut self) {
        self.kernel.gather();
    }

    fn copies(&mut self, rule: RuleHandle, show: &mut dyn FnMut(RelayedCopy<'_>)) {
        let token = self.rules.get(rule.0 as usize).and_then(|entry| entry.token);
        let Some(token) = token else { return };
        let clock = self.clock;
        self.kernel.take_copies(token, |time_ns, payload| {
            show(RelayedCopy { at: clock.instant(time_ns), payload });
        });
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
