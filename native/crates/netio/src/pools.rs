//! Port pools of all configured addresses, and sockets bound from them.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    os::fd::OwnedFd,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use rustix::io::Errno;

use crate::{
    ports::{PortCounts, PortPool, PortRange, Span},
    socket,
};

/// An interface as configured: a name, its addresses, and one range of ports for each of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    pub name: String,
    pub addresses: Vec<IpAddr>,
    pub first_port: u16,
    pub last_port: u16,
    pub excluded: Vec<u16>,
}

/// A local that needs sockets.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    pub interface: &'a str,
    pub address: IpAddr,
    /// Exactly this RTP port; otherwise one is chosen.
    pub port: Option<u16>,
    pub span: Span,
    /// Type-of-service byte of packets sent.
    pub tos: u8,
}

/// The right to one port; goes back with [`PortPools::release`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    pub pool: u32,
    pub port: u16,
}

/// Sockets bound for one local.
#[derive(Debug)]
pub struct Bound {
    pub port: u16,
    pub rtp: (Lease, OwnedFd),
    pub rtcp: Option<(Lease, OwnedFd)>,
}

#[derive(Debug, thiserror::Error)]
pub enum BindError {
    #[error("no interface named {0}")]
    NoSuchInterface(String),
    #[error("interface {interface} has no address {address}")]
    NotOfInterface { interface: String, address: IpAddr },
    #[error("address {0} is not an address of this host")]
    AddressNotLocal(IpAddr),
    #[error("port {port} of {address} is taken")]
    PortBusy { address: IpAddr, port: u16 },
    #[error("no port left on {address}: {in_use} in use")]
    PortRangeFull { address: IpAddr, in_use: u32 },
    #[error("cannot open a socket: {0}")]
    Socket(io::Error),
    /// The process, or the host, may open no more.
    #[error("no socket left: {0}")]
    OutOfSockets(io::Error),
}

/// What one address of an interface has given out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolStatus {
    pub interface: String,
    pub address: IpAddr,
    pub first_port: u16,
    pub last_port: u16,
    pub counts: PortCounts,
}

/// Port pools by interface and address, shared by all shards. Locked only to choose and to give back.
pub struct PortPools {
    pools: Mutex<Vec<Pool>>,
    seed: [u64; 2],
}

struct Pool {
    interface: String,
    address: IpAddr,
    /// `false` once the configuration no longer names it; it lives on for the ports still in use.
    configured: bool,
    ports: PortPool,
}

impl PortPools {
    pub fn new(seed: [u64; 2]) -> Self {
        Self { pools: Mutex::default(), seed }
    }

    /// Makes these the interfaces. Ports in use stay in use.
    pub fn configure(&self, interfaces: &[Interface], rest: Duration) {
        let mut pools = self.lock();
        pools.iter_mut().for_each(|pool| pool.configured = false);
        for interface in interfaces {
            let range = PortRange {
                ports: interface.first_port..=interface.last_port,
                excluded: interface.excluded.clone(),
                rest,
            };
            for address in &interface.addresses {
                let known = pools
                    .iter_mut()
                    .find(|pool| pool.interface == interface.name && pool.address == *address);
                if let Some(pool) = known {
                    pool.configured = true;
                    pool.ports.reconfigure(range.clone());
                } else {
                    let seed = [self.seed[0], self.seed[1] ^ pools.len() as u64];
                    pools.push(Pool {
                        interface: interface.name.clone(),
                        address: *address,
                        configured: true,
                        ports: PortPool::new(range.clone(), seed),
                    });
                }
            }
        }
    }

    /// Binds the socket or sockets of a local.
    pub fn bind(&self, now: Instant, wanted: Wanted<'_>) -> Result<Bound, BindError> {
        let pool = self.find(wanted)?;
        match wanted.port {
            Some(port) => self.bind_exact(now, pool, port, wanted),
            None => self.bind_any(now, pool, wanted),
        }
    }

