//! One capture file.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Write},
    net::SocketAddr,
    os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt},
    path::Path,
    time::Duration,
};

use protocol::PcapLink;
use rustix::fs::OFlags;

use super::pcap;

/// What may be behind a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted {
    Files,
    /// Devices and pipes, too.
    Anything,
}

#[derive(Debug)]
pub struct Capture {
    file: File,
    link: PcapLink,
    /// Whole records, not written yet.
    buffer: Vec<u8>,
    /// What is in `buffer`.
    waiting: Waiting,
    /// Length of the file.
    written: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Waiting {
    pub packets: u64,
    pub bytes: u64,
}

impl Capture {
    /// Creates the file, or goes on behind the last whole record of one that is there.
    pub fn open(path: &Path, link: PcapLink, accepted: Accepted) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let files_only = accepted == Accepted::Files;
        // A device could keep whoever opens it waiting.
        let flags = if files_only { OFlags::NOFOLLOW | OFlags::NONBLOCK } else { OFlags::NOFOLLOW };
        options.custom_flags(flags.bits() as i32);
        let file = options.read(true).append(true).create(true).mode(MODE).open(path)?;
        if files_only && !file.metadata()?.is_file() {
            return Err(io::Error::other("there is something that is no file"));
        }
        let mut capture = Self { file, link, buffer: Vec::new(), waiting: Waiting::default(), written: 0 };
        capture.take_up()?;
        Ok(capture)
    }

    pub fn put(&mut self, at: Duration, way: (SocketAddr, SocketAddr), payload: &[u8]) -> io::Result<()> {
        pcap::put_record(&mut self.buffer, self.link, at, way, payload);
        self.waiting.packets += 1;
        self.waiting.bytes += payload.len() as u64;
        if self.buffer.len() < BUFFER { Ok(()) } else { self.flush() }
    }

    /// Writes what is waiting; it is gone in any case.
    pub fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let result = self.file.write_all(&self.buffer);
        if result.is_ok() {
            self.written += self.buffer.len() as u64;
            self.waiting = Waiting::default();
        } else {
            // Nothing but whole records; the next one to open it would cut off the rest, too.
            let _ = self.file.set_len(self.written);
        }
        self.buffer.clear();
        result
    }

    /// What a write that failed was about, or the next one is going to be.
    pub fn waiting(&self) -> Waiting {
        self.waiting
    }

    /// Somebody has removed it.
    pub fn is_gone(&self) -> bool {
        self.file.metadata().is_ok_and(|metadata| metadata.nlink() == 0)
    }

    fn take_up(&mut self) -> io::Result<()> {
        let metadata = self.file.metadata()?;
        if metadata.is_file() {
            self.file.try_lock().map_err(|error| match error {
                TryLockError::WouldBlock => io::Error::other("the file is being written already"),
                TryLockError::Error(error) => error,
            })?;
        }
        let header = pcap::file_header(self.link);
        let mut found = [0; pcap::FILE_HEADER];
        let length = metadata.len();
        if length < pcap::FILE_HEADER as u64 {
            let found = &mut found[..length as usize];
            self.file.read_exact_at(found, 0)?;
            if !header.starts_with(found) {
                return Err(not_ours());
            }
            self.cut_to(metadata.is_file(), length, 0)?;
            self.buffer.extend_from_slice(&header);
            return self.flush();
        }
        self.file.read_exact_at(&mut found, 0)?;
        if found != header {
            return Err(not_ours());
        }
        self.written = self.end_of_records(length)?;
        self.cut_to(true, length, self.written)
    }

    /// Where the last whole record ends.
    fn end_of_records(&self, length: u64) -> io::Result<u64> {
        let first = pcap::FILE_HEADER as u64;
        let start = length.saturating_sub(WINDOW).max(first);
        let mut tail = vec![0; (length - start) as usize];
        self.file.read_exact_at(&mut tail, start)?;
        let begin =
            if start == first { 0 } else { pcap::find_record(self.link, &tail).ok_or_else(not_ours)? };
        let (whole, _) = pcap::whole_records(self.link, &tail[begin..]);
        if tail.len() - begin - whole >= pcap::LONGEST_RECORD {
            return Err(not_ours());
        }
        Ok(start + (begin + whole) as u64)
    }

    fn cut_to(&self, is_file: bool, length: u64, end: u64) -> io::Result<()> {
        if is_file && end < length { self.file.set_len(end) } else { Ok(()) }
    }
}

fn not_ours() -> io::Error {
    io::Error::other("there is a file that is no capture of this kind")
}

/// Calls are nobody else's business.
const MODE: u32 = 0o640;
/// Kept back of each file, for a second at most.
const BUFFER: usize = 16 * 1024;
/// Looked through for the end of the last record; the rest is not read again.
const WINDOW: u64 = 256 * 1024;
