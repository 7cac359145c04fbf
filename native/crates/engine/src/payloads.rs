//! Payload type tables. Calls with the same codecs share one table.

use std::{collections::BTreeSet, sync::Arc};

use protocol::PayloadPlan;

use crate::offload::RelayPayload;

/// One payload type of a stream.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Payload {
    pub payload_type: u8,
    pub clock_rate: u32,
    pub class: Class,
    pub codec: Box<str>,
}

/// What the relay has to know of a codec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    Pcmu,
    Pcma,
    G722,
    TelephoneEvent,
    ComfortNoise,
    /// Several payloads in one (RFC 2198).
    Redundancy,
    Other,
}

impl Class {
    fn of(codec: &str) -> Class {
        const NAMES: [(&str, Class); 6] = [
            ("PCMU", Class::Pcmu),
            ("PCMA", Class::Pcma),
            ("G722", Class::G722),
            ("telephone-event", Class::TelephoneEvent),
            ("CN", Class::ComfortNoise),
            ("red", Class::Redundancy),
        ];
        let known = NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(codec));
        known.map_or(Class::Other, |(_, class)| *class)
    }

    /// Neither an event nor comfort noise: says which codec is in use.
    pub fn is_media(self) -> bool {
        !matches!(self, Class::TelephoneEvent | Class::ComfortNoise)
    }
}

/// The payload types of a stream, in the plan's order.
#[derive(Debug, PartialEq, Eq)]
pub struct PayloadTable {
    entries: Box<[Payload]>,
    /// Payload type to entry; `NONE` where there is none.
    index: [u8; 128],
}

impl PayloadTable {
    fn new(plans: &[PayloadPlan]) -> Self {
        let entries: Box<[Payload]> = plans.iter().map(entry).collect();
        let mut index = [NONE; 128];
        for (at, payload) in entries.iter().enumerate() {
            if let (Some(slot), Ok(at)) = (index.get_mut(usize::from(payload.payload_type)), u8::try_from(at))
            {
                *slot = at;
            }
        }
        PayloadTable { entries, index }
    }

    pub fn find(&self, payload_type: u8) -> Option<&Payload> {
        let at = *self.index.get(usize::from(payload_type))?;
        self.entries.get(usize::from(at))
    }

    pub fn types(&self) -> impl Iterator<Item = u8> {
        self.entries.iter().map(|payload| payload.payload_type)
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The codec's name, from RFC 3551 if the table does not have it.
    pub fn codec(&self, payload_type: u8) -> Option<&str> {
        match self.find(payload_type) {
            Some(payload) => Some(&payload.codec),
            None => well_known(payload_type).map(|(name, _, _)| name),
        }
    }

    /// Class and clock, from RFC 3551 if the table does not have them.
    pub fn facts(&self, payload_type: u8) -> (Class, u32) {
        match self.find(payload_type) {
            Some(payload) => (payload.class, payload.clock_rate),
            None => well_known(payload_type).map_or((Class::Other, 0), |(_, class, clock)| (class, clock)),
        }
    }

    /// What may pass through the kernel, in the plan's order; what RFC 3551 knows if the plan names nothing.
    pub fn relayed(&self, events: bool) -> Vec<RelayPayload> {
        let payload = |payload_type: u8| {
            let (class, clock_rate) = self.facts(payload_type);
            RelayPayload { payload_type, clock_rate, times: class.is_media() }
        };
        let may_pass = |entry: &&Payload| events || !self.may_be_event(entry.class);
        if self.is_empty() {
            return (0..WELL_KNOWN_UNTIL).filter(|pt| well_known(*pt).is_some()).map(payload).collect();
        }
        self.entries.iter().filter(may_pass).map(|entry| payload(entry.payload_type)).collect()
    }

    /// Packets of this class are events of keys, or may contain some.
    pub fn may_be_event(&self, class: Class) -> bool {
        let has_events = || self.entries.iter().any(|entry| entry.class == Class::TelephoneEvent);
        class == Class::TelephoneEvent || (class == Class::Redundancy && has_events())
    }

    /// The payload type of the first codec for sound.
    pub fn first_media(&self) -> Option<u8> {
        self.entries.iter().find(|entry| entry.class.is_media()).map(|entry| entry.payload_type)
    }

    pub fn plans(&self) -> Vec<PayloadPlan> {
        let plan = |payload: &Payload| PayloadPlan {
            payload_type: payload.payload_type,
            codec: payload.codec.to_string(),
            clock_rate: payload.clock_rate,
        };
        self.entries.iter().map(plan).collect()
    }
}

/// Tables and names in use, each held once.
#[derive(Debug, Default)]
pub struct Pool {
    tables: BTreeSet<Shared>,
    names: BTreeSet<Arc<str>>,
    released: u32,
}

impl Pool {
    pub fn table(&mut self, plans: &[PayloadPlan]) -> Arc<PayloadTable> {
        let table = Shared(Arc::new(PayloadTable::new(plans)));
        if let Some(known) = self.tables.get(&table) {
            return known.0.clone();
        }
        self.tables.insert(Shared(table.0.clone()));
        table.0
    }

    pub fn name(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.names.get(name) {
            return known.clone();
        }
        let name: Arc<str> = name.into();
        self.names.insert(name.clone());
        name
    }

    /// Notes that a session has ended; forgets what nobody uses any more now and then.
    pub fn session_released(&mut self) {
        self.released += 1;
        if self.released.is_multiple_of(1024) {
            self.tables.retain(|table| Arc::strong_count(&table.0) > 1);
            self.names.retain(|name| Arc::strong_count(name) > 1);
        }
    }
}

#[derive(Debug)]
struct Shared(Arc<PayloadTable>);

impl PartialEq for Shared {
    fn eq(&self, other: &Self) -> bool {
        self.0.entries == other.0.entries
    }
}

impl Eq for Shared {}

impl PartialOrd for Shared {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Shared {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.entries.cmp(&other.0.entries)
    }
}

fn entry(plan: &PayloadPlan) -> Payload {
    Payload {
        payload_type: plan.payload_type,
        clock_rate: plan.clock_rate,
        class: Class::of(&plan.codec),
        codec: plan.codec.as_str().into(),
    }
}

/// Static assignments (RFC 3551 §6) that are still met.
fn well_known(payload_type: u8) -> Option<(&'static str, Class, u32)> {
    Some(match payload_type {
        0 => ("PCMU", Class::Pcmu, 8000),
        3 => ("GSM", Class::Other, 8000),
        4 => ("G723", Class::Other, 8000),
        8 => ("PCMA", Class::Pcma, 8000),
        // RFC 3551 §4.5.2: the clock is 8000 although the codec samples at 16000.
        9 => ("G722", Class::G722, 8000),
        13 => ("CN", Class::ComfortNoise, 8000),
        15 => ("G728", Class::Other, 8000),
        18 => ("G729", Class::Other, 8000),
        26 => ("JPEG", Class::Other, 90_000),
        31 => ("H261", Class::Other, 90_000),
        34 => ("H263", Class::Other, 90_000),
        _ => return None,
    })
}

const WELL_KNOWN_UNTIL: u8 = 35;
const NONE: u8 = u8::MAX;
