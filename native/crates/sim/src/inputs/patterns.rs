//! Patterns of any kind, and requests that are of them, nearly so, or not at all.

use std::net::SocketAddr;

use protocol::{
    BoundLocal, FormedText, FormedValue, LocalId, OutcomePlan, PatternPlan, PlacesPlan, PlanGap, PlanPlace,
    ReplyPlan, RequestPart, SessionPlan, Spelling, TextPlan, ValueForm, ValuePlan,
};
use repeat::{Done, Held, Patterns, Work};

use crate::plans;

/// Learns patterns and reads requests. Panics if what is answered is not what the pattern says, letter by letter.
pub fn replay(bytes: &[u8]) {
    let mut input = Input(bytes);
    let mut scene = Scene::default();
    while let Some(kind) = input.next() {
        match kind % 4 {
            0 => scene.learn(&mut input),
            1 => scene.ask(&mut input, &[]),
            2 => {
                let noise = input.take(usize::from(kind >> 2));
                scene.ask(&mut input, &noise);
            }
            _ => {
                let noise = input.take(usize::from(kind >> 2));
                scene.read(&noise, None);
            }
        }
    }
}

#[derive(Default)]
struct Scene {
    patterns: Patterns,
    plans: Vec<PatternPlan>,
    /// The last session each pattern has made.
    held: Vec<Held>,
    /// Characters it takes to print what was handed over.
    size: usize,
}

impl Scene {
    fn learn(&mut self, input: &mut Input<'_>) {
        let plan = pattern(self.plans.len() as u32, &self.plans, input);
        let known = self.patterns.len();
        let taken = self.patterns.learn(plan.clone()).is_ok();
        assert_eq!(self.patterns.len(), known + usize::from(taken));
        self.size += format!("{plan:?}").len();
        if taken {
            self.plans.push(plan);
        }
        let printed = format!("{:?}", self.patterns).len();
        assert!(printed <= 1000 + 20 * self.size, "{printed} characters for {} of plans", self.size);
    }

    /// A request as one of the patterns has it; with noise in it, or without.
    fn ask(&mut self, input: &mut Input<'_>, noise: &[u8]) {
        let count = self.plans.len();
        let Some(plan) = self.plans.get(input.below(count)).cloned() else { return };
        let before =
            plan.after.and_then(|after| self.held.iter().rev().find(|held| held.pattern == after)).cloned();
        let values = values(&plan, before.as_ref(), input);
        let mut request = rendered(&plan.request, &values.iter().map(String::as_str).collect::<Vec<_>>());
        if let Some((at, noise)) = noise.split_first() {
            let at = usize::from(*at) % (request.len() + 1);
            match noise.split_first() {
                None => request.truncate(at),
                Some((first, rest)) if first & 1 == 0 => {
                    request.splice(at..at, rest.iter().copied());
                }
                Some((_, rest)) => {
                    for (place, octet) in request.iter_mut().skip(at).zip(rest) {
                        *place = *octet;
                    }
                }
            }
        }
        self.read(&request, before);
    }

    fn read(&mut self, request: &[u8], before: Option<Held>) {
        let Some(reading) = self.patterns.read(request, CLIENT, NOW) else { return };
        let session = reading.session().to_owned();
        let Some(decision) = self.patterns.decide(&reading, before.as_ref(), &mut drawn) else { return };
        let work = decision.work();
        let bound = [0, 1].map(|local| BoundLocal { local: LocalId(local), port: 30_000 + 2 * local as u16 });
        let Some(done) = decision.into_step().complete(&self.patterns, &bound) else { return };
        let Some(pattern) = self.plans.iter().find(|plan| plan.number == done.pattern) else {
            panic!("pattern {} was never learned", done.pattern);
        };
        assert_eq!(pattern.after, before.as_ref().map(|before| before.pattern));
        let known = before.map_or_else(String::new, |before| before.values.to_string());
        let all = match (done.has_ended, known.as_str()) {
            (false, known) => {
                assert!(done.values.starts_with(known));
                done.values.to_string()
            }
            (true, "") => done.values.to_string(),
            (true, known) => format!("{known}~{}", done.values),
        };
        let values: Vec<&str> = all.split('~').collect();
        check_values(pattern, &values);
        assert_eq!(rendered(&pattern.request, &values), request, "a request is its pattern and its values");
        assert_eq!(values[pattern.places.session as usize], session);
        self.check_outcome(pattern, &values, work, &done);
        if !done.has_ended {
            self.held.push(Held { pattern: done.pattern, values: done.values });
        }
        if self.held.len() > MOST_HELD {
            self.held.remove(0);
        }
    }

