//! What of an RTCP compound concerns which stream of a bundle.
//!
//! A sender report goes to the stream its source is of, report blocks to the stream that sent the source they are
//! about, feedback to the stream whose media it is about. Whoever says something of a stream is also introduced to
//! it: with a receiver report before, and a source description. What concerns no stream is left out.

use wire::rtcp::{self, Content};

use crate::session::Session;

/// Writes the part that concerns the stream at `at` of the bundle with this transport stream; empty if none does.
pub fn part_of(session: &Session, transport: usize, at: usize, datagram: &[u8], part: &mut Vec<u8>) {
    part.clear();
    if !rtcp::is_whole(datagram) {
        return;
    }
    let mut reader = Reader { session, transport, at, reporters: [0; MOST_REPORTERS], count: 0 };
    for packet in rtcp::packets(datagram) {
        reader.note_reporter(&packet.content());
    }
    let mut rest = datagram;
    for packet in rtcp::packets(datagram) {
        let (whole, after) = rest.split_at(whole_length(rest));
        rest = after;
        reader.take(&packet, whole, part);
    }
}

struct Reader<'a> {
    session: &'a Session,
    transport: usize,
    at: usize,
    /// Who says something of this stream.
    reporters: [u32; MOST_REPORTERS],
    count: usize,
}

impl Reader<'_> {
    fn note_reporter(&mut self, content: &Content<'_>) {
        let reporter = match content {
            Content::SenderReport(report, blocks) => {
                let concerns =
                    self.is_theirs(report.ssrc) || blocks.iter().any(|block| self.is_ours(block.ssrc));
                concerns.then_some(report.ssrc)
            }
            Content::ReceiverReport { ssrc, reports } => {
                let concerns = self.is_theirs(*ssrc) || reports.iter().any(|block| self.is_ours(block.ssrc));
                concerns.then_some(*ssrc)
            }
            Content::Feedback(feedback) => self.concerns(feedback).then_some(feedback.sender),
            Content::Application { ssrc, .. } | Content::ExtendedReport { ssrc, .. } => {
                self.is_theirs(*ssrc).then_some(*ssrc)
            }
            Content::SourceDescription(_) | Content::Bye(_) | Content::Other => None,
        };
        if let Some(ssrc) = reporter.filter(|ssrc| !self.is_reporter(*ssrc))
            && let Some(free) = self.reporters.get_mut(self.count)
        {
            *free = ssrc;
            self.count += 1;
        }
    }

    fn take(&self, packet: &rtcp::Packet<'_>, whole: &[u8], part: &mut Vec<u8>) {
        match packet.content() {
            Content::SenderReport(report, blocks) if self.is_reporter(report.ssrc) => {
                let own = || blocks.iter().map(|block| block.ssrc).filter(|ssrc| !self.is_others(*ssrc));
                if self.is_theirs(report.ssrc) {
                    self.report(rtcp::SENDER_REPORT, whole, SENDER_BLOCKS, own().count(), part);
                } else {
                    self.report(rtcp::RECEIVER_REPORT, whole, SENDER_BLOCKS, own().count(), part);
                }
            }
            Content::ReceiverReport { ssrc, reports } if self.is_reporter(ssrc) => {
                let count = reports.iter().filter(|block| !self.is_others(block.ssrc)).count();
                self.report(rtcp::RECEIVER_REPORT, whole, RECEIVER_BLOCKS, count, part);
            }
            Content::SourceDescription(chunks) => {
                let is_ours = |ssrc| self.is_theirs(ssrc) || self.is_reporter(ssrc);
                if chunks.clone().all(|chunk| is_ours(chunk.ssrc)) && chunks.clone().next().is_some() {
                    part.extend_from_slice(whole);
                } else {
                    describe(chunks.filter(|chunk| is_ours(chunk.ssrc)), part);
                }
            }
            Content::Bye(bye) => {
                if bye.ssrcs().all(|ssrc| self.is_theirs(ssrc)) && bye.ssrcs().next().is_some() {
                    part.extend_from_slice(whole);
                } else {
                    leave(bye.ssrcs().filter(|ssrc| self.is_theirs(*ssrc)), part);
                }
            }
            Content::Feedback(feedback) if self.concerns(&feedback) => part.extend_from_slice(whole),
            Content::Application { ssrc, .. } | Content::ExtendedReport { ssrc, .. }
                if self.is_reporter(ssrc) =>
            {
                part.extend_from_slice(whole);
            }
            Content::SenderReport(..)
            | Content::ReceiverReport { .. }
            | Content::Feedback(_)
            | Content::Application { .. }
            | Content::ExtendedReport { .. }
            | Content::Other => {}
        }
    }

    /// A report with those blocks that are not about another stream; `blocks` is where they begin in `whole`.
    fn report(&self, kind: u8, whole: &[u8], blocks: usize, count: usize, part: &mut Vec<u8>) {
        let was = usize::from(whole[0] & 0x1f);
        if kind == whole[1] && count == was {
            part.extend_from_slice(whole);
            return;
        }
        let head = if kind == rtcp::SENDER_REPORT { SENDER_BLOCKS } else { RECEIVER_BLOCKS };
        let words = (head - 4) / 4 + count * BLOCK / 4;
        part.extend_from_slice(&[0x80 | count as u8, kind]);
        part.extend_from_slice(&(words as u16).to_be_bytes());
        part.extend_from_slice(&whole[4..head]);
        let (all, _) = whole[blocks..].as_chunks::<BLOCK>();
        for block in all.iter().take(was) {
            let [s0, s1, s2, s3, ..] = *block;
            if !self.is_others(u32::from_be_bytes([s0, s1, s2, s3])) {
                part.extend_from_slice(block);
            }
        }
    }

    /// The peer's source is of this stream.
    fn is_theirs(&self, ssrc: u32) -> bool {
        let streams = &self.session.streams;
        let owner = streams[self.transport].group().and_then(|group| group.owner(ssrc));
        owner.map_or_else(|| streams[self.at].ingress.find(ssrc).is_some(), |owner| owner == self.at)
    }

    /// The source is sent to the peer on this stream.
    fn is_ours(&self, ssrc: u32) -> bool {
        self.session.streams[self.at].egress.find(ssrc).is_some()
    }

    /// The source is sent to the peer on another stream of the bundle.
    fn is_others(&self, ssrc: u32) -> bool {
        let group = self.session.streams[self.transport].group();
        let mut members = group.into_iter().flat_map(|group| group.members());
        !self.is_ours(ssrc) && members.any(|at| self.session.streams[at].egress.find(ssrc).is_some())
    }

    fn is_reporter(&self, ssrc: u32) -> bool {
        self.reporters[..self.count].contains(&ssrc)
    }

    /// Feedback names its source in the header or, where that is zero, in its entries (RFC 4585 §6.1, 5104 §4).
    fn concerns(&self, feedback: &rtcp::Feedback<'_>) -> bool {
        if feedback.media != 0 {
            return self.is_ours(feedback.media);
        }
        let (words, _) = feedback.information.as_chunks::<4>();
        let word = |word: &[u8; 4]| u32::from_be_bytes(*word);
        match (feedback.payload_specific, feedback.format) {
            // REMB: a name, a number of sources with a bit rate, the sources.
            (true, APPLICATION_LAYER) => words.iter().skip(2).map(word).any(|ssrc| self.is_ours(ssrc)),
            _ => words.iter().step_by(2).map(word).any(|ssrc| self.is_ours(ssrc)),
        }
    }
}

