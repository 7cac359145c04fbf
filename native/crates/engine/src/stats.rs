//! The statistics of a session in the words of the protocol.

use protocol::{Component, ComponentStats, MeasuredQuality, SessionStats, SsrcStats, StreamStats};

use crate::{
    moment::Moment,
    session::Session,
    source::{Egress, Ingress},
    stream::Stream,
};

impl Session {
    pub fn stats(&self, now: Moment) -> SessionStats {
        SessionStats {
            session: self.session_id(),
            revision: self.revision,
            streams: (0..self.streams.len()).map(|at| self.stream_stats(now, at)).collect(),
            taps: Vec::new(),
        }
    }

    fn stream_stats(&self, now: Moment, at: usize) -> StreamStats {
        let (stream, carrier) = (&self.streams[at], &self.streams[self.carrier(at)]);
        let codec = |payload_type: Option<u8>| payload_type.and_then(|pt| self.codec(stream, pt));
        StreamStats {
            stream: stream.id,
            path: stream.path.describe(),
            rtp: component_stats(now, stream, carrier, Component::Rtp),
            rtcp: component_stats(now, stream, carrier, Component::Rtcp),
            suite_in: carrier.secure.as_ref().and_then(|secure| suite_name(secure.suite_in())),
            suite_out: carrier.secure.as_ref().and_then(|secure| suite_name(secure.suite_out())),
            ice: carrier.ice_stats(),
            codec_in: codec(stream.last_payload_in),
            codec_out: codec(stream.last_payload_out),
            ingress: stream.ingress.iter().map(|source| self.ingress_stats(now, stream, source)).collect(),
            egress: stream.egress.iter().map(|source| self.egress_stats(now, source)).collect(),
            ssrcs_forgotten: stream.ingress.forgotten,
        }
    }

    fn ingress_stats(&self, now: Moment, stream: &Stream, source: &Ingress) -> SsrcStats {
        let reports = stream.targets.iter().filter_map(|target| {
            let sink = self.streams.get(usize::from(target.to)).filter(|sink| !sink.listener)?;
            let sent = sink.egress.find(source.ssrc)?;
            sent.reported.as_ref()?.quality(now)
        });
        SsrcStats {
            ssrc: source.ssrc,
            packets: source.packets,
            bytes: source.bytes,
            payload_type: source.measurement.payload_type,
            codec: self.codec(stream, source.measurement.payload_type),
            last_sequence: source.measurement.highest,
            last_timestamp: source.last_timestamp,
            measured: source.measured(),
            reported: reports.into_iter().next(),
        }
    }

    fn egress_stats(&self, now: Moment, source: &Egress) -> SsrcStats {
        let origin = self.streams.iter().find(|stream| stream.id == source.origin);
        let arrived = origin.and_then(|origin| origin.ingress.find(source.ssrc));
        SsrcStats {
            ssrc: source.ssrc,
            packets: source.packets,
            bytes: source.bytes,
            payload_type: source.payload_type,
            codec: origin.and_then(|origin| self.codec(origin, source.payload_type)),
            last_sequence: source.last_sequence,
            last_timestamp: source.last_timestamp,
            measured: arrived.map_or(MeasuredQuality::default(), Ingress::measured),
            reported: source.reported.as_ref().and_then(|reported| reported.quality(now)),
        }
    }

    /// The codec of a payload type: by this stream's table, else by that of a stream it is connected with.
    fn codec(&self, stream: &Stream, payload_type: u8) -> Option<String> {
        let connected = self.streams.iter().filter(|other| {
            let mut sinks =
                other.targets.iter().filter_map(|target| self.streams.get(usize::from(target.to)));
            sinks.any(|sink| sink.id == stream.id)
        });
        let tables = std::iter::once(stream).chain(connected).map(|stream| &stream.payloads);
        let found = tables.into_iter().find_map(|table| table.codec(payload_type));
        found.map(str::to_owned)
    }
}

fn suite_name(suite: Option<srtp::Suite>) -> Option<String> {
    suite.map(|suite| suite.name().to_owned())
}

/// What was counted for a stream, and where its peer is by the latch of its carrier.
fn component_stats(now: Moment, stream: &Stream, carrier: &Stream, component: Component) -> ComponentStats {
    let (half, latched) = match component {
        Component::Rtp => (&stream.rtp, &carrier.rtp),
        Component::Rtcp => (&stream.rtcp, &carrier.rtcp),
    };
    let shares_rtp = component == Component::Rtcp && stream.rtcp_mode == protocol::RtcpMode::Muxed;
    let latch = if shares_rtp { &carrier.rtp.latch } else { &latched.latch };
    half.stats(now, latch.destination(), latch.state())
}
