//! Header extension elements (RFC 8285) of packets that are changed on their way.

use crate::rtp::{Header, ONE_BYTE_PROFILE, TWO_BYTE_PROFILE};

/// Adds an element to an RTP packet; false, and nothing has changed, if its header extension is of a form that
/// cannot take it.
pub fn add_element(packet: &mut Vec<u8>, id: u8, value: &[u8]) -> bool {
    let Some(header) = Header::parse(packet) else {
        return false;
    };
    let Ok(length) = u8::try_from(value.len()) else {
        return false;
    };
    let fits_one_byte = (1..=14).contains(&id) && (1..=16).contains(&length);
    match header.extension(packet).map(|(profile, _)| profile) {
        None if id == 0 => false,
        None => {
            let profile = if fits_one_byte { ONE_BYTE_PROFILE } else { TWO_BYTE_PROFILE };
            let at = header.payload(packet.len()).start;
            let [high, low] = profile.to_be_bytes();
            packet.splice(at..at, [high, low, 0, 0]);
            packet[0] |= 0x10;
            append(packet, at, at + 4, fits_one_byte, id, value);
            true
        }
        Some(ONE_BYTE_PROFILE) if fits_one_byte => {
            extend(packet, &header, true, id, value);
            true
        }
        Some(profile) if profile & 0xfff0 == TWO_BYTE_PROFILE && id != 0 => {
            extend(packet, &header, false, id, value);
            true
        }
        Some(_) => false,
    }
}

/// Turns the elements with these numbers into padding; the packet keeps its length.
pub fn hide_elements(packet: &mut [u8], header: &Header, hidden: &[u8]) {
    let Some((profile, content)) = header.extension(packet) else { return };
    let end = header.payload(packet.len()).start;
    let mut at = end - content.len();
    let one_byte = profile == ONE_BYTE_PROFILE;
    if !one_byte && profile & 0xfff0 != TWO_BYTE_PROFILE {
        return;
    }
    while let Some(&first) = packet[..end].get(at) {
        if first == 0 {
            at += 1;
            continue;
        }
        let (id, size) = if one_byte {
            (first >> 4, usize::from(first & 0x0f) + 2)
        } else {
            let Some(&length) = packet[..end].get(at + 1) else { return };
            (first, usize::from(length) + 2)
        };
        // RFC 8285 §4.2: identifier 15 ends the extension.
        if one_byte && id == 15 {
            return;
        }
        let Some(element) = packet[..end].get_mut(at..at + size) else { return };
        if hidden.contains(&id) {
            element.fill(0);
        }
        at += size;
    }
}

fn extend(packet: &mut Vec<u8>, header: &Header, one_byte: bool, id: u8, value: &[u8]) {
    let end = header.payload(packet.len()).start;
    let content = header.extension(packet).map_or(0, |(_, content)| content.len());
    append(packet, end - content - 4, end, one_byte, id, value);
}

/// Writes an element at the end of the extension that begins at `start`, padded to whole words.
fn append(packet: &mut Vec<u8>, start: usize, end: usize, one_byte: bool, id: u8, value: &[u8]) {
    let length = value.len() as u8;
    let head: &[u8] = if one_byte { &[id << 4 | length.wrapping_sub(1) & 0x0f] } else { &[id, length] };
    let padding = (4 - (head.len() + value.len()) % 4) % 4;
    let element = head.iter().chain(value).copied().chain(std::iter::repeat_n(0, padding));
    let words = (end - start - 4 + head.len() + value.len() + padding) / 4;
    packet.splice(end..end, element);
    packet[start + 2..start + 4].copy_from_slice(&(words as u16).to_be_bytes());
}

#[cfg(test)]
#[path = "extension_test.rs"]
mod tests;
