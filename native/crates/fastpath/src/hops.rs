//! Next hops: which interface, which link-layer address. Resolved by the kernel's own tables (routes with their rules
//! and metrics, neighbours), since a look-up from within the program demands that the host forwards.

use std::{
    collections::HashMap,
    fs, io,
    net::{IpAddr, Ipv4Addr},
};

use crate::{
    layout::{HOP_RESOLVED, HOP_SENDS_FRAMES, HOP_TAGGED, Hop},
    mapped::MappedArray,
    netlink::{Interface, NetDev, Route, Socket},
    report::InstallError,
    topology::Topology,
};

#[derive(Debug)]
pub struct Hops {
    map: MappedArray<Hop>,
    slots: HashMap<u32, Slot>,
    found: HashMap<Wanted, u32>,
    socket: Socket,
    drivers: Drivers,
    ttl: (u8, u8),
}

/// A machine to send to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Wanted {
    interface: u32,
    neighbour: IpAddr,
    mtu: u32,
}

#[derive(Debug)]
struct Slot {
    wanted: Wanted,
    users: u32,
    stored: Hop,
}

/// Which drivers send frames that XDP redirects to them.
#[derive(Debug)]
pub struct Drivers(Option<NetDev>);

impl Drivers {
    pub fn open() -> Self {
        Drivers(NetDev::open().ok())
    }

    /// Before Linux 6.3 nobody tells; veth depends on its peer there, so it is not trusted.
    pub fn sends_frames(&mut self, interface: &Interface) -> bool {
        match &mut self.0 {
            Some(devices) => devices.features(interface.index).is_ok_and(|features| features.sends_frames()),
            None => interface.kind != "veth",
        }
    }
}

impl Hops {
    pub fn new(map: MappedArray<Hop>) -> io::Result<Self> {
        Ok(Hops {
            map,
            slots: HashMap::new(),
            found: HashMap::new(),
            socket: Socket::routing()?,
            drivers: Drivers::open(),
            ttl: (
                setting("/proc/sys/net/ipv4/ip_default_ttl"),
                setting("/proc/sys/net/ipv6/conf/default/hop_limit"),
            ),
        })
    }

    /// As sockets of this host do: relayed packets are new ones, not forwarded ones.
    pub fn ttl(&self, from: IpAddr) -> u8 {
        if from.is_ipv4() { self.ttl.0 } else { self.ttl.1 }
    }

    pub fn drivers(&mut self) -> &mut Drivers {
        &mut self.drivers
    }

    /// A slot of the kernel's map that another process has left there and rules still refer to.
    pub fn reserve(&mut self, slot: u32) {
        let unknown = Slot { wanted: NOBODY, users: 0, stored: Hop::default() };
        self.slots.entry(slot).or_insert(unknown).users += 1;
    }

    /// The slot of the next hop for packets between these addresses.
    pub fn acquire(&mut self, topology: &Topology, from: IpAddr, to: IpAddr) -> Result<u32, InstallError> {
        let wanted = self.find(topology, from, to)?;
        if let Some(slot) = self.found.get(&wanted) {
            if let Some(known) = self.slots.get_mut(slot) {
                known.users += 1;
            }
            return Ok(*slot);
        }
        let stored = self.resolve(topology, wanted);
        let slot = self.store(wanted, stored)?;
        self.found.insert(wanted, slot);
        Ok(slot)
    }

    /// A slot for a hop that is known already and never changes.
    pub fn occupy(&mut self, hop: Hop) -> Result<u32, InstallError> {
        self.store(NOBODY, hop)
    }

    fn store(&mut self, wanted: Wanted, stored: Hop) -> Result<u32, InstallError> {
        let free = (0..self.map.len()).find(|slot| !self.slots.contains_key(slot));
        let slot = free.ok_or(InstallError::MapFull(self.map.len()))?;
        self.map.write(slot, stored);
        self.slots.insert(slot, Slot { wanted, users: 1, stored });
        Ok(slot)
    }

    pub fn release(&mut self, slot: u32) {
        let Some(known) = self.slots.get_mut(&slot) else { return };
        known.users -= 1;
        if known.users == 0 {
            let wanted = known.wanted;
            self.found.remove(&wanted);
            self.slots.remove(&slot);
            self.map.write(slot, Hop::default());
        }
    }

