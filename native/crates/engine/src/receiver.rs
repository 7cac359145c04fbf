//! Takes the protection off what a peer sends.

use protocol::{KeySnapshot, SourceSnapshot};
use srtp::{Context, Error, SourceState};

use crate::{
    keys::{Change, Material, Protocol, Refusal},
    moment::Moment,
};

/// What the peer sends.
pub struct Receiver {
    material: Material,
    context: Context,
    former: Option<Box<Former>>,
}

/// The key before the present one.
struct Former {
    material: Material,
    context: Context,
    /// Set when the new key is heard.
    until: Option<Moment>,
}

impl Receiver {
    pub fn new(material: &Material) -> Option<Self> {
        Some(Receiver { material: material.clone(), context: material.context().ok()?, former: None })
    }

    pub fn change(&mut self, material: &Material, change: Change) {
        if self.material == *material {
            if change != Change::Nothing {
                self.let_begin_again();
            }
            return;
        }
        let returning = self.former.take_if(|former| former.material == *material);
        let context = match returning {
            Some(former) => former.context,
            None => {
                let Ok(mut context) = material.context() else { return };
                expect_from(&mut context, &self.context);
                context
            }
        };
        let context = std::mem::replace(&mut self.context, context);
        let material = std::mem::replace(&mut self.material, material.clone());
        self.former = Some(Box::new(Former { material, context, until: None }));
    }

    pub fn material(&self) -> &Material {
        &self.material
    }

    pub fn expect(&mut self, ssrc: u32, index: u64) {
        self.context.expect(ssrc, index);
    }

    /// Goes on where a snapshot was taken, if it is of this key.
    pub fn resume(&mut self, snapshot: &KeySnapshot) {
        if self.material.plan() != snapshot.key {
            return;
        }
        for SourceSnapshot { ssrc, rtp_index, rtcp_index, .. } in snapshot.sources.iter().copied() {
            self.context.resume(SourceState { ssrc, rtp_index, rtcp_index });
        }
    }

    pub fn snapshot(&self) -> KeySnapshot {
        let sources = self.context.sources().map(|SourceState { ssrc, rtp_index, rtcp_index }| {
            SourceSnapshot { ssrc, rtp_index, rtcp_index, sequence_offset: 0 }
        });
        KeySnapshot { key: self.material.plan(), sources: sources.collect() }
    }

    /// Sources beyond their first cycle may begin at 0 again under the same key.
    fn let_begin_again(&mut self) {
        if !self.context.sources().any(|source| is_beyond_first_cycle(&source)) {
            return;
        }
        let Ok(mut context) = self.material.context() else { return };
        for source in self.context.sources() {
            let begins = is_beyond_first_cycle(&source);
            context.resume(SourceState { rtp_index: source.rtp_index.filter(|_| !begins), ..source });
        }
        expect_from(&mut context, &self.context);
        self.context = context;
    }

    pub fn unprotect(
        &mut self,
        now: Moment,
        protocol: Protocol,
        buffer: &mut [u8],
        len: usize,
    ) -> Result<usize, Refusal> {
        let result = unprotect_by(&mut self.context, protocol, buffer, len);
        let Some(former) = &mut self.former else {
            return result.map_err(Refusal::from);
        };
        match result {
            Ok(plain) => {
                let until = *former.until.get_or_insert(now.plus_ms(FORMER_MS));
                if now >= until {
                    self.former = None;
                }
                Ok(plain)
            }
            // Numbers seen under the new key may still come under the old one.
            Err(error) => {
                unprotect_by(&mut former.context, protocol, buffer, len).map_err(|_| Refusal::from(error))
            }
        }
    }
}

fn expect_from(context: &mut Context, before: &Context) {
    for source in before.sources() {
        if let Some(index) = source.rtp_index {
            context.expect(source.ssrc, index);
        }
    }
    for (ssrc, index) in before.expected() {
        context.expect(ssrc, index);
    }
}

fn is_beyond_first_cycle(source: &SourceState) -> bool {
    source.rtp_index.is_some_and(|index| index >> 16 != 0)
}

fn unprotect_by(
    context: &mut Context,
    protocol: Protocol,
    buffer: &mut [u8],
    len: usize,
) -> Result<usize, Error> {
    match protocol {
        Protocol::Rtp { .. } => context.unprotect_rtp(buffer, len),
        Protocol::Rtcp => context.unprotect_rtcp(buffer, len),
    }
}

/// How long the former key is understood once the new one is heard.
pub const FORMER_MS: u64 = 10_000;
