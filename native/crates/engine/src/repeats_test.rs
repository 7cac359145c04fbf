use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn us(time: u64) -> Moment {
    Moment::at(Duration::from_micros(time))
}

/// How many of these packets, 10 ms apart, are taken for circling.
fn circling<'a>(packets: impl IntoIterator<Item = &'a [u8]>) -> usize {
    let mut repeats = Repeats::default();
    packets
        .into_iter()
        .enumerate()
        .filter(|(at, packet)| repeats.is_circle(us(*at as u64 * 10_000), packet))
        .count()
}

#[test]
fn a_packet_may_come_thirty_one_times() {
    assert_eq!(circling(std::iter::repeat_n([7; 172].as_slice(), 31)), 0);
    assert_eq!(circling(std::iter::repeat_n([7; 172].as_slice(), 100)), 69);
    assert_eq!(circling(std::iter::repeat_n([7; 3].as_slice(), 100)), 69);
}

#[test]
fn two_packets_in_turn_are_a_circle() {
    let two = [[7; 172], [8; 172]];
    assert!(circling((0..100).map(|at| two[at % 2].as_slice())) > 45);
}

#[test]
fn another_length_or_beginning_is_another_packet() {
    let mut packets: Vec<Vec<u8>> = (0..200).map(|length| vec![7; 28 + length]).collect();
    packets.extend((0..200u8).map(|byte| [vec![7; 27], vec![byte]].concat()));
    packets.extend((0..200).map(|length| vec![0; length]));
    assert_eq!(circling(packets.iter().map(Vec::as_slice)), 0);
}

#[test]
fn the_same_packet_now_and_then_is_no_circle() {
    for pause_ms in [15, 20, 200, 1000] {
        let mut repeats = Repeats::default();
        assert!(
            (0..1000).all(|time| !repeats.is_circle(us(time * pause_ms * 1000), &[7; 172])),
            "{pause_ms}"
        );
    }
}

/// Frames asked for again and again between feedback that is new each time, 2 ms apart.
#[test]
fn a_request_repeated_among_new_packets_is_no_circle() {
    let mut repeats = Repeats::default();
    for at in 0..100_000u32 {
        let feedback = if at % 3 == 0 { [0xff; 4] } else { at.to_be_bytes() };
        assert!(!repeats.is_circle(us(u64::from(at) * 2000), &feedback));
    }
}

/// Each packet comes again after 40 and 80 ms (RFC 7198).
#[test]
fn a_stream_sent_three_times_over_is_no_circle() {
    let mut repeats = Repeats::default();
    for at in 100..30_000u32 {
        for packet in [at, at - 20, at - 40] {
            assert!(!repeats.is_circle(us(u64::from(at) * 2000), &packet.to_be_bytes()));
        }
    }
}

#[test]
fn what_comes_after_a_circle_is_not_dropped_with_it() {
    let mut repeats = Repeats::default();
    let circle: Vec<[u8; 4]> = (0..50u32).map(u32::to_be_bytes).collect();
    let found = (0..10_000).find(|time| repeats.is_circle(us(*time), &circle[*time as usize % 50]));
    assert!(found.is_some_and(|time| !repeats.is_circle(us(time + 20_000), &[9; 172])));
}

/// Packets in the proxy's own ports: what is not dropped comes again.
struct Circle {
    packets: std::collections::VecDeque<u32>,
    repeats: Repeats,
    time_us: u64,
    passed: usize,
}

impl Circle {
    fn of(length: u32, repeats: Repeats, time_us: u64) -> Circle {
        Circle { packets: (0..length).map(|packet| 1 << 24 | packet).collect(), repeats, time_us, passed: 0 }
    }

    fn turn(&mut self, pace_us: u64) {
        let Some(packet) = self.packets.pop_front() else { return };
        self.time_us += pace_us;
        if !self.repeats.is_circle(us(self.time_us), &packet.to_be_bytes()) {
            self.packets.push_back(packet);
            self.passed += 1;
        }
    }
}

