//! What passing RTCP tells: sender reports are remembered, report blocks are booked on the source they are about.

mod agenda;
mod conversion;
mod farewell;
mod feedback;
mod interval;
mod numbers;
mod report;
mod reporting;

pub use agenda::{Agenda, Writing};
pub use conversion::{Converted, convert};
pub use reporting::Reporting;
use wire::rtcp::{Bye, Chunks, Content, ReportBlock, Reports, SenderReport};

use crate::{moment::Moment, session::Session};

/// Reads RTCP that arrived on stream `from`. A compound whose lengths do not add up (SRTCP) tells nothing.
pub fn observe(session: &mut Session, from: usize, now: Moment, datagram: &[u8]) {
    if !wire::rtcp::is_whole(datagram) {
        return;
    }
    for packet in wire::rtcp::packets(datagram) {
        match packet.content() {
            Content::SenderReport(report, blocks) => {
                remember(session, from, now, &report);
                book(session, from, now, &blocks);
            }
            Content::ReceiverReport { reports, .. } => book(session, from, now, &reports),
            Content::SourceDescription(chunks) => note_names(session, from, &chunks),
            Content::Bye(bye) => note_leaving(session, from, now, &bye),
            Content::Application { .. }
            | Content::Feedback(_)
            | Content::ExtendedReport { .. }
            | Content::Other => {}
        }
    }
}

/// Only reports of sources whose media was seen: others would let a peer fill our memory.
fn remember(session: &mut Session, from: usize, now: Moment, report: &SenderReport) {
    let stream = &mut session.streams[from];
    if stream.ingress.find(report.ssrc).is_some()
        && let Some(reporting) = &mut stream.reporting
    {
        reporting.arriving(report.ssrc).sender_report = Some((report.ntp_middle(), now));
    }
    let mut at = 0;
    while let Some(target) = session.streams[from].targets.get(at) {
        at += 1;
        let sink = &mut session.streams[usize::from(target.to)];
        let Some(source) = sink.egress.find_mut(report.ssrc) else { continue };
        if let Some(reporting) = &mut sink.reporting {
            reporting.leaving(report.ssrc).clock = Some((report.ntp, report.rtp_timestamp, now));
            if reporting.replaces_reports() {
                continue;
            }
        }
        source.reported.get_or_insert_default().remember(now, report.ntp_middle());
    }
}

fn note_names(session: &mut Session, from: usize, chunks: &Chunks<'_>) {
    for chunk in *chunks {
        let Some((_, name)) = chunk.items().find(|(kind, _)| *kind == CNAME) else { continue };
        for_sinks(session, from, chunk.ssrc, |leaving| {
            if *leaving.name != *name {
                leaving.name = name.into();
            }
        });
    }
}

fn note_leaving(session: &mut Session, from: usize, now: Moment, bye: &Bye<'_>) {
    for ssrc in bye.ssrcs() {
        for_sinks(session, from, ssrc, |leaving| leaving.left = Some(now));
    }
}

/// Where a source of stream `from` is sent to under rules.
fn for_sinks(session: &mut Session, from: usize, ssrc: u32, mut note: impl FnMut(&mut reporting::Leaving)) {
    let mut at = 0;
    while let Some(target) = session.streams[from].targets.get(at) {
        at += 1;
        let sink = &mut session.streams[usize::from(target.to)];
        if let Some(reporting) = sink.reporting.as_mut().filter(|_| sink.egress.find(ssrc).is_some()) {
            note(reporting.leaving(ssrc));
        }
    }
}

/// Gives sequence numbers in RTCP from stream `from` back the values the sources gave them.
pub fn restore_numbers(session: &Session, from: usize, datagram: &mut [u8]) {
    let carrier = &session.streams[session.carrier(from)];
    let Some(secure) = carrier.secure.as_ref().filter(|secure| secure.shifts()) else { return };
    if !wire::rtcp::is_whole(datagram) {
        return;
    }
    let stream = &session.streams[from];
    numbers::restore(datagram, |ssrc| {
        let offset = secure.shift_of(ssrc).filter(|offset| *offset != 0)?;
        let origin = stream.egress.find(ssrc)?.origin;
        let origin = session.streams.iter().find(|stream| stream.id == origin)?;
        Some(numbers::Shifted { offset, index: origin.ingress.find(ssrc)?.index() })
    });
}

fn book(session: &mut Session, from: usize, now: Moment, blocks: &Reports<'_>) {
    for block in blocks.iter() {
        if let Some(leg_us) = book_block(session, from, now, &block) {
            session.streams[from].round_trip_us = Some(leg_us);
        }
    }
}

fn book_block(session: &mut Session, from: usize, now: Moment, block: &ReportBlock) -> Option<u32> {
    let origin = session.streams[from].egress.find(block.ssrc)?.origin;
    let other_leg_us = session.streams.iter().find(|stream| stream.id == origin)?.round_trip_us;
    let source = session.streams[from].egress.find_mut(block.ssrc)?;
    let clock_rate = source.clock_rate;
    source.reported.get_or_insert_default().take_in(now, block, clock_rate, other_leg_us)
}

/// Item of a source description (RFC 3550 §6.5.1).
const CNAME: u8 = 1;
