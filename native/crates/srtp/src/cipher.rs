//! The keyed ciphers behind one enum. Keys are expanded once; per packet only the IV changes.

use aes::cipher::{BlockCipherEncrypt, InnerIvInit, KeyInit, StreamCipherCore};
use aes::{Aes128Enc, Aes192Enc, Aes256Enc};
use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes128Gcm, Aes256Gcm};
use ctr::CtrCore;
use ctr::flavors::Ctr128BE;

use crate::Error;

/// AES with an expanded encryption key.
pub(crate) enum Aes {
    Bits128(Box<Aes128Enc>),
    Bits192(Box<Aes192Enc>),
    Bits256(Box<Aes256Enc>),
}

impl Aes {
    /// Expands a key of 16, 24 or 32 bytes.
    pub(crate) fn new(key: &[u8]) -> Option<Self> {
        match key.len() {
            16 => Aes128Enc::new_from_slice(key).ok().map(|aes| Aes::Bits128(Box::new(aes))),
            24 => Aes192Enc::new_from_slice(key).ok().map(|aes| Aes::Bits192(Box::new(aes))),
            32 => Aes256Enc::new_from_slice(key).ok().map(|aes| Aes::Bits256(Box::new(aes))),
            _ => None,
        }
    }

    /// XORs the key stream that starts at counter block `iv` (RFC 3711 §4.1.1).
    pub(crate) fn counter_mode(&self, iv: &[u8; 16], data: &mut [u8]) {
        match self {
            Aes::Bits128(aes) => {
                CtrCore::<&Aes128Enc, Ctr128BE>::inner_iv_init(aes, iv.into())
                    .apply_keystream_partial(data.into());
            }
            Aes::Bits192(aes) => {
                CtrCore::<&Aes192Enc, Ctr128BE>::inner_iv_init(aes, iv.into())
                    .apply_keystream_partial(data.into());
            }
            Aes::Bits256(aes) => {
                CtrCore::<&Aes256Enc, Ctr128BE>::inner_iv_init(aes, iv.into())
                    .apply_keystream_partial(data.into());
            }
        }
    }

    fn encrypt_block(&self, block: &mut [u8; 16]) {
        match self {
            Aes::Bits128(aes) => aes.encrypt_block(block.into()),
            Aes::Bits192(aes) => aes.encrypt_block(block.into()),
            Aes::Bits256(aes) => aes.encrypt_block(block.into()),
        }
    }
}

/// Encryption of one direction and one packet kind, RTP or RTCP.
pub(crate) enum Cipher {
    Counter { aes: Aes, salt: [u8; 14] },
    F8 { aes: Aes, masked: Aes },
    Gcm128 { gcm: Box<Aes128Gcm>, salt: [u8; 12] },
    Gcm256 { gcm: Box<Aes256Gcm>, salt: [u8; 12] },
    Null,
}

/// What the IV is made of.
pub(crate) struct Nonce<'a> {
    pub(crate) ssrc: u32,
    /// 48-bit RTP index, or 31-bit SRTCP index.
    pub(crate) index: u64,
    /// F8 takes its IV from the packet: the first 12 bytes of RTP, 8 of RTCP.
    pub(crate) header: &'a [u8],
    /// The word with E bit and index that ends an SRTCP packet; `None` for RTP.
    pub(crate) rtcp_trailer: Option<u32>,
}

impl Cipher {
    pub(crate) fn f8(key: &[u8], salt: &[u8]) -> Option<Self> {
        // RFC 3711 §4.1.2.2: m = k_s || 0x555..5, and IV' is encrypted with k_e XOR m.
        let mut mask = [0x55u8; 32];
        mask[..salt.len()].copy_from_slice(salt);
        let masked: Vec<u8> = key.iter().zip(mask).map(|(key, mask)| key ^ mask).collect();
        Some(Cipher::F8 { aes: Aes::new(key)?, masked: Aes::new(&masked)? })
    }

    /// Encrypts or decrypts without authentication; both are the same operation. Not for GCM.
    pub(crate) fn apply(&self, nonce: &Nonce<'_>, data: &mut [u8]) {
        match self {
            Cipher::Counter { aes, salt } => {
                // IV = (k_s * 2^16) XOR (SSRC * 2^64) XOR (i * 2^16)
                let mut iv = [0u8; 16];
                iv[..14].copy_from_slice(salt);
                xor(&mut iv[4..8], &nonce.ssrc.to_be_bytes());
                xor(&mut iv[8..14], &nonce.index.to_be_bytes()[2..]);
                aes.counter_mode(&iv, data);
            }
            Cipher::F8 { aes, masked } => f8_keystream(aes, masked, f8_iv(nonce), data),
            Cipher::Gcm128 { .. } | Cipher::Gcm256 { .. } | Cipher::Null => {}
        }
    }

