//! The ports of one address: which are used, which rest after use, which come next. Pure.

use std::{
    collections::{HashSet, VecDeque},
    hash::Hasher,
    ops::RangeInclusive,
    time::{Duration, Instant},
};

/// One port, or an even one and its successor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    Pair,
    Single,
}

/// How many ports of the range are in which state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PortCounts {
    pub used: u32,
    /// Not to be had for now: released a short while ago, or found taken by another program.
    pub resting: u32,
    pub free: u32,
}

/// Which ports may be given out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortRange {
    pub ports: RangeInclusive<u16>,
    pub excluded: Vec<u16>,
    pub rest: Duration,
}

/// The ports of one address.
///
/// Free ports wait in queues in the order in which they became free, at first in random order. One of the longest
/// waiting is taken at random: reuse comes late, and the next port cannot be told from the ones before.
pub struct PortPool {
    range: PortRange,
    random: PortRandom,
    slots: Vec<Slot>,
    pairs: VecDeque<Waiting>,
    halves: VecDeque<Waiting>,
    resting: VecDeque<Resting>,
    busy: VecDeque<Resting>,
    /// In use, though the range does not offer them: bound on request, or before the range changed.
    outside: HashSet<u16>,
    counts: PortCounts,
}

impl PortPool {
    pub fn new(range: PortRange, seed: [u64; 2]) -> Self {
        let mut pool = Self {
            random: PortRandom::new(seed),
            slots: Vec::new(),
            pairs: VecDeque::new(),
            halves: VecDeque::new(),
            resting: VecDeque::new(),
            busy: VecDeque::new(),
            outside: HashSet::new(),
            counts: PortCounts::default(),
            range,
        };
        pool.fill(&HashSet::new(), &[]);
        pool
    }

    /// Changes the range. Ports in use stay in use, also outside of the new range; resting ones go on resting.
    pub fn reconfigure(&mut self, range: PortRange) {
        if range == self.range {
            return;
        }
        if range.ports == self.range.ports && range.excluded == self.range.excluded {
            self.range = range;
            return;
        }
        let mut used = std::mem::take(&mut self.outside);
        used.extend(self.ports_in(State::Used));
        let mut resting: Vec<Resting> = std::mem::take(&mut self.resting).into();
        resting.retain(|entry| self.is_current(entry.waiting));
        self.range = range;
        self.fill(&used, &resting);
    }

    /// Takes a port (with [`Span::Pair`] its even one), or `None` if there is none left.
    pub fn reserve(&mut self, now: Instant, span: Span) -> Option<u16> {
        self.wake(now);
        match span {
            Span::Pair => self.take_pair(),
            Span::Single => self.take_half().or_else(|| self.take_pair().inspect(|port| self.free(port + 1))),
        }
    }

    /// Takes exactly this port, also a resting or excluded one; `false` if it is in use already.
    pub fn reserve_exact(&mut self, port: u16, span: Span) -> bool {
        let Some(ports) = ports_of(port, span) else { return false };
        if ports.clone().any(|port| self.is_used(port)) {
            return false;
        }
        ports.for_each(|port| self.take_exact(port));
        true
    }

    /// Gives back one port; it rests first.
    pub fn release(&mut self, now: Instant, port: u16) {
        if self.outside.remove(&port) {
            self.counts.used -= 1;
        } else if matches!(self.state(port), Some(State::Used | State::Kept)) {
            self.lay_down(now, port, State::Resting);
        }
    }

    /// Gives back an even port and its successor whose sockets stay open while they rest: only
    /// [`take_kept`](Self::take_kept) takes them again. `false`, and nothing happens, where ports are scarce.
    pub fn keep(&mut self, even: u16) -> bool {
        let are_scarce = 2 * self.counts.free < self.slots.len() as u32;
        if are_scarce || [even, even + 1].iter().any(|port| self.state(*port) != Some(State::Used)) {
            return false;
        }
        self.enter(even, State::Kept);
        self.enter(even + 1, State::Kept);
        true
    }

    /// Takes a kept pair; `false` if the range does not offer it any more.
    pub fn take_kept(&mut self, even: u16) -> bool {
        if [even, even + 1].iter().any(|port| self.state(*port) != Some(State::Kept)) {
            return false;
        }
        self.enter(even, State::Used);
        self.enter(even + 1, State::Used);
        true
    }

    pub fn rest(&self) -> Duration {
        self.range.rest
    }

    /// Gives back ports that turned out to be taken by another program; they are not tried again for a while.
    pub fn give_up(&mut self, now: Instant, port: u16, span: Span) {
        for port in ports_of(port, span).into_iter().flatten() {
            if self.outside.remove(&port) {
                self.counts.used -= 1;
            } else if self.state(port) == Some(State::Used) {
                self.lay_down(now, port, State::Busy);
            }
        }
    }