fn describe<'a>(chunks: impl Iterator<Item = rtcp::Chunk<'a>>, part: &mut Vec<u8>) {
    let start = part.len();
    part.extend_from_slice(&[0x80, rtcp::SOURCE_DESCRIPTION, 0, 0]);
    let mut count = 0;
    for chunk in chunks {
        count += 1;
        part.extend_from_slice(&chunk.ssrc.to_be_bytes());
        for (kind, text) in chunk.items() {
            part.extend_from_slice(&[kind, text.len() as u8]);
            part.extend_from_slice(text);
        }
        // At least one null ends the items.
        let nulls = 4 - (part.len() - start) % 4;
        part.extend(std::iter::repeat_n(0, nulls));
    }
    finish(start, count, part);
}

fn leave(ssrcs: impl Iterator<Item = u32>, part: &mut Vec<u8>) {
    let start = part.len();
    part.extend_from_slice(&[0x80, rtcp::BYE, 0, 0]);
    let mut count = 0;
    for ssrc in ssrcs {
        count += 1;
        part.extend_from_slice(&ssrc.to_be_bytes());
    }
    finish(start, count, part);
}

/// Writes count and length of the packet that begins at `start`; one about nobody goes away.
fn finish(start: usize, count: u8, part: &mut Vec<u8>) {
    if count == 0 {
        part.truncate(start);
        return;
    }
    let words = ((part.len() - start) / 4 - 1) as u16;
    part[start] |= count;
    part[start + 2..start + 4].copy_from_slice(&words.to_be_bytes());
}

fn whole_length(packet: &[u8]) -> usize {
    (usize::from(u16::from_be_bytes([packet[2], packet[3]])) + 1) * 4
}

/// Where report blocks begin, and how long one is (RFC 3550 §6.4).
const SENDER_BLOCKS: usize = 28;
const RECEIVER_BLOCKS: usize = 8;
const BLOCK: usize = 24;
const APPLICATION_LAYER: u8 = 15;
/// Reports in one compound that are told apart.
const MOST_REPORTERS: usize = 16;
