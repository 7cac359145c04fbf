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
    red::{Block, Blocks},
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
    /// What held when a key was pressed that may still be told of.
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
    /// still be told of.
    pub fn follow(
        before: Option<Box<Masking>>,
        (old, new): (Ways, Ways),
        pressed: Option<PressId>,
        payloads: &PayloadTable,
    ) -> Option<Box<Masking>> {
        let earlier = before.and_then(|before| before.former);
        let former = pressed.filter(|_| !old.is_empty()).and_then(|press| match earlier {
            Some(earlier) if earlier.press == press => Some(earlier),
            earlier if old == new => earlier,
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
        let rule = self.rule(to);
        let former = self.former.as_ref().map(|former| (former, former.age(press)));
        let Some((former, Some(age))) = former else { return rule };
        let way = former.ways.iter().find(|(sink, _)| *sink == to).map(|(_, action)| action);
        way.filter(|way| age == 0 || **way != EventAction::Forward).unwrap_or(rule)
    }

    /// What holds for keys that are pressed now.
    fn rule(&self, to: StreamId) -> &EventAction {
        let way = self.ways.iter().find(|(sink, _)| *sink == to);
        way.map_or(&EventAction::Drop, |(_, action)| action)
    }

    fn hides(&self, to: StreamId, press: PressId) -> bool {
        *self.action(to, press) != EventAction::Forward
    }

    fn hides_any(&self, to: StreamId) -> bool {
        let hides =
            |ways: &Ways| ways.iter().any(|(sink, action)| *sink == to && *action != EventAction::Forward);
        *self.rule(to) != EventAction::Forward
            || self.former.as_ref().is_some_and(|former| hides(&former.ways))
    }
}

impl Former {
    /// How much earlier than the last one pressed then a press began, in ticks; `None` if it is a later one.
    fn age(&self, press: PressId) -> Option<u32> {
        let age = self.press.origin.wrapping_sub(press.origin);
        let is_then = press == self.press || (press.number == 0 && age < u32::MAX / 2);
        (press.ssrc == self.press.ssrc && is_then).then_some(age)
    }
}

impl Passage<'_> {
    /// A key that another party does not get as it is: no recording is to have it either.
    pub fn is_hidden_key(&self, content: &Content, datagram: &[u8]) -> bool {
        let Content::Rtp { header, class, .. } = content else {
            return false;
        };
        let from = &self.session.streams[self.stream];
        if !from.payloads.may_be_event(*class) {
            return false;
        }
        let mut targets = from.targets.iter();
        let Some(masking) = &from.masking else {
            let passes = targets.all(|target| target.telephone_events == MediaAction::Forward);
            return !passes && *class == Class::TelephoneEvent;
        };
        let mut sinks = targets.map(|target| self.session.streams[usize::from(target.to)].id);
        if *class == Class::TelephoneEvent {
            let press = from.press_of(header.ssrc, header.timestamp);
            return sinks.any(|to| masking.hides(to, press));
        }
        let Some(blocks) = Blocks::read(&datagram[header.payload(datagram.len())]) else {
            return sinks.any(|to| masking.hides_any(to));
        };
        sinks.any(|to| from.presses_in(&blocks, header).any(|(_, press)| masking.hides(to, press)))
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
        let way = Way { from, masking, to: to.id };
        let packet = Events { header, payload: payload.clone(), datagram };
        let masked = if *class == Class::Redundancy {
            // It repeats sound beside the key.
            if target.media != MediaAction::Forward {
                return Masked::Media;
            }
            way.mask_wrapped(&packet, self.scratch)
        } else {
            way.mask_plain(&packet, self.scratch)
        };
        match masked {
            Rewritten::As(masked) => masked,
            Rewritten::AsItWas => Masked::Changed(*content),
        }
    }
}

/// From a stream to one that it leads to.
struct Way<'a> {
    from: &'a Stream,
    masking: &'a Masking,
    to: StreamId,
}

/// A packet that may contain events.
struct Events<'a> {
    header: &'a Header,
    payload: Range<usize>,
    datagram: &'a [u8],
}

/// What was made of a packet.
enum Rewritten {
    As(Masked),
    /// Something of the same kind.
    AsItWas,
}

