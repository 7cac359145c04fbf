//! Packets between two peers.

use std::{net::SocketAddr, time::Duration};

use protocol::{MediaAction, RtcpMode, StreamKind};
use sim::{Network, PROXY_IPV6, Scene, packets, plans};

#[test]
fn media_flows_both_ways() {
    let mut scene = Scene::audio();
    scene.talk(1000);
    let (alice_ssrc, bob_ssrc) = (scene.net.ssrc(scene.alice), scene.net.ssrc(scene.bob));
    let (to_alice, to_bob) = (scene.heard(scene.alice), scene.heard(scene.bob));
    assert_eq!((to_alice.len(), to_bob.len()), (50, 50));
    assert!(to_alice.iter().all(|packet| packet.from == scene.local(1) && packet.ssrc() == Some(bob_ssrc)));
    assert!(to_bob.iter().all(|packet| packet.from == scene.local(2) && packet.ssrc() == Some(alice_ssrc)));
}

#[test]
fn a_relayed_packet_is_not_changed() {
    let mut scene = Scene::audio();
    let packet = packets::rtp(8, 7, 1234, 99);
    scene.net.send(scene.alice, scene.local(1), packet.clone());
    scene.net.settle();
    assert_eq!(scene.heard(scene.bob)[0].payload, packet);
}

#[test]
fn rtcp_follows_on_the_next_port() {
    let mut scene = Scene::audio();
    scene.net.send_rtcp(scene.alice, scene.local_rtcp(1), packets::receiver_report(1, &[]));
    scene.net.settle();
    let received = scene.heard(scene.bob);
    assert_eq!(received.len(), 1);
    assert!(received[0].on_rtcp_port && received[0].from == scene.local_rtcp(2));
}

#[test]
fn rtcp_of_a_muxed_peer_reaches_the_rtcp_port_of_the_other_and_back() {
    let mut scene = Scene::audio_with(|plan| plan.streams[0].rtcp = RtcpMode::Muxed);
    scene.talk(100);
    scene.forget();
    scene.net.send(scene.alice, scene.local(1), packets::receiver_report(1, &[]));
    scene.net.send_rtcp(scene.bob, scene.local_rtcp(2), packets::receiver_report(2, &[]));
    scene.net.settle();
    let (to_alice, to_bob) = (scene.heard(scene.alice), scene.heard(scene.bob));
    assert!(to_bob.len() == 1 && to_bob[0].on_rtcp_port && to_bob[0].from == scene.local_rtcp(2));
    assert!(to_alice.len() == 1 && !to_alice[0].on_rtcp_port && to_alice[0].from == scene.local(1));
    assert_eq!(scene.stats(1).rtcp.received_packets, 1);
    assert_eq!(scene.stats(1).rtcp.remote, Some(scene.net.address(scene.alice)));
}

#[test]
fn a_peer_without_rtcp_gets_none() {
    let mut scene = Scene::audio_with(|plan| plan.streams[1].rtcp = RtcpMode::None);
    scene.net.send_rtcp(scene.alice, scene.local_rtcp(1), packets::receiver_report(1, &[]));
    scene.net.settle();
    assert!(scene.heard(scene.bob).is_empty());
    let rtcp = scene.stats(1).rtcp;
    assert_eq!((rtcp.received_packets, rtcp.unroutable), (1, 0));
}

#[test]
fn rtcp_on_the_rtp_port_is_relayed_as_rtcp() {
    let mut scene = Scene::audio();
    scene.alice_talks(100);
    scene.forget();
    scene.net.send(scene.alice, scene.local(1), packets::receiver_report(1, &[]));
    scene.net.settle();
    assert!(scene.heard(scene.bob)[0].on_rtcp_port);
    assert_eq!(scene.stats(1).rtcp.received_packets, 1);
}

#[test]
fn opaque_streams_are_relayed_as_they_are() {
    let mut scene = Scene::audio_with(|plan| {
        for stream in &mut plan.streams {
            (stream.kind, stream.rtcp) = (StreamKind::Opaque, RtcpMode::None);
        }
    });
    scene.net.send(scene.alice, scene.local(1), b"UDPTL or anything".to_vec());
    scene.net.settle();
    assert_eq!(scene.heard(scene.bob)[0].payload, b"UDPTL or anything");
}

