//! What the fuzz targets do with their bytes. `tests/corpus.rs` does the same with the committed corpus.

mod patterns;
mod relay;

use std::time::Instant;

use protocol::{ToDataPlane, framing::Decoder};
use srtp::Suite;
use wire::{rtcp, rtp, stun, telephone_event::TelephoneEvent};

use crate::crypto;

pub fn rtp(bytes: &[u8]) {
    let _ = wire::classify(bytes);
    let Some(header) = rtp::Header::parse(bytes) else {
        return;
    };
    let payload = header.payload(bytes.len());
    assert!(payload.start <= payload.end && payload.end + usize::from(header.padding()) <= bytes.len());
    assert!(header.csrcs(bytes).count() <= 15);
    for (_, element) in header.extension_elements(bytes) {
        assert!(element.len() <= 255);
    }
    let _ = TelephoneEvent::parse(&bytes[payload]);
    let mut copy = bytes.to_vec();
    rtp::set_payload_type(&mut copy, header.payload_type);
    rtp::set_marker(&mut copy, header.marker);
    rtp::set_sequence(&mut copy, header.sequence);
    rtp::set_timestamp(&mut copy, header.timestamp);
    rtp::set_ssrc(&mut copy, header.ssrc);
    assert_eq!(copy, bytes, "setting what is there changes nothing");
}

pub fn rtcp(bytes: &[u8]) {
    let whole = rtcp::is_whole(bytes);
    assert!(!whole || rtcp::begins_well(bytes));
    for packet in rtcp::packets(bytes) {
        match packet.content() {
            rtcp::Content::SenderReport(_, reports) | rtcp::Content::ReceiverReport { reports, .. } => {
                assert!(reports.iter().count() <= 31);
            }
            rtcp::Content::SourceDescription(chunks) => chunks.for_each(|chunk| chunk.items().for_each(drop)),
            rtcp::Content::Bye(bye) => {
                assert!(bye.ssrcs().count() <= 31);
                let _ = bye.reason();
            }
            rtcp::Content::ExtendedReport { blocks, .. } => blocks.for_each(drop),
            rtcp::Content::Application { .. } | rtcp::Content::Feedback(_) | rtcp::Content::Other => {}
        }
    }
}

pub fn engine_ops(bytes: &[u8]) {
    crate::ops::replay(Instant::now(), bytes);
}

/// The bytes of a connection from the control plane: frames survive being cut anywhere, and what is a request says
/// the same when it is written and read again.
pub fn frames(bytes: &[u8]) {
    let mut whole = Decoder::default();
    whole.push(bytes);
    let mut in_pieces = Decoder::default();
    bytes.chunks(3).for_each(|piece| in_pieces.push(piece));
    loop {
        let (one, other) = (whole.next_frame(), in_pieces.next_frame());
        let (Ok(Some(one)), Ok(Some(other))) = (&one, &other) else {
            assert_eq!(one.is_ok(), other.is_ok());
            return;
        };
        assert_eq!(one, other);
        let Ok(message) = serde_json::from_slice::<ToDataPlane>(one) else {
            continue;
        };
        let mut again = Vec::new();
        if protocol::framing::encode(&message, &mut again).is_err() {
            return;
        }
        let mut decoder = Decoder::default();
        decoder.push(&again);
        assert_eq!(decoder.next_message::<ToDataPlane>().ok().flatten(), Some(message));
    }
}

/// A datagram under a suite chosen by the first byte: what is not authentic leaves no trace.
pub fn srtp(bytes: &[u8]) {
    let Some((first, datagram)) = bytes.split_first() else {
        return;
    };
    let suite = Suite::ALL[usize::from(*first) % Suite::ALL.len()];
    let mut key = crypto::key(suite, 1);
    key.mki_base64 = (first & 0x40 == 0x40).then(|| "AAAB".to_owned());
    key.unauthenticated_srtp = first & 0x80 == 0x80;
    let mut receiver = crypto::Crypto::new(&key, &key);
    if receiver.open(datagram).is_none() {
        assert_eq!(receiver.received_sources(), 0);
    }
    // Protected and opened again, it is the same.
    let mut sender = crypto::Crypto::new(&key, &key);
    if let Ok(protected) = sender.try_protect(datagram) {
        let mut receiver = crypto::Crypto::new(&key, &key);
        assert_eq!(receiver.open(&protected).as_deref(), Some(datagram));
        assert!(receiver.open(&protected).is_none(), "only once");
    }
}

/// DTLS records to a call that waits for a handshake, is in one, or has had one: the keys in use stay what they are.
pub fn dtls(bytes: &[u8]) {
    crate::records::replay(bytes);
}

/// A STUN datagram, read as it is; and messages to a call with ICE, from its peer and from a stranger.
pub fn stun(bytes: &[u8]) {
    if let Some(message) = stun::Message::parse(bytes) {
        assert!(message.authenticate(&message.attributes(), b"a password nobody has").is_err());
    }
    crate::checks::replay(bytes);
}

/// Whole calls, in which anything happens in any order.
pub fn courses(bytes: &[u8]) {
    crate::course::replay(bytes);
}

/// What a TURN server may send to a client of ours.
pub fn turn(bytes: &[u8]) {
    relay::replay(bytes);
}

/// Patterns, and requests to be answered by them.
pub fn patterns(bytes: &[u8]) {
    patterns::replay(bytes);
}