    fn check_outcome(&self, pattern: &PatternPlan, values: &[&str], work: Option<Work>, done: &Done) {
        let expected = match &pattern.outcome {
            OutcomePlan::Session { plan, gaps, reply, .. } => {
                let applied = work.map(|work| match work {
                    Work::Apply { plan, .. } => *plan,
                    Work::End { .. } => panic!("a session that goes on has ended"),
                });
                check_plan(plan, gaps, values, applied);
                let body = octets(&filled(&reply.body, values));
                let (head, tail) = (reply.before.as_bytes(), reply.after.as_bytes());
                [head, body.len().to_string().as_bytes(), b":", &body, tail].concat()
            }
            OutcomePlan::End { revision, streams, reply, .. } => {
                assert_eq!(work, Some(Work::End { revision: *revision, streams: streams.clone() }));
                octets(&formed(reply, values))
            }
        };
        assert_eq!(done.reply, expected);
        assert_eq!(done.has_ended, matches!(pattern.outcome, OutcomePlan::End { .. }));
    }
}

fn check_values(pattern: &PatternPlan, values: &[&str]) {
    assert_eq!(values.len(), pattern.values.len() + 2 * opened(pattern).len());
    for (at, plan) in pattern.values.iter().enumerate() {
        let value = values[at];
        assert!(!value.is_empty() && value.is_ascii(), "{value:?}");
        match plan.spelling {
            Spelling::Word => {
                assert!(value.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"\\~".contains(&byte)))
            }
            Spelling::Digits => assert!(value.bytes().all(|byte| byte.is_ascii_digit())),
            Spelling::Address => {
                assert!(
                    value
                        .parse::<std::net::Ipv4Addr>()
                        .is_ok_and(|ip| ip.to_string() == value && !ip.is_unspecified())
                );
            }
            Spelling::Port => assert!(
                value.parse().is_ok_and(|port: u16| port.to_string() == value && (1..65_535).contains(&port))
            ),
            Spelling::LongPort => assert!(value.len() > 1 && value.parse::<u16>().is_ok()),
            Spelling::Credential | Spelling::Password => {
                assert!(value.len() >= if plan.spelling == Spelling::Password { 22 } else { 4 })
            }
            Spelling::Fingerprint => assert!(value.split(':').all(|octet| octet.len() == 2)),
            Spelling::Source => assert!(value.parse::<u32>().is_ok_and(|source| source > 0)),
            Spelling::Candidate => assert!(value.contains(" typ ")),
            Spelling::Opaque => {
                assert!((1..=512).contains(&value.len()) && !value.contains(['"', '\\', '~']))
            }
            Spelling::NextPort => {
                assert_eq!(value.parse().ok(), values[at - 1].parse::<u32>().ok().map(|port| port + 1))
            }
        }
        let like = pattern.values[at].like as usize;
        let is_comparable = |other: Spelling| {
            other == plan.spelling || (other, plan.spelling) == (Spelling::NextPort, Spelling::Port)
        };
        let compares = matches!(plan.spelling, Spelling::Word | Spelling::Address | Spelling::Port);
        if compares && at >= pattern.known as usize {
            assert_eq!(values[like], value, "values that were equal are equal");
            let is_earlier =
                |before: &usize| is_comparable(pattern.values[*before].spelling) && values[*before] == value;
            assert!((0..like).all(|before| !is_earlier(&before)), "and no others");
        }
    }
}

