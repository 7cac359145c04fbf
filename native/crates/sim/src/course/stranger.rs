//! What a stranger sends. It sees all traffic and may claim any address; what it does not know is the passwords of
//! the peer, and keys.

use std::{net::SocketAddr, time::Instant};

use dtls::Role;
use wire::stun::{Builder, Class, LONGEST, TransactionId};

use super::{
    Ice, Mask, Party, Security, Trick,
    actors::{CERTIFICATE, Course},
    law::MARK,
    plan,
};
use crate::{MALLORY, bundle, crypto::DtlsEnd, ice, packets};

impl Course {
    pub fn deceive(&mut self, mask: Mask, leg: Party, trick: Trick, detail: u8) {
        let (from, to) = (self.masked(mask, leg), self.door(leg, detail));
        if trick == Trick::Flood {
            return self.flood(to, detail);
        }
        let Some(datagram) = self.lie(trick, detail) else { return };
        if self.is_as_good_as_alice(from, leg, &datagram) {
            return;
        }
        self.net.send_as(from, to, datagram);
        self.net.settle();
    }

    fn lie(&self, trick: Trick, detail: u8) -> Option<Vec<u8>> {
        match trick {
            Trick::Rtp => Some(self.rtp(detail)),
            Trick::Rtcp => Some(self.rtcp(detail)),
            Trick::Check if self.kind.ice == Ice::Lite => Some(self.check(detail, "wrong")),
            Trick::Check => Some(self.check(detail, &plan::words(ice::LOCAL, self.generation).1)),
            Trick::WrongCheck => Some(self.check(detail, "wrong")),
            Trick::Answer => Some(self.answer(detail)),
            Trick::ClientHello => hello(),
            Trick::Record => Some(record(detail)),
            Trick::Replay => self.capture(detail),
            Trick::Garbled => self.capture(detail).map(|datagram| garbled(datagram, detail)),
            Trick::Noise => {
                Some((0..usize::from(detail)).map(|at| (at as u8).wrapping_mul(detail)).collect())
            }
            Trick::Flood => None,
        }
    }

    /// Two hundred hosts, or ports of one.
    fn flood(&mut self, to: SocketAddr, detail: u8) {
        let Ok(home) = MALLORY.parse::<SocketAddr>() else { return };
        for number in 0..200u16 {
            let trick =
                [Trick::Check, Trick::ClientHello, Trick::Rtp, Trick::Answer][usize::from(detail & 3)];
            let Some(datagram) = self.lie(trick, detail.wrapping_add(number as u8) | 4) else { continue };
            self.net.send_as(SocketAddr::new(home.ip(), 20_000 + number), to, datagram);
        }
        self.net.settle();
    }

    fn masked(&self, mask: Mask, leg: Party) -> SocketAddr {
        let own = self.net.address(self.mallory);
        let alice = self.net.address(self.alice);
        match (mask, leg) {
            (Mask::Own, _) | (_, Party::Bob) => own,
            (Mask::Alice, Party::Alice) => alice,
            (Mask::Neighbour, Party::Alice) => SocketAddr::new(alice.ip(), alice.port() + 10),
        }
    }

    /// The port for Alice's media or Bob's, or the one for his reports.
    fn door(&self, leg: Party, detail: u8) -> SocketAddr {
        let mut to = self.net.local(&self.plan.session, if leg == Party::Alice { 1 } else { 3 });
        to.set_port(to.port() + u16::from(detail & 1));
        to
    }

    /// What is not protected is Alice's if it comes from her address; RTCP on a port of its own, from her host.
    fn is_as_good_as_alice(&self, from: SocketAddr, leg: Party, datagram: &[u8]) -> bool {
        let alice = self.net.address(self.alice);
        let class = wire::classify(datagram);
        let is_media = matches!(class, wire::Kind::Rtp | wire::Kind::Rtcp);
        let is_of_host = class == wire::Kind::Rtcp && self.kind.separate_rtcp && from.ip() == alice.ip();
        let is_hers = is_media && (from == alice || is_of_host);
        self.kind.security == Security::None && leg == Party::Alice && is_hers
    }

