//! The little netlink the fast path needs: interfaces, routes, neighbours, and what drivers can do.

mod message;
mod socket;

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use message::{Attributes, Request};
pub use socket::Socket;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    pub index: u32,
    pub name: String,
    /// Of `ip -d link`: "veth", "bridge", "vlan" …; empty for hardware.
    pub kind: String,
    pub is_ethernet: bool,
    pub is_loopback: bool,
    pub address: [u8; 6],
    pub mtu: u32,
    /// Where a VLAN interface puts its tagged frames, and the tag.
    pub vlan: Option<Vlan>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vlan {
    pub parent: u32,
    pub id: u16,
    /// IEEE 802.1Q; false for provider tags.
    pub is_plain: bool,
}

/// What the kernel would do with a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    Towards { interface: u32, gateway: Option<IpAddr>, mtu: Option<u32> },
    Local,
    Unusable(&'static str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Neighbour {
    pub address: [u8; 6],
    /// The kernel would use it.
    pub valid: bool,
    /// Valid, but the kernel would like it confirmed.
    pub stale: bool,
}

/// A change somebody announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Neighbour {
        interface: u32,
        address: IpAddr,
    },
    /// Routes, addresses or interfaces.
    Topology,
}

impl Socket {
    pub fn interfaces(&mut self) -> io::Result<Vec<Interface>> {
        let request = Request::dump(libc::RTM_GETLINK, &[0; 16]);
        let mut found = Vec::new();
        self.ask(request, |kind, body| {
            if kind == libc::RTM_NEWLINK {
                found.extend(read_interface(body));
            }
        })?;
        Ok(found)
    }

    /// Addresses with the index of the interface that has them.
    pub fn addresses(&mut self) -> io::Result<Vec<(IpAddr, u32)>> {
        let request = Request::dump(libc::RTM_GETADDR, &[0; 8]);
        let mut found = Vec::new();
        self.ask(request, |kind, body| {
            let Some((header, rest)) = body.split_first_chunk::<8>() else { return };
            if kind != libc::RTM_NEWADDR {
                return;
            }
            let index = u32::from_ne_bytes([header[4], header[5], header[6], header[7]]);
            let attributes = Attributes(rest);
            let local = attributes.find(libc::IFA_LOCAL).or(attributes.find(libc::IFA_ADDRESS));
            found.extend(local.and_then(read_address).map(|address| (address, index)));
        })?;
        Ok(found)
    }

    /// The route of a packet we send.
    pub fn route(&mut self, from: IpAddr, to: IpAddr) -> io::Result<Route> {
        let (family, bits) = family_of(to);
        let mut header = [0u8; 12];
        (header[0], header[1], header[2]) = (family, bits, bits);
        let mut request = Request::one(libc::RTM_GETROUTE, &header);
        request.attribute(libc::RTA_DST, &octets(to));
        request.attribute(libc::RTA_SRC, &octets(from));
        let mut route = Route::Unusable("the kernel did not say");
        let asked = self.ask(request, |kind, body| {
            if kind == libc::RTM_NEWROUTE {
                route = read_route(body);
            }
        });
        match asked.map_err(|error| error.raw_os_error()) {
            Ok(()) => Ok(route),
            Err(Some(libc::ENETUNREACH | libc::EHOSTUNREACH)) => Ok(Route::Unusable("unreachable")),
            Err(Some(libc::EINVAL)) => Ok(Route::Unusable("the address it leaves from is not ours")),
            Err(code) => Err(code.map_or(io::ErrorKind::Other.into(), io::Error::from_raw_os_error)),
        }
    }

    pub fn neighbour(&mut self, interface: u32, address: IpAddr) -> io::Result<Option<Neighbour>> {
        let mut request = Request::one(libc::RTM_GETNEIGH, &neighbour_header(interface, address, 0));
        request.attribute(libc::NDA_DST, &octets(address));
        let mut found = None;
        let asked = self.ask(request, |kind, body| {
            if kind == libc::RTM_NEWNEIGH {
                found = read_neighbour(body);
            }
        });
        match asked {
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(None),
            asked => asked.map(|()| found),
        }
    }

