//! Both directions of every suite against each other.

#![allow(clippy::unwrap_used, reason = "helpers of a test")]

use proptest::prelude::*;
use srtp::{Context, Error, MasterKey, Mki, Options, Suite};

fn master(suite: Suite, seed: u8) -> MasterKey {
    let key = (0..suite.key_length()).map(|at| seed.wrapping_mul(31).wrapping_add(at as u8)).collect();
    let salt = (0..suite.salt_length()).map(|at| seed.wrapping_mul(17).wrapping_add(at as u8)).collect();
    MasterKey { suite, key, salt, mki: None }
}

fn pair(suite: Suite) -> (Context, Context) {
    let context = || Context::new(&master(suite, 1), Options::default()).unwrap();
    (context(), context())
}

fn rtp(sequence: u16, ssrc: u32, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, 0, 0, 0, 0, 0, 0, 0];
    packet[2..4].copy_from_slice(&sequence.to_be_bytes());
    packet.extend_from_slice(&ssrc.to_be_bytes());
    packet.extend_from_slice(payload);
    packet
}

fn protect(context: &mut Context, packet: &[u8]) -> Result<Vec<u8>, Error> {
    let mut buffer = packet.to_vec();
    buffer.resize(packet.len() + context.overhead(), 0xee);
    let length = context.protect_rtp(&mut buffer, packet.len())?;
    buffer.truncate(length);
    Ok(buffer)
}

fn unprotect(context: &mut Context, packet: &[u8]) -> Result<Vec<u8>, Error> {
    let mut buffer = packet.to_vec();
    let length = context.unprotect_rtp(&mut buffer, packet.len())?;
    buffer.truncate(length);
    Ok(buffer)
}

#[test]
fn what_is_protected_comes_back_and_only_once() {
    for suite in Suite::ALL {
        let (mut sender, mut receiver) = pair(suite);
        let plain = rtp(7, 1, b"hello");
        let protected = protect(&mut sender, &plain).unwrap();
        assert_eq!(protected.len(), plain.len() + suite.rtp_tag_length(), "{suite:?}");
        assert_eq!(unprotect(&mut receiver, &protected).unwrap(), plain, "{suite:?}");
        assert_eq!(unprotect(&mut receiver, &protected), Err(Error::Replay), "{suite:?}");
        assert_eq!(protect(&mut sender, &plain), Err(Error::Replay), "{suite:?}");
    }
}

#[test]
fn a_changed_bit_anywhere_fails_and_leaves_no_trace() {
    for suite in Suite::ALL {
        let (mut sender, mut receiver) = pair(suite);
        let protected = protect(&mut sender, &rtp(7, 1, b"some payload")).unwrap();
        for at in 0..protected.len() {
            let mut damaged = protected.clone();
            damaged[at] ^= 0x40;
            assert!(unprotect(&mut receiver, &damaged).is_err(), "{suite:?} byte {at}");
        }
        assert_eq!(receiver.sources().count(), 0, "{suite:?}");
        unprotect(&mut receiver, &protected).unwrap();
    }
}

#[test]
fn a_stream_longer_than_a_cycle_goes_on_after_hold_with_loss() {
    for suite in [Suite::AesCm128HmacSha1_80, Suite::AeadAes128Gcm] {
        let (mut sender, mut receiver) = pair(suite);
        for number in 0..70_000u32 {
            let protected = protect(&mut sender, &rtp(number as u16, 1, b"x")).unwrap();
            // A hold: nothing arrives for a while, across the wrap.
            if !(65_000..65_900).contains(&number) {
                unprotect(&mut receiver, &protected).unwrap();
            }
        }
        assert_eq!(receiver.sources().next().unwrap().rtp_index, Some(69_999));
    }
}

#[test]
fn after_a_re_key_a_peer_may_keep_its_counter_or_begin_again() {
    for roc_of_peer in [0, 5] {
        let suite = Suite::AesCm128HmacSha1_80;
        let (mut sender, mut receiver) = pair(suite);
        sender.start_in_cycle(1, roc_of_peer);
        receiver.expect(1, 5 << 16 | 99);
        let protected = protect(&mut sender, &rtp(100, 1, b"x")).unwrap();
        unprotect(&mut receiver, &protected).unwrap();
        assert_eq!(receiver.sources().next().unwrap().rtp_index, Some(u64::from(roc_of_peer) << 16 | 100));
    }
}

#[test]
fn a_re_key_at_the_end_of_a_cycle_is_followed() {
    let (mut sender, mut receiver) = pair(Suite::AesCm128HmacSha1_80);
    sender.start_in_cycle(1, 6);
    receiver.expect(1, 5 << 16 | 65_530);
    let protected = protect(&mut sender, &rtp(2, 1, b"x")).unwrap();
    unprotect(&mut receiver, &protected).unwrap();
    assert_eq!(receiver.rtp_index(1), Some(6 << 16 | 2));
    assert_eq!(receiver.expected().count(), 0);
}

