//! Where packets may go. An SDP names the address, and must not make us talk to services of our own host, of the link,
//! or of the cloud we run in (as with CVE-2020-26262 of coturn).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// True if packets may go to this address, from this local one if there is any of its family. Loopback and link-local
/// addresses are for streams that have such an address themselves.
#[inline]
pub fn is_allowed(to: SocketAddr, local: Option<IpAddr>) -> bool {
    let ip = to.ip();
    if to.port() == 0 || ip.is_unspecified() || ip.is_multicast() || ip == IpAddr::V4(Ipv4Addr::BROADCAST) {
        return false;
    }
    match scope(ip) {
        Scope::Any => true,
        scope @ (Scope::Loopback | Scope::Link) => {
            ip != METADATA && local.is_some_and(|local| self::scope(local) == scope)
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Scope {
    Any,
    Loopback,
    Link,
}

#[inline]
fn scope(ip: IpAddr) -> Scope {
    let is_link_local = match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local() || ip == METADATA_IPV6,
    };
    match (ip.is_loopback(), is_link_local) {
        (true, _) => Scope::Loopback,
        (false, true) => Scope::Link,
        (false, false) => Scope::Any,
    }
}

/// Where clouds tell a machine its secrets.
const METADATA: IpAddr = IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254));
/// The same, in a range of unique local addresses.
const METADATA_IPV6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(to: &str, local: &str) -> bool {
        is_allowed(to.parse().unwrap(), Some(local.parse().unwrap()))
    }

    #[test]
    fn peers_anywhere_are_reached() {
        for to in ["203.0.113.9:5000", "10.1.2.3:5000", "192.168.1.5:4000"] {
            assert!(allowed(to, "192.0.2.1"), "{to}");
        }
        assert!(allowed("[2001:db8::9]:5000", "2001:db8::1") && allowed("[fd12::9]:5000", "fd12::1"));
        assert!(is_allowed("[2001:db8::9]:5000".parse().unwrap(), None));
    }

    #[test]
    fn this_host_and_this_link_are_reached_from_themselves_only() {
        for to in ["127.0.0.1:5000", "127.8.9.10:5000", "169.254.7.7:5000"] {
            assert!(!allowed(to, "192.0.2.1"), "{to}");
        }
        for to in ["[::1]:5000", "[fe80::1]:5000"] {
            assert!(!allowed(to, "2001:db8::1"), "{to}");
        }
        assert!(allowed("127.8.9.10:5000", "127.0.0.1") && allowed("[::1]:5000", "::1"));
        assert!(allowed("169.254.7.7:5000", "169.254.1.1") && allowed("[fe80::1]:5000", "fe80::2"));
        assert!(!allowed("127.0.0.1:5000", "169.254.1.1"));
    }

    #[test]
    fn services_that_tell_secrets_are_reached_from_nowhere() {
        assert!(
            !allowed("169.254.169.254:80", "169.254.1.1") && !allowed("[fd00:ec2::254]:80", "fd00:ec2::1")
        );
    }

    #[test]
    fn nobody_is_at_an_address_of_many() {
        for to in ["0.0.0.0:5000", "255.255.255.255:5000", "224.0.0.1:5000", "203.0.113.9:0"] {
            assert!(!allowed(to, "192.0.2.1"), "{to}");
        }
    }
}
