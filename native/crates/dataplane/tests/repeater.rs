//! What is answered by patterns, what is passed on, and what the control plane hears of it.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::time::Instant;

use dataplane::repeater::{Datagram, Job, Repeater, Taken};
use protocol::{Event, FromDataPlane, LogPosition, PatternPlan, SessionId, StreamId};
use repeat::Work;
use serde_json::json;

#[test]
fn a_request_of_a_known_kind_is_answered_and_written_into_the_log() {
    let mut repeater = repeater();
    assert_eq!(answer(&mut repeater, "c1 id4:call").as_deref(), Some("c1 hello 4:call!"));
    let Some(FromDataPlane::Repeated { seq: 1, pattern: 1, values, .. }) = repeater.last_entry() else {
        panic!("nothing was written down");
    };
    assert!(values.ends_with("~call~192.0.2.1~5060"), "{values}");
    let counters = repeater.counters();
    assert_eq!((counters.patterns, counters.answered, counters.passed_on), (1, 1, 0));
}

#[test]
fn a_repeated_request_is_answered_again_without_a_session() {
    let mut repeater = repeater();
    let first = answer(&mut repeater, "c1 id4:call").unwrap();
    let Taken::Reply(again) = repeater.take(&datagram("c1 id4:call"), true) else { panic!("begun again") };
    assert_eq!(again, first.into_bytes());
    // Another request under the same cookie is the same one for the same client.
    assert!(matches!(repeater.take(&datagram("c1 id5:other"), true), Taken::Reply(_)));
    assert_eq!((repeater.counters().repeated, repeater.last()), (2, 1));
}

#[test]
fn a_request_that_is_being_carried_out_is_not_begun_again() {
    let mut repeater = repeater();
    assert!(matches!(repeater.take(&datagram("c1 id4:call"), true), Taken::Do(_)));
    assert!(matches!(repeater.take(&datagram("c1 id4:call"), true), Taken::Nothing));
}

#[test]
fn what_was_passed_on_once_is_passed_on_again() {
    let mut repeater = Repeater::new(Instant::now());
    assert!(matches!(repeater.take(&datagram("c1 id4:call"), true), Taken::PassOn));
    repeater.learn(pattern()).unwrap();
    assert!(matches!(repeater.take(&datagram("c1 id4:call"), true), Taken::PassOn));
    assert!(matches!(repeater.take(&datagram("c2 id4:call"), true), Taken::Do(_)));
}

#[test]
fn nothing_unusual_is_answered() {
    let mut repeater = repeater();
    for text in ["", " ", " id4:call", "c1", "c1 ", "c2 id4:call4", "c3 id9:call", "c4 {\"id\":\"call\"}"] {
        assert!(matches!(repeater.take(&datagram(text), true), Taken::PassOn), "{text}");
    }
    assert!(matches!(repeater.take(&datagram("c5 id4:call"), false), Taken::PassOn), "no room");
}

#[test]
fn a_plan_that_was_refused_passes_its_request_on() {
    let mut repeater = repeater();
    let datagram = datagram("c1 id4:call");
    assert!(matches!(repeater.take(&datagram, true), Taken::Do(_)));
    repeater.refused(&datagram);
    assert!(matches!(repeater.take(&datagram, true), Taken::PassOn));
    assert_eq!((repeater.last(), repeater.counters().answered), (0, 0));
}

#[test]
fn a_control_plane_that_has_not_read_of_a_session_does_not_get_it() {
    let mut repeater = repeater();
    answer(&mut repeater, "c1 id4:call");
    answer(&mut repeater, "c2 id5:other");
    let [call, other] = ["call", "other"].map(|name| SessionId(name.to_owned()));
    assert!(repeater.hand_over(&call, 1) && !repeater.hand_over(&other, 1) && repeater.hand_over(&other, 2));
    assert!(repeater.hand_over(&SessionId("nobody's".to_owned()), 0));
}

#[test]
fn an_ended_session_may_be_made_again() {
    let mut repeater = repeater();
    answer(&mut repeater, "c1 id4:call");
    assert!(matches!(repeater.take(&datagram("c2 id4:call"), true), Taken::PassOn), "it is there");
    assert!(repeater.end(&SessionId("call".to_owned()), 1));
    assert!(answer(&mut repeater, "c3 id4:call").is_some());
}

