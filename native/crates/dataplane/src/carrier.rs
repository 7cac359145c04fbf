//! Datagrams of a Unix socket for the control plane, which can read streams only.
//!
//! A pair of stream sockets leads to it. On it go frames: a length of four bytes in network byte order, two bytes with
//! the length of the client's address, the address (a path, or NUL and an abstract name), the datagram. An empty frame
//! from the control plane says that it reads; until then, and while it restarts, datagrams wait in their socket.

use std::{
    io,
    os::fd::{AsRawFd, OwnedFd, RawFd},
};

use rustix::{
    event::{PollFd, PollFlags},
    io::{DupFlags, Errno, dup3, read, write},
    net::{
        AddressFamily, RecvFlags, SendFlags, SocketAddrAny, SocketAddrUnix, SocketFlags, SocketType,
        recvfrom, sendto, socketpair,
    },
};

use crate::local::LocalSocket;

#[derive(Debug)]
pub struct Carrier {
    pub local: LocalSocket,
    here: OwnedFd,
    /// Keeps its number when there is another one, because children are told it once.
    there: OwnedFd,
    is_read: bool,
    /// What is on its way to the control plane.
    outgoing: Vec<u8>,
    incoming: Vec<u8>,
}

impl Carrier {
    pub fn new(local: LocalSocket) -> io::Result<Self> {
        let (here, there) = pair()?;
        Ok(Self { local, here, there, is_read: false, outgoing: Vec::new(), incoming: Vec::new() })
    }

    /// The control plane's end.
    pub fn descriptor(&self) -> RawFd {
        self.there.as_raw_fd()
    }

    /// Begins anew for another life of the control plane: of the last one there may be half a frame.
    pub fn renew(&mut self) -> io::Result<()> {
        let (here, there) = pair()?;
        dup3(&there, &mut self.there, DupFlags::CLOEXEC)?;
        self.here = here;
        self.is_read = false;
        self.outgoing.clear();
        self.incoming.clear();
        Ok(())
    }

    /// What to wait for before `carry` has something to do.
    pub fn interests(&self) -> impl Iterator<Item = PollFd<'_>> {
        let writing = if self.outgoing.is_empty() { PollFlags::IN } else { PollFlags::IN | PollFlags::OUT };
        let waits = self.is_read && self.outgoing.is_empty();
        let arrivals = waits.then(|| PollFd::new(&self.local.socket, PollFlags::IN));
        [PollFd::new(&self.here, writing)].into_iter().chain(arrivals)
    }

    /// Carries what there is, without waiting.
    pub fn carry(&mut self) {
        self.take_replies();
        for _ in 0..MOST_AT_ONCE {
            self.flush();
            if !self.is_read || !self.outgoing.is_empty() || !self.take_datagram() {
                return;
            }
        }
    }

    /// False if none is there.
    fn take_datagram(&mut self) -> bool {
        let mut datagram = [0; LONGEST_DATAGRAM];
        match recvfrom(&self.local.socket, &mut datagram[..], RecvFlags::TRUNC) {
            Ok((kept, length, from)) => {
                let address = from.and_then(client);
                // What is longer is no command, and from whom has no address no reply is awaited.
                if let (Some(address), true) = (address, length <= LONGEST_DATAGRAM) {
                    self.outgoing = frame(&address, &datagram[..kept]);
                }
                true
            }
            Err(Errno::INTR) => true,
            Err(_) => false,
        }
    }

    fn flush(&mut self) {
        while !self.outgoing.is_empty() {
            match write(&self.here, &self.outgoing) {
                Ok(written) => drop(self.outgoing.drain(..written)),
                Err(Errno::INTR) => {}
                Err(_) => return,
            }
        }
    }

    fn take_replies(&mut self) {
        let mut chunk = [0; 16 * 1024];
        loop {
            match read(&self.here, &mut chunk) {
                Ok(length) if length > 0 => self.incoming.extend_from_slice(&chunk[..length]),
                Err(Errno::INTR) => continue,
                _ => break,
            }
            while let Some(reply) = next_frame(&mut self.incoming) {
                if reply.is_empty() {
                    self.is_read = true;
                } else if let Some((address, datagram)) = parse(&reply) {
                    // A client that has gone, or does not read, asks again.
                    let _ = sendto(&self.local.socket, datagram, SendFlags::DONTWAIT, &address);
                }
            }
        }
    }
}

fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    Ok(socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None)?)
}

/// `None`: it has none, and cannot be answered.
fn client(address: SocketAddrAny) -> Option<Vec<u8>> {
    let address = SocketAddrUnix::try_from(address).ok()?;
    match (address.path_bytes(), address.abstract_name()) {
        (Some(path), _) if !path.is_empty() => Some(path.to_vec()),
        (_, Some(name)) => Some([&[0], name].concat()),
        _ => None,
    }
}

fn frame(address: &[u8], datagram: &[u8]) -> Vec<u8> {
    let length = (2 + address.len() + datagram.len()) as u32;
    [&length.to_be_bytes()[..], &(address.len() as u16).to_be_bytes(), address, datagram].concat()
}

fn next_frame(bytes: &mut Vec<u8>) -> Option<Vec<u8>> {
    let length = u32::from_be_bytes(*bytes.first_chunk::<4>()?) as usize;
    let body = bytes.get(4..4 + length)?.to_vec();
    bytes.drain(..4 + length);
    Some(body)
}

fn parse(body: &[u8]) -> Option<(SocketAddrUnix, &[u8])> {
    let (length, rest) = body.split_first_chunk::<2>()?;
    let (address, datagram) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
    let address = match address.split_first() {
        Some((0, name)) => SocketAddrUnix::new_abstract_name(name).ok()?,
        _ => SocketAddrUnix::new(address).ok()?,
    };
    Some((address, datagram))
}

/// No request of a control protocol on such a socket is longer.
const LONGEST_DATAGRAM: usize = 16 * 1024;
/// So that signals are looked at in between.
const MOST_AT_ONCE: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_read_back_however_they_are_cut() {
        let mut bytes = Vec::new();
        let mut sent = frame(b"/run/client", b"1 V");
        sent.extend(0u32.to_be_bytes());
        sent.extend(frame(b"\0name", b""));
        let mut frames = Vec::new();
        for byte in sent {
            bytes.push(byte);
            frames.extend(next_frame(&mut bytes));
        }
        assert_eq!(frames.len(), 3);
        let (address, datagram) = parse(&frames[0]).unwrap();
        assert_eq!((address.path_bytes(), datagram), (Some(&b"/run/client"[..]), &b"1 V"[..]));
        assert!(frames[1].is_empty());
        let (address, datagram) = parse(&frames[2]).unwrap();
        assert_eq!((address.abstract_name(), datagram), (Some(&b"name"[..]), &b""[..]));
    }

    #[test]
    fn a_frame_that_contradicts_itself_is_nobodys() {
        for body in [&b""[..], b"\0", b"\0\x09short", b"\xff\xff"] {
            assert!(parse(body).is_none(), "{body:?}");
        }
    }
}
