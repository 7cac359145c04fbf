//! What clients were answered, so that a repeated request is not carried out twice.

use std::{
    cell::LazyCell,
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

/// What became of an earlier request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// Somebody else answers it, and knows of repeated requests himself.
    PassedOn,
    /// It is being carried out.
    Running,
    Answered(Box<[u8]>),
}

#[derive(Debug, Clone, Copy)]
pub struct ReplyLimits {
    /// What was answered is remembered for once to twice as long.
    pub generation: Duration,
    pub entries: usize,
    pub bytes: usize,
}

/// A request is known by its source and its cookie, and also, should it come from another port of the same address, by
/// cookie and content: the rules of the control plane (`src/control/reply-cache.ts`).
#[derive(Debug)]
pub struct Replies {
    limits: ReplyLimits,
    current: Generation,
    previous: Generation,
    rotated_at: Instant,
}

#[derive(Debug, Default)]
struct Generation {
    entries: HashMap<Name, Vec<Entry>>,
    count: usize,
    bytes: usize,
}

type Name = (IpAddr, Box<[u8]>);

#[derive(Debug)]
struct Entry {
    port: u16,
    digest: u64,
    known: Known,
}

impl Replies {
    pub fn new(limits: ReplyLimits, now: Instant) -> Self {
        Self { limits, current: Generation::default(), previous: Generation::default(), rotated_at: now }
    }

    pub fn find(&mut self, now: Instant, from: SocketAddr, cookie: &[u8], payload: &[u8]) -> Option<&Known> {
        self.rotate_if_due(now);
        let name = (from.ip(), cookie.into());
        let entries = [&self.current, &self.previous];
        let mut entries = entries.into_iter().filter_map(|one| one.entries.get(&name)).flatten();
        let digest = LazyCell::new(|| digest_of(payload));
        let is_same = |entry: &&Entry| entry.port == from.port() || entry.digest == *digest;
        entries.find(is_same).map(|entry| &entry.known)
    }

    pub fn add(&mut self, from: SocketAddr, cookie: &[u8], payload: &[u8], known: Known) {
        let ReplyLimits { entries, bytes, .. } = self.limits;
        if 2 * self.current.count >= entries || 2 * self.current.bytes >= bytes {
            self.rotate();
        }
        let entry = Entry { port: from.port(), digest: digest_of(payload), known };
        self.current.add((from.ip(), cookie.into()), entry);
    }

    /// Takes note of how a request that is `Running` came out.
    pub fn settle(&mut self, from: SocketAddr, cookie: &[u8], known: Known) {
        let name = (from.ip(), cookie.into());
        for generation in [&mut self.current, &mut self.previous] {
            let mut entries = generation.entries.get_mut(&name).into_iter().flatten();
            if let Some(entry) =
                entries.find(|entry| entry.port == from.port() && entry.known == Known::Running)
            {
                generation.bytes += known.length();
                entry.known = known;
                return;
            }
        }
    }

    /// How many requests are remembered.
    pub fn len(&self) -> usize {
        self.current.count + self.previous.count
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn rotate_if_due(&mut self, now: Instant) {
        let age = now.saturating_duration_since(self.rotated_at);
        if age < self.limits.generation {
            return;
        }
        self.rotate();
        if age >= 2 * self.limits.generation {
            self.rotate();
        }
        self.rotated_at = now;
    }

    fn rotate(&mut self) {
        self.previous = std::mem::take(&mut self.current);
    }
}

impl Generation {
    fn add(&mut self, name: Name, entry: Entry) {
        let cookie = name.1.len();
        let size = |entry: &Entry| ENTRY_BYTES + cookie + entry.known.length();
        self.count += 1;
        self.bytes += size(&entry);
        let entries = self.entries.entry(name).or_default();
        if entries.len() >= MOST_OF_ONE_NAME {
            self.count -= 1;
            self.bytes -= size(&entries.remove(0));
        }
        entries.push(entry);
    }
}

impl Known {
    fn length(&self) -> usize {
        match self {
            Self::PassedOn | Self::Running => 0,
            Self::Answered(reply) => reply.len(),
        }
    }
}

/// FNV-1a over words, with the length. Only requests of one address and one cookie are told apart by it.
fn digest_of(payload: &[u8]) -> u64 {
    let words = payload.chunks(8).map(|chunk| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        u64::from_le_bytes(word)
    });
    let start = 0xcbf2_9ce4_8422_2325 ^ payload.len() as u64;
    words.fold(start, |hash, word| (hash ^ word).wrapping_mul(0x0100_0000_01b3).rotate_left(23))
}

