//! A binary with another layout of the maps takes over without losing a packet.

#![allow(clippy::unwrap_used, reason = "of tests")]

mod support;

use std::{
    ffi::CString,
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use aya::maps::{Array, HashMap, Map, MapData};
use fastpath::{FastPath, clean};
use support::{Network, PINS, eastwards, layout, left_behind, options};

/// Of the layout before: (name, type, key, value, entries, flags), as its binaries have made them.
const OLD_MAPS: [(&str, u32, u32, u32, u32, u32); 5] = [
    ("rules", HASH, 40, 208, 1024, 1),
    ("states", ARRAY, 4, 128, 1024, MMAPABLE),
    ("hops", ARRAY, 4, 32, 4096, MMAPABLE),
    ("devices", HASH, 4, 12, 64, 0),
    ("counters", PERCPU_ARRAY, 4, 8, 1024, 0),
];
const HASH: u32 = 1;
const ARRAY: u32 = 2;
const PERCPU_ARRAY: u32 = 6;
const MMAPABLE: u32 = 1 << 10;

/// Makes of the pins of a layout what a binary of the one before would have left: its program, which goes on relaying by
/// maps that nobody else has, and maps that say the same in the old way.
fn age(newer: &Path) -> PathBuf {
    let old = Path::new(PINS).join("layout_2");
    fs::create_dir(&old).unwrap();
    for (name, kind, key, value, entries, flags) in OLD_MAPS {
        let map = bpf(CREATE, &mut [kind, key, value, entries, flags, 0, 0, 0, 0, 0, 0, 0]);
        let path = CString::new(old.join(name).to_str().unwrap()).unwrap();
        let address = path.as_ptr() as u64;
        bpf(PIN, &mut [address as u32, (address >> 32) as u32, map, 0]);
    }
    let hops: Array<_, [u8; 32]> = array(newer, "hops");
    let mut old_hops: Array<_, [u8; 32]> = array(&old, "hops");
    for slot in 0..8 {
        old_hops.set(slot, hops.get(&slot, 0).unwrap(), 0).unwrap();
    }
    let devices: HashMap<_, u32, [u8; 12]> = table(newer, "devices");
    let mut old_devices: HashMap<_, u32, [u8; 12]> = table(&old, "devices");
    for (interface, device) in devices.iter().map(Result::unwrap) {
        old_devices.insert(interface, device, 0).unwrap();
    }
    let rules: HashMap<_, [u8; 40], u32> = table(newer, "rules");
    let states: Array<_, [u8; 192]> = array(newer, "states");
    let (key, index) = rules.iter().next().unwrap().unwrap();
    let state = states.get(&index, 0).unwrap();
    let mut old_rules: HashMap<_, [u8; 40], [u8; 208]> = table(&old, "rules");
    old_rules.insert(key, old_rule(index, &state[64..128]), 0).unwrap();
    let mut old_states: Array<_, [u8; 128]> = array(&old, "states");
    let old_state = [&state[..64], &state[128..]].concat();
    old_states.set(index, <[u8; 128]>::try_from(old_state).unwrap(), 0).unwrap();
    for entry in fs::read_dir(newer).unwrap().map(Result::unwrap) {
        if entry.file_name().to_str().unwrap().starts_with("generic_") {
            fs::rename(entry.path(), old.join(entry.file_name())).unwrap();
        } else {
            fs::remove_file(entry.path()).unwrap();
        }
    }
    fs::remove_dir(newer).unwrap();
    old
}

/// `eastwards` as it was written then, with what the kernel's new entry says of its way.
fn old_rule(index: u32, entry: &[u8]) -> [u8; 208] {
    let rule = eastwards();
    let mapped = |address: std::net::SocketAddr| match address.ip() {
        std::net::IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        std::net::IpAddr::V6(address) => address.octets(),
    };
    let mut old = Vec::new();
    old.extend(index.to_ne_bytes());
    old.extend(&entry[48..52]); // hop
    old.extend([0; 4]); // arrival device
    old.extend([0; 8]); // sums
    old.extend([0; 2]); // sequence offset
    old.extend([rule.tos, 64]);
    old.extend(rule.from.port().to_be_bytes());
    old.extend(rule.to.port().to_be_bytes());
    old.extend(rule.ssrc.to_be_bytes());
    old.extend(mapped(rule.from));
    old.extend(mapped(rule.to));
    old.extend([0; 4]); // timestamp offset
    old.extend([1, 0, 0, 0]); // leaves as IPv4
    old.extend(rule.epoch_ns.to_ne_bytes());
    for payload in &rule.payloads {
        let times = if payload.times { 0x100 } else { 0 };
        let word = u64::from(payload.leaves_as) | times | 0x200 | u64::from(payload.arrives_as) << 16;
        old.extend((word | u64::from(payload.clock_rate) << 32).to_ne_bytes());
    }
    old.resize(208, 0);
    old.try_into().unwrap()
}

#[test]
fn the_next_layout_takes_rules_over_and_loses_no_packet() {
    kernel_or_skip!();
    let network = Network::new();
    network.relay.run_with_bpffs(|| {
        let options = options(Some(PINS.into()));
        let mut flow = left_behind(&network);
        flow.packets(5);
        let newer = layout();
        let old = age(&newer);
        let taken_over = AtomicBool::new(false);
        let second = thread::scope(|scope| {
            scope.spawn(|| {
                while !taken_over.load(Ordering::Relaxed) {
                    flow.packets(1);
                }
                flow.packets(5);
            });
            let (second, _) = FastPath::open(&options).unwrap();
            taken_over.store(true, Ordering::Relaxed);
            second
        });
        assert!(!old.exists());
        let adopted = second.adopt();
        let [(rule, index)] = &adopted[..] else { panic!("{adopted:?}") };
        assert_eq!(*rule, eastwards());
        let stats = second.stats(*index).unwrap();
        // What the stand-in for the old program counts meanwhile, nobody sees: it has maps of its own.
        assert!(stats.packets >= 10, "{stats:?}");
        assert_eq!(stats.last_sequence, flow.next.wrapping_sub(1));
        second.close();
        assert!(!Path::new(PINS).exists());
    });
}

#[test]
fn a_start_that_was_stopped_half_way_is_finished() {
    kernel_or_skip!();
    let network = Network::new();
    network.relay.run_with_bpffs(|| {
        let options = options(Some(PINS.into()));
        let mut flow = left_behind(&network);
        let newer = layout();
        let old = age(&newer);
        // Its maps were made, and nothing more.
        fs::create_dir(&newer).unwrap();
        fs::hard_link(old.join("hops"), newer.join("hops")).unwrap();
        let (second, _) = FastPath::open(&options).unwrap();
        flow.packets(3);
        assert_eq!(second.adopt().len(), 1);
        second.close();
    });
}

#[test]
fn rules_of_a_layout_that_nobody_knows_are_withdrawn() {
    kernel_or_skip!();
    let network = Network::new();
    network.relay.run_with_bpffs(|| {
        let options = options(Some(PINS.into()));
        left_behind(&network);
        let newer = layout();
        let unknown = Path::new(PINS).join("layout_1");
        fs::create_dir(&unknown).unwrap();
        for entry in fs::read_dir(&newer).unwrap().map(Result::unwrap) {
            fs::rename(entry.path(), unknown.join(entry.file_name())).unwrap();
        }
        let (second, _) = FastPath::open(&options).unwrap();
        assert!(second.adopt().is_empty());
        assert!(!unknown.exists());
        second.close();
    });
}

#[test]
fn rules_of_the_layout_before_are_counted_when_they_are_cleaned_away() {
    kernel_or_skip!();
    let network = Network::new();
    network.relay.run_with_bpffs(|| {
        left_behind(&network);
        age(&layout());
        assert_eq!(clean(Path::new(PINS)).unwrap().rules, 1);
    });
}

fn array<T: aya::Pod>(directory: &Path, name: &str) -> Array<MapData, T> {
    Map::Array(MapData::from_pin(directory.join(name)).unwrap()).try_into().unwrap()
}

fn table<K: aya::Pod, V: aya::Pod>(directory: &Path, name: &str) -> HashMap<MapData, K, V> {
    Map::HashMap(MapData::from_pin(directory.join(name)).unwrap()).try_into().unwrap()
}

fn bpf(command: i64, attributes: &mut [u32]) -> u32 {
    // SAFETY: attributes of this size, whose address, if they have one, is that of a terminated string.
    let result = unsafe {
        libc::syscall(libc::SYS_bpf, command, attributes.as_mut_ptr(), std::mem::size_of_val(attributes))
    };
    assert!(result >= 0, "{}", std::io::Error::last_os_error());
    result as u32
}

const CREATE: i64 = 0;
const PIN: i64 = 6;
