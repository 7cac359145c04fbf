//! The certificates this node has: that of new calls first, then those of calls that go on.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use anyhow::Context;
use dtls::{Certificate, FingerprintHash, KeyKind};
use engine::Certificates;
use protocol::{CertificateKey, CertificatePem, CertificatePlan, FingerprintPlan};

/// Never empty.
pub struct CertificateStore {
    state: Arc<Mutex<State>>,
}

struct State {
    held: Vec<Held>,
    named: Certificates,
    /// One more is being made.
    is_making: bool,
}

#[derive(Clone)]
struct Held {
    plan: CertificatePlan,
    certificate: Certificate,
}

impl CertificateStore {
    /// With one of its own, so that there is one from the start.
    pub fn new() -> anyhow::Result<Self> {
        let first = make(CertificateKey::Ecdsa)?;
        let mut state = State { held: Vec::new(), named: Certificates::default(), is_making: false };
        state.put_first(vec![first]);
        Ok(Self { state: Arc::new(Mutex::new(state)) })
    }

    /// Puts these in front of those there are. On an error nothing has changed.
    pub fn take_in(&self, given: &[CertificatePem]) -> anyhow::Result<()> {
        let read = given.iter().map(Held::read).collect::<anyhow::Result<Vec<_>>>()?;
        self.lock().put_first(read);
        Ok(())
    }

    /// Makes one for new calls, unless that has been done. In a thread of its own: looking for the primes of an RSA key
    /// takes up to seconds, in which media would wait.
    pub fn renew(&self, key: CertificateKey, instead_of: &str) -> anyhow::Result<()> {
        let mut state = self.lock();
        if state.is_making || state.held.first().is_none_or(|first| first.plan.id != instead_of) {
            return Ok(());
        }
        let shared = self.state.clone();
        let make = move || {
            let made = make(key);
            let mut state = lock(&shared);
            state.is_making = false;
            match made {
                Ok(made) => state.put_first(vec![made]),
                Err(error) => tracing::error!("{error:#}"),
            }
        };
        thread::Builder::new().name("certificate".to_owned()).spawn(make).context("cannot start a thread")?;
        state.is_making = true;
        Ok(())
    }

    pub fn plans(&self) -> Vec<CertificatePlan> {
        self.lock().held.iter().map(|held| held.plan.clone()).collect()
    }

    pub fn named(&self) -> Certificates {
        self.lock().named.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    fn put_first(&mut self, mut first: Vec<Held>) {
        let is_new = |known: &&Held| first.iter().all(|new| new.plan.id != known.plan.id);
        let kept: Vec<Held> = self.held.iter().filter(is_new).cloned().collect();
        first.extend(kept);
        first.truncate(MOST_CERTIFICATES);
        let pairs = first.iter().map(|held| (held.plan.id.as_str().into(), held.certificate.clone()));
        self.named = Certificates::new(pairs);
        self.held = first;
    }
}

impl Held {
    fn read(pem: &CertificatePem) -> anyhow::Result<Held> {
        let certificate = Certificate::from_pem(pem.certificate.as_bytes(), pem.private_key.as_bytes())?;
        Held::new(certificate, pem.made_here)
    }

    fn new(certificate: Certificate, made_here: bool) -> anyhow::Result<Held> {
        let (pem, key) = certificate.to_pem()?;
        let (from, until) = certificate.validity()?;
        let fingerprint = |hash: FingerprintHash| {
            let (hash, value) = (hash.name().to_owned(), certificate.fingerprint(hash)?);
            Ok(FingerprintPlan { hash, value })
        };
        let fingerprints = HASHES.into_iter().map(fingerprint).collect::<anyhow::Result<Vec<_>>>()?;
        let digits = fingerprints[0].value.chars().filter(char::is_ascii_hexdigit);
        let plan = CertificatePlan {
            id: digits.take(ID_DIGITS).collect(),
            pem: CertificatePem {
                certificate: String::from_utf8_lossy(&pem).into_owned(),
                private_key: String::from_utf8_lossy(&key).into_owned(),
                made_here,
            },
            key: match certificate.key_kind().context("neither an ECDSA nor an RSA key")? {
                KeyKind::EcdsaP256 => CertificateKey::Ecdsa,
                KeyKind::Rsa(bits) => CertificateKey::Rsa { bits },
            },
            valid_from_ms: milliseconds(from),
            valid_until_ms: milliseconds(until),
            fingerprints,
        };
        Ok(Held { plan, certificate })
    }
}

fn make(key: CertificateKey) -> anyhow::Result<Held> {
    let kind = match key {
        CertificateKey::Ecdsa => KeyKind::EcdsaP256,
        CertificateKey::Rsa { bits } => KeyKind::Rsa(bits),
    };
    Held::new(Certificate::generate(kind).context("cannot make a certificate")?, true)
}

fn milliseconds(seconds: i64) -> u64 {
    u64::try_from(seconds).unwrap_or(0).saturating_mul(1000)
}

const HASHES: [FingerprintHash; 5] = [
    FingerprintHash::Sha256,
    FingerprintHash::Sha384,
    FingerprintHash::Sha512,
    FingerprintHash::Sha224,
    FingerprintHash::Sha1,
];
/// Of the SHA-256 fingerprint.
const ID_DIGITS: usize = 16;
/// The oldest give way.
const MOST_CERTIFICATES: usize = 64;
