//! The values of a session, one text.

use std::{ops::Range, sync::Arc};

use crate::candidate::transport_in;

/// Values never contain the separator, and are never empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Values {
    text: String,
    ranges: Vec<Range<u32>>,
}

impl Values {
    pub fn from_text(text: &str) -> Self {
        let mut values =
            Self { text: String::with_capacity(2 * text.len() + 256), ranges: Vec::with_capacity(96) };
        text.split(SEPARATOR).for_each(|value| values.push(value));
        values
    }

    pub fn len(&self) -> usize {
        self.ranges.len()
    }

    pub fn get(&self, at: u32) -> Option<&str> {
        let range = self.ranges.get(at as usize)?;
        self.text.get(range.start as usize..range.end as usize)
    }

    pub fn push(&mut self, value: &str) {
        if !self.ranges.is_empty() {
            self.text.push(SEPARATOR);
        }
        let start = self.text.len() as u32;
        self.text.push_str(value);
        self.ranges.push(start..self.text.len() as u32);
    }

    /// Adds a candidate as it is told, with its transport in capitals.
    pub fn push_candidate(&mut self, value: &str) -> Option<()> {
        let (start, end) = transport_in(value)?;
        let [front, transport, rest] = [&value[..start], &value[start..end], &value[end..]];
        self.push(&format!("{front}{}{rest}", transport.to_ascii_uppercase()));
        Some(())
    }

    /// Adds the port behind the last value.
    pub fn push_next_port(&mut self) -> Option<()> {
        let port: u16 = self.get(self.ranges.len().checked_sub(1)? as u32)?.parse().ok()?;
        self.push(&port.checked_add(1)?.to_string());
        Some(())
    }

    /// The values from this one on.
    pub fn text_from(&self, at: usize) -> Option<&str> {
        self.text.get(self.ranges.get(at)?.start as usize..)
    }

    pub fn into_text(self) -> Arc<str> {
        self.text.into()
    }
}

/// Written in JSON as it is.
const SEPARATOR: char = '~';
