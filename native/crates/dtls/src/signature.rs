//! What proves that a flight is of the holder of a certificate: signatures in handshakes (RFC 5246 §7.4.3, §7.4.8).

use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, Public};
use openssl::rsa::Padding;
use openssl::sign::{RsaPssSaltlen, Verifier};
use openssl::x509::X509;

pub const DTLS_1_0: [u8; 2] = [0xfe, 0xff];
const NAMED_CURVE: u8 = 3;
/// In bits.
const LONGEST_MODULUS: i32 = 8192;
const LONGEST_EXPONENT: i32 = 33;

/// The certificate in a Certificate message that is its sender's; `None` if there is none.
pub fn certificate(body: &[u8]) -> Option<&[u8]> {
    let (length, rest) = body.get(3..)?.split_first_chunk::<3>()?;
    let length = u32::from_be_bytes([0, length[0], length[1], length[2]]) as usize;
    rest.get(..length).filter(|certificate| !certificate.is_empty())
}

/// The key of a certificate; `None` if its signatures cost more to verify than those of a peer should.
pub fn key(certificate: &X509) -> Option<PKey<Public>> {
    certificate.public_key().ok().filter(is_cheap)
}

fn is_cheap(key: &PKey<Public>) -> bool {
    match key.id() {
        Id::ED25519 => true,
        Id::EC => key.ec_key().is_ok_and(|key| {
            matches!(key.group().curve_name(), Some(Nid::X9_62_PRIME256V1 | Nid::SECP384R1 | Nid::SECP521R1))
        }),
        Id::RSA | Id::RSA_PSS => key
            .rsa()
            .is_ok_and(|key| key.n().num_bits() <= LONGEST_MODULUS && key.e().num_bits() <= LONGEST_EXPONENT),
        _ => false,
    }
}

/// Whether a signature, behind its algorithm and length, is of the key over `content`.
pub fn is_signed(key: &PKey<Public>, version: [u8; 2], signature: &[u8], content: &[u8]) -> bool {
    read_and_verify(key, version, signature, content) == Some(true)
}

fn read_and_verify(key: &PKey<Public>, version: [u8; 2], signature: &[u8], content: &[u8]) -> Option<bool> {
    let (scheme, rest) = if version == DTLS_1_0 {
        (Scheme::of_1_0(key), signature)
    } else {
        let (scheme, rest) = signature.split_first_chunk::<2>()?;
        (Scheme::named(u16::from_be_bytes(*scheme))?, rest)
    };
    let (length, rest) = rest.split_first_chunk::<2>()?;
    let signature = rest.get(..usize::from(u16::from_be_bytes(*length)))?;
    scheme.verify(key, signature, content)
}

/// Where in a ServerKeyExchange the signature begins: behind the parameters of ECDHE (RFC 8422 §5.4) or DHE.
pub fn signature_starts(exchange: &[u8]) -> impl Iterator<Item = usize> {
    let curve = (exchange.first() == Some(&NAMED_CURVE))
        .then(|| exchange.get(3).map(|length| 4 + usize::from(*length)))
        .flatten();
    let numbers = (0..3).try_fold(0, |at, _| {
        let length = exchange.get(at..)?.first_chunk::<2>()?;
        Some(at + 2 + usize::from(u16::from_be_bytes(*length)))
    });
    curve.into_iter().chain(numbers).filter(|at| *at <= exchange.len())
}

/// How signatures are made.
struct Scheme {
    digest: Option<MessageDigest>,
    is_pss: bool,
}

impl Scheme {
    /// RFC 2246 §4.7: both hashes with RSA, SHA-1 with anything else.
    fn of_1_0(key: &PKey<Public>) -> Scheme {
        let both = MessageDigest::from_nid(Nid::MD5_SHA1).filter(|_| key.id() == Id::RSA);
        Scheme { digest: Some(both.unwrap_or_else(MessageDigest::sha1)), is_pss: false }
    }

    /// RFC 8446 §4.2.3, RFC 5246 §7.4.1.4.1.
    fn named(scheme: u16) -> Option<Scheme> {
        let (digest, is_pss) = match scheme {
            0x0201 | 0x0203 => (Some(MessageDigest::sha1()), false),
            0x0301 | 0x0303 => (Some(MessageDigest::sha224()), false),
            0x0401 | 0x0403 => (Some(MessageDigest::sha256()), false),
            0x0501 | 0x0503 => (Some(MessageDigest::sha384()), false),
            0x0601 | 0x0603 => (Some(MessageDigest::sha512()), false),
            0x0804 | 0x0809 => (Some(MessageDigest::sha256()), true),
            0x0805 | 0x080a => (Some(MessageDigest::sha384()), true),
            0x0806 | 0x080b => (Some(MessageDigest::sha512()), true),
            // Ed25519 brings its own.
            0x0807 => (None, false),
            _ => return None,
        };
        Some(Scheme { digest, is_pss })
    }

    fn verify(&self, key: &PKey<Public>, signature: &[u8], content: &[u8]) -> Option<bool> {
        let mut verifier = match self.digest {
            Some(digest) => Verifier::new(digest, key),
            None => Verifier::new_without_digest(key),
        }
        .ok()?;
        if self.is_pss {
            verifier.set_rsa_padding(Padding::PKCS1_PSS).ok()?;
            verifier.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH).ok()?;
        }
        verifier.verify_oneshot(signature, content).ok()
    }
}

#[cfg(test)]
mod tests {
    use openssl::bn::{BigNum, MsbOption};
    use openssl::dsa::Dsa;
    use openssl::ec::{EcGroup, EcKey};
    use openssl::error::ErrorStack;
    use openssl::rsa::Rsa;

    use super::*;

    fn odd(bits: i32) -> Result<BigNum, ErrorStack> {
        let mut number = BigNum::new()?;
        number.rand(bits, MsbOption::ONE, true)?;
        Ok(number)
    }

    fn rsa(modulus: i32, exponent: i32) -> Result<PKey<Public>, ErrorStack> {
        PKey::from_rsa(Rsa::from_public_components(odd(modulus)?, odd(exponent)?)?)
    }

    fn curve(name: Nid) -> Result<PKey<Public>, ErrorStack> {
        let group = EcGroup::from_curve_name(name)?;
        let key = EcKey::generate(&group)?;
        PKey::from_ec_key(EcKey::from_public_key(&group, key.public_key())?)
    }

    #[test]
    fn only_keys_that_are_cheap_to_verify_with_are_used() -> Result<(), ErrorStack> {
        for key in [
            rsa(2048, 17)?,
            rsa(8192, 33)?,
            curve(Nid::X9_62_PRIME256V1)?,
            curve(Nid::SECP384R1)?,
            curve(Nid::SECP521R1)?,
        ] {
            assert!(is_cheap(&key), "{:?}, {} bits", key.id(), key.bits());
        }
        let dsa = Dsa::from_public_components(odd(1024)?, odd(160)?, odd(1024)?, odd(1024)?)?;
        for key in [
            rsa(8193, 17)?,
            rsa(16_384, 17)?,
            rsa(2048, 34)?,
            rsa(2048, 2047)?,
            curve(Nid::SECT571R1)?,
            curve(Nid::SECP256K1)?,
            PKey::from_dsa(dsa)?,
        ] {
            assert!(!is_cheap(&key), "{:?}, {} bits", key.id(), key.bits());
        }
        Ok(())
    }
}
