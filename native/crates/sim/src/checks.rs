//! STUN messages read from bytes, sent to a call with ICE by its peer and by a stranger.

use std::net::SocketAddr;

use protocol::{IceRole, RtcpMode};
use wire::stun::{Builder, Class, LONGEST, Message, TransactionId};

use crate::{
    MALLORY, Scene,
    ice::{self, IceEnd},
};

/// Sends the messages. Panics if a stranger becomes the peer, whatever it knows of our password.
pub fn replay(bytes: &[u8]) {
    let Some((first, mut rest)) = bytes.split_first() else {
        return;
    };
    let role = if first & 1 == 1 { IceRole::Controlling } else { IceRole::Controlled };
    let mut scene = Scene::audio_with(|plan| {
        plan.streams[0].rtcp = RtcpMode::Muxed;
        let mut ice = ice::plan(role, address(crate::ALICE));
        if first & 2 == 2 {
            (ice.remote_ufrag, ice.remote_pwd) = (None, None);
        }
        plan.streams[0].ice = Some(ice);
    });
    let (alice, to) = (scene.alice, scene.local(1));
    let mallory = scene.net.peer(MALLORY);
    if first & 4 == 4 {
        let end = IceEnd::new(scene.net.address(alice), role == IceRole::Controlled, &[to]);
        scene.net.start_ice(alice, false, end);
        scene.wait(2000);
    }
    while let Some((header, tail)) = rest.split_first_chunk::<4>() {
        let (extra, tail) = tail.split_at(usize::from(header[3] >> 4).min(tail.len()));
        rest = tail;
        let from = if header[0] & 0x80 == 0 { alice } else { mallory };
        scene.net.send(from, to, message(*header, extra));
        scene.wait(u64::from(header[3] & 7) * 100);
    }
    scene.wait(100);
    let stats = scene.stats(1);
    let stranger = address(MALLORY);
    assert_ne!(stats.rtp.remote, Some(stranger), "nobody is sent anything who has not answered");
    scene.net.speak(mallory, to);
    scene.net.settle();
    let ssrc = scene.net.ssrc(mallory);
    let bob = scene.bob;
    assert!(
        scene.heard(bob).iter().all(|packet| packet.ssrc() != Some(ssrc)),
        "and nobody of those is heard"
    );
}

/// A message, as a stranger may make one: it may know the password of our requests, never the peer's.
fn message([kind, password, attributes, _]: [u8; 4], extra: &[u8]) -> Vec<u8> {
    let class = match kind & 3 {
        0 => Class::Request,
        1 => Class::Success,
        2 => Class::Error,
        _ => Class::Indication,
    };
    let mut transaction = TransactionId::default();
    transaction[0] = kind >> 2;
    let password = if password & 1 == 0 { ice::LOCAL.1 } else { "wrong" };
    let mut buffer = [0; LONGEST];
    let mut builder = Builder::new(&mut buffer, class, transaction);
    if attributes & 1 == 0 {
        builder = builder.username([ice::LOCAL.0.as_bytes(), b":", ice::REMOTE.0.as_bytes()]);
    }
    if attributes & 2 == 2 {
        builder = builder.username([extra, b":", extra]);
    }
    if attributes & 4 == 4 {
        builder = builder.use_candidate();
    }
    if attributes & 8 == 8 {
        builder = builder.controlling(u64::from(attributes) << 56);
    }
    if attributes & 16 == 16 {
        builder = builder.controlled(u64::from(attributes) << 56);
    }
    if attributes & 32 == 32 {
        builder = builder.error(400 + u16::from(attributes & 0x7f), "");
    }
    if attributes & 64 == 64 {
        builder = builder.priority(u32::MAX >> (attributes & 7));
    }
    if attributes & 128 == 128 {
        builder = builder.mapped(address(MALLORY));
    }
    let len = builder.finish(password.as_bytes()).unwrap_or(0);
    let mut datagram = buffer[..len].to_vec();
    if kind & 0x40 == 0x40 {
        let at = usize::from(kind) % datagram.len().max(1);
        datagram[at] ^= extra.first().copied().unwrap_or(1);
    }
    let _ = Message::parse(&datagram).map(|message| message.attributes());
    datagram
}

fn address(text: &str) -> SocketAddr {
    match text.parse() {
        Ok(address) => address,
        Err(error) => panic!("{error}"),
    }
}
