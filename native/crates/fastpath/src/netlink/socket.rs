//! A netlink socket: questions with answers, or announcements.

use std::{
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
};

use super::message::{Request, messages};

#[derive(Debug)]
pub struct Socket {
    fd: OwnedFd,
    sequence: u32,
    buffer: Vec<u8>,
}

impl Socket {
    pub fn routing() -> io::Result<Self> {
        Socket::open(libc::NETLINK_ROUTE, 0)
    }

    pub fn generic() -> io::Result<Self> {
        Socket::open(libc::NETLINK_GENERIC, 0)
    }

    /// Hears of changes of interfaces, addresses, routes and neighbours.
    pub fn announcements() -> io::Result<Self> {
        const LINK: u32 = 0x1;
        const NEIGHBOUR: u32 = 0x4;
        const IPV4_ADDRESS: u32 = 0x10;
        const IPV4_ROUTE: u32 = 0x40;
        const IPV6_ADDRESS: u32 = 0x100;
        const IPV6_ROUTE: u32 = 0x400;
        let groups = LINK | NEIGHBOUR | IPV4_ADDRESS | IPV4_ROUTE | IPV6_ADDRESS | IPV6_ROUTE;
        Socket::open(libc::NETLINK_ROUTE, groups)
    }

    fn open(protocol: libc::c_int, groups: u32) -> io::Result<Self> {
        // SAFETY: no pointers.
        let fd = unsafe { libc::socket(libc::AF_NETLINK, libc::SOCK_RAW | libc::SOCK_CLOEXEC, protocol) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: just opened, and nobody else has it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        // SAFETY: all zero is a valid address.
        let mut address: libc::sockaddr_nl = unsafe { std::mem::zeroed() };
        address.nl_family = libc::AF_NETLINK as u16;
        address.nl_groups = groups;
        // SAFETY: the address is as long as said.
        let bound = unsafe {
            let len = size_of_val(&address) as libc::socklen_t;
            libc::bind(fd.as_raw_fd(), (&raw const address).cast(), len)
        };
        if bound < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Socket { fd, sequence: 0, buffer: vec![0; LARGEST] })
    }

    /// Sends a question and hands out the answer's messages (type and body) up to its end.
    pub fn ask(&mut self, request: Request, mut answer: impl FnMut(u16, &[u8])) -> io::Result<()> {
        self.sequence += 1;
        let sequence = self.sequence;
        let bytes = request.finished(sequence);
        // SAFETY: reads from `bytes` only.
        let sent = unsafe { libc::send(self.fd.as_raw_fd(), bytes.as_ptr().cast(), bytes.len(), 0) };
        if sent < 0 {
            return Err(io::Error::last_os_error());
        }
        loop {
            let len = self.receive(0)?;
            for message in messages(&self.buffer[..len]).filter(|message| message.sequence == sequence) {
                match i32::from(message.kind) {
                    libc::NLMSG_DONE => return Ok(()),
                    libc::NLMSG_ERROR => {
                        let code = message.body.first_chunk().map_or(0, |code| i32::from_ne_bytes(*code));
                        return if code == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(-code)) };
                    }
                    _ => answer(message.kind, message.body),
                }
            }
        }
    }

    /// Hands out what is waiting. False if something was lost.
    pub fn drain(&mut self, mut each: impl FnMut(u16, &[u8])) -> bool {
        let mut complete = true;
        loop {
            match self.receive(libc::MSG_DONTWAIT) {
                Ok(len) => {
                    messages(&self.buffer[..len]).for_each(|message| each(message.kind, message.body));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return complete,
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => complete = false,
                Err(_) => return false,
            }
        }
    }

    fn receive(&mut self, flags: libc::c_int) -> io::Result<usize> {
        let buffer = &mut self.buffer;
        loop {
            // SAFETY: writes at most the buffer's length into it.
            let len =
                unsafe { libc::recv(self.fd.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len(), flags) };
            match usize::try_from(len) {
                Ok(len) => return Ok(len),
                Err(_) => {
                    let error = io::Error::last_os_error();
                    if error.kind() != io::ErrorKind::Interrupted {
                        return Err(error);
                    }
                }
            }
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// The kernel's dumps come in datagrams of at most 32 KiB.
const LARGEST: usize = 32 * 1024;