    /// Has the kernel resolve or confirm a neighbour, as if a packet were sent to it.
    pub fn use_neighbour(&mut self, interface: u32, address: IpAddr) -> io::Result<()> {
        let header = neighbour_header(interface, address, libc::NTF_USE);
        let mut request = Request::create(libc::RTM_NEWNEIGH, &header);
        request.attribute(libc::NDA_DST, &octets(address));
        self.ask(request, |_, _| {})
    }

    /// What has been announced since the last time. An overflow counts as a change of everything.
    pub fn changes(&mut self) -> Vec<Change> {
        let mut changes = Vec::new();
        let complete = self.drain(|kind, body| match kind {
            libc::RTM_NEWNEIGH | libc::RTM_DELNEIGH => changes.extend(read_neighbour_change(body)),
            _ => changes.push(Change::Topology),
        });
        if !complete {
            changes.push(Change::Topology);
        }
        changes
    }
}

/// What a driver can do with XDP, as the kernel says since Linux 6.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct XdpFeatures(u64);

impl XdpFeatures {
    pub fn sends_frames(self) -> bool {
        const NDO_XMIT: u64 = 4;
        self.0 & NDO_XMIT != 0
    }
}

/// The generic netlink family "netdev".
#[derive(Debug)]
pub struct NetDev {
    socket: Socket,
    family: u16,
}

impl NetDev {
    /// An error on kernels that do not tell.
    pub fn open() -> io::Result<Self> {
        const GET_FAMILY: u8 = 3;
        const FAMILY_ID: u16 = 1;
        const FAMILY_NAME: u16 = 2;
        const CONTROL: u16 = 16;
        let mut socket = Socket::generic()?;
        let mut request = Request::one(CONTROL, &[GET_FAMILY, 1, 0, 0]);
        request.attribute(FAMILY_NAME, b"netdev\0");
        let mut family = None;
        socket.ask(request, |_, body| {
            let id = body.get(4..).and_then(|rest| Attributes(rest).find(FAMILY_ID));
            family = id.and_then(|id| Some(u16::from_ne_bytes(*id.first_chunk()?)));
        })?;
        let family = family.ok_or(io::ErrorKind::NotFound)?;
        Ok(NetDev { socket, family })
    }

    pub fn features(&mut self, interface: u32) -> io::Result<XdpFeatures> {
        const DEV_GET: u8 = 1;
        const IF_INDEX: u16 = 1;
        const XDP_FEATURES: u16 = 3;
        let mut request = Request::one(self.family, &[DEV_GET, 1, 0, 0]);
        request.attribute(IF_INDEX, &interface.to_ne_bytes());
        let mut features = None;
        self.socket.ask(request, |_, body| {
            let value = body.get(4..).and_then(|rest| Attributes(rest).find(XDP_FEATURES));
            features = value.and_then(|value| Some(XdpFeatures(u64::from_ne_bytes(*value.first_chunk()?))));
        })?;
        features.ok_or(io::ErrorKind::NotFound.into())
    }
}

fn read_interface(body: &[u8]) -> Option<Interface> {
    let (header, rest) = body.split_first_chunk::<16>()?;
    let kind = u16::from_ne_bytes([header[2], header[3]]);
    let flags = u32::from_ne_bytes([header[8], header[9], header[10], header[11]]);
    let attributes = Attributes(rest);
    let info = Attributes(attributes.find(libc::IFLA_LINKINFO).unwrap_or_default());
    let kind_name = info.find(IFLA_INFO_KIND).map(text).unwrap_or_default();
    let parent = attributes.find(libc::IFLA_LINK).and_then(word);
    let vlan = parent.filter(|_| kind_name == "vlan").and_then(|parent| {
        const VLAN_ID: u16 = 1;
        const VLAN_PROTOCOL: u16 = 5;
        let data = Attributes(info.find(IFLA_INFO_DATA)?);
        let id = u16::from_ne_bytes(*data.find(VLAN_ID)?.first_chunk()?);
        let protocol = data.find(VLAN_PROTOCOL).and_then(|value| value.first_chunk::<2>());
        Some(Vlan { parent, id, is_plain: protocol.is_none_or(|protocol| *protocol == [0x81, 0x00]) })
    });
    Some(Interface {
        index: u32::from_ne_bytes([header[4], header[5], header[6], header[7]]),
        name: attributes.find(libc::IFLA_IFNAME).map(text)?,
        kind: kind_name,
        is_ethernet: kind == libc::ARPHRD_ETHER,
        is_loopback: flags & libc::IFF_LOOPBACK as u32 != 0,
        address: attributes
            .find(libc::IFLA_ADDRESS)
            .and_then(|value| value.first_chunk())
            .copied()
            .unwrap_or_default(),
        mtu: attributes.find(libc::IFLA_MTU).and_then(word).unwrap_or(1500),
        vlan,
    })
}

