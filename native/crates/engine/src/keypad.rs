//! Keys that a peer presses, as telephone events tell (RFC 4733): each is reported once, when it was released.
//!
//! All packets of an event have the timestamp of its beginning; its end comes three times. If all three are lost, the
//! next event or silence ends it. An event too long for its duration field goes on under a new timestamp, without
//! marker (§2.5.1.3).

use std::{collections::VecDeque, net::SocketAddr};

use protocol::{Event, SessionId};
use wire::{rtp::Header, telephone_event::TelephoneEvent};

use crate::{moment::Moment, session::Session};

/// The event of one stream that was heard last.
#[derive(Debug, Default)]
pub struct Keypad {
    last: Option<Press>,
}

/// A packet with a telephone event.
#[derive(Debug, Clone, Copy)]
pub struct Heard {
    pub header: Header,
    pub clock_rate: u32,
    pub source: SocketAddr,
}

#[derive(Debug, Clone, Copy)]
struct Press {
    heard: Heard,
    event: TelephoneEvent,
    /// Of the parts that the duration field could not hold.
    duration_before: u32,
    at: Moment,
    is_over: bool,
}

/// Takes in a packet and reports what it ends.
pub fn observe(
    session: &mut Session,
    stream: usize,
    now: Moment,
    (heard, datagram): (Heard, &[u8]),
    events: &mut VecDeque<Event>,
) {
    let event = TelephoneEvent::parse(&datagram[heard.header.payload(datagram.len())]);
    let (Some(event), Some(keypad)) =
        (event.filter(|event| event.digit().is_some()), &mut session.streams[stream].keypad)
    else {
        return;
    };
    let presses = keypad.hear(now, heard, event);
    if keypad.last.is_some_and(|press| !press.is_over) {
        session.next_check = session.next_check.min(now.plus_ms(ABANDONED_MS));
    }
    for press in presses.into_iter().flatten() {
        report(session, stream, &press, events);
    }
}

/// Reports keys of which nothing was heard for so long that they must have been released. Returns when to look again.
pub fn report_abandoned(session: &mut Session, now: Moment, events: &mut VecDeque<Event>) -> Option<Moment> {
    let mut next: Option<Moment> = None;
    for at in 0..session.streams.len() {
        let Some(press) = session.streams[at].keypad.as_mut().and_then(|keypad| keypad.last.as_mut()) else {
            continue;
        };
        let due = press.at.plus_ms(ABANDONED_MS);
        if press.is_over {
            continue;
        }
        if now < due {
            next = Some(next.map_or(due, |next| next.min(due)));
            continue;
        }
        press.is_over = true;
        let press = *press;
        report(session, at, &press, events);
    }
    next
}

impl Keypad {
    /// The presses that are over now: an earlier one without an end, and this one.
    fn hear(&mut self, now: Moment, heard: Heard, event: TelephoneEvent) -> [Option<Press>; 2] {
        let Some(last) = self.last.as_mut().filter(|last| now.ms_since(last.at) < FORGOTTEN_MS) else {
            return self.begin(now, heard, event);
        };
        let ahead = heard.header.timestamp.wrapping_sub(last.heard.header.timestamp);
        if heard.header.ssrc != last.heard.header.ssrc {
            return self.begin(now, heard, event);
        }
        if ahead == 0 && event.event == last.event.event {
            return [None, last.goes_on(now, heard, event)];
        }
        if ahead > u32::MAX / 2 {
            // A late packet of an earlier event.
            return [None, None];
        }
        if last.is_continued_by(ahead, &heard.header, event) {
            last.duration_before += ahead;
            last.event.duration = 0;
            return [None, last.goes_on(now, heard, event)];
        }
        self.begin(now, heard, event)
    }

    fn begin(&mut self, now: Moment, heard: Heard, event: TelephoneEvent) -> [Option<Press>; 2] {
        let press = Press { heard, event, duration_before: 0, at: now, is_over: event.end };
        let unfinished = self.last.replace(press).filter(|last| !last.is_over);
        [unfinished, press.is_over.then_some(press)]
    }
}

impl Press {
    /// The press, if this packet ends it.
    fn goes_on(&mut self, now: Moment, heard: Heard, event: TelephoneEvent) -> Option<Press> {
        self.at = now;
        if self.is_over {
            return None;
        }
        let duration = event.duration.max(self.event.duration);
        self.heard = heard;
        self.event = TelephoneEvent { duration, ..event };
        self.is_over = event.end;
        self.is_over.then_some(*self)
    }

    /// The last update of the part before may have been lost, so that its length is not exactly known.
    fn is_continued_by(&self, ahead: u32, header: &Header, event: TelephoneEvent) -> bool {
        let full = u32::from(u16::MAX);
        let is_next_part = (full - full / 16..=full + 1).contains(&ahead);
        is_next_part && !self.is_over && !header.marker && event.event == self.event.event
    }
}

fn report(session: &Session, stream: usize, press: &Press, events: &mut VecDeque<Event>) {
    events.push_back(Event::TelephoneEvent {
        session: SessionId(session.id.to_string()),
        revision: session.revision,
        stream: session.streams[stream].id,
        event: press.event.event,
        duration: press.duration_before.saturating_add(u32::from(press.event.duration)),
        clock_rate: press.heard.clock_rate,
        volume: press.event.volume,
        payload_type: press.heard.header.payload_type,
        source: press.heard.source,
    });
}

/// Senders tell of a key that is held at least every 50 ms, but networks stall.
const ABANDONED_MS: u64 = 500;
/// Some senders use the same timestamp for all events, some begin anew at a lower one.
const FORGOTTEN_MS: u64 = 2_000;
