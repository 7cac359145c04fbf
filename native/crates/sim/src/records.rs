//! DTLS records read from bytes, sent to a call from its peer's address.

use std::sync::LazyLock;

use dtls::Certificate;
use protocol::{DtlsRole, RtcpMode, SecurityPlan};

use crate::{Scene, crypto};

/// Sends the records. Panics if they bring about what only the peer's certificate can.
pub fn replay(bytes: &[u8]) {
    static CERTIFICATE: LazyLock<Certificate> = LazyLock::new(crypto::certificate);
    let Some((first, mut rest)) = bytes.split_first() else {
        return;
    };
    let role = if first & 1 == 1 { DtlsRole::Active } else { DtlsRole::Passive };
    let fingerprints = vec![crypto::fingerprint(&CERTIFICATE)];
    let mut scene = Scene::audio_with(|plan| {
        plan.streams[0].rtcp = RtcpMode::Muxed;
        plan.streams[0].security =
            SecurityPlan::Dtls { role, fingerprints, association: 1, certificate: None };
    });
    let (alice, to) = (scene.alice, scene.local(1));
    match (first >> 1) % 3 {
        // Nothing yet, or a handshake under way.
        0 => {}
        1 if role == DtlsRole::Passive => scene.net.start_dtls(alice, &CERTIFICATE, to),
        1 => scene.net.await_dtls(alice, &CERTIFICATE, false),
        _ if role == DtlsRole::Passive => {
            scene.net.start_dtls(alice, &CERTIFICATE, to);
            scene.wait(200);
        }
        _ => {
            scene.net.await_dtls(alice, &CERTIFICATE, false);
            scene.wait(3200);
        }
    }
    let suite = scene.stats(1).suite_in;
    while let Some((header, tail)) = rest.split_first_chunk::<4>() {
        let [kind, epoch, length, flags] = *header;
        let (body, tail) = tail.split_at(usize::from(length).min(tail.len()));
        rest = tail;
        let mut datagram =
            vec![20 + kind % 6, 0xfe, 0xfd - (flags & 2), 0, epoch & 1, 0, 0, 0, 0, 0, flags >> 4, 0];
        datagram.push(body.len() as u8);
        datagram.extend_from_slice(body);
        scene.net.send(alice, to, datagram);
        scene.wait(u64::from(flags & 1) * 50);
    }
    scene.wait(100);
    let after = scene.stats(1).suite_in;
    assert!(suite.is_none() || suite == after, "keys in use stay in use");
    // One that began by itself may have finished meanwhile; nobody else can.
    assert!(after.is_none() || scene.net.has_keys(alice), "no keys without a handshake");
}
