//! What a peer with rules gets of its counterpart's compound.

use wire::rtcp::{
    Content, EXTENDED_REPORT, Packet, RECEIVER_REPORT, SENDER_REPORT, SOURCE_DESCRIPTION, write,
};

use super::{
    feedback,
    report::{self, Place},
    reporting::Reporting,
};
use crate::{moment::Moment, session::Session};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Converted {
    /// The compound as it is.
    Unchanged,
    /// What has been written instead.
    Changed,
    /// Nothing.
    Nothing,
    /// It is no compound.
    Malformed,
}

/// Converts a compound for the peer of stream `sink`; writes to `out` what is not the compound itself.
pub fn convert(
    session: &mut Session,
    sink: usize,
    now: Moment,
    compound: &[u8],
    out: &mut Vec<u8>,
) -> Converted {
    let Some(mut reporting) = session.streams[sink].reporting.take() else {
        return Converted::Unchanged;
    };
    let converted = convert_by(&mut reporting, Place { session, at: sink, now }, compound, out);
    session.streams[sink].reporting = Some(reporting);
    converted
}

fn convert_by(reporting: &mut Reporting, sink: Place<'_>, compound: &[u8], out: &mut Vec<u8>) -> Converted {
    if !wire::rtcp::is_whole(compound) {
        return Converted::Malformed;
    }
    out.clear();
    let mut is_same = true;
    for packet in wire::rtcp::packets(compound) {
        if !packet.is_sound() {
            return Converted::Malformed;
        }
        if is_allowed(reporting, &packet) {
            write::copy(out, &packet);
        } else {
            is_same = false;
            reporting.key_frames.translate(&packet, reporting.allowed, out);
        }
    }
    if out.is_empty() {
        return Converted::Nothing;
    }
    if begins_with_report(out) {
        reporting.passed = Some(sink.now);
    } else if !reporting.rules.reduced_size {
        is_same = false;
        put_report_first(reporting, sink, out);
    }
    // Padding is left out of what is written; everything else is the same then.
    if is_same && out.len() == compound.len() { Converted::Unchanged } else { Converted::Changed }
}

fn is_allowed(reporting: &Reporting, packet: &Packet<'_>) -> bool {
    match packet.kind {
        SENDER_REPORT | RECEIVER_REPORT | SOURCE_DESCRIPTION | EXTENDED_REPORT => {
            !reporting.replaces_reports()
        }
        _ => match feedback::kind_of(packet) {
            Some(protocol::FeedbackKind::Fir) if reporting.translates_to_fir() => false,
            Some(kind) => reporting.allowed.contains(kind),
            None => true,
        },
    }
}

fn begins_with_report(compound: &[u8]) -> bool {
    matches!(compound.get(1), Some(&(SENDER_REPORT | RECEIVER_REPORT)))
}

/// RFC 3550 §6.1: a compound begins with a report and has a name. Where reports pass end to end, ours says nothing:
/// two different accounts of the same source would contradict each other.
fn put_report_first(reporting: &mut Reporting, sink: Place<'_>, out: &mut Vec<u8>) {
    let rest = out.len();
    if reporting.replaces_reports() {
        report::write(reporting, sink, out);
    } else {
        let sender = sender_of(out).unwrap_or_else(|| reporting.speak_as_own());
        write::receiver_report(out, sender, []);
        let is_named = wire::rtcp::packets(&out[..rest]).any(|packet| packet.kind == SOURCE_DESCRIPTION);
        if !is_named {
            write::canonical_name(out, sender, reporting.name_of(sender));
        }
    }
    out.rotate_left(rest);
}

/// Who speaks in the first packet.
fn sender_of(compound: &[u8]) -> Option<u32> {
    let packet = wire::rtcp::packets(compound).next()?;
    match packet.content() {
        Content::Bye(bye) => bye.ssrcs().next(),
        Content::Feedback(feedback) => Some(feedback.sender),
        Content::Application { ssrc, .. } | Content::ExtendedReport { ssrc, .. } => Some(ssrc),
        Content::SenderReport(..)
        | Content::ReceiverReport { .. }
        | Content::SourceDescription(_)
        | Content::Other => None,
    }
}