fn opened(pattern: &PatternPlan) -> &[LocalId] {
    match &pattern.outcome {
        OutcomePlan::Session { opened, .. } => opened,
        OutcomePlan::End { .. } => &[],
    }
}

fn check_plan(example: &SessionPlan, gaps: &[PlanGap], values: &[&str], plan: Option<SessionPlan>) {
    let mut expected = example.clone();
    let mut is_sound = true;
    for PlanGap { place, text } in gaps {
        let text = filled(text, values);
        match place {
            PlanPlace::Session => expected.session.0 = text,
            PlanPlace::Memo => expected.memo = text,
            PlanPlace::LocalPort { .. } => match text.parse() {
                Ok(port) => expected.streams[0].locals[0].port = Some(port),
                Err(_) => is_sound = false,
            },
            PlanPlace::Remote { .. } => match (text.parse(), &mut expected.streams[0].remote) {
                (Ok(address), Some(remote)) => remote.rtp = address,
                _ => is_sound = false,
            },
            PlanPlace::Source { .. }
            | PlanPlace::Fingerprint { .. }
            | PlanPlace::Credential { .. }
            | PlanPlace::Candidate { .. } => panic!("the plan has no such place"),
        }
    }
    assert_eq!(plan, is_sound.then_some(expected));
}

/// The request with these values, each length as it comes out.
fn rendered(parts: &[RequestPart], values: &[&str]) -> Vec<u8> {
    let (mut request, mut outside) = (Vec::new(), None);
    let value = |at: &u32| values.get(*at as usize).copied().unwrap_or_default();
    for part in parts {
        match part {
            RequestPart::Text { text } => request.extend(text.chars().map(|one| one as u8)),
            RequestPart::Value { at } => request.extend_from_slice(value(at).as_bytes()),
            RequestPart::MeasuredValue { at } => {
                request.extend_from_slice(format!("{}:{}", value(at).len(), value(at)).as_bytes());
            }
            RequestPart::MeasuredStart => outside = Some(std::mem::take(&mut request)),
            RequestPart::MeasuredEnd => {
                let inside = std::mem::replace(&mut request, outside.take().unwrap_or_default());
                request.extend_from_slice(format!("{}:", inside.len()).as_bytes());
                request.extend(inside);
            }
        }
    }
    request
}

fn filled(text: &TextPlan, values: &[&str]) -> String {
    let mut filled = text.texts[0].clone();
    for (at, behind) in text.at.iter().zip(&text.texts[1..]) {
        filled.push_str(values[*at as usize]);
        filled.push_str(behind);
    }
    filled
}

fn formed(text: &FormedText, values: &[&str]) -> String {
    let mut formed = text.texts[0].clone();
    for (FormedValue { at, form }, behind) in text.at.iter().zip(&text.texts[1..]) {
        let value = values[*at as usize];
        let number = || value.parse::<u64>().unwrap_or(u64::MAX);
        formed += &match form {
            ValueForm::Plain => value.to_owned(),
            ValueForm::Measured => format!("{}:{value}", value.len()),
            ValueForm::Seconds => (number() / 1000).to_string(),
            ValueForm::Microseconds => number().saturating_mul(1000).to_string(),
            ValueForm::MicrosecondsBeyond => (number() % 1000 * 1000).to_string(),
        };
        formed += behind;
    }
    formed
}

/// One a character.
fn octets(text: &str) -> Vec<u8> {
    text.chars().map(|one| one as u8).collect()
}

