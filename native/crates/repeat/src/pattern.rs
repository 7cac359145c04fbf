//! One pattern: what a kind of request comes to.

use std::collections::HashSet;

use protocol::{DrawPlan, PatternPlan, RequestPart, RoomPlan, Spelling, ValuePlan};

use crate::{
    Refused, candidate,
    chance::{self, Chance},
    making::Outcome,
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
    pub outcome: Outcome,
    values: Vec<ValuePlan>,
    layout: Layout,
    draws: Vec<DrawPlan>,
    rooms: Vec<RoomPlan>,
}

impl Pattern {
    pub fn new(plan: PatternPlan) -> Result<Self, Refused> {
        let PatternPlan { number, after, request, values, known, places, draws, rooms, outcome } = plan;
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
        let is_pairwise = values.iter().enumerate().all(|(at, value)| {
            let follows_port = at > 0 && is_port(values[at - 1].spelling);
            (value.spelling == Spelling::NextPort) == follows_port
        });
        if !is_pairwise || values.last().is_some_and(|value| is_port(value.spelling)) {
            return Err(Refused("ports do not come with the next ones"));
        }
        chance::check(&draws)?;
        let count = values.len() + draws.len();
        if rooms.iter().flat_map(|room| &room.at).any(|at| *at as usize >= count) {
            return Err(missing);
        }
        let outcome = Outcome::new(outcome, count)?;
        if matches!(outcome, Outcome::Ended(_)) && after.is_none() {
            return Err(Refused("what there is not cannot end"));
        }
        if matches!(outcome, Outcome::Ended(_)) && !draws.is_empty() {
            return Err(Refused("nothing is drawn for what ends"));
        }
        Ok(Self { number, after, outcome, values, layout, draws, rooms })
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

    pub fn is_candidate(&self, relative: u32) -> bool {
        let value = self.values.get(self.known() + relative as usize);
        value.is_some_and(|value| value.spelling == Spelling::Candidate)
    }

    /// Whether just those values are equal that were equal when this was decided, and candidates are of their kinds.
    pub fn is_like(&self, values: &Values) -> bool {
        values.len() == self.values.len()
            && (self.known()..self.values.len()).all(|at| match self.values[at].spelling {
                Spelling::Digits | Spelling::NextPort | Spelling::Opaque => true,
                Spelling::Word | Spelling::Address | Spelling::Port | Spelling::LongPort => {
                    self.first_like(values, at) == self.values[at].like
                }
                Spelling::Candidate => self.has_form(values, at),
                Spelling::Credential | Spelling::Password | Spelling::Fingerprint | Spelling::Source => true,
            })
            && self.are_unique_alike(values)
    }

    /// Adds what is drawn; `None` if the values have no room then.
    pub fn draw(&self, mut values: Values, chance: Chance<'_>) -> Option<Values> {
        chance::draw(&self.draws, &mut values, chance)?;
        let has_room = |RoomPlan { at, bytes }: &RoomPlan| {
            let sizes = at.iter().map(|at| values.get(*at).map(str::len));
            sizes.sum::<Option<usize>>().is_some_and(|size| size <= *bytes as usize)
        };
        self.rooms.iter().all(has_room).then_some(values)
    }

    fn has_form(&self, values: &Values, at: usize) -> bool {
        let form = self.values[at].form.as_deref();
        form.is_some() && values.get(at as u32).and_then(candidate::form_of).as_deref() == form
    }

    /// There are many of these, and hardly two are equal.
    fn are_unique_alike(&self, values: &Values) -> bool {
        let mut seen = HashSet::with_capacity(self.values.len());
        self.values.iter().enumerate().filter(|(_, plan)| is_unique(plan.spelling)).all(|(at, plan)| {
            let value = values.get(at as u32);
            let is_first = plan.like as usize == at;
            if at < self.known() || is_first {
                seen.insert(value) || at < self.known()
            } else {
                values.get(plan.like) == value
            }
        })
    }

    fn first_like(&self, values: &Values, at: usize) -> u32 {
        let value = values.get(at as u32);
        let spelling = self.values[at].spelling;
        let is_same = |before: &usize| {
            let other = self.values[*before].spelling;
            let is_comparable =
                other == spelling || (is_port(spelling) && (is_port(other) || other == Spelling::NextPort));
            is_comparable && values.get(*before as u32) == value
        };
        (0..at).find(is_same).unwrap_or(at) as u32
    }
}

fn is_port(spelling: Spelling) -> bool {
    matches!(spelling, Spelling::Port | Spelling::LongPort)
}

/// Of these two mostly differ, whatever their spelling.
fn is_unique(spelling: Spelling) -> bool {
    use Spelling::{Candidate, Credential, Fingerprint, Password, Source};
    matches!(spelling, Candidate | Credential | Fingerprint | Password | Source)
}
