//! STUN messages (RFC 8489), as far as ICE (RFC 8445) uses them: views for reading, a builder over a caller's buffer.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

pub const HEADER: usize = 20;
/// A message that needs more is not built, nor read.
pub const LONGEST: usize = 640;
pub(crate) const MAGIC_COOKIE: u32 = 0x2112_a442;
const BINDING: u16 = 0x001;
const FINGERPRINT_XOR: u32 = 0x5354_554e;
pub(crate) const INTEGRITY_LENGTH: usize = 20;

pub type TransactionId = [u8; 12];

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    Request,
    Indication,
    Success,
    Error,
}

/// A message whose attributes are all within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    pub class: Class,
    pub method: u16,
    pub transaction: TransactionId,
    bytes: &'a [u8],
}

/// The attributes an ICE agent reads, each the first of its kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Attributes<'a> {
    pub username: Option<&'a [u8]>,
    pub mapped: Option<SocketAddr>,
    pub priority: Option<u32>,
    pub use_candidate: bool,
    /// The tie-breaker of a sender that takes itself for controlling.
    pub controlling: Option<u64>,
    /// The tie-breaker of a sender that takes itself for controlled.
    pub controlled: Option<u64>,
    pub error: Option<u16>,
    /// The first one that has to be understood and is not.
    pub unknown: Option<u16>,
    /// Where MESSAGE-INTEGRITY begins.
    integrity: Option<usize>,
}

/// What is wrong with the proof that a message is from whom it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAuthentic;

/// True for a datagram that claims to be STUN: type, magic cookie and length fit.
#[inline]
pub fn is_stun(datagram: &[u8]) -> bool {
    let Some(header) = datagram.first_chunk::<HEADER>() else {
        return false;
    };
    header[0] < 4 && header[4..8] == MAGIC_COOKIE.to_be_bytes()
}

