//! What a plan may say, and what is said back.

use engine::{BoundSockets, Engine, SocketId};
use protocol::{ErrorCode, EventAction, LocalId, PortSpan, SessionId, SessionPlan};
use sim::{PROXY_IPV4, Scene, plans};

fn refused(change: impl FnOnce(&mut SessionPlan)) -> String {
    let mut scene = Scene::audio();
    let before = scene.net.engine().plans(None, 10);
    let mut plan = scene.plan.clone();
    plan.revision += 1;
    change(&mut plan);
    let applied = scene.net.apply(&plan);
    assert_eq!(scene.net.engine().plans(None, 10), before, "a refused plan changes nothing");
    let Err(ErrorCode::BadPlan { path, .. }) = applied else { panic!("{applied:?}") };
    path
}

#[test]
fn a_contradictory_plan_is_refused_with_the_place() {
    assert_eq!(refused(|plan| plan.routes[1].to.0 = 9), "routes[1].to");
    assert_eq!(refused(|plan| plan.routes[0].from.0 = 9), "routes[0].from");
    assert_eq!(refused(|plan| plan.routes[1] = plan.routes[0].clone()), "routes[1]");
    for impossible in [
        EventAction::Replace { event: 16 },
        EventAction::Tone { frequencies: vec![], volume: 10 },
        EventAction::Tone { frequencies: vec![400; 9], volume: 10 },
        EventAction::Tone { frequencies: vec![400], volume: 64 },
    ] {
        let path = refused(|plan| plan.routes[1].telephone_events = impossible);
        assert_eq!(path, "routes[1].telephoneEvents");
    }
    assert_eq!(refused(|plan| plan.streams[1].id = plan.streams[0].id), "routes[0].to");
    assert_eq!(refused(|plan| plan.streams.push(plans::audio_stream(1, None))), "streams[2].id");
    assert_eq!(refused(|plan| plan.streams[0].locals.clear()), "streams[0].locals");
    assert_eq!(refused(|plan| plan.streams[1].locals[0].id = LocalId(1)), "streams[1].locals[0].id");
    assert_eq!(
        refused(|plan| plan.streams[0].payloads = vec![plans::payload(0, "X"); 65]),
        "streams[0].payloads"
    );
    let too_high = refused(|plan| plan.streams[0].payloads[1].payload_type = 128);
    assert_eq!(too_high, "streams[0].payloads[1].payloadType");
    assert_eq!(refused(|plan| plan.memo = "x".repeat(16 * 1024 + 1)), "memo");
    assert_eq!(refused(|plan| plan.streams[0].locals[0].port = Some(50_000)), "streams[0].locals[0].port");
    assert_eq!(refused(|plan| plan.streams[0].locals[0].span = PortSpan::Single), "streams[0].locals[0]");
    assert_eq!(
        refused(|plan| plan.streams[0].locals[0].interface = "other".to_owned()),
        "streams[0].locals[0]"
    );
    let odd = |plan: &mut SessionPlan| {
        plan.streams[0].locals.push(plans::local(7, PROXY_IPV4));
        plan.streams[0].locals[1].port = Some(50_001);
    };
    assert_eq!(refused(odd), "streams[0].locals[1].port");
}

#[test]
fn an_older_revision_is_stale() {
    let mut scene = Scene::audio();
    scene.replan(|_| {});
    let mut old = scene.plan.clone();
    old.revision = 1;
    assert_eq!(scene.net.apply(&old).unwrap_err(), ErrorCode::StalePlan { current: 2 });
    assert_eq!(scene.net.engine().missing_locals(&old).unwrap_err(), ErrorCode::StalePlan { current: 2 });
}

