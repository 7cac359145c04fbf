//! libsrtp2 (Debian: libsrtp2-1) as an oracle: what one side protects, the other unprotects, byte for byte.

#![allow(clippy::unwrap_used, reason = "helpers of a test")]

use std::ffi::{c_int, c_uint, c_ulong, c_void};
use std::sync::OnceLock;

use libloading::Library;
use proptest::prelude::*;
use srtp::{Context, MasterKey, Mki, Options, Suite};

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct CryptoPolicy {
    cipher_type: u32,
    cipher_key_len: c_int,
    auth_type: u32,
    auth_key_len: c_int,
    auth_tag_len: c_int,
    sec_serv: c_int,
}

#[repr(C)]
struct Policy {
    ssrc_type: c_int,
    ssrc_value: u32,
    rtp: CryptoPolicy,
    rtcp: CryptoPolicy,
    key: *const u8,
    keys: *const c_void,
    num_master_keys: c_ulong,
    deprecated_ekt: *const c_void,
    window_size: c_ulong,
    allow_repeat_tx: c_int,
    enc_xtn_hdr: *const c_int,
    enc_xtn_hdr_count: c_int,
    next: *const Policy,
}

#[repr(C)]
struct MasterKeyPolicy {
    key: *const u8,
    mki: *const u8,
    mki_size: c_uint,
}

type Session = *mut c_void;
type Protect = unsafe extern "C" fn(Session, *mut u8, *mut c_int, c_uint, c_uint) -> c_int;
type Unprotect = unsafe extern "C" fn(Session, *mut u8, *mut c_int, c_uint) -> c_int;

/// How a key is used.
#[derive(Debug, Clone, Default)]
struct Manner {
    options: Options,
    mki: Vec<u8>,
}

const SSRC_ANY_INBOUND: c_int = 2;
const SSRC_ANY_OUTBOUND: c_int = 3;

struct Oracle {
    library: Library,
}