impl<'a> Message<'a> {
    /// `None` if it is no Binding message, not whole, or has a FINGERPRINT that is wrong.
    pub fn parse(datagram: &'a [u8]) -> Option<Message<'a>> {
        let message = Message::parse_any(datagram).filter(|_| datagram.len() <= LONGEST)?;
        (message.method == BINDING).then_some(message)
    }

    /// The same for a message of any method and length.
    pub fn parse_any(datagram: &'a [u8]) -> Option<Message<'a>> {
        let header = datagram.first_chunk::<HEADER>()?;
        let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
        if !is_stun(datagram) || length != datagram.len() - HEADER || length % 4 != 0 {
            return None;
        }
        let (class, method) = split(u16::from_be_bytes([header[0], header[1]]));
        let mut transaction = [0; 12];
        transaction.copy_from_slice(&header[8..20]);
        let message = Message { class, method, transaction, bytes: datagram };
        message.is_whole().then_some(message)
    }

    pub fn attributes(&self) -> Attributes<'a> {
        let mut found = Attributes::default();
        for (kind, at, value) in self.each() {
            // RFC 8489 §14.5: whatever follows the integrity is not covered by it and does not count.
            if found.integrity.is_some() {
                break;
            }
            let four = || value.try_into().ok().map(u32::from_be_bytes);
            let eight = || value.try_into().ok().map(u64::from_be_bytes);
            match kind {
                USERNAME => found.username = found.username.or(Some(value)),
                MESSAGE_INTEGRITY if value.len() == INTEGRITY_LENGTH => found.integrity = Some(at),
                XOR_MAPPED_ADDRESS => found.mapped = found.mapped.or_else(|| self.address(value)),
                PRIORITY => found.priority = found.priority.or_else(four),
                USE_CANDIDATE => found.use_candidate = true,
                ICE_CONTROLLING => found.controlling = found.controlling.or_else(eight),
                ICE_CONTROLLED => found.controlled = found.controlled.or_else(eight),
                ERROR_CODE => found.error = found.error.or_else(|| error_code(value)),
                // Bid-down protection and other credentials than ours are nothing to us.
                REALM | NONCE | MESSAGE_INTEGRITY_SHA256 | MAPPED_ADDRESS | UNKNOWN_ATTRIBUTES => {}
                0..0x8000 => found.unknown = found.unknown.or(Some(kind)),
                _ => {}
            }
        }
        found
    }

    /// Checks MESSAGE-INTEGRITY with a password.
    pub fn authenticate(&self, attributes: &Attributes<'_>, password: &[u8]) -> Result<(), NotAuthentic> {
        self.prove(attributes.integrity.ok_or(NotAuthentic)?, password)
    }

    /// Checks the MESSAGE-INTEGRITY at this place.
    pub(crate) fn prove(&self, at: usize, password: &[u8]) -> Result<(), NotAuthentic> {
        let value = self.bytes.get(at + 4..at + 4 + INTEGRITY_LENGTH).ok_or(NotAuthentic)?;
        let mac = integrity(password, self.bytes, at).ok_or(NotAuthentic)?;
        mac.verify_slice(value).map_err(|_| NotAuthentic)
    }

    /// True if every attribute is within the message, and its FINGERPRINT, if it has one, is right and the last.
    fn is_whole(&self) -> bool {
        let mut end = HEADER;
        for (kind, at, value) in self.each() {
            end = at + 4 + value.len().next_multiple_of(4);
            if kind == FINGERPRINT {
                let expected = crc32(&self.bytes[..at]) ^ FINGERPRINT_XOR;
                return end == self.bytes.len() && value == expected.to_be_bytes();
            }
        }
        end == self.bytes.len()
    }

    /// Type, place and value of each attribute.
    pub(crate) fn each(&self) -> impl Iterator<Item = (u16, usize, &'a [u8])> + use<'a> {
        let bytes = self.bytes;
        let mut at = HEADER;
        std::iter::from_fn(move || {
            let head = bytes.get(at..at + 4)?;
            let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
            let value = bytes.get(at + 4..at + 4 + length)?;
            let place = at;
            at += 4 + length.next_multiple_of(4);
            (at <= bytes.len()).then_some((u16::from_be_bytes([head[0], head[1]]), place, value))
        })
    }

    /// RFC 8489 §14.2.
    pub(crate) fn address(&self, value: &[u8]) -> Option<SocketAddr> {
        let [_, family, port_high, port_low, address @ ..] = value else {
            return None;
        };
        let port = u16::from_be_bytes([*port_high, *port_low]) ^ (MAGIC_COOKIE >> 16) as u16;
        let mask = mask(&self.transaction);
        let ip = match (family, address.len()) {
            (1, 4) => IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(xored(address, &mask)?.get(..4)?).ok()?)),
            (2, 16) => IpAddr::V6(Ipv6Addr::from(xored(address, &mask)?)),
            _ => return None,
        };
        Some(SocketAddr::new(ip, port))
    }
}

/// Writes a message into a buffer. What does not fit is left out, and `finish` says so.
#[derive(Debug)]
pub struct Builder<'a> {
    buffer: &'a mut [u8; LONGEST],
    len: usize,
    overflown: bool,
}

impl<'a> Builder<'a> {
    /// A Binding message.
    pub fn new(buffer: &'a mut [u8; LONGEST], class: Class, transaction: TransactionId) -> Self {
        Builder::of(buffer, class, BINDING, transaction)
    }

    pub fn of(buffer: &'a mut [u8; LONGEST], class: Class, method: u16, transaction: TransactionId) -> Self {
        buffer[..2].copy_from_slice(&joined(class, method).to_be_bytes());
        buffer[4..8].copy_from_slice(&MAGIC_COOKIE.to_be_bytes());
        buffer[8..HEADER].copy_from_slice(&transaction);
        let mut builder = Builder { buffer, len: HEADER, overflown: false };
        builder.set_length(0);
        builder
    }

    pub fn username(mut self, parts: [&[u8]; 3]) -> Self {
        let length = parts.iter().map(|part| part.len()).sum();
        if let Some(mut value) = self.attribute(USERNAME, length) {
            for part in parts {
                let (place, rest) = value.split_at_mut(part.len());
                place.copy_from_slice(part);
                value = rest;
            }
        }
        self
    }

