//! RTCP compounds (RFC 3550 §6): packets one after the other, each checked against its length.

mod sound;
pub mod write;

/// Shortest RTCP worth anything: header and one SSRC.
pub const SHORTEST: usize = 8;

pub const SENDER_REPORT: u8 = 200;
pub const RECEIVER_REPORT: u8 = 201;
pub const SOURCE_DESCRIPTION: u8 = 202;
pub const BYE: u8 = 203;
pub const APPLICATION: u8 = 204;
pub const TRANSPORT_FEEDBACK: u8 = 205;
pub const PAYLOAD_FEEDBACK: u8 = 206;
pub const EXTENDED_REPORT: u8 = 207;

/// True if the datagram begins like RTCP of version 2 and its first packet fits. This holds for SRTCP too, of
/// which only the first eight bytes are in the clear.
pub fn begins_well(datagram: &[u8]) -> bool {
    let Some([first, kind, l0, l1]) = datagram.first_chunk::<4>() else {
        return false;
    };
    let length = (usize::from(u16::from_be_bytes([*l0, *l1])) + 1) * 4;
    first >> 6 == 2 && (192..=223).contains(kind) && datagram.len() >= SHORTEST && length <= datagram.len()
}

/// True if the datagram is a compound whose lengths add up exactly; false for SRTCP and for junk.
pub fn is_whole(datagram: &[u8]) -> bool {
    let mut packets = packets(datagram);
    packets.by_ref().for_each(drop);
    begins_well(datagram) && packets.rest.is_empty()
}

/// Iterates over the packets of a compound; stops at the first one that is not RTCP or exceeds the datagram.
pub fn packets(datagram: &[u8]) -> Packets<'_> {
    Packets { rest: datagram }
}

#[derive(Debug, Clone)]
pub struct Packets<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Packets<'a> {
    type Item = Packet<'a>;

    fn next(&mut self) -> Option<Packet<'a>> {
        let [first, kind, l0, l1] = *self.rest.first_chunk::<4>()?;
        if first >> 6 != 2 || !(192..=223).contains(&kind) {
            return None;
        }
        let length = (usize::from(u16::from_be_bytes([l0, l1])) + 1) * 4;
        let (packet, rest) = self.rest.split_at_checked(length)?;
        // RFC 3550 §6.4.1: the padding count is the last byte and counts itself, in multiples of four.
        let padding = if first & 0x20 == 0 { 0 } else { usize::from(packet[length - 1]) };
        let body = packet[4..].get(..(length - 4).checked_sub(padding)?)?;
        self.rest = rest;
        Some(Packet { count: first & 0x1f, kind, body })
    }
}

/// One RTCP packet, its common header taken off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Report count, source count, subtype or feedback format, depending on the kind.
    pub count: u8,
    /// Packet type.
    pub kind: u8,
    pub body: &'a [u8],
}

