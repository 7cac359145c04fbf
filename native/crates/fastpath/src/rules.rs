//! The rules in the kernel: the array they are in, a table that finds each, and a shortcut for most.

use std::{mem::offset_of, sync::Arc};

use aya::maps::{HashMap, MapData, MapError};

use crate::{
    entry::place_of,
    layout::{Details, Key, RuleValue, State, Way},
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
        let state = State { rule: RuleValue::of(rule, way), in_use: 1, ..state };
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

    /// Those another process has left. The shortcut leads to them, too, from now on.
    pub fn take_over(&mut self) -> Vec<Entry> {
        let indices: Vec<u32> = self.table.iter().filter_map(Result::ok).map(|(_, index)| index).collect();
        let entries: Vec<Entry> = indices.into_iter().filter_map(|index| self.entry(index)).collect();
        entries.iter().for_each(|entry| self.take_place(entry.index, &entry.rule));
        entries
    }

    fn entry(&self, index: u32) -> Option<Entry> {
        let (value, details) = (self.states.read(index)?.rule, self.details.read(index)?);
        Some(Entry { rule: value.rule(&details), index, hop: value.hop })
    }

    /// Unless another rule has it, as for another source at the same port.
    fn take_place(&mut self, index: u32, rule: &Rule) {
        let place = place_of(rule.local);
        if self.places.get(place) == 0 {
            self.places.set(place, u64::from(index) + 1);
        }
    }
}