/// All of them are looked through for each request; clients do not use one cookie so often.
const MOST_OF_ONE_NAME: usize = 64;
/// About what an entry takes beside its cookie and its reply.
const ENTRY_BYTES: usize = 120;

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: ReplyLimits = ReplyLimits { generation: Duration::from_secs(30), entries: 8, bytes: 4096 };

    fn from(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    fn answered(text: &str) -> Known {
        Known::Answered(text.as_bytes().into())
    }

    #[test]
    fn a_repeated_request_is_known_for_half_a_minute_at_least() {
        let start = Instant::now();
        let mut replies = Replies::new(LIMITS, start);
        replies.add(from(5060), b"c1", b"ping", answered("pong"));
        for (seconds, is_known) in [(0, true), (29, true), (45, true), (75, false)] {
            let now = start + Duration::from_secs(seconds);
            assert_eq!(replies.find(now, from(5060), b"c1", b"ping").is_some(), is_known, "{seconds}");
        }
    }

    #[test]
    fn from_another_port_it_is_the_same_only_with_the_same_content() {
        let now = Instant::now();
        let mut replies = Replies::new(LIMITS, now);
        replies.add(from(5060), b"c1", b"ping", answered("pong"));
        assert_eq!(replies.find(now, from(5061), b"c1", b"ping"), Some(&answered("pong")));
        assert_eq!(replies.find(now, from(5060), b"c1", b"offer"), Some(&answered("pong")));
        assert_eq!(replies.find(now, from(5061), b"c1", b"offer"), None);
        assert_eq!(replies.find(now, from(5060), b"c2", b"ping"), None);
        let elsewhere = SocketAddr::from(([192, 0, 2, 2], 5060));
        assert_eq!(replies.find(now, elsewhere, b"c1", b"ping"), None);
    }

    #[test]
    fn memory_is_bounded_by_entries_and_by_bytes() {
        let now = Instant::now();
        let mut replies = Replies::new(LIMITS, now);
        for cookie in 0..1000_u32 {
            replies.add(from(5060), &cookie.to_be_bytes(), b"ping", Known::PassedOn);
            assert!(replies.len() <= 8);
        }
        replies.add(from(5060), b"large", b"", Known::Answered(vec![0; 4096].into()));
        replies.add(from(5060), b"next", b"", Known::PassedOn);
        assert!(replies.find(now, from(5060), b"large", b"").is_some());
        replies.add(from(5060), b"larger", b"", Known::Answered(vec![0; 4096].into()));
        replies.add(from(5060), b"one more", b"", Known::PassedOn);
        assert!(replies.find(now, from(5060), b"large", b"").is_none());
    }

    #[test]
    fn requests_under_one_cookie_are_few_and_the_latest_of_them() {
        let now = Instant::now();
        let mut replies = Replies::new(ReplyLimits { entries: 10_000, bytes: 1 << 20, ..LIMITS }, now);
        for port in 1..=1000_u16 {
            replies.add(from(port), b"c1", &port.to_be_bytes(), answered("pong"));
        }
        assert_eq!(replies.len(), MOST_OF_ONE_NAME);
        assert!(replies.find(now, from(1000), b"c1", b"").is_some());
        assert!(replies.find(now, from(1), b"c1", &1u16.to_be_bytes()).is_none());
        replies.add(from(1), b"c2", b"ping", answered("pong"));
        assert_eq!(replies.len(), MOST_OF_ONE_NAME + 1);
    }

    #[test]
    fn a_running_request_is_answered_once_it_is_settled() {
        let now = Instant::now();
        let mut replies = Replies::new(LIMITS, now);
        replies.add(from(5060), b"c1", b"offer", Known::Running);
        assert_eq!(replies.find(now, from(5060), b"c1", b"offer"), Some(&Known::Running));
        replies.settle(from(5060), b"c1", answered("ok"));
        assert_eq!(replies.find(now, from(5060), b"c1", b"offer"), Some(&answered("ok")));
    }
}
