//! The maps' keys and values, as in `bpf/relay.h`. Addresses, ports and the SSRC are in network order.

use aya::Pod;

use crate::rule::{MOST_PAYLOADS, Progress, RuleStats};

/// Changes whenever a map's key or value does: of other numbers only the one before can be read (earlier.rs). What is added
/// where everybody has written zeros, or in a map of its own, disturbs nobody.
pub const LAYOUT: u32 = 3;

#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    pub local: [u8; 16],
    pub source: [u8; 16],
    pub local_port: [u8; 2],
    pub source_port: [u8; 2],
    pub ssrc: [u8; 4],
}

/// What most packets need of a rule, one cache line.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct RuleValue {
    pub local: [u8; 4],
    pub source: [u8; 4],
    pub local_port: [u8; 2],
    pub source_port: [u8; 2],
    pub ssrc: [u8; 4],
    pub payload: u64,
    pub epoch_ns: u64,
    pub from: [u8; 4],
    pub to: [u8; 4],
    pub from_port: [u8; 2],
    pub to_port: [u8; 2],
    pub leaving_ssrc: [u8; 4],
    pub hop: u32,
    pub addresses_in: u16,
    pub change: u16,
    pub ip_header: u16,
    pub tos: u8,
    pub ttl: u8,
    pub flags: u8,
    pub unused: [u8; 3],
}

/// The rest of it.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Details {
    pub version: u32,
    pub arrival_device: u32,
    pub timestamp_offset: u32,
    pub sequence_offset: u16,
    pub addresses_out: u16,
    pub local: [u8; 16],
    pub source: [u8; 16],
    pub from: [u8; 16],
    pub to: [u8; 16],
    pub payloads: [u64; MOST_PAYLOADS - 1],
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
    pub rule: RuleValue,
    pub expected_before: u64,
    pub received_before: u64,
    pub unmeasured_packets: u32,
    pub unmeasured_bytes: u32,
    pub cycles: u32,
    pub duplicates: u32,
    pub reordered: u32,
    pub base: u16,
    pub jumped_to: u16,
    pub copy_token: u64,
    pub copies_lost: u64,
    pub unused: [u8; 8],
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

/// Where the index of a rule is looked for first, plus one.
pub const PLACES: u32 = 65_536;
/// Interfaces that may be counted.
pub const MOST_DEVICES: u32 = 64;
pub const NEAR_DEVICES: u32 = 256;
pub const RULE_LEAVES_AS_IPV4: u8 = 1;
pub const RULE_REWRITES: u8 = 2;
pub const RULE_ARRIVES_AS_IPV4: u8 = 4;
pub const RULE_IN_USE: u8 = 8;
pub const RULE_COPIES: u8 = 16;
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
unsafe impl Pod for Device {}
// SAFETY: see above.
unsafe impl Pod for NearDevice {}

const _: () = assert!(size_of::<Key>() == 40 && size_of::<RuleValue>() == 64 && size_of::<Details>() == 200);
const _: () = assert!(size_of::<State>() == 192 && size_of::<Hop>() == 32 && size_of::<Device>() == 12);
const _: () = assert!(size_of::<NearDevice>() == 16);

/// What the rule's route adds to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Way {
    pub hop: u32,
    pub arrival_device: u32,
    pub ttl: u8,
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
            in_use: 0,
            rule: RuleValue::default(),
            expected_before: progress.expected_before,
            received_before: progress.received_before,
            unmeasured_packets: 0,
            unmeasured_bytes: 0,
            cycles: progress.cycles,
            duplicates: progress.duplicates,
            reordered: progress.reordered,
            base: progress.base,
            jumped_to: progress.jumped_to.unwrap_or_default(),
            copy_token: 0,
            copies_lost: 0,
            unused: [0; 8],
        }
    }

    /// Of no rule; what was measured stays.
    pub fn ended(self) -> Self {
        State { in_use: 0, rule: RuleValue::default(), ..self }
    }

    pub fn stats(&self) -> RuleStats {
        RuleStats {
            packets: self.packets + u64::from(self.unmeasured_packets),
            bytes: self.bytes + u64::from(self.unmeasured_bytes),
            last_seen_ns: (self.last_seen_ns != 0).then_some(self.last_seen_ns),
            last_sequence: self.last_sequence,
            last_timestamp: self.last_timestamp,
            unmeasured: self.unmeasured_packets.into(),
            copies_lost: self.copies_lost,
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
