//! Several streams on one transport: which packet is of which stream.

use protocol::{BundlePlan, ErrorCode, Event, RtcpMode, SecurityPlan, SessionPlan, StreamId};
use sim::{
    Scene,
    bundle::{AUDIO, Bundle, MID, SHARED, VIDEO, bundled, with_mid},
    crypto, packets, plans,
};
use srtp::Suite;

fn rtp(payload_type: u8, sequence: u16, ssrc: u32) -> Vec<u8> {
    packets::rtp(payload_type, sequence, 0, ssrc)
}

fn membership(plan: &mut SessionPlan, stream: usize) -> &mut BundlePlan {
    match &mut plan.streams[stream - 1].bundle {
        Some(bundle) => bundle,
        None => panic!("stream {stream} is not bundled"),
    }
}

fn lengths<const N: usize>(heard: &[Vec<Vec<u8>>; N]) -> [usize; N] {
    std::array::from_fn(|at| heard[at].len())
}

#[test]
fn a_payload_type_that_one_stream_has_tells_where_a_packet_belongs() {
    let mut call = Bundle::call();
    call.alice_sends(&rtp(AUDIO, 1, 11));
    call.alice_sends(&rtp(VIDEO, 1, 22));
    assert_eq!(call.bob_hears(), [vec![rtp(AUDIO, 1, 11)], vec![rtp(VIDEO, 1, 22)]]);
    assert_eq!((call.scene.rtp(1).received_packets, call.scene.rtp(2).received_packets), (1, 1));
    assert_eq!(call.scene.stats(2).ingress[0].ssrc, 22);
}

#[test]
fn the_mid_comes_before_the_payload_type_and_holds_for_the_source() {
    let mut call = Bundle::call();
    call.alice_sends(&with_mid("v", SHARED, 1, 22));
    call.alice_sends(&rtp(SHARED, 2, 22));
    call.alice_sends(&with_mid("a", SHARED, 3, 22));
    call.alice_sends(&rtp(SHARED, 4, 22));
    assert_eq!(
        call.bob_hears(),
        [
            vec![with_mid("a", SHARED, 3, 22), rtp(SHARED, 4, 22)],
            vec![with_mid("v", SHARED, 1, 22), rtp(SHARED, 2, 22)]
        ]
    );
}

#[test]
fn a_mid_in_the_two_byte_form_is_understood() {
    let mut call = Bundle::with(|plan| {
        for stream in [1, 2] {
            membership(plan, stream).mid_extension = Some(20);
        }
    });
    let mut packet = rtp(SHARED, 1, 22);
    assert!(wire::extension::add_element(&mut packet, 20, b"v"));
    assert_eq!(packet[12..14], [0x10, 0]);
    call.alice_sends(&packet);
    assert_eq!(lengths(&call.bob_hears()), [0, 1]);
}

#[test]
fn a_source_signalled_with_its_stream_needs_no_mid() {
    let mut call = Bundle::with(|plan| membership(plan, 2).ssrcs = vec![22]);
    call.alice_sends(&rtp(SHARED, 1, 22));
    assert_eq!(lengths(&call.bob_hears()), [0, 1]);
}

#[test]
fn a_source_known_by_its_payload_type_may_change_to_a_shared_one() {
    let mut call = Bundle::call();
    call.alice_sends(&rtp(AUDIO, 1, 11));
    call.alice_sends(&rtp(SHARED, 2, 11));
    assert_eq!(lengths(&call.bob_hears()), [2, 0]);
}

#[test]
fn numbers_of_the_extension_may_differ_between_sections() {
    let mut call = Bundle::with(|plan| membership(plan, 2).mid_extension = Some(MID + 1));
    let mut packet = rtp(SHARED, 1, 22);
    assert!(wire::extension::add_element(&mut packet, MID + 1, b"v"));
    call.alice_sends(&packet);
    call.alice_sends(&with_mid("a", SHARED, 1, 11));
    assert_eq!(lengths(&call.bob_hears()), [1, 1]);
}

