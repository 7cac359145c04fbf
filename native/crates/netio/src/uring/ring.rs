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

    /// Submits everything, and does not ask for completions: nothing is received meanwhile.
    pub fn flush(&mut self) -> io::Result<()> {
        if self.uring.submission().is_empty() {
            return Ok(());
        }
        self.enter(None)
    }

    /// Submits everything and waits.
    pub fn wait(&mut self, wait: Wait) -> io::Result<()> {
        self.enter(Some(wait))
    }

    fn enter(&mut self, mut wait: Option<Wait>) -> io::Result<()> {
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
            wait = None;
        }
        Err(io::Error::other("the ring does not take submissions"))
    }

    fn enter_once(&mut self, wait: Option<Wait>) -> io::Result<()> {
        let Some(Wait { timeout, gather }) = wait else {
            return self.uring.submit().map(drop);
        };
        let timeout =
            timeout.map(|time| types::Timespec::new().sec(time.as_secs()).nsec(time.subsec_nanos()));
        let mut args = types::SubmitArgs::new();
        if let Some(timeout) = &timeout {
            args = args.timespec(timeout);
        }
        let mut want = 1;
        if let Some(gather) = gather {
            args = args.min_wait_usec(gather.as_micros() as u32);
            want = GATHERED;
        }
        let submissions = self.uring.submission().len();
        // SAFETY: with EXT_ARG the argument is an `io_uring_getevents_arg`, which `SubmitArgs` is transparently.
        unsafe {
            self.uring.submitter().enter(submissions as u32, want, self.wait_flags.bits(), Some(&args))?;
        }
        Ok(())
    }
}

/// Waits for anything, at most for `timeout`; during the time `gather` only for several things.
#[derive(Debug, Clone, Copy)]
pub struct Wait {
    pub timeout: Option<Duration>,
    pub gather: Option<Duration>,
}

pub const SUBMISSIONS: u32 = 512;
/// More than there are packet buffers, each of which makes one completion.
const COMPLETIONS: u32 = 4096;
/// So many sockets with packets are worth an early wake-up. The kernel takes up to 32 packets from each of them:
/// as many as there are buffers.
const GATHERED: u32 = (super::buffers::COUNT / 32) as u32;
const MAX_TRIES: usize = 1000;