#[test]
fn an_opaque_pair_of_ports_relays_whatever_comes_each_port_to_its_own() {
    let mut scene = Scene::audio_with(|plan| {
        for stream in &mut plan.streams {
            (stream.kind, stream.rtcp) = (StreamKind::Opaque, RtcpMode::Separate);
        }
    });
    let dtls = vec![22, 254, 253, 0, 0];
    let muxed = packets::receiver_report(1, &[]);
    for payload in [&dtls, &b"UDPTL".to_vec(), &muxed] {
        scene.net.send(scene.alice, scene.local(1), payload.clone());
        scene.net.send_rtcp(scene.alice, scene.local_rtcp(1), payload.clone());
    }
    scene.net.settle();
    let heard = scene.heard(scene.bob);
    let on = |rtcp: bool| -> Vec<&Vec<u8>> {
        heard.iter().filter(|packet| packet.on_rtcp_port == rtcp).map(|packet| &packet.payload).collect()
    };
    assert_eq!(on(false), [&dtls, &b"UDPTL".to_vec(), &muxed]);
    assert_eq!(on(true), on(false));
    assert!(
        heard.iter().filter(|packet| packet.on_rtcp_port).all(|packet| packet.from == scene.local_rtcp(2))
    );
}

#[test]
fn rtp_in_an_opaque_pair_of_ports_is_measured() {
    let mut scene = Scene::audio_with(|plan| {
        for stream in &mut plan.streams {
            (stream.kind, stream.rtcp) = (StreamKind::Opaque, RtcpMode::Separate);
            stream.payloads.clear();
        }
    });
    scene.talk(1000);
    let stats = scene.stats(1);
    assert_eq!(
        (stats.rtp.received_packets, stats.ingress[0].packets, stats.ingress[0].measured.lost),
        (50, 50, 0)
    );
}

#[test]
fn ipv4_and_ipv6_peers_hear_each_other() {
    let mut net = Network::seeded(1);
    let (alice, bob) = (net.peer("[2001:db8:1::7]:4000"), net.peer("203.0.113.9:5000"));
    let mut scene = Scene::between(net, alice, bob, |plan| {
        plan.streams[0].locals = vec![plans::local(1, PROXY_IPV6)];
    });
    scene.talk(200);
    assert_eq!((scene.heard(scene.alice).len(), scene.heard(scene.bob).len()), (10, 10));
}

#[test]
fn a_mapped_address_in_a_plan_is_an_ipv4_address() {
    let mapped: SocketAddr = "[::ffff:203.0.113.9]:5000".parse().unwrap();
    let mut scene = Scene::audio_with(|plan| plan.streams[1].remote = Some(plans::remote_at(mapped)));
    scene.talk(100);
    assert_eq!(scene.heard(scene.bob).len(), 5);
    assert_eq!(scene.rtp(2).remote, Some(scene.net.address(scene.bob)));
}

#[test]
fn nothing_is_sent_to_a_peer_of_another_family_than_its_ports() {
    let remote = "[2001:db8:1::7]:4000".parse().unwrap();
    let mut scene = Scene::audio_with(|plan| plan.streams[1].remote = Some(plans::remote_at(remote)));
    scene.alice_talks(100);
    assert_eq!(scene.rtp(1).unroutable, 5);
}

#[test]
fn packets_on_an_older_port_are_received_and_the_new_one_is_used() {
    let mut scene = Scene::audio();
    let old = scene.local(1);
    scene.replan(|plan| plan.streams[0].locals.insert(0, plans::local(10, sim::PROXY_IPV4)));
    let new = scene.local(10);
    scene.net.talk(&[(scene.alice, old), (scene.bob, scene.local(2))], Duration::from_millis(100));
    scene.net.settle();
    assert_eq!(scene.heard(scene.bob).len(), 5);
    assert!(scene.heard(scene.alice).iter().all(|packet| packet.from == new));
}

#[test]
fn a_stream_may_lead_to_several() {
    let mut net = Network::seeded(1);
    let (alice, bob, carol) =
        (net.peer("198.51.100.7:4000"), net.peer("203.0.113.9:5000"), net.peer("203.0.113.10:5000"));
    let carol_address = net.address(carol);
    let mut scene = Scene::between(net, alice, bob, |plan| {
        plan.streams.push(plans::audio_stream(3, Some(carol_address)));
        plan.routes.push(plans::route(1, 3));
    });
    scene.talk(100);
    assert_eq!((scene.heard(scene.bob).len(), scene.heard(carol).len()), (5, 5));
    assert_eq!((scene.rtp(1).received_packets, scene.rtp(3).sent_packets), (5, 5));
}

#[test]
fn held_media_is_dropped_and_its_rtcp_goes_on() {
    let mut scene = Scene::audio_with(|plan| plan.streams[0].receive = false);
    scene.alice_talks(100);
    scene.net.send_rtcp(scene.alice, scene.local_rtcp(1), packets::receiver_report(1, &[]));
    scene.net.settle();
    let to_bob = scene.heard(scene.bob);
    assert!(to_bob.len() == 1 && to_bob[0].is_rtcp());
    assert_eq!((scene.rtp(1).blocked, scene.rtp(1).received_packets), (5, 0));
}

