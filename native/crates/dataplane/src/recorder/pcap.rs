//! Capture files in the classic format of libpcap (draft-ietf-opsawg-pcap): little-endian, microseconds.

use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use protocol::PcapLink;

pub const FILE_HEADER: usize = 24;

pub fn file_header(link: PcapLink) -> [u8; FILE_HEADER] {
    let mut header = [0; FILE_HEADER];
    header[..4].copy_from_slice(&0xa1b2_c3d4_u32.to_le_bytes());
    header[4] = 2;
    header[6] = 4;
    header[16..20].copy_from_slice(&SNAPSHOT_LENGTH.to_le_bytes());
    let link_type: u32 = match link {
        PcapLink::Ethernet => 1,
        PcapLink::RawIp => 101,
    };
    header[20..].copy_from_slice(&link_type.to_le_bytes());
    header
}

/// Appends the record of a UDP datagram seen at this time since 1970. With our headers it may be longer than a record
/// can be; then its end is left out, as its lengths tell.
pub fn put_record(
    out: &mut Vec<u8>,
    link: PcapLink,
    at: Duration,
    (from, to): (SocketAddr, SocketAddr),
    payload: &[u8],
) {
    let (from_ip, to_ip) = same_family(from.ip(), to.ip());
    let (ip_header, counted) = if from_ip.is_ipv4() { (IPV4_HEADER, IPV4_HEADER) } else { (IPV6_HEADER, 0) };
    let payload = &payload[..payload.len().min(usize::from(u16::MAX) - counted - UDP_HEADER)];
    let original = link_header(link).len() + ip_header + UDP_HEADER + payload.len();
    out.extend_from_slice(&(at.as_secs() as u32).to_le_bytes());
    out.extend_from_slice(&at.subsec_micros().to_le_bytes());
    out.extend_from_slice(&(captured_of(original) as u32).to_le_bytes());
    out.extend_from_slice(&(original as u32).to_le_bytes());
    let start = out.len();
    if link == PcapLink::Ethernet {
        out.extend_from_slice(link_header(link));
        let ether_type: u16 = if from_ip.is_ipv4() { 0x0800 } else { 0x86dd };
        let at = out.len() - 2;
        out[at..].copy_from_slice(&ether_type.to_be_bytes());
    }
    let udp_length = (UDP_HEADER + payload.len()) as u16;
    put_ip_header(out, from_ip, to_ip, udp_length);
    put_udp(out, (from_ip, from.port()), (to_ip, to.port()), payload);
    out.truncate(start + captured_of(original));
}

/// How much of a packet of this length is kept.
fn captured_of(original: usize) -> usize {
    original.min(SNAPSHOT_LENGTH as usize)
}

/// Length of the whole records at the beginning of `bytes`, and their number.
pub fn whole_records(link: PcapLink, bytes: &[u8]) -> (usize, usize) {
    let (mut end, mut count) = (0, 0);
    while let Some(length) = bytes.get(end..).and_then(|rest| record_length(link, rest)) {
        if bytes.len() < end + length {
            break;
        }
        (end, count) = (end + length, count + 1);
    }
    (end, count)
}

/// Where the first record begins that is followed by others up to the last whole one.
pub fn find_record(link: PcapLink, bytes: &[u8]) -> Option<usize> {
    (0..bytes.len()).find(|at| {
        let (length, count) = whole_records(link, &bytes[*at..]);
        count >= CERTAIN && bytes.len() - at - length < LONGEST_RECORD
    })
}

/// Length of a record as its headers have it; `None`: they are not whole, or none that we write.
fn record_length(link: PcapLink, bytes: &[u8]) -> Option<usize> {
    let word = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let (micros, captured, original) = (word(4)?, word(8)?, word(12)?);
    let packet = bytes.get(RECORD_HEADER + link_header(link).len()..)?;
    let half = |at: usize| Some(usize::from(u16::from_be_bytes(packet.get(at..at + 2)?.try_into().ok()?)));
    let ip_length = match packet.first()? >> 4 {
        4 => half(2)?,
        6 => half(4)? + IPV6_HEADER,
        _ => return None,
    };
    let (captured, original) = (captured as usize, original as usize);
    let is_whole = original == link_header(link).len() + ip_length && captured == captured_of(original);
    (micros < 1_000_000 && is_whole).then_some(RECORD_HEADER + captured)
}

