//! Whose packets a tap copies, and which plans of taps are refused.

use protocol::{ErrorCode, PcapLink, StreamId, TapId, TapPlan, TapSide, TapTarget};
use sim::Scene;

fn tap(id: u32, streams: &[u32]) -> TapPlan {
    TapPlan {
        id: TapId(id),
        streams: streams.iter().map(|id| StreamId(*id)).collect(),
        side: TapSide::Both,
        rtcp: true,
        paused: false,
        target: TapTarget::Pcap { path: "/recordings/call.pcap".to_owned(), link: PcapLink::RawIp },
    }
}

fn refusal(taps: Vec<TapPlan>) -> String {
    let mut scene = Scene::audio();
    scene.plan.taps = taps;
    let applied = scene.net.apply(&scene.plan);
    let Err(ErrorCode::BadPlan { path, reason }) = applied else { panic!("{applied:?}") };
    format!("{path}: {reason}")
}

#[test]
fn a_contradictory_tap_is_refused_with_the_place() {
    let to = |target| TapPlan { target, ..tap(1, &[1]) };
    let file = |path: &str| to(TapTarget::Pcap { path: path.to_owned(), link: PcapLink::RawIp });
    let fork = |rtp: &str, rtcp: Option<&str>| {
        to(TapTarget::Datagrams { rtp: rtp.parse().unwrap(), rtcp: rtcp.map(|at| at.parse().unwrap()) })
    };
    assert_eq!(refusal(vec![tap(1, &[1, 7])]), "taps[0].streams: there is no stream 7");
    assert_eq!(refusal(vec![tap(1, &[2, 2])]), "taps[0].streams: 2 is there already");
    assert_eq!(refusal(vec![tap(1, &[1]), tap(1, &[2])]), "taps[1].id: 1 is there already");
    assert_eq!(refusal((0..9).map(|id| tap(id, &[1])).collect()), "taps: 9 taps exceed 8");
    assert_eq!(refusal(vec![file("")]), "taps[0].target: is no absolute path");
    assert_eq!(refusal(vec![file("calls/one.pcap")]), "taps[0].target: is no absolute path");
    assert_eq!(refusal(vec![file("/one\0.pcap")]), "taps[0].target: is no path");
    assert_eq!(refusal(vec![fork("192.0.2.9:0", None)]), "taps[0].target: is nobody's address");
    assert_eq!(refusal(vec![fork("192.0.2.9:6000", Some("[::]:9"))]), "taps[0].target: is nobody's address");
}
