//! SRTP keys towards one peer: contexts of both directions, through changes of keys.
//!
//! What a new key means for the roll-over counter is disputed. RFC 3711 §3.3.1 keeps it when only the key changes;
//! RFC 4568 §7.1.4 begins at 0 where transport addresses are new; some peers begin at 0 with each new key. So:
//!
//! - Receiving, either is followed: the first authentic packet of a source decides. The former key goes on to be
//!   understood until the new one has been heard for [`FORMER_MS`].
//! - Sending, a new key goes on with the counter, unless the peer's address is new as well: then it begins at 0.
//! - The same key goes on where it was, in both directions. Only if there was signalling, a peer may have begun at
//!   0 again.
//! - A key that comes back goes on where it was left: no index is ever used twice under one key.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use protocol::{KeySnapshot, KeysSnapshot, SourceSnapshot, SrtpKeyPlan};
use srtp::{Context, Error, MasterKey, Mki, Options, SourceState, Suite};

use crate::moment::Moment;

/// A master key and how it is used.
#[derive(Clone, PartialEq, Eq)]
pub struct Material {
    key: MasterKey,
    options: Options,
}

/// RTP or RTCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    Rtp { ssrc: u32, sequence: u16 },
    Rtcp,
}

/// Why a packet was not unprotected or protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    NotAuthentic,
    Replay,
    /// There is no key, or it is used up.
    NoKey,
}

/// Contexts of both directions; none until the keys are known.
#[derive(Default)]
pub struct Keys {
    receive: Option<Receiver>,
    send: Option<Sender>,
}

/// Whether signalling lets the peer begin anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Nothing,
    /// There was an offer or answer.
    Signalled,
    /// It named another address of the peer.
    Moved,
}

impl Material {
    pub fn new(key: MasterKey) -> Self {
        Material { key, options: Options::default() }
    }

    /// Reads a plan; says what is wrong with it otherwise.
    pub fn of(plan: &SrtpKeyPlan) -> Result<Self, String> {
        let suite = Suite::named(&plan.suite).ok_or_else(|| format!("{} is no known suite", plan.suite))?;
        let bytes = |text: &str| STANDARD.decode(text).map_err(|error| error.to_string());
        let mki = plan.mki_base64.as_deref().map(bytes).transpose()?.filter(|mki| !mki.is_empty()).map(Mki);
        let (key, salt) = (bytes(&plan.key_base64)?, bytes(&plan.salt_base64)?);
        let options = Options {
            unencrypted_srtp: plan.unencrypted_srtp,
            unencrypted_srtcp: plan.unencrypted_srtcp,
            unauthenticated_srtp: plan.unauthenticated_srtp,
        };
        let material = Material { key: MasterKey { suite, key, salt, mki }, options };
        material.context().map(|_| material).map_err(|error| error.to_string())
    }

    pub fn plan(&self) -> SrtpKeyPlan {
        let MasterKey { suite, key, salt, mki } = &self.key;
        SrtpKeyPlan {
            suite: suite.name().to_owned(),
            key_base64: STANDARD.encode(key),
            salt_base64: STANDARD.encode(salt),
            mki_base64: mki.as_ref().map(|mki| STANDARD.encode(&mki.0)),
            unencrypted_srtp: self.options.unencrypted_srtp,
            unencrypted_srtcp: self.options.unencrypted_srtcp,
            unauthenticated_srtp: self.options.unauthenticated_srtp,
        }
    }

    fn context(&self) -> Result<Context, srtp::KeyLength> {
        Context::new(&self.key, self.options)
    }
}

impl Keys {
    /// Replaces both keys, or lets them go on if they are the same.
    pub fn change(&mut self, receive: &Material, send: &Material, change: Change) {
        match &mut self.receive {
            Some(receiver) => receiver.change(receive, change),
            None => self.receive = Receiver::new(receive),
        }
        match &mut self.send {
            Some(sender) => sender.change(send, change),
            None => self.send = Sender::new(send),
        }
    }

    /// Continues what was snapshot before a restart, as far as the keys are still the same.
    pub fn resume(&mut self, snapshot: &KeysSnapshot) {
        if let (Some(receiver), Some(state)) = (&mut self.receive, &snapshot.receive)
            && receiver.material.plan() == state.key
        {
            state.sources.iter().for_each(|source| receiver.context.resume(position(source, 0)));
        }
        if let (Some(sender), Some(state)) = (&mut self.send, &snapshot.send)
            && sender.material.plan() == state.key
        {
            for source in &state.sources {
                sender.context.resume(position(source, RTCP_MARGIN));
                if source.sequence_offset != 0 {
                    sender.shifts.push(Shift { offset: source.sequence_offset, ..Shift::of(source.ssrc) });
                }
            }
        }
    }

    /// Keys that were snapshot, and only they: those of a handshake nobody is going to repeat.
    pub fn resumed(snapshot: &KeysSnapshot) -> Option<Keys> {
        let material = |state: &Option<KeySnapshot>| Material::of(&state.as_ref()?.key).ok();
        let mut keys = Keys::default();
        keys.change(&material(&snapshot.receive)?, &material(&snapshot.send)?, Change::Nothing);
        keys.resume(snapshot);
        Some(keys)
    }

    pub fn snapshot(&self) -> Option<KeysSnapshot> {
        let receive = self.receive.as_ref().map(|receiver| KeySnapshot {
            key: receiver.material.plan(),
            sources: receiver.context.sources().map(|state| source_snapshot(state, 0)).collect(),
        });
        let send = self.send.as_ref().map(|sender| KeySnapshot {
            key: sender.material.plan(),
            sources: sender
                .context
                .sources()
                .map(|state| source_snapshot(state, sender.offset(state.ssrc)))
                .collect(),
        });
        (receive.is_some() || send.is_some()).then_some(KeysSnapshot { receive, send })
    }