/// As it is before IPv4, whose type is put in where it is not.
fn link_header(link: PcapLink) -> &'static [u8] {
    match link {
        PcapLink::RawIp => &[],
        // Addresses that nobody owns (IEEE 802: locally administered).
        PcapLink::Ethernet => &[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0],
    }
}

fn same_family(from: IpAddr, to: IpAddr) -> (IpAddr, IpAddr) {
    let mapped = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    if from.is_ipv4() == to.is_ipv4() { (from, to) } else { (mapped(from).into(), mapped(to).into()) }
}

fn put_ip_header(out: &mut Vec<u8>, from: IpAddr, to: IpAddr, udp_length: u16) {
    let start = out.len();
    if let (IpAddr::V4(from), IpAddr::V4(to)) = (from, to) {
        let length = IPV4_HEADER as u16 + udp_length;
        // Version and length of the header, no fragment (RFC 791 §3.1).
        out.extend_from_slice(&[0x45, 0]);
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(&[0, 0, 0x40, 0, HOPS, UDP, 0, 0]);
        out.extend_from_slice(&from.octets());
        out.extend_from_slice(&to.octets());
        let sum = checksum(sum_of(0, &out[start..]));
        out[start + 10..start + 12].copy_from_slice(&sum.to_be_bytes());
    } else {
        out.extend_from_slice(&[0x60, 0, 0, 0]);
        out.extend_from_slice(&udp_length.to_be_bytes());
        out.extend_from_slice(&[UDP, HOPS]);
        out.extend_from_slice(&octets(from));
        out.extend_from_slice(&octets(to));
    }
}

fn put_udp(out: &mut Vec<u8>, from: (IpAddr, u16), to: (IpAddr, u16), payload: &[u8]) {
    let (start, length) = (out.len(), (UDP_HEADER + payload.len()) as u16);
    for field in [from.1, to.1, length, 0] {
        out.extend_from_slice(&field.to_be_bytes());
    }
    out.extend_from_slice(payload);
    let pseudo = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => sum_of(0, &ip.octets()),
        IpAddr::V6(ip) => sum_of(0, &ip.octets()),
    };
    let sum = pseudo(from.0) + pseudo(to.0) + u64::from(UDP) + u64::from(length);
    let sum = match checksum(sum_of(sum, &out[start..])) {
        // RFC 768: 0 means that there is none.
        0 => u16::MAX,
        sum => sum,
    };
    out[start + 6..start + 8].copy_from_slice(&sum.to_be_bytes());
}

fn octets(ip: IpAddr) -> [u8; 16] {
    let ip: Ipv6Addr = match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    ip.octets()
}

/// RFC 1071.
fn sum_of(start: u64, bytes: &[u8]) -> u64 {
    let words = bytes.chunks_exact(2);
    let last = words.remainder().first().map_or(0, |byte| u64::from(*byte) << 8);
    start + last + words.map(|word| u64::from(u16::from_be_bytes([word[0], word[1]]))).sum::<u64>()
}

fn checksum(sum: u64) -> u16 {
    let mut sum = sum;
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    !(sum as u16)
}

const SNAPSHOT_LENGTH: u32 = 65_535;
const RECORD_HEADER: usize = 16;
const IPV4_HEADER: usize = 20;
const IPV6_HEADER: usize = 40;
const UDP_HEADER: usize = 8;
const UDP: u8 = 17;
const HOPS: u8 = 64;
pub const LONGEST_RECORD: usize = RECORD_HEADER + SNAPSHOT_LENGTH as usize;
/// So many records in a row are no accident.
const CERTAIN: usize = 3;
