//! Whether an RTCP packet holds what its header announces.

use super::{
    APPLICATION, BYE, EXTENDED_REPORT, PAYLOAD_FEEDBACK, Packet, RECEIVER_REPORT, SENDER_REPORT,
    SOURCE_DESCRIPTION, TRANSPORT_FEEDBACK, word,
};

impl Packet<'_> {
    /// True if a receiver can read the packet to its end. Kinds that are not known here are never unsound.
    pub fn is_sound(&self) -> bool {
        let (body, count) = (self.body, usize::from(self.count));
        body.len().is_multiple_of(4)
            && match self.kind {
                SENDER_REPORT => body.len() >= 24 + 24 * count,
                RECEIVER_REPORT => body.len() >= 4 + 24 * count,
                SOURCE_DESCRIPTION => is_sound_description(body, count),
                BYE => is_sound_bye(body, count),
                APPLICATION => body.len() >= 8,
                TRANSPORT_FEEDBACK => body.len() >= 8 && is_sound_transport_feedback(count, &body[8..]),
                PAYLOAD_FEEDBACK => body.len() >= 8 && is_sound_payload_feedback(count, &body[8..]),
                EXTENDED_REPORT => body.len() >= 4 && is_sound_extended_report(&body[4..]),
                _ => true,
            }
    }
}

fn is_sound_description(mut rest: &[u8], count: usize) -> bool {
    for _ in 0..count {
        let mut at = 4;
        loop {
            match (rest.get(at), rest.get(at + 1)) {
                (Some(0), _) => break,
                (Some(_), Some(length)) => at += 2 + usize::from(*length),
                (Some(_) | None, _) => return false,
            }
        }
        // The null that ends the items is followed by nulls up to the next word.
        let Some(after) = rest.get((at + 4) / 4 * 4..) else { return false };
        rest = after;
    }
    rest.is_empty()
}

fn is_sound_bye(body: &[u8], count: usize) -> bool {
    match body.get(count * 4..) {
        None => false,
        Some(reason) => reason.first().is_none_or(|length| usize::from(*length) < reason.len()),
    }
}

fn is_sound_transport_feedback(format: usize, information: &[u8]) -> bool {
    match format {
        // RFC 4585 §6.2.1.
        1 => !information.is_empty(),
        // RFC 5104 §4.2: a TMMBN may be empty.
        3 => !information.is_empty() && information.len().is_multiple_of(8),
        4 => information.len().is_multiple_of(8),
        15 => information.len() >= 8,
        _ => true,
    }
}

fn is_sound_payload_feedback(format: usize, information: &[u8]) -> bool {
    match format {
        1 => information.is_empty(),
        // RFC 5104 §4.3.1.
        4 => !information.is_empty() && information.len().is_multiple_of(8),
        15 if information.starts_with(b"REMB") => is_sound_remb(information),
        _ => true,
    }
}

fn is_sound_remb(information: &[u8]) -> bool {
    word(information, 4).is_some_and(|head| information.len() == 8 + 4 * (head >> 24) as usize)
}

fn is_sound_extended_report(mut rest: &[u8]) -> bool {
    while let Some([_, _, l0, l1]) = rest.first_chunk::<4>() {
        let length = 4 + usize::from(u16::from_be_bytes([*l0, *l1])) * 4;
        let Some(after) = rest.get(length..) else { return false };
        rest = after;
    }
    rest.is_empty()
}
