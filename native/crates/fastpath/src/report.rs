//! How the fast path tells what it does and why.

use std::{fmt, path::PathBuf};

/// Where the program runs on an interface, fastest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// XDP in the driver.
    Native,
    /// XDP on packets of the stack.
    Generic,
    /// Traffic control's ingress hook.
    Tc,
    /// Everything goes to userspace.
    None,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Mode::Native => "native",
            Mode::Generic => "generic",
            Mode::Tc => "tc",
            Mode::None => "none",
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InterfaceReport {
    pub device: String,
    pub mode: Mode,
    pub reason: String,
}

/// Why there is no fast path.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("built without the XDP program ({0} at build time)")]
    NotBuilt(&'static str),
    #[error("{}", .0.join("; "))]
    NotPermitted(Vec<String>),
    #[error("cannot load the XDP program: {0}")]
    Load(String),
    #[error("no interface can carry it: {}", reasons(.0))]
    NoInterface(Vec<InterfaceReport>),
    #[error("cannot keep it below {}: {reason}", path.display())]
    Pin { path: PathBuf, reason: String },
    #[error("the self-test failed: {0}")]
    SelfTest(String),
    #[error("netlink: {0}")]
    Netlink(std::io::Error),
}

/// Why a rule was not installed. The stream stays with the engine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InstallError {
    #[error("the map is full ({0} rules)")]
    MapFull(u32),
    #[error("another rule relays these packets already")]
    Taken,
    #[error("more than {} payload types", crate::MOST_PAYLOADS)]
    TooManyPayloads,
    #[error("{0} is this host itself")]
    LocalDestination(std::net::IpAddr),
    #[error("no route to {destination}: {reason}")]
    Unroutable { destination: std::net::IpAddr, reason: String },
    #[error("cannot send on {device} from inside the kernel: {reason}")]
    Egress { device: String, reason: String },
    #[error("no interface with the fast path receives for {0}")]
    NoIngress(std::net::IpAddr),
    #[error("the kernel refused the rule: {0}")]
    Refused(String),
}

/// What became of the packets an interface received, since the maps were made. Interfaces whose frames arrive at a
/// common one below have its numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceCounters {
    pub device: String,
    pub forwarded: u64,
    /// Packets handed up untouched, by reason.
    pub passed: Vec<(&'static str, u64)>,
}

fn reasons(reports: &[InterfaceReport]) -> String {
    let reasons: Vec<String> =
        reports.iter().map(|report| format!("{}: {}", report.device, report.reason)).collect();
    reasons.join("; ")
}
