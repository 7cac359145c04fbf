//! The kernel of the proxy's host, as far as it relays by rules: a model of the fast path. It outlives the proxy.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use engine::offload::{
    Beginning, FastPath, LeftBehind, Refusal, RelayRule, RelayedCopy, RuleCounts, RuleHandle, Sample,
};
use wire::rtp::Header;

use crate::proxy::Sent;

/// Shared with the engine, which installs rules.
#[derive(Debug, Clone, Default)]
pub struct Kernel(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    rules: BTreeMap<RuleHandle, Entry>,
    next: u32,
    gatherings: usize,
    /// Rules that fit.
    room: Option<usize>,
    /// Copies that fit.
    copy_room: Option<usize>,
    /// Rules of an engine that is gone.
    left_behind: Vec<RuleHandle>,
}

#[derive(Debug)]
struct Entry {
    rule: RelayRule,
    counts: RuleCounts,
    epoch: Instant,
    broken: bool,
    copies: Vec<(Instant, Vec<u8>)>,
    gathered: usize,
}

impl Kernel {
    /// Takes a packet if there is a rule for it.
    pub fn relay(&self, now: Instant, from: SocketAddr, to: SocketAddr, payload: &[u8]) -> Option<Sent> {
        let mut state = self.state();
        let copy_room = state.copy_room;
        let entry =
            state.rules.values_mut().find(|entry| (entry.rule.local, entry.rule.source) == (to, from))?;
        let header = Header::parse(payload).filter(|_| wire::classify(payload) == wire::Kind::Rtp)?;
        if header.ssrc != entry.rule.ssrc || entry.broken {
            return None;
        }
        let payloads = entry.rule.payloads();
        let known = payloads.iter().find(|known| known.payload_type == header.payload_type)?;
        let counts = &mut entry.counts;
        if entry.rule.copied {
            if copy_room.is_some_and(|room| entry.copies.len() >= room) {
                counts.copies_lost += 1;
            } else {
                entry.copies.push((now, payload.to_vec()));
            }
        }
        counts.packets += 1;
        counts.bytes += payload.len() as u64;
        counts.last_packet = Some(now);
        (counts.last_sequence, counts.last_timestamp) = (header.sequence, header.timestamp);
        let sample = Sample {
            sequence: header.sequence,
            timestamp: header.timestamp,
            payload_type: header.payload_type,
            clock_rate: known.clock_rate,
            times: known.times,
        };
        let since = now.saturating_duration_since(entry.epoch);
        counts.measurement.take_in(since.as_micros() as u64, &sample);
        Some(Sent { from: entry.rule.from, to: entry.rule.to, payload: payload.to_vec() })
    }

    /// Nobody can be reached by the rules any more.
    pub fn break_rules(&self) {
        self.state().rules.values_mut().for_each(|entry| entry.broken = true);
    }

    pub fn rules(&self) -> Vec<RelayRule> {
        self.state().rules.values().map(|entry| entry.rule.clone()).collect()
    }

    /// How often somebody has asked for what was copied.
    pub fn gatherings(&self) -> usize {
        self.state().gatherings
    }

    pub fn handles(&self) -> Vec<RuleHandle> {
        self.state().rules.keys().copied().collect()
    }

    /// No more rules than that.
    pub fn limit(&self, rules: Option<usize>) {
        self.state().room = rules;
    }

    /// No more copies of a rule than that until they are taken.
    pub fn limit_copies(&self, copies: Option<usize>) {
        self.state().copy_room = copies;
    }

    /// The process that installed the rules is gone.
    pub fn leave_behind(&self) {
        let mut state = self.state();
        state.left_behind = state.rules.keys().copied().collect();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FastPath for Kernel {
    fn install(&mut self, rule: &RelayRule, beginning: &Beginning) -> Result<RuleHandle, Refusal> {
        let mut state = self.state();
        let known = state.left_behind.iter().position(|handle| state.rules[handle].rule.relays_like(rule));
        if let Some(known) = known {
            let handle = state.left_behind.swap_remove(known);
            if let Some(entry) = state.rules.get_mut(&handle) {
                entry.rule.copied = rule.copied;
            }
            return Ok(handle);
        }
        if state.room.is_some_and(|room| state.rules.len() >= room) {
            return Err(Refusal::TableFull);
        }
        state.next += 1;
        let handle = RuleHandle(state.next);
        let counts = RuleCounts { measurement: beginning.measurement, ..RuleCounts::default() };
        let entry = Entry {
            rule: rule.clone(),
            counts,
            epoch: beginning.epoch,
            broken: false,
            copies: Vec::new(),
            gathered: 0,
        };
        state.rules.insert(handle, entry);
        Ok(handle)
    }

    fn withdraw(&mut self, rule: RuleHandle, rest: &mut dyn FnMut(RelayedCopy<'_>)) -> RuleCounts {
        self.gather();
        self.copies(rule, rest);
        self.state().rules.remove(&rule).map(|entry| entry.counts).unwrap_or_default()
    }

    fn copy(&mut self, rule: RuleHandle, copied: bool) {
        if let Some(entry) = self.state().rules.get_mut(&rule) {
            entry.rule.copied = copied;
        }
    }

    fn gather(&mut self) {
        self.state().gatherings += 1;
        self.state().rules.values_mut().for_each(|entry| entry.gathered = entry.copies.len());
    }

    fn copies(&mut self, rule: RuleHandle, show: &mut dyn FnMut(RelayedCopy<'_>)) {
        let mut state = self.state();
        let Some(entry) = state.rules.get_mut(&rule) else { return };
        for (at, payload) in entry.copies.drain(..entry.gathered) {
            show(RelayedCopy { at, payload: &payload });
        }
        entry.gathered = 0;
    }

    fn counts(&mut self, rule: RuleHandle) -> RuleCounts {
        self.state().rules.get(&rule).map(|entry| entry.counts).unwrap_or_default()
    }

    fn broken(&mut self) -> Vec<RuleHandle> {
        let state = self.state();
        state.rules.iter().filter(|(_, entry)| entry.broken).map(|(handle, _)| *handle).collect()
    }

    fn left_behind(&self, local: SocketAddr) -> Vec<LeftBehind> {
        let state = self.state();
        let rules = state.left_behind.iter().map(|handle| &state.rules[handle].rule);
        rules
            .filter(|rule| rule.local == local)
            .map(|rule| LeftBehind { source: rule.source, ssrc: rule.ssrc })
            .collect()
    }

    fn clear(&mut self, local: SocketAddr) {
        let mut state = self.state();
        let State { rules, left_behind, .. } = &mut *state;
        left_behind.retain(|handle| {
            let ends = rules[handle].rule.local == local;
            if ends {
                rules.remove(handle);
            }
            !ends
        });
    }
}
