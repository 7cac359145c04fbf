//! Frames made in userspace, to try the program with.

use std::net::{IpAddr, SocketAddr};

use crate::sum::Sum;

/// An Ethernet frame with a UDP datagram, all checksums right.
#[derive(Debug, Clone)]
pub struct Frame<'a> {
    pub destination: [u8; 6],
    pub source: [u8; 6],
    /// IEEE 802.1Q.
    pub tags: &'a [u16],
    pub from: SocketAddr,
    pub to: SocketAddr,
    pub tos: u8,
    pub ttl: u8,
    pub payload: &'a [u8],
}

impl Frame<'_> {
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = [self.destination, self.source].concat();
        for tag in self.tags {
            bytes.extend([0x81, 0x00]);
            bytes.extend(tag.to_be_bytes());
        }
        let len = (8 + self.payload.len()) as u16;
        match (self.from.ip(), self.to.ip()) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                let total = (20 + len).to_be_bytes();
                let mut header =
                    [0x45, self.tos, total[0], total[1], 0, 0, 0x40, 0, self.ttl, 17, 0, 0].to_vec();
                header.extend(from.octets());
                header.extend(to.octets());
                let check = (!Sum::of(&header).folded()).to_ne_bytes();
                header[10..12].copy_from_slice(&check);
                bytes.extend([0x08, 0x00]);
                bytes.extend(header);
            }
            (from, to) => {
                bytes.extend([0x86, 0xdd, 0x60 | self.tos >> 4, self.tos << 4, 0, 0]);
                bytes.extend(len.to_be_bytes());
                bytes.extend([17, self.ttl]);
                bytes.extend(octets(from));
                bytes.extend(octets(to));
            }
        }
        bytes.extend(self.datagram(len));
        bytes
    }

    fn datagram(&self, len: u16) -> Vec<u8> {
        let ports = [self.from.port().to_be_bytes(), self.to.port().to_be_bytes()].concat();
        let mut datagram = [&ports[..], &len.to_be_bytes(), &[0, 0], self.payload].concat();
        let sum = Sum::of(&octets(self.from.ip())).add(&octets(self.to.ip()));
        let check = match !sum.add(&[0, 17]).add(&len.to_be_bytes()).add(&datagram).folded() {
            0 => 0xffff,
            check => check,
        };
        datagram[6..8].copy_from_slice(&check.to_ne_bytes());
        datagram
    }
}

pub fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}
