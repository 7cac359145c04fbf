//! Checksums: right ones stay right, wrong ones wrong, open ones open or get made.

use super::{
    Bench,
    bench::{self, rtp},
};
use crate::{Progress, kernel::XDP_TX, layout::DEVICE_NATIVE, sum::Sum};

/// Where the UDP checksum is in an untagged frame.
const IPV4: usize = 14 + 20 + 6;
const IPV6: usize = 14 + 40 + 6;

#[test]
fn a_wrong_checksum_stays_wrong() {
    let Some(mut bench) = Bench::new() else { return };
    let rule = bench::eastwards();
    bench.install(&rule, &Progress::default());
    let mut frame = bench::arriving(&rule, &rtp(1));
    let mut expected = bench::leaving(&rule, &rtp(1));
    frame[100] ^= 0x40;
    expected[100] ^= 0x40;
    let out = bench.run(&frame);
    assert_eq!((out.verdict, out.frame), (XDP_TX, expected));
}

#[test]
fn no_checksum_stays_none_in_ipv4_and_is_made_for_ipv6() {
    let Some(mut bench) = Bench::new() else { return };
    let rule = bench::eastwards();
    bench.install(&rule, &Progress::default());
    let mut frame = bench::arriving(&rule, &rtp(1));
    frame[IPV4..IPV4 + 2].fill(0);
    let mut expected = bench::leaving(&rule, &rtp(1));
    expected[IPV4..IPV4 + 2].fill(0);
    assert_eq!(bench.run(&frame).frame, expected);
    bench.withdraw(&rule);

    let rule = bench::rule("192.0.2.1:30000", "192.0.2.2:40000", "[2001:db8:1::1]:3", "[2001:db8:1::2]:5");
    bench.install(&rule, &Progress::default());
    for len in 12..64 {
        let payload = &rtp(1)[..len];
        let mut frame = bench::arriving(&rule, payload);
        frame[IPV4..IPV4 + 2].fill(0);
        assert_eq!(bench.run(&frame).frame, bench::leaving(&rule, payload), "{len} bytes");
    }
}

#[test]
fn ipv6_without_checksum_goes_up() {
    let Some(mut bench) = Bench::new() else { return };
    let rule = bench::eastwards6();
    bench.install(&rule, &Progress::default());
    let mut frame = bench::arriving(&rule, &rtp(1));
    frame[IPV6..IPV6 + 2].fill(0);
    bench.passes(&frame, "checksum");
}

/// As a local sender leaves it to the driver: the sum of the pseudo header alone.
fn open_ipv4(frame: &mut [u8]) {
    let len = (frame.len() - 34) as u16;
    let sum = Sum::of(&frame[26..34]).add(&[0, 17]).add(&len.to_be_bytes());
    frame[IPV4..IPV4 + 2].copy_from_slice(&sum.folded().to_ne_bytes());
}

#[test]
fn a_checksum_left_to_the_driver_is_made_in_frames() {
    let Some(mut bench) = Bench::new() else { return };
    let rule = bench::eastwards();
    bench.install(&rule, &Progress::default());
    for len in [12, 13, 172, 1464] {
        let mut payload = rtp(1);
        payload.resize(len, 7);
        let mut frame = bench::arriving(&rule, &payload);
        open_ipv4(&mut frame);
        let out = bench.run(&frame);
        assert_eq!((out.verdict, out.frame), (XDP_TX, bench::leaving(&rule, &payload)), "{len} bytes");
    }
}

#[test]
fn a_checksum_left_to_the_driver_stays_open_in_packets_of_the_stack() {
    let Some(mut bench) = Bench::new() else { return };
    bench.arrive_as(0);
    let rule = bench::eastwards();
    bench.install(&rule, &Progress::default());
    let mut frame = bench::arriving(&rule, &rtp(1));
    open_ipv4(&mut frame);
    let mut expected = bench::leaving(&rule, &rtp(1));
    open_ipv4(&mut expected);
    let out = bench.run(&frame);
    assert_eq!((out.verdict, out.frame), (XDP_TX, expected));
}

#[test]
fn a_complete_checksum_that_looks_open_is_right_in_frames_and_goes_up_in_packets_of_the_stack() {
    let Some(mut bench) = Bench::new() else { return };
    let rule = bench::eastwards();
    bench.install(&rule, &Progress::default());
    let ambiguous = (0..=u16::MAX).find_map(|filling| {
        let mut payload = rtp(1);
        payload[100..102].copy_from_slice(&filling.to_be_bytes());
        let frame = bench::arriving(&rule, &payload);
        let mut open = frame.clone();
        open_ipv4(&mut open);
        (open == frame).then_some((payload, frame))
    });
    let (payload, frame) = ambiguous.expect("every sum occurs");
    assert_eq!(bench.run(&frame).frame, bench::leaving(&rule, &payload));
    bench.arrive_as(0);
    bench.passes(&frame, "checksum");
    bench.arrive_as(DEVICE_NATIVE);
}
