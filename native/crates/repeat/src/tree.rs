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
    /// Texts that begin with different bytes, or one thing else.
    edges: Vec<(Label, usize)>,
    /// What comes behind the end of what is measured.
    behind: Option<usize>,
    leaf: Option<u32>,
}

#[derive(Debug, PartialEq, Eq)]
enum Label {
    Text(Box<[u8]>),
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
                RequestPart::Text { text } => self.insert_text(node, &bytes_of(text)?)?,
                RequestPart::Value { at } => self.insert_mark(node, value(pattern, *at, false)?)?,
                RequestPart::MeasuredValue { at } => self.insert_mark(node, value(pattern, *at, true)?)?,
                RequestPart::MeasuredStart => self.insert_mark(node, Label::MeasuredStart)?,
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
        let (mut node, mut at, mut measured) = (&self.nodes[0], 0, None);
        while at < request.len() || measured.is_some() {
            if measured == Some(at) {
                (node, measured) = (&self.nodes[node.behind?], None);
                continue;
            }
            let (label, next) = node.edge_for(request.get(at).copied())?;
            match label {
                Label::Text(text) => {
                    request.get(at..)?.strip_prefix(&text[..])?;
                    at += text.len();
                }
                Label::Value(gap) => {
                    let (start, end) = gap.range(request, at)?;
                    spans.push(Span { start: start as u32, end: end as u32 });
                    at = end;
                }
                Label::MeasuredStart => {
                    let (start, end) = measured_at(request, at)?;
                    measured = Some(end);
                    at = start;
                }
            }
            node = &self.nodes[*next];
        }
        node.leaf
    }

    fn insert_mark(&mut self, node: usize, label: Label) -> Result<usize, Refused> {
        match self.nodes[node].edges.as_slice() {
            [] => Ok(self.add_edge(node, label)),
            [(known, next)] if *known == label => Ok(*next),
            _ => Err(Refused("requests that begin alike go on in different ways")),
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

    fn insert_text(&mut self, node: usize, text: &[u8]) -> Result<usize, Refused> {
        let (mut node, mut rest) = (node, text);
        while let Some(first) = rest.first() {
            let mut edges = self.nodes[node].edges.iter();
            if edges.any(|(label, _)| !matches!(label, Label::Text(_))) {
                return Err(Refused("requests that begin alike go on in different ways"));
            }
            let Some(place) = self.nodes[node].text_edge(*first) else {
                return Ok(self.add_edge(node, Label::Text(rest.into())));
            };
            let common = self.split_at_difference(node, place, rest);
            node = self.nodes[node].edges[place].1;
            rest = &rest[common..];
        }
        Ok(node)
    }

    /// Makes the edge end where the text goes another way; returns how much they have in common.
    fn split_at_difference(&mut self, node: usize, place: usize, text: &[u8]) -> usize {
        let middle = self.nodes.len();
        let (label, next) = &mut self.nodes[node].edges[place];
        let Label::Text(known) = label else { return 0 };
        let common = known.iter().zip(text).take_while(|(one, other)| one == other).count();
        if common == known.len() {
            return common;
        }
        let behind = (Label::Text(known[common..].into()), *next);
        *label = Label::Text(known[..common].into());
        *next = middle;
        self.nodes.push(Node { edges: vec![behind], ..Node::default() });
        common
    }

    fn add_edge(&mut self, node: usize, label: Label) -> usize {
        let next = self.nodes.len();
        self.nodes.push(Node::default());
        self.nodes[node].edges.push((label, next));
        next
    }
}

impl Node {
    /// The only way on from here, before the text itself is looked at.
    fn edge_for(&self, byte: Option<u8>) -> Option<&(Label, usize)> {
        match self.edges.first()? {
            (Label::Text(_), _) => self.edges.get(self.text_edge(byte?)?),
            mark => Some(mark),
        }
    }

    fn text_edge(&self, first: u8) -> Option<usize> {
        self.edges.iter().position(|(label, _)| matches!(label, Label::Text(text) if text[0] == first))
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

fn value(pattern: &Pattern, at: u32, is_measured: bool) -> Result<Label, Refused> {
    let spelling = pattern.request_value(at).ok_or(Refused("there is no such value"))?;
    Ok(Label::Value(Gap { spelling, is_measured }))
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
