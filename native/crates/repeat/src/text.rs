//! Texts with gaps for values.

use protocol::TextPlan;

use crate::{Refused, values::Values};

/// `start`, then for each gap a value and the text behind it.
#[derive(Debug)]
pub struct Text {
    start: Box<str>,
    gaps: Box<[(u32, Box<str>)]>,
}

impl Text {
    /// Takes a text all of whose gaps are for one of the first `values` values.
    pub fn new(plan: TextPlan, values: usize) -> Result<Self, Refused> {
        let mut texts = plan.texts.into_iter();
        let start = texts.next().ok_or(Refused("a text is missing"))?.into();
        if texts.len() != plan.at.len() {
            return Err(Refused("texts and gaps do not match"));
        }
        if plan.at.iter().any(|at| *at as usize >= values) {
            return Err(Refused("there is no such value"));
        }
        let gaps = plan.at.into_iter().zip(texts.map(Into::into)).collect();
        Ok(Self { start, gaps })
    }

    pub fn fill(&self, values: &Values) -> Option<String> {
        let mut text = String::with_capacity(self.length(values)?);
        text.push_str(&self.start);
        for (at, behind) in &self.gaps {
            text.push_str(values.get(*at)?);
            text.push_str(behind);
        }
        Some(text)
    }

    fn length(&self, values: &Values) -> Option<usize> {
        let behind = self.gaps.iter().map(|(at, text)| Some(values.get(*at)?.len() + text.len()));
        behind.sum::<Option<usize>>().map(|length| length + self.start.len())
    }
}

/// A text of one byte a character, as bytes.
#[derive(Debug)]
pub struct Bytes {
    start: Box<[u8]>,
    gaps: Box<[(u32, Box<[u8]>)]>,
}

impl Bytes {
    pub fn new(plan: TextPlan, values: usize) -> Result<Self, Refused> {
        let Text { start, gaps } = Text::new(plan, values)?;
        let gaps = gaps.into_iter().map(|(at, text)| Ok((at, bytes_of(&text)?)));
        Ok(Self { start: bytes_of(&start)?, gaps: gaps.collect::<Result<_, Refused>>()? })
    }

    pub fn length(&self, values: &Values) -> Option<usize> {
        let behind = self.gaps.iter().map(|(at, text)| Some(values.get(*at)?.len() + text.len()));
        behind.sum::<Option<usize>>().map(|length| length + self.start.len())
    }

    pub fn fill(&self, values: &Values, into: &mut Vec<u8>) -> Option<()> {
        into.extend_from_slice(&self.start);
        for (at, behind) in &self.gaps {
            into.extend_from_slice(values.get(*at)?.as_bytes());
            into.extend_from_slice(behind);
        }
        Some(())
    }
}

/// The bytes of a text of one byte a character.
pub fn bytes_of(text: &str) -> Result<Box<[u8]>, Refused> {
    let bytes: Result<Box<[u8]>, _> = text.chars().map(|one| u8::try_from(u32::from(one))).collect();
    bytes.map_err(|_| Refused("a character is no byte"))
}