/// Values for a request, mostly of the right kind.
fn values(plan: &PatternPlan, before: Option<&Held>, input: &mut Input<'_>) -> Vec<String> {
    let known = before.map_or_else(Vec::new, |held| held.values.split('~').map(str::to_owned).collect());
    let mut values: Vec<String> = known;
    values.resize(plan.known as usize, "0".to_owned());
    for (at, value) in plan.values.iter().enumerate().skip(plan.known as usize) {
        let like = value.like as usize;
        let choices: &[&str] = match value.spelling {
            Spelling::Word => &["call", "call-7@host", "tag", "a b", "", "7:x"],
            Spelling::Digits => &["0", "7", "16104", "01", "1a"],
            Spelling::Address => &["192.0.2.9", "192.0.2.10", "0.0.0.0", "1.2.3", "01.2.3.4"],
            Spelling::Port => &["4000", "5000", "1", "65535", "0"],
            Spelling::NextPort => &["4001", "5001", "2"],
            Spelling::LongPort => &["4000", "5000", "9", "65535"],
            Spelling::Credential => &["abcd", "abc", "ab+/=", "a.cd"],
            Spelling::Password => &["0123456789abcdefghijkl", "0123456789abcdefghijk", "abcd"],
            Spelling::Fingerprint => &[SHA_256, "0A:0B", ""],
            Spelling::Source => &["1", "4294967295", "0", "4294967296"],
            Spelling::Candidate => {
                &[HOST, "1 1 udp 1 192.0.2.1 4000 typ other", "1 1 UDP 1 host. 9 typ relay"]
            }
            Spelling::Opaque => &["a b", " ", "a\\b", ""],
        };
        let chosen = choices[input.below(choices.len())].to_owned();
        values.push(if like < at && input.below(8) != 0 { values[like].clone() } else { chosen });
    }
    values
}

/// A pattern, and now and then one that makes no sense.
fn pattern(number: u32, others: &[PatternPlan], input: &mut Input<'_>) -> PatternPlan {
    let after = if input.below(3) == 0 { others.get(input.below(others.len())) } else { None };
    let mut values = after.map_or_else(Vec::new, |other| other.values.clone());
    for _ in after.into_iter().flat_map(opened) {
        add(&mut values, Spelling::Port, 0);
    }
    let known = values.len() as u32;
    for spelling in [Spelling::Digits, Spelling::Word, Spelling::Word, Spelling::Digits] {
        let like = values.len() as u32;
        values.push(ValuePlan { spelling, like, form: None });
    }
    for _ in 0..input.below(4) {
        add(&mut values, SPELLINGS[input.below(SPELLINGS.len())], input.below(12) as u32);
    }
    let mut request = vec![text("d2:id"), RequestPart::MeasuredValue { at: known + 1 }];
    let is_measured = input.below(2) == 1;
    if is_measured {
        request.push(RequestPart::MeasuredStart);
    }
    for at in known + 4..values.len() as u32 {
        request.push(text(["", " ", "m=", ";x", "4:", "é"][input.below(6)]));
        if values[at as usize].spelling != Spelling::NextPort {
            request.push(if input.below(3) == 0 {
                RequestPart::MeasuredValue { at }
            } else {
                RequestPart::Value { at }
            });
        }
    }
    request.push(text([" ", "e", "\u{ff}"][input.below(3)]));
    if is_measured && input.below(16) != 15 {
        request.push(RequestPart::MeasuredEnd);
    }
    let outcome = if after.is_some() && input.below(4) == 3 {
        ending(values.len(), input)
    } else {
        session(known, values.len(), after.is_some(), input)
    };
    PatternPlan {
        number,
        after: after.map(|after| after.number),
        request,
        known,
        places: PlacesPlan {
            now: known,
            session: known + 1,
            client_address: known + 2,
            client_port: known + 3,
        },
        draws: Vec::new(),
        rooms: Vec::new(),
        outcome,
        values,
    }
}

