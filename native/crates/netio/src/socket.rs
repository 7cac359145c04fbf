//! UDP sockets as a relay wants them.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    os::fd::{AsFd, AsRawFd, OwnedFd},
    sync::LazyLock,
};

use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, socket_with, sockopt};

/// Opens a nonblocking UDP socket on this address and nothing else: no address sharing, so that a port taken by
/// another program shows as an error.
pub fn open(address: SocketAddr, tos: u8) -> io::Result<OwnedFd> {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let socket = socket_with(family, SocketType::DGRAM, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC, None)?;
    if let IpAddr::V6(ip) = address.ip()
        && ip.is_unspecified()
    {
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    if *BUFFER_IS_SMALL {
        // May be capped by net.core.rmem_max; what we get is what we get.
        let _ = sockopt::set_socket_recv_buffer_size(&socket, RECEIVE_BUFFER);
    }
    if tos != 0 {
        set_tos_of(&socket, family, tos)?;
    }
    clear_dont_fragment(&socket, address)?;
    bind(&socket, &address)?;
    Ok(socket)
}

/// Sets the type-of-service byte (IPv4) or traffic class (IPv6) of packets sent.
pub fn set_tos(socket: &impl AsFd, tos: u8) -> io::Result<()> {
    set_tos_of(socket, sockopt::socket_domain(socket)?, tos)
}

fn set_tos_of(socket: &impl AsFd, family: AddressFamily, tos: u8) -> io::Result<()> {
    if family == AddressFamily::INET {
        sockopt::set_ip_tos(socket, tos)?;
    } else {
        sockopt::set_ipv6_tclass(socket, u32::from(tos))?;
    }
    Ok(())
}

/// Room for two seconds of G.711 or 90 large video packets, which is what Linux gives by default.
const RECEIVE_BUFFER: usize = 212_992;

/// Some hosts have a smaller default; only there is it worth a system call per socket.
static BUFFER_IS_SMALL: LazyLock<bool> = LazyLock::new(|| {
    let default = std::fs::read_to_string("/proc/sys/net/core/rmem_default");
    default.ok().and_then(|text| text.trim().parse::<usize>().ok()).is_none_or(|size| size < RECEIVE_BUFFER)
});

/// Lets routers fragment what does not fit: a relayed packet cannot be made smaller by telling us.
fn clear_dont_fragment(socket: &OwnedFd, address: SocketAddr) -> io::Result<()> {
    let (level, name, value) = match address {
        SocketAddr::V4(_) => (libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_DONT),
        SocketAddr::V6(_) => (libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, libc::IPV6_PMTUDISC_DONT),
    };
    // SAFETY: the option value is a live `c_int` and its length is passed along; the socket is open.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            name,
            (&raw const value).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_carries_its_type_of_service() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let address: SocketAddr = address.parse().unwrap();
            let socket = open(address, 184).unwrap();
            let tos = match address {
                SocketAddr::V4(_) => u32::from(sockopt::ip_tos(&socket).unwrap()),
                SocketAddr::V6(_) => sockopt::ipv6_tclass(&socket).unwrap(),
            };
            assert_eq!(tos, 184);
            set_tos(&socket, 0).unwrap();
        }
    }

    #[test]
    fn a_port_is_never_shared() {
        let socket = open("127.0.0.1:0".parse().unwrap(), 0).unwrap();
        let address = SocketAddr::try_from(rustix::net::getsockname(&socket).unwrap()).unwrap();
        assert_eq!(open(address, 0).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }
}
