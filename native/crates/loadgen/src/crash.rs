//! Ends the processes that relay, the way a crash does.

use crate::source::realtime_ns;
use anyhow::{Context, Result};
use std::process::Command;
use std::time::{Duration, Instant};

/// The processes, and the phase that begins with their death.
#[derive(Clone)]
pub struct Crash {
    processes: Vec<u32>,
    phase: usize,
}

impl Crash {
    pub fn is_due(&self, phase: usize) -> bool {
        self.phase == phase
    }

    /// Kills the processes, waits until they are dead, so that nothing sent later can have passed them, and runs what
    /// is to be done about it. Answers when they were killed.
    pub fn carry_out(&self, then: Option<&str>) -> Result<u64> {
        let (killed_ns, patience) = (realtime_ns(), Instant::now() + PATIENCE);
        for &process in &self.processes {
            // SAFETY: kill takes no pointers.
            let outcome = unsafe { libc::kill(libc::pid_t::try_from(process)?, libc::SIGKILL) };
            anyhow::ensure!(outcome == 0, "no process {process} that could be killed");
        }
        for &process in &self.processes {
            while !is_dead(process) {
                anyhow::ensure!(Instant::now() < patience, "process {process} is still there");
                std::thread::sleep(Duration::from_micros(100));
            }
        }
        if let Some(command) = then {
            let status = Command::new("sh").args(["-ec", command]).status().context("after the crash")?;
            anyhow::ensure!(status.success(), "after the crash, `{command}` failed: {status}");
        }
        Ok(killed_ns)
    }
}

/// Gone, or nothing is left of it but what its parent will ask for: an orphan's may take its time.
fn is_dead(process: u32) -> bool {
    let Ok(tasks) = std::fs::read_dir(format!("/proc/{process}/task")) else { return true };
    tasks.flatten().all(|task| {
        let stat = std::fs::read_to_string(task.path().join("stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_none_or(|(_, state)| state.starts_with(['Z', 'X']))
    })
}

impl std::str::FromStr for Crash {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let (processes, phase) = text.split_once(':').context("expected PID[,PID]…:PHASE")?;
        let processes = processes.split(',').map(str::parse).collect::<Result<_, _>>()?;
        Ok(Self { processes, phase: phase.parse()? })
    }
}

const PATIENCE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Child, ExitStatus};
    use std::thread::JoinHandle;

    #[test]
    fn processes_are_dead_once_their_crash_is_carried_out() {
        let (one, other) = (sleeper(), sleeper());
        let crash: Crash = format!("{},{}:1", one.id(), other.id()).parse().expect("processes and a phase");
        assert!(crash.is_due(1) && !crash.is_due(0));
        let reapers = [reaped(one), reaped(other)];
        assert!(crash.carry_out(None).expect("they are killed") > 0);
        for reaper in reapers {
            assert!(!reaper.join().expect("it was reaped").success());
        }
    }

    #[test]
    fn a_process_nobody_asks_for_is_dead_all_the_same() {
        let mut child = sleeper();
        assert!(!is_dead(child.id()));
        let crash: Crash = format!("{}:0", child.id()).parse().expect("a process and a phase");
        assert!(crash.carry_out(None).is_ok());
        assert!(is_dead(child.id()));
        assert!(!child.wait().expect("it has ended").success());
    }

    #[test]
    fn a_crash_whose_aftermath_fails_has_failed() {
        for (command, is_fine) in [("true", true), ("false; true", false)] {
            let child = sleeper();
            let crash: Crash = format!("{}:0", child.id()).parse().expect("a process and a phase");
            let reaper = reaped(child);
            assert_eq!(crash.carry_out(Some(command)).is_ok(), is_fine, "{command}");
            reaper.join().expect("it was reaped");
        }
    }

    #[test]
    fn a_crash_names_processes_and_a_phase() {
        assert!("77".parse::<Crash>().is_err());
        assert!("x:1".parse::<Crash>().is_err());
        assert!("7,:1".parse::<Crash>().is_err());
    }

    fn sleeper() -> Child {
        Command::new("sleep").arg("600").spawn().expect("sleep runs")
    }

    fn reaped(mut child: Child) -> JoinHandle<ExitStatus> {
        std::thread::spawn(move || child.wait().expect("it has ended"))
    }
}
