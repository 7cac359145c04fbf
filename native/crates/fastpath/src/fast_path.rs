//! The fast path as the data plane sees it.

use std::{net::IpAddr, os::fd::BorrowedFd, path::PathBuf};

use crate::{DeviceCounters, InstallError, InterfaceReport, OpenError, Progress, Rule, RuleIndex, RuleStats};

#[derive(Debug, Clone)]
pub struct Options {
    /// Interfaces to cover; if empty, those that own `addresses`.
    pub devices: Vec<String>,
    /// The addresses media arrives at.
    pub addresses: Vec<IpAddr>,
    /// Below a bpffs: what is kept there goes on without this process. `None`: all ends with it.
    pub pin_dir: Option<PathBuf>,
    /// Rules at most.
    pub capacity: u32,
}

/// The loaded program with its maps. May be shared by threads; reading statistics takes no lock and no system call.
#[derive(Debug)]
pub struct FastPath {}

impl FastPath {
    /// Loads and attaches. What was pinned before is taken over; each covered interface has its report.
    pub fn open(_options: &Options) -> Result<(FastPath, Vec<InterfaceReport>), OpenError> {
        Err(OpenError::NotBuilt("clang missing"))
    }

    /// Relays from now on, measuring on from `progress`.
    pub fn install(&self, _rule: &Rule, _progress: &Progress) -> Result<RuleIndex, InstallError> {
        Err(InstallError::MapFull(0))
    }

    /// Packets go up from now on. `None` if the rule was not installed.
    pub fn withdraw(&self, _index: RuleIndex) -> Option<RuleStats> {
        None
    }

    /// `None` if the rule is not installed.
    pub fn stats(&self, _index: RuleIndex) -> Option<RuleStats> {
        None
    }

    /// The rules found in pinned maps when opening. Who does not claim one withdraws it.
    pub fn adopt(&self) -> Vec<(Rule, RuleIndex)> {
        Vec::new()
    }

    /// Readable when routes, neighbours or links changed: time for `refresh`.
    pub fn changes(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// Follows changes of routes and neighbours, and keeps neighbours in use fresh. Never blocks for long; call it
    /// when `changes` is readable and every few seconds. Returns the rules whose packets cannot leave any more.
    pub fn refresh(&self) -> Vec<(RuleIndex, InstallError)> {
        Vec::new()
    }

    pub fn counters(&self) -> Vec<DeviceCounters> {
        Vec::new()
    }

    /// Detaches and removes whatever is pinned. Merely dropping a `FastPath` leaves pinned parts at work.
    pub fn close(self) {}
}

/// What `clean` removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cleaned {
    /// Interfaces that were detached.
    pub devices: Vec<String>,
    pub rules: usize,
}

/// Removes programs, links and maps left below this directory by whatever ran before.
pub fn clean(_pin_dir: &std::path::Path) -> std::io::Result<Cleaned> {
    Ok(Cleaned { devices: Vec::new(), rules: 0 })
}
