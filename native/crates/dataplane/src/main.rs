//! `tandem-dataplane`: relays media as the control plane says.

use std::{io, panic, process};

use clap::Parser;
use dataplane::{
    options::{LogFormat, Options},
    run,
};

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    start_logging(&options);
    end_with_any_thread();
    run::run(&options)
}

/// Logs to standard error: standard output may be somebody's pipe.
fn start_logging(options: &Options) {
    let builder = tracing_subscriber::fmt().with_max_level(options.log_level).with_writer(io::stderr);
    match options.log_format {
        LogFormat::Text => builder.with_ansi(false).init(),
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
}

/// A shard that panicked cannot go on, and its calls neither: the supervisor starts a new process.
fn end_with_any_thread() {
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        report(panic);
        process::abort();
    }));
}
