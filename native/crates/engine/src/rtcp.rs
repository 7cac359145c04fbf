//! What passing RTCP tells: sender reports are remembered, report blocks are booked on the source they are about.

use wire::rtcp::{Content, ReportBlock, Reports, SenderReport};

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
            Content::SourceDescription(_)
            | Content::Bye(_)
            | Content::Application { .. }
            | Content::Feedback(_)
            | Content::ExtendedReport { .. }
            | Content::Other => {}
        }
    }
}

/// Only reports of sources whose media was seen: others would let a peer fill our memory.
fn remember(session: &mut Session, from: usize, now: Moment, report: &SenderReport) {
    let mut at = 0;
    while let Some(target) = session.streams[from].targets.get(at) {
        at += 1;
        if let Some(source) = session.streams[usize::from(target.to)].egress.find_mut(report.ssrc) {
            source.reported.get_or_insert_default().remember(now, report.ntp_middle());
        }
    }
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
