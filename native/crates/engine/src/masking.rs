//! What listeners get for keys that a peer presses, where they are not to have the keys themselves.
//!
//! All packets of an event are treated alike: a listener that got the beginning of one key and the end of another would
//! hear a third, and repeated ends would tell of a key that was hidden until then.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    ops::Range,
};

use protocol::{EventAction, MediaAction, StreamId};
use wire::{
    red,
    rtp::{self, Header},
};

use crate::{
    payloads::{Class, PayloadTable},
    pipeline::{Content, Passage},
    silence,
    stream::{Stream, Target},
    tone::{self, Tone},
};

/// What becomes of the keys of one stream, by the stream each way leads to.
#[derive(Debug)]
pub struct Masking {
    ways: Ways,
    /// What held when a key was pressed that is not over yet.
    former: Option<Former>,
}

type Ways = Box<[(StreamId, EventAction)]>;

#[derive(Debug)]
struct Former {
    press: PressId,
    ways: Ways,
}

/// The press that packets are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PressId {
    pub ssrc: u32,
    /// Timestamp of its beginning.
    pub origin: u32,
    /// Counts the presses of a stream from 1 on: some senders use one timestamp for all. 0: of an earlier one.
    pub number: u32,
}

/// What a listener gets for a packet.
pub enum Masked {
    /// The packet as it is.
    Unchanged,
    /// What is in `scratch`.
    Changed(Content),
    Nothing,
    /// It is no event: what holds for media.
    Media,
}

impl Masking {
    /// What follows `before` when the plan changes; `None` if the ways' media actions say all. `pressed` is a key that may
    /// not be over yet.
    pub fn follow(
        before: Option<Box<Masking>>,
        (old, new): (Ways, Ways),
        pressed: Option<PressId>,
        payloads: &PayloadTable,
    ) -> Option<Box<Masking>> {
        let earlier = before.and_then(|before| before.former);
        let former = pressed.filter(|_| !old.is_empty()).and_then(|press| match earlier {
            Some(earlier) if earlier.press == press => Some(earlier),
            _ if old == new => None,
            _ => Some(Former { press, ways: old }),
        });
        let is_altered = |action: &EventAction| !matches!(action, EventAction::Forward | EventAction::Drop);
        let is_hidden = new.iter().any(|(_, action)| *action != EventAction::Forward);
        let is_needed = former.is_some()
            || new.iter().any(|(_, action)| is_altered(action))
            || (is_hidden && payloads.may_be_event(Class::Redundancy));
        is_needed.then(|| Box::new(Masking { ways: new, former }))
    }

    fn action(&self, to: StreamId, press: PressId) -> &EventAction {
        let former = self.former.as_ref().filter(|former| former.press == press);
        let way = former.and_then(|former| former.ways.iter().find(|(sink, _)| *sink == to));
        way.map_or_else(|| self.rule(to), |(_, action)| action)
    }

    /// What holds for keys that are pressed now.
    fn rule(&self, to: StreamId) -> &EventAction {
        let way = self.ways.iter().find(|(sink, _)| *sink == to);
        way.map_or(&EventAction::Drop, |(_, action)| action)
    }

    fn hides(&self, to: StreamId, press: PressId) -> bool {
        *self.action(to, press) != EventAction::Forward
    }
}

