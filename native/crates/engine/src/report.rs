//! What the receiver of a source reports of it in RTCP (RFC 3550 §6.4), and the round trip that follows.

use protocol::{MosSample, ReportedQuality};
use wire::rtcp::ReportBlock;

use crate::{
    moment::Moment,
    progression::{Progression, Sample},
    quality,
};

/// Reports of one source by its receiver.
#[derive(Debug, Default)]
pub struct Reported {
    /// Sender reports as they were relayed to the receiver: NTP middle bits and when.
    sender_reports: [Option<(u32, Moment)>; REMEMBERED],
    next: usize,
    reports: u64,
    lost: i32,
    loss_percent: f32,
    jitter_ms: f32,
    leg_us: Option<u32>,
    both_us: Option<u32>,
    last: Option<Moment>,
    samples: u32,
    sums: Sums,
    lowest: Option<Sample>,
    highest: Option<Sample>,
    progression: Progression,
}

#[derive(Debug, Default)]
struct Sums {
    mos: f64,
    jitter_ms: f64,
    loss_percent: f64,
    both_us: u64,
    leg_us: u64,
}

impl Reported {
    /// Remembers a sender report on its way to the receiver.
    pub fn remember(&mut self, now: Moment, ntp_middle: u32) {
        self.sender_reports[self.next % REMEMBERED] = Some((ntp_middle, now));
        self.next = (self.next + 1) % REMEMBERED;
    }

    /// Takes in a block and returns the round trip between here and the receiver in microseconds. At most one
    /// block a second counts. `other_leg_us` is the round trip to the source itself.
    pub fn take_in(
        &mut self,
        now: Moment,
        block: &ReportBlock,
        clock_rate: u32,
        other_leg_us: Option<u32>,
    ) -> Option<u32> {
        if self.last.is_some_and(|last| now.ms_since(last) < 1000) {
            return None;
        }
        self.last = Some(now);
        self.reports += 1;
        self.lost = block.cumulative_lost;
        self.loss_percent = f32::from(block.fraction_lost) * 100.0 / 256.0;
        self.jitter_ms = if clock_rate == 0 {
            0.0
        } else {
            (f64::from(block.jitter) * 1000.0 / f64::from(clock_rate)) as f32
        };
        let leg_us = self.round_trip_us(now, block)?;
        self.leg_us = Some(leg_us);
        if let Some(other_leg_us) = other_leg_us {
            self.sample(now, leg_us, leg_us.saturating_add(other_leg_us));
        }
        Some(leg_us)
    }

    /// RFC 3550 §6.4.1: time since the sender report less what the receiver kept it.
    fn round_trip_us(&self, now: Moment, block: &ReportBlock) -> Option<u32> {
        if block.last_sender_report == 0 {
            return None;
        }
        let remembered = self.sender_reports.iter().flatten();
        let (_, relayed) =
            *remembered.clone().find(|(ntp_middle, _)| *ntp_middle == block.last_sender_report)?;
        let kept_us = u64::from(block.delay_since_last_sender_report) * 1_000_000 / 65_536;
        let elapsed_us = now.us_since(relayed);
        // The receiver's clock is coarse: a little less than nothing is nothing, much less is nonsense.
        if kept_us > elapsed_us + 1_000_000 {
            return None;
        }
        u32::try_from(elapsed_us.saturating_sub(kept_us)).ok()
    }

    fn sample(&mut self, now: Moment, leg_us: u32, both_us: u32) {
        self.both_us = Some(both_us);
        let (jitter_ms, loss_percent) = (self.jitter_ms, self.loss_percent);
        let mos = quality::mos(f64::from(both_us) / 1000.0, jitter_ms.into(), loss_percent.into()) as f32;
        let sample = Sample { mos, jitter_ms, loss_percent, both_us, leg_us, at: now };
        self.samples += 1;
        self.progression.add(sample);
        self.sums.mos += f64::from(mos);
        self.sums.jitter_ms += f64::from(jitter_ms);
        self.sums.loss_percent += f64::from(loss_percent);
        self.sums.both_us += u64::from(both_us);
        self.sums.leg_us += u64::from(leg_us);
        if self.lowest.is_none_or(|lowest| mos < lowest.mos) {
            self.lowest = Some(sample);
        }
        if self.highest.is_none_or(|highest| mos > highest.mos) {
            self.highest = Some(sample);
        }
    }

    /// `None` before the first block.
    pub fn quality(&self, now: Moment) -> Option<ReportedQuality> {
        let last = self.last?;
        let share = |sum: f64| sum / f64::from(self.samples);
        let average = (self.samples > 0).then(|| MosSample {
            mos: share(self.sums.mos),
            jitter_ms: share(self.sums.jitter_ms),
            loss_percent: share(self.sums.loss_percent),
            round_trip_us: self.sums.both_us / u64::from(self.samples),
            round_trip_leg_us: self.sums.leg_us / u64::from(self.samples),
            ms_ago: now.ms_since(last),
        });
        Some(ReportedQuality {
            reports: self.reports,
            lost: self.lost.into(),
            loss_percent: self.loss_percent.into(),
            jitter_ms: self.jitter_ms.into(),
            round_trip_leg_us: self.leg_us.map(u64::from),
            round_trip_us: self.both_us.map(u64::from),
            average,
            lowest: self.lowest.map(|sample| sample.describe(now)),
            highest: self.highest.map(|sample| sample.describe(now)),
            samples: self.samples.into(),
            progression: self.progression.describe(now),
        })
    }
}

/// Sender reports remembered per source: enough for a receiver that reports every other interval.
const REMEMBERED: usize = 4;
