//! Relaying inside the kernel. A rule is a cached decision of the engine: RTP of one known source, from one known
//! peer, to one known receiver. Whatever no rule owns goes up untouched.

mod fast_path;
mod report;
mod rule;

pub use fast_path::{Cleaned, FastPath, Options, clean};
pub use report::{DeviceCounters, InstallError, InterfaceReport, Mode, OpenError};
pub use rule::{MOST_PAYLOADS, Payload, Progress, Rewrite, Rule, RuleIndex, RuleStats};