impl Oracle {
    /// Loaded and initialised once; `None` if the library is not on this machine; with TANDEM_REQUIRE_PEERS that is a failure.
    fn get() -> Option<&'static Self> {
        static ORACLE: OnceLock<Option<Oracle>> = OnceLock::new();
        ORACLE.get_or_init(Self::load).as_ref()
    }

    fn load() -> Option<Self> {
        // SAFETY: the library's initialisers have no preconditions.
        let library = match unsafe { Library::new("libsrtp2.so.1") } {
            Ok(library) => library,
            Err(error) => {
                let required = std::env::var_os("TANDEM_REQUIRE_PEERS").is_some();
                assert!(!required, "libsrtp2-1 is missing: {error}");
                eprintln!("skipped: no libsrtp2 here (Debian package libsrtp2-1)");
                return None;
            }
        };
        // SAFETY: srtp_init takes no argument; it is called once in this process.
        let status = unsafe { library.get::<unsafe extern "C" fn() -> c_int>(b"srtp_init").unwrap()() };
        assert_eq!(status, 0);
        Some(Self { library })
    }

    fn crypto_policy(&self, name: &str) -> CryptoPolicy {
        let mut policy = CryptoPolicy::default();
        // SAFETY: all srtp_crypto_policy_set_* functions fill the structure they are given.
        unsafe {
            self.library.get::<unsafe extern "C" fn(*mut CryptoPolicy)>(name.as_bytes()).unwrap()(
                &mut policy,
            );
        }
        policy
    }

    fn session(&self, suite: Suite, key_and_salt: &[u8], manner: &Manner, ssrc_type: c_int) -> Session {
        let (rtp, rtcp) = match suite {
            Suite::AeadAes256Gcm => ("aes_gcm_256_16_auth", "aes_gcm_256_16_auth"),
            Suite::AeadAes128Gcm => ("aes_gcm_128_16_auth", "aes_gcm_128_16_auth"),
            Suite::Aes256CmHmacSha1_80 => ("aes_cm_256_hmac_sha1_80", "aes_cm_256_hmac_sha1_80"),
            Suite::Aes256CmHmacSha1_32 => ("aes_cm_256_hmac_sha1_32", "aes_cm_256_hmac_sha1_80"),
            Suite::AesCm128HmacSha1_80 => ("rtp_default", "rtp_default"),
            Suite::AesCm128HmacSha1_32 => ("aes_cm_128_hmac_sha1_32", "rtp_default"),
            Suite::NullHmacSha1_80 | Suite::NullHmacSha1_32 => {
                ("null_cipher_hmac_sha1_80", "null_cipher_hmac_sha1_80")
            }
            Suite::Aes192CmHmacSha1_80
            | Suite::Aes192CmHmacSha1_32
            | Suite::F8_128HmacSha1_80
            | Suite::F8_128HmacSha1_32 => unreachable!("not an oracle for these"),
        };
        let policy = |name: &str, tag_length, is_clear| {
            let mut policy = self.crypto_policy(&format!("srtp_crypto_policy_set_{name}"));
            policy.auth_tag_len = tag_length;
            policy.sec_serv &= if is_clear { AUTHENTICATION } else { AUTHENTICATION | CONFIDENTIALITY };
            policy
        };
        let Manner { options, mki } = manner;
        let mki_size = mki.len() as c_uint;
        let named = MasterKeyPolicy { key: key_and_salt.as_ptr(), mki: mki.as_ptr(), mki_size };
        let keys = [&raw const named];
        let policy = Policy {
            ssrc_type,
            ssrc_value: 0,
            rtp: policy(rtp, suite.rtp_tag_length() as c_int, options.unencrypted_srtp),
            rtcp: policy(rtcp, suite.rtcp_tag_length() as c_int, options.unencrypted_srtcp),
            key: std::ptr::null(),
            keys: keys.as_ptr().cast(),
            num_master_keys: 1,
            deprecated_ekt: std::ptr::null(),
            window_size: 128,
            allow_repeat_tx: 0,
            enc_xtn_hdr: std::ptr::null(),
            enc_xtn_hdr_count: 0,
            next: std::ptr::null(),
        };
        let mut session = std::ptr::null_mut();
        // SAFETY: the policy has libsrtp 2's layout, and it and the keys outlive the call, which copies them.
        let status = unsafe {
            self.library
                .get::<unsafe extern "C" fn(*mut Session, *const Policy) -> c_int>(b"srtp_create")
                .unwrap()(&mut session, &policy)
        };
        assert_eq!(status, 0, "{suite:?}");
        session
    }

    fn protect(&self, name: &str, session: Session, manner: &Manner, packet: &[u8]) -> Vec<u8> {
        let has_mki = c_uint::from(!manner.mki.is_empty());
        self.transform(packet, |buffer, length| {
            // SAFETY: the buffer has more tail room than SRTP_MAX_TRAILER_LEN needs for these suites.
            unsafe {
                self.library.get::<Protect>(name.as_bytes()).unwrap()(session, buffer, length, has_mki, 0)
            }
        })
    }

    fn unprotect(&self, name: &str, session: Session, manner: &Manner, packet: &[u8]) -> Vec<u8> {
        let has_mki = c_uint::from(!manner.mki.is_empty());
        self.transform(packet, |buffer, length| {
            // SAFETY: what is written is not longer than what is read.
            unsafe {
                self.library.get::<Unprotect>(name.as_bytes()).unwrap()(session, buffer, length, has_mki)
            }
        })
    }

    fn transform(&self, packet: &[u8], by: impl FnOnce(*mut u8, *mut c_int) -> c_int) -> Vec<u8> {
        let mut buffer = packet.to_vec();
        buffer.resize(packet.len() + 300, 0);
        let mut length = packet.len() as c_int;
        assert_eq!(by(buffer.as_mut_ptr(), &mut length), 0);
        buffer.truncate(length as usize);
        buffer
    }

    fn end(&self, session: Session) {
        // SAFETY: the session came from srtp_create and is not used again.
        unsafe {
            self.library.get::<unsafe extern "C" fn(Session) -> c_int>(b"srtp_dealloc").unwrap()(session)
        };
    }
}

/// Without AES-192: libsrtp 2.5 derives its keys with a 256-bit PRF over key and part of the salt, against
/// RFC 6188 §3; `kdf.rs` has that RFC's vectors instead. It knows no F8: `cipher.rs` has the vector of RFC 3711.
const SUITES: [Suite; 8] = [
    Suite::AeadAes256Gcm,
    Suite::AeadAes128Gcm,
    Suite::Aes256CmHmacSha1_80,
    Suite::Aes256CmHmacSha1_32,
    Suite::AesCm128HmacSha1_80,
    Suite::AesCm128HmacSha1_32,
    Suite::NullHmacSha1_80,
    Suite::NullHmacSha1_32,
];

