//! Plans to start from; tests change what they are about.

use std::net::{IpAddr, SocketAddr};

use protocol::{
    EventAction, LearningMode, LearningPlan, LocalId, LocalPlan, MediaAction, PayloadPlan, PortSpan,
    RemotePlan, RoutePlan, RtcpMode, SecurityPlan, SessionId, SessionPlan, StreamId, StreamKind, StreamPlan,
    TimeoutPlan,
};

use crate::proxy::PROXY_IPV4;

/// An audio call of two legs, streams 1 and 2, with the safe defaults. A remote of `None` is not answered yet.
pub fn audio_call(id: &str, first: Option<SocketAddr>, second: Option<SocketAddr>) -> SessionPlan {
    SessionPlan {
        session: SessionId(id.to_owned()),
        revision: 1,
        memo: String::new(),
        tos: 0,
        timeouts: TimeoutPlan {
            media_ms: 60_000,
            silent_ms: 3_600_000,
            offer_ms: 3_600_000,
            first_packet_ms: None,
        },
        report_telephone_events: false,
        streams: vec![audio_stream(1, first), audio_stream(2, second)],
        routes: vec![route(1, 2), route(2, 1)],
        taps: Vec::new(),
    }
}

/// An audio stream with local ports of the same number.
pub fn audio_stream(id: u32, remote: Option<SocketAddr>) -> StreamPlan {
    StreamPlan {
        id: StreamId(id),
        locals: vec![local(id, PROXY_IPV4)],
        bundle: None,
        kind: StreamKind::Rtp,
        rtcp: RtcpMode::Separate,
        rtcp_rules: None,
        remote: remote.map(remote_at),
        pending_remote: None,
        resume: None,
        snapshot: None,
        security: SecurityPlan::None,
        ice: None,
        learning: LearningPlan {
            mode: LearningMode::Heuristic,
            strict: true,
            handover: false,
            asymmetric: false,
            wait: false,
            pierce: false,
            epoch: 1,
        },
        receive: true,
        listener: false,
        hidden_extensions: Vec::new(),
        payloads: vec![
            payload(0, "PCMU"),
            payload(8, "PCMA"),
            payload(9, "G722"),
            payload(101, "telephone-event"),
        ],
    }
}

pub fn local(id: u32, address: IpAddr) -> LocalPlan {
    let interface = "default".to_owned();
    LocalPlan { id: LocalId(id), interface, address, port: None, span: PortSpan::Pair, relay: None }
}

pub fn remote_at(rtp: SocketAddr) -> RemotePlan {
    RemotePlan { rtp, rtcp: None }
}

pub fn payload(payload_type: u8, codec: &str) -> PayloadPlan {
    PayloadPlan { payload_type, codec: codec.to_owned(), clock_rate: 8000 }
}

pub fn route(from: u32, to: u32) -> RoutePlan {
    RoutePlan {
        from: StreamId(from),
        to: StreamId(to),
        media: MediaAction::Forward,
        telephone_events: EventAction::Forward,
    }
}
