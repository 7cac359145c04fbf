//! One direction of one SRTP stream: session keys, and the state of each source.

use aes_gcm::KeyInit;
use hmac::{Hmac, Mac};
use sha1::Sha1;
use subtle::ConstantTimeEq;

use crate::cipher::{Aes, Cipher, Nonce};
use crate::index::Index;
use crate::kdf::{Label, derive};
use crate::suite::CipherKind;
use crate::{Error, KeyLength, Suite};

/// Sources kept per context; the one idle longest gives way to a new authenticated one.
const MAX_SOURCES: usize = 16;
const RTCP_INDEX_END: u32 = 1 << 31;
const E_BIT: u32 = 1 << 31;
const RTCP_HEADER: usize = 8;
const MAX_MKI: usize = 128;

/// Master key and salt of one direction, as negotiated.
#[derive(Clone, PartialEq, Eq)]
pub struct MasterKey {
    pub suite: Suite,
    pub key: Vec<u8>,
    pub salt: Vec<u8>,
    pub mki: Option<Mki>,
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Keys never reach a log.
        formatter.debug_struct("MasterKey").field("suite", &self.suite).finish_non_exhaustive()
    }
}

/// Master key identifier, sent behind the payload (RFC 3711 §3.1). 1 to 128 bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mki(pub Vec<u8>);

/// Session parameters of RFC 4568 §6.3.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    pub unencrypted_srtp: bool,
    pub unencrypted_srtcp: bool,
    pub unauthenticated_srtp: bool,
}

/// What has to be known of a source to continue it elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceState {
    pub ssrc: u32,
    /// Highest 48-bit RTP index; `None` before the first packet.
    pub rtp_index: Option<u64>,
    /// Highest SRTCP index; `None` before the first packet.
    pub rtcp_index: Option<u32>,
}

/// Keyed state of one direction.
pub struct Context {
    suite: Suite,
    options: Options,
    mki: Vec<u8>,
    rtp: Keys,
    rtcp: Keys,
    sources: Vec<Source>,
    clock: u64,
    /// Indices at which sources without a packet so far may go on.
    expected: Vec<(u32, u64)>,
}

struct Keys {
    cipher: Cipher,
    /// Keyed once, cloned per packet: spares two of the SHA-1 blocks.
    mac: Option<Hmac<Sha1>>,
}

struct Source {
    ssrc: u32,
    rtp: Index,
    rtcp: Index,
    used: u64,
}

impl Context {
    /// Derives the session keys.
    pub fn new(master: &MasterKey, options: Options) -> Result<Self, KeyLength> {
        let suite = master.suite;
        let mismatch = || KeyLength {
            suite,
            needed: suite.key_length() + suite.salt_length(),
            given: master.key.len() + master.salt.len(),
        };
        if master.key.len() != suite.key_length() || master.salt.len() != suite.salt_length() {
            return Err(mismatch());
        }
        let mki = master.mki.as_ref().map(|mki| mki.0.clone()).unwrap_or_default();
        if mki.len() > MAX_MKI {
            return Err(mismatch());
        }
        let aes = Aes::new(&master.key).ok_or_else(mismatch)?;
        let keys = |encryption, authentication, salt| {
            Keys::derive(suite, &aes, &master.salt, [encryption, authentication, salt]).ok_or_else(mismatch)
        };
        Ok(Self {
            suite,
            options,
            mki,
            rtp: keys(Label::RtpEncryption, Label::RtpAuthentication, Label::RtpSalt)?,
            rtcp: keys(Label::RtcpEncryption, Label::RtcpAuthentication, Label::RtcpSalt)?,
            sources: Vec::new(),
            clock: 0,
            expected: Vec::new(),
        })
    }

    pub fn suite(&self) -> Suite {
        self.suite
    }

    /// Bytes of tail room that protection needs.
    pub fn overhead(&self) -> usize {
        self.suite.overhead() + self.mki.len()
    }

