//! Requests of a small made-up language: `call d2:id<name>4:from<word>4:bodyN:m=<port> c=<address>;e`.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::net::SocketAddr;

use proptest::prelude::*;
use protocol::{BoundLocal, LocalId, PatternPlan, SessionPlan};
use repeat::{Decision, Done, Held, Patterns, Work};
use serde_json::{Value, json};

#[test]
fn a_request_with_other_values_comes_to_its_own_plan_and_reply() {
    let patterns = learned(&[offer(1)]);
    let request = request("call-7@host", "tag", "192.0.2.9", 4000);
    let reading = patterns.read(&request, client(), 1_234).unwrap();
    assert_eq!(reading.session(), "call-7@host");
    let decision = patterns.decide(&reading, None, &mut no_chance).unwrap();
    let (plan, before) = applied(&decision).unwrap();
    assert_eq!((plan.session.0.as_str(), plan.memo.as_str()), ("call-7@host", "since 1234 by tag"));
    let remote = plan.streams[0].remote.unwrap();
    assert_eq!((remote.rtp, remote.rtcp), (address("192.0.2.9:4000"), Some(address("192.0.2.9:4001"))));
    assert_eq!(before, None);
    let Done { values, reply, .. } = decision.into_step().complete(&patterns, &bound(30_000)).unwrap();
    assert_eq!(&*values, "1234~call-7@host~198.51.100.1~5060~tag~4000~4001~192.0.2.9~30000~30001");
    assert_eq!(String::from_utf8(reply).unwrap(), "d3:sdp14:xym=30000 tag;e");
}

#[test]
fn what_comes_after_depends_on_the_session() {
    let patterns = learned(&[offer(1), follower(2, 1)]);
    let first = request("call", "tag", "192.0.2.9", 4000);
    let before = carried_out(&patterns, &first, None).unwrap();
    let second = request("call", "other", "192.0.2.10", 5000);
    let after = carried_out(&patterns, &second, Some(&before)).unwrap();
    assert_eq!(after.pattern, 2);
    assert!(
        after.values.starts_with(&*before.values) && after.values.ends_with("~other~5000~5001~192.0.2.10")
    );
    // Not for a session of another pattern, nor twice.
    assert!(carried_out(&patterns, &second, Some(&after)).is_none());
    assert!(carried_out(&patterns, &second, Some(&Held { pattern: 9, values: before.values })).is_none());
}

#[test]
fn values_that_are_equal_by_chance_make_another_kind() {
    let patterns = learned(&[offer(1)]);
    assert!(carried_out(&patterns, &request("call", "tag", "192.0.2.9", 4000), None).is_some());
    assert!(carried_out(&patterns, &request("tag", "tag", "192.0.2.9", 4000), None).is_none());
    // A number is never a name.
    assert!(carried_out(&patterns, &request("1234", "tag", "192.0.2.9", 4000), None).is_some());
}

#[test]
fn a_request_is_compared_with_so_many_patterns_only() {
    let mut patterns = Patterns::default();
    for number in 1..=16 {
        patterns.learn(serde_json::from_value(offer(number)).unwrap()).unwrap();
    }
    assert!(patterns.learn(serde_json::from_value(offer(17)).unwrap()).is_err());
}

#[test]
fn nothing_unusual_is_read() {
    let patterns = learned(&[offer(1)]);
    for request in [
        request("", "tag", "192.0.2.9", 4000),
        request("call", "a b", "192.0.2.9", 4000),
        request("call", "tag", "192.0.02.9", 4000),
        request("call", "tag", "0.0.0.0", 4000),
        request("call", "tag", "192.0.2.9", 0),
        request("call", "tag", "192.0.2.9", 65_535),
        [&request("call", "tag", "192.0.2.9", 4000)[..], b"e"].concat(),
        b"d2:id4:call4:from3:tag4:body017:m=4000 c=192.0.2.9;e".to_vec(),
        b"d2:id04:call4:from3:tag4:body17:m=4000 c=192.0.2.9;e".to_vec(),
        b"d2:id4:call4:from99999:tag4:body17:m=4000 c=192.0.2.9;e".to_vec(),
        b"d2:id4:call4:from3:tag4:body16:m=4000 c=192.0.2.9;e".to_vec(),
        b"d2:id4:call4:from3:tag4:body18:m=4000 c=192.0.2.9;e".to_vec(),
        b"d2:id4:call4:from3:tag4:body17:m=4000/2 c=192.0.2.9;e".to_vec(),
    ] {
        assert!(patterns.read(&request, client(), 0).is_none(), "{}", String::from_utf8_lossy(&request));
    }
    let request = request("call", "tag", "192.0.2.9", 4000);
    assert!(patterns.read(&request, address("[2001:db8::1]:5060"), 0).is_none());
}

