//! One pattern: what a kind of request comes to.

use protocol::{
    Component, LocalId, PatternPlan, PlanGap, PlanPlace, RemoteKind, RequestPart, SessionPlan, Spelling,
    StreamPlan, ValuePlan,
};

use crate::{
    Refused,
    text::{Bytes, Text, bytes_of},
    values::Values,
};

/// Where the values of a request go, counted from the first one of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// Those that stand in the request, in their order there.
    pub order: Box<[u32]>,
    pub count: u32,
    pub now: u32,
    pub client_address: u32,
    pub client_port: u32,
    pub session: u32,
}

#[derive(Debug)]
pub struct Pattern {
    pub number: u32,
    pub after: Option<u32>,
    pub opened: Vec<LocalId>,
    values: Vec<ValuePlan>,
    layout: Layout,
    plan: SessionPlan,
    gaps: Vec<(PlanPlace, Text)>,
    before: Box<[u8]>,
    body: Bytes,
    behind: Box<[u8]>,
}

impl Pattern {
    pub fn new(plan: PatternPlan) -> Result<Self, Refused> {
        let PatternPlan { number, after, request, values, known, places, plan, gaps, opened, reply } = plan;
        let missing = Refused("there is no such value");
        let relative = |at: u32| match at.checked_sub(known) {
            Some(relative) if (at as usize) < values.len() => Ok(relative),
            _ => Err(missing.clone()),
        };
        let order = request.iter().filter_map(|part| match part {
            RequestPart::Value { at } | RequestPart::MeasuredValue { at } => Some(relative(*at)),
            RequestPart::Text { .. } | RequestPart::MeasuredStart | RequestPart::MeasuredEnd => None,
        });
        let layout = Layout {
            order: order.collect::<Result<_, _>>()?,
            count: (values.len() as u32).checked_sub(known).ok_or(missing.clone())?,
            now: relative(places.now)?,
            client_address: relative(places.client_address)?,
            client_port: relative(places.client_port)?,
            session: relative(places.session)?,
        };
        let all = values.len() + 2 * opened.len();
        let is_pairwise = values.iter().enumerate().all(|(at, value)| {
            let follows_port = at > 0 && values[at - 1].spelling == Spelling::Port;
            (value.spelling == Spelling::NextPort) == follows_port
        });
        if !is_pairwise || values.last().is_some_and(|value| value.spelling == Spelling::Port) {
            return Err(Refused("ports do not come with the next ones"));
        }
        // Before the ports are known nothing can be put in their place.
        let gaps = gaps.into_iter().map(|PlanGap { place, text }| {
            let mut example = (*plan).clone();
            let is_there = place_in(&mut example, place).is_some();
            if is_there {
                Ok((place, Text::new(text, values.len())?))
            } else {
                Err(Refused("the plan has no such place"))
            }
        });
        let gaps = gaps.collect::<Result<_, Refused>>()?;
        Ok(Self {
            number,
            after,
            before: bytes_of(&reply.before)?,
            body: Bytes::new(reply.body, all)?,
            behind: bytes_of(&reply.after)?,
            opened,
            values,
            layout,
            plan: *plan,
            gaps,
        })
    }

    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// How many values the session has before.
    pub fn known(&self) -> usize {
        self.values.len() - self.layout.count as usize
    }

    /// The spelling of a value of the request.
    pub fn request_value(&self, at: u32) -> Option<Spelling> {
        let value = self.values.get(at as usize)?;
        (at as usize >= self.known()).then_some(value.spelling)
    }

    /// Whether a value of the request is the port behind the one before it.
    pub fn is_next_port(&self, relative: u32) -> bool {
        let value = self.values.get(self.known() + relative as usize);
        value.is_some_and(|value| value.spelling == Spelling::NextPort)
    }

    /// Whether just those values are equal that were equal when this was decided.
    pub fn is_like(&self, values: &Values) -> bool {
        values.len() == self.values.len()
            && (self.known()..self.values.len()).all(|at| match self.values[at].spelling {
                Spelling::Digits | Spelling::NextPort => true,
                Spelling::Word | Spelling::Address | Spelling::Port => {
                    self.first_like(values, at) == self.values[at].like
                }
            })
    }

    fn first_like(&self, values: &Values, at: usize) -> u32 {
        let value = values.get(at as u32);
        let spelling = self.values[at].spelling;
        let is_same = |before: &usize| {
            let other = self.values[*before].spelling;
            let is_comparable =
                other == spelling || (other == Spelling::NextPort && spelling == Spelling::Port);
            is_comparable && values.get(*before as u32) == value
        };
        (0..at).find(is_same).unwrap_or(at) as u32
    }

    pub fn revision_before(&self) -> Option<u64> {
        self.after.and(self.plan.revision.checked_sub(1))
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
}

impl Place<'_> {
    fn put(self, text: String) -> Option<()> {
        match self {
            Self::Text(place) => *place = text,
            Self::Port(place) => *place = Some(text.parse().ok()?),
            Self::Address(place) => *place = text.parse().ok()?,
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
    }
}
