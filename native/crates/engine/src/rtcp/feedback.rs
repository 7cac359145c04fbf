//! Kinds of feedback, and what a peer that has not agreed to one may get in its place.

use protocol::FeedbackKind;
use wire::rtcp::{Content, PAYLOAD_FEEDBACK, Packet, TRANSPORT_FEEDBACK, write};

/// A set of kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kinds(u8);

impl Kinds {
    pub const ALL: Kinds = Kinds(u8::MAX);

    pub fn of(kinds: &[FeedbackKind]) -> Kinds {
        Kinds(kinds.iter().fold(0, |bits, kind| bits | bit(*kind)))
    }

    pub fn contains(self, kind: FeedbackKind) -> bool {
        self.0 & bit(kind) != 0
    }
}

/// `None`: no feedback.
pub fn kind_of(packet: &Packet<'_>) -> Option<FeedbackKind> {
    match (packet.kind, packet.count) {
        (TRANSPORT_FEEDBACK, 1) => Some(FeedbackKind::Nack),
        (TRANSPORT_FEEDBACK, 3 | 4) => Some(FeedbackKind::Tmmbr),
        (TRANSPORT_FEEDBACK, 15) => Some(FeedbackKind::TransportCc),
        (PAYLOAD_FEEDBACK, 1) => Some(FeedbackKind::Pli),
        (PAYLOAD_FEEDBACK, 4) => Some(FeedbackKind::Fir),
        (PAYLOAD_FEEDBACK, 15) if packet.body.get(8..12) == Some(b"REMB") => Some(FeedbackKind::Remb),
        (TRANSPORT_FEEDBACK | PAYLOAD_FEEDBACK, _) => Some(FeedbackKind::Other),
        _ => None,
    }
}

/// Key frame requests for a peer that knows one of the two kinds only.
#[derive(Debug, Default)]
pub struct KeyFrames {
    /// Of the last request sent, and of the last one received as FIR.
    sequence: u8,
    received: Option<u8>,
}

impl KeyFrames {
    /// Writes a request the peer understands; false if there is none.
    pub fn translate(&mut self, packet: &Packet<'_>, allowed: Kinds, out: &mut Vec<u8>) -> bool {
        let Content::Feedback(feedback) = packet.content() else { return false };
        match kind_of(packet) {
            Some(FeedbackKind::Pli) if allowed.contains(FeedbackKind::Fir) => {
                self.sequence = self.sequence.wrapping_add(1);
                write::full_intra_request(out, feedback.sender, feedback.media, self.sequence);
                true
            }
            // The numbers of both kinds go on together, or the peer takes one for a repetition.
            Some(FeedbackKind::Fir)
                if allowed.contains(FeedbackKind::Fir) && !allowed.contains(FeedbackKind::Pli) =>
            {
                for (media, sequence) in requests(feedback.information) {
                    if self.received.replace(sequence) != Some(sequence) {
                        self.sequence = self.sequence.wrapping_add(1);
                    }
                    write::full_intra_request(out, feedback.sender, media, self.sequence);
                }
                true
            }
            Some(FeedbackKind::Fir) if allowed.contains(FeedbackKind::Pli) => {
                for (media, _) in requests(feedback.information) {
                    write::picture_loss(out, feedback.sender, media);
                }
                true
            }
            _ => false,
        }
    }
}

/// Sources and sequence numbers of a FIR; more than a stream has sources are nobody's.
fn requests(information: &[u8]) -> impl Iterator<Item = (u32, u8)> {
    let (entries, _) = information.as_chunks::<8>();
    entries
        .iter()
        .take(MOST_REQUESTS)
        .map(|[a, b, c, d, sequence, ..]| (u32::from_be_bytes([*a, *b, *c, *d]), *sequence))
}

fn bit(kind: FeedbackKind) -> u8 {
    match kind {
        FeedbackKind::Nack => 1,
        FeedbackKind::Pli => 2,
        FeedbackKind::Fir => 4,
        FeedbackKind::Tmmbr => 8,
        FeedbackKind::Remb => 16,
        FeedbackKind::TransportCc => 32,
        FeedbackKind::Other => 64,
    }
}

const MOST_REQUESTS: usize = crate::source::MOST_SOURCES;
