//! Socket addresses in the kernel's form, written and read as bytes.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

/// Room for an IPv6 socket address, the longest we use.
pub const ADDRESS_SIZE: usize = size_of::<libc::sockaddr_in6>();

#[derive(Debug, Clone, Copy)]
#[repr(C, align(8))]
pub struct RawAddress {
    bytes: [u8; ADDRESS_SIZE],
    len: u32,
}

impl RawAddress {
    pub const EMPTY: Self = Self { bytes: [0; ADDRESS_SIZE], len: 0 };

    pub fn new(address: SocketAddr) -> Self {
        let mut raw = Self::EMPTY;
        let bytes = &mut raw.bytes;
        bytes[2..4].copy_from_slice(&address.port().to_be_bytes());
        match address {
            SocketAddr::V4(address) => {
                bytes[..2].copy_from_slice(&(libc::AF_INET as u16).to_ne_bytes());
                bytes[4..8].copy_from_slice(&address.ip().octets());
                raw.len = size_of::<libc::sockaddr_in>() as u32;
            }
            SocketAddr::V6(address) => {
                bytes[..2].copy_from_slice(&(libc::AF_INET6 as u16).to_ne_bytes());
                bytes[8..24].copy_from_slice(&address.ip().octets());
                bytes[24..28].copy_from_slice(&address.scope_id().to_ne_bytes());
                raw.len = size_of::<libc::sockaddr_in6>() as u32;
            }
        }
        raw
    }

    pub fn as_ptr(&self) -> *const libc::sockaddr {
        self.bytes.as_ptr().cast()
    }

    pub fn len(&self) -> u32 {
        self.len
    }
}

/// Reads what the kernel wrote; `None` if it is no internet address.
pub fn parse(bytes: &[u8; ADDRESS_SIZE]) -> Option<SocketAddr> {
    let port = u16::from_be_bytes([bytes[2], bytes[3]]);
    match i32::from(u16::from_ne_bytes([bytes[0], bytes[1]])) {
        libc::AF_INET => {
            let ip: [u8; 4] = *bytes[4..].first_chunk()?;
            Some(SocketAddrV4::new(Ipv4Addr::from(ip), port).into())
        }
        libc::AF_INET6 => {
            let ip: [u8; 16] = *bytes[8..].first_chunk()?;
            let scope = u32::from_ne_bytes(*bytes[24..].first_chunk()?);
            Some(SocketAddrV6::new(Ipv6Addr::from(ip), port, 0, scope).into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_comes_back_as_it_went() {
        for text in ["192.0.2.1:4000", "[2001:db8::1]:65535", "[fe80::1%3]:1"] {
            let address: SocketAddr = text.parse().unwrap();
            assert_eq!(parse(&RawAddress::new(address).bytes), Some(address));
        }
    }
}
