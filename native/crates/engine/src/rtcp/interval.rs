//! When reports are due (RFC 3550 §6.2, §6.3.1).

use protocol::ReportsPlan;

/// What the time until the next report depends on.
#[derive(Debug, Clone, Copy)]
pub struct Circumstances {
    /// Nothing has been sent yet.
    pub is_first: bool,
    /// Of compounds with their UDP and IP headers, in bytes.
    pub average_size: u32,
    pub members: u32,
}

/// Milliseconds until the next report; `random` spreads them over 0.5 to 1.5 of what is calculated.
pub fn interval_ms(plan: &ReportsPlan, circumstances: Circumstances, random: u32) -> u64 {
    let Circumstances { is_first, average_size, members } = circumstances;
    let least = u64::from(plan.interval_ms) / if is_first { 2 } else { 1 };
    let bits = u64::from(average_size) * 8 * u64::from(members);
    let by_bandwidth = bits * 1000 / u64::from(plan.bandwidth_bps.max(1));
    let calculated = least.max(by_bandwidth).min(LONGEST_MS);
    // RFC 3550 §6.3.1: e - 3/2 makes up for the reports that reconsideration lets come early.
    const COMPENSATION: f64 = 1.21828;
    let share = 0.5 + f64::from(random) / f64::from(u32::MAX);
    (calculated as f64 * share / COMPENSATION) as u64
}

/// A very narrow bandwidth does not silence reports for good.
const LONGEST_MS: u64 = 120_000;

#[cfg(test)]
mod tests {
    use protocol::ReportsWhen;

    use super::*;

    const PLAN: ReportsPlan =
        ReportsPlan { when: ReportsWhen::Always, interval_ms: 5000, bandwidth_bps: 3200 };
    const CALL: Circumstances = Circumstances { is_first: false, average_size: 120, members: 2 };

    #[test]
    fn reports_are_spread_around_five_seconds() {
        assert_eq!(interval_ms(&PLAN, CALL, 0), 2052);
        assert_eq!(interval_ms(&PLAN, CALL, u32::MAX / 2), 4104);
        assert_eq!(interval_ms(&PLAN, CALL, u32::MAX), 6156);
    }

    #[test]
    fn the_first_one_comes_after_half_of_that() {
        let first = Circumstances { is_first: true, ..CALL };
        assert_eq!(interval_ms(&PLAN, first, u32::MAX / 2), 2052);
    }

    #[test]
    fn many_members_on_a_narrow_line_report_less_often() {
        let crowd = Circumstances { members: 16, ..CALL };
        let narrow = ReportsPlan { bandwidth_bps: 400, ..PLAN };
        assert_eq!(interval_ms(&narrow, crowd, u32::MAX / 2), 31_519);
        let closed = ReportsPlan { bandwidth_bps: 1, ..PLAN };
        assert!(interval_ms(&closed, crowd, u32::MAX) <= 150_000);
    }
}