    pub fn priority(self, priority: u32) -> Self {
        self.other(PRIORITY, &priority.to_be_bytes())
    }

    pub fn use_candidate(self) -> Self {
        self.other(USE_CANDIDATE, &[])
    }

    pub fn controlling(self, tie_breaker: u64) -> Self {
        self.other(ICE_CONTROLLING, &tie_breaker.to_be_bytes())
    }

    pub fn controlled(self, tie_breaker: u64) -> Self {
        self.other(ICE_CONTROLLED, &tie_breaker.to_be_bytes())
    }

    pub fn mapped(self, address: SocketAddr) -> Self {
        self.address(XOR_MAPPED_ADDRESS, address)
    }

    /// Any attribute that is an address, masked.
    pub fn address(self, kind: u16, address: SocketAddr) -> Self {
        let mut transaction = [0; 12];
        transaction.copy_from_slice(&self.buffer[8..HEADER]);
        let (value, length) = masked(address, &transaction);
        self.other(kind, &value[..length])
    }

    pub fn error(self, code: u16, reason: &str) -> Self {
        let mut value = [0; 4 + MOST_REASON];
        let length = reason.len().min(MOST_REASON);
        value[2] = (code / 100) as u8;
        value[3] = (code % 100) as u8;
        value[4..4 + length].copy_from_slice(&reason.as_bytes()[..length]);
        self.other(ERROR_CODE, &value[..4 + length])
    }

    pub fn unknown_attribute(self, kind: u16) -> Self {
        self.other(UNKNOWN_ATTRIBUTES, &kind.to_be_bytes())
    }

    /// Any attribute.
    pub fn other(mut self, kind: u16, value: &[u8]) -> Self {
        if let Some(place) = self.attribute(kind, value.len()) {
            place.copy_from_slice(value);
        }
        self
    }

    /// Adds MESSAGE-INTEGRITY and FINGERPRINT; returns the length of the message, `None` if it did not fit.
    pub fn finish(mut self, password: &[u8]) -> Option<usize> {
        let at = self.len;
        self.attribute(MESSAGE_INTEGRITY, INTEGRITY_LENGTH)?;
        let mac = integrity(password, self.buffer.get(..self.len)?, at)?.finalize().into_bytes();
        self.buffer[at + 4..self.len].copy_from_slice(&mac);
        self.finish_unproven()
    }

    /// Adds FINGERPRINT only.
    pub fn finish_unproven(mut self) -> Option<usize> {
        let at = self.len;
        self.attribute(FINGERPRINT, 4)?;
        let crc = crc32(&self.buffer[..at]) ^ FINGERPRINT_XOR;
        self.buffer[at + 4..self.len].copy_from_slice(&crc.to_be_bytes());
        (!self.overflown).then_some(self.len)
    }

    /// Room for the value of another attribute.
    fn attribute(&mut self, kind: u16, length: usize) -> Option<&mut [u8]> {
        let (at, end) = (self.len, self.len + 4 + length.next_multiple_of(4));
        if end > LONGEST {
            self.overflown = true;
            return None;
        }
        self.len = end;
        self.set_length(end - HEADER);
        self.buffer[at..at + 2].copy_from_slice(&kind.to_be_bytes());
        self.buffer[at + 2..at + 4].copy_from_slice(&(length as u16).to_be_bytes());
        let (value, padding) = self.buffer[at + 4..end].split_at_mut(length);
        padding.fill(0);
        Some(value)
    }

    fn set_length(&mut self, length: usize) {
        self.buffer[2..4].copy_from_slice(&(length as u16).to_be_bytes());
    }
}

/// RFC 8489 §14.5: over everything before the attribute at `at`, with the length as if the message ended behind it.
fn integrity(password: &[u8], bytes: &[u8], at: usize) -> Option<Hmac<Sha1>> {
    let mut mac = Hmac::<Sha1>::new_from_slice(password).ok()?;
    let length = (at + 4 + INTEGRITY_LENGTH - HEADER) as u16;
    mac.update(bytes.get(..2)?);
    mac.update(&length.to_be_bytes());
    mac.update(bytes.get(4..at)?);
    Some(mac)
}