#[test]
fn silence_replaces_the_payload_and_keeps_the_header() {
    for (payload_type, octet) in [(0, 0xff), (8, 0xd5), (9, 0xfd)] {
        let mut scene = Scene::audio_with(|plan| plan.routes[0].media = MediaAction::Silence);
        let packet = packets::rtp(payload_type, 7, 1234, 99);
        scene.net.send(scene.alice, scene.local(1), packet.clone());
        scene.net.settle();
        let received = scene.heard(scene.bob).remove(0).payload;
        assert_eq!(received[..12], packet[..12]);
        assert!(received.len() == packet.len() && received[12..].iter().all(|byte| *byte == octet));
    }
}

#[test]
fn a_codec_without_known_silence_is_dropped_instead() {
    let mut scene = Scene::audio_with(|plan| plan.routes[0].media = MediaAction::Silence);
    scene.net.send(scene.alice, scene.local(1), packets::rtp(18, 7, 1234, 99));
    scene.net.settle();
    assert!(scene.heard(scene.bob).is_empty());
    assert_eq!(scene.rtp(1).blocked, 1);
}

#[test]
fn silence_for_one_listener_is_sound_for_the_other() {
    let mut net = Network::seeded(1);
    let (alice, bob, carol) =
        (net.peer("198.51.100.7:4000"), net.peer("203.0.113.9:5000"), net.peer("203.0.113.10:5000"));
    let carol_address = net.address(carol);
    let mut scene = Scene::between(net, alice, bob, |plan| {
        plan.streams.push(plans::audio_stream(3, Some(carol_address)));
        plan.routes[0].media = MediaAction::Silence;
        plan.routes.push(plans::route(1, 3));
    });
    scene.alice_talks(20);
    assert_eq!(scene.heard(scene.bob)[0].payload[20], 0xff);
    assert_eq!(scene.heard(carol)[0].payload[20], 0x55);
}

#[test]
fn telephone_events_have_their_own_rule() {
    let mut scene = Scene::audio_with(|plan| plan.routes[0].telephone_events = protocol::EventAction::Drop);
    scene.alice_talks(20);
    scene.net.send(scene.alice, scene.local(1), packets::rtp(101, 2, 160, 99));
    scene.net.settle();
    assert_eq!(scene.heard(scene.bob).len(), 1);
    assert_eq!((scene.rtp(1).received_packets, scene.rtp(1).blocked), (1, 1));
}

#[test]
fn telephone_events_pass_while_media_is_blocked_or_silenced() {
    for (media, blocked) in [(MediaAction::Drop, 1), (MediaAction::Silence, 0)] {
        let mut scene = Scene::audio_with(|plan| plan.routes[0].media = media);
        scene.alice_talks(20);
        scene.forget();
        let event = packets::rtp(101, 2, 160, 99);
        scene.net.send(scene.alice, scene.local(1), event.clone());
        scene.net.settle();
        assert_eq!(scene.heard(scene.bob).remove(0).payload, event);
        assert_eq!(scene.rtp(1).blocked, blocked);
    }
}

#[test]
fn unknown_payload_types_are_relayed_and_counted() {
    let mut scene = Scene::audio();
    scene.alice_talks(20);
    scene.net.send(scene.alice, scene.local(1), packets::rtp(97, 2, 160, 99));
    scene.net.settle();
    assert_eq!(scene.heard(scene.bob).len(), 2);
    assert_eq!(scene.rtp(1).unknown_payload_type, 1);
}

#[test]
fn malformed_packets_are_counted_and_dropped() {
    let mut scene = Scene::audio();
    for junk in [
        vec![],
        vec![0x80],
        vec![0x80, 0, 0, 1],
        b"\0\x01\0\0STUN".to_vec(),
        vec![0x80, 200, 0, 0],
        vec![0x40; 40],
    ] {
        scene.net.send(scene.alice, scene.local(1), junk);
    }
    scene.net.send_rtcp(scene.alice, scene.local_rtcp(1), packets::rtp(0, 1, 1, 1));
    scene.net.send_rtcp(scene.alice, scene.local_rtcp(1), vec![0x80, 203, 0, 0]);
    scene.net.settle();
    assert!(scene.heard(scene.bob).is_empty());
    assert_eq!((scene.rtp(1).malformed, scene.stats(1).rtcp.malformed), (6, 2));
}

