//! Streams with ICE in the kernel: only along a pair that was checked, and only as long as the peer consents.

#![allow(clippy::unwrap_used, reason = "of tests")]

mod support;

use protocol::{IceRole, IceState, StreamPath, UserspaceReason};
use sim::{BOB, Kernel};
use support::ice_call::Call;

fn with_kernel(mut call: Call) -> (Call, Kernel) {
    let kernel = Kernel::default();
    call.scene.net.use_kernel(kernel.clone());
    (call, kernel)
}

/// With a pair, and everything that may be in the kernel there.
fn offloaded() -> (Call, Kernel) {
    let (mut call, kernel) = with_kernel(Call::connected(IceRole::Controlled));
    call.scene.talk(500);
    assert_eq!(paths(&call), [StreamPath::FastPath; 2]);
    (call, kernel)
}

fn paths(call: &Call) -> [StreamPath; 2] {
    [1, 2].map(|stream| call.scene.stats(stream).path)
}

const ICE: StreamPath = StreamPath::Userspace { reason: UserspaceReason::Ice };

#[test]
fn before_a_pair_is_valid_nothing_is_relayed_by_the_kernel_and_then_all_is() {
    let (mut call, kernel) = with_kernel(Call::new(IceRole::Controlled));
    call.scene.talk(500);
    assert_eq!((paths(&call), kernel.rules().len()), ([ICE; 2], 0));
    call.alice_starts();
    call.scene.wait(3000);
    call.scene.talk(200);
    assert_eq!((paths(&call), kernel.rules().len()), ([StreamPath::FastPath; 2], 2));
    assert_eq!(call.flow(), (5, 5));
}

#[test]
fn rules_follow_the_pair_that_is_in_use() {
    let (call, kernel) = offloaded();
    let pair = call.pair().unwrap();
    let (alice, bob) = (call.scene.local(1), call.scene.local(2));
    let mut ways: Vec<_> =
        kernel.rules().iter().map(|rule| (rule.source, rule.local, rule.from, rule.to)).collect();
    ways.sort();
    let mut expected = vec![
        (pair.remote, alice, bob, BOB.parse().unwrap()),
        (BOB.parse().unwrap(), bob, alice, pair.remote),
    ];
    expected.sort();
    assert_eq!(ways, expected);
}

#[test]
fn consent_goes_on_while_the_kernel_relays() {
    let (mut call, _kernel) = offloaded();
    let before = call.scene.rtp(1).checks;
    call.scene.talk(60_000);
    assert!(call.scene.rtp(1).checks > before + 5);
    assert_eq!((call.state(), paths(&call)), (IceState::Completed, [StreamPath::FastPath; 2]));
    assert_eq!(call.flow(), (5, 5));
}

#[test]
fn consent_that_ends_ends_the_rules_both_ways() {
    let (mut call, kernel) = offloaded();
    let alice = call.scene.alice;
    call.scene.net.stop_ice(alice);
    call.scene.talk(23_000);
    assert_eq!(kernel.rules().len(), 2);
    call.scene.talk(8_000);
    assert_eq!((call.state(), kernel.rules().len()), (IceState::Disconnected, 0));
    assert_eq!(paths(&call), [ICE; 2]);
    assert_eq!(call.flow().0, 0);
}

#[test]
fn a_peer_that_consents_again_is_back_in_the_kernel() {
    let (mut call, _kernel) = offloaded();
    let alice = call.scene.alice;
    call.scene.net.stop_ice(alice);
    call.scene.talk(60_000);
    call.alice_starts();
    call.scene.wait(10_000);
    call.scene.talk(500);
    assert_eq!((call.state(), paths(&call)), (IceState::Completed, [StreamPath::FastPath; 2]));
}

#[test]
fn statistics_are_those_of_a_call_that_stayed_in_userspace() {
    let stats = |kernel: Option<Kernel>| {
        let mut call = Call::connected(IceRole::Controlled);
        if let Some(kernel) = kernel {
            call.scene.net.use_kernel(kernel);
        }
        call.scene.talk(20_000);
        call.scene.net.refresh(&call.scene.plan.session);
        let mut stats = call.scene.net.stats(&call.scene.plan.session);
        stats.streams.iter_mut().for_each(|stream| stream.path = StreamPath::FastPath);
        stats
    };
    assert_eq!(stats(None), stats(Some(Kernel::default())));
}

#[test]
fn after_a_restart_the_rule_goes_on_with_the_pair_that_was_kept() {
    let (mut call, kernel) = offloaded();
    let before = kernel.rules();
    let snapshot = call.scene.net.snapshot(&call.scene.plan.session).unwrap();
    let mut plan = call.scene.net.engine().plans(None, 1).remove(0);
    for stream in &mut plan.streams {
        stream.snapshot = snapshot.streams.iter().find(|of| of.stream == stream.id).cloned();
    }
    call.scene.net.restart_proxy();
    call.scene.net.apply(&plan).unwrap();
    assert_eq!((kernel.rules(), paths(&call)), (before, [StreamPath::FastPath; 2]));
    call.scene.talk(60_000);
    assert_eq!((call.state(), paths(&call)), (IceState::Completed, [StreamPath::FastPath; 2]));
}

#[test]
fn after_a_restart_without_the_pair_no_rule_goes_on_and_nobody_is_trusted() {
    let (mut call, kernel) = offloaded();
    let plan = call.scene.net.engine().plans(None, 1).remove(0);
    call.scene.net.restart_proxy();
    call.scene.net.apply(&plan).unwrap();
    assert_eq!((kernel.rules().len(), paths(&call)), (0, [ICE; 2]));
}