    /// A source the peer has sent under its key before we used it may go on behind this index.
    pub fn expect(&mut self, ssrc: u32, index: u64) {
        if let Some(receiver) = &mut self.receive {
            receiver.context.expect(ssrc, index);
        }
    }

    /// A source has been sent under our key, by whoever it was borrowed from, up to this index.
    pub fn skip_to(&mut self, ssrc: u32, index: u64) {
        if let Some(sender) = &mut self.send {
            sender.context.resume(SourceState {
                ssrc,
                rtp_index: Some(index),
                rtcp_index: Some(RTCP_MARGIN),
            });
        }
    }

    pub fn materials(&self) -> Option<(&Material, &Material)> {
        Some((&self.receive.as_ref()?.material, &self.send.as_ref()?.material))
    }

    pub fn suite_in(&self) -> Option<Suite> {
        self.receive.as_ref().map(|receiver| receiver.context.suite())
    }

    pub fn suite_out(&self) -> Option<Suite> {
        self.send.as_ref().map(|sender| sender.context.suite())
    }

    /// Bytes of tail room that protection needs.
    pub fn overhead(&self) -> usize {
        self.send.as_ref().map_or(0, |sender| sender.context.overhead())
    }

    /// Authenticates and decrypts `buffer[..len]`; returns the new length.
    pub fn unprotect(
        &mut self,
        now: Moment,
        protocol: Protocol,
        buffer: &mut [u8],
        len: usize,
    ) -> Result<usize, Refusal> {
        let Some(receiver) = &mut self.receive else {
            return Err(Refusal::NoKey);
        };
        receiver.unprotect(now, protocol, buffer, len)
    }

    /// Protects `buffer[..len]`, which has tail room; returns the new length.
    pub fn protect(&mut self, protocol: Protocol, buffer: &mut [u8], len: usize) -> Result<usize, Refusal> {
        let Some(sender) = &mut self.send else {
            return Err(Refusal::NoKey);
        };
        match protocol {
            Protocol::Rtp { ssrc, sequence } => sender.protect_rtp(ssrc, sequence, buffer, len),
            Protocol::Rtcp => sender.context.protect_rtcp(buffer, len).map_err(refusal),
        }
    }
}

struct Receiver {
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
    fn new(material: &Material) -> Option<Self> {
        Some(Receiver { material: material.clone(), context: material.context().ok()?, former: None })
    }

    fn change(&mut self, material: &Material, change: Change) {
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

    fn unprotect(
        &mut self,
        now: Moment,
        protocol: Protocol,
        buffer: &mut [u8],
        len: usize,
    ) -> Result<usize, Refusal> {
        let result = unprotect_by(&mut self.context, protocol, buffer, len);
        let Some(former) = &mut self.former else {
            return result.map_err(refusal);
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
                unprotect_by(&mut former.context, protocol, buffer, len).map_err(|_| refusal(error))
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

struct Sender {
    material: Material,
    context: Context,
    shifts: Vec<Shift>,
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
    fn new(material: &Material) -> Option<Self> {
        let context = material.context().ok()?;
        Some(Sender { material: material.clone(), context, shifts: Vec::new(), retired: Vec::new() })
    }

    fn change(&mut self, material: &Material, change: Change) {
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

    fn protect_rtp(
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
            Err(error) => Err(refusal(error)),
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
        let highest = self.context.rtp_index(ssrc).unwrap_or_default() as u16;
        shift.offset = highest.wrapping_add(1).wrapping_sub(sequence);
        shift.run = 0;
        wire::rtp::set_sequence(&mut buffer[..len], sequence.wrapping_add(shift.offset));
        self.context.protect_rtp(buffer, len).map_err(refusal)
    }

    fn offset(&self, ssrc: u32) -> u16 {
        self.shifts.iter().find(|shift| shift.ssrc == ssrc).map_or(0, |shift| shift.offset)
    }
}

fn refusal(error: Error) -> Refusal {
    match error {
        Error::Malformed | Error::Authentication | Error::UnknownMki => Refusal::NotAuthentic,
        Error::Replay => Refusal::Replay,
        Error::NoRoom | Error::KeyExpired => Refusal::NoKey,
    }
}

fn source_snapshot(state: SourceState, sequence_offset: u16) -> SourceSnapshot {
    let SourceState { ssrc, rtp_index, rtcp_index } = state;
    SourceSnapshot { ssrc, rtp_index, rtcp_index, sequence_offset }
}

fn position(source: &SourceSnapshot, rtcp_margin: u32) -> SourceState {
    SourceState {
        ssrc: source.ssrc,
        rtp_index: source.rtp_index,
        rtcp_index: source.rtcp_index.map(|index| index.saturating_add(rtcp_margin).min(LAST_RTCP_INDEX)),
    }
}

/// How long the former key is understood once the new one is heard.
const FORMER_MS: u64 = 10_000;
/// SRTCP indices that may have been used since the last snapshot, generously.
const RTCP_MARGIN: u32 = 4096;
const LAST_RTCP_INDEX: u32 = (1 << 31) - 1;
/// Used sequence numbers in a row that are no accident: 100 ms of sound.
const RESTART: u8 = 5;
const MOST_SHIFTS: usize = 16;
const MOST_RETIRED: usize = 8;