#[test]
fn only_new_locals_are_missing_and_their_sockets_must_be_theirs() {
    let mut scene = Scene::audio();
    scene.plan.streams[0].locals.push(plans::local(7, PROXY_IPV4));
    let missing = scene.net.engine().missing_locals(&scene.plan).unwrap();
    assert_eq!(missing.iter().map(|local| local.id).collect::<Vec<_>>(), [LocalId(7)]);

    let now = std::time::Instant::now();
    let mut engine = Engine::new(now);
    let plan = plans::audio_call("call", None, None);
    let sockets = |local: u32, first: u32| BoundSockets {
        local: LocalId(local),
        port: 40_000,
        rtp: SocketId(first),
        rtcp: Some(SocketId(first + 1)),
    };
    for wrong in [vec![], vec![sockets(1, 0)], vec![sockets(1, 0), sockets(2, 2), sockets(3, 4)]] {
        assert!(matches!(engine.apply(now, plan.clone(), &wrong), Err(ErrorCode::BadPlan { .. })));
    }
    engine.apply(now, plan, &[sockets(1, 0), sockets(2, 2)]).unwrap();
    let taken = [sockets(1, 2), sockets(2, 4)];
    let other = plans::audio_call("other", None, None);
    assert!(matches!(engine.apply(now, other, &taken), Err(ErrorCode::BadPlan { .. })));
    assert_eq!(engine.len(), 1);
}

#[test]
fn a_local_that_is_no_longer_named_is_released() {
    let mut scene = Scene::audio();
    let before = scene.net.engine().sockets(&scene.plan.session);
    let applied = scene.replan(|plan| plan.streams[0].locals = vec![plans::local(7, PROXY_IPV4)]);
    assert_eq!(applied.released, before[..2]);
    assert_eq!(applied.bound.iter().map(|bound| bound.local).collect::<Vec<_>>(), [LocalId(7), LocalId(2)]);
    scene.talk(100);
    assert_eq!(scene.heard(scene.alice).len(), 5);
}

#[test]
fn streams_may_come_and_go_without_touching_the_others() {
    let mut scene = Scene::audio();
    scene.talk(1000);
    let before = scene.stats(2);
    scene.replan(|plan| plan.streams.insert(0, plans::audio_stream(5, None)));
    assert_eq!(scene.stats(3), before);
    scene.talk(100);
    assert_eq!(scene.stats(3).rtp.received_packets, 55);
    let applied = scene.replan(|plan| drop(plan.streams.remove(0)));
    assert_eq!(applied.released.len(), 2);
    assert_eq!(scene.stats(2).rtp.received_packets, 55);
    scene.talk(100);
    assert_eq!(scene.stats(2).rtp.received_packets, 60);
}

#[test]
fn a_local_may_move_to_another_stream() {
    let mut scene = Scene::audio();
    let port = scene.local(1);
    let applied = scene.replan(|plan| {
        let local = plan.streams[0].locals.remove(0);
        plan.streams[0].locals.push(plans::local(7, PROXY_IPV4));
        plan.streams[1].locals.push(local);
    });
    assert!(applied.released.is_empty());
    scene.net.speak(scene.bob, port);
    scene.net.settle();
    assert_eq!(scene.heard(scene.alice).len(), 1);
}

#[test]
fn plans_come_back_as_they_were_with_their_ports_in_order_and_in_pages() {
    let mut scene = Scene::audio();
    for id in ["b", "a", "d"] {
        let mut plan = plans::audio_call(id, Some("198.51.100.7:4000".parse().unwrap()), None);
        (plan.memo, plan.tos) = ("{\"some\":\"record\"}".to_owned(), 184);
        assert!(scene.net.apply(&plan).unwrap().tos_changed);
    }
    let engine = scene.net.engine();
    let ids = |plans: &[SessionPlan]| plans.iter().map(|plan| plan.session.0.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&engine.plans(None, 2)), ["a", "b"]);
    assert_eq!(ids(&engine.plans(Some(&SessionId("b".to_owned())), 9)), ["call", "d"]);
    let mut expected = plans::audio_call("a", Some("198.51.100.7:4000".parse().unwrap()), None);
    (expected.memo, expected.tos) = ("{\"some\":\"record\"}".to_owned(), 184);
    for stream in &mut expected.streams {
        stream.locals[0].port = Some(scene.net.local(&expected.session, stream.id.0).port());
    }
    assert_eq!(engine.plans(None, 1)[0], expected);
}

#[test]
fn a_socket_number_is_free_again_after_its_release() {
    let mut scene = Scene::audio();
    let first = scene.net.engine().sockets(&scene.plan.session);
    scene.net.release(&scene.plan.session.clone()).unwrap();
    let plan = plans::audio_call("other", Some("198.51.100.7:4000".parse().unwrap()), None);
    scene.net.apply(&plan).unwrap();
    assert_eq!(scene.net.engine().sockets(&plan.session), first);
}
