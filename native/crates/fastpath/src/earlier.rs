//! Rules of the layout before this one. A binary of the next version makes rules of its own of them while the program they
//! belong to goes on relaying, and puts its program in that one's place: no packet of theirs is lost or goes up.
//!
//! Each layout knows the one before; rules of older ones are withdrawn. Whoever makes a new one replaces what is here.

use std::{fs, io, mem::offset_of, path::Path};

use aya::{
    Pod,
    maps::{Array, HashMap, Map, MapData, MapError, PerCpuArray},
};

use crate::{
    entry::{address, payload},
    kernel::Kernel,
    layout::{Device, Hop, Key, LAYOUT, MOST_DEVICES, OUTCOMES, State, Way},
    mapped::MappedArray,
    pins,
    rule::{MOST_PAYLOADS, Rewrite, Rule},
};

pub const EARLIER: u32 = LAYOUT - 1;

/// The maps it was taken from, and what has been taken of each rule.
pub struct Earlier {
    states: Array<MapData, OldState>,
    taken: Vec<(u32, OldState)>,
}

/// `None` if there is nothing to finish. What cannot be read is removed, and packets take the process until their rules are
/// installed anew.
pub fn take(from: &Path, to: &Path, kernel: &mut Kernel, hops: &MappedArray<Hop>) -> Option<Earlier> {
    // A start was stopped half-way: our program may be at work already.
    let is_begun = pins::links(to).is_ok_and(|links| !links.is_empty());
    let taken = if is_begun {
        move_links(from, to).map(|()| None).map_err(MapError::from)
    } else {
        copy(from, to, kernel, hops).map(Some)
    };
    taken.unwrap_or_else(|_| {
        let _ = pins::remove(from);
        None
    })
}

/// Copies rules, measurements, hops, interfaces and counters, and has the links in `from` be found in `to`.
fn copy(from: &Path, to: &Path, kernel: &mut Kernel, hops: &MappedArray<Hop>) -> Result<Earlier, MapError> {
    let rules: HashMap<_, Key, OldRule> = Map::HashMap(open(from, "rules")?).try_into()?;
    let states: Array<_, OldState> = Map::Array(open(from, "states")?).try_into()?;
    let old_hops: Array<_, Hop> = Map::Array(open(from, "hops")?).try_into()?;
    let devices: HashMap<_, u32, Device> = Map::HashMap(open(from, "devices")?).try_into()?;
    let counters: PerCpuArray<_, u64> = Map::PerCpuArray(open(from, "counters")?).try_into()?;
    let mut taken = Vec::new();
    for (key, rule) in rules.iter().filter_map(Result::ok) {
        let (old, hop) = (states.get(&rule.index, 0)?, old_hops.get(&rule.hop, 0)?);
        hops.write(rule.hop, hop);
        let way = Way { hop: rule.hop, arrival_device: rule.arrival_device, ttl: rule.ttl };
        // One for which there is no room any more goes up.
        if rule.index < kernel.rules.states.len() {
            kernel.rules.insert(rule.index, &rule.rule(&key), way, old.state())?;
            taken.push((rule.index, old));
        }
    }
    for (interface, device) in devices.iter().filter_map(Result::ok) {
        kernel.enter_device(interface, device)?;
    }
    for index in 0..MOST_DEVICES * OUTCOMES.len() as u32 {
        kernel.set_counter(index, counters.get(&index, 0)?)?;
    }
    move_links(from, to)?;
    Ok(Earlier { states, taken })
}

impl Earlier {
    /// Counts what the program before has relayed since then. It must not run any more.
    pub fn finish(self, kernel: &Kernel) {
        for (index, before) in self.taken {
            let Ok(after) = self.states.get(&index, 0) else { continue };
            let counted = [
                (
                    offset_of!(State, unmeasured_packets),
                    after.all_packets().saturating_sub(before.all_packets()),
                ),
                (offset_of!(State, unmeasured_bytes), after.all_bytes().saturating_sub(before.all_bytes())),
            ];
            for (offset, count) in counted {
                kernel.rules.states.add_to_word(index, offset, count as u32);
            }
        }
    }
}

