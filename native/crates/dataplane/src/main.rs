//! `tandem-dataplane`: relays media as the control plane says.

use std::{
    panic,
    process::{self, ExitCode},
};

use clap::Parser;
use dataplane::{
    options::Options,
    run::{self, Failure},
};

fn main() -> ExitCode {
    let options = Options::parse();
    options.log.start();
    end_with_any_thread();
    match run::run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Setting(error)) => {
            tracing::error!("{error:#}");
            ExitCode::from(WRONG_USAGE)
        }
        Err(Failure::Running(error)) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
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

/// The same as for a mistake on the command line: starting again would not help.
const WRONG_USAGE: u8 = 2;
