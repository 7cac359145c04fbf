//! Reports of our own: what was sent to a peer, what was received from it, and a name (RFC 3550 §6.4, §6.5).

use wire::rtcp::{ReportBlock, SenderReport, write};

use super::reporting::Reporting;
use crate::{
    moment::Moment,
    session::Session,
    source::{Egress, Ingress, MOST_SOURCES, Source},
    stream::Stream,
};

/// The stream whose peer gets a report.
pub struct Place<'a> {
    pub session: &'a mut Session,
    pub at: usize,
    pub now: Moment,
}

/// Appends the compound that is due to the peer.
pub fn write(reporting: &mut Reporting, place: Place<'_>, out: &mut Vec<u8>) {
    let Place { session, at, now } = place;
    let carrier = session.carrier(at);
    let overhead = session.streams[carrier].secure.as_ref().map_or(0, |secure| secure.media_overhead());
    let stream = &mut session.streams[at];
    let mut blocks = [None; MOST_SOURCES];
    for (place, source) in blocks.iter_mut().zip(stream.ingress.iter()) {
        *place = block(reporting, source, now);
    }
    let mut blocks = Some(blocks.into_iter().flatten());
    let mut senders = [None; MOST_SOURCES];
    for (place, source) in senders.iter_mut().zip(stream.egress.iter()) {
        *place = is_speaking(reporting, source, now).then_some(source.ssrc);
    }
    for ssrc in senders.into_iter().flatten() {
        let Some(source) = stream.egress.find_mut(ssrc) else { continue };
        let report = sender_report(reporting, source, now, overhead);
        source.reported.get_or_insert_default().remember(now, report.ntp_middle());
        match blocks.take() {
            Some(blocks) => write::sender_report(out, &report, blocks),
            None => write::sender_report(out, &report, []),
        }
    }
    if let Some(blocks) = blocks {
        write::receiver_report(out, reporting.speak_as_own(), blocks);
    }
    let mut is_named = false;
    for ssrc in senders.into_iter().flatten() {
        write::canonical_name(out, ssrc, reporting.name_of(ssrc));
        is_named = true;
    }
    if !is_named {
        write::canonical_name(out, reporting.own_ssrc, reporting.name_of(reporting.own_ssrc));
    }
}

/// True if there is anything to report of.
pub fn has_media(stream: &Stream) -> bool {
    stream.ingress.iter().next().is_some() || stream.egress.iter().next().is_some()
}

/// `None` if nothing has come from the source since the last report (RFC 3550 §6.4.2).
fn block(reporting: &mut Reporting, source: &Ingress, now: Moment) -> Option<ReportBlock> {
    let reception = source.reception();
    let before = reporting.arriving(source.ssrc);
    let expected = reception.expected.saturating_sub(before.expected);
    let received = reception.received.saturating_sub(before.received);
    if expected == 0 && received == 0 {
        return None;
    }
    (before.expected, before.received) = (reception.expected, reception.received);
    let lost = expected.saturating_sub(received);
    let fraction_lost = (lost * 256).checked_div(expected).unwrap_or(0).min(255) as u8;
    let cumulative = reception.expected.cast_signed().saturating_sub(reception.received.cast_signed());
    let (last_sender_report, delay_since_last_sender_report) = match before.sender_report {
        Some((middle, at)) => (middle, (u128::from(now.us_since(at)) * 65_536 / 1_000_000) as u32),
        None => (0, 0),
    };
    Some(ReportBlock {
        ssrc: source.ssrc,
        fraction_lost,
        cumulative_lost: cumulative.clamp(-0x80_0000, 0x7f_ffff) as i32,
        highest_sequence: source.index() as u32,
        jitter: reception.jitter,
        last_sender_report,
        delay_since_last_sender_report,
    })
}

/// RFC 3550 §6.4: who has sent since the last report but one, and has not left.
fn is_speaking(reporting: &Reporting, source: &Egress, now: Moment) -> bool {
    now.ms_since(source.last()) <= SPEAKING_MS && !reporting.has_left(source.ssrc, source.last())
}

fn sender_report(reporting: &mut Reporting, source: &Egress, now: Moment, overhead: usize) -> SenderReport {
    let clock_rate = u64::from(source.clock_rate);
    let ticks = |since: Moment| (u128::from(now.us_since(since)) * u128::from(clock_rate) / 1_000_000) as u32;
    // The source's own relation of both clocks keeps sound and picture together.
    let (ntp, rtp_timestamp) = match reporting.leaving(source.ssrc).clock {
        Some((ntp, rtp, at)) if clock_rate > 0 => {
            (ntp.wrapping_add(ntp_of(now.us_since(at))), rtp.wrapping_add(ticks(at)))
        }
        _ => (ntp_of(now.us()), source.last_timestamp.wrapping_add(ticks(source.last()))),
    };
    let headers = source.packets.saturating_mul(12 + overhead as u64);
    SenderReport {
        ssrc: source.ssrc,
        ntp,
        rtp_timestamp,
        packets: source.packets as u32,
        octets: source.bytes.saturating_sub(headers) as u32,
    }
}

/// A time span in the form of NTP. RFC 3550 §6.4.1 allows time since an arbitrary start.
fn ntp_of(us: u64) -> u64 {
    let (seconds, rest) = (us / 1_000_000, us % 1_000_000);
    (seconds << 32) + (rest << 32) / 1_000_000
}

const SPEAKING_MS: u64 = 10_000;
