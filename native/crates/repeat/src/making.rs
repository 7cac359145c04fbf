//! What a pattern makes of a session, and what it tells the client.

use protocol::{
    Component, CredentialKind, LocalId, OutcomePlan, PlanGap, PlanPlace, RemoteKind, ReplyPlan, SecurityPlan,
    SessionPlan, StreamPlan,
};

use crate::{
    Refused,
    ending::Ending,
    text::{Bytes, Text, bytes_of},
    values::Values,
};

#[derive(Debug)]
pub enum Outcome {
    Made(Box<Making>),
    Ended(Box<Ending>),
}

impl Outcome {
    /// `count` values are known when the outcome is decided.
    pub fn new(plan: OutcomePlan, count: usize) -> Result<Self, Refused> {
        match plan {
            OutcomePlan::Session { plan, gaps, opened, reply } => {
                Ok(Self::Made(Box::new(Making::new(*plan, gaps, opened, reply, count)?)))
            }
            OutcomePlan::End { revision, streams, remotes, reply } => {
                Ok(Self::Ended(Box::new(Ending::new(revision, streams, remotes, reply, count)?)))
            }
        }
    }
}

#[derive(Debug)]
pub struct Making {
    pub opened: Vec<LocalId>,
    plan: SessionPlan,
    gaps: Vec<(PlanPlace, Text)>,
    before: Box<[u8]>,
    body: Bytes,
    behind: Box<[u8]>,
}

impl Making {
    fn new(
        plan: SessionPlan,
        gaps: Vec<PlanGap>,
        opened: Vec<LocalId>,
        reply: ReplyPlan,
        count: usize,
    ) -> Result<Self, Refused> {
        let all = count + 2 * opened.len();
        // Before the ports are known nothing can be put in their place.
        let mut example = plan.clone();
        let gaps = gaps.into_iter().map(|PlanGap { place, text }| {
            let is_there = place_in(&mut example, place).is_some();
            if is_there {
                Ok((place, Text::new(text, count)?))
            } else {
                Err(Refused("the plan has no such place"))
            }
        });
        Ok(Self {
            gaps: gaps.collect::<Result<_, Refused>>()?,
            before: bytes_of(&reply.before)?,
            body: Bytes::new(reply.body, all)?,
            behind: bytes_of(&reply.after)?,
            opened,
            plan,
        })
    }

    pub fn revision(&self) -> u64 {
        self.plan.revision
    }

    pub fn plan(&self, values: &Values) -> Option<SessionPlan> {
        let mut plan = self.plan.clone();
        for (place, text) in &self.gaps {
            let text = text.fill(values)?;
            place_in(&mut plan, *place)?.put(text)?;
        }
        Some(plan)
    }

    pub fn reply(&self, values: &Values) -> Option<Vec<u8>> {
        let length = self.body.length(values)?;
        let digits = length.to_string();
        let mut reply = Vec::with_capacity(self.before.len() + digits.len() + 1 + length + self.behind.len());
        reply.extend_from_slice(&self.before);
        reply.extend_from_slice(digits.as_bytes());
        reply.push(b':');
        self.body.fill(values, &mut reply)?;
        reply.extend_from_slice(&self.behind);
        Some(reply)
    }
}

/// A part of a plan that is to be filled in.
enum Place<'a> {
    Text(&'a mut String),
    Port(&'a mut Option<u16>),
    Address(&'a mut std::net::SocketAddr),
    Number(&'a mut u32),
}

impl Place<'_> {
    fn put(self, text: String) -> Option<()> {
        match self {
            Self::Text(place) => *place = text,
            Self::Port(place) => *place = Some(text.parse().ok()?),
            Self::Address(place) => *place = text.parse().ok()?,
            Self::Number(place) => *place = text.parse().ok()?,
        }
        Some(())
    }
}

fn place_in(plan: &mut SessionPlan, place: PlanPlace) -> Option<Place<'_>> {
    match place {
        PlanPlace::Session => Some(Place::Text(&mut plan.session.0)),
        PlanPlace::Memo => Some(Place::Text(&mut plan.memo)),
        PlanPlace::LocalPort { stream, local } => {
            let stream = plan.streams.get_mut(stream as usize)?;
            Some(Place::Port(&mut stream.locals.get_mut(local as usize)?.port))
        }
        PlanPlace::Remote { stream, which, component } => {
            let stream: &mut StreamPlan = plan.streams.get_mut(stream as usize)?;
            let remote = match which {
                RemoteKind::Remote => stream.remote.as_mut()?,
                RemoteKind::Pending => stream.pending_remote.as_mut()?,
            };
            Some(Place::Address(match component {
                Component::Rtp => &mut remote.rtp,
                Component::Rtcp => remote.rtcp.as_mut()?,
            }))
        }
        PlanPlace::Source { stream, at } => {
            let bundle = plan.streams.get_mut(stream as usize)?.bundle.as_mut()?;
            Some(Place::Number(bundle.ssrcs.get_mut(at as usize)?))
        }
        PlanPlace::Fingerprint { stream, at } => {
            let stream = plan.streams.get_mut(stream as usize)?;
            let SecurityPlan::Dtls { fingerprints, .. } = &mut stream.security else { return None };
            Some(Place::Text(&mut fingerprints.get_mut(at as usize)?.value))
        }
        PlanPlace::Credential { stream, which } => {
            let ice = plan.streams.get_mut(stream as usize)?.ice.as_mut()?;
            Some(Place::Text(match which {
                CredentialKind::LocalUfrag => &mut ice.local_ufrag,
                CredentialKind::LocalPwd => &mut ice.local_pwd,
                CredentialKind::RemoteUfrag => ice.remote_ufrag.as_mut()?,
                CredentialKind::RemotePwd => ice.remote_pwd.as_mut()?,
            }))
        }
        PlanPlace::Candidate { stream, at } => {
            let ice = plan.streams.get_mut(stream as usize)?.ice.as_mut()?;
            Some(Place::Text(ice.candidates.get_mut(at as usize)?))
        }
    }
}
