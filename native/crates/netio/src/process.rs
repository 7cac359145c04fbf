//! Child processes that end with us.

use std::{
    io,
    os::{
        fd::{FromRawFd, OwnedFd, RawFd},
        unix::process::CommandExt,
    },
    process::Command,
};

use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};

/// Prepares a command: the child gets `SIGTERM` when the calling thread's process dies, has no signals blocked or
/// ignored, is not reached by signals of the terminal, and inherits exactly these files besides the standard ones.
pub fn prepare(command: &mut Command, inherited: Vec<RawFd>) {
    let parent = Pid::from_raw(std::process::id() as i32);
    command.process_group(0);
    let set_up = move || -> io::Result<()> {
        set_parent_process_death_signal(Some(Signal::TERM))?;
        if getppid() != parent {
            // It died before it could be watched.
            return Err(io::Error::from_raw_os_error(libc::ESRCH));
        }
        let none = crate::signals::set_of(&[]);
        // SAFETY: `none` is a valid signal set; the previous mask is not asked for.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut()) };
        for signal in HANDLED {
            // SAFETY: restores what the system does by default; there is no handler.
            unsafe { libc::signal(signal.as_raw(), libc::SIG_DFL) };
        }
        for fd in &inherited {
            // SAFETY: changes a flag of a descriptor that the caller keeps open; it affects the child only.
            if unsafe { libc::fcntl(*fd, libc::F_SETFD, 0) } < 0 {
                return Err(io::Error::last_os_error());
            }
        }
        Ok(())
    };
    // SAFETY: between fork and exec only system calls are made, and nothing is allocated.
    unsafe { command.pre_exec(set_up) };
}

/// Whoever started us may ignore some of them, as nohup does; a shell could not handle these.
const HANDLED: [Signal; 5] = [Signal::HUP, Signal::INT, Signal::TERM, Signal::USR1, Signal::USR2];

/// Takes over a file that our parent has left open for us under this number. Our own children do not inherit it.
///
/// To be called once for each, before anything else is opened.
pub fn inherited(fd: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: asks for and changes flags of a descriptor; one that is not open is an error.
    let is_open = unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) } >= 0;
    if !is_open {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it is open, and the caller says that nobody else in this process owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
