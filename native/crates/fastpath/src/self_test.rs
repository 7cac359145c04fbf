//! Sends a packet through the loaded program and looks at what comes out.

use std::net::{Ipv4Addr, SocketAddr};

use crate::{
    Payload, Progress, Rewrite, Rule,
    frame::Frame,
    hops::Hops,
    kernel::{Kernel, LOOPBACK, XDP_TX},
    layout::{DEVICE_NATIVE, Device, HOP_RESOLVED, HOP_SENDS_FRAMES, Hop, State, Way},
    report::OpenError,
};

/// All in documentation addresses, which nobody has.
pub fn run(kernel: &mut Kernel, hops: &mut Hops) -> Result<(), OpenError> {
    let fail = |what: String| OpenError::SelfTest(what);
    let refused = |error: aya::maps::MapError| OpenError::SelfTest(error.to_string());
    // The last index is the last to be given out.
    let states = kernel.rules.states.clone();
    let index = states.len().checked_sub(1).ok_or_else(|| fail("no room for a rule".to_owned()))?;
    if states.read(index).is_some_and(|state| state.in_use != 0) {
        return Ok(());
    }
    let hop = Hop {
        logical: LOOPBACK,
        device: LOOPBACK,
        mtu: 1500,
        flags: HOP_RESOLVED | HOP_SENDS_FRAMES,
        destination: PEER,
        source: OURS,
        ..Hop::default()
    };
    let slot = hops.occupy(hop).map_err(|error| fail(error.to_string()))?;
    let rule = rule();
    let way = Way { hop: slot, arrival_device: LOOPBACK, ttl: 64 };
    kernel.rules.insert(index, &rule, way, State::beginning(&Progress::default())).map_err(refused)?;
    let device = Device { slot: TEST_SLOT, address: OURS, flags: DEVICE_NATIVE, unused: 0 };
    kernel.devices.insert(LOOPBACK, device, 0).map_err(refused)?;
    let ran = kernel.run(&arriving(&rule), 1).map_err(|error| fail(error.to_string()));
    let counted = states.read(index).map_or(0, |state| state.packets);
    let _ = kernel.devices.remove(&LOOPBACK);
    kernel.rules.remove(index, &rule);
    hops.release(slot);
    let ran = ran?;
    if ran.verdict != XDP_TX {
        return Err(fail(format!("verdict {} for a packet of a rule", ran.verdict)));
    }
    if ran.frame != leaving(&rule) {
        return Err(fail("the packet that came out is not the one expected".to_owned()));
    }
    if counted != 1 {
        return Err(fail("the packet was not counted".to_owned()));
    }
    Ok(())
}

fn rule() -> Rule {
    let address = |last: u8, port: u16| SocketAddr::from((Ipv4Addr::new(192, 0, 2, last), port));
    Rule {
        local: address(1, 30_000),
        source: address(2, 40_000),
        ssrc: 0x7461_6e64,
        from: address(3, 30_002),
        to: address(4, 50_000),
        tos: 0xb8,
        payloads: vec![Payload { arrives_as: 0, leaves_as: 0, clock_rate: 8000, times: true }],
        rewrite: Rewrite::default(),
        epoch_ns: 0,
        copy: None,
    }
}

fn arriving(rule: &Rule) -> Vec<u8> {
    let payload = &packet(rule);
    let (from, to) = (rule.source, rule.local);
    Frame { destination: OURS, source: PEER, tags: &[], from, to, tos: 0, ttl: 57, payload }.bytes()
}

fn leaving(rule: &Rule) -> Vec<u8> {
    let payload = &packet(rule);
    let (from, to, tos) = (rule.from, rule.to, rule.tos);
    Frame { destination: PEER, source: OURS, tags: &[], from, to, tos, ttl: 64, payload }.bytes()
}

fn packet(rule: &Rule) -> Vec<u8> {
    let mut packet = vec![0x80, 0, 0, 1, 0, 0, 0, 160];
    packet.extend(rule.ssrc.to_be_bytes());
    packet.extend(0..=159);
    packet
}

const OURS: [u8; 6] = [2, 0, 0, 0, 0, 1];
const PEER: [u8; 6] = [2, 0, 0, 0, 0, 2];
/// The last one: interfaces take theirs from the first one on.
const TEST_SLOT: u32 = 63;