    pub fn release(&self, now: Instant, lease: Lease) {
        if let Some(pool) = self.lock().get_mut(lease.pool as usize) {
            pool.ports.release(now, lease.port);
        }
    }

    /// Gives back an even port and the one after it while their sockets stay open; `false` where ports are scarce.
    pub fn keep(&self, lease: Lease) -> bool {
        self.lock().get_mut(lease.pool as usize).is_some_and(|pool| pool.ports.keep(lease.port))
    }

    /// Takes a kept pair again; `false` if the configuration does not offer it any more.
    pub fn take_kept(&self, lease: Lease) -> bool {
        self.lock().get_mut(lease.pool as usize).is_some_and(|pool| pool.ports.take_kept(lease.port))
    }

    /// The pool of a local, and how long its ports rest.
    pub fn pool_of(&self, wanted: Wanted<'_>) -> Result<(u32, Duration), BindError> {
        let pool = self.find(wanted)?;
        Ok((pool, self.lock()[pool as usize].ports.rest()))
    }

    /// What to draw the order of ports from.
    pub fn seed(&self) -> [u64; 2] {
        self.seed
    }

    pub fn status(&self, now: Instant) -> Vec<PoolStatus> {
        let mut pools = self.lock();
        let shown = pools.iter_mut().filter(|pool| pool.configured);
        shown
            .map(|pool| PoolStatus {
                interface: pool.interface.clone(),
                address: pool.address,
                first_port: *pool.ports.range().start(),
                last_port: *pool.ports.range().end(),
                counts: pool.ports.counts(now),
            })
            .collect()
    }

    fn find(&self, wanted: Wanted<'_>) -> Result<u32, BindError> {
        let pools = self.lock();
        let mut of_interface = pools
            .iter()
            .enumerate()
            .filter(|(_, pool)| pool.configured && pool.interface == wanted.interface);
        if let Some((index, _)) = of_interface.clone().find(|(_, pool)| pool.address == wanted.address) {
            return Ok(index as u32);
        }
        let interface = wanted.interface.to_owned();
        Err(match of_interface.next() {
            Some(_) => BindError::NotOfInterface { interface, address: wanted.address },
            None => BindError::NoSuchInterface(interface),
        })
    }

    fn bind_exact(&self, now: Instant, pool: u32, port: u16, wanted: Wanted<'_>) -> Result<Bound, BindError> {
        let busy = || BindError::PortBusy { address: wanted.address, port };
        if !self.lock()[pool as usize].ports.reserve_exact(port, wanted.span) {
            return Err(busy());
        }
        match open(pool, port, wanted) {
            Ok(bound) => Ok(bound),
            Err(error) => {
                let mut pools = self.lock();
                let ports = &mut pools[pool as usize].ports;
                let taken = is_taken(&error);
                if taken {
                    ports.give_up(now, port, wanted.span);
                } else {
                    give_back(ports, now, port, wanted.span);
                }
                Err(if taken { busy() } else { refusal(error, wanted) })
            }
        }
    }

