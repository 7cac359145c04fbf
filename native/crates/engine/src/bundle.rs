//! Streams that share a transport (RFC 8843 §9.2): which packet is of which stream.
//!
//! An RTP packet belongs to the stream its MID names; without one to the stream its source was told to be of, by an
//! earlier MID or in signalling; else to the only stream with its payload type. A MID nobody has belongs to nobody.
//! Packets *to* the peer get a MID if one was agreed on and their source was not signalled: browsers that have agreed on
//! it go by nothing else, payload types least of all.

use protocol::{BundlePlan, BundledSource, StreamId};
use wire::rtp::Header;

use crate::{moment::Moment, stream::Stream};

/// What a stream is within its bundle.
#[derive(Debug)]
pub struct Bundled {
    pub plan: BundlePlan,
    /// Place of the transport stream in its session.
    pub transport: usize,
    /// With the transport stream.
    pub group: Option<Group>,
}

/// All streams of a bundle, held by its transport stream.
#[derive(Debug)]
pub struct Group {
    members: Box<[Member]>,
    /// Payload type to the place in `members`, `NOBODY`, or `SEVERAL`.
    by_payload: [u8; 128],
    learned: Vec<Learned>,
}

#[derive(Debug)]
struct Member {
    id: StreamId,
    /// Place in the session.
    at: usize,
    mid: Option<Box<[u8]>>,
    mid_extension: Option<u8>,
    ssrcs: Box<[u32]>,
}

/// A source that was told apart.
#[derive(Debug, Clone, Copy)]
struct Learned {
    ssrc: u32,
    stream: StreamId,
    heard: Moment,
    /// By its MID, or by no more than its payload type.
    named: bool,
}

/// What the header extension says.
enum Named {
    Member(usize),
    /// A MID that none of the streams has.
    Unknown,
    Nothing,
}

impl Group {
    /// The bundle whose transport stream this is; keeps of `before` what was learned.
    pub fn of(streams: &[Stream], transport: StreamId, before: Option<Group>) -> Self {
        let plan = |stream: &Stream| stream.bundle.as_ref().map(|bundled| bundled.plan.clone());
        let is_member = |plan: &BundlePlan| plan.transport == transport;
        let members: Box<[Member]> = streams
            .iter()
            .enumerate()
            .filter_map(|(at, stream)| Some((at, stream.id, plan(stream).filter(is_member)?)))
            .map(|(at, id, plan)| Member {
                id,
                at,
                mid: plan.mid.map(|mid| mid.into_bytes().into_boxed_slice()),
                mid_extension: plan.mid_extension,
                ssrcs: plan.ssrcs.into_boxed_slice(),
            })
            .collect();
        let by_payload = payload_index(streams, &members);
        let mut learned = before.map_or_else(Vec::new, |before| before.learned);
        learned.retain(|source| members.iter().any(|member| member.id == source.stream));
        Group { members, by_payload, learned }
    }

    /// Goes on with what was known before a restart.
    pub fn resume(&mut self, now: Moment, sources: &[BundledSource]) {
        for source in sources.iter().take(MOST_LEARNED) {
            if self.members.iter().any(|member| member.id == source.stream) {
                self.learn(now, source.ssrc, source.stream, true);
            }
        }
    }

    pub fn sources(&self) -> Vec<BundledSource> {
        let of = |source: &Learned| BundledSource { ssrc: source.ssrc, stream: source.stream };
        self.learned.iter().map(of).collect()
    }

    /// Places of the streams in the session.
    pub fn members(&self) -> impl Iterator<Item = usize> {
        self.members.iter().map(|member| member.at)
    }

    /// True if any of the streams has this payload type.
    pub fn knows(&self, payload_type: u8) -> bool {
        self.by_payload.get(usize::from(payload_type)).is_some_and(|entry| *entry != NOBODY)
    }

