//! So much of something in so much time.

use crate::moment::Moment;

/// What has been spent of an allowance, as the time that earns it back.
#[derive(Debug, Default)]
pub struct Allowance {
    earned_us: u64,
}

impl Allowance {
    /// What is left of an allowance that is whole after `most_us`.
    pub fn left_us(&self, now: Moment, most_us: u64) -> u64 {
        most_us.saturating_sub(self.earned_us.saturating_sub(now.us()))
    }

    pub fn spend(&mut self, now: Moment, us: u64) {
        self.earned_us = self.earned_us.max(now.us()).saturating_add(us);
    }
}
