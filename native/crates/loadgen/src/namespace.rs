//! Network namespaces and cores of the calling thread.

use anyhow::{Context, Result};
use std::fs::File;
use std::os::fd::AsRawFd;

/// Moves the calling thread into a named network namespace.
pub fn enter(name: &str) -> Result<()> {
    let path = format!("/run/netns/{name}");
    let file = File::open(&path).with_context(|| format!("no network namespace {name}"))?;
    // SAFETY: the descriptor is open for the length of the call; setns touches no memory of ours.
    let result = unsafe { libc::setns(file.as_raw_fd(), libc::CLONE_NEWNET) };
    anyhow::ensure!(result == 0, "entering {name}: {}", std::io::Error::last_os_error());
    Ok(())
}

/// Binds the calling thread to one core and asks for timers without slack.
pub fn pin(core: usize) -> Result<()> {
    // SAFETY: an all-zero cpu_set_t is the empty set, and the set outlives the call that reads it.
    let result = unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(core, &mut set);
        libc::prctl(libc::PR_SET_TIMERSLACK, 1);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &set)
    };
    anyhow::ensure!(result == 0, "pinning to core {core}: {}", std::io::Error::last_os_error());
    Ok(())
}
