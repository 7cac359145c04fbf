//! The fast path without a proxy: as many rules as are wanted, where sockets would be too many.

use crate::frame;
use crate::namespace;
use crate::stream::{Detour, Route};
use anyhow::{Context, Result};
use fastpath::{FastPath, Mode, Options, Payload, Progress, Rewrite, Rule};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};

/// Rules for all routes, until this is dropped.
pub fn relay(detour: &Detour, routes: &[Route]) -> Result<FastPath> {
    namespace::enter(&detour.namespace)?;
    let options = Options {
        devices: vec![detour.into.clone()],
        addresses: vec![IpAddr::V4(detour.from)],
        pin_dir: None,
        capacity: CAPACITY,
    };
    let (fast_path, _) = FastPath::open_by(&options, Some(Mode::Native)).context("opening the fast path")?;
    for (stream, route) in (0..).zip(routes) {
        let rule = rule(detour, stream, route);
        fast_path.install(&rule, &Progress::default()).context("installing a rule")?;
    }
    Ok(fast_path)
}

fn rule(detour: &Detour, stream: u32, route: &Route) -> Rule {
    let to = Ipv4Addr::from_bits(detour.to.to_bits() + stream / PORTS_PER_ADDRESS);
    let to = SocketAddrV4::new(to, FIRST_PORT + 2 * (stream % PORTS_PER_ADDRESS) as u16);
    Rule {
        local: SocketAddr::V4(route.to),
        source: SocketAddr::V4(route.from),
        ssrc: frame::ssrc(stream),
        from: SocketAddr::V4(SocketAddrV4::new(detour.from, route.to.port() + 1)),
        to: SocketAddr::V4(to),
        tos: 0xb8,
        payloads: vec![Payload { arrives_as: 0, leaves_as: 0, clock_rate: 8000, times: true }],
        rewrite: Rewrite::default(),
        epoch_ns: 0,
        copy: None,
    }
}

/// As the configuration has it.
const CAPACITY: u32 = 32_768;
const PORTS_PER_ADDRESS: u32 = 5_000;
const FIRST_PORT: u16 = 20_000;
