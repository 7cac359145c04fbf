//! Keys that a peer presses, as telephone events tell (RFC 4733): each is reported once, when it was released.
//!
//! All packets of an event have the timestamp of its beginning; its end comes three times. If all three are lost, the
//! next event or silence ends it. An event too long for its duration field goes on under a new timestamp, without
//! marker (§2.5.1.3).

use std::{collections::VecDeque, net::SocketAddr, ops::Range};

use protocol::{Event, SessionId};
use wire::{red::Blocks, rtp::Header, telephone_event::TelephoneEvent};

use crate::{
    allowance::Allowance,
    masking::{Lengthened, PressId},
    moment::Moment,
    payloads::{Class, PayloadTable},
    session::Session,
};

/// The event of one stream that was heard last.
#[derive(Debug, Default)]
pub struct Keypad {
    /// Somebody wants to hear of keys; otherwise they are only followed.
    pub is_reported: bool,
    last: Option<Press>,
    /// Presses so far.
    presses: u32,
    /// What the packet heard last has added to the press, in ticks.
    added: Range<u32>,
    reports: Allowance,
    sound: Allowance,
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
    /// Timestamp of its beginning.
    origin: u32,
    number: u32,
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
    let stream_at = stream;
    let stream = &mut session.streams[stream];
    let event = newest_event(&stream.payloads, heard.header, datagram);
    let (Some(event), Some(keypad)) = (event.filter(|event| event.digit().is_some()), &mut stream.keypad)
    else {
        return;
    };
    let presses = keypad.follow(now, heard, event);
    if keypad.last.is_some_and(|press| !press.is_over) {
        session.next_check = session.next_check.min(now.plus_ms(ABANDONED_MS));
    }
    for press in presses.into_iter().flatten() {
        report(session, stream_at, now, (&press, events));
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
        report(session, at, now, (&press, events));
    }
    next
}

impl Keypad {
    /// The press that was heard of last, if there may be more of it: its end, or redundant packets, may repeat it.
    pub fn pressed(&self, now: Moment) -> Option<PressId> {
        let last = self.last.as_ref().filter(|last| now.ms_since(last.at) < REPEATED_MS)?;
        Some(last.id())
    }

    /// The press a packet is of that says of itself to be of this one.
    pub fn press_of(&self, said: PressId) -> PressId {
        let is_of = |last: &&Press| {
            let Header { ssrc, timestamp, .. } = last.heard.header;
            let parts = timestamp.wrapping_sub(last.origin);
            ssrc == said.ssrc && said.origin.wrapping_sub(last.origin) <= parts
        };
        self.last.as_ref().filter(is_of).map_or(said, Press::id)
    }

    /// What the packet with this header, the one heard last, has added to its press; `None` if nothing. And its clock.
    pub fn lengthened(&self, header: &Header) -> Option<(Lengthened, u32)> {
        let last = self.last.as_ref()?;
        let is_last =
            last.heard.header.ssrc == header.ssrc && last.heard.header.timestamp == header.timestamp;
        if !is_last || self.added.is_empty() {
            return None;
        }
        Some((Lengthened { id: last.id(), ticks: self.added.clone() }, last.heard.clock_rate))
    }

    fn follow(&mut self, now: Moment, heard: Heard, event: TelephoneEvent) -> [Option<Press>; 2] {
        let length =
            |keypad: &Keypad| keypad.last.as_ref().map_or((None, 0), |last| (Some(last.id()), last.length()));
        let before = length(self);
        let over = self.hear(now, heard, event);
        let after = length(self);
        let start = if before.0 == after.0 { before.1 } else { 0 };
        self.added = self.audible(now, heard.clock_rate, start..after.1);
        over
    }

    /// The latest of these ticks, no more than time has passed for: what is older was lost, or never was.
    fn audible(&mut self, now: Moment, clock_rate: u32, ticks: Range<u32>) -> Range<u32> {
        let us_per_tick = 1_000_000 / u64::from(clock_rate.max(1));
        let most = self.sound.left_us(now, MOST_SOUND_US) / us_per_tick.max(1);
        let length = ticks.len().min(usize::try_from(most).unwrap_or(usize::MAX));
        self.sound.spend(now, length as u64 * us_per_tick);
        ticks.end.saturating_sub(u32::try_from(length).unwrap_or(u32::MAX))..ticks.end
    }

    /// No more presses are reported than a quick dialler makes: each is a message to the control plane.
    fn may_report(&mut self, now: Moment) -> bool {
        let may = self.reports.left_us(now, MOST_REPORTS * REPORT_US) >= REPORT_US;
        if may {
            self.reports.spend(now, REPORT_US);
        }
        may
    }

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
        self.presses = self.presses.wrapping_add(1).max(1);
        let (origin, number) = (heard.header.timestamp, self.presses);
        let press = Press { heard, origin, number, event, duration_before: 0, at: now, is_over: event.end };
        let unfinished = self.last.replace(press).filter(|last| !last.is_over);
        [unfinished, press.is_over.then_some(press)]
    }
}

impl Press {
    fn id(&self) -> PressId {
        PressId { ssrc: self.heard.header.ssrc, origin: self.origin, number: self.number }
    }

    /// In ticks.
    fn length(&self) -> u32 {
        self.duration_before.saturating_add(u32::from(self.event.duration))
    }

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

/// The event of a packet, whether by itself or as the newest of a redundant one.
fn newest_event(payloads: &PayloadTable, header: Header, datagram: &[u8]) -> Option<TelephoneEvent> {
    let payload = &datagram[header.payload(datagram.len())];
    if payloads.facts(header.payload_type).0 != Class::Redundancy {
        return TelephoneEvent::parse(payload);
    }
    let blocks = Blocks::read(payload)?;
    let newest = blocks.newest();
    let is_event = payloads.facts(newest.payload_type).0 == Class::TelephoneEvent;
    TelephoneEvent::parse(&payload[newest.range.clone()]).filter(|_| is_event)
}

fn report(
    session: &mut Session,
    stream: usize,
    now: Moment,
    (press, events): (&Press, &mut VecDeque<Event>),
) {
    let keypad = session.streams[stream].keypad.as_mut().filter(|keypad| keypad.is_reported);
    if !keypad.is_some_and(|keypad| keypad.may_report(now)) {
        return;
    }
    events.push_back(Event::TelephoneEvent {
        session: SessionId(session.id.to_string()),
        revision: session.revision,
        stream: session.streams[stream].id,
        event: press.event.event,
        duration: press.length(),
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
/// What redundant packets repeat is up to 16,383 ticks old, and may be late.
const REPEATED_MS: u64 = 2_500;
/// 25 presses a second, twice what RFC 4733 §2.5.2.3 deems possible, and as many at once.
const REPORT_US: u64 = 40_000;
const MOST_REPORTS: u64 = 25;
/// A packet says no more than this of what was lost before.
const MOST_SOUND_US: u64 = 120_000;