#[test]
fn nothing_is_sent_to_this_host_or_this_link_whatever_an_sdp_says() {
    for address in ["127.0.0.1:2223", "127.0.0.53:53", "169.254.169.254:80"] {
        let mut scene = Scene::audio_with(|plan| {
            plan.streams[1].remote = Some(plans::remote_at(address.parse().unwrap()));
        });
        scene.alice_talks(200);
        assert_eq!(scene.rtp(2).sent_packets, 0, "{address}");
        assert_eq!(scene.rtp(1).unroutable, 10, "{address}");
    }
}

#[test]
fn nothing_is_sent_to_an_unspecified_address_or_port() {
    for hold in ["0.0.0.0:5000", "203.0.113.9:0", "[::]:5000", "224.0.0.1:5000", "255.255.255.255:5000"] {
        let mut scene =
            Scene::audio_with(|plan| plan.streams[1].remote = Some(plans::remote_at(hold.parse().unwrap())));
        scene.talk(4000);
        assert_eq!(scene.rtp(2).sent_packets, 0, "{hold}");
        assert_eq!(scene.rtp(2).remote, None, "{hold}");
        assert!(!scene.heard(scene.alice).is_empty(), "the peer may still send from {hold}");
    }
}

#[test]
fn nothing_is_sent_to_the_session_itself() {
    let mut scene = Scene::audio();
    let own = scene.local(1);
    scene.replan(|plan| plan.streams[1].remote = Some(plans::remote_at(own)));
    scene.alice_talks(100);
    assert_eq!((scene.rtp(1).unroutable, scene.rtp(2).sent_packets), (5, 0));
}

#[test]
fn packets_wait_for_nobody_until_the_answer() {
    let mut scene = Scene::audio_with(|plan| plan.streams[1].remote = None);
    scene.talk(100);
    assert_eq!((scene.rtp(1).unroutable, scene.rtp(2).unroutable), (5, 5));
    let answer = plans::remote_at(scene.net.address(scene.bob));
    scene.replan(|plan| plan.streams[1].remote = Some(answer));
    scene.talk(100);
    assert_eq!((scene.heard(scene.alice).len(), scene.heard(scene.bob).len()), (5, 5));
}

/// Two calls whose parties are each other's ports, so that what one sends comes back by way of the other.
fn circle() -> Scene {
    let mut scene = Scene::audio();
    scene.talk(100);
    let mut other = plans::audio_call("other", None, None);
    assert!(scene.net.apply(&other).is_ok());
    let own = [1, 2].map(|local| scene.local(local));
    let others = [1, 2].map(|local| scene.net.local(&other.session, local));
    scene.replan(|plan| {
        plan.streams[0].remote = Some(plans::remote_at(others[1]));
        plan.streams[1].remote = Some(plans::remote_at(others[0]));
    });
    other.revision += 1;
    other.streams[0].remote = Some(plans::remote_at(own[1]));
    other.streams[1].remote = Some(plans::remote_at(own[0]));
    assert!(scene.net.apply(&other).is_ok());
    scene
}

#[test]
fn a_packet_that_sdp_leads_in_a_circle_is_stopped() {
    let mut scene = circle();
    let before = scene.rtp(2).sent_packets;
    scene.net.speak(scene.alice, scene.local(1));
    scene.wait(5_000);
    let stopped = scene.rtp(2).sent_packets - before;
    assert!((30..40).contains(&stopped), "{stopped} times around");
    scene.wait(5_000);
    assert_eq!(scene.rtp(2).sent_packets - before, stopped);
}

#[test]
fn a_burst_that_sdp_leads_in_a_circle_is_stopped() {
    let mut scene = circle();
    let before = scene.rtp(2).sent_packets;
    (0..7).for_each(|_| scene.net.speak(scene.alice, scene.local(1)));
    scene.wait(5_000);
    let stopped = scene.rtp(2).sent_packets - before;
    assert!((7 * 25..7 * 40).contains(&stopped), "{stopped} times around");
    scene.wait(5_000);
    assert_eq!(scene.rtp(2).sent_packets - before, stopped);
}

#[test]
fn rtcp_in_a_circle_is_stopped_as_well() {
    let mut scene = circle();
    scene.net.send_rtcp(scene.alice, scene.local_rtcp(1), packets::receiver_report(1, &[]));
    scene.wait(5_000);
    let stopped = scene.stats(2).rtcp.sent_packets;
    assert!((30..40).contains(&stopped), "{stopped} times around");
    scene.wait(5_000);
    assert_eq!(scene.stats(2).rtcp.sent_packets, stopped);
}
