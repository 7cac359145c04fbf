//! When reports are due: after the plan's interval, later where its bandwidth asks for that (RFC 3550 §6.2), and up to a
//! second more by chance, so that the reports of many calls do not leave at once.

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

/// Milliseconds until the next report; the first one comes after half of the interval (RFC 3550 §6.2).
pub fn interval_ms(plan: &ReportsPlan, circumstances: Circumstances, random: u32) -> u64 {
    let Circumstances { is_first, average_size, members } = circumstances;
    let least = u64::from(plan.interval_ms) / if is_first { 2 } else { 1 };
    let bits = u64::from(average_size) * 8 * u64::from(members);
    let by_bandwidth = bits * 1000 / u64::from(plan.bandwidth_bps.max(1));
    let calculated = least.max(by_bandwidth).min(LONGEST_MS);
    calculated + ((u64::from(random) * SPREAD_MS) >> 32)
}

const SPREAD_MS: u64 = 1000;
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
    fn reports_come_after_the_interval_and_up_to_a_second() {
        assert_eq!(interval_ms(&PLAN, CALL, 0), 5000);
        assert_eq!(interval_ms(&PLAN, CALL, u32::MAX / 2), 5499);
        assert_eq!(interval_ms(&PLAN, CALL, u32::MAX), 5999);
    }

    #[test]
    fn the_first_one_comes_after_half_of_that() {
        let first = Circumstances { is_first: true, ..CALL };
        assert_eq!(interval_ms(&PLAN, first, 0), 2500);
        assert_eq!(interval_ms(&PLAN, first, u32::MAX), 3499);
    }

    #[test]
    fn many_members_on_a_narrow_line_report_less_often() {
        let crowd = Circumstances { members: 16, ..CALL };
        let narrow = ReportsPlan { bandwidth_bps: 400, ..PLAN };
        assert_eq!(interval_ms(&narrow, crowd, 0), 38_400);
        let closed = ReportsPlan { bandwidth_bps: 1, ..PLAN };
        assert_eq!(interval_ms(&closed, crowd, 0), 120_000);
    }
}
