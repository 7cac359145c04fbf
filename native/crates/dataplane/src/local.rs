//! Unix sockets of the control protocols that outlive the control plane.

use std::{
    fs, io,
    os::{
        fd::OwnedFd,
        unix::fs::{FileTypeExt, MetadataExt},
    },
    path::{Path, PathBuf},
};

use anyhow::{Context, bail, ensure};
use rustix::{
    fs::Mode,
    io::Errno,
    net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, connect, listen, socket_with},
    process,
};

/// Removes its file when it goes.
#[derive(Debug)]
pub struct LocalSocket {
    pub socket: OwnedFd,
    pub path: PathBuf,
    /// Device and number of the file, so that nobody else's is removed.
    file: (u64, u64),
}

impl LocalSocket {
    /// Binds at this path, with this mode from the first moment on. A file that nobody listens on is replaced.
    pub fn open(path: &Path, kind: SocketType, mode: u32) -> anyhow::Result<Self> {
        let length = path.as_os_str().len();
        ensure!(
            length <= LONGEST_PATH,
            "the path has {length} bytes, and {LONGEST_PATH} is the most for a socket"
        );
        let address = SocketAddrUnix::new(path)?;
        remove_stale(path, &address, kind)?;
        let socket = new_socket(kind)?;
        let before = process::umask(Mode::from_raw_mode(0o777 & !mode));
        let bound = bind(&socket, &address);
        process::umask(before);
        bound?;
        if kind == SocketType::STREAM {
            listen(&socket, BACKLOG)?;
        }
        let file = identity(path).context("its file is gone already")?;
        Ok(Self { socket, path: path.to_owned(), file })
    }
}

impl Drop for LocalSocket {
    fn drop(&mut self) {
        if identity(&self.path).ok() == Some(self.file) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Whoever asks before taking another one's place finds out by connecting: only a live socket can be connected to.
fn remove_stale(path: &Path, address: &SocketAddrUnix, kind: SocketType) -> anyhow::Result<()> {
    let Ok(found) = fs::symlink_metadata(path) else {
        return Ok(());
    };
    if !found.file_type().is_socket() {
        bail!("there is a file that is no socket");
    }
    match connect(&new_socket(kind)?, address) {
        Err(Errno::CONNREFUSED | Errno::NOENT) => Ok(fs::remove_file(path).or_else(unless_gone)?),
        _ => bail!("another process listens there"),
    }
}

fn unless_gone(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

fn new_socket(kind: SocketType) -> io::Result<OwnedFd> {
    Ok(socket_with(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None)?)
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let found = fs::symlink_metadata(path)?;
    Ok((found.dev(), found.ino()))
}

/// What the kernel takes besides the NUL at the end.
const LONGEST_PATH: usize = 107;
const BACKLOG: i32 = 128;