impl Passage<'_> {
    /// A key that the other party does not get as it is: no recording is to have it either.
    pub fn is_hidden_key(&self, content: &Content, datagram: &[u8]) -> bool {
        let Content::Rtp { header, class, .. } = content else {
            return false;
        };
        let from = &self.session.streams[self.stream];
        let Some(target) = from.targets.get(0).filter(|_| from.payloads.may_be_event(*class)) else {
            return false;
        };
        let (rule, to) = (target.telephone_events, self.session.streams[usize::from(target.to)].id);
        let is_hidden = |timestamp: u32| {
            let press = from.press_of(header.ssrc, timestamp);
            rule != MediaAction::Forward
                || from.masking.as_ref().is_some_and(|masking| masking.hides(to, press))
        };
        if *class == Class::TelephoneEvent {
            return is_hidden(header.timestamp);
        }
        red::blocks(&datagram[header.payload(datagram.len())])
            .filter(|block| from.payloads.facts(block.payload_type).0 == Class::TelephoneEvent)
            .any(|block| is_hidden(header.timestamp.wrapping_sub(block.age)))
    }

    /// Puts what a target gets for a packet that may be an event into `scratch`, if it is another one.
    pub fn mask(&mut self, content: &Content, target: Target, datagram: &[u8]) -> Masked {
        let Content::Rtp { header, class, .. } = content else {
            return Masked::Media;
        };
        let (from, to) = (&self.session.streams[self.stream], &self.session.streams[usize::from(target.to)]);
        let Some(masking) = &from.masking else {
            return Masked::Media;
        };
        // Neither media nor keys go there, those that were begun before included.
        if target.media == MediaAction::Drop && *masking.rule(to.id) == EventAction::Drop {
            return Masked::Nothing;
        }
        let payload = header.payload(datagram.len());
        let event = if *class == Class::Redundancy {
            // It repeats sound beside the key.
            if target.media != MediaAction::Forward {
                return Masked::Media;
            }
            match events_in(&datagram[payload.clone()], &from.payloads) {
                Wrapped::None => return Masked::Media,
                Wrapped::Old => None,
                Wrapped::Newest(range) => Some(payload.start + range.start..payload.start + range.end),
            }
        } else {
            Some(payload.clone())
        };
        let press = from.press_of(header.ssrc, header.timestamp);
        match (masking.action(to.id, press), event) {
            (EventAction::Forward, _) => Masked::Unchanged,
            (EventAction::Drop, Some(_)) => Masked::Nothing,
            (_, Some(event)) if !is_of_keys(&datagram[event.clone()]) => whole(&datagram[event]),
            (EventAction::Silence | EventAction::Tone { .. }, Some(_)) => {
                sound(from, masking.action(to.id, press), (header, datagram), self.scratch)
            }
            (EventAction::Replace { .. } | EventAction::Random { .. }, _) | (_, None) => {
                self.scratch.clear();
                self.scratch.extend_from_slice(datagram);
                let packet = &mut self.scratch[payload];
                if *class == Class::Redundancy {
                    rewrite_wrapped(from, to.id, header, packet);
                } else {
                    rewrite(masking.action(to.id, press), press, packet);
                }
                Masked::Changed(*content)
            }
        }
    }
}

impl Stream {
    /// The press that an event with this timestamp is of.
    fn press_of(&self, ssrc: u32, timestamp: u32) -> PressId {
        let press = PressId { ssrc, origin: timestamp, number: 0 };
        self.keypad.as_ref().map_or(press, |keypad| keypad.press_of(press))
    }

    /// The payload type of what sounds while no key is pressed.
    fn sounding(&self) -> Option<u8> {
        self.last_payload_in.or_else(|| self.payloads.first_media())
    }
}

/// Where events are in a redundant packet.
enum Wrapped {
    None,
    /// Among what is repeated only.
    Old,
    Newest(Range<usize>),
}

fn events_in(payload: &[u8], table: &PayloadTable) -> Wrapped {
    let is_event = |block: &red::Block| table.facts(block.payload_type).0 == Class::TelephoneEvent;
    match red::newest(payload).filter(is_event) {
        Some(newest) => Wrapped::Newest(newest.range),
        None if red::blocks(payload).any(|block| is_event(&block)) => Wrapped::Old,
        None => Wrapped::None,
    }
}

/// Whether one of the events is a key of a telephone, and not a tone or signal.
fn is_of_keys(events: &[u8]) -> bool {
    events.chunks_exact(EVENT).any(|event| is_key(event[0]))
}

/// Other events than keys pass, unless nobody can read what it is.
fn whole(events: &[u8]) -> Masked {
    if events.len() < EVENT { Masked::Nothing } else { Masked::Unchanged }
}

fn is_key(event: u8) -> bool {
    event < KEYS
}

