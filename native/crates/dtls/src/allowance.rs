//! How many signatures a handshake verifies: anybody can send wrong ones.

use std::time::{Duration, Instant};

#[derive(Debug, Clone, Copy)]
pub struct Allowance {
    left: u32,
    filled: Instant,
    is_short: bool,
}

impl Allowance {
    pub fn new(now: Instant) -> Allowance {
        Allowance { left: MOST, filled: now, is_short: false }
    }

    pub fn refill(&mut self, now: Instant) {
        let grown = now.saturating_duration_since(self.filled).as_millis() / PAUSE.as_millis();
        if grown > 0 {
            self.left = MOST.min(self.left.saturating_add(u32::try_from(grown).unwrap_or(MOST)));
            self.filled = now;
        }
        self.is_short = false;
    }

    /// Whether one more may be verified. What others than the expected one have signed leaves some for it.
    pub fn take(&mut self, is_expected: bool) -> bool {
        let may = self.left > if is_expected { 0 } else { KEPT };
        self.left -= u32::from(may);
        self.is_short |= is_expected && !may;
        may
    }

    /// True if something that may be of the expected one was left for later since the last refill.
    pub fn is_short(&self) -> bool {
        self.is_short
    }
}

const MOST: u32 = 16;
const KEPT: u32 = 8;
/// For one more.
const PAUSE: Duration = Duration::from_millis(20);
