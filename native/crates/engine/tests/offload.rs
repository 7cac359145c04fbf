//! What the kernel may relay, when it has to stop, and that nobody can tell the difference from the statistics.

use std::time::Duration;

use protocol::{Event, MediaAction, RemoteState, SessionStats, StreamKind, StreamPath, UserspaceReason};
use sim::{BOB, Kernel, Link, MALLORY, Scene, packets, plans};

fn offloaded() -> (Scene, Kernel) {
    offloaded_with(|_| {})
}

/// A call after half a second of talk.
fn offloaded_with(change: impl FnOnce(&mut protocol::SessionPlan)) -> (Scene, Kernel) {
    let (mut scene, kernel) = (Scene::audio_with(change), Kernel::default());
    scene.net.use_kernel(kernel.clone());
    scene.talk(500);
    (scene, kernel)
}

fn path(scene: &Scene, stream: usize) -> StreamPath {
    scene.stats(stream).path
}

fn userspace(reason: UserspaceReason) -> StreamPath {
    StreamPath::Userspace { reason }
}

/// Statistics without what says which way packets went.
fn counted(scene: &mut Scene) -> SessionStats {
    scene.net.refresh(&scene.plan.session);
    let mut stats = scene.net.stats(&scene.plan.session);
    for stream in &mut stats.streams {
        stream.path = StreamPath::FastPath;
    }
    stats
}

#[test]
fn a_plain_call_is_relayed_by_the_kernel_once_both_have_spoken() {
    let (mut scene, kernel) = offloaded();
    assert_eq!((path(&scene, 1), path(&scene, 2)), (StreamPath::FastPath, StreamPath::FastPath));
    assert_eq!(kernel.rules().len(), 2);
    let handled = |scene: &Scene| {
        let counters = scene.net.engine().counters();
        counters.received_packets - counters.fast_path_packets
    };
    let before = handled(&scene);
    scene.forget();
    scene.talk(1000);
    assert_eq!(handled(&scene), before);
    assert_eq!((scene.heard(scene.alice).len(), scene.heard(scene.bob).len()), (50, 50));
}

#[test]
fn no_packet_is_lost_or_repeated_when_the_kernel_takes_over() {
    let (mut scene, _kernel) = offloaded();
    let sequences: Vec<u16> = scene
        .heard(scene.bob)
        .iter()
        .filter_map(|received| wire::rtp::Header::parse(&received.payload))
        .map(|header| header.sequence)
        .collect();
    assert_eq!(sequences.len(), 25);
    assert!(sequences.windows(2).all(|pair| pair[1] == pair[0].wrapping_add(1)), "{sequences:?}");
}

#[test]
fn a_kernel_without_room_leaves_streams_to_the_engine_and_is_asked_again() {
    let kernel = Kernel::default();
    kernel.limit(Some(1));
    let mut scene = Scene::audio();
    scene.net.use_kernel(kernel.clone());
    scene.talk(500);
    let paths = [path(&scene, 1), path(&scene, 2)];
    assert!(paths.contains(&StreamPath::FastPath), "{paths:?}");
    assert!(paths.contains(&userspace(UserspaceReason::TableFull)), "{paths:?}");
    kernel.limit(None);
    scene.talk(6000);
    assert_eq!([path(&scene, 1), path(&scene, 2)], [StreamPath::FastPath, StreamPath::FastPath]);
}

#[test]
fn streams_that_need_the_engine_say_why() {
    type Change = fn(&mut protocol::SessionPlan);
    let reasons: [(Change, UserspaceReason); 6] = [
        (|plan| plan.routes.push(plans::route(1, 1)), UserspaceReason::Forked),
        (|plan| plan.streams[0].kind = StreamKind::Opaque, UserspaceReason::Opaque),
        (|plan| plan.streams[0].receive = false, UserspaceReason::Held),
        (|plan| plan.streams[1].remote = None, UserspaceReason::Held),
        (|plan| plan.routes[0].media = MediaAction::Silence, UserspaceReason::Silenced),
        (|plan| plan.routes.truncate(0), UserspaceReason::Unrouted),
    ];
    for (change, reason) in reasons {
        let (scene, _kernel) = offloaded_with(change);
        assert_eq!(path(&scene, 1), userspace(reason));
    }
}

