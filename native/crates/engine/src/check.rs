//! Whether a plan makes sense, by itself and after what there is already.

use std::collections::BTreeSet;

use protocol::{
    ErrorCode, EventAction, LocalPlan, PortSpan, RtcpMode, SecurityPlan, SessionPlan, StreamKind, StreamPlan,
};

use crate::{bundle, ice, io::BoundSockets, secure, session::Session, stream::Local, tap};

/// Returns the locals that have no sockets yet.
pub fn check(plan: &SessionPlan, current: Option<&Session>) -> Result<Vec<LocalPlan>, ErrorCode> {
    if let Some(current) = current.map(|session| session.revision)
        && plan.revision < current
    {
        return Err(ErrorCode::StalePlan { current });
    }
    if plan.memo.len() > MOST_MEMO {
        return bad("memo", format!("{} bytes exceed {MOST_MEMO}", plan.memo.len()));
    }
    if plan.streams.len() > MOST_STREAMS {
        return bad("streams", format!("{} streams exceed {MOST_STREAMS}", plan.streams.len()));
    }
    check_routes(plan)?;
    if let Err((path, reason)) = tap::check(plan) {
        return bad(path, reason);
    }
    let mut streams = BTreeSet::new();
    let mut locals = BTreeSet::new();
    let mut missing = Vec::new();
    for (at, stream) in plan.streams.iter().enumerate() {
        if !streams.insert(stream.id) {
            return bad(format!("streams[{at}].id"), format!("{} is there already", stream.id.0));
        }
        check_stream(at, stream)?;
        check_bundle(at, stream, plan)?;
        for (number, local) in stream.locals.iter().enumerate() {
            let path = format!("streams[{at}].locals[{number}]");
            if !locals.insert(local.id) {
                return bad(format!("{path}.id"), format!("{} is there already", local.id.0));
            }
            match current.and_then(|session| session.local(local.id)) {
                Some(bound) => check_unchanged(&path, local, bound)?,
                None => {
                    check_port(&path, local)?;
                    missing.push(local.clone());
                }
            }
        }
    }
    Ok(missing)
}

/// Checks that the new sockets are those of the missing locals.
pub fn check_sockets(missing: &[LocalPlan], new: &[BoundSockets]) -> Result<(), ErrorCode> {
    for local in missing {
        let path = format!("local {}", local.id.0);
        let Some(sockets) = new.iter().find(|sockets| sockets.local == local.id) else {
            return bad(path, "has no sockets");
        };
        if sockets.rtcp.is_some() != (local.span == PortSpan::Pair) {
            return bad(path, "the number of sockets does not match the span");
        }
        if [Some(sockets.rtp), sockets.rtcp].iter().flatten().any(|socket| socket.0 > HIGHEST_SOCKET) {
            return bad(path, "socket numbers are not dense");
        }
    }
    match new.iter().find(|sockets| !missing.iter().any(|local| local.id == sockets.local)) {
        Some(sockets) => bad(format!("local {}", sockets.local.0), "has sockets already or is not named"),
        None => Ok(()),
    }
}

fn check_routes(plan: &SessionPlan) -> Result<(), ErrorCode> {
    let mut seen = BTreeSet::new();
    for (at, route) in plan.routes.iter().enumerate() {
        for (end, id) in [("from", route.from), ("to", route.to)] {
            if !plan.streams.iter().any(|stream| stream.id == id) {
                return bad(format!("routes[{at}].{end}"), format!("there is no stream {}", id.0));
            }
        }
        if !seen.insert((route.from, route.to)) {
            return bad(format!("routes[{at}]"), "is there already");
        }
        if !is_possible(&route.telephone_events) {
            return bad(format!("routes[{at}].telephoneEvents"), "is no key or tone");
        }
    }
    Ok(())
}

fn is_possible(action: &EventAction) -> bool {
    match action {
        EventAction::Replace { event } => *event < 16,
        EventAction::Tone { frequencies, volume } => {
            (1..=MOST_FREQUENCIES).contains(&frequencies.len()) && *volume < 64
        }
        EventAction::Forward | EventAction::Drop | EventAction::Silence | EventAction::Random { .. } => true,
    }
}