    /// Encrypts `data` and returns the tag. Only for GCM.
    pub(crate) fn seal(&self, nonce: &Nonce<'_>, aad: &[u8], data: &mut [u8]) -> Option<[u8; 16]> {
        let tag = match self {
            Cipher::Gcm128 { gcm, salt } => {
                gcm.encrypt_inout_detached(&gcm_iv(nonce, salt).into(), aad, data.into())
            }
            Cipher::Gcm256 { gcm, salt } => {
                gcm.encrypt_inout_detached(&gcm_iv(nonce, salt).into(), aad, data.into())
            }
            Cipher::Counter { .. } | Cipher::F8 { .. } | Cipher::Null => return None,
        };
        tag.ok().map(Into::into)
    }

    /// Checks the tag, then decrypts `data`; on failure `data` is as it was. Only for GCM.
    pub(crate) fn open(
        &self,
        nonce: &Nonce<'_>,
        aad: &[u8],
        data: &mut [u8],
        tag: &[u8; 16],
    ) -> Result<(), Error> {
        let opened = match self {
            Cipher::Gcm128 { gcm, salt } => {
                gcm.decrypt_inout_detached(&gcm_iv(nonce, salt).into(), aad, data.into(), tag.into())
            }
            Cipher::Gcm256 { gcm, salt } => {
                gcm.decrypt_inout_detached(&gcm_iv(nonce, salt).into(), aad, data.into(), tag.into())
            }
            Cipher::Counter { .. } | Cipher::F8 { .. } | Cipher::Null => return Err(Error::Authentication),
        };
        opened.map_err(|_| Error::Authentication)
    }
}

/// RFC 7714 §8.1 (RTP: 0 || SSRC || ROC || SEQ) and §9.1 (RTCP: 0 || SSRC || 0 || index), XORed with the salt.
fn gcm_iv(nonce: &Nonce<'_>, salt: &[u8; 12]) -> [u8; 12] {
    let mut iv = *salt;
    xor(&mut iv[2..6], &nonce.ssrc.to_be_bytes());
    xor(&mut iv[6..12], &nonce.index.to_be_bytes()[2..]);
    iv
}

/// RFC 3711 §4.1.2.3 (RTP) and §4.1.2.4 (RTCP).
fn f8_iv(nonce: &Nonce<'_>) -> [u8; 16] {
    let mut iv = [0u8; 16];
    match nonce.rtcp_trailer {
        None => {
            iv[1..12].copy_from_slice(&nonce.header[1..12]);
            iv[12..].copy_from_slice(&((nonce.index >> 16) as u32).to_be_bytes());
        }
        Some(trailer) => {
            iv[4..8].copy_from_slice(&trailer.to_be_bytes());
            iv[8..].copy_from_slice(&nonce.header[..8]);
        }
    }
    iv
}

/// RFC 3711 §4.1.2.1: S(j) = E(k_e, IV' XOR j XOR S(j-1)).
fn f8_keystream(aes: &Aes, masked: &Aes, mut iv: [u8; 16], data: &mut [u8]) {
    masked.encrypt_block(&mut iv);
    let mut stream = [0u8; 16];
    for (counter, chunk) in data.chunks_mut(16).enumerate() {
        xor(&mut stream, &iv);
        xor(&mut stream[8..], &(counter as u64).to_be_bytes());
        aes.encrypt_block(&mut stream);
        xor(chunk, &stream);
    }
}

fn xor(target: &mut [u8], with: &[u8]) {
    for (target, with) in target.iter_mut().zip(with) {
        *target ^= with;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    }

    #[test]
    fn f8_gives_the_packet_of_rfc_3711_appendix_b_1() {
        let cipher = Cipher::f8(&hex("234829008467be186c3de14aae72d62c"), &hex("32f2870d")).unwrap();
        let mut data = b"pseudorandomness is the next best thing".to_vec();
        let header = hex("806e5cba50681de55c621599");
        let index = 0xd462_564a << 16 | 0x5cba;
        cipher.apply(&Nonce { ssrc: 0x5c62_1599, index, header: &header, rtcp_trailer: None }, &mut data);
        assert_eq!(
            data,
            hex("019ce7a26e7854014a6366aa95d4eefd1ad4172a14f9faf455b7f1d4b62bd08f562c0eef7c4802")
        );
    }

    #[test]
    fn counter_mode_gives_the_key_stream_of_rfc_3711_appendix_b_2() {
        let aes = Aes::new(&hex("2B7E151628AED2A6ABF7158809CF4F3C")).unwrap();
        let salt = hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD").try_into().unwrap();
        let mut data = vec![0; 48];
        Cipher::Counter { aes, salt }
            .apply(&Nonce { ssrc: 0, index: 0, header: &[], rtcp_trailer: None }, &mut data);
        assert_eq!(
            data,
            hex(concat!(
                "E03EAD0935C95E80E166B16DD92B4EB4",
                "D23513162B02D0F72A43A2FE4A5F97AB",
                "41E95B3BB0A2E8DD477901E4FCA894C0"
            ))
        );
    }
}