#[test]
fn telephone_events_that_mean_something_here_come_up_while_the_voice_stays_in_the_kernel() {
    let run = |kernel: Option<Kernel>| {
        let mut scene =
            Scene::audio_with(|plan| plan.routes[0].telephone_events = protocol::EventAction::Drop);
        if let Some(kernel) = kernel {
            scene.net.use_kernel(kernel);
        }
        // More than a jump of the sequence, if the engine measured from where the kernel took over.
        scene.talk(80_000);
        scene.net.set_payload_type(scene.alice, 101);
        scene.talk(100);
        scene.net.set_payload_type(scene.alice, 0);
        scene.talk(1000);
        let offloaded = scene.net.engine().path_counts().offloaded;
        (counted(&mut scene), offloaded)
    };
    let ((plain, _), (fast, offloaded)) = (run(None), run(Some(Kernel::default())));
    assert_eq!((plain, offloaded), (fast, 2));
}

#[test]
fn an_event_in_the_kernel_does_not_say_which_codec_is_in_use() {
    let run = |kernel: Option<Kernel>| {
        let mut scene = Scene::audio();
        if let Some(kernel) = kernel {
            scene.net.use_kernel(kernel);
        }
        scene.talk(500);
        let first = scene.net.ssrc(scene.alice);
        scene.net.set_ssrc(scene.alice, 77);
        scene.net.set_payload_type(scene.alice, 8);
        scene.alice_talks(20);
        scene.net.set_ssrc(scene.alice, first);
        scene.net.set_payload_type(scene.alice, 101);
        scene.alice_talks(20);
        counted(&mut scene)
            .streams
            .iter()
            .map(|stream| (stream.codec_in.clone(), stream.codec_out.clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(run(None), run(Some(Kernel::default())));
}

#[test]
fn without_a_kernel_that_helps_streams_say_so() {
    let mut scene = Scene::audio();
    scene.talk(500);
    assert_eq!(path(&scene, 1), userspace(UserspaceReason::NoFastPath));
}

#[test]
fn a_second_receiver_brings_a_stream_back_to_the_engine() {
    let (mut scene, kernel) = offloaded();
    let carol = scene.net.peer("203.0.113.50:7000");
    scene.replan(|plan| {
        plan.streams
            .push(plans::audio_stream(3, Some("203.0.113.50:7000".parse().unwrap_or_else(|_| panic!()))));
        plan.routes.push(plans::route(1, 3));
    });
    assert_eq!(path(&scene, 1), userspace(UserspaceReason::Forked));
    assert_eq!(kernel.rules().len(), 1);
    scene.alice_talks(1000);
    assert_eq!(scene.heard(carol).len(), 50);
}

#[test]
fn hold_ends_the_rule_before_the_next_packet() {
    let (mut scene, kernel) = offloaded();
    scene.forget();
    scene.replan(|plan| plan.streams[0].receive = false);
    assert_eq!(kernel.rules().len(), 1);
    scene.talk(200);
    assert_eq!(scene.heard(scene.bob).len(), 0);
    scene.replan(|plan| plan.streams[0].receive = true);
    scene.talk(200);
    assert_eq!((scene.heard(scene.bob).len(), kernel.rules().len()), (10, 2));
}

#[test]
fn who_watches_is_told_of_each_new_way_and_why() {
    let mut scene = Scene::audio();
    scene.net.path_changes();
    let told = |scene: &mut Scene| -> Vec<(u32, StreamPath)> {
        scene.net.path_changes().into_iter().map(|change| (change.stream.0, change.path)).collect()
    };
    let kernel = Kernel::default();
    scene.net.use_kernel(kernel.clone());
    let learning = userspace(UserspaceReason::Learning);
    assert_eq!(told(&mut scene), [(1, learning), (2, learning)]);
    scene.talk(500);
    let mut first = told(&mut scene);
    first.sort_by_key(|(stream, _)| *stream);
    assert_eq!(first, [(1, StreamPath::FastPath), (2, StreamPath::FastPath)]);
    scene.talk(500);
    assert_eq!(told(&mut scene), []);
    scene.replan(|plan| plan.streams[0].receive = false);
    assert_eq!(told(&mut scene), [(1, userspace(UserspaceReason::Held))]);
    kernel.break_rules();
    scene.net.take_back_broken();
    assert_eq!(told(&mut scene), [(2, userspace(UserspaceReason::Unroutable))]);
}

#[test]
fn a_plan_that_says_the_same_leaves_rules_alone() {
    let (mut scene, kernel) = offloaded();
    let before = kernel.rules();
    scene.replan(|plan| plan.memo = "another".to_owned());
    assert_eq!(kernel.rules(), before);
    assert_eq!(path(&scene, 1), StreamPath::FastPath);
}

#[test]
fn another_type_of_service_is_another_rule() {
    let (mut scene, kernel) = offloaded();
    scene.replan(|plan| plan.tos = 0xb8);
    assert!(kernel.rules().is_empty());
    scene.talk(100);
    assert!(kernel.rules().iter().all(|rule| rule.tos == 0xb8) && kernel.rules().len() == 2);
}

#[test]
fn the_end_of_a_call_ends_its_rules_and_tells_all_they_relayed() {
    let (mut scene, kernel) = offloaded();
    scene.talk(1000);
    let session = scene.plan.session.clone();
    let released = scene.net.release(&session).unwrap_or_else(|| panic!("there was no session"));
    assert!(kernel.rules().is_empty());
    assert_eq!(released.stats.streams[0].rtp.received_packets, 75);
    assert_eq!(released.stats.streams[1].rtp.sent_packets, 75);
}

#[test]
fn a_stranger_does_not_disturb_what_the_kernel_relays() {
    let (mut scene, kernel) = offloaded();
    let mallory = scene.net.peer(MALLORY);
    // Within the learning window a silent source may be replaced; the engine has not heard this one for a second.
    scene.talk(1000);
    for _ in 0..5 {
        scene.net.speak(mallory, scene.local(1));
        scene.talk(20);
    }
    assert_eq!((kernel.rules().len(), scene.rtp(1).foreign), (2, 5));
    assert_eq!(scene.rtp(1).remote_state, RemoteState::Confirmed);
    let events = scene.net.take_events();
    assert!(
        events.iter().any(|event| matches!(
            event,
            Event::SuspectPackets { cause: protocol::SuspectCause::Foreign, .. }
        ))
    );
}

#[test]
fn a_peer_that_moves_is_followed_by_engine_and_kernel() {
    let (mut scene, kernel) = offloaded_with(|plan| plan.streams[0].learning.handover = true);
    scene.net.set_address(scene.alice, "198.51.100.7:4400");
    scene.forget();
    scene.talk(100);
    assert_eq!((scene.heard(scene.alice).len(), scene.heard(scene.bob).len()), (5, 5));
    assert!(kernel.rules().iter().any(|rule| rule.source.port() == 4400));
    assert!(kernel.rules().iter().all(|rule| rule.source.port() == 4400 || rule.to.port() == 4400));
}

#[test]
fn a_media_timeout_counts_from_the_last_packet_in_the_kernel() {
    let (mut scene, _kernel) = offloaded_with(|plan| plan.timeouts.media_ms = 5000);
    scene.net.take_events();
    scene.talk(20_000);
    assert!(!timed_out(&mut scene));
    scene.wait(4000);
    assert!(!timed_out(&mut scene));
    scene.wait(3000);
    assert!(timed_out(&mut scene));
}

fn timed_out(scene: &mut Scene) -> bool {
    scene.net.take_events().iter().any(|event| matches!(event, Event::MediaTimeout { .. }))
}

#[test]
fn statistics_are_those_of_a_call_that_stayed_in_userspace() {
    let run = |kernel: Option<Kernel>| {
        let mut scene = Scene::audio();
        if let Some(kernel) = kernel {
            scene.net.use_kernel(kernel);
        }
        scene.net.link = Link { variation: Duration::from_millis(8), loss_per_mille: 20, ..Link::default() };
        scene.net.set_sequence(scene.alice, 65_400);
        scene.talk(3000);
        scene.replan(|plan| plan.tos = 0x28);
        scene.talk(3000);
        scene.net.send_rtcp(scene.alice, scene.local_rtcp(1), packets::sender_report(1, 2, &[]));
        scene.talk(500);
        if scene.net.engine().path_counts().offloaded > 0 {
            assert_eq!((path(&scene, 1), path(&scene, 2)), (StreamPath::FastPath, StreamPath::FastPath));
        }
        counted(&mut scene)
    };
    assert_eq!(run(None), run(Some(Kernel::default())));
}

#[test]
fn a_new_source_behind_the_same_address_is_measured_apart_and_relayed_by_the_kernel() {
    let (mut scene, kernel) = offloaded();
    let first = scene.net.ssrc(scene.alice);
    scene.net.set_ssrc(scene.alice, 77);
    scene.forget();
    scene.talk(1000);
    assert_eq!(scene.heard(scene.bob).len(), 50);
    assert!(kernel.rules().iter().any(|rule| rule.ssrc == 77) && kernel.rules().len() == 2);
    let stats = counted(&mut scene);
    let packets =
        |ssrc| stats.streams[0].ingress.iter().find(|source| source.ssrc == ssrc).map(|s| s.packets);
    assert_eq!((packets(first), packets(77)), (Some(25), Some(50)));
}

#[test]
fn two_sources_at_once_do_not_make_rules_come_and_go() {
    let (mut scene, kernel) = offloaded();
    let before = kernel.rules();
    let first = scene.net.ssrc(scene.alice);
    for _ in 0..20 {
        scene.net.set_ssrc(scene.alice, 77);
        scene.alice_talks(20);
        scene.net.set_ssrc(scene.alice, first);
        scene.alice_talks(20);
        assert_eq!(kernel.rules(), before);
    }
    assert_eq!(counted(&mut scene).streams[1].rtp.sent_packets, 25 + 40);
}

#[test]
fn rules_that_lead_nowhere_any_more_are_taken_back() {
    let (mut scene, kernel) = offloaded();
    kernel.break_rules();
    scene.net.take_back_broken();
    assert!(kernel.rules().is_empty());
    assert_eq!(path(&scene, 1), userspace(UserspaceReason::Unroutable));
    scene.talk(6000);
    assert_eq!(path(&scene, 1), StreamPath::FastPath);
}

#[test]
fn what_a_killed_process_left_goes_on_with_the_plan_that_comes_back() {
    let (mut scene, kernel) = offloaded();
    let before = kernel.rules();
    let plan = scene.net.engine().plans(None, 1).remove(0);
    let speakers = [(scene.alice, scene.local(1)), (scene.bob, scene.local(2))];
    scene.net.restart_proxy();
    scene.forget();
    scene.net.talk(&speakers, Duration::from_millis(100));
    scene.net.settle();
    assert_eq!(scene.heard(scene.bob).len(), 5, "the kernel goes on by itself");
    scene.net.apply(&plan).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(
        (kernel.rules(), path(&scene, 1), path(&scene, 2)),
        (before, StreamPath::FastPath, StreamPath::FastPath)
    );
    scene.talk(100);
    assert_eq!(scene.heard(scene.bob).len(), 5);
}

#[test]
fn what_a_killed_process_left_ends_if_the_plan_has_moved_on() {
    let (mut scene, kernel) = offloaded();
    let mut plan = scene.net.engine().plans(None, 1).remove(0);
    scene.net.restart_proxy();
    plan.streams[1].remote = Some(plans::remote_at("203.0.113.77:9000".parse().unwrap_or_else(|_| panic!())));
    scene.net.apply(&plan).unwrap_or_else(|error| panic!("{error}"));
    assert!(kernel.rules().iter().all(|rule| rule.to.to_string() != BOB && rule.source.to_string() != BOB));
}
