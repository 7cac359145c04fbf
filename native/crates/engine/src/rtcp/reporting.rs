//! What is known and kept for a peer whose RTCP does not simply pass: its rules, and reports of our own to it.
//!
//! What a new plan resets: the time of the next report, if the rules of reports are new. All else stays.

use std::hash::{DefaultHasher, Hash, Hasher};

use protocol::{FeedbackKind, ReportsPlan, ReportsWhen, RtcpRules};

use super::{
    feedback::{KeyFrames, Kinds},
    interval::{Circumstances, interval_ms},
};
use crate::{moment::Moment, source::MOST_SOURCES, stream::Stream};

#[derive(Debug)]
pub struct Reporting {
    pub rules: RtcpRules,
    pub allowed: Kinds,
    pub key_frames: KeyFrames,
    /// When the next report of our own is due; `None`: none will be.
    pub due: Option<Moment>,
    /// When the counterpart's own report passed last.
    pub passed: Option<Moment>,
    /// Names us where no source of the counterpart does.
    pub own_ssrc: u32,
    /// The peer has heard of it.
    pub spoke_as_own: bool,
    /// Something of ours was sent.
    pub has_reported: bool,
    name: [u8; 16],
    /// State of a generator that spreads reports over time.
    random: u64,
    average_size: u32,
    arriving: Vec<Arriving>,
    leaving: Vec<Leaving>,
}

/// A source of the peer, as of our last report to it.
#[derive(Debug)]
pub struct Arriving {
    pub ssrc: u32,
    pub expected: u64,
    pub received: u64,
    /// Middle bits of its last sender report, and when that came.
    pub sender_report: Option<(u32, Moment)>,
}

/// A source sent to the peer.
#[derive(Debug)]
pub struct Leaving {
    pub ssrc: u32,
    /// The CNAME it has given itself.
    pub name: Box<[u8]>,
    /// NTP and RTP time of its last sender report, and when that came.
    pub clock: Option<(u64, u32, Moment)>,
    pub left: Option<Moment>,
}

impl Reporting {
    pub fn follow(
        before: Option<Box<Reporting>>,
        now: Moment,
        rules: Option<&RtcpRules>,
        seed: u64,
    ) -> Option<Box<Reporting>> {
        let rules = rules?;
        let Some(mut known) = before else {
            let mut new = Box::new(Reporting::new(rules, seed));
            new.schedule(now, 2);
            return Some(new);
        };
        let is_changed = known.rules.reports != rules.reports;
        known.rules = rules.clone();
        known.allowed = kinds(rules);
        if is_changed {
            known.due = None;
            known.schedule(now, 2);
        }
        Some(known)
    }

    fn new(rules: &RtcpRules, seed: u64) -> Self {
        let mut random = seed;
        let own_ssrc = draw(&mut random) as u32;
        Reporting {
            rules: rules.clone(),
            allowed: kinds(rules),
            key_frames: KeyFrames::default(),
            due: None,
            passed: None,
            own_ssrc,
            spoke_as_own: false,
            has_reported: false,
            name: [b'0'; 16],
            random,
            average_size: FIRST_SIZE,
            arriving: Vec::new(),
            leaving: Vec::new(),
        }
    }

    /// Gives us one name in all streams of a session, by which receivers know which sound belongs to which picture.
    pub fn name_after(&mut self, session: &str) {
        let mut hasher = DefaultHasher::new();
        session.hash(&mut hasher);
        let text = hasher.finish();
        for (at, letter) in self.name.iter_mut().enumerate() {
            *letter = b"0123456789abcdef"[(text >> (at * 4) & 15) as usize];
        }
    }

    /// Reports of the counterpart end here.
    pub fn replaces_reports(&self) -> bool {
        self.rules.reports.is_some_and(|reports| reports.when == ReportsWhen::Always)
    }

    /// The peer knows full intra requests and no picture loss indications.
    pub fn translates_to_fir(&self) -> bool {
        self.allowed.contains(FeedbackKind::Fir) && !self.allowed.contains(FeedbackKind::Pli)
    }