    pub fn sends_frames(&self, slot: u32) -> bool {
        self.slots.get(&slot).is_some_and(|slot| slot.stored.flags & HOP_SENDS_FRAMES != 0)
    }

    pub fn device(&self, slot: u32) -> u32 {
        self.slots.get(&slot).map_or(0, |slot| slot.stored.device)
    }

    /// Looks again at the neighbours that `concerns` (interface, address).
    pub fn update(&mut self, topology: &Topology, concerns: impl Fn(u32, IpAddr) -> bool) {
        let wanted: Vec<(u32, Wanted)> = self
            .found
            .iter()
            .filter(|(wanted, _)| concerns(wanted.interface, wanted.neighbour))
            .map(|(wanted, slot)| (*slot, *wanted))
            .collect();
        for (at, wanted) in wanted {
            let hop = self.resolve(topology, wanted);
            let Some(slot) = self.slots.get_mut(&at) else { continue };
            if slot.stored != hop {
                slot.stored = hop;
                self.map.write(at, hop);
            }
        }
    }

    /// Nobody but us knows that these neighbours are in use: has the kernel confirm those it has doubts about.
    pub fn keep_fresh(&mut self) {
        for wanted in self.found.keys() {
            let known = self.socket.neighbour(wanted.interface, wanted.neighbour).ok().flatten();
            if known.is_none_or(|neighbour| neighbour.stale || !neighbour.valid) {
                // Whoever cannot be resolved stays unresolved: packets go up, and sockets try, too.
                let _ = self.socket.use_neighbour(wanted.interface, wanted.neighbour);
            }
        }
    }

    fn find(&mut self, topology: &Topology, from: IpAddr, to: IpAddr) -> Result<Wanted, InstallError> {
        let unroutable =
            |reason: &str| InstallError::Unroutable { destination: to, reason: reason.to_owned() };
        if is_link_local(to) {
            return Err(unroutable("link-local"));
        }
        let route = self.socket.route(from, to).map_err(|error| unroutable(&error.to_string()))?;
        let (interface, gateway, mtu) = match route {
            Route::Towards { interface, gateway, mtu } => (interface, gateway, mtu),
            Route::Local => return Err(InstallError::LocalDestination(to)),
            Route::Unusable(reason) => return Err(unroutable(reason)),
        };
        let Some(device) = topology.interface(interface) else {
            return Err(unroutable("its interface is new"));
        };
        if !device.is_ethernet || device.is_loopback {
            let reason = "not Ethernet".to_owned();
            return Err(InstallError::Egress { device: device.name.clone(), reason });
        }
        let mtu = mtu.unwrap_or(u32::MAX).min(device.mtu);
        Ok(Wanted { interface, neighbour: gateway.unwrap_or(to), mtu })
    }

    fn resolve(&mut self, topology: &Topology, wanted: Wanted) -> Hop {
        let Some(logical) = topology.interface(wanted.interface) else {
            return Hop::default();
        };
        let mut hop =
            Hop { logical: logical.index, device: logical.index, mtu: wanted.mtu, ..Hop::default() };
        hop.source = logical.address;
        if let Some(carrier) = topology.carrier(logical) {
            hop.device = carrier.index;
            if let Some(vlan) = logical.vlan {
                hop.tag = vlan.id.to_be_bytes();
                hop.flags |= HOP_TAGGED;
            }
            if self.drivers.sends_frames(carrier) {
                hop.flags |= HOP_SENDS_FRAMES;
            }
        }
        let known = self.socket.neighbour(wanted.interface, wanted.neighbour).ok().flatten();
        match known.filter(|neighbour| neighbour.valid) {
            Some(neighbour) => {
                hop.destination = neighbour.address;
                hop.flags |= HOP_RESOLVED;
            }
            None => {
                // Until it answers, packets go up.
                let _ = self.socket.use_neighbour(wanted.interface, wanted.neighbour);
            }
        }
        hop
    }
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

fn setting(path: &str) -> u8 {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.trim().parse().unwrap_or(64)
}

const NOBODY: Wanted = Wanted { interface: 0, neighbour: IpAddr::V4(Ipv4Addr::UNSPECIFIED), mtu: 0 };
