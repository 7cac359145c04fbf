//! What new plans do to media that is flowing: re-INVITE, hold, fork, restart.

use std::{net::SocketAddr, time::Duration};

use protocol::{Event, LearningMode, RemoteState, SessionId};
use sim::{Behaviour, MALLORY, Network, Scene, plans};

const NEW: &str = "198.51.100.7:4100";

#[test]
fn the_same_plan_again_changes_nothing() {
    let mut scene = Scene::audio();
    scene.talk(4000);
    let (before, plans) = (scene.net.stats(&scene.plan.session), scene.net.engine().plans(None, 10));
    let first = scene.net.apply(&scene.plan).unwrap();
    let second = scene.net.apply(&scene.plan).unwrap();
    assert_eq!(first, second);
    assert_eq!(scene.net.stats(&scene.plan.session), before);
    assert_eq!(scene.net.engine().plans(None, 10), plans);
    assert!(first.released.is_empty() && !first.tos_changed);
}

#[test]
fn a_refresh_keeps_statistics_and_learned_addresses() {
    let mut scene = Scene::alice_behind_nat(|_| {});
    scene.talk(4000);
    let before = scene.stats(1);
    scene.replan(|plan| plan.streams[0].learning.epoch += 1);
    let after = scene.stats(1);
    assert_eq!(after, before);
    scene.talk(1000);
    assert!(
        scene.net.take_events().iter().filter(|event| matches!(event, Event::RemoteLearned { .. })).count()
            == 1
    );
}

#[test]
fn a_new_signalled_address_gets_media_at_once() {
    let mut scene = Scene::audio();
    scene.talk(4000);
    let moved = scene.net.peer(NEW);
    let address = scene.net.address(moved);
    scene.replan(|plan| plan.streams[0].remote = Some(plans::remote_at(address)));
    scene.forget();
    scene.bob_talks(100);
    assert_eq!((scene.heard(moved).len(), scene.heard(scene.alice).len()), (5, 0));
}

#[test]
fn the_old_source_is_heard_until_the_new_one_speaks() {
    let mut scene = Scene::audio();
    scene.talk(4000);
    let moved = scene.net.peer(NEW);
    let address = scene.net.address(moved);
    scene.replan(|plan| plan.streams[0].remote = Some(plans::remote_at(address)));
    scene.forget();
    scene.talk(200);
    assert_eq!(scene.heard(scene.bob).len(), 10);
    assert_eq!(scene.rtp(1).remote, Some(address));
    scene.net.talk(&[(moved, scene.local(1))], Duration::from_millis(100));
    scene.alice_talks(100);
    assert_eq!(scene.heard(scene.bob).len(), 5);
    assert_eq!((scene.rtp(1).foreign, scene.rtp(1).remote), (5, Some(address)));
}

#[test]
fn a_peer_that_never_moves_to_its_new_address_is_found_again_after_the_window() {
    let mut scene = Scene::alice_behind_nat(|_| {});
    scene.talk(4000);
    let elsewhere: SocketAddr = "192.168.1.5:4002".parse().unwrap();
    scene.replan(|plan| plan.streams[0].remote = Some(plans::remote_at(elsewhere)));
    scene.talk(4000);
    assert_eq!(scene.rtp(1).remote, Some("198.51.100.1:31001".parse().unwrap()));
    assert_eq!(scene.rtp(1).remote_state, RemoteState::Confirmed);
}

#[test]
fn a_peer_that_moves_behind_the_same_nat_is_followed_although_the_old_port_still_talks() {
    let mut net = Network::seeded(1);
    let nat = net.nat("198.51.100.1", Behaviour::EndpointIndependent, Behaviour::AddressAndPortDependent);
    let (alice, moved) = (net.peer_behind(nat, "192.168.1.5:4000"), net.peer_behind(nat, "192.168.1.5:4002"));
    let bob = net.peer("203.0.113.9:5000");
    let mut scene = Scene::between(net, alice, bob, |_| {});
    let mallory = scene.net.peer(MALLORY);
    scene.talk(4000);
    let address = scene.net.address(moved);
    scene.replan(|plan| plan.streams[0].remote = Some(plans::remote_at(address)));
    scene.alice_talks(100);
    scene.net.speak(mallory, scene.local(1));
    scene.net.settle();
    assert_eq!(scene.rtp(1).foreign, 1);
    scene.net.talk(&[(moved, scene.local(1)), (alice, scene.local(1))], Duration::from_millis(100));
    scene.net.settle();
    assert_eq!(scene.rtp(1).remote, Some("198.51.100.1:31002".parse().unwrap()));
}