    /// Chooses the time of the next report.
    pub fn schedule(&mut self, now: Moment, members: u32) {
        self.due = self.sent_reports().map(|plan| {
            let circumstances =
                Circumstances { is_first: !self.has_reported, average_size: self.average_size, members };
            let random = draw(&mut self.random) as u32;
            now.plus_ms(interval_ms(&plan, circumstances, random).max(SHORTEST_MS))
        });
    }

    /// True if a report is to be sent now that one is due.
    pub fn is_wanted(&self, now: Moment) -> bool {
        let Some(plan) = self.sent_reports() else { return false };
        let silent =
            self.passed.is_none_or(|at| now.ms_since(at) > MISSING_MS.max(2 * u64::from(plan.interval_ms)));
        plan.when == ReportsWhen::Always || silent
    }

    pub fn note_sent(&mut self, size: usize) {
        self.has_reported = true;
        // RFC 3550 §6.3.3.
        self.average_size = (self.average_size * 15 + size as u32 + HEADERS) / 16;
    }

    /// Our own SSRC, for something that is going to be sent.
    pub fn speak_as_own(&mut self) -> u32 {
        self.spoke_as_own = true;
        self.own_ssrc
    }

    /// RFC 3550 §8.2: takes another SSRC if a source has ours; returns the former one if it is for us to give it up.
    pub fn avoid_collisions(&mut self, stream: &Stream) -> Option<u32> {
        let is_peers = stream.ingress.find(self.own_ssrc).is_some();
        if !is_peers && stream.egress.find(self.own_ssrc).is_none() {
            return None;
        }
        let next = draw(&mut self.random) as u32;
        let former = std::mem::replace(&mut self.own_ssrc, next);
        (std::mem::take(&mut self.spoke_as_own) && is_peers).then_some(former)
    }

    pub fn arriving(&mut self, ssrc: u32) -> &mut Arriving {
        let new = || Arriving { ssrc, expected: 0, received: 0, sender_report: None };
        entry(&mut self.arriving, |source| source.ssrc == ssrc, new)
    }

    pub fn leaving(&mut self, ssrc: u32) -> &mut Leaving {
        let new = || Leaving { ssrc, name: Box::default(), clock: None, left: None };
        entry(&mut self.leaving, |source| source.ssrc == ssrc, new)
    }

    /// True if a source sent to the peer has said BYE, or we for it, since it spoke last.
    pub fn has_left(&self, ssrc: u32, spoke: Moment) -> bool {
        let known = self.leaving.iter().find(|source| source.ssrc == ssrc);
        known.and_then(|source| source.left).is_some_and(|left| spoke <= left)
    }

    /// The CNAME of a source sent to the peer, or one of our own. Reports that replace the counterpart's have ours.
    pub fn name_of(&self, ssrc: u32) -> &[u8] {
        let known = self.leaving.iter().find(|source| source.ssrc == ssrc && !source.name.is_empty());
        match known {
            Some(source) if !self.replaces_reports() => &source.name,
            Some(_) | None => &self.name,
        }
    }

    fn sent_reports(&self) -> Option<ReportsPlan> {
        self.rules.reports.filter(|plan| plan.bandwidth_bps > 0)
    }
}

fn kinds(rules: &RtcpRules) -> Kinds {
    rules.feedback.as_ref().map_or(Kinds::ALL, |kinds| Kinds::of(kinds))
}

/// The entry that is the one, or a new one; the oldest gives way if there are too many.
fn entry<T>(entries: &mut Vec<T>, is_it: impl Fn(&T) -> bool, new: impl FnOnce() -> T) -> &mut T {
    let at = entries.iter().position(is_it).unwrap_or_else(|| {
        if entries.len() == MOST_SOURCES {
            entries.remove(0);
        }
        entries.push(new());
        entries.len() - 1
    });
    &mut entries[at]
}

/// SplitMix64: enough to keep reports of many calls apart.
fn draw(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// IPv4 and UDP.
const HEADERS: u32 = 28;
/// Of a report with one block and a name.
const FIRST_SIZE: u32 = 76 + HEADERS;
/// A counterpart that has not reported for this long does not report.
const MISSING_MS: u64 = 10_000;
/// No plan makes us send more often.
const SHORTEST_MS: u64 = 100;