/// Of `sec_serv`.
const CONFIDENTIALITY: c_int = 1;
const AUTHENTICATION: c_int = 2;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Through several cycles of sequence numbers, with packets lost on the way.
    #[test]
    fn libsrtp_and_we_understand_each_other(
        suite in prop::sample::select(&SUITES[..]),
        secret in prop::collection::vec(any::<u8>(), 46),
        ssrc in any::<u32>(),
        start in any::<u16>(),
        packets in prop::collection::vec((1u16..0x7000, prop::collection::vec(any::<u8>(), 0..300)), 1..12),
        extension in 0u8..3,
        (is_clear, is_rtcp_clear) in (prop::bool::weighted(0.2), prop::bool::weighted(0.3)),
        mki in prop_oneof![Just(vec![]), prop::collection::vec(any::<u8>(), 1..9)],
    ) {
        let Some(oracle) = Oracle::get() else { return Ok(()) };
        let (key, rest) = secret.split_at(suite.key_length());
        let salt = &rest[..suite.salt_length()];
        let joined = [key, salt].concat();
        let options = Options {
            unencrypted_srtp: is_clear && suite.salt_length() == 14,
            unencrypted_srtcp: is_rtcp_clear,
            unauthenticated_srtp: false,
        };
        // libsrtp 2.5 looks for the MKI of RTCP where that of RTP is: it needs tags of one length.
        let has_mki = suite.rtp_tag_length() == suite.rtcp_tag_length();
        let manner = Manner { options, mki: if has_mki { mki } else { Vec::new() } };
        let named = Some(Mki(manner.mki.clone())).filter(|mki| !mki.0.is_empty());
        let master = MasterKey { suite, key: key.to_vec(), salt: salt.to_vec(), mki: named };
        let [mut sender, mut receiver] = [(); 2].map(|()| Context::new(&master, options).unwrap());
        let inbound = oracle.session(suite, &joined, &manner, SSRC_ANY_INBOUND);
        let outbound = oracle.session(suite, &joined, &manner, SSRC_ANY_OUTBOUND);

        let mut sequence = start;
        for (step, payload) in &packets {
            sequence = sequence.wrapping_add(*step);
            let mut rtp = vec![0x80, 96];
            rtp.extend(sequence.to_be_bytes());
            rtp.extend(1_234u32.to_be_bytes());
            rtp.extend(ssrc.to_be_bytes());
            if extension > 0 {
                rtp[0] |= 0x10;
                rtp.extend([0xbe, 0xde, 0, extension]);
                rtp.extend(std::iter::repeat_n(3, usize::from(extension) * 4));
            }
            rtp.extend(payload);
            let mut ours = rtp.clone();
            ours.resize(rtp.len() + sender.overhead(), 0);
            let length = sender.protect_rtp(&mut ours, rtp.len()).unwrap();
            let mut theirs = oracle.protect("srtp_protect_mki", outbound, &manner, &rtp);
            prop_assert_eq!(&ours[..length], &theirs[..]);
            prop_assert_eq!(&oracle.unprotect("srtp_unprotect_mki", inbound, &manner, &ours[..length]), &rtp);
            let length = theirs.len();
            let length = receiver.unprotect_rtp(&mut theirs, length).unwrap();
            prop_assert_eq!(&theirs[..length], &rtp[..]);

            let words = payload.len() / 4;
            let mut rtcp = vec![0x80, 200];
            rtcp.extend((words as u16 + 1).to_be_bytes());
            rtcp.extend(ssrc.to_be_bytes());
            rtcp.extend(&payload[..words * 4]);
            let mut ours = rtcp.clone();
            ours.resize(rtcp.len() + sender.overhead(), 0);
            let length = sender.protect_rtcp(&mut ours, rtcp.len()).unwrap();
            let opened = oracle.unprotect("srtp_unprotect_rtcp_mki", inbound, &manner, &ours[..length]);
            prop_assert_eq!(&opened, &rtcp);
            let mut theirs = oracle.protect("srtp_protect_rtcp_mki", outbound, &manner, &rtcp);
            let length = theirs.len();
            let length = receiver.unprotect_rtcp(&mut theirs, length).unwrap();
            prop_assert_eq!(&theirs[..length], &rtcp[..]);
        }
        oracle.end(inbound);
        oracle.end(outbound);
    }
}