#[test]
fn a_context_resumed_elsewhere_goes_on_and_refuses_replays() {
    let suite = Suite::AesCm128HmacSha1_80;
    let (mut sender, mut receiver) = pair(suite);
    sender.start_in_cycle(1, 2);
    receiver.expect(1, 2 << 16 | 9);
    let old = protect(&mut sender, &rtp(10, 1, b"x")).unwrap();
    unprotect(&mut receiver, &old).unwrap();

    let (mut next_sender, mut next_receiver) = pair(suite);
    sender.sources().for_each(|state| next_sender.resume(state));
    receiver.sources().for_each(|state| next_receiver.resume(state));
    let new = protect(&mut next_sender, &rtp(11, 1, b"y")).unwrap();
    assert_eq!(unprotect(&mut next_receiver, &new).unwrap(), rtp(11, 1, b"y"));
    assert_eq!(unprotect(&mut next_receiver, &old), Err(Error::Replay));
}

#[test]
fn an_mki_is_sent_and_another_one_is_refused() {
    for suite in Suite::ALL {
        let with = |mki: &[u8]| {
            let key = MasterKey { mki: Some(Mki(mki.to_vec())), ..master(suite, 1) };
            Context::new(&key, Options::default()).unwrap()
        };
        let protected = protect(&mut with(b"\x00\x01"), &rtp(1, 1, b"x")).unwrap();
        assert_eq!(unprotect(&mut with(b"\x00\x01"), &protected).unwrap(), rtp(1, 1, b"x"));
        assert_eq!(unprotect(&mut with(b"\x00\x02"), &protected), Err(Error::UnknownMki));
    }
}

#[test]
fn a_key_of_the_wrong_length_is_refused() {
    let key = MasterKey { key: vec![0; 15], ..master(Suite::AesCm128HmacSha1_80, 1) };
    assert!(Context::new(&key, Options::default()).is_err());
}

#[test]
fn spoofed_sources_take_no_room() {
    let (_, mut receiver) = pair(Suite::AesCm128HmacSha1_80);
    for ssrc in 0..1_000 {
        assert!(unprotect(&mut receiver, &rtp(1, ssrc, &[0; 40])).is_err());
    }
    assert_eq!(receiver.sources().count(), 0);
}

fn rtcp(length: usize) -> Vec<u8> {
    let mut packet = vec![0x80, 201, 0, 1, 0, 0, 0, 9];
    packet.extend((0..length).map(|at| at as u8));
    packet
}

#[test]
fn rtcp_comes_back_with_and_without_encryption() {
    for suite in Suite::ALL {
        for unencrypted_srtcp in [false, true] {
            let options = Options { unencrypted_srtcp, ..Options::default() };
            let mut sender = Context::new(&master(suite, 3), options).unwrap();
            let mut receiver = Context::new(&master(suite, 3), options).unwrap();
            for length in [0, 20, 100] {
                let plain = rtcp(length);
                let mut buffer = plain.clone();
                buffer.resize(plain.len() + sender.overhead(), 0);
                let protected = sender.protect_rtcp(&mut buffer, plain.len()).unwrap();
                if unencrypted_srtcp {
                    assert_eq!(buffer[..plain.len()], plain, "{suite:?}");
                }
                let before = buffer[..protected].to_vec();
                let length = receiver.unprotect_rtcp(&mut buffer, protected).unwrap();
                assert_eq!(buffer[..length], plain, "{suite:?}");
                let mut again = before;
                assert_eq!(receiver.unprotect_rtcp(&mut again, protected), Err(Error::Replay));
            }
        }
    }
}

proptest! {
    #[test]
    fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..80), suite in 0usize..12) {
        let (mut context, _) = pair(Suite::ALL[suite]);
        let length = bytes.len();
        let mut buffer = bytes.clone();
        prop_assert!(context.unprotect_rtp(&mut buffer, length).is_err());
        let mut buffer = bytes.clone();
        prop_assert!(context.unprotect_rtcp(&mut buffer, length).is_err());
        let mut buffer = bytes;
        buffer.resize(length + context.overhead(), 0);
        let _ = context.protect_rtp(&mut buffer, length);
        let _ = context.protect_rtcp(&mut buffer, length);
    }

    #[test]
    fn reordered_packets_with_extensions_come_back(
        suite in 0usize..12,
        order in Just((0u16..60).collect::<Vec<_>>()).prop_shuffle(),
        csrcs in 0u8..15,
        extension in 0u8..6,
        start in any::<u16>(),
    ) {
        let (mut sender, mut receiver) = pair(Suite::ALL[suite]);
        let packets: Vec<_> = (0..60u16).map(|number| {
            let mut packet = rtp(start.wrapping_add(number), 77, &[]);
            packet[0] |= 0x10 | csrcs;
            packet.extend(std::iter::repeat_n(1, usize::from(csrcs) * 4));
            packet.extend([0xbe, 0xde, 0, extension]);
            packet.extend(std::iter::repeat_n(2, usize::from(extension) * 4));
            packet.extend(number.to_be_bytes());
            packet
        }).collect();
        let protected: Vec<_> = packets.iter().map(|packet| protect(&mut sender, packet).unwrap()).collect();
        // The first to arrive fixes the cycle; it must not be one from after a wrap.
        unprotect(&mut receiver, &protected[0]).unwrap();
        for at in order.into_iter().filter(|at| *at != 0) {
            prop_assert_eq!(unprotect(&mut receiver, &protected[usize::from(at)]).unwrap(), packets[usize::from(at)].clone());
        }
    }
}
