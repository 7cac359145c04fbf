//! A child process that is started again when it dies.

use std::{
    ffi::OsString,
    io,
    os::fd::RawFd,
    path::PathBuf,
    process::{Child, Command, ExitStatus},
    time::{Duration, Instant},
};

use netio::{process::prepare, signals::Signal};
use rustix::process::{Pid, kill_process};

/// How to start it.
#[derive(Debug)]
pub struct Program {
    pub name: &'static str,
    pub path: PathBuf,
    pub arguments: Vec<OsString>,
    pub environment: Vec<(&'static str, OsString)>,
    pub inherited: Vec<RawFd>,
}

#[derive(Debug)]
pub struct Supervised {
    program: Program,
    state: State,
    /// How long to wait before the next start.
    delay: Duration,
    ending: bool,
}

#[derive(Debug)]
enum State {
    Running { child: Child, since: Instant },
    Dead { restart_at: Instant },
}

impl Supervised {
    pub fn start(program: Program, now: Instant) -> io::Result<Self> {
        let child = spawn(&program)?;
        Ok(Self {
            program,
            state: State::Running { child, since: now },
            delay: SHORTEST_DELAY,
            ending: false,
        })
    }

    pub fn is_running(&self) -> bool {
        matches!(self.state, State::Running { .. })
    }

    pub fn restart_at(&self) -> Option<Instant> {
        match self.state {
            State::Running { .. } => None,
            State::Dead { restart_at } => Some(restart_at),
        }
    }

    /// Takes note if it has died; returns how.
    pub fn reap(&mut self, now: Instant) -> Option<ExitStatus> {
        let State::Running { child, since } = &mut self.state else { return None };
        let status = child.try_wait().ok()??;
        if self.ending {
            tracing::info!(program = self.program.name, %status, "ended");
        } else {
            tracing::warn!(program = self.program.name, %status, "died");
        }
        if now.saturating_duration_since(*since) >= STABLE {
            self.delay = SHORTEST_DELAY;
        }
        self.die(now);
        Some(status)
    }

    /// Starts it again if it is dead and has been long enough.
    pub fn restart_if_due(&mut self, now: Instant) {
        if self.restart_at().is_none_or(|at| at > now) {
            return;
        }
        match spawn(&self.program) {
            Ok(child) => self.state = State::Running { child, since: now },
            Err(error) => {
                tracing::error!(%error, program = self.program.name, "cannot start it again");
                self.die(now);
            }
        }
    }

    pub fn signal(&self, signal: Signal) {
        if let State::Running { child, .. } = &self.state
            && let Some(pid) = Pid::from_raw(child.id() as i32)
        {
            let _ = kill_process(pid, signal);
        }
    }

    /// Asks it to end.
    pub fn end(&mut self) {
        self.ending = true;
        self.signal(Signal::TERM);
    }

    /// Ends it by force.
    pub fn kill(&mut self) {
        if let State::Running { child, .. } = &mut self.state {
            tracing::warn!(program = self.program.name, "does not end: killed");
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    fn die(&mut self, now: Instant) {
        self.state = State::Dead { restart_at: now + self.delay };
        self.delay = (self.delay * 2).min(LONGEST_DELAY);
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        self.kill();
    }
}

fn spawn(program: &Program) -> io::Result<Child> {
    let mut command = Command::new(&program.path);
    command.args(&program.arguments);
    command.envs(program.environment.iter().map(|(name, value)| (name, value)));
    prepare(&mut command, program.inherited.clone());
    let child = command.spawn()?;
    tracing::info!(pid = child.id(), program = program.name, "started");
    Ok(child)
}

const SHORTEST_DELAY: Duration = Duration::from_millis(100);
const LONGEST_DELAY: Duration = Duration::from_secs(5);
/// What has run so long did not die of its start.
const STABLE: Duration = Duration::from_secs(10);