/// RFC 8489 §5: the class is in two bits within the method.
fn split(kind: u16) -> (Class, u16) {
    let class = match kind & 0x0110 {
        0x0000 => Class::Request,
        0x0010 => Class::Indication,
        0x0100 => Class::Success,
        _ => Class::Error,
    };
    (class, (kind & 0x000f) | (kind & 0x00e0) >> 1 | (kind & 0x3e00) >> 2)
}

pub(crate) fn joined(class: Class, method: u16) -> u16 {
    let class = match class {
        Class::Request => 0x0000,
        Class::Indication => 0x0010,
        Class::Success => 0x0100,
        Class::Error => 0x0110,
    };
    class | (method & 0x000f) | (method & 0x0070) << 1 | (method & 0x0f80) << 2
}

pub(crate) fn error_code(value: &[u8]) -> Option<u16> {
    let [_, _, class, number, ..] = value else {
        return None;
    };
    Some(u16::from(class & 7) * 100 + u16::from(number % 100))
}

/// RFC 8489 §14.2, with its length.
pub(crate) fn masked(address: SocketAddr, transaction: &TransactionId) -> ([u8; 20], usize) {
    let port = address.port() ^ (MAGIC_COOKIE >> 16) as u16;
    let mut value = [0; 20];
    value[2..4].copy_from_slice(&port.to_be_bytes());
    let length = match address.ip() {
        IpAddr::V4(ip) => {
            value[1] = 1;
            value[4..8].copy_from_slice(&ip.octets());
            8
        }
        IpAddr::V6(ip) => {
            value[1] = 2;
            value[4..].copy_from_slice(&ip.octets());
            20
        }
    };
    value[4..].iter_mut().zip(mask(transaction)).for_each(|(octet, mask)| *octet ^= mask);
    (value, length)
}

fn mask(transaction: &TransactionId) -> [u8; 16] {
    let mut mask = [0; 16];
    mask[..4].copy_from_slice(&MAGIC_COOKIE.to_be_bytes());
    mask[4..].copy_from_slice(transaction);
    mask
}

fn xored(address: &[u8], mask: &[u8; 16]) -> Option<[u8; 16]> {
    let mut plain = [0; 16];
    plain.get_mut(..address.len())?.copy_from_slice(address);
    plain.iter_mut().zip(mask).for_each(|(octet, mask)| *octet ^= mask);
    Some(plain)
}

/// CRC-32 of ISO 3309, as in FINGERPRINT.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, octet: &u8| CRC_TABLE[usize::from(crc as u8 ^ octet)] ^ (crc >> 8);
    !bytes.iter().fold(!0, step)
}

const CRC_TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 256 {
        let mut value = at as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { (value >> 1) ^ 0xedb8_8320 } else { value >> 1 };
            bit += 1;
        }
        table[at] = value;
        at += 1;
    }
    table
};

const MOST_REASON: usize = 32;

const MAPPED_ADDRESS: u16 = 0x0001;
pub(crate) const USERNAME: u16 = 0x0006;
pub(crate) const MESSAGE_INTEGRITY: u16 = 0x0008;
pub(crate) const ERROR_CODE: u16 = 0x0009;
const UNKNOWN_ATTRIBUTES: u16 = 0x000a;
pub const REALM: u16 = 0x0014;
pub const NONCE: u16 = 0x0015;
const MESSAGE_INTEGRITY_SHA256: u16 = 0x001c;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;
const PRIORITY: u16 = 0x0024;
const USE_CANDIDATE: u16 = 0x0025;
const FINGERPRINT: u16 = 0x8028;
const ICE_CONTROLLED: u16 = 0x8029;
const ICE_CONTROLLING: u16 = 0x802a;

#[cfg(test)]
#[path = "stun_test.rs"]
mod tests;
