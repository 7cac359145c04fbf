//! Takes the copies of taps and keeps them.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use engine::{Copied, Recorder, TapCounts, TapHandle};
use protocol::{Component, SessionId, TapId, TapPlan};

/// A copy that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    pub at: Instant,
    pub from: SocketAddr,
    pub to: SocketAddr,
    pub component: Component,
    pub payload: Vec<u8>,
}

/// A recorder in memory; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Tape(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    next: u32,
    taps: BTreeMap<TapHandle, Entry>,
}

#[derive(Debug)]
struct Entry {
    tap: TapId,
    taken: Vec<Taken>,
    counts: TapCounts,
    retries: u32,
    closed: bool,
}

impl Tape {
    /// What the open tap of this number has taken.
    pub fn taken(&self, tap: u32) -> Vec<Taken> {
        self.open(tap, |entry| entry.taken.clone()).unwrap_or_default()
    }

    /// How often an open tap was told that its plan has come again.
    pub fn retries(&self, tap: u32) -> Option<u32> {
        self.open(tap, |entry| entry.retries)
    }

    pub fn is_open(&self, tap: u32) -> bool {
        self.open(tap, |_| ()).is_some()
    }

    fn open<T>(&self, tap: u32, look: impl Fn(&Entry) -> T) -> Option<T> {
        let state = self.state();
        state.taps.values().find(|entry| entry.tap == TapId(tap) && !entry.closed).map(look)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with(&self, tap: TapHandle, change: impl FnOnce(&mut Entry)) {
        match self.state().taps.get_mut(&tap) {
            Some(entry) if !entry.closed => change(entry),
            entry => panic!("{tap:?} is not open: {entry:?}"),
        }
    }
}

impl Recorder for Tape {
    fn open(&mut self, _session: &SessionId, tap: &TapPlan) -> TapHandle {
        let mut state = self.state();
        state.next += 1;
        let handle = TapHandle(state.next);
        let counts = TapCounts::default();
        let entry = Entry { tap: tap.id, taken: Vec::new(), counts, retries: 0, closed: false };
        state.taps.insert(handle, entry);
        handle
    }

    fn retry(&mut self, tap: TapHandle) {
        self.with(tap, |entry| entry.retries += 1);
    }

    fn close(&mut self, tap: TapHandle) {
        self.with(tap, |entry| entry.closed = true);
    }

    fn copy(&mut self, tap: TapHandle, copied: &Copied<'_>) {
        let Copied { at, from, to, component, payload } = *copied;
        self.with(tap, |entry| {
            entry.counts.packets += 1;
            entry.counts.bytes += payload.len() as u64;
            entry.taken.push(Taken { at, from, to, component, payload: payload.to_vec() });
        });
    }

    fn lose(&mut self, tap: TapHandle, packets: u64) {
        self.with(tap, |entry| entry.counts.dropped += packets);
    }

    fn hand_over(&mut self) {}

    fn counts(&self, tap: TapHandle) -> TapCounts {
        self.state().taps.get(&tap).map(|entry| entry.counts.clone()).unwrap_or_default()
    }
}
