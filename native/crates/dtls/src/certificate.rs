//! The node's certificate and fingerprints.

use openssl::asn1::{Asn1Time, Asn1TimeRef};
use openssl::bn::{BigNum, MsbOption};
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, Private};
use openssl::rsa::Rsa;
use openssl::ssl::SslContext;
use openssl::x509::{X509, X509NameBuilder, X509Ref};

use crate::SetupError;
use crate::association::{Role, context};

/// Kind of a generated key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// NIST P-256, what browsers use.
    EcdsaP256,
    /// RSA with so many bits.
    Rsa(u32),
}

/// Hash functions of `a=fingerprint` (RFC 8122 §5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FingerprintHash {
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

impl FingerprintHash {
    /// Finds a hash by its name in SDP, in any case.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Sha1, Self::Sha224, Self::Sha256, Self::Sha384, Self::Sha512]
            .into_iter()
            .find(|hash| hash.name().eq_ignore_ascii_case(name))
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "sha-1",
            Self::Sha224 => "sha-224",
            Self::Sha256 => "sha-256",
            Self::Sha384 => "sha-384",
            Self::Sha512 => "sha-512",
        }
    }

    fn digest(self) -> MessageDigest {
        match self {
            Self::Sha1 => MessageDigest::sha1(),
            Self::Sha224 => MessageDigest::sha224(),
            Self::Sha256 => MessageDigest::sha256(),
            Self::Sha384 => MessageDigest::sha384(),
            Self::Sha512 => MessageDigest::sha512(),
        }
    }
}

/// A certificate with its private key, and OpenSSL set up to use it; cheap to clone.
#[derive(Clone)]
pub struct Certificate {
    certificate: X509,
    key: PKey<Private>,
    as_client: SslContext,
    as_server: SslContext,
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Certificate").finish_non_exhaustive()
    }
}

impl Certificate {
    /// Makes a self-signed certificate, valid from yesterday on for longer than any pause between rotations.
    pub fn generate(kind: KeyKind) -> Result<Self, SetupError> {
        let key = match kind {
            KeyKind::EcdsaP256 => {
                let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
                PKey::from_ec_key(EcKey::generate(&group)?)?
            }
            KeyKind::Rsa(bits) => PKey::from_rsa(Rsa::generate(bits)?)?,
        };
        let mut serial = BigNum::new()?;
        serial.rand(127, MsbOption::MAYBE_ZERO, false)?;
        let mut name = X509NameBuilder::new()?;
        name.append_entry_by_text("CN", "tandem")?;
        let name = name.build();
        let mut builder = X509::builder()?;
        builder.set_version(2)?;
        let serial = serial.to_asn1_integer()?;
        builder.set_serial_number(&serial)?;
        builder.set_subject_name(&name)?;
        builder.set_issuer_name(&name)?;
        let yesterday = Asn1Time::from_unix(now_unix() - 86_400)?;
        builder.set_not_before(&yesterday)?;
        let end = Asn1Time::days_from_now(VALID_DAYS)?;
        builder.set_not_after(&end)?;
        builder.set_pubkey(&key)?;
        builder.sign(&key, MessageDigest::sha256())?;
        Self::new(builder.build(), key)
    }

    /// Reads certificate and private key in PEM.
    pub fn from_pem(certificate: &[u8], key: &[u8]) -> Result<Self, SetupError> {
        Self::new(X509::from_pem(certificate)?, PKey::private_key_from_pem(key)?)
    }

    fn new(certificate: X509, key: PKey<Private>) -> Result<Self, SetupError> {
        let [as_client, as_server] =
            [Role::Client, Role::Server].map(|role| context(&certificate, &key, role));
        Ok(Self { certificate, key, as_client: as_client?, as_server: as_server? })
    }

    pub(crate) fn context(&self, role: Role) -> &SslContext {
        match role {
            Role::Client => &self.as_client,
            Role::Server => &self.as_server,
        }
    }

    /// Certificate and private key in PEM, for a file that only we can read.
    pub fn to_pem(&self) -> Result<(Vec<u8>, Vec<u8>), SetupError> {
        Ok((self.certificate.to_pem()?, self.key.private_key_to_pem_pkcs8()?))
    }

    /// The kind of its key; `None` if it is neither ECDSA nor RSA.
    pub fn key_kind(&self) -> Option<KeyKind> {
        match self.key.id() {
            Id::EC => Some(KeyKind::EcdsaP256),
            Id::RSA => Some(KeyKind::Rsa(self.key.bits())),
            _ => None,
        }
    }

    /// When it begins and ceases to be valid, in seconds since 1970.
    pub fn validity(&self) -> Result<(i64, i64), SetupError> {
        let epoch = Asn1Time::from_unix(0)?;
        let seconds = |time: &Asn1TimeRef| {
            let since = epoch.diff(time)?;
            Ok::<i64, SetupError>(i64::from(since.days) * 86_400 + i64::from(since.secs))
        };
        Ok((seconds(self.certificate.not_before())?, seconds(self.certificate.not_after())?))
    }

    /// The value of `a=fingerprint` behind the hash's name: upper-case hex with colons.
    pub fn fingerprint(&self, hash: FingerprintHash) -> Result<String, SetupError> {
        fingerprint(&self.certificate, hash)
    }
}

pub(crate) fn fingerprint(certificate: &X509Ref, hash: FingerprintHash) -> Result<String, SetupError> {
    let digest = certificate.digest(hash.digest())?;
    let octets: Vec<String> = digest.iter().map(|octet| format!("{octet:02X}")).collect();
    Ok(octets.join(":"))
}

/// More than a year between two rotations is refused.
const VALID_DAYS: u32 = 400;

#[allow(clippy::disallowed_methods, reason = "the validity of a certificate is in wall-clock time")]
fn now_unix() -> i64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs() as i64)
}