#[test]
fn a_control_plane_that_comes_back_hears_what_it_has_missed_and_another_one_nothing() {
    let mut repeater = repeater();
    for number in 1..=3 {
        answer(&mut repeater, &format!("c{number} id2:s{number}"));
    }
    let position = |boot: &str, seq| LogPosition { boot: boot.to_owned(), seq };
    let seqs = |entries: Vec<FromDataPlane>| -> Vec<u64> {
        let seq =
            |entry: &FromDataPlane| if let FromDataPlane::Repeated { seq, .. } = entry { *seq } else { 0 };
        entries.iter().map(seq).collect()
    };
    assert_eq!(seqs(repeater.connected("boot", Some(&position("boot", 1))).collect()), [2, 3]);
    assert!(!repeater.hand_over(&SessionId("s3".to_owned()), 2));
    // It has not said yet which kinds may be answered.
    assert!(matches!(repeater.take(&datagram("d1 id4:call"), true), Taken::PassOn));
    assert!(seqs(repeater.connected("boot", Some(&position("earlier", 3))).collect()).is_empty());
    assert!(repeater.hand_over(&SessionId("s3".to_owned()), 0), "it reads of all sessions in the list");
}

#[test]
fn a_deletion_by_a_pattern_is_answered_and_written_into_the_log() {
    let mut repeater = repeater_with_endings();
    answer(&mut repeater, "c1 id4:call");
    let Taken::Do(job) = repeater.take(&datagram("c2 bye4:call"), true) else { panic!("not taken") };
    assert_eq!(job.work, Work::End { revision: 1, streams: Vec::new() });
    let reply = repeater.done(&datagram("c2 bye4:call"), job.step, job.session, &[]).unwrap();
    assert_eq!(String::from_utf8(reply).unwrap(), "c2 gone 4:call!");
    let Some(FromDataPlane::Repeated { seq: 2, pattern: 2, values, .. }) = repeater.last_entry() else {
        panic!("nothing was written down");
    };
    assert!(values.ends_with("~call~192.0.2.1~5060") && values.split('~').count() == 4, "{values}");
    assert!(matches!(repeater.take(&datagram("c2 bye4:call"), true), Taken::Reply(_)), "asked again");
    assert!(matches!(repeater.take(&datagram("c3 bye4:call"), true), Taken::PassOn), "there is none now");
}

#[test]
fn a_control_plane_that_has_not_read_of_an_end_does_not_bring_the_session_back() {
    let mut repeater = repeater_with_endings();
    answer(&mut repeater, "c1 id4:call");
    answer(&mut repeater, "c2 bye4:call").unwrap();
    let call = SessionId("call".to_owned());
    assert!(!repeater.hand_over(&call, 1), "it does not know yet");
    repeater.seen(2);
    assert!(repeater.hand_over(&call, 2));
}

#[test]
fn a_session_that_was_made_anew_outlives_the_news_of_its_end() {
    let mut repeater = repeater_with_endings();
    answer(&mut repeater, "c1 id4:call");
    answer(&mut repeater, "c2 bye4:call").unwrap();
    answer(&mut repeater, "c3 id4:call").unwrap();
    repeater.seen(2);
    assert!(!repeater.hand_over(&SessionId("call".to_owned()), 2), "it has not read of the new one");
    assert!(answer(&mut repeater, "c4 bye4:call").is_some());
}

#[test]
fn a_control_plane_that_has_not_read_of_an_end_does_not_end_what_came_after() {
    let mut repeater = repeater_with_endings();
    let call = SessionId("call".to_owned());
    answer(&mut repeater, "c1 id4:call");
    answer(&mut repeater, "c2 bye4:call").unwrap();
    assert!(!repeater.end(&call, 1), "it is gone");
    answer(&mut repeater, "c3 id4:call").unwrap();
    assert!(!repeater.end(&call, 1), "another one");
    assert!(repeater.end(&call, 2), "that one");
}

#[test]
fn a_session_that_has_changed_by_itself_is_not_ended_by_a_pattern() {
    let mut repeater = repeater_with_endings();
    answer(&mut repeater, "c1 id4:call");
    repeater.changed(&SessionId("call".to_owned()));
    assert!(matches!(repeater.take(&datagram("c2 bye4:call"), true), Taken::PassOn));
}

