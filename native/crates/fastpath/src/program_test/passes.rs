//! What goes up untouched.

use super::{
    Bench,
    bench::{self, PEER, rtp},
};
use crate::{Progress, layout::DEVICE_STRICT};

const IP: usize = 14;

fn prepared() -> Option<(Bench, Vec<u8>, Vec<u8>)> {
    let mut bench = Bench::new()?;
    bench.install(&bench::eastwards(), &Progress::default());
    bench.install(&bench::eastwards6(), &Progress::default());
    let packet = rtp(1);
    Some((
        bench,
        bench::arriving(&bench::eastwards(), &packet),
        bench::arriving(&bench::eastwards6(), &packet),
    ))
}

#[test]
fn fragments_and_options_go_up() {
    let Some((mut bench, v4, v6)) = prepared() else { return };
    for fragment in [[0x20, 0], [0, 1], [0x3f, 0xff]] {
        let mut frame = v4.clone();
        frame[IP + 6..IP + 8].copy_from_slice(&fragment);
        bench.passes(&frame, "fragment");
    }
    let mut options = v4.clone();
    options[IP] = 0x46;
    options.splice(IP + 20..IP + 20, [1, 1, 1, 1]);
    bench.passes(&options, "options");
    for (next, reason) in [(0, "options"), (43, "options"), (60, "options"), (44, "fragment")] {
        let mut extended = v6.clone();
        extended[IP + 6] = next;
        extended.splice(IP + 40..IP + 40, [17, 0, 0, 0, 0, 0, 0, 0]);
        bench.passes(&extended, reason);
    }
}

#[test]
fn damaged_ipv4_headers_go_up() {
    let Some((mut bench, v4, _)) = prepared() else { return };
    for at in [1, 4, 5, 8, 10, 11] {
        let mut damaged = v4.clone();
        damaged[IP + at] ^= 0x10;
        bench.passes(&damaged, "malformed");
    }
}

#[test]
fn other_protocols_and_other_machines_go_up() {
    let Some((mut bench, v4, v6)) = prepared() else { return };
    for (frame, protocol) in [(&v4, IP + 9), (&v6, IP + 6)] {
        let mut tcp = frame.clone();
        tcp[protocol] = 6;
        bench.passes(&tcp, "other");
        let mut elsewhere = frame.clone();
        elsewhere[..6].copy_from_slice(&PEER);
        bench.passes(&elsewhere, "other");
        let mut arp = frame.clone();
        arp[12..14].copy_from_slice(&[8, 6]);
        bench.passes(&arp, "other");
    }
}

#[test]
fn frames_cut_short_anywhere_go_up() {
    let Some((mut bench, v4, v6)) = prepared() else { return };
    for frame in [v4, v6] {
        for len in 14..frame.len() {
            let out = bench.run(&frame[..len]);
            assert_eq!((out.verdict, &out.frame[..]), (bench::XDP_PASS, &frame[..len]), "{len} bytes");
        }
    }
    assert_eq!(bench.counted("forwarded"), 0);
}

#[test]
fn lengths_that_contradict_each_other_go_up() {
    let Some((mut bench, v4, v6)) = prepared() else { return };
    for (frame, at) in [(&v4, IP + 2), (&v4, IP + 24), (&v6, IP + 4), (&v6, IP + 44)] {
        for value in [0u16, 7, 19, 27, 179, 181, 9000, 65_535] {
            let mut lying = frame.clone();
            lying[at..at + 2].copy_from_slice(&value.to_be_bytes());
            bench.passes(&lying, "malformed");
        }
    }
    let mut version = v4.clone();
    version[IP] = 0x65;
    bench.passes(&version, "malformed");
}

#[test]
fn what_is_not_rtp_goes_up() {
    let Some(mut bench) = Bench::new() else { return };
    let rule = bench::eastwards();
    bench.install(&rule, &Progress::default());
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut packet = rtp(1);
        change(&mut packet);
        bench::arriving(&rule, &packet)
    };
    // STUN, DTLS, TURN channels, RTP of another version.
    for first in [0, 1, 20, 22, 63, 64, 79, 0x40, 0xc0] {
        bench.passes(&with(&|packet| packet[0] = first), "notRtp");
    }
    bench.passes(&with(&|packet| packet.truncate(11)), "notRtp");
    bench.passes(&with(&|packet| packet.clear()), "notRtp");
    bench.passes(&with(&|packet| (packet[0] = 0x8f, packet.truncate(71)).1), "notRtp");
    bench.passes(&with(&|packet| (packet[0] = 0x90, packet.truncate(13)).1), "notRtp");
    bench.passes(&with(&|packet| (packet[0] = 0x90, packet[14] = 1).1), "notRtp");
    // RTCP, with and without the bit that is RTP's marker.
    for second in [72, 76, 64, 95, 200, 201, 207, 223] {
        bench.passes(&with(&|packet| packet[1] = second), "rtcp");
    }
}

#[test]
fn strangers_go_up() {
    let Some(mut bench) = Bench::new() else { return };
    let rule = bench::eastwards();
    bench.install(&rule, &Progress::default());
    let mut strangers = vec![rule.clone(); 5];
    strangers[0].source.set_port(40_001);
    strangers[1].source.set_ip("192.0.2.3".parse().unwrap());
    strangers[2].local.set_port(30_001);
    strangers[3].local.set_ip("192.0.2.9".parse().unwrap());
    strangers[4] = bench::eastwards6();
    for stranger in strangers {
        bench.passes(&bench::arriving(&stranger, &rtp(1)), "noRule");
    }
    let mut other_source = rtp(1);
    other_source[11] ^= 1;
    bench.passes(&bench::arriving(&rule, &other_source), "noRule");
    let mut other_type = rtp(1);
    other_type[1] = 8;
    bench.passes(&bench::arriving(&rule, &other_type), "payloadType");
}

#[test]
fn where_tags_may_hide_only_the_expected_interface_counts() {
    let Some((mut bench, v4, _)) = prepared() else { return };
    bench.arrive_as(DEVICE_STRICT);
    assert_eq!(bench.run(&v4).verdict, crate::kernel::XDP_TX);
    bench.expect_elsewhere(&bench::eastwards());
    bench.passes(&v4, "interface");
}
