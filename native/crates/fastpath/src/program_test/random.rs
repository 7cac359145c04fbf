//! Whatever arrives, nothing malformed leaves, and what is passed up is passed up byte for byte.

use std::cell::RefCell;

use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, TestRunner},
};

use super::{
    Bench,
    bench::{self, XDP_PASS, rtp},
    checker::{Judgement, judge},
};
use crate::{Progress, frame::Frame, kernel::XDP_TX};

/// A frame of a rule with bytes overwritten and its end cut off or lengthened.
#[derive(Debug, Clone)]
struct Damage {
    rule: usize,
    tags: Vec<u16>,
    bytes: Vec<(usize, u8)>,
    len: i32,
}

fn damage() -> impl Strategy<Value = Damage> {
    let bytes = vec((0..90usize, any::<u8>()), 0..4);
    let len = prop_oneof![3 => Just(0), 1 => -200..40i32];
    (0..4usize, vec(0..4096u16, 0..3), bytes, len).prop_map(|(rule, tags, bytes, len)| Damage {
        rule,
        tags,
        bytes,
        len,
    })
}

#[test]
fn nothing_malformed_leaves() {
    let Some(mut bench) = Bench::new() else { return };
    let (v4, v6) = (bench::eastwards(), bench::eastwards6());
    let mut rules = [v4.clone(), v6.clone(), v4.clone(), v6.clone()];
    rules[2].local.set_port(30_100);
    rules[3].local.set_port(30_100);
    ((rules[2].from, rules[2].to), (rules[3].from, rules[3].to)) = ((v6.from, v6.to), (v4.from, v4.to));
    for rule in &rules {
        bench.install(rule, &Progress::default());
    }
    let bench = RefCell::new(bench);
    let mut runner = TestRunner::new(Config { cases: 4000, failure_persistence: None, ..Config::default() });
    let result = runner.run(&damage(), |damage| {
        let rule = &rules[damage.rule];
        let (from, to, payload) = (rule.source, rule.local, &rtp(1)[..]);
        let (destination, source, tags) = (bench::OURS, bench::PEER, &damage.tags[..]);
        let mut frame = Frame { destination, source, tags, from, to, tos: 0, ttl: 57, payload }.bytes();
        for (at, value) in &damage.bytes {
            frame[*at] = *value;
        }
        let len = usize::try_from(frame.len() as i32 + damage.len).unwrap_or(0).max(14);
        frame.resize(len, 0x55);
        let out = bench.borrow_mut().run(&frame);
        match out.verdict {
            XDP_PASS => prop_assert_eq!(out.frame, frame),
            XDP_TX => match judge(&out.frame) {
                Judgement::Good => {}
                // A wrong checksum may stay wrong, but only what arrived damaged may have one.
                Judgement::WrongUdpChecksum => prop_assert!(!damage.bytes.is_empty()),
                Judgement::Malformed(why) => prop_assert!(false, "{}: {:02x?}", why, out.frame),
            },
            verdict => prop_assert!(false, "verdict {}", verdict),
        }
        Ok(())
    });
    result.unwrap();
    let forwarded = bench.borrow().counted("forwarded");
    assert!(forwarded > 500, "{forwarded} forwarded");
}

#[test]
fn noise_goes_up() {
    let Some(mut bench) = Bench::new() else { return };
    bench.install(&bench::eastwards(), &Progress::default());
    let bench = RefCell::new(bench);
    let mut runner = TestRunner::new(Config { cases: 2000, failure_persistence: None, ..Config::default() });
    let result = runner.run(&vec(any::<u8>(), 14..300), |frame| {
        let out = bench.borrow_mut().run(&frame);
        prop_assert_eq!((out.verdict, out.frame), (XDP_PASS, frame));
        Ok(())
    });
    result.unwrap();
}