fn check_stream(at: usize, stream: &StreamPlan) -> Result<(), ErrorCode> {
    if stream.locals.is_empty() && !is_carried(stream) {
        return bad(format!("streams[{at}].locals"), "is empty");
    }
    if let Err((part, reason)) = stream.ice.as_ref().map_or(Ok(()), ice::check) {
        return bad(format!("streams[{at}].{part}"), reason);
    }
    if let Err((part, reason)) = secure::check(stream) {
        return bad(format!("streams[{at}].{part}"), reason);
    }
    if stream.hidden_extensions.len() > MOST_HIDDEN {
        let count = stream.hidden_extensions.len();
        return bad(
            format!("streams[{at}].hiddenExtensions"),
            format!("{count} extensions exceed {MOST_HIDDEN}"),
        );
    }
    if stream.payloads.len() > MOST_PAYLOADS {
        let count = stream.payloads.len();
        return bad(
            format!("streams[{at}].payloads"),
            format!("{count} payload types exceed {MOST_PAYLOADS}"),
        );
    }
    if let Some(rules) = &stream.rtcp_rules
        && (stream.kind != protocol::StreamKind::Rtp
            || rules.feedback.as_ref().is_some_and(|kinds| kinds.len() > MOST_KINDS))
    {
        return bad(format!("streams[{at}].rtcpRules"), "are for RTP, with each kind of feedback once");
    }
    match stream.payloads.iter().position(|payload| payload.payload_type > 127) {
        Some(number) => bad(format!("streams[{at}].payloads[{number}].payloadType"), "exceeds 127"),
        None => Ok(()),
    }
}

fn check_bundle(at: usize, stream: &StreamPlan, plan: &SessionPlan) -> Result<(), ErrorCode> {
    let Some(bundle) = stream.bundle.as_deref() else {
        return Ok(());
    };
    let path = |part: &str| format!("streams[{at}].{part}");
    let named = |id| move |other: &&StreamPlan| other.bundle.as_deref().is_some_and(|b| b.transport == id);
    let transport = plan.streams.iter().find(|other| other.id == bundle.transport);
    if !transport.as_ref().is_some_and(named(bundle.transport)) {
        return bad(path("bundle.transport"), format!("{} is no transport stream", bundle.transport.0));
    }
    if plan.streams.iter().filter(named(bundle.transport)).count() > bundle::MOST_MEMBERS {
        return bad(path("bundle"), format!("more than {} streams share a transport", bundle::MOST_MEMBERS));
    }
    if stream.kind != StreamKind::Rtp || stream.rtcp != RtcpMode::Muxed {
        return bad(path("bundle"), "is for RTP with multiplexed RTCP only");
    }
    if is_carried(stream) && (stream.security != SecurityPlan::None || stream.ice.is_some()) {
        return bad(path("security"), "belongs to the transport stream");
    }
    if bundle.mid.as_ref().is_some_and(|mid| mid.is_empty() || mid.len() > usize::from(u8::MAX)) {
        return bad(path("bundle.mid"), "is empty or too long");
    }
    if bundle.mid_extension == Some(0) {
        return bad(path("bundle.midExtension"), "is no number of an extension");
    }
    if bundle.ssrcs.len() > bundle::MOST_SIGNALLED {
        let count = bundle.ssrcs.len();
        return bad(path("bundle.ssrcs"), format!("{count} sources exceed {}", bundle::MOST_SIGNALLED));
    }
    Ok(())
}

/// True for a stream that uses the transport of another one.
fn is_carried(stream: &StreamPlan) -> bool {
    stream.bundle.as_ref().is_some_and(|bundle| bundle.transport != stream.id)
}

fn check_unchanged(path: &str, plan: &LocalPlan, bound: &Local) -> Result<(), ErrorCode> {
    if plan.port.is_some_and(|port| port != bound.port) {
        return bad(format!("{path}.port"), format!("is bound to {} already", bound.port));
    }
    if plan.span != bound.span || plan.address != bound.address || plan.interface != *bound.interface {
        return bad(path, "is bound already and cannot change");
    }
    Ok(())
}

fn check_port(path: &str, plan: &LocalPlan) -> Result<(), ErrorCode> {
    match plan.port {
        Some(0) => bad(format!("{path}.port"), "is no port"),
        Some(port) if plan.span == PortSpan::Pair && port % 2 == 1 => {
            bad(format!("{path}.port"), format!("{port} is odd and cannot begin a pair"))
        }
        Some(_) | None => Ok(()),
    }
}

fn bad<T>(path: impl Into<String>, reason: impl Into<String>) -> Result<T, ErrorCode> {
    Err(ErrorCode::BadPlan { path: path.into(), reason: reason.into() })
}

const MOST_MEMO: usize = 16 * 1024;
const MOST_FREQUENCIES: usize = 8;
const MOST_HIDDEN: usize = 16;
const MOST_PAYLOADS: usize = 64;
/// Of feedback.
const MOST_KINDS: usize = 7;
const MOST_STREAMS: usize = 256;
/// The index over sockets grows with the highest number.
const HIGHEST_SOCKET: u32 = 1 << 22;