/// A packet by what it says. Packets too short for their kind are `Other`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content<'a> {
    SenderReport(SenderReport, Reports<'a>),
    ReceiverReport { ssrc: u32, reports: Reports<'a> },
    SourceDescription(Chunks<'a>),
    Bye(Bye<'a>),
    Application { ssrc: u32, name: [u8; 4], data: &'a [u8] },
    Feedback(Feedback<'a>),
    ExtendedReport { ssrc: u32, blocks: Blocks<'a> },
    Other,
}

impl<'a> Packet<'a> {
    pub fn content(&self) -> Content<'a> {
        self.try_content().unwrap_or(Content::Other)
    }

    fn try_content(&self) -> Option<Content<'a>> {
        let body = self.body;
        let ssrc = word(body, 0);
        Some(match self.kind {
            SENDER_REPORT => {
                Content::SenderReport(SenderReport::parse(body)?, Reports::of(self.count, body.get(24..)?))
            }
            RECEIVER_REPORT => {
                Content::ReceiverReport { ssrc: ssrc?, reports: Reports::of(self.count, body.get(4..)?) }
            }
            SOURCE_DESCRIPTION => Content::SourceDescription(Chunks { rest: body, left: self.count }),
            BYE => Content::Bye(Bye { count: self.count, body }),
            APPLICATION => {
                Content::Application { ssrc: ssrc?, name: word(body, 4)?.to_be_bytes(), data: body.get(8..)? }
            }
            TRANSPORT_FEEDBACK | PAYLOAD_FEEDBACK => Content::Feedback(Feedback {
                payload_specific: self.kind == PAYLOAD_FEEDBACK,
                format: self.count,
                sender: ssrc?,
                media: word(body, 4)?,
                information: body.get(8..)?,
            }),
            EXTENDED_REPORT => {
                Content::ExtendedReport { ssrc: ssrc?, blocks: Blocks { rest: body.get(4..)? } }
            }
            _ => Content::Other,
        })
    }
}

/// Sender information (RFC 3550 §6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderReport {
    pub ssrc: u32,
    pub ntp: u64,
    pub rtp_timestamp: u32,
    pub packets: u32,
    pub octets: u32,
}

impl SenderReport {
    fn parse(body: &[u8]) -> Option<SenderReport> {
        Some(SenderReport {
            ssrc: word(body, 0)?,
            ntp: u64::from(word(body, 4)?) << 32 | u64::from(word(body, 8)?),
            rtp_timestamp: word(body, 12)?,
            packets: word(body, 16)?,
            octets: word(body, 20)?,
        })
    }

    /// The middle 32 bits of the NTP time, as receivers echo them in LSR.
    pub fn ntp_middle(&self) -> u32 {
        (self.ntp >> 16) as u32
    }
}

/// One report block (RFC 3550 §6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportBlock {
    pub ssrc: u32,
    pub fraction_lost: u8,
    /// Signed 24 bit on the wire.
    pub cumulative_lost: i32,
    pub highest_sequence: u32,
    /// In units of the RTP clock.
    pub jitter: u32,
    pub last_sender_report: u32,
    /// In units of 1/65536 seconds.
    pub delay_since_last_sender_report: u32,
}

/// Report blocks: as many as announced, or as fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reports<'a> {
    blocks: &'a [[u8; 24]],
}

impl<'a> Reports<'a> {
    fn of(count: u8, bytes: &'a [u8]) -> Self {
        let (blocks, _) = bytes.as_chunks::<24>();
        Reports { blocks: &blocks[..blocks.len().min(usize::from(count))] }
    }

    pub fn iter(&self) -> impl Iterator<Item = ReportBlock> + use<'a> {
        self.blocks.iter().filter_map(|block| {
            let loss = word(block, 4)?;
            Some(ReportBlock {
                ssrc: word(block, 0)?,
                fraction_lost: (loss >> 24) as u8,
                cumulative_lost: ((loss << 8) as i32) >> 8,
                highest_sequence: word(block, 8)?,
                jitter: word(block, 12)?,
                last_sender_report: word(block, 16)?,
                delay_since_last_sender_report: word(block, 20)?,
            })
        })
    }
}

/// Chunks of a source description (RFC 3550 §6.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunks<'a> {
    rest: &'a [u8],
    left: u8,
}

/// One source's description.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunk<'a> {
    pub ssrc: u32,
    items: &'a [u8],
}

impl<'a> Iterator for Chunks<'a> {
    type Item = Chunk<'a>;

    fn next(&mut self) -> Option<Chunk<'a>> {
        self.left = self.left.checked_sub(1)?;
        let ssrc = word(self.rest, 0)?;
        let after = self.rest.get(4..)?;
        let mut end = 0;
        while *after.get(end)? != 0 {
            end += 2 + usize::from(*after.get(end + 1)?);
        }
        let items = after.get(..end)?;
        // The null that ends the items is followed by nulls up to the next word.
        self.rest = after.get((end + 4) / 4 * 4..)?;
        Some(Chunk { ssrc, items })
    }
}

impl<'a> Chunk<'a> {
    /// Items as type and text; type 1 is the CNAME.
    pub fn items(&self) -> impl Iterator<Item = (u8, &'a [u8])> + use<'a> {
        let mut rest = self.items;
        std::iter::from_fn(move || {
            let [kind, length] = *rest.first_chunk::<2>()?;
            let (text, after) = rest[2..].split_at_checked(usize::from(length))?;
            rest = after;
            Some((kind, text))
        })
    }
}

/// Sources that leave (RFC 3550 §6.6). There may be none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bye<'a> {
    count: u8,
    body: &'a [u8],
}

impl<'a> Bye<'a> {
    pub fn ssrcs(&self) -> impl Iterator<Item = u32> + use<'a> {
        let (words, _) = self.body.as_chunks::<4>();
        words.iter().take(usize::from(self.count)).map(|word| u32::from_be_bytes(*word))
    }

    pub fn reason(&self) -> Option<&'a [u8]> {
        let (&length, text) = self.body.get(usize::from(self.count) * 4..)?.split_first()?;
        text.get(..usize::from(length))
    }
}

/// Feedback (RFC 4585 §6.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Feedback<'a> {
    pub payload_specific: bool,
    pub format: u8,
    pub sender: u32,
    pub media: u32,
    pub information: &'a [u8],
}

/// Blocks of an extended report (RFC 3611 §3): type, type-specific byte, content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blocks<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Blocks<'a> {
    type Item = (u8, u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let [kind, specific, l0, l1] = *self.rest.first_chunk::<4>()?;
        let length = usize::from(u16::from_be_bytes([l0, l1])) * 4;
        let (content, rest) = self.rest[4..].split_at_checked(length)?;
        self.rest = rest;
        Some((kind, specific, content))
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk::<4>()?))
}

#[cfg(test)]
#[path = "rtcp_test.rs"]
mod tests;
