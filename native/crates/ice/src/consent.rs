//! Consent of the peer to what is sent to it (RFC 7675).

use std::time::Duration;

use wire::stun::TransactionId;

use crate::random::Random;

#[derive(Debug)]
pub struct Consent {
    /// When the peer last answered.
    given: Duration,
    next: Duration,
    /// Requests without an answer, the newest last.
    open: Vec<TransactionId>,
}

impl Consent {
    pub fn given(now: Duration, random: &mut Random) -> Self {
        Consent { given: now, next: now + pause(random), open: Vec::new() }
    }

    /// Consent from before a restart, to be confirmed at once.
    pub fn assumed(now: Duration) -> Self {
        Consent { given: now, next: now, open: Vec::new() }
    }

    /// The request to send now, if it is time for one.
    pub fn ask(&mut self, now: Duration, random: &mut Random) -> Option<TransactionId> {
        if now < self.next {
            return None;
        }
        self.next = now + pause(random);
        let transaction = random.transaction();
        if self.open.len() == MOST_OPEN {
            self.open.remove(0);
        }
        self.open.push(transaction);
        Some(transaction)
    }

    pub fn awaits(&self, transaction: &TransactionId) -> bool {
        self.open.contains(transaction)
    }

    pub fn renew(&mut self, now: Duration) {
        self.given = now;
        self.open.clear();
    }

    pub fn is_lost(&self, now: Duration) -> bool {
        now >= self.given + EXPIRES
    }

    pub fn due(&self) -> Duration {
        self.next.min(self.given + EXPIRES)
    }
}

/// RFC 7675 §5.1: five seconds, more or less a fifth.
fn pause(random: &mut Random) -> Duration {
    Duration::from_millis(4000 + random.number() % 2000)
}

/// More than are sent while consent lasts.
const MOST_OPEN: usize = 8;
pub const EXPIRES: Duration = Duration::from_secs(30);
