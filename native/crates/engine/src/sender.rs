//! Protects what is sent to a peer, and never uses an index twice under one key.

use protocol::{KeySnapshot, SourceSnapshot};
use srtp::{Context, Error, SourceState};

use crate::keys::{Change, Material, Refusal};

/// What is sent to the peer.
pub struct Sender {
    material: Material,
    context: Context,
    shifts: Vec<Shift>,
    /// Sources that were sent by somebody else, who may have come as far as this index.
    resumed: Vec<(u32, u64)>,
    /// Keys used before, with what was sent under them.
    retired: Vec<(Material, Context)>,
}

/// A source that began its sequence anew: under the same key its numbers have to go on.
#[derive(Debug, Clone, Copy)]
struct Shift {
    ssrc: u32,
    offset: u16,
    /// The number that would continue the packets refused last, and how many those are.
    next: u16,
    run: u8,
}

impl Shift {
    fn of(ssrc: u32) -> Self {
        Shift { ssrc, offset: 0, next: 0, run: 0 }
    }
}

impl Sender {
    pub fn new(material: &Material) -> Option<Self> {
        let context = material.context().ok()?;
        Some(Sender {
            material: material.clone(),
            context,
            shifts: Vec::new(),
            resumed: Vec::new(),
            retired: Vec::new(),
        })
    }

    pub fn change(&mut self, material: &Material, change: Change) {
        if self.material == *material {
            return;
        }
        let retired = self.retired.iter().position(|(retired, _)| retired == material);
        let Some(mut context) = (match retired {
            Some(at) => Some(self.retired.swap_remove(at).1),
            None => material.context().ok(),
        }) else {
            return;
        };
        if change != Change::Moved {
            for source in self.context.sources() {
                if context.rtp_index(source.ssrc) < source.rtp_index {
                    context.resume(source);
                }
            }
        }
        let context = std::mem::replace(&mut self.context, context);
        let material = std::mem::replace(&mut self.material, material.clone());
        if self.retired.len() == MOST_RETIRED {
            self.retired.remove(0);
        }
        self.retired.push((material, context));
    }

    pub fn protect_rtp(
        &mut self,
        ssrc: u32,
        sequence: u16,
        buffer: &mut [u8],
        len: usize,
    ) -> Result<usize, Refusal> {
        let shift = self.shifts.iter_mut().find(|shift| shift.ssrc == ssrc);
        if let Some(shift) = shift.as_ref().filter(|shift| shift.offset != 0) {
            wire::rtp::set_sequence(&mut buffer[..len], sequence.wrapping_add(shift.offset));
        }
        match self.context.protect_rtp(buffer, len) {
            Ok(protected) => {
                if let Some(shift) = shift {
                    shift.run = 0;
                }
                Ok(protected)
            }
            Err(Error::Replay) => self.follow_restart(ssrc, sequence, buffer, len),
            Err(error) => Err(error.into()),
        }
    }

    /// A number that was used is a late packet or a repetition, which receivers do without; several in a row are a
    /// source that began anew. It goes on with the numbers that follow, since receivers drop used ones, too.
    fn follow_restart(
        &mut self,
        ssrc: u32,
        sequence: u16,
        buffer: &mut [u8],
        len: usize,
    ) -> Result<usize, Refusal> {
        let at = self.shifts.iter().position(|shift| shift.ssrc == ssrc).unwrap_or_else(|| {
            if self.shifts.len() == MOST_SHIFTS {
                self.shifts.remove(0);
            }
            self.shifts.push(Shift::of(ssrc));
            self.shifts.len() - 1
        });
        let shift = &mut self.shifts[at];
        shift.run = if shift.run > 0 && shift.next == sequence { shift.run + 1 } else { 1 };
        shift.next = sequence.wrapping_add(1);
        if shift.run < RESTART {
            return Err(Refusal::Replay);
        }
        let highest = self.context.rtp_index(ssrc).unwrap_or_default();
        let resumed = self.resumed.iter().find(|(resumed, _)| *resumed == ssrc);
        // Under another key since the source may be anywhere, and no jump may be further than peers can follow.
        let ahead =
            resumed.map(|(_, bound)| bound.saturating_sub(highest)).filter(|ahead| *ahead < RTP_MARGIN);
        let next = highest + 1 + ahead.unwrap_or_default();
        shift.offset = (next as u16).wrapping_sub(sequence);
        shift.run = 0;
        wire::rtp::set_sequence(&mut buffer[..len], sequence.wrapping_add(shift.offset));
        self.context.protect_rtp(buffer, len).map_err(Refusal::from)
    }

    pub fn protect_rtcp(&mut self, buffer: &mut [u8], len: usize) -> Result<usize, Refusal> {
        self.context.protect_rtcp(buffer, len).map_err(Refusal::from)
    }

    /// Bytes of tail room that protection needs.
    pub fn overhead(&self) -> usize {
        self.context.overhead()
    }

    pub fn material(&self) -> &Material {
        &self.material
    }

    /// A source has been sent under this key by somebody else, up to this index.
    pub fn skip_to(&mut self, ssrc: u32, index: u64) {
        self.context.resume(SourceState { ssrc, rtp_index: Some(index), rtcp_index: Some(RTCP_MARGIN) });
    }

    /// Goes on behind a snapshot, if it is of this key, and behind whatever may have been sent since.
    pub fn resume(&mut self, snapshot: &KeySnapshot) {
        if self.material.plan() != snapshot.key {
            return;
        }
        for SourceSnapshot { ssrc, rtp_index, rtcp_index, sequence_offset } in
            snapshot.sources.iter().copied()
        {
            let rtcp_index = rtcp_index.map(|index| index.saturating_add(RTCP_MARGIN).min(LAST_RTCP_INDEX));
            self.context.resume(SourceState { ssrc, rtp_index, rtcp_index });
            if let Some(index) = rtp_index {
                self.resumed.retain(|(resumed, _)| *resumed != ssrc);
                self.resumed.push((ssrc, index + RTP_MARGIN - 1));
            }
            if sequence_offset != 0 {
                self.shifts.push(Shift { offset: sequence_offset, ..Shift::of(ssrc) });
            }
        }
    }

    pub fn snapshot(&self) -> KeySnapshot {
        let sources = self.context.sources().map(|SourceState { ssrc, rtp_index, rtcp_index }| {
            SourceSnapshot { ssrc, rtp_index, rtcp_index, sequence_offset: self.offset(ssrc) }
        });
        KeySnapshot { key: self.material.plan(), sources: sources.collect() }
    }

    pub fn shifts(&self) -> bool {
        !self.shifts.is_empty()
    }

    pub fn offset(&self, ssrc: u32) -> u16 {
        self.shifts.iter().find(|shift| shift.ssrc == ssrc).map_or(0, |shift| shift.offset)
    }
}

/// A source that goes on from a snapshot shows where it is; one that begins anew does not, and passes over all indices
/// that may have been used since: as far as peers can follow (RFC 3711 §3.3.1), wherever in this range they are.
const RTP_MARGIN: u64 = 0x7fff;
/// SRTCP indices that may have been used since the last snapshot: 17 minutes with 1,000 packets a second. They are sent
/// in full, so that any gap is understood; 2,000 restarts use them up.
const RTCP_MARGIN: u32 = 1 << 20;
const LAST_RTCP_INDEX: u32 = (1 << 31) - 1;
/// Used sequence numbers in a row that are no accident: 100 ms of sound.
const RESTART: u8 = 5;
const MOST_SHIFTS: usize = 16;
const MOST_RETIRED: usize = 8;
