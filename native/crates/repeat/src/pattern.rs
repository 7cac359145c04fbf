//! One pattern: what a kind of request comes to.

use protocol::{PatternPlan, RequestPart, Spelling, ValuePlan};

use crate::{Refused, making::Outcome, values::Values};

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
}

impl Pattern {
    pub fn new(plan: PatternPlan) -> Result<Self, Refused> {
        let PatternPlan { number, after, request, values, known, places, outcome } = plan;
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
            let follows_port = at > 0 && values[at - 1].spelling == Spelling::Port;
            (value.spelling == Spelling::NextPort) == follows_port
        });
        if !is_pairwise || values.last().is_some_and(|value| value.spelling == Spelling::Port) {
            return Err(Refused("ports do not come with the next ones"));
        }
        let outcome = Outcome::new(outcome, values.len())?;
        if matches!(outcome, Outcome::Ended(_)) && after.is_none() {
            return Err(Refused("what there is not cannot end"));
        }
        Ok(Self { number, after, outcome, values, layout })
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
}
