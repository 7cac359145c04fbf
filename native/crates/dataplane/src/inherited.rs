//! Listening sockets that outlive the control plane: while it restarts, what clients send waits in them.

use std::{
    io,
    net::SocketAddr,
    os::fd::{AsRawFd, OwnedFd, RawFd},
};

use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, ipproto, listen, socket_with, sockopt};
use serde_json::{Value, json};

use crate::{carrier::Carrier, local::LocalSocket};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    Udp,
    Tcp,
}

#[derive(Debug)]
pub struct Listening {
    transport: Transport,
    address: SocketAddr,
    socket: OwnedFd,
}

/// Everything that is held.
#[derive(Debug, Default)]
pub struct Held {
    /// Read by the data plane, which passes on to the control plane what it cannot answer.
    pub answered: Vec<Listening>,
    pub network: Vec<Listening>,
    /// Unix sockets of connections.
    pub streams: Vec<LocalSocket>,
    /// Unix sockets of datagrams.
    pub datagrams: Vec<Carrier>,
}

impl Held {
    pub fn descriptors(&self) -> Vec<RawFd> {
        let network = self.network.iter().map(Listening::descriptor);
        let streams = self.streams.iter().map(|local| local.socket.as_raw_fd());
        network.chain(streams).chain(self.datagrams.iter().map(Carrier::descriptor)).collect()
    }

    /// What the control plane reads from its environment.
    pub fn describe(&self) -> String {
        let answered = self.answered.iter().enumerate().map(|(number, one)| one.describe_answered(number));
        let network = answered.chain(self.network.iter().map(Listening::describe));
        let streams = self.streams.iter().map(|one| local("unix", one, one.socket.as_raw_fd()));
        let datagrams =
            self.datagrams.iter().map(|carrier| local("unix-dgram", &carrier.local, carrier.descriptor()));
        Value::from_iter(network.chain(streams).chain(datagrams)).to_string()
    }
}

fn local(protocol: &str, local: &LocalSocket, fd: RawFd) -> Value {
    json!({ "protocol": protocol, "path": local.path.to_string_lossy(), "fd": fd })
}

impl Listening {
    pub fn open(transport: Transport, address: SocketAddr, tos: u8) -> io::Result<Self> {
        let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let (kind, protocol) = match transport {
            Transport::Udp => (SocketType::DGRAM, ipproto::UDP),
            Transport::Tcp => (SocketType::STREAM, ipproto::TCP),
        };
        let socket = socket_with(family, kind, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, Some(protocol))?;
        if address.is_ipv6() {
            // So that the same port can be listened on for IPv4, too.
            sockopt::set_ipv6_v6only(&socket, true)?;
        }
        if tos != 0 {
            match address {
                SocketAddr::V4(_) => sockopt::set_ip_tos(&socket, tos)?,
                SocketAddr::V6(_) => sockopt::set_ipv6_tclass(&socket, u32::from(tos))?,
            }
        }
        match transport {
            Transport::Udp => {
                // Room for the commands of a second. May be capped by net.core.rmem_max.
                let _ = sockopt::set_socket_recv_buffer_size(&socket, RECEIVE_BUFFER);
                bind(&socket, &address)?;
            }
            Transport::Tcp => {
                sockopt::set_socket_reuseaddr(&socket, true)?;
                bind(&socket, &address)?;
                listen(&socket, BACKLOG)?;
            }
        }
        let address = SocketAddr::try_from(rustix::net::getsockname(&socket)?)?;
        Ok(Self { transport, address, socket })
    }

    pub fn descriptor(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    /// The control plane knows it by its number among those that the data plane reads.
    fn describe_answered(&self, number: usize) -> Value {
        json!({
            "protocol": "data-plane",
            "address": self.address.ip(),
            "port": self.address.port(),
            "socket": number,
        })
    }

    fn describe(&self) -> Value {
        json!({
            "protocol": match self.transport { Transport::Udp => "udp", Transport::Tcp => "tcp" },
            "address": self.address.ip(),
            "port": self.address.port(),
            "fd": self.descriptor(),
        })
    }
}

const RECEIVE_BUFFER: usize = 1024 * 1024;
const BACKLOG: i32 = 128;
