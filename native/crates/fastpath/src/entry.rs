//! Rules as entries of the maps.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::{
    layout::{
        Details, Key, PLACES, RULE_ARRIVES_AS_IPV4, RULE_COPIES, RULE_IN_USE, RULE_LEAVES_AS_IPV4,
        RULE_REWRITES, RuleValue, Way,
    },
    rule::{MOST_PAYLOADS, Payload, Rewrite, Rule},
    sum::Sum,
};

impl Key {
    pub fn of(rule: &Rule) -> Self {
        Key {
            local: mapped(rule.local.ip()),
            source: mapped(rule.source.ip()),
            local_port: rule.local.port().to_be_bytes(),
            source_port: rule.source.port().to_be_bytes(),
            ssrc: rule.ssrc.to_be_bytes(),
        }
    }
}

impl RuleValue {
    pub fn of(rule: &Rule, way: Way) -> Self {
        let Rewrite { sequence_offset, timestamp_offset, .. } = rule.rewrite;
        let [arriving, leaving] = sums(rule);
        let ports =
            |a: SocketAddr, b: SocketAddr| Sum::of(&a.port().to_be_bytes()).add(&b.port().to_be_bytes());
        let change =
            leaving.plus(ports(rule.from, rule.to)).minus(arriving).minus(ports(rule.local, rule.source));
        let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
        RuleValue {
            local: last_word(rule.local.ip()),
            source: last_word(rule.source.ip()),
            local_port: rule.local.port().to_be_bytes(),
            source_port: rule.source.port().to_be_bytes(),
            ssrc: rule.ssrc.to_be_bytes(),
            payload: rule.payloads.first().map_or(0, word),
            epoch_ns: rule.epoch_ns,
            from: last_word(rule.from.ip()),
            to: last_word(rule.to.ip()),
            from_port: rule.from.port().to_be_bytes(),
            to_port: rule.to.port().to_be_bytes(),
            leaving_ssrc: rule.rewrite.ssrc.unwrap_or(rule.ssrc).to_be_bytes(),
            hop: way.hop,
            addresses_in: arriving.folded(),
            change: change.folded(),
            ip_header: ip_header(rule.tos, way.ttl).plus(leaving).folded(),
            tos: rule.tos,
            ttl: way.ttl,
            flags: RULE_IN_USE
                | flag(rule.local.is_ipv4(), RULE_ARRIVES_AS_IPV4)
                | flag(rule.from.is_ipv4(), RULE_LEAVES_AS_IPV4)
                | flag(rule.copy.is_some(), RULE_COPIES)
                | flag((sequence_offset, timestamp_offset) != (0, 0), RULE_REWRITES),
            unused: [0; 3],
        }
    }

    /// The rule this entry was made of, but for its copies.
    pub fn rule(&self, details: &Details) -> Rule {
        let ssrc = u32::from_be_bytes(self.leaving_ssrc);
        let words = [self.payload].into_iter().chain(details.payloads);
        Rule {
            local: address(details.local, self.local_port),
            source: address(details.source, self.source_port),
            ssrc: u32::from_be_bytes(self.ssrc),
            from: address(details.from, self.from_port),
            to: address(details.to, self.to_port),
            tos: self.tos,
            payloads: words.filter(|word| *word != 0).map(payload).collect(),
            rewrite: Rewrite {
                ssrc: (self.leaving_ssrc != self.ssrc).then_some(ssrc),
                sequence_offset: details.sequence_offset,
                timestamp_offset: details.timestamp_offset,
            },
            epoch_ns: self.epoch_ns,
            copy: None,
        }
    }
}

impl Details {
    pub fn of(rule: &Rule, way: Way) -> Self {
        let [_, leaving] = sums(rule);
        let mut payloads = [0; MOST_PAYLOADS - 1];
        for (value, payload) in payloads.iter_mut().zip(rule.payloads.iter().skip(1)) {
            *value = word(payload);
        }
        Details {
            version: 0,
            arrival_device: way.arrival_device,
            timestamp_offset: rule.rewrite.timestamp_offset,
            sequence_offset: rule.rewrite.sequence_offset,
            addresses_out: leaving.folded(),
            local: mapped(rule.local.ip()),
            source: mapped(rule.source.ip()),
            from: mapped(rule.from.ip()),
            to: mapped(rule.to.ip()),
            payloads,
        }
    }
}

/// Where the program looks first for rules of this address and port.
pub fn place_of(local: SocketAddr) -> u32 {
    const PLACE_OF_ADDRESS: u32 = 0x9e37_79b1;
    let address = u32::from_ne_bytes(last_word(local.ip())).wrapping_mul(PLACE_OF_ADDRESS) >> 16;
    (address + u32::from(local.port() >> 1)) % PLACES
}

/// Of the addresses in the pseudo headers, as a packet arrives and as it leaves.
fn sums(rule: &Rule) -> [Sum; 2] {
    [(rule.local, rule.source), (rule.from, rule.to)].map(|(one, other)| {
        let sum = Sum::of(&mapped(one.ip())).add(&mapped(other.ip()));
        // The mapped form's prefix is no part of an IPv4 pseudo header.
        sum.minus(prefix(one.ip())).minus(prefix(other.ip()))
    })
}

fn last_word(address: IpAddr) -> [u8; 4] {
    let [.., a, b, c, d] = mapped(address);
    [a, b, c, d]
}

pub fn mapped(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}

/// A payload type as the program finds it.
fn word(payload: &Payload) -> u64 {
    let times = if payload.times { PAYLOAD_TIMES } else { 0 };
    u64::from(payload.leaves_as & 0x7f)
        | times
        | PAYLOAD_KNOWN
        | u64::from(payload.arrives_as) << 16
        | u64::from(payload.clock_rate) << 32
}

pub fn payload(word: u64) -> Payload {
    let [leaves_as, _, arrives_as, _, ..] = word.to_le_bytes();
    let (clock_rate, times) = ((word >> 32) as u32, word & PAYLOAD_TIMES != 0);
    Payload { arrives_as, leaves_as, clock_rate, times }
}

pub fn address(octets: [u8; 16], port: [u8; 2]) -> SocketAddr {
    let address = Ipv6Addr::from(octets);
    let address = address.to_ipv4_mapped().map_or(IpAddr::V6(address), IpAddr::V4);
    SocketAddr::new(address, u16::from_be_bytes(port))
}

fn prefix(address: IpAddr) -> Sum {
    match address {
        IpAddr::V4(_) => Sum::of(&Ipv4Addr::UNSPECIFIED.to_ipv6_mapped().octets()),
        IpAddr::V6(_) => Sum::default(),
    }
}

/// An IPv4 header without its addresses and total length: no options, no fragmenting, UDP.
fn ip_header(tos: u8, ttl: u8) -> Sum {
    const UDP: u8 = 17;
    Sum::of(&[0x45, tos, 0, 0, 0, 0, 0x40, 0, ttl, UDP, 0, 0])
}

const PAYLOAD_TIMES: u64 = 0x100;
const PAYLOAD_KNOWN: u64 = 0x200;
