//! Finds the kind of a request in one pass: a tree of the texts and gaps of all kinds.

use protocol::{RequestPart, Spelling};

use crate::{
    Refused,
    pattern::Pattern,
    spelling::{is_plain, reach},
    text::bytes_of,
};

/// Where a value is in a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    pub start: u32,
    pub end: u32,
}

#[derive(Debug)]
pub struct Tree {
    nodes: Vec<Node>,
}

#[derive(Debug, Default)]
struct Node {
    /// Texts that begin with different bytes.
    texts: Vec<(Box<[u8]>, usize)>,
    /// What else may come: tried in this order, behind the texts.
    marks: Vec<(Mark, usize)>,
    /// What comes behind the end of what is measured.
    behind: Option<usize>,
    leaf: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    Value(Gap),
    MeasuredStart,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Gap {
    spelling: Spelling,
    is_measured: bool,
}

impl Default for Tree {
    fn default() -> Self {
        Self { nodes: vec![Node::default()] }
    }
}

impl Tree {
    /// The leaf of a request that is spelled like this: the one it has, or `leaf`.
    pub fn insert(&mut self, request: &[RequestPart], pattern: &Pattern, leaf: u32) -> Result<u32, Refused> {
        let mut node = 0;
        let mut is_measuring = false;
        for part in request {
            node = match part {
                RequestPart::Text { text } => self.insert_text(node, &bytes_of(text)?),
                RequestPart::Value { at } => self.insert_mark(node, value(pattern, *at, false)?),
                RequestPart::MeasuredValue { at } => self.insert_mark(node, value(pattern, *at, true)?),
                RequestPart::MeasuredStart => self.insert_mark(node, Mark::MeasuredStart),
                RequestPart::MeasuredEnd => self.insert_end(node),
            };
            is_measuring = match part {
                RequestPart::MeasuredStart if is_measuring => {
                    return Err(Refused("measured within measured"));
                }
                RequestPart::MeasuredEnd if !is_measuring => return Err(Refused("measured from nowhere")),
                RequestPart::MeasuredStart => true,
                RequestPart::MeasuredEnd => false,
                RequestPart::Text { .. } | RequestPart::Value { .. } | RequestPart::MeasuredValue { .. } => {
                    is_measuring
                }
            };
        }
        if is_measuring {
            return Err(Refused("measured without an end"));
        }
        Ok(*self.nodes[node].leaf.get_or_insert(leaf))
    }

    /// The leaf of a request, and where its values are, in their order in the request.
    pub fn find(&self, request: &[u8], spans: &mut Vec<Span>) -> Option<u32> {
        // Each node is come to by one way and at one place of the request, so none is looked at twice.
        let mut others = Vec::new();
        let mut way = Way::default();
        loop {
            match self.follow(way, request, spans, &mut others) {
                Some(leaf) => return Some(leaf),
                None => way = others.pop()?,
            }
        }
    }

    /// Goes on to a leaf, or to where there is no way on; takes note of the other ways.
    fn follow(&self, way: Way, request: &[u8], spans: &mut Vec<Span>, others: &mut Vec<Way>) -> Option<u32> {
        let Way { mut node, mut at, mut measured, found, mark } = way;
        let mut mark = mark;
        spans.truncate(found);
        loop {
            let here = &self.nodes[node];
            if measured == Some(at) {
                (node, measured) = (here.behind?, None);
                continue;
            }
            if at == request.len() && measured.is_none() {
                return here.leaf;
            }
            let other = |mark| Way { node, at, measured, found: spans.len(), mark: Some(mark) };
            let text = if mark.is_none() { here.text_for(request, at) } else { None };
            if let Some((length, next)) = text {
                if !here.marks.is_empty() {
                    others.push(other(0));
                }
                (node, at) = (next, at + length);
                continue;
            }
            let number = mark.take().unwrap_or(0);
            let (this, next) = here.marks.get(number)?;
            if number + 1 < here.marks.len() {
                others.push(other(number + 1));
            }
            match this {
                Mark::Value(gap) => {
                    let (start, end) = gap.range(request, at)?;
                    spans.push(Span { start: start as u32, end: end as u32 });
                    at = end;
                }
                Mark::MeasuredStart => {
                    let (start, end) = measured_at(request, at)?;
                    (at, measured) = (start, Some(end));
                }
            }
            node = *next;
        }
    }

