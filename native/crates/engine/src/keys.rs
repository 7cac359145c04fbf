//! SRTP keys towards one peer: contexts of both directions, through changes of keys.
//!
//! What a new key means for the roll-over counter is disputed. RFC 3711 §3.3.1 keeps it when only the key changes;
//! RFC 4568 §7.1.4 begins at 0 where transport addresses are new; some peers begin at 0 with each new key. So:
//!
//! - Receiving, either is followed: the first authentic packet of a source decides. The former key goes on to be
//!   understood until the new one has been heard for [`crate::receiver::FORMER_MS`].
//! - Sending, a new key goes on with the counter, unless the peer's address is new as well: then it begins at 0.
//! - The same key goes on where it was, in both directions. Only if there was signalling, a peer may have begun at
//!   0 again.
//! - A key that comes back goes on where it was left: no index is ever used twice under one key.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use protocol::{KeysSnapshot, SrtpKeyPlan};
use srtp::{Context, Error, MasterKey, Mki, Options, Suite};

use crate::{moment::Moment, receiver::Receiver, sender::Sender};

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

    pub fn context(&self) -> Result<Context, srtp::KeyLength> {
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
        if let (Some(receiver), Some(state)) = (&mut self.receive, &snapshot.receive) {
            receiver.resume(state);
        }
        if let (Some(sender), Some(state)) = (&mut self.send, &snapshot.send) {
            sender.resume(state);
        }
    }

    /// Keys that were snapshot, and only they: those of a handshake nobody is going to repeat.
    pub fn resumed(snapshot: &KeysSnapshot) -> Option<Keys> {
        let material = |state: &Option<protocol::KeySnapshot>| Material::of(&state.as_ref()?.key).ok();
        let mut keys = Keys::default();
        keys.change(&material(&snapshot.receive)?, &material(&snapshot.send)?, Change::Nothing);
        keys.resume(snapshot);
        Some(keys)
    }

    pub fn snapshot(&self) -> Option<KeysSnapshot> {
        let receive = self.receive.as_ref().map(Receiver::snapshot);
        let send = self.send.as_ref().map(Sender::snapshot);
        (receive.is_some() || send.is_some()).then_some(KeysSnapshot { receive, send })
    }

    /// A source the peer has sent under its key before we used it may go on behind this index.
    pub fn expect(&mut self, ssrc: u32, index: u64) {
        if let Some(receiver) = &mut self.receive {
            receiver.expect(ssrc, index);
        }
    }

    /// A source has been sent under our key, by whoever it was borrowed from, up to this index.
    pub fn skip_to(&mut self, ssrc: u32, index: u64) {
        if let Some(sender) = &mut self.send {
            sender.skip_to(ssrc, index);
        }
    }

    pub fn materials(&self) -> Option<(&Material, &Material)> {
        Some((self.receive.as_ref()?.material(), self.send.as_ref()?.material()))
    }

    pub fn suite_in(&self) -> Option<Suite> {
        self.receive.as_ref().map(|receiver| receiver.material().key.suite)
    }

    pub fn suite_out(&self) -> Option<Suite> {
        self.send.as_ref().map(|sender| sender.material().key.suite)
    }

    #[inline]
    pub fn shifts(&self) -> bool {
        self.send.as_ref().is_some_and(Sender::shifts)
    }

    pub fn shift_of(&self, ssrc: u32) -> Option<u16> {
        self.send.as_ref().map(|sender| sender.offset(ssrc))
    }

    /// Bytes of tail room that protection needs.
    pub fn overhead(&self) -> usize {
        self.send.as_ref().map_or(0, Sender::overhead)
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
            Protocol::Rtcp => sender.protect_rtcp(buffer, len),
        }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Refusal {
        match error {
            Error::Malformed | Error::Authentication | Error::UnknownMki => Refusal::NotAuthentic,
            Error::Replay => Refusal::Replay,
            Error::NoRoom | Error::KeyExpired => Refusal::NoKey,
        }
    }
}
