//! Taps of streams that the kernel relays: nothing is missing in a recording, nothing is in it twice, all is in order.

use std::time::Duration;

use protocol::{
    Component, PcapLink, SessionPlan, StreamId, StreamPath, TapId, TapPlan, TapSide, TapStats, TapTarget,
};
use sim::{ALICE, BOB, Kernel, MALLORY, Scene, Taken, packets};

fn tap(id: u32, stream: u32) -> TapPlan {
    TapPlan {
        id: TapId(id),
        streams: vec![StreamId(stream)],
        side: TapSide::Both,
        rtcp: true,
        paused: false,
        target: TapTarget::Pcap { path: format!("/recordings/{id}.pcap"), link: PcapLink::RawIp },
    }
}

/// A call of which what Alice sends and gets is copied, after half a second of talk.
fn recorded(change: impl FnOnce(&mut SessionPlan)) -> (Scene, Kernel) {
    let kernel = Kernel::default();
    let mut scene = Scene::audio_with(|plan| {
        plan.taps = vec![tap(1, 1)];
        change(plan);
    });
    scene.net.use_kernel(kernel.clone());
    scene.talk(500);
    (scene, kernel)
}

fn paths(scene: &Scene) -> [StreamPath; 2] {
    [scene.stats(1).path, scene.stats(2).path]
}

const KERNEL: [StreamPath; 2] = [StreamPath::FastPath; 2];

/// What a tap has taken until now.
fn taken(scene: &mut Scene, tap: u32) -> Vec<Taken> {
    scene.wait(40);
    scene.net.tape().taken(tap)
}

fn sequences<'a>(copies: impl IntoIterator<Item = &'a Taken>) -> Vec<u16> {
    let header = |copy: &Taken| wire::rtp::Header::parse(&copy.payload).map(|header| header.sequence);
    copies.into_iter().filter_map(header).collect()
}

fn stats(scene: &mut Scene) -> Vec<TapStats> {
    scene.net.refresh(&scene.plan.session);
    scene.net.stats(&scene.plan.session).taps
}

#[test]
fn a_recorded_call_is_in_the_kernel_and_all_of_it_is_copied_in_order() {
    let (mut scene, _kernel) = recorded(|_| {});
    assert_eq!(paths(&scene), KERNEL);
    scene.talk(500);
    let copies = taken(&mut scene, 1);
    let [arrived, left] = [0, 1].map(|way| {
        let of_way = copies.iter().filter(|copy| (copy.from == ALICE.parse().unwrap()) == (way == 0));
        of_way.cloned().collect::<Vec<_>>()
    });
    assert_eq!(sequences(&arrived), (1..=50).collect::<Vec<u16>>());
    assert_eq!(sequences(&left), (1..=50).collect::<Vec<u16>>());
    assert!(copies.windows(2).all(|pair| pair[0].at <= pair[1].at));
    let (alice, local) = (ALICE.parse().unwrap(), scene.local(1));
    assert!(arrived.iter().all(|copy| (copy.from, copy.to) == (alice, local)));
    assert!(left.iter().all(|copy| (copy.from, copy.to) == (local, alice)));
    let heard = scene.heard(scene.alice);
    let heard: Vec<_> = heard.into_iter().map(|packet| packet.payload).collect();
    assert_eq!(left.into_iter().map(|copy| copy.payload).collect::<Vec<_>>(), heard);
}

#[test]
fn several_taps_with_sides_of_their_own_share_the_copies_of_a_rule() {
    let (mut scene, kernel) = recorded(|plan| {
        plan.taps = vec![
            TapPlan { side: TapSide::Arriving, ..tap(1, 1) },
            TapPlan { side: TapSide::Leaving, ..tap(2, 2) },
        ];
    });
    assert_eq!(paths(&scene), KERNEL);
    assert_eq!(kernel.rules().iter().filter(|rule| rule.copied).count(), 1);
    let (arrived, left) = (taken(&mut scene, 1), taken(&mut scene, 2));
    assert_eq!((sequences(&arrived), sequences(&left)), ((1..=25).collect(), (1..=25).collect()));
    assert_eq!((left[20].from, left[20].to), (scene.local(2), BOB.parse().unwrap()));
}

#[test]
fn taps_begin_pause_and_end_on_rules_that_stay() {
    let (mut scene, kernel) = recorded(|plan| plan.taps.clear());
    let rules = |scene: &Scene| {
        assert_eq!(paths(scene), KERNEL);
        kernel.handles()
    };
    let before = rules(&scene);
    let side = TapSide::Arriving;
    scene.replan(|plan| plan.taps = vec![TapPlan { side, ..tap(1, 1) }]);
    assert_eq!(rules(&scene), before);
    scene.talk(100);
    scene.replan(|plan| plan.taps[0].paused = true);
    scene.talk(100);
    scene.replan(|plan| plan.taps[0].paused = false);
    scene.talk(100);
    assert_eq!(sequences(&taken(&mut scene, 1)), (26..=30).chain(36..=40).collect::<Vec<u16>>());
    scene.replan(|plan| plan.taps.clear());
    scene.talk(100);
    assert_eq!(rules(&scene), before);
    let bob = scene.bob;
    assert_eq!(scene.heard(bob).len(), 45);
}

