//! The interfaces of this host and whose addresses are whose.

use std::{collections::HashMap, io, net::IpAddr};

use crate::{
    fast_path::Options,
    netlink::{Interface, Socket},
    report::{InterfaceReport, Mode},
};

#[derive(Debug, Default)]
pub struct Topology {
    interfaces: HashMap<u32, Interface>,
    owners: HashMap<IpAddr, u32>,
}

impl Topology {
    pub fn read(socket: &mut Socket) -> io::Result<Self> {
        let interfaces = socket.interfaces()?.into_iter().map(|interface| (interface.index, interface));
        Ok(Topology { interfaces: interfaces.collect(), owners: socket.addresses()?.into_iter().collect() })
    }

    pub fn interface(&self, index: u32) -> Option<&Interface> {
        self.interfaces.get(&index)
    }

    pub fn named(&self, name: &str) -> Option<&Interface> {
        self.interfaces.values().find(|interface| interface.name == name)
    }

    pub fn owner(&self, address: IpAddr) -> Option<&Interface> {
        self.interface(*self.owners.get(&address)?)
    }

    /// Where frames of this interface appear: below its VLAN tag.
    pub fn carrier<'a>(&'a self, interface: &'a Interface) -> Option<&'a Interface> {
        match interface.vlan {
            None => Some(interface),
            Some(vlan) => self.interface(vlan.parent).filter(|parent| vlan.is_plain && parent.vlan.is_none()),
        }
    }

    /// True if packets of other interfaces may appear here with their tag hidden.
    pub fn carries_tags(&self, index: u32) -> bool {
        self.interfaces.values().any(|other| other.vlan.is_some_and(|vlan| vlan.parent == index))
    }

    pub fn name(&self, index: u32) -> String {
        self.interface(index).map_or_else(|| format!("interface {index}"), |interface| interface.name.clone())
    }

    /// The interfaces to cover, and reports of those that do not exist.
    pub fn owners(&self, options: &Options) -> (Vec<&Interface>, Vec<InterfaceReport>) {
        let mut owners = Vec::new();
        let mut unknown = Vec::new();
        let mut add = |found, what: String, reason: &str| match found {
            Some(owner) if owners.contains(&owner) => {}
            Some(owner) => owners.push(owner),
            None => {
                unknown.push(InterfaceReport { device: what, mode: Mode::None, reason: reason.to_owned() });
            }
        };
        for name in &options.devices {
            add(self.named(name), name.clone(), "no such interface");
        }
        if options.devices.is_empty() {
            for address in &options.addresses {
                add(self.owner(*address), address.to_string(), "no interface has this address");
            }
        }
        (owners, unknown)
    }
}
