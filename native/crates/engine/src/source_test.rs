use wire::rtp::Header;

use super::*;
use crate::moment::TimeLine;

const CLOCK: u32 = 8000;

struct Line {
    origin: std::time::Instant,
    time: TimeLine,
    source: Option<Ingress>,
}

impl Line {
    fn new() -> Self {
        let origin = std::time::Instant::now();
        Line { origin, time: TimeLine::new(origin), source: None }
    }

    fn packet(&mut self, at_ms: u64, sequence: u16, timestamp: u32) {
        let now = self.time.moment(self.origin + std::time::Duration::from_millis(at_ms));
        let mut packet = [0; 12];
        packet[0] = 0x80;
        wire::rtp::set_sequence(&mut packet, sequence);
        wire::rtp::set_timestamp(&mut packet, timestamp);
        let header = Header::parse(&packet).unwrap();
        let source = self.source.get_or_insert_with(|| Ingress::new(now, &header));
        source.count(now, &header, 172, CLOCK, true);
    }

    /// Packets on time, 20 ms apart.
    fn packets(&mut self, sequences: impl IntoIterator<Item = u16>) -> MeasuredQuality {
        for (step, sequence) in sequences.into_iter().enumerate() {
            self.packet(step as u64 * 20, sequence, step as u32 * 160);
        }
        self.source.as_ref().unwrap().measured()
    }
}

#[test]
fn nothing_is_lost_across_the_wrap_of_the_sequence() {
    let measured = Line::new().packets((0..100).map(|step: u16| step.wrapping_add(65_500)));
    assert_eq!((measured.lost, measured.duplicates, measured.reordered), (0, 0, 0));
    assert_eq!(measured.jitter_ms, 0.0);
}

#[test]
fn missing_packets_are_lost() {
    let measured = Line::new().packets((0..100).filter(|step| step % 10 != 5));
    assert_eq!(measured.lost, 10);
    assert!(measured.mos.unwrap() < 4.0);
}

#[test]
fn a_late_packet_is_reordered_and_not_lost() {
    let measured = Line::new().packets([1, 2, 4, 3, 5]);
    assert_eq!((measured.lost, measured.reordered, measured.duplicates), (0, 1, 0));
}

#[test]
fn packets_overtaken_by_the_first_one_are_not_lost_either() {
    let measured = Line::new().packets([1, 0, 65_535, 2, 3]);
    assert_eq!((measured.lost, measured.reordered, measured.duplicates), (0, 2, 0));
}

#[test]
fn a_packet_seen_twice_is_a_duplicate() {
    let measured = Line::new().packets([1, 2, 2, 3, 1]);
    assert_eq!((measured.lost, measured.duplicates, measured.reordered), (-2, 2, 0));
}

#[test]
fn a_source_that_begins_anew_has_lost_nothing() {
    let measured = Line::new().packets((0..50).chain(30_000..30_050));
    assert_eq!(measured.lost, 0);
}

#[test]
fn a_single_stray_sequence_number_changes_nothing() {
    let measured = Line::new().packets((0..50).chain([40_000]).chain(50..100));
    assert_eq!(measured.lost, 0);
}

#[test]
fn jitter_is_measured_in_time_not_in_clock_units() {
    let mut line = Line::new();
    for step in 0..400u16 {
        let late = if step % 2 == 0 { 0 } else { 8 };
        line.packet(u64::from(step) * 20 + late, step, u32::from(step) * 160);
    }
    let jitter_ms = line.source.unwrap().measured().jitter_ms;
    assert!((jitter_ms - 8.0).abs() < 0.5, "{jitter_ms}");
}

#[test]
fn a_jump_of_the_timestamps_is_not_jitter() {
    let mut line = Line::new();
    line.packet(0, 0, 0);
    line.packet(20, 1, 160);
    line.packet(40, 2, 3_000_000_000);
    line.packet(60, 3, 3_000_000_160);
    assert_eq!(line.source.unwrap().measured().jitter_ms, 0.0);
}

#[test]
fn there_is_no_score_before_the_first_second() {
    assert_eq!(Line::new().packets(0..40).mos, None);
    assert!(Line::new().packets(0..60).mos.unwrap() > 4.3);
}
