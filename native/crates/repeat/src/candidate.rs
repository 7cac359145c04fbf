//! `a=candidate` as far as it makes a kind: the same rules as the control plane's (`src/sdp/candidate.ts`,
//! `src/pattern/protected-lines.ts`), none of them wider.

use std::net::Ipv6Addr;

use crate::spelling::{is_address, is_decimal_up_to, is_word};

/// What stands behind `a=candidate:`, up to the type.
struct Candidate<'a> {
    component: &'a str,
    transport: &'a str,
    /// `4`, `6`, or `n` for a name.
    family: char,
    kind: &'a str,
    length: usize,
}

/// How far a candidate reaches that begins here; 0 if there is none, or it is written in an unusual way.
pub fn reach(text: &[u8]) -> usize {
    let line = text.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
    read(line).map_or(0, |candidate| candidate.length)
}

/// What two candidates have to have in common to be of one kind.
pub fn form_of(value: &str) -> Option<String> {
    let Candidate { component, transport, family, kind, .. } = read(value.as_bytes())?;
    Some(format!("{component}{}{family}{kind}", transport.to_ascii_uppercase()))
}

/// The places between which the transport stands, which is not told in lower case.
pub fn transport_in(value: &str) -> Option<(usize, usize)> {
    let mut spaces = value.match_indices(' ').map(|(at, _)| at).skip(1);
    Some((spaces.next()? + 1, spaces.next()?))
}

fn read(line: &[u8]) -> Option<Candidate<'_>> {
    let line = std::str::from_utf8(line).ok()?;
    if line.ends_with(' ') || line.contains("  ") {
        return None;
    }
    let mut words = line.split(' ');
    let (foundation, component, transport) = (words.next()?, words.next()?, words.next()?);
    let (priority, address, port) = (words.next()?, words.next()?, words.next()?);
    if words.next() != Some("typ") {
        return None;
    }
    let kind = words.next()?;
    let all = [foundation, component, transport, priority, address, port];
    let length = all.iter().map(|word| word.len() + 1).sum::<usize>() + "typ ".len() + kind.len();
    let is_usual = (1..=MOST_FOUNDATION).contains(&foundation.len())
        && matches!(component, "1" | "2")
        && !transport.is_empty()
        && is_decimal_up_to(u32::MAX.into(), priority.as_bytes())
        && is_decimal_up_to(u16::MAX.into(), port.as_bytes())
        && port != "0"
        && matches!(kind, "host" | "srflx" | "prflx" | "relay")
        && length <= MOST_BYTES
        && all.iter().all(|word| word.bytes().all(is_word));
    let family = family_of(address)?;
    is_usual.then_some(Candidate { component, transport, family, kind, length })
}

fn family_of(address: &str) -> Option<char> {
    if address.bytes().all(|byte| matches!(byte, b'0' | b'.' | b':')) {
        None
    } else if is_address(address.as_bytes()) {
        Some('4')
    } else if address.contains(':') {
        let is_address = !address.contains('.') && address.parse::<Ipv6Addr>().is_ok();
        is_address.then_some('6')
    } else {
        let is_name = address.len() <= MOST_NAME
            && address.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
            && address.bytes().any(|byte| byte.is_ascii_alphabetic());
        is_name.then_some('n')
    }
}

const MOST_FOUNDATION: usize = 32;
const MOST_NAME: usize = 255;
const MOST_BYTES: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_candidate_reaches_to_its_type() {
        for (text, reach_of_it, form) in [
            ("1 1 udp 2113937151 192.0.2.1 4000 typ host\r\na=x", 42, "1UDP4host"),
            ("1 1 udp 2113937151 192.0.2.1 4000 typ host generation 0\r\n", 42, "1UDP4host"),
            ("a/+ 2 TCP 0 2001:db8::1 9 typ srflx raddr 0.0.0.0 rport 0", 35, "2TCP6srflx"),
            ("1 1 UDP 1 a-b.local 65535 typ relay", 35, "1UDPnrelay"),
        ] {
            assert_eq!(reach(text.as_bytes()), reach_of_it, "{text}");
            assert_eq!(form_of(&text[..reach_of_it]).as_deref(), Some(form));
        }
        assert_eq!(transport_in("1 1 udp 7 h 9 typ host"), Some((4, 7)));
    }

    #[test]
    fn what_is_written_in_an_unusual_way_is_no_candidate() {
        for text in [
            "",
            " 1 1 udp 1 192.0.2.1 4000 typ host",
            "1  1 udp 1 192.0.2.1 4000 typ host",
            "1 1 udp 1 192.0.2.1 4000 typ host generation  0",
            "1 1 udp 1 192.0.2.1 4000 typ host ",
            "1 1 udp 1 192.0.2.1 4000 typ",
            "1 1 udp 1 192.0.2.1 4000 typ other",
            "1 1 udp 1 192.0.2.1 4000 host",
            "1 3 udp 1 192.0.2.1 4000 typ host",
            "1 01 udp 1 192.0.2.1 4000 typ host",
            "1 1 udp 007 192.0.2.1 4000 typ host",
            "1 1 udp 4294967296 192.0.2.1 4000 typ host",
            "1 1 udp 1 192.0.2.1 0 typ host",
            "1 1 udp 1 192.0.2.1 65536 typ host",
            "1 1 udp 1 192.0.2.1 04 typ host",
            "1 1 udp 1 0.0.0.0 4000 typ host",
            "1 1 udp 1 :: 4000 typ host",
            "1 1 udp 1 1.2.3 4000 typ host",
            "1 1 udp 1 ::ffff:192.0.2.1 4000 typ host",
            "1 1 udp 1 what? 4000 typ host",
            "1\" 1 udp 1 192.0.2.1 4000 typ host",
            "1~ 1 udp 1 192.0.2.1 4000 typ host",
            "123456789012345678901234567890123 1 udp 1 192.0.2.1 4000 typ host",
        ] {
            assert_eq!(reach(text.as_bytes()), 0, "{text}");
        }
    }
}
