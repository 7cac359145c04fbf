//! The engine's time line: microseconds in eight bytes, an `Option` included.

use std::{
    num::NonZeroU64,
    time::{Duration, Instant},
};

/// A point in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(NonZeroU64);

impl Moment {
    /// Microseconds since an arbitrary point before the engine began.
    pub fn us(self) -> u64 {
        self.0.get()
    }

    /// The point so long after the same arbitrary one, rounded up.
    pub fn at(since: std::time::Duration) -> Moment {
        let us = u64::try_from(since.as_nanos().div_ceil(1000)).unwrap_or(u64::MAX);
        Moment(NonZeroU64::new(us).unwrap_or(NonZeroU64::MIN))
    }

    pub fn us_since(self, earlier: Moment) -> u64 {
        self.us().saturating_sub(earlier.us())
    }

    pub fn ms_since(self, earlier: Moment) -> u64 {
        self.us_since(earlier) / 1000
    }

    pub fn plus_ms(self, ms: u64) -> Moment {
        Moment(self.0.saturating_add(ms.saturating_mul(1000)))
    }
}

/// Translates between the caller's clock and the engine's.
#[derive(Debug, Clone, Copy)]
pub struct TimeLine {
    origin: Instant,
}

impl TimeLine {
    pub fn new(origin: Instant) -> Self {
        TimeLine { origin }
    }

    pub fn moment(&self, now: Instant) -> Moment {
        let since = now.saturating_duration_since(self.origin);
        let us = since.as_secs().saturating_mul(1_000_000).saturating_add(u64::from(since.subsec_micros()));
        Moment(NonZeroU64::MIN.saturating_add(us))
    }

    /// The instant microseconds are counted from.
    pub fn zero(&self) -> Instant {
        self.origin.checked_sub(Duration::from_micros(NonZeroU64::MIN.get())).unwrap_or(self.origin)
    }

    pub fn instant(&self, moment: Moment) -> Instant {
        self.origin + Duration::from_micros(moment.us() - NonZeroU64::MIN.get())
    }
}