    pub fn counts(&mut self, now: Instant) -> PortCounts {
        self.wake(now);
        self.counts
    }

    pub fn range(&self) -> &RangeInclusive<u16> {
        &self.range.ports
    }

    fn is_used(&self, port: u16) -> bool {
        self.outside.contains(&port) || self.state(port) == Some(State::Used)
    }

    fn take_pair(&mut self) -> Option<u16> {
        while let Some(waiting) = self.random.draw(&mut self.pairs) {
            if self.is_current(waiting) {
                self.enter(waiting.port, State::Used);
                self.enter(waiting.port + 1, State::Used);
                return Some(waiting.port);
            }
        }
        None
    }

    fn take_half(&mut self) -> Option<u16> {
        while let Some(waiting) = self.random.draw(&mut self.halves) {
            if self.is_current(waiting) {
                self.enter(waiting.port, State::Used);
                return Some(waiting.port);
            }
        }
        None
    }

    fn take_exact(&mut self, port: u16) {
        match self.state(port) {
            None | Some(State::Excluded) => {
                self.outside.insert(port);
                self.counts.used += 1;
            }
            Some(State::Free) => {
                self.enter(port, State::Used);
                if self.state(port ^ 1) == Some(State::Free) {
                    self.free(port ^ 1);
                }
            }
            Some(State::Resting | State::Kept | State::Busy | State::Used) => self.enter(port, State::Used),
        }
    }

    fn lay_down(&mut self, now: Instant, port: u16, state: State) {
        self.enter(port, state);
        let Some(stamp) = self.slot(port).map(|slot| slot.stamp) else { return };
        let entry = Resting { since: now, waiting: Waiting { port, stamp } };
        match state {
            State::Busy => self.busy.push_back(entry),
            State::Resting | State::Kept | State::Free | State::Used | State::Excluded => {
                self.resting.push_back(entry);
            }
        }
    }

    /// Frees the ports that have rested long enough.
    fn wake(&mut self, now: Instant) {
        let rest = self.range.rest;
        while let Some(entry) = pop_rested(&mut self.resting, now, rest) {
            if self.is_current(entry) {
                self.free(entry.port);
            }
        }
        while let Some(entry) = pop_rested(&mut self.busy, now, BUSY_RETRY) {
            if self.is_current(entry) {
                self.free(entry.port);
            }
        }
    }

    /// Puts a port into the queue it belongs to: with its sibling as a pair if that is free too, else alone.
    fn free(&mut self, port: u16) {
        self.enter(port, State::Free);
        if self.state(port ^ 1) == Some(State::Free) {
            self.enter(port ^ 1, State::Free);
            let even = port & !1;
            let stamp = self.slot(even).map_or(0, |slot| slot.stamp);
            self.pairs.push_back(Waiting { port: even, stamp });
        } else {
            let stamp = self.slot(port).map_or(0, |slot| slot.stamp);
            self.halves.push_back(Waiting { port, stamp });
        }
        self.compact();
    }

    /// Exact requests leave outdated queue entries behind; they must not pile up.
    fn compact(&mut self) {
        let limit = 2 * self.slots.len() + 16;
        if self.pairs.len() + self.halves.len() + self.resting.len() + self.busy.len() > 2 * limit {
            let current = |slots: &[Slot], first: u16, waiting: &Waiting| {
                slots[usize::from(waiting.port - first)].stamp == waiting.stamp
            };
            let (slots, first) = (&self.slots, *self.range.ports.start());
            self.pairs.retain(|waiting| current(slots, first, waiting));
            self.halves.retain(|waiting| current(slots, first, waiting));
            self.resting.retain(|entry| current(slots, first, &entry.waiting));
            self.busy.retain(|entry| current(slots, first, &entry.waiting));
        }
    }

    /// Changes a port's state; whatever queue entry it had is outdated from here on.
    fn enter(&mut self, port: u16, state: State) {
        let index = usize::from(port.wrapping_sub(*self.range.ports.start()));
        let Some(slot) = self.slots.get_mut(index) else { return };
        if let Some(count) = self.counts.of(slot.state) {
            *count -= 1;
        }
        if let Some(count) = self.counts.of(state) {
            *count += 1;
        }
        slot.state = state;
        slot.stamp = slot.stamp.wrapping_add(1);
    }

    fn is_current(&self, waiting: Waiting) -> bool {
        self.slot(waiting.port).is_some_and(|slot| slot.stamp == waiting.stamp)
    }