    /// State of all sources, to continue elsewhere with [`Context::resume`].
    pub fn sources(&self) -> impl Iterator<Item = SourceState> + '_ {
        self.sources.iter().map(|source| SourceState {
            ssrc: source.ssrc,
            rtp_index: source.rtp.started().then(|| source.rtp.highest()),
            rtcp_index: source.rtcp.started().then(|| source.rtcp.highest() as u32),
        })
    }

    /// Continues a source. All indices up to the given ones count as used.
    pub fn resume(&mut self, state: SourceState) {
        let slot = self.slot(state.ssrc);
        let source = &mut self.sources[slot];
        source.rtp = state.rtp_index.map_or_else(Index::default, Index::resumed);
        source.rtcp = state.rtcp_index.map_or_else(Index::default, |index| Index::resumed(u64::from(index)));
    }

    /// A source that starts under this key may go on behind `index`: RFC 3711 §3.3.1 keeps the roll-over counter
    /// when only the key changes, RFC 4568 §7.1.4 begins again at 0, and peers do either. The first authentic
    /// packet decides.
    pub fn expect(&mut self, ssrc: u32, index: u64) {
        self.expected.retain(|(known, _)| *known != ssrc);
        if self.expected.len() < MAX_SOURCES {
            self.expected.push((ssrc, index));
        }
    }

    /// Sources without a packet so far, and the indices they may go on behind.
    pub fn expected(&self) -> impl Iterator<Item = (u32, u64)> + '_ {
        self.expected.iter().copied()
    }

    /// Highest RTP index of a source.
    pub fn rtp_index(&self, ssrc: u32) -> Option<u64> {
        let source = self.sources.iter().find(|source| source.ssrc == ssrc)?;
        source.rtp.started().then(|| source.rtp.highest())
    }

    /// Starts a source of our own in cycle `roc`.
    pub fn start_in_cycle(&mut self, ssrc: u32, roc: u32) {
        let slot = self.slot(ssrc);
        if !self.sources[slot].rtp.started() {
            self.sources[slot].rtp = Index::in_cycle(roc);
        }
    }

    /// Protects the RTP packet `buffer[..length]` and returns its new length.
    pub fn protect_rtp(&mut self, buffer: &mut [u8], length: usize) -> Result<usize, Error> {
        let header = rtp_header(&buffer[..length])?;
        let end = length + self.suite.rtp_tag_length() + self.mki.len();
        if end > buffer.len() {
            return Err(Error::NoRoom);
        }
        let (ssrc, sequence) = (header.ssrc, header.sequence);
        let slot = self.slot(ssrc);
        let index = self.sources[slot].rtp.of(sequence).ok_or(Error::KeyExpired)?;
        if !self.sources[slot].rtp.is_fresh(index) {
            return Err(Error::Replay);
        }

        let (packet, tail) = buffer.split_at_mut(length);
        let (head, payload) = packet.split_at_mut(header.length);
        let nonce = Nonce { ssrc, index, header: &head[..12], rtcp_trailer: None };
        if self.suite.kind() == CipherKind::Gcm {
            let tag = self.rtp.cipher.seal(&nonce, head, payload).ok_or(Error::Malformed)?;
            tail[..16].copy_from_slice(&tag);
            tail[16..16 + self.mki.len()].copy_from_slice(&self.mki);
            self.sources[slot].rtp.commit(index);
            return Ok(end);
        }
        if !self.options.unencrypted_srtp {
            self.rtp.cipher.apply(&nonce, payload);
        }
        let mki = self.mki.len();
        tail[..mki].copy_from_slice(&self.mki);
        self.sources[slot].rtp.commit(index);
        if self.options.unauthenticated_srtp {
            return Ok(length + mki);
        }
        // The tag covers the packet and the roll-over counter, not the MKI (RFC 3711 §4.2).
        let tag = self.rtp.tag(packet, &((index >> 16) as u32).to_be_bytes());
        let tag_length = self.suite.rtp_tag_length();
        tail[mki..mki + tag_length].copy_from_slice(&tag[..tag_length]);
        Ok(end)
    }

    /// Authenticates and decrypts the SRTP packet `buffer[..length]` and returns the length of the RTP packet.
    /// On an error the buffer is as it was, and so is the context.
    pub fn unprotect_rtp(&mut self, buffer: &mut [u8], length: usize) -> Result<usize, Error> {
        let header = rtp_header(&buffer[..length])?;
        let known = self.sources.iter().position(|source| source.ssrc == header.ssrc);
        let state = known.map_or_else(Index::default, |slot| self.sources[slot].rtp);
        let expected = self.expected.iter().position(|(ssrc, _)| *ssrc == header.ssrc && !state.started());
        let gone_on = expected.map(|at| Index::resumed(self.expected[at].1));
        let first = gone_on.map(|state| (self.try_unprotect_rtp(buffer, length, &header, &state), state));
        let (plain, index, state) = match first {
            Some((Ok((plain, index)), gone_on)) => (plain, index, gone_on),
            None | Some((Err(_), _)) => {
                let (plain, index) = self.try_unprotect_rtp(buffer, length, &header, &state)?;
                (plain, index, state)
            }
        };
        if let Some(at) = expected {
            self.expected.swap_remove(at);
        }
        let slot = self.slot(header.ssrc);
        self.sources[slot].rtp = state;
        self.sources[slot].rtp.commit(index);
        Ok(plain)
    }

    fn try_unprotect_rtp(
        &self,
        buffer: &mut [u8],
        length: usize,
        header: &RtpHeader,
        state: &Index,
    ) -> Result<(usize, u64), Error> {
        let index = state.of(header.sequence).ok_or(Error::KeyExpired)?;
        if !state.is_fresh(index) {
            return Err(Error::Replay);
        }
        let gcm = self.suite.kind() == CipherKind::Gcm;
        let tag_length =
            if self.options.unauthenticated_srtp && !gcm { 0 } else { self.suite.rtp_tag_length() };
        let plain = length
            .checked_sub(tag_length + self.mki.len())
            .filter(|plain| *plain >= header.length)
            .ok_or(Error::Malformed)?;
        // GCM: payload, tag, MKI (RFC 7714 §8.2). Otherwise: payload, MKI, tag (RFC 3711 §3.1).
        let mki_at = if gcm { plain + tag_length } else { plain };
        if buffer[mki_at..mki_at + self.mki.len()] != self.mki[..] {
            return Err(Error::UnknownMki);
        }
        let (packet, tail) = buffer.split_at_mut(plain);
        if gcm {
            let (head, payload) = packet.split_at_mut(header.length);
            let nonce = Nonce { ssrc: header.ssrc, index, header: &head[..12], rtcp_trailer: None };
            let tag = tail.first_chunk::<16>().ok_or(Error::Malformed)?;
            self.rtp.cipher.open(&nonce, head, payload, tag)?;
            return Ok((plain, index));
        }
        let tag = self.rtp.tag(packet, &((index >> 16) as u32).to_be_bytes());
        let given = &tail[self.mki.len()..self.mki.len() + tag_length];
        if !bool::from(tag[..tag_length].ct_eq(given)) {
            return Err(Error::Authentication);
        }
        if !self.options.unencrypted_srtp {
            let (head, payload) = packet.split_at_mut(header.length);
            let nonce = Nonce { ssrc: header.ssrc, index, header: &head[..12], rtcp_trailer: None };
            self.rtp.cipher.apply(&nonce, payload);
        }
        Ok((plain, index))
    }

    /// Protects the RTCP packet `buffer[..length]` and returns its new length.
    pub fn protect_rtcp(&mut self, buffer: &mut [u8], length: usize) -> Result<usize, Error> {
        let ssrc = rtcp_ssrc(&buffer[..length])?;
        let tag_length = self.suite.rtcp_tag_length();
        let mki = self.mki.len();
        let end = length + 4 + tag_length + mki;
        if end > buffer.len() {
            return Err(Error::NoRoom);
        }
        let slot = self.slot(ssrc);
        let last = &self.sources[slot].rtcp;
        let index = if last.started() { last.highest() as u32 + 1 } else { 0 };
        if index >= RTCP_INDEX_END {
            return Err(Error::KeyExpired);
        }
        // libsrtp refuses the E bit with a NULL cipher.
        let encrypt = !self.options.unencrypted_srtcp && self.suite.kind() != CipherKind::Null;
        let trailer = index | if encrypt { E_BIT } else { 0 };

        let (packet, tail) = buffer.split_at_mut(length);
        let (head, payload) = packet.split_at_mut(RTCP_HEADER);
        let header: [u8; RTCP_HEADER] = (&*head).try_into().map_err(|_| Error::Malformed)?;
        let nonce = Nonce { ssrc, index: u64::from(index), header: &header, rtcp_trailer: Some(trailer) };
        self.sources[slot].rtcp.commit(u64::from(index));
        if self.suite.kind() == CipherKind::Gcm {
            // Ciphertext, tag, E bit and index, MKI (RFC 7714 §9.2).
            let tag = if encrypt {
                let mut aad = [0; RTCP_HEADER + 4];
                aad[..RTCP_HEADER].copy_from_slice(&header);
                aad[RTCP_HEADER..].copy_from_slice(&trailer.to_be_bytes());
                self.rtcp.cipher.seal(&nonce, &aad, payload)
            } else {
                // Everything is associated data (RFC 7714 §9.3): the packet, then the trailer.
                tail[..4].copy_from_slice(&trailer.to_be_bytes());
                self.rtcp.cipher.seal(&nonce, &buffer[..length + 4], &mut [])
            };
            let tag = tag.ok_or(Error::Malformed)?;
            buffer[length..length + 16].copy_from_slice(&tag);
            buffer[length + 16..length + 20].copy_from_slice(&trailer.to_be_bytes());
            buffer[length + 20..end].copy_from_slice(&self.mki);
            return Ok(end);
        }
        if encrypt {
            self.rtcp.cipher.apply(&nonce, payload);
        }
        // Payload, E bit and index, MKI, tag (RFC 3711 §3.4).
        tail[..4].copy_from_slice(&trailer.to_be_bytes());
        tail[4..4 + mki].copy_from_slice(&self.mki);
        let tag = self.rtcp.tag(packet, &trailer.to_be_bytes());
        tail[4 + mki..4 + mki + tag_length].copy_from_slice(&tag[..tag_length]);
        Ok(end)
    }

    /// Authenticates and decrypts the SRTCP packet `buffer[..length]` and returns the length of the RTCP packet.
    /// On an error the context is as it was.
    pub fn unprotect_rtcp(&mut self, buffer: &mut [u8], length: usize) -> Result<usize, Error> {
        let ssrc = rtcp_ssrc(&buffer[..length])?;
        let tag_length = self.suite.rtcp_tag_length();
        let mki = self.mki.len();
        let plain = length
            .checked_sub(4 + tag_length + mki)
            .filter(|plain| *plain >= RTCP_HEADER)
            .ok_or(Error::Malformed)?;
        let gcm = self.suite.kind() == CipherKind::Gcm;
        let (trailer_at, mki_at, tag_at) = if gcm {
            (plain + tag_length, plain + tag_length + 4, plain)
        } else {
            (plain, plain + 4, plain + 4 + mki)
        };
        if buffer[mki_at..mki_at + mki] != self.mki[..] {
            return Err(Error::UnknownMki);
        }
        let trailer =
            u32::from_be_bytes(buffer[trailer_at..].first_chunk::<4>().copied().ok_or(Error::Malformed)?);
        let index = u64::from(trailer & !E_BIT);
        let encrypted = trailer & E_BIT != 0;
        let known = self.sources.iter().position(|source| source.ssrc == ssrc);
        if known.is_some_and(|slot| !self.sources[slot].rtcp.is_fresh(index)) {
            return Err(Error::Replay);
        }

        let header: [u8; RTCP_HEADER] =
            buffer.first_chunk::<RTCP_HEADER>().copied().ok_or(Error::Malformed)?;
        let nonce = Nonce { ssrc, index, header: &header, rtcp_trailer: Some(trailer) };
        if gcm {
            let tag: [u8; 16] = buffer[tag_at..].first_chunk::<16>().copied().ok_or(Error::Malformed)?;
            if encrypted {
                let mut aad = [0; RTCP_HEADER + 4];
                aad[..RTCP_HEADER].copy_from_slice(&header);
                aad[RTCP_HEADER..].copy_from_slice(&trailer.to_be_bytes());
                self.rtcp.cipher.open(&nonce, &aad, &mut buffer[RTCP_HEADER..plain], &tag)?;
            } else {
                let mut tail = [0; 20];
                tail.copy_from_slice(&buffer[plain..plain + 20]);
                buffer[plain..plain + 4].copy_from_slice(&trailer.to_be_bytes());
                let opened = self.rtcp.cipher.open(&nonce, &buffer[..plain + 4], &mut [], &tag);
                buffer[plain..plain + 20].copy_from_slice(&tail);
                opened?;
            }
        } else {
            let tag = self.rtcp.tag(&buffer[..plain], &trailer.to_be_bytes());
            if !bool::from(tag[..tag_length].ct_eq(&buffer[tag_at..tag_at + tag_length])) {
                return Err(Error::Authentication);
            }
            if encrypted {
                self.rtcp.cipher.apply(&nonce, &mut buffer[RTCP_HEADER..plain]);
            }
        }
        let slot = self.slot(ssrc);
        self.sources[slot].rtcp.commit(index);
        Ok(plain)
    }

    /// Finds the source or makes room for it. Only for sources that are ours or authenticated.
    fn slot(&mut self, ssrc: u32) -> usize {
        self.clock += 1;
        let slot = match self.sources.iter().position(|source| source.ssrc == ssrc) {
            Some(slot) => slot,
            None => {
                let source = Source { ssrc, rtp: Index::default(), rtcp: Index::default(), used: 0 };
                if self.sources.len() < MAX_SOURCES {
                    self.sources.push(source);
                    self.sources.len() - 1
                } else {
                    let idlest = (0..MAX_SOURCES).min_by_key(|slot| self.sources[*slot].used).unwrap_or(0);
                    self.sources[idlest] = source;
                    idlest
                }
            }
        };
        self.sources[slot].used = self.clock;
        slot
    }
}

