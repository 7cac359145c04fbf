//! Packets that are not, or not provably, the peer's: counted by cause, and reported with their source, but never so
//! often that whoever sends them could fill a log.

use std::collections::VecDeque;

use protocol::{Component, Event, StreamId, Suspect, SuspectCause, SuspectCounts};

use crate::{moment::Moment, pipeline::Passage, session::Session, stream::Stream};

/// Those of one component.
#[derive(Debug, Default)]
pub struct Suspects {
    last: Option<Suspect>,
    records: Vec<Record>,
}

#[derive(Debug)]
struct Record {
    cause: SuspectCause,
    packets: u64,
    unreported: u64,
    reported_at: Option<Moment>,
}

/// Those of all sessions, and how many events they may still make.
#[derive(Debug)]
pub struct Watch {
    pub counts: SuspectCounts,
    since: Moment,
    events: u32,
}

impl Suspects {
    pub fn last(&self) -> Option<Suspect> {
        self.last
    }

    pub fn packets(&self, cause: SuspectCause) -> u64 {
        self.records.iter().find(|record| record.cause == cause).map_or(0, |record| record.packets)
    }

    fn record(&mut self, cause: SuspectCause) -> &mut Record {
        let known = self.records.iter().position(|record| record.cause == cause);
        let at = known.unwrap_or_else(|| {
            self.records.push(Record { cause, packets: 0, unreported: 0, reported_at: None });
            self.records.len() - 1
        });
        &mut self.records[at]
    }

    /// Returns how many packets to report, if it is time to.
    fn note(&mut self, now: Moment, suspect: Suspect, watch: &mut Watch) -> Option<u64> {
        self.last = Some(suspect);
        *watch.counts.of(suspect.cause) += 1;
        let record = self.record(suspect.cause);
        record.unreported += 1;
        let is_early = record.reported_at.is_some_and(|at| now.ms_since(at) < PAUSE_MS);
        if is_early || !watch.may_report(now) {
            return None;
        }
        record.reported_at = Some(now);
        Some(std::mem::take(&mut record.unreported))
    }
}

impl Watch {
    pub fn new(now: Moment) -> Self {
        Watch { counts: SuspectCounts::default(), since: now, events: 0 }
    }

    fn may_report(&mut self, now: Moment) -> bool {
        if now.ms_since(self.since) >= PAUSE_MS {
            self.since = now;
            self.events = 0;
        }
        self.events += 1;
        self.events <= MOST_EVENTS
    }
}

impl Passage<'_> {
    /// Counts the packet at this component, and reports it. What the peer itself may have sent is only counted.
    #[cold]
    pub fn suspect(&mut self, component: Component, cause: SuspectCause) {
        let (now, source) = (self.now, self.from);
        let stream = &mut self.session.streams[self.stream];
        let is_peer = stream.half_mut(self.socket).latch.confirmed() == Some(source);
        if is_peer && matches!(cause, SuspectCause::Malformed | SuspectCause::Replay | SuspectCause::Unkeyed)
        {
            stream.half_mut(component).suspects().record(cause).packets += 1;
            return;
        }
        let suspect = Suspect { cause, source };
        if let Some(news) = note(stream, component, suspect, now, self.watch) {
            self.events.push_back(news.of(self.session));
        }
    }
}

/// Counts a packet; returns what to tell, if it is time to.
pub fn note(
    stream: &mut Stream,
    component: Component,
    suspect: Suspect,
    now: Moment,
    watch: &mut Watch,
) -> Option<News> {
    let suspects = stream.half_mut(component).suspects();
    suspects.record(suspect.cause).packets += 1;
    let packets = suspects.note(now, suspect, watch)?;
    Some(News { stream: stream.id, component, suspect, packets })
}

/// What is to be told of packets that have come.
pub struct News {
    stream: StreamId,
    component: Component,
    suspect: Suspect,
    packets: u64,
}

impl News {
    pub fn of(self, session: &Session) -> Event {
        Event::SuspectPackets {
            session: session.session_id(),
            revision: session.revision,
            stream: self.stream,
            component: self.component,
            cause: self.suspect.cause,
            source: self.suspect.source,
            packets: self.packets,
        }
    }
}

/// Where events go, and how many of suspects there may still be.
pub struct Telling<'a> {
    pub events: &'a mut VecDeque<Event>,
    pub watch: &'a mut Watch,
}

/// The same is not reported again within this time.
const PAUSE_MS: u64 = 10_000;
/// Events of all sessions in that time.
const MOST_EVENTS: u32 = 50;
