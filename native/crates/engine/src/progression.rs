//! The course of a source's quality: at most ten entries, however long the call. When there is no room for another
//! one, two become one, and each stands for twice the time.

use protocol::{MosProgression, MosSample};

use crate::moment::Moment;

#[derive(Debug)]
pub struct Progression {
    entries: [Entry; MOST_ENTRIES],
    count: u8,
    interval_ms: u32,
    /// When the first entry began.
    start: Option<Moment>,
}

/// One reported sample of quality.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    pub mos: f32,
    pub jitter_ms: f32,
    pub loss_percent: f32,
    pub both_us: u32,
    pub leg_us: u32,
    pub at: Moment,
}

/// The mean of so many samples of one interval.
#[derive(Debug, Clone, Copy)]
struct Entry {
    mean: Option<Sample>,
    samples: u32,
}

impl Default for Progression {
    fn default() -> Self {
        Progression {
            entries: [Entry { mean: None, samples: 0 }; MOST_ENTRIES],
            count: 0,
            interval_ms: FIRST_INTERVAL_MS,
            start: None,
        }
    }
}

impl Progression {
    pub fn add(&mut self, sample: Sample) {
        let start = *self.start.get_or_insert(sample.at);
        let place = |interval_ms: u32| (sample.at.ms_since(start) / u64::from(interval_ms)) as usize;
        while place(self.interval_ms) >= MOST_ENTRIES {
            self.halve();
        }
        let place = place(self.interval_ms);
        self.count = self.count.max(place as u8 + 1);
        self.entries[place].add(sample, 1);
    }

    /// `None` if there is no entry.
    pub fn describe(&self, now: Moment) -> Option<MosProgression> {
        let entries = self.entries[..usize::from(self.count)].iter().filter_map(|entry| entry.mean);
        (self.count > 0).then(|| MosProgression {
            interval_ms: self.interval_ms.into(),
            entries: entries.map(|sample| sample.describe(now)).collect(),
        })
    }

    fn halve(&mut self) {
        for at in 0..MOST_ENTRIES / 2 {
            let (one, other) = (self.entries[2 * at], self.entries[2 * at + 1]);
            self.entries[at] = one;
            if let Some(mean) = other.mean {
                self.entries[at].add(mean, other.samples);
            }
        }
        self.entries[MOST_ENTRIES / 2..].fill(Entry { mean: None, samples: 0 });
        self.count = self.count.div_ceil(2);
        self.interval_ms = self.interval_ms.saturating_mul(2);
    }
}

impl Entry {
    fn add(&mut self, more: Sample, samples: u32) {
        let Some(mean) = self.mean else {
            *self = Entry { mean: Some(more), samples };
            return;
        };
        let all = self.samples.saturating_add(samples);
        let share = f64::from(samples) / f64::from(all);
        let float =
            |one: f32, other: f32| (f64::from(one) + (f64::from(other) - f64::from(one)) * share) as f32;
        let whole =
            |one: u32, other: u32| (f64::from(one) + (f64::from(other) - f64::from(one)) * share) as u32;
        let mean = Sample {
            mos: float(mean.mos, more.mos),
            jitter_ms: float(mean.jitter_ms, more.jitter_ms),
            loss_percent: float(mean.loss_percent, more.loss_percent),
            both_us: whole(mean.both_us, more.both_us),
            leg_us: whole(mean.leg_us, more.leg_us),
            at: more.at,
        };
        *self = Entry { mean: Some(mean), samples: all };
    }
}

impl Sample {
    pub fn describe(&self, now: Moment) -> MosSample {
        MosSample {
            mos: self.mos.into(),
            jitter_ms: self.jitter_ms.into(),
            loss_percent: self.loss_percent.into(),
            round_trip_us: self.both_us.into(),
            round_trip_leg_us: self.leg_us.into(),
            ms_ago: now.ms_since(self.at),
        }
    }
}

const MOST_ENTRIES: usize = 10;
/// Two usual reports.
const FIRST_INTERVAL_MS: u32 = 10_000;

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::moment::TimeLine;

    fn after(seconds: u64) -> Moment {
        let start = Instant::now();
        TimeLine::new(start).moment(start + Duration::from_secs(seconds))
    }

    fn sample(at: Moment, mos: f32) -> Sample {
        Sample { mos, jitter_ms: 0.0, loss_percent: 0.0, both_us: 40_000, leg_us: 20_000, at }
    }

    fn scores(progression: &Progression, now: Moment) -> Vec<f64> {
        let described = progression.describe(now).map(|progression| progression.entries);
        described.unwrap_or_default().iter().map(|entry| (entry.mos * 100.0).round() / 100.0).collect()
    }

    #[test]
    fn an_entry_is_the_mean_of_its_interval() {
        let mut progression = Progression::default();
        assert!(progression.describe(after(0)).is_none());
        for (seconds, mos) in [(5, 4.0), (10, 3.0), (25, 2.0)] {
            progression.add(sample(after(seconds), mos));
        }
        assert_eq!(scores(&progression, after(30)), [3.5, 2.0]);
    }

    #[test]
    fn a_long_call_has_no_more_entries_than_a_short_one() {
        let mut progression = Progression::default();
        for minute in 0..600 {
            progression.add(sample(after(minute * 60), 4.0));
        }
        progression.add(sample(after(36_000), 1.0));
        let described = progression.describe(after(36_000)).map(|all| (all.interval_ms, all.entries.len()));
        assert_eq!(described, Some((5_120_000, 8)));
        assert!(scores(&progression, after(36_000)).iter().take(7).all(|score| *score == 4.0));
    }

    #[test]
    fn two_that_become_one_count_by_their_samples() {
        let mut progression = Progression::default();
        for (seconds, mos) in [(0, 4.0), (1, 4.0), (2, 4.0), (10, 2.0), (120, 1.0)] {
            progression.add(sample(after(seconds), mos));
        }
        assert_eq!(scores(&progression, after(120)), [3.5, 1.0]);
    }
}