impl Keys {
    fn derive(suite: Suite, aes: &Aes, salt: &[u8], labels: [Label; 3]) -> Option<Self> {
        let [encryption, authentication, salting] = labels;
        let mut key = [0; 32];
        let key = &mut key[..suite.key_length()];
        derive(aes, salt, encryption, key);
        let mut session_salt = [0; 14];
        derive(aes, salt, salting, &mut session_salt[..suite.salt_length()]);
        let mut mac_key = [0; 20];
        derive(aes, salt, authentication, &mut mac_key);

        let gcm_salt = || session_salt.first_chunk::<12>().copied();
        let cipher = match suite.kind() {
            CipherKind::Counter => Cipher::Counter { aes: Aes::new(key)?, salt: session_salt },
            CipherKind::F8 => Cipher::f8(key, &session_salt)?,
            CipherKind::Null => Cipher::Null,
            CipherKind::Gcm if key.len() == 16 => Cipher::Gcm128 {
                gcm: Box::new(aes_gcm::Aes128Gcm::new_from_slice(key).ok()?),
                salt: gcm_salt()?,
            },
            CipherKind::Gcm => Cipher::Gcm256 {
                gcm: Box::new(aes_gcm::Aes256Gcm::new_from_slice(key).ok()?),
                salt: gcm_salt()?,
            },
        };
        let mac = match suite.kind() {
            CipherKind::Gcm => None,
            CipherKind::Counter | CipherKind::F8 | CipherKind::Null => {
                Some(<Hmac<Sha1> as KeyInit>::new_from_slice(&mac_key).ok()?)
            }
        };
        Some(Self { cipher, mac })
    }