    fn rtp(&self, detail: u8) -> Vec<u8> {
        let ssrc = if detail & 2 == 2 { self.source(0) } else { u32::from_be_bytes(*MARK) };
        let payload_type = [0, bundle::AUDIO, bundle::VIDEO, 101][usize::from(detail >> 4) % 4];
        let sequence = u16::from_be_bytes([detail, 7]);
        let mut packet = match detail >> 2 & 3 {
            0 => bundle::with_mid("v", payload_type, sequence, ssrc),
            1 => bundle::with_mid("a", payload_type, sequence, ssrc),
            _ => packets::rtp(payload_type, sequence, 0, ssrc),
        };
        packet.extend_from_slice(MARK);
        packet
    }

    fn rtcp(&self, detail: u8) -> Vec<u8> {
        let (alice, own) = (self.source(0), u32::from_be_bytes(*MARK));
        let mut compound = packets::receiver_report(own, &[]);
        compound.extend(match detail >> 1 & 3 {
            0 => packets::bye(alice),
            1 => packets::picture_loss(own, alice),
            2 => packets::sender_report(alice, u64::from(detail) << 32, &[]),
            _ => packets::canonical_name(alice, "MALL"),
        });
        compound
    }

    fn check(&self, detail: u8, password: &str) -> Vec<u8> {
        let (ours, theirs) =
            (plan::words(ice::LOCAL, self.generation), plan::words(ice::REMOTE, self.generation));
        let mut buffer = [0; LONGEST];
        let builder = Builder::new(&mut buffer, Class::Request, transaction(detail));
        let mut builder =
            builder.username([ours.0.as_bytes(), b":", theirs.0.as_bytes()]).priority(u32::MAX >> 1);
        if detail & 4 == 4 {
            builder = builder.use_candidate();
        }
        // One that insists on a role could only be somebody who has read the offer: it may not win for good.
        builder = match detail >> 3 & 3 {
            0 => builder.controlling(u64::from(detail)),
            1 => builder.controlled(u64::from(detail)),
            2 => builder.other(0x7fff, b"MALL"),
            _ => builder,
        };
        let len = builder.finish(password.as_bytes()).unwrap_or(0);
        buffer[..len].to_vec()
    }

    /// Says yes, or no, to one of our checks.
    fn answer(&self, detail: u8) -> Vec<u8> {
        let asked = self.law.asked.iter().rev().nth(usize::from(detail >> 3) % 8);
        let transaction = asked.map_or(transaction(detail), |(_, transaction)| *transaction);
        let class = if detail & 2 == 2 { Class::Success } else { Class::Error };
        let mut buffer = [0; LONGEST];
        let mut builder =
            Builder::new(&mut buffer, class, transaction).mapped(self.net.address(self.mallory));
        if class == Class::Error {
            builder = builder.error(if detail & 4 == 4 { 487 } else { 400 }, "");
        }
        let password = plan::words(ice::LOCAL, self.generation).1;
        let len = match detail & 64 {
            0 => builder.finish(password.as_bytes()),
            _ => builder.finish_unproven(),
        };
        buffer[..len.unwrap_or(0)].to_vec()
    }

    fn capture(&self, detail: u8) -> Option<Vec<u8>> {
        let captured = &self.law.captured;
        captured.iter().rev().nth(usize::from(detail) % captured.len().max(1)).cloned()
    }
}

fn hello() -> Option<Vec<u8>> {
    DtlsEnd::new(&CERTIFICATE, Role::Client, Instant::now()).outgoing().into_iter().next()
}

fn record(detail: u8) -> Vec<u8> {
    let kind = 20 + (detail >> 1) % 5;
    let mut record = vec![kind, 0xfe, 0xfd, 0, detail >> 7, 0, 0, 0, 0, 0, detail, 0, 2];
    record.extend_from_slice(if detail & 1 == 0 { &[2, 40] } else { &[1, 0] });
    record
}

fn garbled(mut datagram: Vec<u8>, detail: u8) -> Vec<u8> {
    let at = usize::from(detail).wrapping_mul(7) % datagram.len().max(1);
    if detail & 1 == 1 {
        datagram.truncate(at);
    } else if let Some(octet) = datagram.get_mut(at) {
        *octet ^= 1 << (detail >> 5);
    }
    datagram
}

fn transaction(detail: u8) -> TransactionId {
    let mut transaction = *b"MALLMALLMALL";
    transaction[4] = detail;
    transaction
}