impl Way<'_> {
    fn mask_plain(&self, packet: &Events<'_>, scratch: &mut Vec<u8>) -> Rewritten {
        let press = self.from.press_of(packet.header.ssrc, packet.header.timestamp);
        let action = self.masking.action(self.to, press);
        if *action == EventAction::Forward {
            return Rewritten::As(Masked::Unchanged);
        }
        if let Some(masked) = self.replaced(action, packet, packet.payload.clone(), scratch) {
            return Rewritten::As(masked);
        }
        packet.copy(scratch);
        rewrite(action, press, &mut scratch[packet.payload.clone()]);
        Rewritten::AsItWas
    }

    /// Each block as the press it is of.
    fn mask_wrapped(&self, packet: &Events<'_>, scratch: &mut Vec<u8>) -> Rewritten {
        let payload = &packet.datagram[packet.payload.clone()];
        let Some(blocks) = Blocks::read(payload) else {
            let hides = self.masking.hides_any(self.to);
            return Rewritten::As(if hides { Masked::Nothing } else { Masked::Media });
        };
        let presses = || self.from.presses_in(&blocks, packet.header);
        if let Some((newest, press)) = presses().last().filter(|(block, _)| *block == blocks.newest()) {
            let start = packet.payload.start;
            let event = start + newest.range.start..start + newest.range.end;
            let action = self.masking.action(self.to, press);
            if let Some(masked) = self.replaced(action, packet, event, scratch) {
                return Rewritten::As(masked);
            }
        }
        if presses().next().is_none() {
            return Rewritten::As(Masked::Media);
        }
        if !presses().any(|(_, press)| self.masking.hides(self.to, press)) {
            return Rewritten::As(Masked::Unchanged);
        }
        packet.copy(scratch);
        let payload = &mut scratch[packet.payload.clone()];
        for (block, press) in presses() {
            rewrite(self.masking.action(self.to, press), press, &mut payload[block.range.clone()]);
        }
        Rewritten::AsItWas
    }

    /// What goes out instead of the whole packet, because of the event at `range` of it.
    fn replaced(
        &self,
        action: &EventAction,
        packet: &Events<'_>,
        range: Range<usize>,
        scratch: &mut Vec<u8>,
    ) -> Option<Masked> {
        let events = &packet.datagram[range];
        match action {
            EventAction::Forward => None,
            EventAction::Drop => Some(Masked::Nothing),
            // Nobody can read what it is.
            _ if events.len() < EVENT => Some(Masked::Nothing),
            EventAction::Silence | EventAction::Tone { .. } if is_of_keys(events) => {
                Some(sound(self.from, action, (packet.header, packet.datagram), scratch))
            }
            EventAction::Silence
            | EventAction::Tone { .. }
            | EventAction::Replace { .. }
            | EventAction::Random { .. } => None,
        }
    }
}

impl Events<'_> {
    fn copy(&self, scratch: &mut Vec<u8>) {
        scratch.clear();
        scratch.extend_from_slice(self.datagram);
    }
}

impl Stream {
    /// The press that an event with this timestamp is of.
    fn press_of(&self, ssrc: u32, timestamp: u32) -> PressId {
        let press = PressId { ssrc, origin: timestamp, number: 0 };
        self.keypad.as_ref().map_or(press, |keypad| keypad.press_of(press))
    }

    /// The blocks that are events, and the press each is of.
    fn presses_in<'a>(
        &'a self,
        blocks: &'a Blocks,
        header: &'a Header,
    ) -> impl Iterator<Item = (&'a Block, PressId)> {
        let is_event = |block: &&Block| self.payloads.facts(block.payload_type).0 == Class::TelephoneEvent;
        let timestamp = |block: &Block| header.timestamp.wrapping_sub(block.age);
        blocks.iter().filter(is_event).map(move |block| (block, self.press_of(header.ssrc, timestamp(block))))
    }

    /// The payload type of what sounds while no key is pressed.
    fn sounding(&self) -> Option<u8> {
        self.last_payload_in.or_else(|| self.payloads.first_media())
    }
}

/// Whether one of the events is a key of a telephone, and not a tone or signal.
fn is_of_keys(events: &[u8]) -> bool {
    events.chunks_exact(EVENT).any(|event| is_key(event[0]))
}

fn is_key(event: u8) -> bool {
    event < KEYS
}

/// Puts another key in place of each, and nothing in place of what nobody can read.
fn rewrite(action: &EventAction, press: PressId, events: &mut [u8]) {
    if *action == EventAction::Forward {
        return;
    }
    let mut events = events.chunks_exact_mut(EVENT);
    for event in events.by_ref().filter(|event| is_key(event[0])) {
        event[0] = match action {
            EventAction::Replace { event } => *event,
            EventAction::Random { seed } => random_digit(*seed, press, event[0]),
            EventAction::Forward => event[0],
            EventAction::Drop | EventAction::Silence | EventAction::Tone { .. } => UNKNOWN,
        };
    }
    events.into_remainder().fill(UNKNOWN);
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
    let ticks = press.ticks;
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
    /// Since the press began, and no more of them than have passed.
    pub ticks: Range<u32>,
}

/// Octets of an event.
const EVENT: usize = 4;
/// Events below are keys of a telephone.
const KEYS: u8 = 16;
/// An event that RFC 4733 gives no meaning.
const UNKNOWN: u8 = 255;