#[test]
fn a_session_the_control_plane_has_changed_is_not_ended_by_a_pattern() {
    let mut repeater = repeater_with_endings();
    answer(&mut repeater, "c1 id4:call");
    assert!(repeater.hand_over(&SessionId("call".to_owned()), 1), "it is about to be recorded");
    assert!(matches!(repeater.take(&datagram("c2 bye4:call"), true), Taken::PassOn));
}

#[test]
fn how_far_ice_has_come_is_no_change_that_a_pattern_has_to_know_of() {
    let session = SessionId("call".to_owned());
    let state = Event::IceState {
        session: session.clone(),
        revision: 1,
        stream: StreamId(0),
        state: protocol::IceState::Waiting,
    };
    let silence = Event::NoFirstPacket { session, revision: 1, stream: StreamId(0) };
    for (event, is_by_pattern) in [(state, true), (silence, false)] {
        let mut repeater = repeater_with_endings();
        answer(&mut repeater, "c1 id4:call");
        repeater.told(&event);
        assert_eq!(answer(&mut repeater, "c2 bye4:call").is_some(), is_by_pattern, "{event:?}");
    }
}

fn repeater_with_endings() -> Repeater {
    let mut repeater = repeater();
    repeater.learn(ending()).unwrap();
    repeater
}

fn repeater() -> Repeater {
    let mut repeater = Repeater::new(Instant::now());
    repeater.learn(pattern()).unwrap();
    repeater
}

/// Takes a datagram in, carries its plan out, and returns the reply.
fn answer(repeater: &mut Repeater, text: &str) -> Option<String> {
    let datagram = datagram(text);
    let Taken::Do(Job { session, step, .. }) = repeater.take(&datagram, true) else { return None };
    let reply = repeater.done(&datagram, step, session, &[])?;
    Some(String::from_utf8(reply).unwrap())
}

fn datagram(text: &str) -> Datagram {
    let from = "192.0.2.1:5060".parse().unwrap();
    Datagram { socket: 0, from, bytes: text.into(), arrived: Instant::now() }
}

/// `id4:call` makes the session `call` and is answered `hello 4:call!`.
fn pattern() -> PatternPlan {
    let plain = |spelling: &str, like: u32| json!({ "spelling": spelling, "like": like });
    serde_json::from_value(json!({
        "number": 1,
        "after": null,
        "request": [{ "kind": "text", "text": "id" }, { "kind": "measuredValue", "at": 1 }],
        "values": [plain("digits", 0), plain("word", 1), plain("word", 2), plain("digits", 3)],
        "known": 0,
        "places": { "now": 0, "session": 1, "clientAddress": 2, "clientPort": 3 },
        "outcome": {
            "kind": "session",
            "plan": {
                "session": "", "revision": 1, "memo": "", "tos": 0, "reportTelephoneEvents": false,
                "timeouts": { "mediaMs": 1, "silentMs": 1, "offerMs": 1, "firstPacketMs": null },
                "streams": [], "routes": [],
            },
            "gaps": [{ "place": { "kind": "session" }, "text": { "texts": ["", ""], "at": [1] } }],
            "opened": [],
            "reply": { "before": "hello ", "body": { "texts": ["", ""], "at": [1] }, "after": "!" },
        },
    }))
    .unwrap()
}

/// `bye4:call` ends a session that `pattern` has made, and is answered `gone 4:call!`.
fn ending() -> PatternPlan {
    let plain = |spelling: &str, like: u32| json!({ "spelling": spelling, "like": like });
    serde_json::from_value(json!({
        "number": 2,
        "after": 1,
        "request": [{ "kind": "text", "text": "bye" }, { "kind": "measuredValue", "at": 5 }],
        "values": [
            plain("digits", 0), plain("word", 1), plain("word", 2), plain("digits", 3),
            plain("digits", 4), plain("word", 1), plain("word", 2), plain("digits", 7),
        ],
        "known": 4,
        "places": { "now": 4, "session": 5, "clientAddress": 6, "clientPort": 7 },
        "outcome": {
            "kind": "end",
            "revision": 1,
            "streams": [],
            "remotes": [],
            "reply": { "texts": ["gone ", "!"], "at": [{ "at": 1, "form": "measured" }] },
        },
    }))
    .unwrap()
}