/// `known`: where the values of the request begin, of which there are `count` with those before.
fn session(known: u32, count: usize, is_change: bool, input: &mut Input<'_>) -> OutcomePlan {
    let opened: Vec<LocalId> = (0..input.below(3) as u32).map(LocalId).collect();
    let all = count + 2 * opened.len();
    let mut plan = plans::audio_call("example", Some(CLIENT), Some(CLIENT));
    plan.revision = 1 + u64::from(is_change);
    let gap = |place, text| PlanGap { place, text };
    let of = |at: u32| TextPlan { texts: vec![String::new(), String::new()], at: vec![at] };
    let mut gaps =
        vec![gap(PlanPlace::Session, of(known + 1)), gap(PlanPlace::Memo, some_text(count, input))];
    if input.below(4) == 0 {
        gaps.push(gap(PlanPlace::LocalPort { stream: 0, local: 0 }, some_text(count, input)));
    }
    let reply = ReplyPlan { before: "d3:sdp".to_owned(), body: some_text(all, input), after: "e".to_owned() };
    OutcomePlan::Session { plan: Box::new(plan), gaps, opened, reply }
}

fn ending(count: usize, input: &mut Input<'_>) -> OutcomePlan {
    const FORMS: [ValueForm; 5] = [
        ValueForm::Plain,
        ValueForm::Measured,
        ValueForm::Seconds,
        ValueForm::Microseconds,
        ValueForm::MicrosecondsBeyond,
    ];
    let TextPlan { texts, at } = some_text(count, input);
    let at = at.into_iter().map(|at| FormedValue { at, form: FORMS[input.below(5)] }).collect();
    OutcomePlan::End {
        revision: 1 + input.below(3) as u64,
        streams: Vec::new(),
        remotes: Vec::new(),
        reply: FormedText { texts, at },
    }
}

/// One more value, alike to an earlier one of its kind if `like` says so; with a port comes the next one.
fn add(values: &mut Vec<ValuePlan>, spelling: Spelling, like: u32) {
    let own = values.len() as u32;
    let earlier = values.get(like as usize).filter(|other| other.spelling == spelling && other.like == like);
    values.push(ValuePlan { spelling, like: earlier.map_or(own, |_| like), form: None });
    if matches!(spelling, Spelling::Port | Spelling::LongPort) {
        values.push(ValuePlan { spelling: Spelling::NextPort, like: own + 1, form: None });
    }
}

fn some_text(values: usize, input: &mut Input<'_>) -> TextPlan {
    // Now and then one value too many.
    let values = values + usize::from(input.below(32) == 31);
    let at: Vec<u32> = (0..input.below(4)).map(|_| input.below(values) as u32).collect();
    let texts = (0..=at.len()).map(|_| ["", "-", "since ", "é", "1:"][input.below(5)].to_owned()).collect();
    TextPlan { texts, at }
}

fn text(text: &str) -> RequestPart {
    RequestPart::Text { text: text.to_owned() }
}

/// Bytes that decide what happens next.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::from(self.next().unwrap_or(0)).checked_rem(end).unwrap_or(0)
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken.to_vec()
    }
}

const CLIENT: SocketAddr =
    SocketAddr::V4(std::net::SocketAddrV4::new(std::net::Ipv4Addr::new(198, 51, 100, 1), 5060));
const NOW: u64 = 1234;
const MOST_HELD: usize = 8;

/// Nothing is, in these patterns.
fn drawn(_: &mut [u8]) -> bool {
    panic!("nothing is drawn");
}

const SPELLINGS: [Spelling; 10] = [
    Spelling::Word,
    Spelling::Digits,
    Spelling::Address,
    Spelling::Port,
    Spelling::LongPort,
    Spelling::Credential,
    Spelling::Password,
    Spelling::Fingerprint,
    Spelling::Source,
    Spelling::Opaque,
];
const HOST: &str = "1 1 UDP 1 192.0.2.1 4000 typ host";
const SHA_256: &str =
    "0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A";