#[test]
fn kinds_that_begin_alike_are_told_apart() {
    let mut texts = vec!["a", "ab", "abc", "b", "abd", "", "bcd"];
    let with = |number: usize, text: &str| {
        let mut pattern = offer(number as u32);
        pattern["request"][10]["text"] = json!(format!(";{text}"));
        pattern
    };
    let all: Vec<Value> = texts.iter().enumerate().map(|(number, text)| with(number, text)).collect();
    let patterns = learned(&all);
    texts.push("ax");
    for (number, text) in texts.iter().enumerate() {
        let body = format!("m=4000 c=192.0.2.9;{text}");
        let request = format!("d2:id4:call4:from3:tag4:body{}:{body}e", body.len());
        let held = carried_out(&patterns, request.as_bytes(), None);
        assert_eq!(held.map(|held| held.pattern as usize), (*text != "ax").then_some(number), "{text}");
    }
}

#[test]
fn a_pattern_that_contradicts_itself_or_another_is_refused() {
    let mut patterns = learned(&[offer(1)]);
    let changes: [fn(&mut Value); 10] = [
        |pattern| pattern["request"][1]["at"] = json!(99),
        |pattern| pattern["rooms"] = json!([{ "at": [99], "bytes": 1 }]),
        |pattern| pattern["request"][4] = json!({ "kind": "measuredEnd" }),
        |pattern| pattern["request"][0]["text"] = json!("\u{1f600}"),
        |pattern| pattern["outcome"]["gaps"][0]["text"]["at"] = json!([8]),
        |pattern| pattern["outcome"]["gaps"][0]["text"]["texts"] = json!([""]),
        |pattern| pattern["outcome"]["gaps"][2]["place"]["stream"] = json!(1),
        |pattern| pattern["places"]["session"] = json!(8),
        |pattern| pattern["values"][6]["spelling"] = json!("word"),
        |pattern| pattern["known"] = json!(20),
    ];
    for (number, change) in changes.iter().enumerate() {
        let mut pattern = offer(2);
        change(&mut pattern);
        assert!(patterns.learn(serde_json::from_value(pattern).unwrap()).is_err(), "{number}");
    }
    assert!(carried_out(&patterns, &request("call", "tag", "192.0.2.9", 4000), None).is_some());
}

#[test]
fn what_is_forgotten_is_not_answered_any_more() {
    let mut patterns = learned(&[offer(1)]);
    let request = request("call", "tag", "192.0.2.9", 4000);
    let reading = patterns.read(&request, client(), 0).unwrap();
    let step = patterns.decide(&reading, None, &mut no_chance).unwrap().into_step();
    patterns.clear();
    assert!(patterns.is_empty() && patterns.read(&request, client(), 0).is_none());
    assert!(step.complete(&patterns, &bound(30_000)).is_none());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// What is read, written again with the same values, is the same request: nothing is skipped or guessed.
    #[test]
    fn a_request_says_nothing_but_its_kind_and_its_values(
        name in "[!-}]{0,9}", tag in "[ -~]{1,4}", port: u16, host in "[0-9]{1,3}\\.[0-9]{1,3}\\.2\\.1",
        at in 0_usize..80, byte: Option<u8>,
    ) {
        let patterns = learned(&[offer(1)]);
        let mut request = request(&name, &tag, &host, port);
        if let (Some(byte), Some(place)) = (byte, request.get_mut(at)) {
            *place = byte;
        }
        if let Some(held) = carried_out(&patterns, &request, None) {
            let values: Vec<&str> = held.values.split('~').collect();
            prop_assert_eq!(self::request(values[1], values[4], values[7], values[5].parse().unwrap()), request);
        }
    }

    #[test]
    fn whatever_arrives_is_read_or_not(request: Vec<u8>, length in 0_usize..60) {
        let patterns = learned(&[offer(1), follower(2, 1)]);
        let usual = self::request("call", "tag", "192.0.2.9", 4000);
        prop_assert!(patterns.read(&request, client(), 0).is_none());
        let cut = &usual[..length.min(usual.len() - 1)];
        prop_assert!(patterns.read(cut, client(), 0).is_none());
        let mut continued = usual;
        continued.truncate(length);
        continued.extend(request);
        let _ = patterns.read(&continued, client(), 0);
    }
}

fn request(name: &str, tag: &str, host: &str, port: u16) -> Vec<u8> {
    let body = format!("m={port} c={host};");
    format!("d2:id{}:{name}4:from{}:{tag}4:body{}:{body}e", name.len(), tag.len(), body.len()).into()
}

fn carried_out(patterns: &Patterns, request: &[u8], before: Option<&Held>) -> Option<Held> {
    let reading = patterns.read(request, client(), 1_234)?;
    let decision = patterns.decide(&reading, before, &mut no_chance)?;
    applied(&decision)?;
    let Done { pattern, values, .. } = decision.into_step().complete(patterns, &bound(30_000))?;
    Some(Held { pattern, values })
}

