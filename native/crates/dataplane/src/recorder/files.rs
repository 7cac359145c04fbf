//! The thread that writes capture files.

use std::{
    collections::HashMap,
    io,
    path::Path,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use engine::{Copied, TapHandle};
use protocol::TapTarget;

use super::{
    Failures,
    capture::{Accepted, Capture},
    office::{Message, News, Office},
    tap::Tap,
};

pub struct Files {
    failures: Arc<Failures>,
    most: usize,
    accepted: Accepted,
    records: HashMap<TapHandle, Record>,
    /// Files that are open.
    open: usize,
    clock: Clock,
}

struct Record {
    tap: Arc<Tap>,
    /// `None`: it has failed.
    capture: Option<Capture>,
}

impl Files {
    /// Keeps at most so many files open.
    pub fn new(failures: Arc<Failures>, most: usize, accepted: Accepted) -> Self {
        Self { failures, most, accepted, records: HashMap::new(), open: 0, clock: Clock::now() }
    }

    pub fn run(mut self, office: &Office, inbox: Receiver<Message>) {
        let mut tick = Instant::now() + TICK;
        loop {
            match inbox.recv_timeout(tick.saturating_duration_since(Instant::now())) {
                Ok(message) => self.take(office, message),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if Instant::now() >= tick {
                self.clock = Clock::now();
                office.overdue(&inbox).into_iter().for_each(|message| self.take(office, message));
                self.flush();
                tick = Instant::now() + TICK;
            }
        }
    }

    fn take(&mut self, office: &Office, message: Message) {
        match message {
            Message::Chunk(chunk) => {
                chunk.copies().for_each(|(tap, copied)| self.write(office, tap, &copied));
                chunk.give_back();
            }
            Message::News(news) => self.follow(office, news),
            Message::Finish(done) => {
                self.flush();
                let _ = done.try_send(());
            }
        }
    }

    fn follow(&mut self, office: &Office, news: News) {
        match news {
            News::Ended(tap) => {
                self.end(&tap);
                office.forget(tap.handle);
            }
            News::Wanted(tap) => {
                if self.records.get(&tap.handle).is_none_or(|record| record.capture.is_none()) {
                    self.begin(tap);
                }
            }
        }
    }

    fn begin(&mut self, tap: Arc<Tap>) {
        let opened = match &tap.target {
            TapTarget::Pcap { .. } if self.open >= self.most => {
                Err(io::Error::other(format!("{} files are open already", self.most)))
            }
            TapTarget::Pcap { path, link } => Capture::open(Path::new(path), *link, self.accepted),
            TapTarget::Datagrams { .. } => return,
        };
        let capture = match opened {
            Ok(capture) => {
                self.open += 1;
                tap.recover();
                Some(capture)
            }
            Err(error) => {
                self.failures.report(&tap, error.to_string());
                None
            }
        };
        self.records.insert(tap.handle, Record { tap, capture });
    }

    fn end(&mut self, tap: &Tap) {
        if let Some(capture) = self.records.remove(&tap.handle).and_then(|record| record.capture) {
            self.open -= 1;
            let mut capture = capture;
            if let Err(error) = capture.flush() {
                lose(&self.failures, tap, &capture, &error);
            }
        }
    }

    fn write(&mut self, office: &Office, tap: TapHandle, copied: &Copied<'_>) {
        let Some(record) = self.records.get_mut(&tap) else {
            // Its file is late itself.
            return office.find(tap).into_iter().for_each(|tap| tap.lose(1, copied.payload.len() as u64));
        };
        let Some(capture) = &mut record.capture else {
            return record.tap.lose(1, copied.payload.len() as u64);
        };
        let at = self.clock.since_1970(copied.at);
        if let Err(error) = capture.put(at, (copied.from, copied.to), copied.payload) {
            lose(&self.failures, &record.tap, capture, &error);
            record.capture = None;
            self.open -= 1;
        }
    }

    fn flush(&mut self) {
        for record in self.records.values_mut() {
            let Some(capture) = &mut record.capture else { continue };
            let gone = || io::Error::other("the file was removed");
            let is_gone = capture.is_gone() && !record.tap.has_ended();
            let result = capture.flush().and_then(|()| if is_gone { Err(gone()) } else { Ok(()) });
            if let Err(error) = result {
                lose(&self.failures, &record.tap, capture, &error);
                record.capture = None;
                self.open -= 1;
            }
        }
    }
}

fn lose(failures: &Failures, tap: &Tap, capture: &Capture, error: &io::Error) {
    let lost = capture.waiting();
    tap.lose(lost.packets, lost.bytes);
    failures.report(tap, error.to_string());
}

/// What the time of day is at an instant.
struct Clock {
    day: SystemTime,
    at: Instant,
}

impl Clock {
    fn now() -> Self {
        Self { day: SystemTime::now(), at: Instant::now() }
    }

    fn since_1970(&self, at: Instant) -> Duration {
        let day = match self.at.checked_duration_since(at) {
            Some(earlier) => self.day - earlier,
            None => self.day + at.saturating_duration_since(self.at),
        };
        day.duration_since(UNIX_EPOCH).unwrap_or_default()
    }
}

const TICK: Duration = Duration::from_secs(1);