/// Puts another key in place of each.
fn rewrite(action: &EventAction, press: PressId, events: &mut [u8]) {
    for event in events.chunks_exact_mut(EVENT).filter(|event| is_key(event[0])) {
        event[0] = match action {
            EventAction::Replace { event } => *event,
            EventAction::Random { seed } => random_digit(*seed, press, event[0]),
            EventAction::Forward => event[0],
            EventAction::Drop | EventAction::Silence | EventAction::Tone { .. } => UNKNOWN,
        };
    }
}

/// The same for all blocks of a redundant packet that are events.
fn rewrite_wrapped(from: &Stream, to: StreamId, header: &Header, payload: &mut [u8]) {
    let Some(masking) = &from.masking else { return };
    for at in 0.. {
        let block = red::blocks(payload).nth(at);
        let Some(block) = block else { return };
        if from.payloads.facts(block.payload_type).0 == Class::TelephoneEvent {
            let timestamp = header.timestamp.wrapping_sub(block.age);
            let press = from.press_of(header.ssrc, timestamp);
            rewrite(masking.action(to, press), press, &mut payload[block.range]);
        }
    }
}

/// One of the ten digits, the same for each packet of a press. Each is as likely for whoever does not know the seed.
fn random_digit(seed: [u32; 2], press: PressId, event: u8) -> u8 {
    let mut hasher = DefaultHasher::new();
    (seed, press.ssrc, press.origin, event).hash(&mut hasher);
    (hasher.finish() % 10) as u8
}

/// Puts sound into `scratch`, as long as the packet makes the press longer.
fn sound(
    from: &Stream,
    action: &EventAction,
    (header, datagram): (&Header, &[u8]),
    scratch: &mut Vec<u8>,
) -> Masked {
    let Some((press, clock_rate)) = from.keypad.as_ref().and_then(|keypad| keypad.lengthened(header)) else {
        return Masked::Nothing;
    };
    let Some(payload_type) = from.sounding() else {
        return Masked::Nothing;
    };
    let (class, sound_clock) = from.payloads.facts(payload_type);
    if sound_clock != clock_rate {
        return Masked::Nothing;
    }
    // What was lost before is past: a packet is no longer than others.
    let ticks = press.ticks.start.max(press.ticks.end.saturating_sub(MOST_TICKS))..press.ticks.end;
    let timestamp = press.id.origin.wrapping_add(ticks.start);
    scratch.clear();
    scratch.extend_from_slice(&datagram[..header.payload(datagram.len()).start]);
    let is_known = match action {
        EventAction::Tone { frequencies, volume } => {
            let frequency = frequencies.get(press.id.number as usize % frequencies.len().max(1));
            let tone = frequency.map(|frequency| Tone { frequency: *frequency, volume: *volume });
            tone.is_some_and(|tone| tone::append(tone, class, ticks, scratch))
        }
        EventAction::Silence => silence::octet(class).is_some_and(|octet| {
            scratch.resize(scratch.len() + ticks.len(), octet);
            true
        }),
        EventAction::Forward
        | EventAction::Drop
        | EventAction::Replace { .. }
        | EventAction::Random { .. } => false,
    };
    if !is_known {
        return Masked::Nothing;
    }
    rtp::set_payload_type(scratch, payload_type);
    rtp::set_marker(scratch, false);
    rtp::set_timestamp(scratch, timestamp);
    rtp::clear_padding(scratch);
    match Header::parse(scratch) {
        Some(header) => {
            Masked::Changed(Content::Rtp { header, class, clock_rate: sound_clock, negotiated: true })
        }
        None => Masked::Nothing,
    }
}

/// What one packet adds to a press.
#[derive(Debug, Clone)]
pub struct Lengthened {
    pub id: PressId,
    /// Since the press began.
    pub ticks: Range<u32>,
}

/// Octets of an event.
const EVENT: usize = 4;
/// Events below are keys of a telephone.
const KEYS: u8 = 16;
/// An event that RFC 4733 gives no meaning.
const UNKNOWN: u8 = 255;
/// 120 ms at 8 kHz.
const MOST_TICKS: u32 = 960;
