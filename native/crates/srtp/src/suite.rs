//! The table of crypto suites.

/// A crypto suite by its SDP name (RFC 4568 §6.2, RFC 6188 §4, RFC 7714 §14.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Suite {
    AeadAes256Gcm,
    AeadAes128Gcm,
    Aes256CmHmacSha1_80,
    Aes256CmHmacSha1_32,
    Aes192CmHmacSha1_80,
    Aes192CmHmacSha1_32,
    AesCm128HmacSha1_80,
    AesCm128HmacSha1_32,
    F8_128HmacSha1_80,
    F8_128HmacSha1_32,
    NullHmacSha1_80,
    NullHmacSha1_32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CipherKind {
    Counter,
    F8,
    Gcm,
    Null,
}

impl Suite {
    /// All suites, strongest first.
    pub const ALL: [Suite; 12] = [
        Suite::AeadAes256Gcm,
        Suite::AeadAes128Gcm,
        Suite::Aes256CmHmacSha1_80,
        Suite::Aes256CmHmacSha1_32,
        Suite::Aes192CmHmacSha1_80,
        Suite::Aes192CmHmacSha1_32,
        Suite::AesCm128HmacSha1_80,
        Suite::AesCm128HmacSha1_32,
        Suite::F8_128HmacSha1_80,
        Suite::F8_128HmacSha1_32,
        Suite::NullHmacSha1_80,
        Suite::NullHmacSha1_32,
    ];

    /// Name in `a=crypto`.
    pub fn name(self) -> &'static str {
        match self {
            Suite::AeadAes256Gcm => "AEAD_AES_256_GCM",
            Suite::AeadAes128Gcm => "AEAD_AES_128_GCM",
            Suite::Aes256CmHmacSha1_80 => "AES_256_CM_HMAC_SHA1_80",
            Suite::Aes256CmHmacSha1_32 => "AES_256_CM_HMAC_SHA1_32",
            Suite::Aes192CmHmacSha1_80 => "AES_192_CM_HMAC_SHA1_80",
            Suite::Aes192CmHmacSha1_32 => "AES_192_CM_HMAC_SHA1_32",
            Suite::AesCm128HmacSha1_80 => "AES_CM_128_HMAC_SHA1_80",
            Suite::AesCm128HmacSha1_32 => "AES_CM_128_HMAC_SHA1_32",
            Suite::F8_128HmacSha1_80 => "F8_128_HMAC_SHA1_80",
            Suite::F8_128HmacSha1_32 => "F8_128_HMAC_SHA1_32",
            Suite::NullHmacSha1_80 => "NULL_HMAC_SHA1_80",
            Suite::NullHmacSha1_32 => "NULL_HMAC_SHA1_32",
        }
    }

    /// Finds a suite by its SDP name.
    pub fn named(name: &str) -> Option<Self> {
        Suite::ALL.into_iter().find(|suite| suite.name() == name)
    }

    /// Bytes of the master key.
    pub fn key_length(self) -> usize {
        match self {
            Suite::AeadAes256Gcm | Suite::Aes256CmHmacSha1_80 | Suite::Aes256CmHmacSha1_32 => 32,
            Suite::Aes192CmHmacSha1_80 | Suite::Aes192CmHmacSha1_32 => 24,
            Suite::AeadAes128Gcm
            | Suite::AesCm128HmacSha1_80
            | Suite::AesCm128HmacSha1_32
            | Suite::F8_128HmacSha1_80
            | Suite::F8_128HmacSha1_32
            | Suite::NullHmacSha1_80
            | Suite::NullHmacSha1_32 => 16,
        }
    }

    /// Bytes of the master salt: 14, with AES-GCM 12 (RFC 7714 §12).
    pub fn salt_length(self) -> usize {
        if self.kind() == CipherKind::Gcm { 12 } else { 14 }
    }

    /// Bytes of the authentication tag of an RTP packet.
    pub fn rtp_tag_length(self) -> usize {
        match self {
            Suite::AeadAes256Gcm | Suite::AeadAes128Gcm => 16,
            Suite::Aes256CmHmacSha1_32
            | Suite::Aes192CmHmacSha1_32
            | Suite::AesCm128HmacSha1_32
            | Suite::F8_128HmacSha1_32
            | Suite::NullHmacSha1_32 => 4,
            Suite::Aes256CmHmacSha1_80
            | Suite::Aes192CmHmacSha1_80
            | Suite::AesCm128HmacSha1_80
            | Suite::F8_128HmacSha1_80
            | Suite::NullHmacSha1_80 => 10,
        }
    }

    /// Bytes of the authentication tag of an RTCP packet: the 80-bit tag also with the `_32` suites
    /// (RFC 4568 §6.2.2, RFC 6188 §4).
    pub fn rtcp_tag_length(self) -> usize {
        if self.kind() == CipherKind::Gcm { 16 } else { 10 }
    }

    /// Most bytes that protection adds, without the MKI.
    pub fn overhead(self) -> usize {
        self.rtcp_tag_length() + 4
    }

    pub(crate) fn kind(self) -> CipherKind {
        match self {
            Suite::AeadAes256Gcm | Suite::AeadAes128Gcm => CipherKind::Gcm,
            Suite::F8_128HmacSha1_80 | Suite::F8_128HmacSha1_32 => CipherKind::F8,
            Suite::NullHmacSha1_80 | Suite::NullHmacSha1_32 => CipherKind::Null,
            Suite::Aes256CmHmacSha1_80
            | Suite::Aes256CmHmacSha1_32
            | Suite::Aes192CmHmacSha1_80
            | Suite::Aes192CmHmacSha1_32
            | Suite::AesCm128HmacSha1_80
            | Suite::AesCm128HmacSha1_32 => CipherKind::Counter,
        }
    }
}
