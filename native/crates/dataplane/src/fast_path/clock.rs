//! The kernel's clock.

use std::time::{Duration, Instant};

/// Translates between `Instant` and `CLOCK_MONOTONIC`, which is its clock on Linux.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    instant: Instant,
    ns: u64,
}

impl Clock {
    pub fn now() -> Self {
        let instant = Instant::now();
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        Clock { instant, ns: time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs() }
    }

    pub fn instant(&self, ns: u64) -> Instant {
        let after = self.instant.checked_add(Duration::from_nanos(ns.saturating_sub(self.ns)));
        let before = self.instant.checked_sub(Duration::from_nanos(self.ns.saturating_sub(ns)));
        if ns >= self.ns { after.unwrap_or(self.instant) } else { before.unwrap_or(self.instant) }
    }

    pub fn ns(&self, instant: Instant) -> u64 {
        let after = instant.saturating_duration_since(self.instant).as_nanos() as u64;
        let before = self.instant.saturating_duration_since(instant).as_nanos() as u64;
        (self.ns + after).saturating_sub(before)
    }
}
