//! A tap as all threads see it: where its copies go, and what has become of them.

use std::sync::{
    Mutex,
    atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};

use engine::{TapCounts, TapHandle};
use protocol::{SessionId, TapId, TapPlan, TapTarget};

use super::lock;

#[derive(Debug)]
pub struct Tap {
    pub handle: TapHandle,
    pub session: SessionId,
    pub id: TapId,
    pub target: TapTarget,
    taken: Count,
    /// Taken, and lost afterwards.
    lost: Count,
    /// Never taken.
    dropped: AtomicU64,
    failure: Mutex<Option<String>>,
    ended: AtomicBool,
}

#[derive(Debug, Default)]
struct Count {
    packets: AtomicU64,
    bytes: AtomicU64,
}

impl Tap {
    pub fn new(handle: TapHandle, session: SessionId, plan: &TapPlan) -> Self {
        Self {
            handle,
            session,
            id: plan.id,
            target: plan.target.clone(),
            taken: Count::default(),
            lost: Count::default(),
            dropped: AtomicU64::new(0),
            failure: Mutex::new(None),
            ended: AtomicBool::new(false),
        }
    }

    /// A copy is on its way.
    pub fn count(&self, bytes: usize) {
        self.taken.add(1, bytes as u64);
    }

    /// Copies could not be taken.
    pub fn miss(&self, packets: u64) {
        self.dropped.fetch_add(packets, Relaxed);
    }

    /// Copies that were on their way did not get there.
    pub fn lose(&self, packets: u64, bytes: u64) {
        self.lost.add(packets, bytes);
    }

    /// False if it has failed before.
    pub fn fail(&self, reason: &str) -> bool {
        lock(&self.failure).replace(reason.to_owned()).is_none()
    }

    pub fn recover(&self) {
        lock(&self.failure).take();
    }

    pub fn has_failed(&self) -> bool {
        lock(&self.failure).is_some()
    }

    pub fn end(&self) {
        self.ended.store(true, Relaxed);
    }

    pub fn has_ended(&self) -> bool {
        self.ended.load(Relaxed)
    }

    pub fn counts(&self) -> TapCounts {
        // Lost ones first: they cannot be more than those taken then.
        let (lost, lost_bytes) = self.lost.read();
        let (taken, bytes) = self.taken.read();
        TapCounts {
            packets: taken.saturating_sub(lost),
            bytes: bytes.saturating_sub(lost_bytes),
            dropped: self.dropped.load(Relaxed) + lost,
            failure: lock(&self.failure).clone(),
        }
    }
}

impl Count {
    fn add(&self, packets: u64, bytes: u64) {
        self.packets.fetch_add(packets, Relaxed);
        self.bytes.fetch_add(bytes, Relaxed);
    }

    fn read(&self) -> (u64, u64) {
        (self.packets.load(Relaxed), self.bytes.load(Relaxed))
    }
}