fn read_route(body: &[u8]) -> Route {
    let Some((header, rest)) = body.split_first_chunk::<12>() else {
        return Route::Unusable("the kernel's answer is too short");
    };
    match header[7] {
        libc::RTN_UNICAST => {}
        libc::RTN_LOCAL => return Route::Local,
        libc::RTN_BROADCAST | libc::RTN_MULTICAST | libc::RTN_ANYCAST => {
            return Route::Unusable("not one receiver");
        }
        _ => return Route::Unusable("unreachable"),
    }
    const RTAX_MTU: u16 = 2;
    let attributes = Attributes(rest);
    let Some(interface) = attributes.find(libc::RTA_OIF).and_then(word) else {
        return Route::Unusable("no interface");
    };
    let via = attributes.find(RTA_VIA).and_then(|value| read_address(value.get(2..)?));
    let gateway = attributes.find(libc::RTA_GATEWAY).and_then(read_address).or(via);
    let metrics = attributes.find(libc::RTA_METRICS).map(Attributes);
    let mtu = metrics.and_then(|metrics| metrics.find(RTAX_MTU)).and_then(word);
    Route::Towards { interface, gateway, mtu }
}

fn read_neighbour(body: &[u8]) -> Option<Neighbour> {
    const VALID: u16 = libc::NUD_PERMANENT
        | libc::NUD_NOARP
        | libc::NUD_REACHABLE
        | libc::NUD_PROBE
        | libc::NUD_STALE
        | libc::NUD_DELAY;
    let (header, rest) = body.split_first_chunk::<12>()?;
    let state = u16::from_ne_bytes([header[8], header[9]]);
    let address = Attributes(rest).find(libc::NDA_LLADDR).and_then(|value| value.first_chunk().copied());
    Some(Neighbour {
        address: address.unwrap_or_default(),
        valid: address.is_some() && state & VALID != 0,
        stale: state & libc::NUD_STALE != 0,
    })
}

fn read_neighbour_change(body: &[u8]) -> Option<Change> {
    let (header, rest) = body.split_first_chunk::<12>()?;
    let interface = u32::from_ne_bytes([header[4], header[5], header[6], header[7]]);
    let address = read_address(Attributes(rest).find(libc::NDA_DST)?)?;
    Some(Change::Neighbour { interface, address })
}

fn neighbour_header(interface: u32, address: IpAddr, flags: u8) -> [u8; 12] {
    let mut header = [0; 12];
    header[0] = family_of(address).0;
    header[4..8].copy_from_slice(&interface.to_ne_bytes());
    header[10] = flags;
    header
}

fn family_of(address: IpAddr) -> (u8, u8) {
    match address {
        IpAddr::V4(_) => (libc::AF_INET as u8, 32),
        IpAddr::V6(_) => (libc::AF_INET6 as u8, 128),
    }
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

fn read_address(value: &[u8]) -> Option<IpAddr> {
    if let Ok(octets) = <[u8; 16]>::try_from(value) {
        return Some(Ipv6Addr::from(octets).into());
    }
    Some(Ipv4Addr::from(<[u8; 4]>::try_from(value).ok()?).into())
}

fn word(value: &[u8]) -> Option<u32> {
    Some(u32::from_ne_bytes(*value.first_chunk()?))
}

fn text(value: &[u8]) -> String {
    let end = value.iter().position(|byte| *byte == 0).unwrap_or(value.len());
    String::from_utf8_lossy(&value[..end]).into_owned()
}

const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const RTA_VIA: u16 = 18;
