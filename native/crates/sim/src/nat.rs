//! Network address translators, by the behaviours of RFC 4787.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NatId(pub(crate) usize);

/// On what a mapping, or a filter, depends (RFC 4787 §4.1 and §5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    EndpointIndependent,
    AddressDependent,
    AddressAndPortDependent,
}

#[derive(Debug)]
pub struct Nat {
    public: IpAddr,
    mapping: Behaviour,
    filtering: Behaviour,
    next_port: u16,
    /// Inside address and what of the destination the mapping depends on, to the outside port.
    mappings: BTreeMap<(SocketAddr, Option<SocketAddr>), u16>,
    /// Outside port to inside address and the destinations it has sent to.
    open: BTreeMap<u16, (SocketAddr, Vec<SocketAddr>)>,
}

impl Nat {
    pub fn new(public: IpAddr, mapping: Behaviour, filtering: Behaviour) -> Self {
        let next_port = 31_000;
        Nat { public, mapping, filtering, next_port, mappings: BTreeMap::new(), open: BTreeMap::new() }
    }

    pub fn public(&self) -> IpAddr {
        self.public
    }

    /// Where a packet from inside appears to come from.
    pub fn translate(&mut self, from: SocketAddr, to: SocketAddr) -> SocketAddr {
        let key = (from, relevant(self.mapping, to));
        let next = &mut self.next_port;
        let port = *self.mappings.entry(key).or_insert_with(|| {
            *next += 1;
            *next
        });
        let (_, destinations) = self.open.entry(port).or_insert_with(|| (from, Vec::new()));
        if !destinations.contains(&to) {
            destinations.push(to);
        }
        SocketAddr::new(self.public, port)
    }

    /// The inside address a packet to an outside port is for; `None` if it is filtered.
    pub fn inside(&self, port: u16, from: SocketAddr) -> Option<SocketAddr> {
        let (inside, destinations) = self.open.get(&port)?;
        let wanted = relevant(self.filtering, from);
        let known = destinations.iter().any(|to| relevant(self.filtering, *to) == wanted);
        known.then_some(*inside)
    }

    /// Forgets all mappings, as after a restart: the next packets get new ports.
    pub fn rebind(&mut self) {
        self.mappings.clear();
        self.open.clear();
    }
}

fn relevant(behaviour: Behaviour, other: SocketAddr) -> Option<SocketAddr> {
    match behaviour {
        Behaviour::EndpointIndependent => None,
        Behaviour::AddressDependent => Some(SocketAddr::new(other.ip(), 0)),
        Behaviour::AddressAndPortDependent => Some(other),
    }
}
