//! Says why streams stay in userspace: at once, and then every ten seconds with how many there were.

use std::{
    collections::BTreeMap,
    sync::Mutex,
    time::{Duration, Instant},
};

use fastpath::InstallError;

use super::lock;

#[derive(Debug, Default)]
pub struct Refusals(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    streams: BTreeMap<String, u64>,
    reported: Option<Instant>,
}

impl Refusals {
    pub fn note(&self, error: &InstallError) {
        *lock(&self.0).streams.entry(error.to_string()).or_default() += 1;
    }

    pub fn report(&self, now: Instant) {
        let mut state = lock(&self.0);
        let is_due = state.reported.is_none_or(|last| now.saturating_duration_since(last) >= PAUSE);
        if state.streams.is_empty() || !is_due {
            return;
        }
        state.reported = Some(now);
        for (reason, streams) in std::mem::take(&mut state.streams) {
            tracing::warn!(reason, streams, "streams stay in userspace");
        }
    }
}

const PAUSE: Duration = Duration::from_secs(10);