fn applied(decision: &Decision<'_>) -> Option<(SessionPlan, Option<u64>)> {
    if let Work::Apply { plan, before } = decision.work()? { Some((*plan, before)) } else { None }
}

fn learned(plans: &[Value]) -> Patterns {
    let mut patterns = Patterns::default();
    for plan in plans {
        let plan: PatternPlan = serde_json::from_value(plan.clone()).unwrap();
        patterns.learn(plan).unwrap();
    }
    patterns
}

/// A new session with one stream that opens one local.
fn offer(number: u32) -> Value {
    json!({
        "number": number,
        "after": null,
        "request": parts(0),
        "values": values(0),
        "known": 0,
        "places": places(0),
        "outcome": {
            "kind": "session",
            "plan": plan(1),
            "gaps": gaps(0),
            "opened": [0],
            "reply": { "before": "d3:sdp", "body": { "texts": ["xym=", " ", ";"], "at": [8, 4] }, "after": "e" },
        },
    })
}

/// The same for a session that `after` has made; it opens nothing.
fn follower(number: u32, after: u32) -> Value {
    let known: Vec<Value> = values(0).into_iter().chain([value("port", 8), value("nextPort", 9)]).collect();
    let mut all = known.clone();
    all.extend(values(10));
    // The name and the client are those of before.
    for (at, like) in [(11, 1), (12, 2)] {
        all[at]["like"] = json!(like);
    }
    json!({
        "number": number,
        "after": after,
        "request": parts(10),
        "values": all,
        "known": 10,
        "places": places(10),
        "outcome": {
            "kind": "session",
            "plan": plan(2),
            "gaps": gaps(10),
            "opened": [],
            "reply": { "before": "d3:sdp", "body": { "texts": ["m=", ";"], "at": [8] }, "after": "e" },
        },
    })
}

fn parts(start: u32) -> Value {
    json!([
        { "kind": "text", "text": "d2:id" },
        { "kind": "measuredValue", "at": start + 1 },
        { "kind": "text", "text": "4:from" },
        { "kind": "measuredValue", "at": start + 4 },
        { "kind": "text", "text": "4:body" },
        { "kind": "measuredStart" },
        { "kind": "text", "text": "m=" },
        { "kind": "value", "at": start + 5 },
        { "kind": "text", "text": " c=" },
        { "kind": "value", "at": start + 7 },
        { "kind": "text", "text": ";" },
        { "kind": "measuredEnd" },
        { "kind": "text", "text": "e" },
    ])
}

fn values(start: u32) -> Vec<Value> {
    let spellings = ["digits", "word", "word", "digits", "word", "port", "nextPort", "address"];
    (start..).zip(spellings).map(|(at, spelling)| value(spelling, at)).collect()
}

fn value(spelling: &str, like: u32) -> Value {
    json!({ "spelling": spelling, "like": like })
}

fn places(start: u32) -> Value {
    json!({ "now": start, "session": start + 1, "clientAddress": start + 2, "clientPort": start + 3 })
}

fn gaps(start: u32) -> Value {
    let address = |component: &str, port: u32| {
        json!({
            "place": { "kind": "remote", "stream": 0, "which": "remote", "component": component },
            "text": { "texts": ["", ":", ""], "at": [start + 7, port] },
        })
    };
    json!([
        { "place": { "kind": "session" }, "text": { "texts": ["", ""], "at": [start + 1] } },
        {
            "place": { "kind": "memo" },
            "text": { "texts": ["since ", " by ", ""], "at": [start, start + 4] },
        },
        address("rtp", start + 5),
        address("rtcp", start + 6),
    ])
}

fn plan(revision: u64) -> Value {
    json!({
        "session": "example",
        "revision": revision,
        "memo": "",
        "tos": 0,
        "timeouts": { "mediaMs": 1, "silentMs": 1, "offerMs": 1, "firstPacketMs": null },
        "reportTelephoneEvents": false,
        "streams": [{
            "id": 0,
            "locals": [{ "id": 0, "interface": "default", "address": "192.0.2.1", "port": null, "span": "pair" }],
            "bundle": null,
            "kind": "rtp",
            "rtcp": "separate",
            "rtcpRules": null,
            "remote": { "rtp": "198.18.0.1:1", "rtcp": "198.18.0.1:2" },
            "pendingRemote": null,
            "resume": null,
            "snapshot": null,
            "security": { "kind": "none" },
            "ice": null,
            "learning": {
                "mode": "off", "strict": false, "handover": false, "asymmetric": false,
                "wait": false, "pierce": false, "epoch": 0,
            },
            "receive": true,
            "hiddenExtensions": [],
            "payloads": [],
        }],
        "routes": [],
    })
}

fn bound(port: u16) -> Vec<BoundLocal> {
    vec![BoundLocal { local: LocalId(0), port }]
}

fn client() -> SocketAddr {
    address("198.51.100.1:5060")
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn no_chance(_: &mut [u8]) -> bool {
    panic!("nothing is drawn");
}
