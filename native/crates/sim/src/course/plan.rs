//! The plan of a course: streams 1 and 2 are Alice's audio and video, 3 and 4 Bob's. Video is there if it is bundled.

use std::net::SocketAddr;

use dtls::Certificate;
use protocol::{
    FeedbackKind, IcePlan, LearningMode, ReportsPlan, ReportsWhen, RtcpMode, RtcpRules, SecurityPlan,
    SessionPlan, StreamId, StreamPlan,
};
use srtp::Suite;

use super::{Ice, Kind, Rules, Security};
use crate::{PROXY_IPV4, bundle, crypto, ice, plans};

/// Addresses of Alice, of Bob's audio and of his video.
pub struct Homes {
    pub alice: SocketAddr,
    pub bob: SocketAddr,
    pub bob_video: SocketAddr,
}

/// The first plan.
pub fn first(kind: Kind, homes: &Homes, certificate: &Certificate) -> SessionPlan {
    let mut plan = plans::audio_call("call", None, None);
    plan.streams = if kind.bundled {
        vec![
            bundle::bundled(1, homes.alice, "a", bundle::AUDIO),
            bundle::bundled(2, homes.alice, "v", bundle::VIDEO),
        ]
    } else {
        let rtcp = if kind.separate_rtcp { RtcpMode::Separate } else { RtcpMode::Muxed };
        vec![StreamPlan { rtcp, ..audio(1, homes.alice) }]
    };
    let media = if kind.bundled { 2 } else { 1 };
    plan.streams.push(audio(3, homes.bob));
    if kind.bundled {
        plan.streams
            .push(StreamPlan { payloads: plan.streams[1].payloads.clone(), ..audio(4, homes.bob_video) });
    }
    plan.routes = (1..=media).flat_map(|id| [plans::route(id, id + 2), plans::route(id + 2, id)]).collect();
    plan.streams[0].ice = ice_plan(kind.ice, homes.alice);
    plan.streams[0].security = security(kind.security, certificate, 1);
    for stream in &mut plan.streams {
        stream.learning.mode = match (stream.id.0, kind.security) {
            (1 | 2, Security::Sdes | Security::Dtls(_)) => LearningMode::Heuristic,
            _ => LearningMode::Off,
        };
        stream.rtcp_rules = rules(kind.rules[usize::from(is_bobs(stream.id))]);
    }
    plan
}

pub fn is_bobs(stream: StreamId) -> bool {
    stream.0 >= 3
}

/// Protection of the `number`th keys, or association.
pub fn security(security: Security, certificate: &Certificate, number: u32) -> SecurityPlan {
    match security {
        Security::None => SecurityPlan::None,
        Security::Sdes => {
            let [theirs, ours] = keys(number);
            crypto::sdes(&theirs, &ours)
        }
        Security::Dtls(role) => SecurityPlan::Dtls {
            role,
            fingerprints: vec![crypto::fingerprint(certificate)],
            association: number,
            certificate: None,
        },
    }
}

/// Alice's key and ours.
pub fn keys(number: u32) -> [protocol::SrtpKeyPlan; 2] {
    [1, 2].map(|end| crypto::key(SUITE, (number * 2) as u8 ^ end << 7 | end & 1))
}

/// User name and password of a generation.
pub fn words((ufrag, pwd): (&str, &str), generation: u32) -> (String, String) {
    (format!("{ufrag}{generation}"), format!("{pwd}{generation}"))
}

pub fn rename(plan: &mut IcePlan, generation: u32) {
    (plan.local_ufrag, plan.local_pwd) = words(ice::LOCAL, generation);
    let (ufrag, pwd) = words(ice::REMOTE, generation);
    (plan.remote_ufrag, plan.remote_pwd) = (Some(ufrag), Some(pwd));
    plan.generation = generation;
}

pub fn rules(rules: Rules) -> Option<RtcpRules> {
    let reports = |when| Some(ReportsPlan { when, interval_ms: 1000, bandwidth_bps: 4000 });
    match rules {
        Rules::None => None,
        Rules::Avp => Some(RtcpRules {
            feedback: Some(Vec::new()),
            reduced_size: false,
            reports: reports(ReportsWhen::Always),
        }),
        Rules::Avpf => Some(RtcpRules {
            feedback: Some(vec![FeedbackKind::Pli]),
            reduced_size: true,
            reports: reports(ReportsWhen::Missing),
        }),
    }
}

fn ice_plan(kind: Ice, alice: SocketAddr) -> Option<IcePlan> {
    let role = match kind {
        Ice::None => return None,
        Ice::Full(role) => role,
        Ice::Lite => protocol::IceRole::Controlled,
    };
    let mut plan = IcePlan { lite: kind == Ice::Lite, ..ice::plan(role, alice) };
    rename(&mut plan, 1);
    Some(plan)
}

fn audio(id: u32, home: SocketAddr) -> StreamPlan {
    let mut stream = plans::audio_stream(id, Some(home));
    stream.locals = vec![plans::local(id, PROXY_IPV4)];
    stream.payloads.push(plans::payload(bundle::AUDIO, "own"));
    stream
}

const SUITE: Suite = Suite::AesCm128HmacSha1_80;
