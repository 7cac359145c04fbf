//! The interfaces of this host and whose addresses are whose.

use std::{collections::HashMap, io, net::IpAddr};

use crate::netlink::{Interface, Socket};

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
}
