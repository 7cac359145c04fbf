//! Latency histogram of fixed size: exact to a microsecond up to 64 ms, everything above in the last bucket.

const BUCKETS: usize = 65_536;

pub struct Histogram {
    counts: Vec<u32>,
    total: u64,
}

impl Histogram {
    pub fn new() -> Self {
        Self { counts: vec![0; BUCKETS], total: 0 }
    }

    /// What somebody else has counted, microsecond by microsecond.
    pub fn of(counts: Vec<u32>) -> Self {
        let total = counts.iter().map(|&count| u64::from(count)).sum();
        Self { counts, total }
    }

    pub fn record(&mut self, nanoseconds: u64) {
        let bucket = usize::try_from(nanoseconds / 1000).unwrap_or(BUCKETS).min(BUCKETS - 1);
        self.counts[bucket] += 1;
        self.total += 1;
    }

    /// The smallest number of microseconds that the given share of all values does not exceed.
    pub fn quantile_micros(&self, share: f64) -> u64 {
        let wanted = (self.total as f64 * share).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (micros, &count) in self.counts.iter().enumerate() {
            seen += u64::from(count);
            if seen >= wanted {
                return micros as u64;
            }
        }
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_the_values_at_their_share() {
        let mut histogram = Histogram::new();
        for micros in 1..=100 {
            histogram.record(micros * 1000);
        }
        assert_eq!(histogram.quantile_micros(0.5), 50);
        assert_eq!(histogram.quantile_micros(0.99), 99);
        assert_eq!(histogram.quantile_micros(1.0), 100);
    }

    #[test]
    fn empty_histogram_answers_zero() {
        assert_eq!(Histogram::new().quantile_micros(0.5), 0);
    }
}