    fn slot(&self, port: u16) -> Option<&Slot> {
        self.slots.get(usize::from(port.checked_sub(*self.range.ports.start())?))
    }

    fn state(&self, port: u16) -> Option<State> {
        self.slot(port).map(|slot| slot.state)
    }

    fn ports_in(&self, state: State) -> impl Iterator<Item = u16> {
        self.range
            .ports
            .clone()
            .zip(&self.slots)
            .filter(move |(_, slot)| slot.state == state)
            .map(|(port, _)| port)
    }

    /// Builds the state of a new range.
    fn fill(&mut self, used: &HashSet<u16>, resting: &[Resting]) {
        let ports = self.range.ports.clone();
        let excluded: HashSet<u16> = self.range.excluded.iter().copied().collect();
        self.slots = ports
            .clone()
            .map(|port| Slot {
                state: if excluded.contains(&port) { State::Excluded } else { State::Used },
                stamp: 0,
            })
            .collect();
        self.pairs.clear();
        self.halves.clear();
        self.busy.clear();
        self.counts = PortCounts { used: self.ports_in(State::Used).count() as u32, ..PortCounts::default() };

        for entry in resting {
            let port = entry.waiting.port;
            if ports.contains(&port) && !used.contains(&port) && self.state(port) == Some(State::Used) {
                self.lay_down(entry.since, port, State::Resting);
            }
        }
        for port in used {
            if self.state(*port) != Some(State::Used) {
                self.outside.insert(*port);
                self.counts.used += 1;
            }
        }
        let mut fresh: Vec<u16> =
            self.ports_in(State::Used).filter(|port| !used.contains(port)).map(|port| port & !1).collect();
        fresh.dedup();
        self.random.shuffle(&mut fresh);
        for even in fresh {
            for port in [even, even + 1] {
                if self.state(port) == Some(State::Used) && !used.contains(&port) {
                    self.free(port);
                }
            }
        }
    }
}

/// How long a port that another program holds is not tried again.
const BUSY_RETRY: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Free,
    Used,
    Resting,
    /// Resting with its socket open.
    Kept,
    Busy,
    Excluded,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    state: State,
    /// Grows with each change of state, which tells outdated queue entries from valid ones.
    stamp: u32,
}

#[derive(Debug, Clone, Copy)]
struct Waiting {
    port: u16,
    stamp: u32,
}

#[derive(Debug, Clone, Copy)]
struct Resting {
    since: Instant,
    waiting: Waiting,
}

impl PortCounts {
    fn of(&mut self, state: State) -> Option<&mut u32> {
        match state {
            State::Free => Some(&mut self.free),
            State::Used => Some(&mut self.used),
            State::Resting | State::Kept | State::Busy => Some(&mut self.resting),
            State::Excluded => None,
        }
    }
}

fn ports_of(port: u16, span: Span) -> Option<RangeInclusive<u16>> {
    match span {
        Span::Pair => Some(port..=port.checked_add(1)?),
        Span::Single => Some(port..=port),
    }
}

fn pop_rested(queue: &mut VecDeque<Resting>, now: Instant, rest: Duration) -> Option<Waiting> {
    let entry = queue.front()?;
    if now.saturating_duration_since(entry.since) < rest {
        return None;
    }
    queue.pop_front().map(|entry| entry.waiting)
}

/// Numbers that cannot be told in advance without the seed (SipHash in counter mode).
pub struct PortRandom {
    seed: [u64; 2],
    counter: u64,
}

impl PortRandom {
    pub fn new(seed: [u64; 2]) -> Self {
        Self { seed, counter: 0 }
    }

    fn below(&mut self, bound: usize) -> usize {
        self.counter += 1;
        let mut hasher = std::hash::DefaultHasher::new();
        hasher.write_u64(self.seed[0]);
        hasher.write_u64(self.seed[1]);
        hasher.write_u64(self.counter);
        (hasher.finish() % bound.max(1) as u64) as usize
    }

    fn shuffle(&mut self, ports: &mut [u16]) {
        for last in (1..ports.len()).rev() {
            ports.swap(last, self.below(last + 1));
        }
    }

    /// Removes one of those that have waited longest.
    fn draw(&mut self, queue: &mut VecDeque<Waiting>) -> Option<Waiting> {
        if queue.len() > 1 {
            let chosen = self.among_the_first(queue.len());
            queue.swap(0, chosen);
        }
        queue.pop_front()
    }

    /// The place of one of those that have waited longest, among so many in the order in which they came.
    pub fn among_the_first(&mut self, waiting: usize) -> usize {
        self.below((waiting / 4).max(waiting.min(16)))
    }
}

#[cfg(test)]
#[path = "ports_test.rs"]
mod tests;