#[test]
fn what_is_of_no_stream_is_counted_and_dropped() {
    let mut call = Bundle::call();
    call.alice_sends(&rtp(SHARED, 1, 33));
    call.alice_sends(&rtp(77, 2, 33));
    call.alice_sends(&with_mid("x", AUDIO, 3, 11));
    assert_eq!(lengths(&call.bob_hears()), [0, 0]);
    let (transport, member) = (call.scene.rtp(1), call.scene.rtp(2));
    assert_eq!((transport.unassigned, transport.received_packets, member.unassigned), (3, 0, 0));
    assert!(transport.last_packet_ms_ago.is_none(), "it is no sign of life");
}

#[test]
fn a_forged_mid_from_elsewhere_moves_nothing() {
    let mut call = Bundle::call();
    call.alice_sends(&with_mid("v", SHARED, 1, 22));
    let (mallory, to) = (call.scene.net.peer(sim::MALLORY), call.scene.local(1));
    call.scene.net.send(mallory, to, with_mid("a", SHARED, 2, 22));
    call.scene.net.settle();
    call.alice_sends(&rtp(SHARED, 3, 22));
    assert_eq!(lengths(&call.bob_hears()), [0, 2]);
    assert_eq!(call.scene.rtp(1).foreign, 1);
}

#[test]
fn a_flood_of_sources_does_not_displace_those_that_were_named() {
    let mut call = Bundle::call();
    call.alice_sends(&with_mid("v", SHARED, 1, 22));
    for ssrc in 1000..3000 {
        call.alice_sends(&rtp(AUDIO, 1, ssrc));
    }
    call.scene.forget();
    call.bob_hears();
    call.alice_sends(&rtp(SHARED, 2, 22));
    assert_eq!(lengths(&call.bob_hears()), [0, 1]);
    assert_eq!(call.scene.stats(1).ingress.len(), 8);
}

#[test]
fn everything_for_the_peer_leaves_from_one_port_to_one_place() {
    let mut call = Bundle::call();
    call.bob_sends(3, &rtp(AUDIO, 1, 33));
    call.bob_sends(4, &rtp(VIDEO, 1, 44));
    let (alice, local) = (call.scene.alice, call.scene.local(1));
    let heard = call.scene.heard(alice);
    assert_eq!(heard.iter().map(|packet| packet.from).collect::<Vec<_>>(), [local, local]);
    assert_eq!((call.scene.rtp(1).sent_packets, call.scene.rtp(2).sent_packets), (1, 1));
    assert_eq!(call.scene.rtp(2).remote, call.scene.rtp(1).remote);
}

#[test]
fn a_mid_is_added_wherever_one_was_agreed_on() {
    let mut call = Bundle::call();
    call.bob_sends(4, &rtp(VIDEO, 1, 44));
    call.bob_sends(4, &rtp(SHARED, 2, 44));
    call.bob_sends(4, &with_mid("v", SHARED, 3, 44));
    let expected = [with_mid("v", VIDEO, 1, 44), with_mid("v", SHARED, 2, 44), with_mid("v", SHARED, 3, 44)];
    assert_eq!(call.alice_hears(), expected);
    call.scene.replan(|plan| membership(plan, 2).mid_extension = None);
    call.bob_sends(4, &rtp(SHARED, 4, 44));
    assert_eq!(call.alice_hears(), [rtp(SHARED, 4, 44)]);
}

