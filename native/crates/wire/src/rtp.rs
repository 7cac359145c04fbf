//! RTP packets (RFC 3550 §5.1), checked once and then read in place.

use std::ops::Range;

/// Shortest header: no CSRC, no extension.
pub const FIXED_HEADER: usize = 12;

/// The fields of a header, and where the parts of the packet lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    pub marker: bool,
    pub payload_type: u8,
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
    csrc_count: u8,
    extension: Option<Extension>,
    payload_start: u16,
    padding: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Extension {
    profile: u16,
    start: u16,
    end: u16,
}

impl Header {
    /// Reads the header. `None` if this is not RTP of version 2 or the lengths in it exceed the packet.
    pub fn parse(packet: &[u8]) -> Option<Header> {
        let (fixed, rest) = packet.split_first_chunk::<FIXED_HEADER>()?;
        let [first, second, s0, s1, t0, t1, t2, t3, i0, i1, i2, i3] = *fixed;
        if first >> 6 != 2 || packet.len() > usize::from(u16::MAX) {
            return None;
        }
        let csrc_count = first & 0x0f;
        let mut payload_start = FIXED_HEADER + usize::from(csrc_count) * 4;
        let mut extension = None;
        if first & 0x10 != 0 {
            let after_csrcs = rest.get(payload_start - FIXED_HEADER..)?;
            let [p0, p1, l0, l1] = *after_csrcs.first_chunk::<4>()?;
            let start = payload_start + 4;
            let end = start + usize::from(u16::from_be_bytes([l0, l1])) * 4;
            let profile = u16::from_be_bytes([p0, p1]);
            extension = Some(Extension { profile, start: short(start)?, end: short(end)? });
            payload_start = end;
        }
        if payload_start > packet.len() {
            return None;
        }
        let padding = if first & 0x20 == 0 { 0 } else { padding_of(&packet[payload_start..]) };
        Some(Header {
            marker: second & 0x80 != 0,
            payload_type: second & 0x7f,
            sequence: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([i0, i1, i2, i3]),
            csrc_count,
            extension,
            payload_start: short(payload_start)?,
            padding,
        })
    }

    /// The payload without padding, as a range of the packet of `len` bytes this header was read from.
    pub fn payload(&self, len: usize) -> Range<usize> {
        let start = usize::from(self.payload_start).min(len);
        start..len.saturating_sub(usize::from(self.padding)).max(start)
    }

    pub fn padding(&self) -> u8 {
        self.padding
    }

    /// Contributing sources of the packet this header was read from.
    pub fn csrcs<'a>(&self, packet: &'a [u8]) -> impl Iterator<Item = u32> + use<'a> {
        let end = FIXED_HEADER + usize::from(self.csrc_count) * 4;
        let (words, _) = packet.get(FIXED_HEADER..end).unwrap_or_default().as_chunks::<4>();
        words.iter().map(|word| u32::from_be_bytes(*word))
    }

    /// The header extension of the packet this header was read from: profile and content.
    pub fn extension<'a>(&self, packet: &'a [u8]) -> Option<(u16, &'a [u8])> {
        let extension = self.extension?;
        let content = packet.get(usize::from(extension.start)..usize::from(extension.end))?;
        Some((extension.profile, content))
    }

    /// The elements of the header extension (RFC 8285), empty if it is of another profile.
    pub fn extension_elements<'a>(&self, packet: &'a [u8]) -> Elements<'a> {
        match self.extension(packet) {
            Some((ONE_BYTE_PROFILE, content)) => Elements { content, form: Form::OneByte },
            Some((profile, content)) if profile & 0xfff0 == TWO_BYTE_PROFILE => {
                Elements { content, form: Form::TwoByte }
            }
            _ => Elements { content: &[], form: Form::OneByte },
        }
    }
}

/// True if the packet says that it ends with padding.
#[inline]
pub fn has_padding(packet: &[u8]) -> bool {
    packet.first().is_some_and(|first| first & 0x20 != 0)
}

/// Iterates over header extension elements; stops at the first one that exceeds the extension.
#[derive(Debug, Clone)]
pub struct Elements<'a> {
    content: &'a [u8],
    form: Form,
}

#[derive(Debug, Clone, Copy)]
enum Form {
    OneByte,
    TwoByte,
}

impl<'a> Iterator for Elements<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (&first, rest) = self.content.split_first()?;
            if first == 0 {
                self.content = rest;
                continue;
            }
            let (id, length, rest) = match self.form {
                // RFC 8285 §4.2: identifier 15 ends the extension.
                Form::OneByte if first >> 4 == 15 => return None,
                Form::OneByte => (first >> 4, usize::from(first & 0x0f) + 1, rest),
                Form::TwoByte => {
                    let (&length, rest) = rest.split_first()?;
                    (first, usize::from(length), rest)
                }
            };
            let (element, rest) = rest.split_at_checked(length)?;
            self.content = rest;
            return Some((id, element));
        }
    }
}

/// Replaces the payload type and leaves the marker as it is.
pub fn set_payload_type(packet: &mut [u8], payload_type: u8) {
    if let Some(byte) = packet.get_mut(1) {
        *byte = (*byte & 0x80) | (payload_type & 0x7f);
    }
}

pub fn set_marker(packet: &mut [u8], marker: bool) {
    if let Some(byte) = packet.get_mut(1) {
        *byte = (*byte & 0x7f) | (u8::from(marker) << 7);
    }
}

/// Says that the packet does not end with padding.
pub fn clear_padding(packet: &mut [u8]) {
    if let Some(byte) = packet.first_mut() {
        *byte &= !0x20;
    }
}

pub fn set_sequence(packet: &mut [u8], sequence: u16) {
    put(packet, 2, sequence.to_be_bytes());
}

pub fn set_timestamp(packet: &mut [u8], timestamp: u32) {
    put(packet, 4, timestamp.to_be_bytes());
}

pub fn set_ssrc(packet: &mut [u8], ssrc: u32) {
    put(packet, 8, ssrc.to_be_bytes());
}

fn put<const N: usize>(packet: &mut [u8], at: usize, value: [u8; N]) {
    if let Some(field) = packet.get_mut(at..at + N) {
        field.copy_from_slice(&value);
    }
}

/// An impossible count is no padding: in SRTP the count is encrypted, so it says nothing about the packet.
fn padding_of(payload: &[u8]) -> u8 {
    payload.last().copied().filter(|count| usize::from(*count) <= payload.len()).unwrap_or(0)
}

fn short(offset: usize) -> Option<u16> {
    u16::try_from(offset).ok()
}

pub(crate) const ONE_BYTE_PROFILE: u16 = 0xbede;
pub(crate) const TWO_BYTE_PROFILE: u16 = 0x1000;

#[cfg(test)]
#[path = "rtp_test.rs"]
mod tests;
