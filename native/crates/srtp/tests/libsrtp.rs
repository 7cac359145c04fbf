//! libsrtp2 (Debian: libsrtp2-1) as an oracle: what one side protects, the other unprotects, byte for byte.

#![allow(clippy::unwrap_used, reason = "helpers of a test")]

use std::ffi::{c_int, c_ulong, c_void};
use std::sync::OnceLock;

use libloading::Library;
use proptest::prelude::*;
use srtp::{Context, MasterKey, Options, Suite};

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

type Session = *mut c_void;
type Transform = unsafe extern "C" fn(Session, *mut u8, *mut c_int) -> c_int;

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

    fn session(&self, suite: Suite, key_and_salt: &[u8], ssrc_type: c_int) -> Session {
        let (rtp, rtcp) = match suite {
            Suite::AeadAes256Gcm => ("aes_gcm_256_16_auth", "aes_gcm_256_16_auth"),
            Suite::AeadAes128Gcm => ("aes_gcm_128_16_auth", "aes_gcm_128_16_auth"),
            Suite::Aes256CmHmacSha1_80 => ("aes_cm_256_hmac_sha1_80", "aes_cm_256_hmac_sha1_80"),
            Suite::Aes256CmHmacSha1_32 => ("aes_cm_256_hmac_sha1_32", "aes_cm_256_hmac_sha1_80"),
            Suite::AesCm128HmacSha1_80 => ("rtp_default", "rtp_default"),
            Suite::AesCm128HmacSha1_32 => ("aes_cm_128_hmac_sha1_32", "rtp_default"),
            Suite::NullHmacSha1_80 => ("null_cipher_hmac_sha1_80", "null_cipher_hmac_sha1_80"),
            Suite::Aes192CmHmacSha1_80
            | Suite::Aes192CmHmacSha1_32
            | Suite::F8_128HmacSha1_80
            | Suite::F8_128HmacSha1_32
            | Suite::NullHmacSha1_32 => unreachable!("not an oracle for these"),
        };
        let policy = Policy {
            ssrc_type,
            ssrc_value: 0,
            rtp: self.crypto_policy(&format!("srtp_crypto_policy_set_{rtp}")),
            rtcp: self.crypto_policy(&format!("srtp_crypto_policy_set_{rtcp}")),
            key: key_and_salt.as_ptr(),
            keys: std::ptr::null(),
            num_master_keys: 0,
            deprecated_ekt: std::ptr::null(),
            window_size: 128,
            allow_repeat_tx: 0,
            enc_xtn_hdr: std::ptr::null(),
            enc_xtn_hdr_count: 0,
            next: std::ptr::null(),
        };
        let mut session = std::ptr::null_mut();
        // SAFETY: the policy has libsrtp 2's layout and outlives the call, which copies the key.
        let status = unsafe {
            self.library
                .get::<unsafe extern "C" fn(*mut Session, *const Policy) -> c_int>(b"srtp_create")
                .unwrap()(&mut session, &policy)
        };
        assert_eq!(status, 0, "{suite:?}");
        session
    }

    fn transform(&self, name: &str, session: Session, packet: &[u8]) -> Result<Vec<u8>, c_int> {
        let mut buffer = packet.to_vec();
        buffer.resize(packet.len() + 64, 0);
        let mut length = packet.len() as c_int;
        // SAFETY: the buffer has more tail room than SRTP_MAX_TRAILER_LEN needs for these suites.
        let status = unsafe {
            self.library.get::<Transform>(name.as_bytes()).unwrap()(session, buffer.as_mut_ptr(), &mut length)
        };
        if status != 0 {
            return Err(status);
        }
        buffer.truncate(length as usize);
        Ok(buffer)
    }

    fn end(&self, session: Session) {
        // SAFETY: the session came from srtp_create and is not used again.
        unsafe {
            self.library.get::<unsafe extern "C" fn(Session) -> c_int>(b"srtp_dealloc").unwrap()(session)
        };
    }
}

/// Without AES-192: libsrtp 2.5 derives its keys with a 256-bit PRF over key and part of the salt, against
/// RFC 6188 §3; `kdf.rs` has that RFC's vectors instead.
const SUITES: [Suite; 7] = [
    Suite::AeadAes256Gcm,
    Suite::AeadAes128Gcm,
    Suite::Aes256CmHmacSha1_80,
    Suite::Aes256CmHmacSha1_32,
    Suite::AesCm128HmacSha1_80,
    Suite::AesCm128HmacSha1_32,
    Suite::NullHmacSha1_80,
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn libsrtp_and_we_understand_each_other(
        suite in prop::sample::select(&SUITES[..]),
        secret in prop::collection::vec(any::<u8>(), 46),
        ssrc in any::<u32>(),
        start in any::<u16>(),
        payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..6),
        extension in 0u8..3,
    ) {
        let Some(oracle) = Oracle::get() else { return Ok(()) };
        let (key, rest) = secret.split_at(suite.key_length());
        let salt = &rest[..suite.salt_length()];
        let joined = [key, salt].concat();
        let master = MasterKey { suite, key: key.to_vec(), salt: salt.to_vec(), mki: None };
        let (mut sender, mut receiver) = (
            Context::new(&master, Options::default()).unwrap(),
            Context::new(&master, Options::default()).unwrap(),
        );
        let inbound = oracle.session(suite, &joined, SSRC_ANY_INBOUND);
        let outbound = oracle.session(suite, &joined, SSRC_ANY_OUTBOUND);

        for (number, payload) in payloads.iter().enumerate() {
            let sequence = (start & 0x7fff) + number as u16;
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
            let theirs = oracle.transform("srtp_protect", outbound, &rtp).unwrap();
            prop_assert_eq!(&ours[..length], &theirs[..]);
            prop_assert_eq!(&oracle.transform("srtp_unprotect", inbound, &ours[..length]).unwrap(), &rtp);
            let mut back = theirs;
            let length = back.len();
            let length = receiver.unprotect_rtp(&mut back, length).unwrap();
            prop_assert_eq!(&back[..length], &rtp[..]);

            let words = payload.len() / 4;
            let mut rtcp = vec![0x80, 200];
            rtcp.extend((words as u16 + 1).to_be_bytes());
            rtcp.extend(ssrc.to_be_bytes());
            rtcp.extend(&payload[..words * 4]);
            let mut ours = rtcp.clone();
            ours.resize(rtcp.len() + sender.overhead(), 0);
            let length = sender.protect_rtcp(&mut ours, rtcp.len()).unwrap();
            prop_assert_eq!(&oracle.transform("srtp_unprotect_rtcp", inbound, &ours[..length]).unwrap(), &rtcp);
            let mut back = oracle.transform("srtp_protect_rtcp", outbound, &rtcp).unwrap();
            let length = back.len();
            let length = receiver.unprotect_rtcp(&mut back, length).unwrap();
            prop_assert_eq!(&back[..length], &rtcp[..]);
        }
        oracle.end(inbound);
        oracle.end(outbound);
    }
}
