//! What all shards share, apart from packets: ports and limits.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use netio::pools::{Interface, PortPools};
use protocol::{CertificatePlan, Configuration, DataPath, ErrorCode, RelayServerPlan};

use crate::{
    certificates::CertificateStore,
    fast_path::{FastPaths, Instance},
    recorder::{self, Recorder},
};

pub struct Shared {
    pub pools: PortPools,
    pub fast_paths: Arc<FastPaths>,
    pub certificates: CertificateStore,
    pub recorder: Arc<Recorder>,
    pub data_path: DataPath,
    /// Tells this start of the process from others.
    pub boot: String,
    sessions: AtomicU32,
    max_sessions: AtomicU32,
    max_repeated: AtomicU32,
    incidents: AtomicU64,
    relay_server: Mutex<Option<Box<RelayServerPlan>>>,
}

impl Shared {
    pub fn new(
        seed: [u64; 2],
        boot: String,
        data_path: DataPath,
        instance: Instance,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            pools: PortPools::new(seed),
            certificates: CertificateStore::new()?,
            fast_paths: Arc::new(FastPaths::new(instance)),
            recorder: Arc::new(Recorder::new(recorder::most_files())),
            data_path,
            boot,
            sessions: AtomicU32::new(0),
            max_sessions: AtomicU32::new(u32::MAX),
            max_repeated: AtomicU32::new(u32::MAX),
            incidents: AtomicU64::new(0),
            relay_server: Mutex::new(None),
        })
    }

    /// Takes the configuration over and returns the certificates of the node.
    pub fn configure(&self, configuration: &Configuration) -> Result<Vec<CertificatePlan>, ErrorCode> {
        self.certificates.take_in(&configuration.certificates).map_err(|error| ErrorCode::BadPlan {
            path: "configuration.certificates".to_owned(),
            reason: format!("{error:#}"),
        })?;
        self.relay_server
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone_from(&configuration.relay_server);
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
        self.max_repeated.store(configuration.max_repeated.unwrap_or(u32::MAX), Ordering::Relaxed);
        Ok(self.certificates.plans())
    }

    /// Who gives relayed addresses.
    pub fn relay_server(&self) -> Option<Box<RelayServerPlan>> {
        self.relay_server.lock().unwrap_or_else(PoisonError::into_inner).clone()
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

    /// Whether patterns may make one more session.
    pub fn has_room_for_repeated(&self) -> bool {
        self.sessions() < self.max_repeated.load(Ordering::Relaxed)
    }

    /// Logs a defect or a failure of the host and names the log line in the error.
    pub fn incident(&self, what: &str) -> ErrorCode {
        let incident = format!("{}-{}", self.boot, self.incidents.fetch_add(1, Ordering::Relaxed));
        tracing::error!(incident, "{what}");
        ErrorCode::Internal { incident }
    }
}
