//! The ring itself: how it is set up and entered.

use std::{io, time::Duration};

use io_uring::{EnterFlags, IoUring, types};

/// An io_uring whose submissions run to their end within [`enter`](Self::enter).
pub struct Ring {
    pub uring: IoUring,
    min_wait: bool,
    wait_flags: EnterFlags,
}

impl Ring {
    /// To be called by the thread that will use it.
    pub fn new() -> io::Result<Self> {
        let uring = IoUring::builder()
            .setup_cqsize(COMPLETIONS)
            .setup_submit_all()
            .setup_single_issuer()
            .setup_defer_taskrun()
            .build(SUBMISSIONS)?;
        let mut wait_flags = EnterFlags::EXT_ARG | EnterFlags::GETEVENTS;
        if uring.params().is_feature_no_iowait() {
            // Waiting for packets is idle time; without this, monitoring shows it as disk trouble.
            wait_flags |= EnterFlags::NO_IOWAIT;
        }
        Ok(Self { min_wait: uring.params().is_feature_min_timeout(), wait_flags, uring })
    }

    pub fn can_gather(&self) -> bool {
        self.min_wait
    }

    /// Submits everything, without waiting.
    pub fn flush(&mut self) -> io::Result<()> {
        self.enter(Wait::No)
    }

    /// Submits everything and waits.
    pub fn enter(&mut self, wait: Wait) -> io::Result<()> {
        let mut wait = wait;
        for _ in 0..MAX_TRIES {
            self.uring.submission().sync();
            match self.enter_once(wait) {
                Ok(()) => {}
                Err(error) => match error.raw_os_error() {
                    // ETIME ends a wait, a signal may end it, and shortage of memory or completions passes.
                    Some(libc::ETIME | libc::EINTR | libc::EAGAIN | libc::EBUSY | libc::ENOMEM) => {}
                    _ => return Err(error),
                },
            }
            if self.uring.submission().is_empty() {
                return Ok(());
            }
            wait = Wait::No;
        }
        Err(io::Error::other("the ring does not take submissions"))
    }

    fn enter_once(&mut self, wait: Wait) -> io::Result<()> {
        let (want, timeout, gather) = match wait {
            Wait::No => (0, Some(Duration::ZERO), None),
            Wait::One { timeout } => (1, timeout, None),
            Wait::Gather { timeout, gather } => (GATHERED, timeout, Some(gather)),
        };
        let timeout =
            timeout.map(|time| types::Timespec::new().sec(time.as_secs()).nsec(time.subsec_nanos()));
        let mut args = types::SubmitArgs::new();
        if let Some(timeout) = &timeout {
            args = args.timespec(timeout);
        }
        if let Some(gather) = gather {
            args = args.min_wait_usec(gather.as_micros() as u32);
        }
        let submissions = self.uring.submission().len();
        // SAFETY: with EXT_ARG the argument is an `io_uring_getevents_arg`, which `SubmitArgs` is transparently.
        unsafe {
            self.uring.submitter().enter(submissions as u32, want, self.wait_flags.bits(), Some(&args))?;
        }
        Ok(())
    }
}

#[derive(Debug, Clone, Copy)]
pub enum Wait {
    No,
    /// For anything.
    One {
        timeout: Option<Duration>,
    },
    /// For several things; after the time `gather` for anything.
    Gather {
        timeout: Option<Duration>,
        gather: Duration,
    },
}

pub const SUBMISSIONS: u32 = 512;
/// More than there are packet buffers, each of which makes one completion.
const COMPLETIONS: u32 = 4096;
/// So many packets are worth an early wake-up.
const GATHERED: u32 = 64;
const MAX_TRIES: usize = 1000;
