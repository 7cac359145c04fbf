//! Takes over what the kernel has counted, so that statistics go on as if every packet had come through here.

use std::time::Instant;

use super::{Measurement, RuleCounts};
use crate::{
    moment::Moment,
    session::Session,
    source::{Egress, Ingress},
};

/// What has been booked of a rule.
#[derive(Debug, Clone, Copy)]
pub struct Tally {
    packets: u64,
    bytes: u64,
    copies_lost: u64,
    /// What the source was measured to be when kernel and engine agreed last.
    agreed: Measurement,
}

/// Packets relayed by the kernel since it was last asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Relayed {
    pub packets: u64,
    pub bytes: u64,
}

impl Tally {
    /// The kernel begins with this.
    pub fn beginning_with(measurement: Measurement) -> Self {
        Tally { packets: 0, bytes: 0, copies_lost: 0, agreed: measurement }
    }

    /// Copies that were lost since the last time.
    pub fn lost(&mut self, counts: &RuleCounts) -> u64 {
        let before = std::mem::replace(&mut self.copies_lost, counts.copies_lost);
        counts.copies_lost.saturating_sub(before)
    }
}

impl Session {
    /// Books what has come through the rule of a stream for a source since the last time.
    pub fn book_relayed(
        &mut self,
        (at, ssrc): (usize, u32),
        tally: &mut Tally,
        counts: &RuleCounts,
        moment: impl Fn(Instant) -> Moment,
    ) -> Relayed {
        let packets = counts.packets.saturating_sub(tally.packets);
        let bytes = counts.bytes.saturating_sub(tally.bytes);
        let Some(last) = counts.last_packet.filter(|_| packets > 0).map(moment) else {
            return Relayed::default();
        };
        (tally.packets, tally.bytes) = (counts.packets, counts.bytes);
        let payload_type = tells_codec(&counts.measurement, &tally.agreed);
        let stream = &mut self.streams[at];
        stream.hear(last);
        stream.rtp.counters.received_packets += packets;
        stream.rtp.counters.received_bytes += bytes;
        if stream.ingress.find(ssrc).is_none() {
            stream.ingress.entry(ssrc, || Ingress::unheard(last, ssrc));
        }
        if let Some(source) = stream.ingress.find_mut(ssrc) {
            source.add(last, packets, bytes);
            source.last_timestamp = counts.last_timestamp;
            source.measurement.merge(&counts.measurement, &tally.agreed);
            tally.agreed = counts.measurement;
        }
        stream.last_payload_in = payload_type.or(stream.last_payload_in);
        self.book_sent((at, ssrc), Relayed { packets, bytes }, (last, counts), payload_type);
        Relayed { packets, bytes }
    }

    fn book_sent(
        &mut self,
        (at, ssrc): (usize, u32),
        relayed: Relayed,
        (last, counts): (Moment, &RuleCounts),
        payload_type: Option<u8>,
    ) {
        let origin = self.streams[at].id;
        let Some(target) = self.streams[at].targets.get(0) else { return };
        let sink = &mut self.streams[usize::from(target.to)];
        sink.rtp.counters.sent_packets += relayed.packets;
        sink.rtp.counters.sent_bytes += relayed.bytes;
        sink.last_payload_out = payload_type.or(sink.last_payload_out);
        if sink.egress.find(ssrc).is_none() {
            sink.egress.entry(ssrc, || Egress::new(last, ssrc, origin));
        }
        if let Some(source) = sink.egress.find_mut(ssrc) {
            source.add(last, relayed.packets, relayed.bytes);
            (source.last_sequence, source.last_timestamp) = (counts.last_sequence, counts.last_timestamp);
            if let Some(payload_type) = payload_type {
                (source.payload_type, source.clock_rate) = (payload_type, counts.measurement.clock_rate);
            }
        }
    }
}

/// The payload type, if a packet has come since that says which codec is in use: telephone events do not, and another
/// source may have spoken meanwhile.
fn tells_codec(now: &Measurement, before: &Measurement) -> Option<u8> {
    let told = |of: &Measurement| (of.payload_type, of.clock_rate, of.transit, of.jitter);
    Some(now.payload_type).filter(|_| now.clock_rate != 0 && told(now) != told(before))
}