#[test]
fn keys_of_the_transport_protect_all_streams() {
    let (theirs, ours) = (crypto::key(SUITE, 1), crypto::key(SUITE, 2));
    let mut call = Bundle::with(|plan| plan.streams[0].security = crypto::sdes(&theirs, &ours));
    let alice = call.scene.alice;
    call.scene.net.secure(alice, &theirs, &ours);
    call.alice_sends(&rtp(AUDIO, 1, 11));
    call.alice_sends(&rtp(VIDEO, 1, 22));
    assert_eq!(call.bob_hears(), [vec![rtp(AUDIO, 1, 11)], vec![rtp(VIDEO, 1, 22)]]);
    call.bob_sends(3, &rtp(AUDIO, 1, 33));
    call.bob_sends(4, &rtp(SHARED, 1, 44));
    let received = call.scene.heard(alice);
    let opened: Vec<_> = received.iter().filter_map(|packet| call.scene.net.open(alice, packet)).collect();
    assert_eq!(opened, [with_mid("a", AUDIO, 1, 33), with_mid("v", SHARED, 1, 44)]);
    assert_eq!(call.scene.stats(2).suite_in.as_deref(), Some("AES_CM_128_HMAC_SHA1_80"));
}

#[test]
fn a_stream_on_hold_is_held_and_the_others_go_on() {
    let mut call = Bundle::with(|plan| plan.streams[1].receive = false);
    call.alice_sends(&rtp(AUDIO, 1, 11));
    call.alice_sends(&rtp(VIDEO, 1, 22));
    assert_eq!(lengths(&call.bob_hears()), [1, 0]);
    assert_eq!((call.scene.rtp(1).blocked, call.scene.rtp(2).blocked), (0, 1));
}

#[test]
fn the_transport_goes_on_without_a_stream_of_its_own() {
    let mut call = Bundle::call();
    call.scene.replan(|plan| {
        plan.streams[0].receive = false;
        plan.streams[0].payloads.clear();
        membership(plan, 1).mid = None;
        plan.routes.retain(|route| route.from != StreamId(1) && route.to != StreamId(1));
    });
    call.alice_sends(&rtp(SHARED, 1, 22));
    call.bob_sends(4, &rtp(VIDEO, 1, 44));
    assert_eq!(lengths(&call.bob_hears()), [0, 1]);
    assert_eq!(call.alice_hears(), [with_mid("v", VIDEO, 1, 44)]);
}

#[test]
fn each_stream_that_is_never_heard_is_reported() {
    let mut call = Bundle::with(|plan| plan.timeouts.first_packet_ms = Some(2000));
    call.bob_sends(3, &rtp(AUDIO, 1, 33));
    call.bob_sends(4, &rtp(VIDEO, 1, 44));
    call.alice_sends(&rtp(VIDEO, 1, 22));
    call.scene.wait(5000);
    let events = call.scene.net.take_events().into_iter();
    let unheard = events.filter_map(|event| {
        let Event::NoFirstPacket { stream, .. } = event else { return None };
        Some(stream.0)
    });
    assert_eq!(unheard.collect::<Vec<_>>(), [1]);
}

#[test]
fn after_a_crash_sources_are_told_apart_as_before() {
    let (theirs, ours) = (crypto::key(SUITE, 1), crypto::key(SUITE, 2));
    let mut call = Bundle::with(|plan| plan.streams[0].security = crypto::sdes(&theirs, &ours));
    let alice = call.scene.alice;
    call.scene.net.secure(alice, &theirs, &ours);
    call.alice_sends(&with_mid("v", SHARED, 1, 22));
    let Some(snapshot) = call.scene.net.snapshot(&call.scene.plan.session) else { panic!("no snapshot") };
    let Some(mut plan) = call.scene.net.engine().plans(None, 1).pop() else { panic!("no plan") };
    call.scene.net.restart_proxy();
    plan.streams[0].snapshot = snapshot.streams.into_iter().next();
    if let Err(error) = call.scene.net.apply(&plan) {
        panic!("{error}");
    }
    call.bob_hears();
    call.alice_sends(&rtp(SHARED, 2, 22));
    assert_eq!(lengths(&call.bob_hears()), [0, 1]);
}

