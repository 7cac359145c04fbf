//! The maps' keys and values, as in `bpf/relay.h`. Addresses, ports and the SSRC are in network order.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use aya::Pod;

use crate::{
    rule::{MOST_PAYLOADS, Payload, Progress, Rewrite, Rule, RuleStats},
    sum::Sum,
};

/// Changes whenever a map's key or value does: pinned maps of another number are of no use.
pub const LAYOUT: u32 = 2;

#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    pub local: [u8; 16],
    pub source: [u8; 16],
    pub local_port: [u8; 2],
    pub source_port: [u8; 2],
    pub ssrc: [u8; 4],
}

#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct RuleValue {
    pub index: u32,
    pub hop: u32,
    pub arrival_device: u32,
    pub addresses_in: u16,
    pub addresses_out: u16,
    pub change: u16,
    pub ip_header: u16,
    pub sequence_offset: u16,
    pub tos: u8,
    pub ttl: u8,
    pub from_port: [u8; 2],
    pub to_port: [u8; 2],
    pub ssrc: [u8; 4],
    pub from: [u8; 16],
    pub to: [u8; 16],
    pub timestamp_offset: u32,
    pub flags: u8,
    pub unused: [u8; 3],
    pub epoch_ns: u64,
    pub payloads: [u64; MOST_PAYLOADS],
}

#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct State {
    pub version: u32,
    pub clock_rate: u32,
    pub packets: u64,
    pub bytes: u64,
    pub last_seen_ns: u64,
    pub seen: u64,
    pub received: u32,
    pub jitter: u32,
    pub transit: u32,
    pub last_timestamp: u32,
    pub last_sequence: u16,
    pub highest: u16,
    pub payload_type: u8,
    pub has_transit: u8,
    pub has_jumped: u8,
    pub in_use: u8,
    pub expected_before: u64,
    pub received_before: u64,
    pub unmeasured_packets: u32,
    pub unmeasured_bytes: u32,
    pub cycles: u32,
    pub duplicates: u32,
    pub reordered: u32,
    pub base: u16,
    pub jumped_to: u16,
    pub unused: [u8; 24],
}

#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hop {
    pub version: u32,
    pub logical: u32,
    pub device: u32,
    pub mtu: u32,
    pub tag: [u8; 2],
    pub flags: u8,
    pub unused: u8,
    pub destination: [u8; 6],
    pub source: [u8; 6],
}

#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Device {
    pub slot: u32,
    pub address: [u8; 6],
    pub flags: u8,
    pub unused: u8,
}

/// Where an interface is found without a look-up: at its number modulo `NEAR_DEVICES`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct NearDevice {
    pub interface: u32,
    pub device: Device,
}

pub const NEAR_DEVICES: u32 = 256;
pub const RULE_LEAVES_AS_IPV4: u8 = 1;
pub const RULE_REWRITES: u8 = 2;
const PAYLOAD_TIMES: u64 = 0x100;
const PAYLOAD_KNOWN: u64 = 0x200;
pub const HOP_RESOLVED: u8 = 1;
pub const HOP_TAGGED: u8 = 2;
pub const HOP_SENDS_FRAMES: u8 = 4;
pub const DEVICE_NATIVE: u8 = 1;
pub const DEVICE_STRICT: u8 = 2;
pub const DEVICE_REDIRECTS: u8 = 4;

/// Names of `enum relay_outcome`, in its order.
pub const OUTCOMES: [&str; 16] = [
    "forwarded",
    "other",
    "fragment",
    "options",
    "malformed",
    "notRtp",
    "rtcp",
    "noRule",
    "payloadType",
    "nextHop",
    "egress",
    "tooBig",
    "headroom",
    "checksum",
    "interface",
    "failed",
];

// SAFETY: plain integers and arrays of them, without padding, any bit pattern is a value.
unsafe impl Pod for Key {}
// SAFETY: see above.
unsafe impl Pod for RuleValue {}
// SAFETY: see above.
unsafe impl Pod for Device {}
// SAFETY: see above.
unsafe impl Pod for NearDevice {}

const _: () = assert!(size_of::<Key>() == 40 && size_of::<RuleValue>() == 208);
const _: () = assert!(size_of::<State>() == 128 && size_of::<Hop>() == 32 && size_of::<Device>() == 12);
const _: () = assert!(size_of::<NearDevice>() == 16);

