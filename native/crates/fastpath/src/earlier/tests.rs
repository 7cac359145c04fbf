use std::os::fd::{FromRawFd, OwnedFd};

use super::*;
use crate::privileges;

#[test]
fn what_the_old_program_relays_until_its_end_is_counted_once() {
    let missing = privileges::missing();
    if !missing.is_empty() {
        assert!(std::env::var("TANDEM_REQUIRE_PEERS").is_err(), "cannot run: {missing:?}");
        return eprintln!("skipped: {}", missing.join("; "));
    }
    let kernel = Kernel::load(None, 64).unwrap();
    let mut states = old_states();
    let taken = [(3, old_state(100, 5)), (4, old_state(20, 0))];
    for (index, state) in taken {
        states.set(index, state, 0).unwrap();
        kernel.rules.states.write(index, state.state());
    }
    // The new program has begun on one of them when the old one relays its last packets.
    kernel.rules.states.write(4, State { packets: 21, bytes: 21 * 172, ..old_state(20, 0).state() });
    states.set(3, old_state(107, 7), 0).unwrap();
    states.set(4, old_state(22, 0), 0).unwrap();

    Earlier { states, taken: taken.to_vec() }.finish(&kernel);

    assert_eq!(counted(&kernel, 3), (107 + 7, (107 + 7) * 172));
    assert_eq!(counted(&kernel, 4), (21 + 2, (21 + 2) * 172));
}

fn counted(kernel: &Kernel, index: u32) -> (u64, u64) {
    let stats = kernel.rules.states.read(index).unwrap().stats();
    (stats.packets, stats.bytes)
}

fn old_state(packets: u64, unmeasured: u32) -> OldState {
    // SAFETY: plain integers, of which zero is a value.
    let nothing: OldState = unsafe { std::mem::zeroed() };
    let bytes = packets * 172;
    OldState { packets, bytes, unmeasured_packets: unmeasured, unmeasured_bytes: unmeasured * 172, ..nothing }
}

fn old_states() -> Array<MapData, OldState> {
    let mut attributes = [ARRAY, 4, size_of::<OldState>() as u32, 64];
    // SAFETY: attributes of this size; the kernel answers with a descriptor that is ours alone.
    let map = unsafe {
        let size = std::mem::size_of_val(&attributes);
        let descriptor = libc::syscall(libc::SYS_bpf, CREATE, attributes.as_mut_ptr(), size);
        assert!(descriptor >= 0, "{}", std::io::Error::last_os_error());
        OwnedFd::from_raw_fd(descriptor as i32)
    };
    Map::Array(MapData::from_fd(map).unwrap()).try_into().unwrap()
}

const CREATE: i64 = 0;
const ARRAY: u32 = 2;
