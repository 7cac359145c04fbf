//! Sockets of ended calls that stay open while their ports rest, so that later calls need not open any. Pure.
//!
//! Opening a socket, starting to receive on it and closing it again cost far more than anything else a call asks for.
//! Packets that come meanwhile are received and belong to nobody.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use crate::{SocketIndex, pools::Lease, ports::PortRandom};

/// The attached sockets of an even port and the one after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeptPair {
    /// The right to the even port.
    pub lease: Lease,
    pub rtp: SocketIndex,
    pub rtcp: SocketIndex,
    /// Type-of-service byte both send with.
    pub tos: u8,
}

/// The pairs kept, by port pool, each in the order in which they came.
pub struct Kept {
    pools: Vec<VecDeque<(Instant, KeptPair)>>,
    count: usize,
    limit: usize,
    random: PortRandom,
}

impl Kept {
    /// Keeps at most `limit` pairs.
    pub fn new(limit: usize, seed: [u64; 2]) -> Self {
        Self { pools: Vec::new(), count: 0, limit, random: PortRandom::new(seed) }
    }

    pub fn has_room(&self) -> bool {
        self.count < self.limit
    }

    pub fn keep(&mut self, now: Instant, pair: KeptPair) {
        let pool = pair.lease.pool as usize;
        if self.pools.len() <= pool {
            self.pools.resize_with(pool + 1, VecDeque::new);
        }
        self.pools[pool].push_back((now, pair));
        self.count += 1;
    }

    /// A pair of this pool that has rested, one of the longest waiting at random: the next port cannot be told from the
    /// ones before.
    pub fn take(&mut self, now: Instant, pool: u32, rest: Duration) -> Option<KeptPair> {
        let pairs = self.pools.get_mut(pool as usize)?;
        let rested = pairs.partition_point(|(since, _)| now.saturating_duration_since(*since) >= rest);
        if rested == 0 {
            return None;
        }
        let chosen = self.random.among_the_first(rested);
        self.count -= 1;
        pairs.remove(chosen).map(|(_, pair)| pair)
    }

    /// The pair of exactly this port.
    pub fn take_port(&mut self, pool: u32, port: u16) -> Option<KeptPair> {
        let pairs = self.pools.get_mut(pool as usize)?;
        let at = pairs.iter().position(|(_, pair)| pair.lease.port == port & !1)?;
        self.count -= 1;
        pairs.remove(at).map(|(_, pair)| pair)
    }

    /// A pair nobody has wanted for so long.
    pub fn take_idle(&mut self, now: Instant, idle: Duration) -> Option<KeptPair> {
        let is_idle = |since: Instant| now.saturating_duration_since(since) >= idle;
        let pairs =
            self.pools.iter_mut().find(|pairs| pairs.front().is_some_and(|(since, _)| is_idle(*since)))?;
        self.count -= 1;
        pairs.pop_front().map(|(_, pair)| pair)
    }

    /// When the oldest pair came.
    pub fn oldest(&self) -> Option<Instant> {
        self.pools.iter().filter_map(|pairs| pairs.front()).map(|(since, _)| *since).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REST: Duration = Duration::from_secs(5);

    fn pair(pool: u32, port: u16) -> KeptPair {
        let index = u32::from(port);
        KeptPair {
            lease: Lease { pool, port },
            rtp: SocketIndex(index),
            rtcp: SocketIndex(index + 1),
            tos: 0,
        }
    }

    #[test]
    fn a_pair_is_taken_once_and_not_before_it_has_rested() {
        let now = Instant::now();
        let mut kept = Kept::new(8, [1, 2]);
        kept.keep(now, pair(0, 4000));
        assert_eq!(kept.take(now + REST - Duration::from_millis(1), 0, REST), None);
        assert_eq!(kept.take(now + REST, 1, REST), None);
        assert_eq!(kept.take(now + REST, 0, REST), Some(pair(0, 4000)));
        assert_eq!(kept.take(now + REST, 0, REST), None);
    }

    #[test]
    fn the_next_pair_cannot_be_told_from_the_order_in_which_they_came() {
        let now = Instant::now();
        let order = |seed| {
            let mut kept = Kept::new(64, seed);
            (0..32).for_each(|at| kept.keep(now, pair(0, 4000 + 2 * at)));
            (0..32).map(|_| kept.take(now + REST, 0, REST).unwrap().lease.port).collect::<Vec<_>>()
        };
        assert_ne!(order([1, 2]), order([3, 4]));
        let mut ports = order([1, 2]);
        assert!(!ports.is_sorted());
        ports.sort_unstable();
        assert_eq!(ports, (0..32).map(|at| 4000 + 2 * at).collect::<Vec<_>>());
    }

    #[test]
    fn a_pair_nobody_wants_is_given_up_the_oldest_first() {
        let now = Instant::now();
        let mut kept = Kept::new(8, [1, 2]);
        kept.keep(now, pair(1, 5000));
        kept.keep(now + Duration::from_secs(1), pair(0, 4000));
        assert_eq!(kept.oldest(), Some(now));
        assert_eq!(kept.take_idle(now + REST, REST), Some(pair(1, 5000)));
        assert_eq!(kept.take_idle(now + REST, REST), None);
        assert_eq!(kept.take_port(0, 4001), Some(pair(0, 4000)));
        assert_eq!(kept.oldest(), None);
    }

    #[test]
    fn there_is_room_for_as_many_as_allowed() {
        let now = Instant::now();
        let mut kept = Kept::new(1, [1, 2]);
        assert!(kept.has_room());
        kept.keep(now, pair(0, 4000));
        assert!(!kept.has_room());
        kept.take(now + REST, 0, REST);
        assert!(kept.has_room());
    }
}
