//! `tandem-fastpath`: removes from the kernel what data planes that have died left there.

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};
use dataplane::fast_path::clear_dead;
use dataplane::options::{LogFormat, LogOptions};

/// Looks after what data planes leave in the kernel.
#[derive(Debug, Parser)]
#[command(name = "tandem-fastpath", version)]
struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Detaches programs and removes rules of data planes that do not run any more.
    Clean {
        /// Folder on the BPF file system, as `fastPath.pinDirectory`.
        pin_directory: PathBuf,
    },
}

fn main() -> ExitCode {
    let Options { command: Command::Clean { pin_directory } } = Options::parse();
    LogOptions { log_level: tracing::Level::INFO, log_format: LogFormat::Text }.start();
    clear_dead(&pin_directory, None);
    match fastpath::find(&pin_directory).len() {
        0 => {
            // Anything else in it is not ours.
            let _ = std::fs::remove_dir(&pin_directory);
            tracing::info!("nothing is left in the kernel");
            ExitCode::SUCCESS
        }
        running => {
            tracing::warn!(running, "data planes that run keep what is theirs; stop them first");
            ExitCode::FAILURE
        }
    }
}
