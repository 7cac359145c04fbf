//! Packets with one system call each, and epoll to know when. Works everywhere.
//!
//! Nearly every RTP socket has one packet at a time, so there is nothing to gain from receiving several at once.

use std::{
    io,
    net::SocketAddr,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    time::Duration,
};

use rustix::{
    buffer::spare_capacity,
    event::{Timespec, epoll},
    io::Errno,
    net::{RecvFlags, SendFlags, recvfrom, sendto},
};

use crate::{
    Arrival, BUFFER_SIZE, Handler, Interest, IoCounters, Outbox, Packet, PacketIo, SocketIndex, Token, socket,
};

pub struct MmsgIo {
    epoll: OwnedFd,
    sockets: Sockets,
    watched: Vec<(Token, OwnedFd)>,
    events: Vec<epoll::Event>,
    buffer: Box<[u8]>,
    forwards: Vec<(SocketIndex, SocketAddr, usize)>,
    counters: IoCounters,
}

impl MmsgIo {
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            sockets: Sockets::default(),
            watched: Vec::new(),
            events: Vec::with_capacity(EVENTS),
            buffer: vec![0; BUFFER_SIZE].into(),
            forwards: Vec::with_capacity(8),
            counters: IoCounters::default(),
        })
    }

    /// Handles one packet of a socket. What is left is reported again, and other sockets get their turn.
    fn relay(&mut self, index: SocketIndex, handler: &mut impl Handler) {
        let Some(socket) = self.sockets.get(index) else { return };
        // An error is that of an earlier packet (ICMP); reading it has cleared it.
        let received = recvfrom(socket, &mut *self.buffer, RecvFlags::DONTWAIT | RecvFlags::TRUNC);
        let Ok((_, len, Some(from))) = received else { return };
        let Ok(from) = SocketAddr::try_from(from) else { return };
        if len > BUFFER_SIZE {
            self.counters.truncated += 1;
            return;
        }
        let mut out =
            MmsgOutbox { sockets: &self.sockets, forwards: &mut self.forwards, counters: &mut self.counters };
        handler.handle(
            Arrival { socket: index, from },
            &mut Packet { buffer: &mut self.buffer, len },
            &mut out,
        );
        for (socket, to, len) in self.forwards.drain(..) {
            transmit(&self.sockets, &mut self.counters, socket, to, &self.buffer[..len]);
        }
    }
}

impl PacketIo for MmsgIo {
    fn attach(&mut self, socket: OwnedFd) -> io::Result<SocketIndex> {
        let index = self.sockets.next();
        epoll::add(&self.epoll, &socket, packet_event(index), epoll::EventFlags::IN)?;
        self.sockets.insert(index, socket);
        Ok(index)
    }

    fn detach(&mut self, socket: SocketIndex) {
        // Closing removes it from the epoll set: there is no other descriptor of it.
        self.sockets.remove(socket);
    }

