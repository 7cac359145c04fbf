//! The control sockets: requests of clients come in here, and replies leave.

use std::{
    io,
    net::SocketAddr,
    os::fd::{AsFd, OwnedFd},
    time::Instant,
};

use netio::{Interest, PacketIo, Token};
use rustix::{
    io::Errno,
    net::{RecvFlags, SendFlags, recvfrom, sendto},
};

use crate::repeater::Datagram;

pub struct Clients {
    sockets: Vec<OwnedFd>,
    buffer: Box<[u8]>,
    /// Leave when the control plane can no longer miss what they tell.
    replies: Vec<(u32, SocketAddr, Vec<u8>)>,
    is_watched: bool,
}

impl Clients {
    pub fn new(sockets: Vec<OwnedFd>) -> Self {
        Self { sockets, buffer: vec![0; LONGEST_DATAGRAM].into(), replies: Vec::new(), is_watched: false }
    }

    /// The socket a token stands for.
    pub fn socket_of(&self, Token(token): Token) -> Option<u32> {
        token.checked_sub(FIRST).filter(|socket| (*socket as usize) < self.sockets.len())
    }

    /// The next datagram that waits.
    pub fn receive(&mut self, socket: u32) -> Option<Datagram> {
        let descriptor = self.sockets.get(socket as usize)?;
        loop {
            match recvfrom(descriptor, &mut self.buffer[..], RecvFlags::DONTWAIT) {
                Ok((length, _, from)) => {
                    let Some(Ok(from)) = from.map(SocketAddr::try_from) else { continue };
                    let bytes = self.buffer[..length].to_vec();
                    return Some(Datagram { socket, from, bytes, arrived: Instant::now() });
                }
                Err(Errno::INTR) => {}
                Err(_) => return None,
            }
        }
    }

    /// Answers once what was done is written down.
    pub fn reply(&mut self, socket: u32, to: SocketAddr, bytes: Vec<u8>) {
        self.replies.push((socket, to, bytes));
    }

    /// Sends the replies.
    pub fn flush(&mut self) {
        for (socket, to, bytes) in std::mem::take(&mut self.replies) {
            self.send(socket, to, &bytes);
        }
    }

    pub fn send(&self, socket: u32, to: SocketAddr, bytes: &[u8]) {
        let Some(descriptor) = self.sockets.get(socket as usize) else { return };
        // A client that does not get its answer asks again.
        if let Err(error) = sendto(descriptor, bytes, SendFlags::DONTWAIT, &to) {
            tracing::debug!(%error, "control reply not sent");
        }
    }

    /// Reads from now on, or leaves what comes to the kernel.
    pub fn watch(&mut self, io: &mut impl PacketIo, on: bool) -> io::Result<()> {
        if on == self.is_watched {
            return Ok(());
        }
        self.is_watched = on;
        for (token, socket) in (FIRST..).map(Token).zip(&self.sockets) {
            match on {
                true => io.watch(token, socket.as_fd(), Interest::Readable)?,
                false => io.unwatch(token),
            }
        }
        Ok(())
    }
}

/// Above the tokens of all connections there will ever be.
const FIRST: u32 = 1 << 30;
const LONGEST_DATAGRAM: usize = 65_536;