#[test]
fn a_nat_that_rebinds_is_followed_after_a_refresh_and_not_before() {
    let mut net = Network::seeded(1);
    let nat = net.nat("198.51.100.1", Behaviour::EndpointIndependent, Behaviour::AddressAndPortDependent);
    let (alice, bob) = (net.peer_behind(nat, "192.168.1.5:4000"), net.peer("203.0.113.9:5000"));
    let mut scene = Scene::between(net, alice, bob, |_| {});
    scene.talk(4000);
    scene.net.rebind(nat);
    scene.talk(1000);
    assert_eq!(scene.rtp(1).foreign, 50);
    scene.replan(|plan| plan.streams[0].learning.epoch += 1);
    scene.forget();
    scene.talk(1000);
    assert!(scene.heard(scene.alice).len() >= 49);
}

#[test]
fn a_refused_offer_leaves_media_as_it_was() {
    let mut scene = Scene::alice_behind_nat(|_| {});
    scene.talk(4000);
    let offered = plans::remote_at("192.168.1.5:4100".parse().unwrap());
    scene.replan(|plan| {
        plan.streams[0].pending_remote = Some(offered);
        plan.streams[0].learning.epoch += 1;
    });
    scene.forget();
    scene.talk(1000);
    scene.replan(|plan| {
        plan.streams[0].pending_remote = None;
        plan.streams[0].learning.epoch += 1;
    });
    scene.talk(1000);
    assert!(scene.heard(scene.alice).len() >= 99);
    assert_eq!(scene.rtp(1).remote, Some("198.51.100.1:31001".parse().unwrap()));
}

#[test]
fn a_packet_from_the_offered_address_moves_the_stream_before_the_answer() {
    let mut scene = Scene::audio();
    scene.talk(4000);
    let moved = scene.net.peer(NEW);
    let offered = plans::remote_at(scene.net.address(moved));
    scene.replan(|plan| plan.streams[0].pending_remote = Some(offered));
    scene.forget();
    scene.net.talk(&[(moved, scene.local(1)), (scene.bob, scene.local(2))], Duration::from_millis(100));
    scene.net.settle();
    assert_eq!(scene.heard(scene.bob).len(), 5);
    assert!(scene.heard(moved).len() >= 4);
    assert_eq!(scene.stats(1).rtcp.remote, Some("198.51.100.7:4101".parse().unwrap()));
}

#[test]
fn a_stream_that_moved_stays_when_the_answer_says_so_and_returns_when_it_was_refused() {
    for accepted in [true, false] {
        let mut scene = Scene::audio();
        scene.talk(4000);
        let moved = scene.net.peer(NEW);
        let offered = plans::remote_at(scene.net.address(moved));
        scene.replan(|plan| plan.streams[0].pending_remote = Some(offered));
        scene.net.talk(&[(moved, scene.local(1))], Duration::from_millis(100));
        scene.net.settle();
        scene.replan(|_| {});
        assert_eq!(scene.rtp(1).remote, Some(scene.net.address(moved)));
        scene.replan(|plan| {
            plan.streams[0].pending_remote = None;
            if accepted {
                plan.streams[0].remote = Some(offered);
            }
        });
        let expected = if accepted { moved } else { scene.alice };
        assert_eq!(scene.rtp(1).remote, Some(scene.net.address(expected)));
    }
}

#[test]
fn a_peer_on_hold_gets_nothing_and_is_found_again_where_it_was() {
    let mut scene = Scene::alice_behind_nat(|_| {});
    scene.talk(4000);
    let found = scene.rtp(1).remote;
    let active = scene.plan.streams[0].remote;
    scene.replan(|plan| {
        plan.streams[0].remote = Some(plans::remote_at("0.0.0.0:4000".parse().unwrap()));
        plan.streams[0].receive = false;
        plan.streams[0].learning.epoch += 1;
    });
    scene.forget();
    scene.bob_talks(1000);
    assert_eq!(scene.heard(scene.alice).len(), 0);
    scene.replan(|plan| {
        plan.streams[0].remote = active;
        plan.streams[0].receive = true;
        plan.streams[0].learning.epoch += 1;
    });
    scene.bob_talks(100);
    assert_eq!(scene.heard(scene.alice).len(), 5);
    assert_eq!(scene.rtp(1).remote, found);
}

