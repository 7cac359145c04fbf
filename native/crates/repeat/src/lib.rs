//! Requests of clients that repeat with other values: recognising and answering them as the control plane would.
//!
//! The control plane hands over what it has decided as patterns ([`protocol::PatternPlan`]): a text with gaps for the
//! request, a plan and a reply with gaps for the same values. Nothing is known here of what the texts mean. Whatever
//! is in any way unusual is no pattern's, and the control plane's to answer.

#![forbid(unsafe_code)]

mod candidate;
mod chance;
mod ending;
mod making;
mod pattern;
mod replies;
mod spelling;
mod text;
mod tree;
mod values;

use std::{collections::HashMap, net::SocketAddr, sync::Arc};

use protocol::{BoundLocal, PatternPlan, SessionPlan, StreamStats};
use thiserror::Error;

pub use chance::Chance;
use making::Outcome;
use pattern::{Layout, Pattern};
pub use replies::{Known, Replies, ReplyLimits};
use tree::{Span, Tree};
use values::Values;

/// What a session is by the patterns that made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    pub pattern: u32,
    /// All values, with a space between them.
    pub values: Arc<str>,
}

/// Why a pattern is not taken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct Refused(pub &'static str);

/// All patterns.
#[derive(Debug, Default)]
pub struct Patterns {
    tree: Tree,
    leaves: Vec<Leaf>,
    by_number: HashMap<u32, u32>,
}

/// The patterns of requests that are spelled alike. Which of them it is depends on the session and on which values are
/// equal.
#[derive(Debug)]
struct Leaf {
    layout: Layout,
    patterns: Vec<Pattern>,
}

impl Patterns {
    pub fn len(&self) -> usize {
        self.by_number.len()
    }

    pub fn is_empty(&self) -> bool {
        self.by_number.is_empty()
    }

    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Takes one more. One that is known already changes nothing.
    pub fn learn(&mut self, plan: PatternPlan) -> Result<(), Refused> {
        if self.by_number.contains_key(&plan.number) {
            return Ok(());
        }
        if self.by_number.len() >= MOST_PATTERNS {
            return Err(Refused("there are too many"));
        }
        let (number, request) = (plan.number, plan.request.clone());
        let pattern = Pattern::new(plan)?;
        let leaf = self.tree.insert(&request, &pattern, self.leaves.len() as u32)?;
        match self.leaves.get_mut(leaf as usize) {
            None => {
                let layout = pattern.layout().clone();
                self.leaves.push(Leaf { layout, patterns: vec![pattern] });
            }
            Some(known) if known.layout == *pattern.layout() => {
                let after = pattern.after;
                if known.patterns.iter().filter(|other| other.after == after).count() >= MOST_ALIKE {
                    return Err(Refused(
                        "too many kinds differ in nothing but which of their values are equal",
                    ));
                }
                known.patterns.push(pattern);
            }
            Some(_) => return Err(Refused("the same request is read in another way")),
        }
        self.by_number.insert(number, leaf);
        Ok(())
    }

    /// Reads a request, if it is of a kind that is known.
    pub fn read<'a>(&'a self, request: &'a [u8], from: SocketAddr, now_ms: u64) -> Option<Reading<'a>> {
        let mut found = Vec::with_capacity(64);
        let leaf = self.tree.find(request, &mut found)?;
        let SocketAddr::V4(from) = from else { return None };
        let layout = &self.leaves.get(leaf as usize)?.layout;
        let mut spans = vec![Span::default(); layout.count as usize];
        for (at, span) in layout.order.iter().zip(found) {
            *spans.get_mut(*at as usize)? = span;
        }
        Some(Reading {
            leaf,
            layout,
            request,
            spans,
            now: now_ms.to_string(),
            address: from.ip().to_string(),
            port: from.port().to_string(),
        })
    }

    /// What the request comes to for a session that is `before`; `None` if that is for the control plane to say.
    pub fn decide(
        &self,
        reading: &Reading<'_>,
        before: Option<&Held>,
        chance: Chance<'_>,
    ) -> Option<Decision<'_>> {
        let after = before.map(|held| held.pattern);
        let patterns = self.leaves.get(reading.leaf as usize)?.patterns.iter();
        let mut candidates = patterns.filter(|pattern| pattern.after == after).peekable();
        let values = reading.values(candidates.peek()?, before)?;
        let pattern = candidates.find(|pattern| pattern.is_like(&values))?;
        Some(Decision { pattern, values: pattern.draw(values, chance)? })
    }
}