fn move_links(from: &Path, to: &Path) -> io::Result<()> {
    for (mode, interface, path) in pins::links(from)? {
        fs::rename(&path, pins::link_path(to, mode, interface))?;
    }
    Ok(())
}

fn open(directory: &Path, map: &str) -> Result<MapData, MapError> {
    MapData::from_pin(directory.join(map))
}

#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct OldRule {
    index: u32,
    hop: u32,
    arrival_device: u32,
    sums: [u16; 4],
    sequence_offset: u16,
    tos: u8,
    ttl: u8,
    from_port: [u8; 2],
    to_port: [u8; 2],
    ssrc: [u8; 4],
    from: [u8; 16],
    to: [u8; 16],
    timestamp_offset: u32,
    flags: [u8; 4],
    epoch_ns: u64,
    payloads: [u64; MOST_PAYLOADS],
}

#[repr(C)]
#[derive(Debug, Clone, Copy)]
struct OldState {
    version: u32,
    clock_rate: u32,
    packets: u64,
    bytes: u64,
    last_seen_ns: u64,
    seen: u64,
    received: u32,
    jitter: u32,
    transit: u32,
    last_timestamp: u32,
    last_sequence: u16,
    highest: u16,
    payload_type: u8,
    has_transit: u8,
    has_jumped: u8,
    in_use: u8,
    expected_before: u64,
    received_before: u64,
    unmeasured_packets: u32,
    unmeasured_bytes: u32,
    cycles: u32,
    duplicates: u32,
    reordered: u32,
    base: u16,
    jumped_to: u16,
    unused: [u8; 24],
}

// SAFETY: plain integers and arrays of them, without padding, any bit pattern is a value.
unsafe impl Pod for OldRule {}
// SAFETY: see above.
unsafe impl Pod for OldState {}
// SAFETY: see the structure.
unsafe impl Pod for Hop {}

const _: () = assert!(size_of::<OldRule>() == 208 && size_of::<OldState>() == 128);

impl OldRule {
    fn rule(&self, key: &Key) -> Rule {
        let ssrc = u32::from_be_bytes(self.ssrc);
        Rule {
            local: address(key.local, key.local_port),
            source: address(key.source, key.source_port),
            ssrc: u32::from_be_bytes(key.ssrc),
            from: address(self.from, self.from_port),
            to: address(self.to, self.to_port),
            tos: self.tos,
            payloads: self.payloads.into_iter().filter(|word| *word != 0).map(payload).collect(),
            rewrite: Rewrite {
                ssrc: (self.ssrc != key.ssrc).then_some(ssrc),
                sequence_offset: self.sequence_offset,
                timestamp_offset: self.timestamp_offset,
            },
            epoch_ns: self.epoch_ns,
            copy: None,
        }
    }
}

impl OldState {
    fn state(&self) -> State {
        State {
            version: 0,
            clock_rate: self.clock_rate,
            packets: self.packets,
            bytes: self.bytes,
            last_seen_ns: self.last_seen_ns,
            seen: self.seen,
            received: self.received,
            jitter: self.jitter,
            transit: self.transit,
            last_timestamp: self.last_timestamp,
            last_sequence: self.last_sequence,
            highest: self.highest,
            payload_type: self.payload_type,
            has_transit: self.has_transit,
            has_jumped: self.has_jumped,
            in_use: 1,
            rule: Default::default(),
            expected_before: self.expected_before,
            received_before: self.received_before,
            unmeasured_packets: self.unmeasured_packets,
            unmeasured_bytes: self.unmeasured_bytes,
            cycles: self.cycles,
            duplicates: self.duplicates,
            reordered: self.reordered,
            base: self.base,
            jumped_to: self.jumped_to,
            copy_token: 0,
            copies_lost: 0,
            unused: [0; 8],
        }
    }

    fn all_packets(&self) -> u64 {
        self.packets + u64::from(self.unmeasured_packets)
    }

    fn all_bytes(&self) -> u64 {
        self.bytes + u64::from(self.unmeasured_bytes)
    }
}

#[cfg(test)]
mod tests;
