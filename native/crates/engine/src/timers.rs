//! What is due by time in a session: media timeouts, missing first packets, addresses waiting to be reported, keys
//! whose end was lost.

use std::collections::VecDeque;

use protocol::{Component, Event, TimeoutReason};

use crate::{
    handshaking::Sent,
    io::Outbox,
    keypad,
    moment::Moment,
    pierce::{self, pierce},
    session::Session,
    stream::Stream,
};

/// Time between two sweeps over the sessions, in milliseconds.
pub const SWEEP_MS: u64 = 1000;

/// Reports what is due. Most calls return at the first line.
#[inline]
pub fn sweep(
    session: &mut Session,
    now: Moment,
    events: &mut VecDeque<Event>,
    out: &mut impl Outbox,
) -> Sent {
    if now < session.next_check {
        return Sent::default();
    }
    let (sent, is_piercing) = pierce(session, out);
    let deadlines = [
        report_media_timeout(session, now, events),
        report_missing_first_packets(session, now, events),
        report_learned(session, now, events),
        is_piercing.then(|| now.plus_ms(pierce::INTERVAL_MS)),
        keypad::report_abandoned(session, now, events),
    ];
    session.next_check = deadlines.into_iter().flatten().min().unwrap_or(now.plus_ms(IDLE_MS));
    sent
}

/// A session is alive while any stream that may receive is within its limit; if none may, while any is. Whoever only
/// listens keeps nothing alive.
fn report_media_timeout(session: &mut Session, now: Moment, events: &mut VecDeque<Event>) -> Option<Moment> {
    let parties = || session.streams.iter().enumerate().filter(|(_, stream)| !stream.listener);
    let any_receives = parties().any(|(_, stream)| stream.receive);
    let watched = parties().filter(|(_, stream)| stream.receive == any_receives);
    let ends = watched.map(|(at, stream)| {
        let (limit_ms, reason) = limit(session, stream);
        let activity = last_activity(session, at);
        (activity.plus_ms(limit_ms), activity, reason)
    });
    let (deadline, activity, reason) = ends.max_by_key(|(deadline, ..)| *deadline)?;
    if now < deadline {
        session.timeout_reported_at = None;
        return Some(deadline);
    }
    let last_packet =
        parties().flat_map(|(_, stream)| [stream.rtp.last_packet, stream.rtcp.last_packet]).max()?;
    // Said again, because the control plane may have been away.
    let is_due = |reported| activity > reported || now.ms_since(reported) >= TIMEOUT_REPEAT_MS;
    if session.timeout_reported_at.is_none_or(is_due) {
        session.timeout_reported_at = Some(now);
        let last_packet_ms_ago = last_packet.map(|at| now.ms_since(at));
        let (session, revision) = (session.session_id(), session.revision);
        events.push_back(Event::MediaTimeout { session, revision, reason, last_packet_ms_ago });
    }
    Some(now)
}

/// A peer that does ICE shows that it is there by its checks, whether or not it sends media.
fn last_activity(session: &Session, at: usize) -> Moment {
    let checks = session.streams[session.carrier(at)].ice.as_ref();
    let activity = session.streams[at].last_activity();
    checks.and_then(|ice| ice.checked_at).map_or(activity, |checked_at| checked_at.max(activity))
}

fn limit(session: &Session, stream: &Stream) -> (u64, TimeoutReason) {
    let timeouts = &session.timeouts;
    if !stream.receive {
        (timeouts.silent_ms, TimeoutReason::Silent)
    } else if !stream.is_signalled() {
        (timeouts.offer_ms, TimeoutReason::Offer)
    } else {
        (timeouts.media_ms, TimeoutReason::Media)
    }
}

fn report_missing_first_packets(
    session: &mut Session,
    now: Moment,
    events: &mut VecDeque<Event>,
) -> Option<Moment> {
    let limit_ms = session.timeouts.first_packet_ms?;
    let (id, revision) = (&session.id, session.revision);
    let mut next = None;
    for at in 0..session.streams.len() {
        let Some(since) = awaited_since(&session.streams, at) else { continue };
        let deadline = since.plus_ms(limit_ms);
        if now >= deadline {
            let stream = &mut session.streams[at];
            stream.no_first_packet_reported = true;
            let session = protocol::SessionId(id.to_string());
            events.push_back(Event::NoFirstPacket { session, revision, stream: stream.id });
        } else {
            next = Some(next.map_or(deadline, |next: Moment| next.min(deadline)));
        }
    }
    next
}

/// Since when a first packet would have been heard by somebody; `None` if none is due, or its lack was reported.
fn awaited_since(streams: &[Stream], at: usize) -> Option<Moment> {
    let stream = &streams[at];
    if stream.listener
        || !stream.receive
        || !stream.is_signalled()
        || stream.heard()
        || stream.no_first_packet_reported
    {
        return None;
    }
    let sinks = stream.targets.iter().filter_map(|target| streams.get(usize::from(target.to)));
    let peers = sinks.filter(|sink| !sink.listener);
    let answered = peers.filter(|peer| peer.is_signalled()).map(|peer| peer.active_since);
    answered.min().map(|since| since.max(stream.active_since))
}

fn report_learned(session: &mut Session, now: Moment, events: &mut VecDeque<Event>) -> Option<Moment> {
    let mut next = None;
    for at in 0..session.streams.len() {
        for component in [Component::Rtp, Component::Rtcp] {
            if std::mem::take(&mut session.streams[at].half_mut(component).learned_event_due) {
                note_learned(session, at, component, now, events);
            }
            if session.streams[at].half_mut(component).learned_event_due {
                next = Some(now);
            }
        }
    }
    next
}

/// Reports the confirmed address of a component; at most once a second, the rest waits for the sweep.
pub fn note_learned(
    session: &mut Session,
    at: usize,
    component: Component,
    now: Moment,
    events: &mut VecDeque<Event>,
) {
    let stream = &mut session.streams[at];
    let id = stream.id;
    let half = stream.half_mut(component);
    if half.learned_event_at.is_some_and(|last| now.ms_since(last) < LEARNED_EVENT_MS) {
        half.learned_event_due = true;
        session.next_check = now;
        return;
    }
    let Some(address) = half.latch.confirmed() else {
        return;
    };
    half.learned_event_at = Some(now);
    half.latch.set_reported();
    let (session, revision) = (session.session_id(), session.revision);
    events.push_back(Event::RemoteLearned { session, revision, stream: id, component, address });
}

/// A session with nothing to watch is looked at this often, in milliseconds.
const IDLE_MS: u64 = 60_000;
const LEARNED_EVENT_MS: u64 = 1000;
const TIMEOUT_REPEAT_MS: u64 = 3_000;
