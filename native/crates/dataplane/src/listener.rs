//! The Unix socket the control plane connects to.

use std::{
    fs::{self, File},
    io,
    os::{
        fd::{AsFd, BorrowedFd},
        unix::{
            fs::OpenOptionsExt,
            net::{UnixListener, UnixStream},
        },
    },
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use rustix::{
    fs::{FlockOperation, Mode, flock},
    net::sockopt::socket_peercred,
    process,
};

/// Removes its socket file when it goes.
pub struct Listener {
    listener: UnixListener,
    path: PathBuf,
    /// Locked as long as we live. Whether somebody answers on the socket says less: with io_uring a killed process's
    /// socket goes on answering for a moment.
    _lock: File,
}

impl Listener {
    /// Listens at this path; a file left behind by a process that is gone is replaced.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let mut lock_path = path.as_os_str().to_owned();
        lock_path.push(".lock");
        let lock = File::options().create(true).append(true).mode(0o600).open(&lock_path);
        let lock = lock.with_context(|| format!("cannot write beside {}", path.display()))?;
        if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
            bail!("another process listens on {}", path.display());
        }
        let _ = fs::remove_file(path);
        let listener = bind(path).with_context(|| format!("cannot listen on {}", path.display()))?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener, path: path.to_owned(), _lock: lock })
    }

    /// The next connection, if it is of our own user or root; others are closed at once.
    pub fn accept(&self) -> Option<UnixStream> {
        let (stream, _) = self.listener.accept().ok()?;
        let peer = socket_peercred(&stream).ok()?.uid;
        if peer == process::geteuid() || peer.is_root() {
            return Some(stream);
        }
        tracing::warn!(uid = peer.as_raw(), "refused a control connection of another user");
        None
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Binds with mode 0660 from the first moment on.
fn bind(path: &Path) -> io::Result<UnixListener> {
    let before = process::umask(Mode::from_raw_mode(0o117));
    let listener = UnixListener::bind(path);
    process::umask(before);
    listener
}
