//! The Unix socket the control plane connects to.

use std::{
    fs, io,
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use rustix::{fs::Mode, net::sockopt::socket_peercred, process};

/// Removes its socket file when it goes.
pub struct Listener {
    listener: UnixListener,
    path: PathBuf,
}

impl Listener {
    /// Listens at this path; a file left behind by a process that is gone is replaced.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let listener = match bind(path) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                if UnixStream::connect(path).is_ok() {
                    bail!("another process listens on {}", path.display());
                }
                fs::remove_file(path).with_context(|| format!("cannot replace {}", path.display()))?;
                bind(path)
            }
            result => result,
        };
        let listener = listener.with_context(|| format!("cannot listen on {}", path.display()))?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener, path: path.to_owned() })
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