/// What the rule's route adds to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Way {
    pub hop: u32,
    pub arrival_device: u32,
    pub ttl: u8,
}

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
    pub fn of(rule: &Rule, index: u32, way: Way) -> Self {
        let addresses_in = Sum::of(&mapped(rule.local.ip())).add(&mapped(rule.source.ip()));
        let addresses_out = Sum::of(&mapped(rule.from.ip())).add(&mapped(rule.to.ip()));
        // The mapped form's prefix is no part of an IPv4 pseudo header.
        let addresses_in = addresses_in.minus(prefix(rule.local.ip())).minus(prefix(rule.source.ip()));
        let addresses_out = addresses_out.minus(prefix(rule.from.ip())).minus(prefix(rule.to.ip()));
        let ports =
            |a: SocketAddr, b: SocketAddr| Sum::of(&a.port().to_be_bytes()).add(&b.port().to_be_bytes());
        let change = addresses_out
            .plus(ports(rule.from, rule.to))
            .minus(addresses_in)
            .minus(ports(rule.local, rule.source));
        let mut payloads = [0; MOST_PAYLOADS];
        for (value, payload) in payloads.iter_mut().zip(&rule.payloads) {
            *value = word(payload);
        }
        let as_ipv4 = if rule.from.is_ipv4() { RULE_LEAVES_AS_IPV4 } else { 0 };
        let rewrites = if rule.rewrite == Rewrite::default() { 0 } else { RULE_REWRITES };
        RuleValue {
            index,
            hop: way.hop,
            arrival_device: way.arrival_device,
            addresses_in: addresses_in.folded(),
            addresses_out: addresses_out.folded(),
            change: change.folded(),
            ip_header: ip_header(rule.tos, way.ttl).plus(addresses_out).folded(),
            sequence_offset: rule.rewrite.sequence_offset,
            tos: rule.tos,
            ttl: way.ttl,
            from_port: rule.from.port().to_be_bytes(),
            to_port: rule.to.port().to_be_bytes(),
            ssrc: rule.rewrite.ssrc.unwrap_or(rule.ssrc).to_be_bytes(),
            from: mapped(rule.from.ip()),
            to: mapped(rule.to.ip()),
            timestamp_offset: rule.rewrite.timestamp_offset,
            flags: as_ipv4 | rewrites,
            unused: [0; 3],
            epoch_ns: rule.epoch_ns,
            payloads,
        }
    }

    /// The rule this entry was made of.
    pub fn rule(&self, key: &Key) -> Rule {
        let ssrc = u32::from_be_bytes(self.ssrc);
        Rule {
            local: address(key.local, key.local_port),
            source: address(key.source, key.source_port),
            ssrc: u32::from_be_bytes(key.ssrc),
            from: address(self.from, self.from_port),
            to: address(self.to, self.to_port),
            tos: self.tos,
            payloads: self.payloads.iter().filter(|word| **word != 0).map(payload).collect(),
            rewrite: Rewrite {
                ssrc: (self.ssrc != key.ssrc).then_some(ssrc),
                sequence_offset: self.sequence_offset,
                timestamp_offset: self.timestamp_offset,
            },
            epoch_ns: self.epoch_ns,
        }
    }
}

impl State {
    pub fn beginning(progress: &Progress) -> Self {
        State {
            version: 0,
            clock_rate: progress.clock_rate,
            packets: 0,
            bytes: 0,
            last_seen_ns: 0,
            seen: progress.seen,
            received: progress.received,
            jitter: progress.jitter,
            transit: progress.transit.unwrap_or_default(),
            last_timestamp: 0,
            last_sequence: 0,
            highest: progress.highest,
            payload_type: progress.payload_type,
            has_transit: progress.transit.is_some().into(),
            has_jumped: progress.jumped_to.is_some().into(),
            in_use: 1,
            expected_before: progress.expected_before,
            received_before: progress.received_before,
            unmeasured_packets: 0,
            unmeasured_bytes: 0,
            cycles: progress.cycles,
            duplicates: progress.duplicates,
            reordered: progress.reordered,
            base: progress.base,
            jumped_to: progress.jumped_to.unwrap_or_default(),
            unused: [0; 24],
        }
    }

    pub fn stats(&self) -> RuleStats {
        RuleStats {
            packets: self.packets + u64::from(self.unmeasured_packets),
            bytes: self.bytes + u64::from(self.unmeasured_bytes),
            last_seen_ns: (self.last_seen_ns != 0).then_some(self.last_seen_ns),
            last_sequence: self.last_sequence,
            last_timestamp: self.last_timestamp,
            unmeasured: self.unmeasured_packets.into(),
            progress: Progress {
                payload_type: self.payload_type,
                clock_rate: self.clock_rate,
                cycles: self.cycles,
                base: self.base,
                highest: self.highest,
                seen: self.seen,
                received: self.received,
                duplicates: self.duplicates,
                reordered: self.reordered,
                jitter: self.jitter,
                transit: (self.has_transit != 0).then_some(self.transit),
                jumped_to: (self.has_jumped != 0).then_some(self.jumped_to),
                expected_before: self.expected_before,
                received_before: self.received_before,
            },
        }
    }
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

fn payload(word: &u64) -> Payload {
    let [leaves_as, _, arrives_as, _, ..] = word.to_le_bytes();
    let (clock_rate, times) = ((word >> 32) as u32, word & PAYLOAD_TIMES != 0);
    Payload { arrives_as, leaves_as, clock_rate, times }
}

fn address(octets: [u8; 16], port: [u8; 2]) -> SocketAddr {
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
