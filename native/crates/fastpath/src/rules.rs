//! The rules in the kernel: the array they are in, a table that finds each, and a shortcut for most.

use std::{mem::offset_of, sync::Arc};

use aya::maps::{HashMap, MapData, MapError};

use crate::{
    entry::place_of,
    layout::{Details, Key, RULE_COPIES, RuleValue, State, Way},
    mapped::MappedArray,
    rule::{Rule, RuleStats},
};

#[derive(Debug)]
pub struct Rules {
    pub table: HashMap<MapData, Key, u32>,
    pub states: Arc<MappedArray<State>>,
    pub details: MappedArray<Details>,
    pub places: MappedArray<u64>,
}

/// A rule that was there before.
#[derive(Debug)]
pub struct Entry {
    pub rule: Rule,
    pub index: u32,
    pub hop: u32,
}

impl Rules {
    /// Packets find it from now on.
    pub fn insert(&mut self, index: u32, rule: &Rule, way: Way, state: State) -> Result<(), MapError> {
        const ONLY_IF_NEW: u64 = 1;
        let copy_token = rule.copy.unwrap_or_default();
        let state = State { rule: RuleValue::of(rule, way), in_use: 1, copy_token, ..state };
        self.details.write(index, Details::of(rule, way));
        self.states.write(index, state);
        if let Err(error) = self.table.insert(Key::of(rule), index, ONLY_IF_NEW) {
            self.states.write(index, state.ended());
            return Err(error);
        }
        self.take_place(index, rule);
        Ok(())
    }

    /// No packet finds it from now on. Returns what was measured of those that did.
    pub fn remove(&mut self, index: u32, rule: &Rule) -> Option<RuleStats> {
        // Gone already only if somebody else cleaned up.
        let _ = self.table.remove(&Key::of(rule));
        let place = place_of(rule.local);
        if self.places.get(place) == u64::from(index) + 1 {
            self.places.set(place, 0);
        }
        let state = self.states.read(index)?;
        self.states.write(index, state.ended());
        Some(state.stats())
    }

    /// Has its packets leave another way, with the time to live they have had. False if the rule is gone.
    pub fn redirect(&mut self, index: u32, rule: &Rule, way: Way) -> bool {
        if self.table.get(&Key::of(rule), 0).ok() != Some(index) {
            return false;
        }
        self.states.write_word(index, offset_of!(State, rule) + offset_of!(RuleValue, hop), way.hop);
        self.details.write_word(index, offset_of!(Details, arrival_device), way.arrival_device);
        true
    }

    /// Has its packets copied or not from now on. False if the rule is gone.
    pub fn copy(&self, index: u32, token: Option<u64>) -> bool {
        let Some(state) = self.states.read(index).filter(|state| state.in_use != 0) else { return false };
        let flag = if token.is_some() { RULE_COPIES } else { 0 };
        let flags = state.rule.flags & !RULE_COPIES | flag;
        if let Some(token) = token {
            // What is being copied at this moment bears one token or the other.
            self.states.write_long(index, offset_of!(State, copy_token), token);
        }
        let word = u32::from_ne_bytes([flags, 0, 0, 0]);
        self.states.write_word(index, offset_of!(State, rule) + offset_of!(RuleValue, flags), word);
        true
    }

    /// Those another process has left. The shortcut leads to them, too, from now on.
    pub fn take_over(&mut self) -> Vec<Entry> {
        let indices: Vec<u32> = self.table.iter().filter_map(Result::ok).map(|(_, index)| index).collect();
        let entries: Vec<Entry> = indices.into_iter().filter_map(|index| self.entry(index)).collect();
        entries.iter().for_each(|entry| self.take_place(entry.index, &entry.rule));
        entries
    }

    fn entry(&self, index: u32) -> Option<Entry> {
        let (state, details) = (self.states.read(index)?, self.details.read(index)?);
        let value = state.rule;
        let copy = (value.flags & RULE_COPIES != 0).then_some(state.copy_token);
        Some(Entry { rule: Rule { copy, ..value.rule(&details) }, index, hop: value.hop })
    }

    /// Unless another rule has it, as for another source at the same port.
    fn take_place(&mut self, index: u32, rule: &Rule) {
        let place = place_of(rule.local);
        if self.places.get(place) == 0 {
            self.places.set(place, u64::from(index) + 1);
        }
    }
}