/// A request taken apart.
#[derive(Debug)]
pub struct Reading<'a> {
    leaf: u32,
    layout: &'a Layout,
    request: &'a [u8],
    /// Where its values are, by their places; of those that are not in the request, empty.
    spans: Vec<Span>,
    now: String,
    address: String,
    port: String,
}

impl Reading<'_> {
    /// The name of the session it is about.
    pub fn session(&self) -> &str {
        self.value(self.layout.session)
    }

    fn value(&self, at: u32) -> &str {
        let layout = self.layout;
        if at == layout.now {
            return &self.now;
        } else if at == layout.client_address {
            return &self.address;
        } else if at == layout.client_port {
            return &self.port;
        }
        let span = self.spans.get(at as usize).copied().unwrap_or_default();
        let bytes = self.request.get(span.start as usize..span.end as usize).unwrap_or_default();
        // Only ASCII is ever spelled plainly.
        std::str::from_utf8(bytes).unwrap_or_default()
    }

    /// The values of the session so far, and those of the request.
    fn values(&self, pattern: &Pattern, before: Option<&Held>) -> Option<Values> {
        let mut values = before.map_or_else(Values::default, |held| Values::from_text(&held.values));
        if values.len() != pattern.known() {
            return None;
        }
        let mut at = 0;
        while at < self.layout.count {
            match pattern.is_candidate(at) {
                true => values.push_candidate(self.value(at))?,
                false => values.push(self.value(at)),
            }
            at += 1;
            if pattern.is_next_port(at) {
                values.push_next_port()?;
                at += 1;
            }
        }
        Some(values)
    }
}

/// What a request comes to.
#[derive(Debug)]
pub struct Decision<'p> {
    pattern: &'p Pattern,
    values: Values,
}

/// What is to be done.
#[derive(Debug, PartialEq)]
pub enum Work {
    /// The plan, with ports to be chosen, is to be put in force. `before`: the revision that the session has to have;
    /// `None`: there must be no such session.
    Apply { plan: Box<SessionPlan>, before: Option<u64> },
    /// The session is to end, if it has this revision and these statistics.
    End { revision: u64, streams: Vec<StreamStats> },
}

impl Decision<'_> {
    pub fn work(&self) -> Option<Work> {
        match &self.pattern.outcome {
            Outcome::Made(making) => {
                let before = self.pattern.after.and(making.revision().checked_sub(1));
                Some(Work::Apply { plan: Box::new(making.plan(&self.values)?), before })
            }
            Outcome::Ended(ending) => {
                Some(Work::End { revision: ending.revision, streams: ending.streams(&self.values)? })
            }
        }
    }

    pub fn into_step(self) -> Step {
        Step { pattern: self.pattern.number, values: self.values }
    }
}

/// A decision that is being carried out. Patterns may go meanwhile.
#[derive(Debug)]
pub struct Step {
    pattern: u32,
    values: Values,
}

/// What came of it.
#[derive(Debug, PartialEq, Eq)]
pub struct Done {
    pub pattern: u32,
    /// All values of the session; if it has ended, those of the request.
    pub values: Arc<str>,
    pub has_ended: bool,
    /// Without its cookie.
    pub reply: Vec<u8>,
}

impl Step {
    /// `None`: the pattern has gone, or a port is missing.
    pub fn complete(self, patterns: &Patterns, bound: &[BoundLocal]) -> Option<Done> {
        let leaf = patterns.by_number.get(&self.pattern)?;
        let mut known = patterns.leaves.get(*leaf as usize)?.patterns.iter();
        let pattern = known.find(|pattern| pattern.number == self.pattern)?;
        let mut values = self.values;
        let making = match &pattern.outcome {
            Outcome::Made(making) => making,
            Outcome::Ended(ending) => {
                let reply = ending.reply(&values)?;
                let values = values.text_from(pattern.known())?.into();
                return Some(Done { pattern: self.pattern, values, has_ended: true, reply });
            }
        };
        for local in &making.opened {
            let port = bound.iter().find(|candidate| candidate.local == *local)?.port;
            values.push(&port.to_string());
            values.push_next_port()?;
        }
        let reply = making.reply(&values)?;
        Some(Done { pattern: self.pattern, values: values.into_text(), has_ended: false, reply })
    }
}

/// More than the control plane ever hands over.
const MOST_PATTERNS: usize = 4096;
/// Patterns of one kind of text after one other: each request is compared with all of them.
const MOST_ALIKE: usize = 16;
