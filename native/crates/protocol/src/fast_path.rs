//! The fast path: packets relayed in the kernel (XDP), without waking the process.

use serde::{Deserialize, Serialize};

/// What the control plane wants of the fast path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct FastPathPlan {
    pub mode: FastPathMode,
    /// Network devices to cover. Empty: those that have the addresses of the interfaces.
    pub devices: Vec<String>,
    /// Folder on a BPF file system where program and rules outlive this process.
    pub pin_directory: String,
    /// Streams relayed in the kernel at the same time, at most.
    pub max_streams: u32,
    pub hook: FastPathHook,
}

/// Where packets are taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum FastPathHook {
    /// The fastest that works, for each device.
    #[default]
    Auto,
    /// Only XDP in the driver.
    Native,
    /// Only XDP in the network stack.
    Generic,
    /// Only the traffic control hook.
    Tc,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum FastPathMode {
    /// As `auto`; the control plane does not go on without it.
    Require,
    /// Where it is to be had.
    Auto,
    #[default]
    Off,
}

/// The fast path as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct FastPathStatus {
    pub mode: FastPathMode,
    pub state: FastPathState,
    pub reason: String,
    pub devices: Vec<FastPathDevice>,
    /// Streams whose peer's packets the kernel relays.
    pub offloaded: u32,
    /// The others, by reason; reasons that no stream has are left out.
    pub userspace: Vec<UserspaceCount>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum FastPathState {
    #[default]
    Off,
    /// Being loaded and tried out, which may take a second or two. Packets go through the process meanwhile.
    Opening,
    /// Packets can be relayed in the kernel on at least one device.
    Active,
    Unavailable,
}

/// A network device and the way of its packets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct FastPathDevice {
    pub device: String,
    pub mode: DeviceMode,
    pub reason: String,
    /// Packets relayed.
    pub forwarded: u64,
    /// Packets handed up, by reason.
    pub passed: Vec<PassedCount>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct PassedCount {
    pub reason: String,
    pub packets: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum DeviceMode {
    /// XDP in the driver.
    Native,
    /// XDP in the network stack.
    Generic,
    /// The traffic control hook.
    Tc,
    /// Userspace only.
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct UserspaceCount {
    pub reason: UserspaceReason,
    pub streams: u32,
}

/// The way packets from a stream's peer take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum StreamPath {
    /// Through the kernel.
    FastPath,
    /// Through this process.
    Userspace { reason: UserspaceReason },
}

/// Why a stream's packets are not relayed in the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum UserspaceReason {
    /// There is no fast path here, or not on the device concerned.
    NoFastPath,
    /// It is not RTP.
    Opaque,
    /// SRTP is terminated here, on this side or on the other.
    Protected,
    /// ICE decides where packets go.
    Ice,
    /// It shares its transport with other streams.
    Bundled,
    /// Nobody is to get its packets.
    Unrouted,
    /// Several streams get its packets.
    Forked,
    /// Media is dropped or replaced by silence.
    Silenced,
    /// Packets do not leave as they came.
    Altered,
    /// The peer may not send, or there is no address to send to.
    Held,
    /// The peer's address is not confirmed yet, or about to change.
    Learning,
    /// The receiver cannot be reached from inside the kernel: it is on this host, behind a device without fast path, or
    /// there is no route.
    Unroutable,
    /// The kernel's table of rules is full.
    TableFull,
    /// The kernel refused the rule; the log says why.
    InstallError,
}
