//! Relaying inside the kernel. A rule is a cached decision of the engine: RTP of one known source, from one known
//! peer, to one known receiver. Whatever no rule owns goes up untouched.

mod attach;
mod benchmark;
mod copies;
mod earlier;
mod entry;
mod fast_path;
mod frame;
mod hops;
mod kernel;
mod layout;
mod mapped;
mod netlink;
mod pins;
mod privileges;
mod report;
mod rule;
mod rules;
mod self_test;
mod sum;
mod topology;

#[cfg(test)]
mod program_test;

pub use benchmark::{TimedRelay, Timing, time_program};
pub use copies::Copied;
pub use fast_path::{FastPath, Options};
pub use pins::{Cleaned, clean, find};
pub use report::{DeviceCounters, InstallError, InterfaceReport, Mode, OpenError};
pub use rule::{MOST_PAYLOADS, Payload, Progress, Rewrite, Rule, RuleIndex, RuleStats};