    fn insert_mark(&mut self, node: usize, mark: Mark) -> usize {
        match self.nodes[node].marks.iter().find(|(known, _)| *known == mark) {
            Some((_, next)) => *next,
            None => {
                let next = self.add_node();
                self.nodes[node].marks.push((mark, next));
                next
            }
        }
    }

    fn insert_end(&mut self, node: usize) -> usize {
        let next = self.nodes.len();
        if let Some(behind) = self.nodes[node].behind {
            return behind;
        }
        self.nodes.push(Node::default());
        self.nodes[node].behind = Some(next);
        next
    }

    fn insert_text(&mut self, node: usize, text: &[u8]) -> usize {
        let (mut node, mut rest) = (node, text);
        while let Some(first) = rest.first() {
            let Some(place) = self.nodes[node].text_edge(*first) else {
                let next = self.add_node();
                self.nodes[node].texts.push((rest.into(), next));
                return next;
            };
            let common = self.split_at_difference(node, place, rest);
            node = self.nodes[node].texts[place].1;
            rest = &rest[common..];
        }
        node
    }

    /// Makes the edge end where the text goes another way; returns how much they have in common.
    fn split_at_difference(&mut self, node: usize, place: usize, text: &[u8]) -> usize {
        let middle = self.nodes.len();
        let (known, next) = &mut self.nodes[node].texts[place];
        let common = known.iter().zip(text).take_while(|(one, other)| one == other).count();
        if common == known.len() {
            return common;
        }
        let behind = (known[common..].into(), *next);
        *known = known[..common].into();
        *next = middle;
        self.nodes.push(Node { texts: vec![behind], ..Node::default() });
        common
    }

    fn add_node(&mut self) -> usize {
        self.nodes.push(Node::default());
        self.nodes.len() - 1
    }
}

/// A way that has been gone so far.
#[derive(Default)]
struct Way {
    node: usize,
    at: usize,
    /// Where what is being measured ends.
    measured: Option<usize>,
    /// How many values have been found.
    found: usize,
    /// To be taken next; `None`: a text, if there is one.
    mark: Option<usize>,
}

impl Node {
    /// The length of the text that stands here, and where it leads.
    fn text_for(&self, request: &[u8], at: usize) -> Option<(usize, usize)> {
        let rest = request.get(at..)?;
        let (text, next) = &self.texts[self.text_edge(*rest.first()?)?];
        rest.starts_with(text).then_some((text.len(), *next))
    }

    fn text_edge(&self, first: u8) -> Option<usize> {
        self.texts.iter().position(|(text, _)| text[0] == first)
    }
}

impl Gap {
    fn range(self, request: &[u8], at: usize) -> Option<(usize, usize)> {
        let (start, end) = match self.is_measured {
            true => measured_at(request, at)?,
            false => (at, at + reach(self.spelling, request.get(at..)?)),
        };
        is_plain(self.spelling, request.get(start..end)?).then_some((start, end))
    }
}

fn value(pattern: &Pattern, at: u32, is_measured: bool) -> Result<Mark, Refused> {
    let spelling = pattern.request_value(at).ok_or(Refused("there is no such value"))?;
    Ok(Mark::Value(Gap { spelling, is_measured }))
}

/// From where to where the text reaches whose length stands here, in the usual spelling.
fn measured_at(request: &[u8], at: usize) -> Option<(usize, usize)> {
    let rest = request.get(at..)?;
    let digits = rest.iter().take(MOST_DIGITS + 1).take_while(|byte| byte.is_ascii_digit()).count();
    let is_usual = digits == 1 || ((2..=MOST_DIGITS).contains(&digits) && rest[0] != b'0');
    if !is_usual || rest.get(digits) != Some(&b':') {
        return None;
    }
    let length = rest[..digits].iter().fold(0, |length, digit| 10 * length + usize::from(digit - b'0'));
    let start = at + digits + 1;
    (start + length <= request.len()).then_some((start, start + length))
}

/// No datagram is longer.
const MOST_DIGITS: usize = 5;
