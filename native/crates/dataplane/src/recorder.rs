//! Takes copies of packets and brings them to files and to whoever listens along.
//!
//! Threads that handle packets only write into a chunk of memory of their own; a thread for files and one for datagrams
//! do the rest. Nobody ever waits for them: when all chunks of a thread are on their way, its copies are dropped and
//! counted.

mod capture;
mod files;
mod forks;
mod lane;
mod office;
mod pcap;
mod tap;

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use capture::Accepted;
use engine::{Copied, TapCounts, TapHandle};
use lane::Lane;
use netio::wake::Waker;
use office::{News, Office};
use protocol::{Event, SessionId, TapPlan, TapTarget};
use rustix::process::{Resource, getrlimit};
use tap::Tap;

/// The recorder of a process.
#[derive(Debug)]
pub struct Recorder {
    next: AtomicU32,
    files: Arc<Office>,
    forks: Arc<Office>,
    failures: Arc<Failures>,
    most_files: usize,
    accepted: Accepted,
}

/// What has failed and was not reported yet.
#[derive(Debug, Default)]
pub struct Failures {
    events: Mutex<VecDeque<Event>>,
    waker: OnceLock<Waker>,
}

impl Recorder {
    /// Keeps at most so many files open.
    pub fn new(most_files: usize) -> Self {
        Self {
            next: AtomicU32::new(1),
            files: Arc::default(),
            forks: Arc::default(),
            failures: Arc::default(),
            most_files,
            accepted: Accepted::Files,
        }
    }

    /// Writes to devices and pipes, too: such stand for disks that are full or slow.
    pub fn onto_anything(most_files: usize) -> Self {
        Self { accepted: Accepted::Anything, ..Self::new(most_files) }
    }

    /// Says whom to wake when there is an event.
    pub fn wakes(&self, waker: Waker) {
        let _ = self.failures.waker.set(waker);
    }

    pub fn next_event(&self) -> Option<Event> {
        lock(&self.failures.events).pop_front()
    }

    /// The way in for one thread that has packets; each thread takes its own. Besides the shards that may be whoever
    /// reads packets that the kernel has copied: [`engine::Recorder::copy`] with the handle of a tap that a shard has
    /// opened, and [`engine::Recorder::hand_over`] when no more are at hand, and
    /// once a second at least. Handles are never used twice. Copies for a
    /// tap that was closed are dropped, so whoever is behind is to be asked for the rest before.
    pub fn copier(self: &Arc<Self>) -> Copier {
        Copier {
            files: Lane::new(self.files.clone()),
            forks: Lane::new(self.forks.clone()),
            recorder: self.clone(),
            known: HashMap::new(),
        }
    }

    /// Writes out what is still underway. To be called when the process ends.
    pub fn finish(&self) {
        self.files.finish();
        self.forks.finish();
    }

    fn office(&self, target: &TapTarget) -> &Arc<Office> {
        match target {
            TapTarget::Pcap { .. } => &self.files,
            TapTarget::Datagrams { .. } => &self.forks,
        }
    }

    /// Starts the thread for such a target, unless it is running.
    fn start(&self, tap: &Arc<Tap>) {
        let (failures, most_files, accepted) = (self.failures.clone(), self.most_files, self.accepted);
        let office = self.office(&tap.target);
        let started = match &tap.target {
            TapTarget::Pcap { .. } => {
                let work = move |office: &Office, inbox| {
                    files::Files::new(failures, most_files, accepted).run(office, inbox);
                };
                office.start("recorder", work)
            }
            TapTarget::Datagrams { .. } => office
                .start("forks", move |office: &Office, inbox| forks::Forks::new(failures).run(office, inbox)),
        };
        if let Err(error) = started {
            self.failures.report(tap, format!("there is no thread for it: {error}"));
        }
    }
}

impl Failures {
    /// A tap has failed; tells so unless it has failed before.
    pub fn report(&self, tap: &Tap, reason: String) {
        if !tap.fail(&reason) {
            return;
        }
        let (session, tap) = (tap.session.clone(), tap.id);
        lock(&self.events).push_back(Event::TapFailed { session, tap, reason });
        if let Some(waker) = self.waker.get() {
            waker.wake();
        }
    }
}

/// A quarter of the descriptors there may be: calls are not to fail because others are recorded.
pub fn most_files() -> usize {
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(limit / 4).unwrap_or(usize::MAX)
}

/// One thread's way into the recorder.
#[derive(Debug)]
pub struct Copier {
    recorder: Arc<Recorder>,
    files: Lane,
    forks: Lane,
    known: HashMap<TapHandle, Arc<Tap>>,
}

impl Copier {
    fn find(&mut self, handle: TapHandle) -> Option<&Arc<Tap>> {
        if !self.known.contains_key(&handle) {
            self.known.retain(|_, tap| !tap.has_ended());
            let offices = [&self.recorder.files, &self.recorder.forks];
            let tap = offices.into_iter().find_map(|office| office.find(handle))?;
            if tap.has_ended() {
                return None;
            }
            self.known.insert(handle, tap);
        }
        self.known.get(&handle)
    }
}

impl engine::Recorder for Copier {
    fn open(&mut self, session: &SessionId, plan: &TapPlan) -> TapHandle {
        let handle = TapHandle(self.recorder.next.fetch_add(1, Ordering::Relaxed));
        let tap = Arc::new(Tap::new(handle, session.clone(), plan));
        self.known.insert(handle, tap.clone());
        self.recorder.start(&tap);
        self.recorder.office(&tap.target).open(tap.clone());
        handle
    }

    fn retry(&mut self, tap: TapHandle) {
        let Some(tap) = self.known.get(&tap).filter(|tap| tap.has_failed()) else { return };
        self.recorder.start(tap);
        self.recorder.office(&tap.target).tell(News::Wanted(tap.clone()));
    }

    fn close(&mut self, tap: TapHandle) {
        let Some(tap) = self.known.remove(&tap) else { return };
        self.files.hand_over_all();
        self.forks.hand_over_all();
        tap.end();
        self.recorder.office(&tap.target).close(tap.clone());
    }

    fn copy(&mut self, tap: TapHandle, copied: &Copied<'_>) {
        let Some(tap) = self.find(tap).cloned() else { return };
        let lane = match tap.target {
            TapTarget::Pcap { .. } => &mut self.files,
            TapTarget::Datagrams { .. } => &mut self.forks,
        };
        if lane.put(tap.handle, copied) {
            tap.count(copied.payload.len());
        } else {
            tap.miss(1);
        }
    }

    fn lose(&mut self, tap: TapHandle, packets: u64) {
        if let Some(tap) = self.find(tap) {
            tap.miss(packets);
        }
    }

    fn hand_over(&mut self) {
        self.files.hand_over();
        self.forks.hand_over();
    }

    fn counts(&self, tap: TapHandle) -> TapCounts {
        self.known.get(&tap).map(|tap| tap.counts()).unwrap_or_default()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
