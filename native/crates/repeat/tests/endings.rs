//! Deletions in a small made-up language: `bye<length>:<name>`, for sessions of pattern 7 with the values
//! `time name address`.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use protocol::{ComponentStats, PatternPlan, StreamId, StreamPath, StreamStats, UserspaceReason};
use repeat::{Held, Patterns, Work};
use serde_json::{Value, json};

#[test]
fn a_session_that_ends_is_told_of_in_all_forms_of_its_values() {
    let patterns = learned(ending()).unwrap();
    let request = b"bye6:call-7";
    let reading = patterns.read(request, client(), 1_700_000_000_123).unwrap();
    let decision =
        patterns.decide(&reading, Some(&held("1699999999050~call-7~192.0.2.9")), &mut no_chance).unwrap();
    let Some(Work::End { revision, streams }) = decision.work() else { panic!("nothing ends") };
    assert_eq!((revision, streams), (4, vec![silent("192.0.2.9:4000")]));
    let done = decision.into_step().complete(&patterns, &[]).unwrap();
    assert!(done.has_ended);
    assert_eq!(&*done.values, "1700000000123~call-7~198.51.100.1~5060");
    assert_eq!(
        String::from_utf8(done.reply).unwrap(),
        "d6:call-7 of i1699999999e i50000e i1699999999050000e at 192.0.2.9!"
    );
}

#[test]
fn only_a_session_of_the_pattern_before_can_end() {
    let patterns = learned(ending()).unwrap();
    let reading = patterns.read(b"bye6:call-7", client(), 1).unwrap();
    let values = "1~call-7~192.0.2.9";
    assert!(
        patterns
            .decide(&reading, Some(&Held { pattern: 8, values: values.into() }), &mut no_chance)
            .is_none()
    );
    assert!(patterns.decide(&reading, None, &mut no_chance).is_none());
    assert!(
        patterns.decide(&reading, Some(&held("1~another~192.0.2.9")), &mut no_chance).is_none(),
        "another name"
    );
}

#[test]
fn an_ending_that_contradicts_itself_is_refused() {
    let changes: [fn(&mut Value); 6] = [
        |pattern| pattern["after"] = json!(null),
        |pattern| pattern["outcome"]["remotes"][0]["stream"] = json!(1),
        |pattern| pattern["outcome"]["remotes"][0]["text"]["at"] = json!([7]),
        |pattern| pattern["outcome"]["reply"]["at"][0]["at"] = json!(7),
        |pattern| pattern["outcome"]["reply"]["texts"] = json!(["d"]),
        |pattern| pattern["outcome"]["reply"]["texts"][1] = json!("\u{1f600}"),
    ];
    for (number, change) in changes.iter().enumerate() {
        let mut pattern = ending();
        change(&mut pattern);
        assert!(learned(pattern).is_none(), "{number}");
    }
}

#[test]
fn a_value_that_is_no_number_has_no_seconds() {
    let mut pattern = ending();
    pattern["outcome"]["reply"]["at"][1]["at"] = json!(1);
    let patterns = learned(pattern).unwrap();
    let reading = patterns.read(b"bye6:call-7", client(), 1).unwrap();
    let decision = patterns.decide(&reading, Some(&held("1~call-7~192.0.2.9")), &mut no_chance).unwrap();
    assert_eq!(decision.into_step().complete(&patterns, &[]), None);
}

fn learned(pattern: Value) -> Option<Patterns> {
    let mut patterns = Patterns::default();
    let pattern: PatternPlan = serde_json::from_value(pattern).unwrap();
    patterns.learn(pattern).ok().map(|()| patterns)
}

fn ending() -> Value {
    let value = |spelling: &str, like: u32| json!({ "spelling": spelling, "like": like });
    let formed = |at: u32, form: &str| json!({ "at": at, "form": form });
    json!({
        "number": 9,
        "after": 7,
        "request": [{ "kind": "text", "text": "bye" }, { "kind": "measuredValue", "at": 4 }],
        "values": [
            value("digits", 0), value("word", 1), value("address", 2),
            value("digits", 3), value("word", 1), value("word", 5), value("digits", 6),
        ],
        "known": 3,
        "places": { "now": 3, "session": 4, "clientAddress": 5, "clientPort": 6 },
        "outcome": {
            "kind": "end",
            "revision": 4,
            "streams": [silent("198.18.0.1:1")],
            "remotes": [{ "stream": 0, "component": "rtp", "text": { "texts": ["", ":4000"], "at": [2] } }],
            "reply": {
                "texts": ["d", " of i", "e i", "e i", "e at ", "!"],
                "at": [
                    formed(1, "measured"), formed(0, "seconds"), formed(0, "microsecondsBeyond"),
                    formed(0, "microseconds"), formed(2, "plain"),
                ],
            },
        },
    })
}

fn silent(remote: &str) -> StreamStats {
    StreamStats {
        stream: StreamId(0),
        path: StreamPath::Userspace { reason: UserspaceReason::NoFastPath },
        rtp: ComponentStats { remote: Some(remote.parse().unwrap()), ..ComponentStats::default() },
        rtcp: ComponentStats::default(),
        codec_in: None,
        codec_out: None,
        suite_in: None,
        suite_out: None,
        ice: None,
        ingress: Vec::new(),
        egress: Vec::new(),
        ssrcs_forgotten: 0,
    }
}

fn held(values: &str) -> Held {
    Held { pattern: 7, values: values.into() }
}

fn client() -> std::net::SocketAddr {
    "198.51.100.1:5060".parse().unwrap()
}

fn no_chance(_: &mut [u8]) -> bool {
    panic!("nothing is drawn");
}
