//! Ends the process that relays, the way a crash does.

use crate::source::realtime_ns;
use anyhow::{Context, Result};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// The process, and the phase that begins with its death.
#[derive(Clone, Copy)]
pub struct Crash {
    process: u32,
    phase: usize,
}

impl Crash {
    pub fn is_due(&self, phase: usize) -> bool {
        self.phase == phase
    }

    /// Kills the process and waits until its parent has seen it dead: nothing sent later can have passed it. Answers
    /// when it was killed.
    pub fn carry_out(&self) -> Result<u64> {
        let process = libc::pid_t::try_from(self.process)?;
        let (killed_ns, patience) = (realtime_ns(), Instant::now() + PATIENCE);
        // SAFETY: kill takes no pointers.
        let outcome = unsafe { libc::kill(process, libc::SIGKILL) };
        anyhow::ensure!(outcome == 0, "no process {process} that could be killed");
        let entry = PathBuf::from(format!("/proc/{process}"));
        while entry.exists() {
            anyhow::ensure!(Instant::now() < patience, "process {process} is still there");
            std::thread::sleep(Duration::from_micros(100));
        }
        Ok(killed_ns)
    }
}

impl std::str::FromStr for Crash {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let (process, phase) = text.split_once(':').context("expected PID:PHASE")?;
        Ok(Self { process: process.parse()?, phase: phase.parse()? })
    }
}

const PATIENCE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_process_is_dead_once_its_crash_is_carried_out() {
        let mut child = Command::new("sleep").arg("600").spawn().expect("sleep runs");
        let crash: Crash = format!("{}:1", child.id()).parse().expect("a process and a phase");
        assert!(crash.is_due(1) && !crash.is_due(0));
        let reaper = std::thread::spawn(move || child.wait().expect("it has ended"));
        assert!(crash.carry_out().expect("it is killed") > 0);
        assert!(!reaper.join().expect("it was reaped").success());
    }

    #[test]
    fn a_crash_names_a_process_and_a_phase() {
        assert!("77".parse::<Crash>().is_err());
        assert!("x:1".parse::<Crash>().is_err());
    }
}
