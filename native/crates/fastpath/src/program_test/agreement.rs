//! The program and the engine agree: on what RTP is, and on what they measure.

use std::cell::RefCell;

use engine::offload::{Measurement, Sample};
use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, TestRunner},
};
use wire::{Kind, rtp::Header};

use super::{
    Bench,
    bench::{self, SSRC, rtp},
    engine_words::measurement,
};
use crate::{Progress, kernel::XDP_TX};

fn runner(cases: u32) -> TestRunner {
    TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() })
}

/// Headers nearly right, with few bytes behind them.
fn nearly_rtp() -> impl Strategy<Value = Vec<u8>> {
    let first = prop_oneof![Just(0x80u8), 0x80..=0xbfu8, any::<u8>()];
    let second = prop_oneof![Just(0u8), Just(0x80u8), any::<u8>()];
    (first, second, vec(any::<u8>(), 0..40)).prop_map(|(first, second, rest)| {
        let mut packet = vec![first, second, 0, 1, 0, 0, 0, 160];
        packet.extend(SSRC.to_be_bytes());
        packet.extend(rest);
        packet
    })
}

#[test]
fn they_agree_on_what_rtp_is() {
    let Some(mut bench) = Bench::new() else { return };
    let rule = bench::eastwards();
    bench.install(&rule, &Progress::default());
    let bench = RefCell::new(bench);
    let result = runner(4000).run(&nearly_rtp(), |packet| {
        let relayed = bench.borrow_mut().run(&bench::arriving(&rule, &packet)).verdict == XDP_TX;
        let header = Header::parse(&packet).filter(|_| wire::classify(&packet) == Kind::Rtp);
        let listed = header.is_some_and(|header| [0, 101].contains(&header.payload_type));
        prop_assert_eq!(relayed, listed);
        Ok(())
    });
    result.unwrap();
    assert!(bench.borrow().counted("forwarded") > 500);
}

/// Steps of the sequence as networks and senders make them.
fn steps() -> impl Strategy<Value = Vec<i32>> {
    let step = prop_oneof![12 => Just(1), 3 => -3..4i32, 2 => -130..130i32, 1 => -40_000..40_000i32];
    vec(step, 1..60)
}

#[test]
fn they_measure_the_same() {
    let Some(bench) = Bench::new() else { return };
    let bench = RefCell::new(bench);
    let rule = bench::eastwards();
    let result = runner(150).run(&(any::<u16>(), steps(), any::<u32>()), |(first, steps, jump)| {
        let mut bench = bench.borrow_mut();
        let index = bench.install_anew(&rule);
        let mut engine = Measurement::default();
        let mut sequence = first;
        for (at, step) in (0u32..).zip(steps) {
            sequence = sequence.wrapping_add(step as u16);
            let times = at % 7 != 3;
            let timestamp = u32::from(sequence).wrapping_mul(160).wrapping_add(jump / 100 * (at % 3));
            let payload_type = if times { 0 } else { 101 };
            let mut packet = rtp(sequence);
            packet[1] = payload_type;
            packet[4..8].copy_from_slice(&timestamp.to_be_bytes());
            bench.run(&bench::arriving(&rule, &packet));
            let stats = bench.stats(index);
            let now_us = stats.last_seen_ns.unwrap() / 1000;
            engine.take_in(now_us, &Sample { sequence, timestamp, payload_type, clock_rate: 8000, times });
            prop_assert_eq!(measurement(&stats.progress), engine);
        }
        Ok(())
    });
    result.unwrap();
}