/// What a genuine sender does next.
#[derive(Debug, Clone)]
enum Course {
    /// New packets, so many and so far apart.
    Talks {
        packets: u16,
        apart_us: u64,
    },
    /// A packet that is sent again at once, as the end of a telephone event is.
    Ends {
        copies: u8,
    },
    /// Packets that got lost are asked for, if need be several times.
    Retransmits {
        back: u8,
        packets: u8,
        copies: u8,
    },
    Pauses {
        us: u64,
    },
}

fn course() -> impl Strategy<Value = Course> {
    prop_oneof![
        (1..400u16, prop_oneof![Just(20_000), 0..20_000u64])
            .prop_map(|(packets, apart_us)| Course::Talks { packets, apart_us }),
        (1..6u8).prop_map(|copies| Course::Ends { copies }),
        (1..100u8, 1..20u8, 1..10u8).prop_map(|(back, packets, copies)| Course::Retransmits {
            back,
            packets,
            copies
        }),
        (0..3_000_000u64).prop_map(|us| Course::Pauses { us }),
    ]
}

/// Runs a genuine stream; returns how many of its packets were taken for circling.
fn follow(courses: &[Course], repeats: &mut Repeats, time_us: &mut u64) -> usize {
    let (mut next, mut asked_for, mut dropped) = (0u32, 0, 0);
    let mut send =
        |packet: u32, time: u64| dropped += usize::from(repeats.is_circle(us(time), &packet.to_be_bytes()));
    for course in courses {
        match *course {
            Course::Talks { packets, apart_us } => {
                for _ in 0..packets {
                    *time_us += apart_us;
                    next += 1;
                    send(next, *time_us);
                }
            }
            Course::Ends { copies } => {
                next += 1;
                (0..=copies).for_each(|_| send(next, *time_us));
            }
            Course::Retransmits { back, packets, copies } => {
                let first = next.saturating_sub(back.into()).max(asked_for);
                asked_for = next.min(first + u32::from(packets));
                for _ in 0..copies {
                    *time_us += 1000;
                    (first..asked_for).for_each(|packet| send(packet, *time_us));
                }
            }
            Course::Pauses { us } => *time_us += us,
        }
    }
    dropped
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn genuine_streams_are_never_taken_for_circles(courses in proptest::collection::vec(course(), 1..60)) {
        prop_assert_eq!(follow(&courses, &mut Repeats::default(), &mut 0), 0);
    }

    #[test]
    fn a_circle_of_any_length_is_stopped_within_forty_rounds(length in 1..=64u32, pace_us in 0..10_000u64) {
        let mut circle = Circle::of(length, Repeats::default(), 0);
        (0..length * 50).for_each(|_| circle.turn(pace_us));
        prop_assert!(circle.packets.is_empty(), "{} left", circle.packets.len());
        prop_assert!(circle.passed <= 40 * length as usize, "{} passed", circle.passed);
    }

    /// What was watched for before may be waited for a while.
    #[test]
    fn a_circle_in_a_genuine_stream_is_stopped_as_well(
        courses in proptest::collection::vec(course(), 1..60),
        length in 1..=64u32,
    ) {
        let (mut repeats, mut time_us) = (Repeats::default(), 0);
        follow(&courses, &mut repeats, &mut time_us);
        let mut circle = Circle::of(length, repeats, time_us);
        (0..50_000).for_each(|_| circle.turn(4));
        prop_assert!(circle.packets.is_empty(), "{} left", circle.packets.len());
    }

    /// While it goes round, its sender goes on, and buffers that are full lose some of it.
    #[test]
    fn a_circle_that_grows_and_loses_packets_is_stopped(length in 1..=200u32, fresh in 200..2000u32, lost in 200..2000u32) {
        let mut circle = Circle::of(length, Repeats::default(), 0);
        let mut passed = 0;
        for turn in 1..60_000u32 {
            circle.turn(4);
            if turn % fresh == 0 {
                circle.packets.push_back(turn);
            }
            if turn % lost == 0 {
                circle.packets.pop_front();
            }
            passed = if circle.packets.is_empty() { turn } else { passed };
        }
        prop_assert!(passed > 30_000, "the ports were last empty after {passed}");
    }
}
