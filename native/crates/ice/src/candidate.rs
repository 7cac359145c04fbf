//! Candidates and their priorities.

use std::net::{IpAddr, SocketAddr};

use crate::Role;

/// One of the peer's transport addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    pub component: u8,
    pub priority: u32,
    pub address: SocketAddr,
    pub kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Host,
    ServerReflexive,
    /// Found by a check that came from there.
    PeerReflexive,
    Relayed,
}

impl Candidate {
    /// Reads what stands behind `a=candidate:` (RFC 8839 §5.1). `None` for other transports than UDP, names (RFC 8828)
    /// and what cannot be sent to.
    pub fn parse(text: &str) -> Option<Candidate> {
        let mut words = text.split_ascii_whitespace().skip(1);
        let mut word = || words.next();
        let component = word()?.parse().ok()?;
        if !word()?.eq_ignore_ascii_case("udp") {
            return None;
        }
        let priority = word()?.parse().ok()?;
        let ip: IpAddr = word()?.parse().ok()?;
        let address = SocketAddr::new(ip.to_canonical(), word()?.parse().ok()?);
        let kind = match (word()?, word()?) {
            ("typ", "host") => Kind::Host,
            ("typ", "srflx") => Kind::ServerReflexive,
            ("typ", "prflx") => Kind::PeerReflexive,
            ("typ", "relay") => Kind::Relayed,
            _ => return None,
        };
        is_usable(address).then_some(Candidate { component, priority, address, kind })
    }
}

/// True if a peer can be there.
pub fn is_usable(address: SocketAddr) -> bool {
    let ip = address.ip();
    let is_broadcast = ip == IpAddr::V4(std::net::Ipv4Addr::BROADCAST);
    address.port() != 0 && !ip.is_unspecified() && !ip.is_multicast() && !is_broadcast
}

/// RFC 8445 §5.1.2.1, of our port at this place among our ports.
pub fn own_priority(kind: Kind, place: usize, component: u8) -> u32 {
    let preference = match kind {
        Kind::Host => 126,
        Kind::PeerReflexive => 110,
        Kind::ServerReflexive => 100,
        Kind::Relayed => 0,
    };
    let place = u16::MAX - u16::try_from(place).unwrap_or(u16::MAX);
    preference << 24 | u32::from(place) << 8 | (256 - u32::from(component))
}

/// RFC 8445 §6.1.2.3.
pub fn pair_priority(role: Role, ours: u32, theirs: u32) -> u64 {
    let (controlling, controlled) = match role {
        Role::Controlling => (ours, theirs),
        Role::Controlled => (theirs, ours),
    };
    let (low, high) = (controlling.min(controlled), controlling.max(controlled));
    (u64::from(low) << 32) + 2 * u64::from(high) + u64::from(controlling > controlled)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_candidate_of_a_browser_is_read() {
        let text = "842163049 1 udp 1677729535 203.0.113.7 51472 typ srflx raddr 192.168.1.5 rport 51472 generation 0";
        let expected = Candidate {
            component: 1,
            priority: 1_677_729_535,
            address: "203.0.113.7:51472".parse().unwrap(),
            kind: Kind::ServerReflexive,
        };
        assert_eq!(Candidate::parse(text), Some(expected));
    }

    #[test]
    fn names_tcp_and_unusable_addresses_are_left_alone() {
        for text in [
            "1 1 udp 2122260223 5e1b4c2a-90b5-4e31-a2f6-3d0a1a2b3c4d.local 51472 typ host",
            "1 1 tcp 1518280447 192.0.2.9 9 typ host tcptype active",
            "1 1 udp 2122260223 0.0.0.0 51472 typ host",
            "1 1 udp 2122260223 192.0.2.9 0 typ host",
            "1 1 udp 2122260223 192.0.2.9 51472 typ other",
            "1 1 udp 2122260223",
            "",
        ] {
            assert_eq!(Candidate::parse(text), None, "{text}");
        }
    }

    #[test]
    fn an_address_mapped_into_ipv6_is_the_ipv4_address() {
        let candidate = Candidate::parse("1 1 UDP 1 ::ffff:192.0.2.9 4000 typ host").unwrap();
        assert_eq!(candidate.address, "192.0.2.9:4000".parse().unwrap());
    }

    proptest! {
        #[test]
        fn both_sides_give_a_pair_the_same_priority(one: u32, other: u32) {
            let (here, there) = (pair_priority(Role::Controlling, one, other), pair_priority(Role::Controlled, other, one));
            prop_assert_eq!(here, there);
        }

        #[test]
        fn no_text_panics(text in ".{0,80}") {
            let _ = Candidate::parse(&text);
        }
    }
}