    fn settle(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn set_tos(&mut self, socket: SocketIndex, tos: u8) -> io::Result<()> {
        self.sockets.get(socket).map_or(Ok(()), |fd| socket::set_tos(&fd, tos))
    }

    fn watch(&mut self, token: Token, file: BorrowedFd<'_>, interest: Interest) -> io::Result<()> {
        let flags = match interest {
            Interest::Readable => epoll::EventFlags::IN,
            Interest::Writable => epoll::EventFlags::OUT,
            Interest::Both => epoll::EventFlags::IN | epoll::EventFlags::OUT,
        };
        let data = epoll::EventData::new_u64(WATCHED | u64::from(token.0));
        if let Some((_, fd)) = self.watched.iter().find(|(known, _)| *known == token) {
            return Ok(epoll::modify(&self.epoll, fd, data, flags)?);
        }
        let fd = file.try_clone_to_owned()?;
        epoll::add(&self.epoll, &fd, data, flags)?;
        self.watched.push((token, fd));
        Ok(())
    }

    fn unwatch(&mut self, token: Token) {
        if let Some(at) = self.watched.iter().position(|(known, _)| *known == token) {
            let (_, fd) = self.watched.swap_remove(at);
            let _ = epoll::delete(&self.epoll, &fd);
        }
    }

    fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.events.clear();
        let timeout = timeout.map(|timeout| Timespec {
            tv_sec: timeout.as_secs() as i64,
            tv_nsec: timeout.subsec_nanos().into(),
        });
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn receive(&mut self, handler: &mut impl Handler, ready: &mut Vec<Token>) -> io::Result<()> {
        for at in 0..self.events.len() {
            let data = self.events[at].data.u64();
            if data & WATCHED != 0 {
                ready.push(Token(data as u32));
            } else {
                self.relay(SocketIndex(data as u32), handler);
            }
        }
        self.events.clear();
        Ok(())
    }

    fn unhandled(&mut self) -> io::Result<Vec<SocketIndex>> {
        self.wait(Some(Duration::ZERO))?;
        let data = self.events.iter().map(|event| event.data.u64());
        Ok(data.filter(|data| data & WATCHED == 0).map(|data| SocketIndex(data as u32)).collect())
    }

    fn send(&mut self, socket: SocketIndex, to: SocketAddr, payload: &[u8]) {
        transmit(&self.sockets, &mut self.counters, socket, to, payload);
    }

    fn counters(&self) -> IoCounters {
        self.counters
    }
}

struct MmsgOutbox<'a> {
    sockets: &'a Sockets,
    forwards: &'a mut Vec<(SocketIndex, SocketAddr, usize)>,
    counters: &'a mut IoCounters,
}

impl Outbox for MmsgOutbox<'_> {
    fn forward(&mut self, socket: SocketIndex, to: SocketAddr, len: usize) {
        self.forwards.push((socket, to, len.min(BUFFER_SIZE)));
    }

    fn send(&mut self, socket: SocketIndex, to: SocketAddr, payload: &[u8]) {
        transmit(self.sockets, self.counters, socket, to, payload);
    }
}

fn transmit(
    sockets: &Sockets,
    counters: &mut IoCounters,
    socket: SocketIndex,
    to: SocketAddr,
    payload: &[u8],
) {
    let Some(fd) = sockets.get(socket) else { return };
    let mut result = sendto(fd, payload, SendFlags::DONTWAIT, &to);
    if result == Err(Errno::CONNREFUSED) {
        // The error belongs to an earlier packet and is cleared now.
        result = sendto(fd, payload, SendFlags::DONTWAIT, &to);
    }
    if result.is_err() {
        counters.send_failures += 1;
    }
}

/// Sockets by index; free indices are used again.
#[derive(Default)]
struct Sockets {
    slots: Vec<Option<OwnedFd>>,
    free: Vec<u32>,
}

impl Sockets {
    fn next(&self) -> SocketIndex {
        SocketIndex(self.free.last().copied().unwrap_or(self.slots.len() as u32))
    }

    fn insert(&mut self, index: SocketIndex, socket: OwnedFd) {
        if self.free.pop().is_none() {
            self.slots.push(None);
        }
        self.slots[index.0 as usize] = Some(socket);
    }

    fn remove(&mut self, index: SocketIndex) {
        if self.slots.get_mut(index.0 as usize).and_then(Option::take).is_some() {
            self.free.push(index.0);
        }
    }

    fn get(&self, index: SocketIndex) -> Option<BorrowedFd<'_>> {
        self.slots.get(index.0 as usize)?.as_ref().map(AsFd::as_fd)
    }
}

fn packet_event(index: SocketIndex) -> epoll::EventData {
    epoll::EventData::new_u64(u64::from(index.0))
}

/// Marks the events of watched files.
const WATCHED: u64 = 1 << 32;
const EVENTS: usize = 256;