#[test]
fn what_is_copied_when_the_stream_comes_up_goes_before_what_follows() {
    let (mut scene, _kernel) = recorded(|plan| plan.taps[0].side = TapSide::Arriving);
    scene.net.use_kernel(Kernel::default());
    scene.alice_talks(20);
    assert_eq!(sequences(&scene.net.tape().taken(1)), (1..=26).collect::<Vec<u16>>());
}

#[test]
fn a_packet_that_comes_up_in_between_is_copied_in_its_place() {
    let (mut scene, _kernel) = recorded(|plan| plan.taps[0].side = TapSide::Arriving);
    scene.alice_talks(20);
    let (alice, to, ssrc) = (scene.alice, scene.local(1), scene.net.ssrc(scene.alice));
    // Of a payload type that the plan does not name.
    scene.net.send(alice, to, packets::rtp(35, 27, 27 * 160, ssrc));
    scene.net.settle();
    let copies = taken(&mut scene, 1);
    assert_eq!(sequences(&copies), (1..=27).collect::<Vec<u16>>());
    assert_eq!(copies[26].payload[1], 35);
}

#[test]
fn rtcp_has_its_place_among_what_the_kernel_has_relayed() {
    let (mut scene, _kernel) = recorded(|plan| plan.taps[0].side = TapSide::Arriving);
    let (alice, to, ssrc) = (scene.alice, scene.local_rtcp(1), scene.net.ssrc(scene.alice));
    scene.alice_talks(20);
    scene.net.send_rtcp(alice, to, packets::sender_report(ssrc, 1 << 32, &[]));
    scene.alice_talks(20);
    let copies = taken(&mut scene, 1);
    let kinds: Vec<_> = copies.iter().map(|copy| copy.component).skip(25).collect();
    assert_eq!(kinds, [Component::Rtp, Component::Rtcp, Component::Rtp]);
}

#[test]
fn strangers_packets_that_come_at_once_have_the_copies_taken_once() {
    let (mut scene, kernel) = recorded(|plan| plan.taps[0].side = TapSide::Arriving);
    let (mallory, to) = (scene.net.peer(MALLORY), scene.local(1));
    let gatherings = |scene: &mut Scene, strangers: u16| {
        let before = kernel.gatherings();
        (1..=strangers).for_each(|number| scene.net.send(mallory, to, packets::rtp(0, number, 0, 7)));
        scene.net.settle();
        kernel.gatherings() - before
    };
    assert_eq!(gatherings(&mut scene, 100), gatherings(&mut scene, 1));
}

#[test]
fn the_end_of_a_call_leaves_no_copy_behind() {
    let (mut scene, _kernel) = recorded(|plan| plan.taps[0].side = TapSide::Arriving);
    scene.alice_talks(20);
    let released = scene.net.release(&scene.plan.session).unwrap();
    assert_eq!((released.stats.taps[0].packets, released.stats.taps[0].dropped), (26, 0));
}

#[test]
fn copies_the_kernel_had_no_room_for_are_counted_and_their_packets_relayed() {
    let (mut scene, kernel) = recorded(|plan| plan.taps[0].side = TapSide::Arriving);
    let before = stats(&mut scene)[0].clone();
    kernel.limit_copies(Some(0));
    scene.talk(100);
    kernel.limit_copies(None);
    scene.talk(100);
    let after = stats(&mut scene)[0].clone();
    assert_eq!((after.id, after.packets - before.packets, after.dropped), (TapId(1), 5, 5));
    let bob = scene.bob;
    assert_eq!(scene.heard(bob).len(), 35);
}

#[test]
fn copies_of_a_dead_process_are_in_the_recording_of_the_next() {
    let (mut scene, kernel) = recorded(|plan| plan.taps[0].side = TapSide::Arriving);
    scene.wait(40);
    let plan = scene.net.engine().plans(None, 1).remove(0);
    let speakers = [(scene.alice, scene.local(1))];
    scene.net.restart_proxy();
    scene.net.talk(&speakers, Duration::from_millis(100));
    scene.net.settle();
    scene.net.apply(&plan).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((paths(&scene), kernel.rules().len()), (KERNEL, 2));
    scene.alice_talks(100);
    let copies = sequences(&taken(&mut scene, 1));
    assert_eq!(copies, (26..26 + copies.len() as u16).collect::<Vec<u16>>());
    assert!(copies.len() >= 10, "{copies:?}");
}