    /// HMAC-SHA1 over the packet and what follows it virtually (RFC 3711 §4.2). All zero with AES-GCM.
    fn tag(&self, packet: &[u8], suffix: &[u8]) -> [u8; 20] {
        let Some(mac) = &self.mac else { return [0; 20] };
        let mut mac = mac.clone();
        mac.update(packet);
        mac.update(suffix);
        mac.finalize().into_bytes().into()
    }
}

struct RtpHeader {
    ssrc: u32,
    sequence: u16,
    /// With CSRCs and header extension (RFC 3550 §5.1, §5.3.1).
    length: usize,
}

fn rtp_header(packet: &[u8]) -> Result<RtpHeader, Error> {
    let fixed = packet.first_chunk::<12>().ok_or(Error::Malformed)?;
    if fixed[0] >> 6 != 2 {
        return Err(Error::Malformed);
    }
    let mut length = 12 + usize::from(fixed[0] & 0x0f) * 4;
    if fixed[0] & 0x10 != 0 {
        let extension =
            packet.get(length..).and_then(|rest| rest.first_chunk::<4>()).ok_or(Error::Malformed)?;
        length += 4 + usize::from(u16::from_be_bytes([extension[2], extension[3]])) * 4;
    }
    if length > packet.len() {
        return Err(Error::Malformed);
    }
    Ok(RtpHeader {
        ssrc: u32::from_be_bytes([fixed[8], fixed[9], fixed[10], fixed[11]]),
        sequence: u16::from_be_bytes([fixed[2], fixed[3]]),
        length,
    })
}

fn rtcp_ssrc(packet: &[u8]) -> Result<u32, Error> {
    let fixed = packet.first_chunk::<RTCP_HEADER>().ok_or(Error::Malformed)?;
    if fixed[0] >> 6 != 2 {
        return Err(Error::Malformed);
    }
    Ok(u32::from_be_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]))
}
