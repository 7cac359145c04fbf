//! What all shards share, apart from packets: ports and limits.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::Context;
use dtls::{Certificate, FingerprintHash, KeyKind, SetupError};

use netio::pools::{Interface, PortPools};
use protocol::{CertificatePlan, Configuration, DataPath, ErrorCode, FingerprintPlan};

use crate::fast_path::{FastPaths, Instance};

pub struct Shared {
    pub pools: PortPools,
    pub fast_paths: Arc<FastPaths>,
    pub data_path: DataPath,
    /// Tells this start of the process from others.
    pub boot: String,
    sessions: AtomicU32,
    max_sessions: AtomicU32,
    incidents: AtomicU64,
    certificate: Mutex<Certificate>,
}

impl Shared {
    pub fn new(
        seed: [u64; 2],
        boot: String,
        data_path: DataPath,
        instance: Instance,
    ) -> anyhow::Result<Self> {
        let certificate = Certificate::generate(KeyKind::EcdsaP256).context("cannot make a certificate")?;
        Ok(Self {
            pools: PortPools::new(seed),
            fast_paths: Arc::new(FastPaths::new(instance)),
            data_path,
            boot,
            sessions: AtomicU32::new(0),
            max_sessions: AtomicU32::new(u32::MAX),
            incidents: AtomicU64::new(0),
            certificate: Mutex::new(certificate),
        })
    }

    /// Takes the configuration over and returns the certificate of the node.
    pub fn configure(&self, configuration: &Configuration) -> Result<Box<CertificatePlan>, ErrorCode> {
        if let Some(plan) = &configuration.certificate {
            let certificate =
                Certificate::from_pem(plan.certificate_pem.as_bytes(), plan.private_key_pem.as_bytes());
            let certificate = certificate.map_err(|error| ErrorCode::BadPlan {
                path: "configuration.certificate".to_owned(),
                reason: error.to_string(),
            })?;
            *self.lock_certificate() = certificate;
        }
        let interfaces: Vec<Interface> = configuration
            .interfaces
            .iter()
            .map(|interface| Interface {
                name: interface.name.clone(),
                addresses: interface.addresses.clone(),
                first_port: interface.port_min,
                last_port: interface.port_max,
                excluded: interface.excluded.clone(),
            })
            .collect();
        self.pools.configure(&interfaces, Duration::from_millis(configuration.port_rest_ms));
        let addresses = interfaces.iter().flat_map(|interface| interface.addresses.iter().copied());
        FastPaths::configure(&self.fast_paths, &configuration.fast_path, addresses.collect());
        self.max_sessions.store(configuration.max_sessions.unwrap_or(u32::MAX), Ordering::Relaxed);
        let plan = describe(&self.certificate());
        plan.map(Box::new).map_err(|error| self.incident(&format!("describing the certificate: {error}")))
    }

    /// The certificate of the node.
    pub fn certificate(&self) -> Certificate {
        self.lock_certificate().clone()
    }

    fn lock_certificate(&self) -> MutexGuard<'_, Certificate> {
        self.certificate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn sessions(&self) -> u32 {
        self.sessions.load(Ordering::Relaxed)
    }

    /// Keeps the number of sessions when those of one shard went from `before` to `after`.
    pub fn count_sessions(&self, before: usize, after: usize) {
        let grown = (after as u32).wrapping_sub(before as u32);
        self.sessions.fetch_add(grown, Ordering::Relaxed);
    }

    /// Refuses one more session if the limit is reached.
    pub fn admit(&self) -> Result<(), ErrorCode> {
        let limit = self.max_sessions.load(Ordering::Relaxed);
        if self.sessions() >= limit { Err(ErrorCode::TooManySessions { limit }) } else { Ok(()) }
    }

    /// Logs a defect or a failure of the host and names the log line in the error.
    pub fn incident(&self, what: &str) -> ErrorCode {
        let incident = format!("{}-{}", self.boot, self.incidents.fetch_add(1, Ordering::Relaxed));
        tracing::error!(incident, "{what}");
        ErrorCode::Internal { incident }
    }
}

fn describe(certificate: &Certificate) -> Result<CertificatePlan, SetupError> {
    let (certificate_pem, private_key_pem) = certificate.to_pem()?;
    let fingerprint = |hash: FingerprintHash| {
        let (hash, value) = (hash.name().to_owned(), certificate.fingerprint(hash)?);
        Ok(FingerprintPlan { hash, value })
    };
    let hashes = [
        FingerprintHash::Sha256,
        FingerprintHash::Sha384,
        FingerprintHash::Sha512,
        FingerprintHash::Sha224,
        FingerprintHash::Sha1,
    ];
    Ok(CertificatePlan {
        certificate_pem: String::from_utf8_lossy(&certificate_pem).into_owned(),
        private_key_pem: String::from_utf8_lossy(&private_key_pem).into_owned(),
        fingerprints: hashes.into_iter().map(fingerprint).collect::<Result<_, SetupError>>()?,
    })
}
