//! Listening sockets that outlive the control plane: while it restarts, what clients send waits in them.

use std::{
    io,
    net::SocketAddr,
    os::fd::{AsRawFd, OwnedFd, RawFd},
};

use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, ipproto, listen, socket_with, sockopt};

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
}

/// What the control plane reads from its environment.
pub fn describe(listening: &[Listening]) -> String {
    let one = |listening: &Listening| {
        serde_json::json!({
            "protocol": match listening.transport { Transport::Udp => "udp", Transport::Tcp => "tcp" },
            "address": listening.address.ip(),
            "port": listening.address.port(),
            "fd": listening.descriptor(),
        })
    };
    serde_json::Value::from_iter(listening.iter().map(one)).to_string()
}

const RECEIVE_BUFFER: usize = 1024 * 1024;
const BACKLOG: i32 = 128;