#[test]
fn a_stream_may_leave_the_bundle_and_join_it_again() {
    let mut call = Bundle::call();
    let (own, alice) = (plans::local(2, sim::PROXY_IPV4), call.scene.alice);
    call.scene.replan(|plan| {
        plan.streams[1].bundle = None;
        plan.streams[1].locals = vec![own];
    });
    let to = call.scene.local(2);
    call.scene.net.send(alice, to, rtp(VIDEO, 1, 22));
    call.alice_sends(&rtp(AUDIO, 1, 11));
    assert_eq!(lengths(&call.bob_hears()), [1, 1]);
    let home = call.scene.net.address(alice);
    let applied = call.scene.replan(|plan| plan.streams[1] = bundled(2, home, "v", VIDEO));
    assert_eq!(applied.released.len(), 2);
    call.alice_sends(&rtp(VIDEO, 2, 22));
    assert_eq!(lengths(&call.bob_hears()), [0, 1]);
    assert_eq!(call.scene.rtp(2).received_packets, 2);
}

#[test]
fn a_port_that_waits_for_its_stream_to_leave_the_bundle_takes_nothing_in() {
    let mut call = Bundle::call();
    call.scene.replan(|plan| plan.streams[1].locals = vec![plans::local(2, sim::PROXY_IPV4)]);
    let (alice, to) = (call.scene.alice, call.scene.local(2));
    call.scene.net.send(alice, to, rtp(VIDEO, 1, 22));
    call.alice_sends(&rtp(VIDEO, 1, 22));
    assert_eq!(lengths(&call.bob_hears()), [0, 1]);
    assert_eq!((call.scene.rtp(2).unroutable, call.scene.rtp(2).received_packets), (1, 1));
}

#[test]
fn a_hidden_extension_is_understood_and_not_passed_on() {
    let mut call = Bundle::with(|plan| plan.streams[1].hidden_extensions = vec![MID]);
    call.alice_sends(&with_mid("v", SHARED, 1, 22));
    let [_, video] = call.bob_hears();
    let header = wire::rtp::Header::parse(&video[0]).unwrap();
    assert_eq!(header.extension_elements(&video[0]).count(), 0);
    assert_eq!(video[0].len(), with_mid("v", SHARED, 1, 22).len());
}

#[test]
fn contradictory_bundles_are_refused_with_the_place() {
    let refused = |change: fn(&mut SessionPlan)| {
        let mut call = Bundle::call();
        let Scene { plan, .. } = &mut call.scene;
        plan.revision += 1;
        change(plan);
        match call.scene.net.apply(&call.scene.plan) {
            Err(ErrorCode::BadPlan { path, .. }) => path,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(refused(|plan| membership(plan, 2).transport.0 = 9), "streams[1].bundle.transport");
    assert_eq!(refused(|plan| plan.streams[0].bundle = None), "streams[1].bundle.transport");
    assert_eq!(refused(|plan| plan.streams[1].rtcp = RtcpMode::Separate), "streams[1].bundle");
    assert_eq!(refused(|plan| plan.streams[0].locals.clear()), "streams[0].locals");
    let keys = |plan: &mut SessionPlan| {
        plan.streams[1].security = crypto::sdes(&crypto::key(SUITE, 1), &crypto::key(SUITE, 2));
    };
    assert_eq!(refused(keys), "streams[1].security");
    let dtls = |plan: &mut SessionPlan| {
        let (role, fingerprints) = (protocol::DtlsRole::Passive, Vec::new());
        plan.streams[1].security =
            SecurityPlan::Dtls { role, fingerprints, association: 1, certificate: None };
    };
    assert_eq!(refused(dtls), "streams[1].security");
    assert_eq!(refused(|plan| membership(plan, 2).mid = Some(String::new())), "streams[1].bundle.mid");
    assert_eq!(refused(|plan| membership(plan, 2).mid_extension = Some(0)), "streams[1].bundle.midExtension");
    assert_eq!(refused(|plan| membership(plan, 2).ssrcs = vec![1; 65]), "streams[1].bundle.ssrcs");
}

const SUITE: Suite = Suite::AesCm128HmacSha1_80;