    /// Place of the stream an authentic packet belongs to.
    pub fn assign(&mut self, now: Moment, header: &Header, datagram: &[u8]) -> Option<usize> {
        match self.named(header, datagram) {
            Named::Member(place) => {
                let Member { id, at, .. } = self.members[place];
                self.learn(now, header.ssrc, id, true);
                return Some(at);
            }
            Named::Unknown => return None,
            Named::Nothing => {}
        }
        if let Some(at) = self.owner(header.ssrc) {
            if let Some(learned) = self.learned.iter_mut().find(|learned| learned.ssrc == header.ssrc) {
                learned.heard = now;
            }
            return Some(at);
        }
        let place = *self.by_payload.get(usize::from(header.payload_type))?;
        let Member { id, at, .. } = *self.members.get(usize::from(place))?;
        self.learn(now, header.ssrc, id, false);
        Some(at)
    }

    /// Place of the stream a source of the peer is known to be of.
    pub fn owner(&self, ssrc: u32) -> Option<usize> {
        let learned = self.learned.iter().find(|learned| learned.ssrc == ssrc).map(|learned| learned.stream);
        let is_owner = |member: &&Member| match learned {
            Some(stream) => member.id == stream,
            None => member.ssrcs.contains(&ssrc),
        };
        self.members.iter().find(is_owner).map(|member| member.at)
    }

    /// The MID a packet to the peer needs to be told apart; none was agreed on, or none is needed.
    pub fn missing_mid(&self, sink: StreamId, header: &Header, datagram: &[u8]) -> Option<(u8, &[u8])> {
        let member = self.members.iter().find(|member| member.id == sink)?;
        let (id, mid) = (member.mid_extension?, member.mid.as_deref()?);
        let has_mid = header.extension_elements(datagram).any(|(element, _)| element == id);
        (!has_mid).then_some((id, mid))
    }

    fn named(&self, header: &Header, datagram: &[u8]) -> Named {
        for (id, value) in header.extension_elements(datagram) {
            let is_named =
                |member: &Member| member.mid_extension == Some(id) && member.mid.as_deref() == Some(value);
            if let Some(place) = self.members.iter().position(is_named) {
                return Named::Member(place);
            }
            // Some peers number the extension differently in each section: only what all agree on is a MID for sure.
            let mut numbers = self.members.iter().filter_map(|member| member.mid_extension).peekable();
            if numbers.peek().is_some() && numbers.all(|number| number == id) {
                return Named::Unknown;
            }
        }
        Named::Nothing
    }

    /// What is known by payload type alone gives way to what was named; neither grows without bound.
    fn learn(&mut self, now: Moment, ssrc: u32, stream: StreamId, named: bool) {
        let source = Learned { ssrc, stream, heard: now, named };
        if let Some(known) = self.learned.iter_mut().find(|known| known.ssrc == ssrc) {
            *known = source;
            return;
        }
        if self.learned.len() < MOST_LEARNED {
            self.learned.push(source);
            return;
        }
        let idlest = self.learned.iter_mut().min_by_key(|known| (known.named, known.heard));
        if let Some(idlest) = idlest.filter(|idlest| named || !idlest.named) {
            *idlest = source;
        }
    }
}

fn payload_index(streams: &[Stream], members: &[Member]) -> [u8; 128] {
    let mut index = [NOBODY; 128];
    for (place, member) in members.iter().enumerate() {
        for payload_type in streams[member.at].payloads.types() {
            let Some(entry) = index.get_mut(usize::from(payload_type)) else { continue };
            *entry = if *entry == NOBODY { place as u8 } else { SEVERAL };
        }
    }
    index
}

/// A peer's sources of one bundle that are remembered.
const MOST_LEARNED: usize = 64;
pub const MOST_MEMBERS: usize = 64;
pub const MOST_SIGNALLED: usize = 64;
const NOBODY: u8 = u8::MAX;
const SEVERAL: u8 = u8::MAX - 1;