#[test]
fn a_peer_that_returns_to_an_earlier_address_returns_to_what_was_learned_there() {
    let mut scene = Scene::alice_behind_nat(|_| {});
    scene.talk(4000);
    let (first, found) = (scene.plan.streams[0].remote, scene.rtp(1).remote);
    let moved = scene.net.peer(NEW);
    let address = scene.net.address(moved);
    scene.replan(|plan| plan.streams[0].remote = Some(plans::remote_at(address)));
    scene.net.talk(&[(moved, scene.local(1))], Duration::from_secs(4));
    scene.replan(|plan| plan.streams[0].remote = first);
    assert_eq!(scene.rtp(1).remote, found);
}

#[test]
fn the_last_answer_of_a_fork_wins() {
    let mut scene = Scene::audio_with(|plan| plan.streams[1].remote = None);
    let carol = scene.net.peer("203.0.113.10:5000");
    let (bob, carol_at) = (scene.net.address(scene.bob), scene.net.address(carol));
    scene.replan(|plan| plan.streams[1].remote = Some(plans::remote_at(bob)));
    scene.talk(1000);
    scene.forget();
    scene.replan(|plan| {
        plan.streams[1].remote = Some(plans::remote_at(carol_at));
        plan.streams[1].learning.epoch += 1;
    });
    let speakers = [(scene.alice, scene.local(1)), (carol, scene.local(2)), (scene.bob, scene.local(2))];
    scene.net.talk(&speakers, Duration::from_millis(1000));
    scene.net.settle();
    assert_eq!((scene.heard(carol).len(), scene.heard(scene.bob).len()), (50, 0));
    let ssrc = scene.net.ssrc(carol);
    assert!(scene.heard(scene.alice).iter().filter(|packet| packet.ssrc() == Some(ssrc)).count() == 50);
}

#[test]
fn a_restarted_proxy_goes_on_with_the_same_ports_and_learned_addresses() {
    let mut scene = Scene::alice_behind_nat(|_| {});
    let mallory = scene.net.peer(MALLORY);
    scene.talk(4000);
    let (ports, found) = ([scene.local(1), scene.local(2)], scene.rtp(1).remote);
    let plans = scene.net.engine().plans(None, 10);
    scene.net.restart_proxy();
    scene.plan = plans.into_iter().next().unwrap();
    scene.net.apply(&scene.plan).unwrap();
    assert_eq!([scene.local(1), scene.local(2)], ports);
    assert_eq!((scene.rtp(1).remote, scene.rtp(1).remote_state), (found, RemoteState::Confirmed));
    scene.forget();
    scene.net.talk(&[(mallory, scene.local(1)), (scene.bob, scene.local(2))], Duration::from_millis(1000));
    scene.net.settle();
    assert_eq!((scene.heard(mallory).len(), scene.rtp(1).foreign), (0, 50));
    assert_eq!(scene.heard(scene.alice).len(), 50);
    assert!(scene.net.take_events().iter().all(|event| !matches!(event, Event::RemoteLearned { .. })));
}

#[test]
fn learning_turned_off_later_returns_to_the_signalled_address() {
    let mut scene = Scene::alice_behind_nat(|_| {});
    scene.talk(4000);
    scene.replan(|plan| plan.streams[0].learning.mode = LearningMode::Off);
    assert_eq!(scene.rtp(1).remote, Some(scene.net.address(scene.alice)));
}

#[test]
fn a_released_session_says_what_it_counted_and_then_drops_everything() {
    let mut scene = Scene::audio();
    scene.talk(1000);
    let to = scene.local(1);
    let released = scene.net.release(&SessionId("call".to_owned())).unwrap();
    assert_eq!(released.stats.streams[0].rtp.received_packets, 50);
    assert_eq!(released.sockets.len(), 4);
    assert!(scene.net.engine().is_empty());
    scene.forget();
    scene.net.speak(scene.alice, to);
    scene.net.settle();
    assert!(scene.heard(scene.bob).is_empty());
    assert!(scene.net.release(&SessionId("call".to_owned())).is_none());
}
