//! What the IP stack would make of a frame: the datagram a socket gets, if any. Written apart from the program.

use std::net::{IpAddr, SocketAddr};

/// A datagram and what its IP header said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Datagram {
    pub from: SocketAddr,
    pub to: SocketAddr,
    pub tos: u8,
    pub ttl: u8,
    pub payload: Vec<u8>,
}

/// What arrives at an untagged interface with this link-layer address.
pub fn deliver(frame: &[u8], interface: [u8; 6]) -> Option<Datagram> {
    if frame.get(..6)? != interface {
        return None;
    }
    match frame.get(12..14)? {
        [0x08, 0x00] => deliver_ipv4(&frame[14..]),
        [0x86, 0xdd] => deliver_ipv6(&frame[14..]),
        _ => None,
    }
}

fn deliver_ipv4(packet: &[u8]) -> Option<Datagram> {
    let header = packet.get(..usize::from(packet.first()? & 0x0f) * 4)?;
    let total = usize::from(u16::from_be_bytes([*header.get(2)?, header[3]]));
    let fragment = u16::from_be_bytes([header[6], header[7]]) & 0x3fff;
    if header[0] >> 4 != 4 || header.len() < 20 || sum(header) != 0xffff || fragment != 0 || header[9] != 17 {
        return None;
    }
    let address = |at: usize| IpAddr::from(<[u8; 4]>::try_from(&header[at..at + 4]).unwrap());
    let datagram = packet.get(header.len()..total)?;
    receive(datagram, address(12), address(16), (header[1], header[8]))
}

fn deliver_ipv6(packet: &[u8]) -> Option<Datagram> {
    let header = packet.get(..40)?;
    let content = packet.get(40..40 + usize::from(u16::from_be_bytes([header[4], header[5]])))?;
    let datagram = match header[6] {
        17 => content,
        // Destination options (RFC 8200 §4.6).
        60 if content.first()? == &17 => content.get((usize::from(*content.get(1)?) + 1) * 8..)?,
        _ => return None,
    };
    let address = |at: usize| IpAddr::from(<[u8; 16]>::try_from(&header[at..at + 16]).unwrap());
    let tos = header[0] << 4 | header[1] >> 4;
    if header[0] >> 4 != 6 || datagram.get(6..8)? == [0, 0] {
        return None;
    }
    receive(datagram, address(8), address(24), (tos, header[7]))
}

fn receive(datagram: &[u8], from: IpAddr, to: IpAddr, (tos, ttl): (u8, u8)) -> Option<Datagram> {
    let word = |at: usize| Some(u16::from_be_bytes([*datagram.get(at)?, *datagram.get(at + 1)?]));
    let (source, destination, len, check) = (word(0)?, word(2)?, word(4)?, word(6)?);
    // What is behind the datagram's own length is not of it.
    let datagram = datagram.get(..usize::from(len)).filter(|datagram| datagram.len() >= 8)?;
    let pseudo = [crate::frame::octets(from), crate::frame::octets(to), vec![0, 17]].concat();
    let summed = [&pseudo[..], &len.to_be_bytes(), datagram].concat();
    (check == 0 || sum(&summed) == 0xffff).then(|| Datagram {
        from: SocketAddr::new(from, source),
        to: SocketAddr::new(to, destination),
        tos,
        ttl,
        payload: datagram[8..].to_vec(),
    })
}

/// RFC 1071.
fn sum(bytes: &[u8]) -> u16 {
    let word = |word: &[u8]| u64::from(word[0]) << 8 | u64::from(word.get(1).copied().unwrap_or(0));
    let mut sum: u64 = bytes.chunks(2).map(word).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}