    fn bind_any(&self, now: Instant, pool: u32, wanted: Wanted<'_>) -> Result<Bound, BindError> {
        loop {
            let port = {
                let mut pools = self.lock();
                let ports = &mut pools[pool as usize].ports;
                let Some(port) = ports.reserve(now, wanted.span) else {
                    let in_use = ports.counts(now).used;
                    return Err(BindError::PortRangeFull { address: wanted.address, in_use });
                };
                port
            };
            let error = match open(pool, port, wanted) {
                Ok(bound) => return Ok(bound),
                Err(error) => error,
            };
            let mut pools = self.lock();
            let ports = &mut pools[pool as usize].ports;
            if !is_taken(&error) {
                give_back(ports, now, port, wanted.span);
                return Err(refusal(error, wanted));
            }
            ports.give_up(now, port, wanted.span);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Pool>> {
        self.pools.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn open(pool: u32, port: u16, wanted: Wanted<'_>) -> io::Result<Bound> {
    let open = |port| {
        let socket = socket::open(SocketAddr::new(wanted.address, port), wanted.tos)?;
        Ok::<_, io::Error>((Lease { pool, port }, socket))
    };
    let rtp = open(port)?;
    let rtcp = match wanted.span {
        Span::Pair => Some(open(port + 1)?),
        Span::Single => None,
    };
    Ok(Bound { port, rtp, rtcp })
}

fn give_back(ports: &mut PortPool, now: Instant, port: u16, span: Span) {
    ports.release(now, port);
    if span == Span::Pair {
        ports.release(now, port + 1);
    }
}

fn is_taken(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrInUse
}

fn refusal(error: io::Error, wanted: Wanted<'_>) -> BindError {
    if error.kind() == io::ErrorKind::AddrNotAvailable {
        BindError::AddressNotLocal(wanted.address)
    } else if OUT_OF_SOCKETS.iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error())) {
        BindError::OutOfSockets(error)
    } else {
        BindError::Socket(error)
    }
}

const OUT_OF_SOCKETS: [Errno; 4] = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn pools(first_port: u16, last_port: u16) -> PortPools {
        let pools = PortPools::new([1, 2]);
        configure(&pools, first_port, last_port);
        pools
    }

    fn configure(pools: &PortPools, first_port: u16, last_port: u16) {
        let name = "default".to_owned();
        let elsewhere = IpAddr::from([192, 0, 2, 1]);
        let interface =
            Interface { name, addresses: vec![HOME, elsewhere], first_port, last_port, excluded: vec![] };
        pools.configure(&[interface], Duration::from_secs(5));
    }

    fn wanted(port: Option<u16>, span: Span) -> Wanted<'static> {
        Wanted { interface: "default", address: HOME, port, span, tos: 0 }
    }

    #[test]
    fn a_port_that_another_program_holds_is_passed_over() {
        let now = Instant::now();
        let pools = pools(23_000, 23_005);
        let _other = UdpSocket::bind((HOME, 23_003)).unwrap();
        let one = pools.bind(now, wanted(None, Span::Pair)).unwrap();
        let two = pools.bind(now, wanted(None, Span::Pair)).unwrap();
        let mut ports = [one.port, two.port];
        ports.sort_unstable();
        assert_eq!(ports, [23_000, 23_004]);
        let full = pools.bind(now, wanted(None, Span::Pair)).unwrap_err();
        assert!(matches!(full, BindError::PortRangeFull { in_use: 4, .. }), "{full}");
    }

    #[test]
    fn each_refusal_says_what_is_wrong() {
        let now = Instant::now();
        let pools = pools(23_010, 23_019);
        let _other = UdpSocket::bind((HOME, 23_013)).unwrap();
        let refusal = |wanted| pools.bind(now, wanted).unwrap_err();
        assert!(matches!(
            refusal(wanted(Some(23_012), Span::Pair)),
            BindError::PortBusy { port: 23_012, .. }
        ));
        let not_local = Wanted { address: IpAddr::from([192, 0, 2, 1]), ..wanted(None, Span::Pair) };
        assert!(matches!(refusal(not_local), BindError::AddressNotLocal(_)));
        let not_ours = Wanted { address: IpAddr::from([127, 0, 0, 9]), ..wanted(None, Span::Pair) };
        assert!(matches!(refusal(not_ours), BindError::NotOfInterface { .. }));
        let unknown = Wanted { interface: "other", ..wanted(None, Span::Pair) };
        assert!(matches!(refusal(unknown), BindError::NoSuchInterface(_)));
    }

    #[test]
    fn a_removed_interface_takes_its_ports_back() {
        let now = Instant::now();
        let pools = pools(23_020, 23_029);
        let bound = pools.bind(now, wanted(None, Span::Single)).unwrap();
        pools.configure(&[], Duration::from_secs(5));
        assert!(pools.bind(now, wanted(None, Span::Single)).is_err());
        pools.release(now, bound.rtp.0);
        configure(&pools, 23_020, 23_029);
        assert_eq!(pools.status(now)[0].counts, PortCounts { used: 0, resting: 1, free: 9 });
    }
}
