//! The kernel of the proxy's host, as far as it relays by rules: a model of the fast path. It outlives the proxy.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use engine::offload::{Beginning, FastPath, LeftBehind, Refusal, RelayRule, RuleCounts, RuleHandle, Sample};
use wire::rtp::Header;

use crate::proxy::Sent;

/// Shared with the engine, which installs rules.
#[derive(Debug, Clone, Default)]
pub struct Kernel(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    rules: BTreeMap<RuleHandle, Entry>,
    next: u32,
    /// Rules that fit.
    room: Option<usize>,
    /// Rules of an engine that is gone.
    left_behind: Vec<RuleHandle>,
}

#[derive(Debug)]
struct Entry {
    rule: RelayRule,
    counts: RuleCounts,
    epoch: Instant,
    broken: bool,
}

impl Kernel {
    /// Takes a packet if there is a rule for it.
    pub fn relay(&self, now: Instant, from: SocketAddr, to: SocketAddr, payload: &[u8]) -> Option<Sent> {
        let mut state = self.state();
        let entry =
            state.rules.values_mut().find(|entry| (entry.rule.local, entry.rule.source) == (to, from))?;
        let header = Header::parse(payload).filter(|_| wire::classify(payload) == wire::Kind::Rtp)?;
        if header.ssrc != entry.rule.ssrc || entry.broken {
            return None;
        }
        let payloads = entry.rule.payloads();
        let known = payloads.iter().find(|known| known.payload_type == header.payload_type)?;
        let counts = &mut entry.counts;
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

    /// No more rules than that.
    pub fn limit(&self, rules: Option<usize>) {
        self.state().room = rules;
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
        let known = state.left_behind.iter().position(|handle| state.rules[handle].rule == *rule);
        if let Some(known) = known {
            return Ok(state.left_behind.swap_remove(known));
        }
        if state.room.is_some_and(|room| state.rules.len() >= room) {
            return Err(Refusal::TableFull);
        }
        state.next += 1;
        let handle = RuleHandle(state.next);
        let counts = RuleCounts { measurement: beginning.measurement, ..RuleCounts::default() };
        let entry = Entry { rule: rule.clone(), counts, epoch: beginning.epoch, broken: false };
        state.rules.insert(handle, entry);
        Ok(handle)
    }

    fn withdraw(&mut self, rule: RuleHandle) -> RuleCounts {
        self.state().rules.remove(&rule).map(|entry| entry.counts).unwrap_or_default()
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
