//! Command line of the data plane.

use std::{io, path::PathBuf};

use clap::{Args, Parser, ValueEnum};

/// Relays media as the control plane says.
#[derive(Debug, Clone, Parser)]
#[command(name = "tandem-dataplane", version)]
pub struct Options {
    /// Unix socket to listen on for the control plane.
    #[arg(long, value_name = "PATH")]
    pub socket: PathBuf,
    /// Inherited UDP socket on which clients ask the control plane; may be given several times.
    #[arg(long, value_name = "FD")]
    pub control_fd: Vec<i32>,
    #[command(flatten)]
    pub relay: RelayOptions,
    #[command(flatten)]
    pub log: LogOptions,
}

/// How packets are relayed.
#[derive(Debug, Clone, Args)]
pub struct RelayOptions {
    /// Packet threads; one less than there are cores if not given, at least one.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub shards: Option<u16>,
    /// How packets are moved.
    #[arg(long, value_enum, default_value_t = IoChoice::Auto)]
    pub io: IoChoice,
}

/// What is logged, and how.
#[derive(Debug, Clone, Args)]
pub struct LogOptions {
    /// error, warn, info, debug or trace.
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    pub log_level: tracing::Level,
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum IoChoice {
    /// io_uring if it works here, else mmsg.
    Auto,
    Uring,
    Mmsg,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

impl LogOptions {
    /// Logs to standard error: standard output may be somebody's pipe.
    pub fn start(&self) {
        let builder = tracing_subscriber::fmt().with_max_level(self.log_level).with_writer(io::stderr);
        match self.log_format {
            LogFormat::Text => builder.with_ansi(false).init(),
            LogFormat::Json => builder.json().flatten_event(true).init(),
        }
    }
}
