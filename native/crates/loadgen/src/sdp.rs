//! The SDP bodies of the benchmark's callers and callees.

use std::net::Ipv4Addr;

/// How a body names its protection: the profile of the medium, and lines that go with it.
#[derive(Clone, Copy)]
pub struct Transport<'a> {
    pub profile: &'a str,
    pub lines: &'a str,
}

pub const PLAIN: Transport<'static> = Transport { profile: "RTP/AVP", lines: "" };

/// An offer as a desk phone sends it: several codecs, telephone events, explicit RTCP.
pub fn offer(address: Ipv4Addr, port: u16, session: u64, transport: Transport<'_>) -> String {
    let Transport { profile, lines } = transport;
    format!(
        "v=0\r\no=- {session} 1 IN IP4 {address}\r\ns=call\r\nc=IN IP4 {address}\r\nt=0 0\r\n\
         m=audio {port} {profile} 0 8 9 18 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n\
         a=rtpmap:9 G722/8000\r\na=rtpmap:18 G729/8000\r\na=fmtp:18 annexb=no\r\n\
         a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n{lines}"
    )
}

pub fn answer(address: Ipv4Addr, port: u16, session: u64, transport: Transport<'_>) -> String {
    let Transport { profile, lines } = transport;
    format!(
        "v=0\r\no=- {session} 1 IN IP4 {address}\r\ns=call\r\nc=IN IP4 {address}\r\nt=0 0\r\n\
         m=audio {port} {profile} 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n\
         a=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n{lines}"
    )
}

/// Where the proxy wants the first medium sent: connection address and port.
pub fn media_address(sdp: &[u8]) -> Option<(Ipv4Addr, u16)> {
    let text = std::str::from_utf8(sdp).ok()?;
    let port = field(text, "m=audio ")?.split(' ').next()?.parse().ok()?;
    let address = field(text, "c=IN IP4 ")?.trim().parse().ok()?;
    Some((address, port))
}

fn field<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_address_of_an_offer_is_its_own() {
        let address = Ipv4Addr::new(192, 0, 2, 1);
        assert_eq!(media_address(offer(address, 4000, 1, PLAIN).as_bytes()), Some((address, 4000)));
    }

    #[test]
    fn body_without_media_has_no_address() {
        assert_eq!(media_address(b"v=0\r\nc=IN IP4 192.0.2.1\r\n"), None);
    }
}
