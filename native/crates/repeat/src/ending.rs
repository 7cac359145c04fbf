//! The end of a session of which there is nothing to tell but what was known before.

use protocol::{Component, ComponentStats, FormedText, FormedValue, RemoteGap, StreamStats, ValueForm};

use crate::{
    Refused,
    text::{Text, bytes_of},
    values::Values,
};

#[derive(Debug)]
pub struct Ending {
    pub revision: u64,
    streams: Vec<StreamStats>,
    remotes: Vec<(usize, Component, Text)>,
    start: Box<[u8]>,
    gaps: Box<[(FormedValue, Box<[u8]>)]>,
}

impl Ending {
    pub fn new(
        revision: u64,
        streams: Vec<StreamStats>,
        remotes: Vec<RemoteGap>,
        reply: FormedText,
        count: usize,
    ) -> Result<Self, Refused> {
        let remotes = remotes.into_iter().map(|RemoteGap { stream, component, text }| {
            let stream = stream as usize;
            if stream < streams.len() {
                Ok((stream, component, Text::new(text, count)?))
            } else {
                Err(Refused("the statistics have no such stream"))
            }
        });
        let remotes = remotes.collect::<Result<_, _>>()?;
        let mut texts = reply.texts.iter().map(|text| bytes_of(text));
        let start = texts.next().ok_or(Refused("a text is missing"))??;
        if texts.len() != reply.at.len() {
            return Err(Refused("texts and gaps do not match"));
        }
        if reply.at.iter().any(|value| value.at as usize >= count) {
            return Err(Refused("there is no such value"));
        }
        let gaps = reply.at.into_iter().zip(texts).map(|(value, text)| Ok((value, text?)));
        Ok(Self { revision, streams, remotes, start, gaps: gaps.collect::<Result<_, Refused>>()? })
    }

    /// The statistics the session has to have.
    pub fn streams(&self, values: &Values) -> Option<Vec<StreamStats>> {
        let mut streams = self.streams.clone();
        for (stream, component, text) in &self.remotes {
            let remote = text.fill(values)?.parse().ok()?;
            component_of(streams.get_mut(*stream)?, *component).remote = Some(remote);
        }
        Some(streams)
    }

    pub fn reply(&self, values: &Values) -> Option<Vec<u8>> {
        let constant: usize = self.gaps.iter().map(|(_, text)| text.len()).sum();
        let mut reply = Vec::with_capacity(self.start.len() + constant + ROOM_FOR_A_VALUE * self.gaps.len());
        reply.extend_from_slice(&self.start);
        for (FormedValue { at, form }, behind) in &self.gaps {
            put(&mut reply, values.get(*at)?, *form)?;
            reply.extend_from_slice(behind);
        }
        Some(reply)
    }
}

fn put(reply: &mut Vec<u8>, value: &str, form: ValueForm) -> Option<()> {
    let number = || value.parse::<u64>().ok();
    match form {
        ValueForm::Plain => reply.extend_from_slice(value.as_bytes()),
        ValueForm::Measured => {
            reply.extend_from_slice(value.len().to_string().as_bytes());
            reply.push(b':');
            reply.extend_from_slice(value.as_bytes());
        }
        ValueForm::Seconds => reply.extend_from_slice((number()? / 1000).to_string().as_bytes()),
        ValueForm::Microseconds => {
            reply.extend_from_slice(number()?.checked_mul(1000)?.to_string().as_bytes());
        }
        ValueForm::MicrosecondsBeyond => {
            reply.extend_from_slice((number()? % 1000 * 1000).to_string().as_bytes());
        }
    }
    Some(())
}

fn component_of(stream: &mut StreamStats, component: Component) -> &mut ComponentStats {
    match component {
        Component::Rtp => &mut stream.rtp,
        Component::Rtcp => &mut stream.rtcp,
    }
}

/// An address, or a tag, with its length.
const ROOM_FOR_A_VALUE: usize = 24;
