//! Writes RTCP packets behind each other into a buffer, which makes them a compound.

use super::{
    BYE, PAYLOAD_FEEDBACK, Packet, RECEIVER_REPORT, ReportBlock, SENDER_REPORT, SOURCE_DESCRIPTION,
    SenderReport,
};

/// Most blocks, chunks or sources in one packet.
pub const MOST_COUNT: usize = 31;

/// A packet as it is, its padding left out.
pub fn copy(out: &mut Vec<u8>, packet: &Packet<'_>) {
    packet_of(out, packet.kind, |out| {
        out.extend_from_slice(packet.body);
        packet.count
    });
}

pub fn sender_report(
    out: &mut Vec<u8>,
    report: &SenderReport,
    blocks: impl IntoIterator<Item = ReportBlock>,
) {
    packet_of(out, SENDER_REPORT, |out| {
        word(out, report.ssrc);
        out.extend_from_slice(&report.ntp.to_be_bytes());
        for value in [report.rtp_timestamp, report.packets, report.octets] {
            word(out, value);
        }
        report_blocks(out, blocks)
    });
}

pub fn receiver_report(out: &mut Vec<u8>, ssrc: u32, blocks: impl IntoIterator<Item = ReportBlock>) {
    packet_of(out, RECEIVER_REPORT, |out| {
        word(out, ssrc);
        report_blocks(out, blocks)
    });
}

/// A source description that tells a CNAME (RFC 3550 §6.5.1), of which 255 bytes fit.
pub fn canonical_name(out: &mut Vec<u8>, ssrc: u32, name: &[u8]) {
    packet_of(out, SOURCE_DESCRIPTION, |out| {
        word(out, ssrc);
        let name = &name[..name.len().min(255)];
        out.extend_from_slice(&[1, name.len() as u8]);
        out.extend_from_slice(name);
        let nulls = 4 - (2 + name.len()) % 4;
        out.extend_from_slice(&[0; 4][..nulls]);
        1
    });
}

/// These sources are gone (RFC 3550 §6.6).
pub fn bye(out: &mut Vec<u8>, ssrcs: &[u32]) {
    packet_of(out, BYE, |out| {
        let ssrcs = &ssrcs[..ssrcs.len().min(MOST_COUNT)];
        ssrcs.iter().for_each(|ssrc| word(out, *ssrc));
        ssrcs.len() as u8
    });
}

/// RFC 4585 §6.3.1.
pub fn picture_loss(out: &mut Vec<u8>, sender: u32, media: u32) {
    packet_of(out, PAYLOAD_FEEDBACK, |out| {
        word(out, sender);
        word(out, media);
        1
    });
}

/// RFC 5104 §4.3.1. A repeated sequence number is the same request once more.
pub fn full_intra_request(out: &mut Vec<u8>, sender: u32, media: u32, sequence: u8) {
    packet_of(out, PAYLOAD_FEEDBACK, |out| {
        for value in [sender, 0, media, u32::from(sequence) << 24] {
            word(out, value);
        }
        4
    });
}

/// A packet whose body is written by `body`, which returns what stands in the count field.
pub fn packet_of(out: &mut Vec<u8>, kind: u8, body: impl FnOnce(&mut Vec<u8>) -> u8) {
    let start = out.len();
    out.extend_from_slice(&[0x80, kind, 0, 0]);
    let count = body(out);
    out[start] = 0x80 | (count & 0x1f);
    let words = ((out.len() - start) / 4 - 1) as u16;
    out[start + 2..start + 4].copy_from_slice(&words.to_be_bytes());
}

pub fn word(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_be_bytes());
}

fn report_blocks(out: &mut Vec<u8>, blocks: impl IntoIterator<Item = ReportBlock>) -> u8 {
    let mut count = 0;
    for block in blocks.into_iter().take(MOST_COUNT) {
        let lost = block.cumulative_lost.clamp(-0x80_0000, 0x7f_ffff) as u32 & 0x00ff_ffff;
        let values = [
            block.ssrc,
            u32::from(block.fraction_lost) << 24 | lost,
            block.highest_sequence,
            block.jitter,
            block.last_sender_report,
            block.delay_since_last_sender_report,
        ];
        for value in values {
            word(out, value);
        }
        count += 1;
    }
    count
}

#[cfg(test)]
#[path = "write_test.rs"]
mod tests;
