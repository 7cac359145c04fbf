//! Packets through io_uring: the kernel fills buffers by itself, and all sends of a turn are one system call.
//!
//! Sends never wait (`MSG_DONTWAIT`), so each one has read its packet when the call that submitted it returns.
//! Hence a send needs no completion unless it fails, and packet buffers go back to the kernel after that call.

mod address;
mod buffers;
mod outgoing;
mod pace;
mod ring;
mod tag;

use std::{
    collections::VecDeque,
    io,
    net::SocketAddr,
    os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd},
    time::{Duration, Instant},
};

use io_uring::{
    cqueue, opcode, squeue,
    types::{CancelBuilder, Fd},
};

use self::{
    buffers::{Buffers, COUNT, GROUP, message_header},
    outgoing::{Outgoing, UringOutbox},
    pace::Pace,
    ring::{Ring, Wait},
    tag::Tag,
};
use crate::{Arrival, Handler, Interest, IoCounters, Packet, PacketIo, SocketIndex, Token, socket};

pub struct UringIo {
    // Dropped first: the kernel knows the memory below.
    ring: Ring,
    buffers: Buffers,
    outgoing: Outgoing,
    header: Box<libc::msghdr>,
    sockets: Vec<Slot>,
    free: Vec<u32>,
    closing: usize,
    watches: Vec<Watch>,
    generation: u32,
    /// Packets taken from the ring and not handled yet.
    inbox: VecDeque<Arrived>,
    ready: Vec<Token>,
    /// Buffers of handled packets, whose sends have not been submitted yet.
    spent: Vec<u16>,
    /// Sockets whose receiving has stopped, mostly for lack of buffers.
    stopped: VecDeque<u32>,
    forwards: Vec<(SocketIndex, SocketAddr, usize)>,
    pace: Pace,
    counters: IoCounters,
}

#[derive(Debug)]
struct Slot {
    socket: Option<OwnedFd>,
    generation: u32,
    /// A receive request is under way; its last completion ends it.
    receiving: bool,
    closing: bool,
}

impl Slot {
    const EMPTY: Self = Self { socket: None, generation: 0, receiving: false, closing: false };
}

/// A packet in a buffer.
#[derive(Debug, Clone, Copy)]
struct Arrived {
    index: u32,
    generation: u32,
    buffer: u16,
    written: usize,
}

struct Watch {
    token: Token,
    file: OwnedFd,
    interest: Interest,
    generation: u32,
    armed: bool,
}

impl UringIo {
    /// To be called by the thread that will use it.
    pub fn new() -> io::Result<Self> {
        let ring = Ring::new()?;
        Ok(Self {
            buffers: Buffers::register(&ring.uring)?,
            ring,
            outgoing: Outgoing::new(),
            header: message_header(),
            sockets: Vec::new(),
            free: Vec::new(),
            closing: 0,
            watches: Vec::new(),
            generation: 0,
            inbox: VecDeque::new(),
            ready: Vec::new(),
            spent: Vec::new(),
            stopped: VecDeque::new(),
            forwards: Vec::with_capacity(8),
            pace: Pace::default(),
            counters: IoCounters::default(),
        })
    }

    /// Starts receiving on a socket.
    fn arm(&mut self, index: u32, flags: u16) -> io::Result<()> {
        let Some(slot) = self.sockets.get_mut(index as usize) else { return Ok(()) };
        let Slot { socket: Some(socket), generation, receiving, closing: false } = slot else {
            return Ok(());
        };
        *receiving = true;
        let request = opcode::RecvMsgMulti::new(Fd(socket.as_raw_fd()), &raw const *self.header, GROUP)
            .ioprio(flags)
            .build()
            .user_data(Tag::Packet.data(*generation, index));
        self.submit(request)
    }

    fn submit(&mut self, request: squeue::Entry) -> io::Result<()> {
        if self.ring.uring.submission().is_full() {
            self.flush()?;
        }
        // SAFETY: what requests point to (message header, packet buffers, addresses, copies) stays in place until
        // they have been submitted; receive requests use only registered buffers afterwards.
        let pushed = unsafe { self.ring.uring.submission().push(&request) };
        pushed.map_err(|_| io::Error::other("no room in the submission queue"))
    }

    /// Submits everything, after which the buffers of handled packets are free.
    fn flush(&mut self) -> io::Result<()> {
        self.ring.flush()?;
        self.submitted();
        Ok(())
    }

    fn submitted(&mut self) {
        self.outgoing.clear();
        self.buffers.give(self.spent.drain(..));
    }

    /// Takes what the ring has: packets into the inbox, and the state of everything else.
    fn take_completions(&mut self) {
        for completion in self.ring.uring.completion() {
            let (tag, generation, index) = Tag::parse(completion.user_data());
            match tag {
                Some(Tag::Packet) => {
                    if let Some(buffer) = cqueue::buffer_select(completion.flags()) {
                        let written = usize::try_from(completion.result()).unwrap_or(0);
                        self.inbox.push_back(Arrived { index, generation, buffer, written });
                    }
                    let slot = self.sockets.get_mut(index as usize);
                    if !cqueue::more(completion.flags())
                        && let Some(slot) = slot.filter(|slot| slot.generation == generation)
                    {
                        slot.receiving = false;
                        if slot.closing {
                            // Its packets that are still in the inbox are told by their generation.
                            *slot = Slot::EMPTY;
                            self.free.push(index);
                            self.closing -= 1;
                        } else {
                            self.stopped.push_back(index);
                        }
                    }
                }
                // Successful sends are silent.
                Some(Tag::Send) => self.counters.send_failures += 1,
                Some(Tag::File) => {
                    let watch = self.watches.iter_mut().find(|watch| watch.generation == generation);
                    if let Some(watch) = watch {
                        watch.armed = false;
                        self.ready.push(watch.token);
                    }
                }
                Some(Tag::Cancel) | None => {}
            }
        }
    }

    /// Goes on receiving where it has stopped, on as many sockets as there are buffers for.
    fn resume_stopped(&mut self) -> io::Result<()> {
        if self.stopped.is_empty() {
            return Ok(());
        }
        // Sends hold buffers, too.
        self.flush()?;
        let sockets = (COUNT - self.inbox.len()) / PACKETS_AT_ONCE;
        for _ in 0..sockets {
            let Some(index) = self.stopped.pop_front() else { break };
            self.arm(index, 0)?;
        }
        Ok(())
    }

    fn handle_packet(&mut self, arrived: Arrived, handler: &mut impl Handler) -> io::Result<bool> {
        let Arrived { index, generation, buffer, written } = arrived;
        let slot = self.sockets.get(index as usize);
        let current = slot.is_some_and(|slot| slot.generation == generation && !slot.closing);
        if current {
            self.relay(SocketIndex(index), buffer, written, handler)?;
        }
        self.spent.push(buffer);
        Ok(current)
    }

    fn relay(
        &mut self,
        socket: SocketIndex,
        number: u16,
        written: usize,
        handler: &mut impl Handler,
    ) -> io::Result<()> {
        let Some(received) = self.buffers.received(number, written) else {
            self.counters.truncated += 1;
            return Ok(());
        };
        let mut packet = Packet { buffer: received.buffer, len: received.len };
        let mut out = UringOutbox { forwards: &mut self.forwards, outgoing: &mut self.outgoing };
        handler.handle(Arrival { socket, from: received.from }, &mut packet, &mut out);
        let (start, room) = (packet.buffer.as_ptr(), packet.buffer.len());
        for at in 0..self.forwards.len() {
            let (socket, to, len) = self.forwards[at];
            self.send_from(socket, to, start, len.min(room))?;
        }
        self.forwards.clear();
        self.send_copies()
    }

    /// Queues sends of what the handler handed over by value.
    fn send_copies(&mut self) -> io::Result<()> {
        while let Some((socket, to, start, len)) = self.outgoing.next_copy() {
            self.send_from(socket, to, start, len)?;
        }
        Ok(())
    }

    /// Queues one send. The bytes must stay in place until the next [`flush`](Self::flush) or wait.
    fn send_from(
        &mut self,
        socket: SocketIndex,
        to: SocketAddr,
        start: *const u8,
        len: usize,
    ) -> io::Result<()> {
        let Some(fd) = self.descriptor(socket) else { return Ok(()) };
        if self.outgoing.is_full() || self.ring.uring.submission().is_full() {
            // Not all is free then as in `flush`: the packet being handled and copies not yet queued are needed.
            self.ring.flush()?;
            self.outgoing.forget_addresses();
        }
        let address = self.outgoing.address(to);
        let request = opcode::Send::new(Fd(fd), start, len as u32)
            .flags(libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL)
            .dest_addr(address.as_ptr())
            .dest_addr_len(address.len())
            .build()
            .flags(squeue::Flags::SKIP_SUCCESS)
            .user_data(Tag::Send.data(0, socket.0));
        // SAFETY: address and bytes stay in place until they have been submitted, and are read only until then.
        let pushed = unsafe { self.ring.uring.submission().push(&request) };
        pushed.map_err(|_| io::Error::other("no room in the submission queue"))
    }

    fn descriptor(&self, socket: SocketIndex) -> Option<RawFd> {
        let slot = self.sockets.get(socket.0 as usize)?;
        if slot.closing { None } else { slot.socket.as_ref().map(AsRawFd::as_raw_fd) }
    }

    fn arm_watches(&mut self) -> io::Result<()> {
        for at in 0..self.watches.len() {
            let watch = &mut self.watches[at];
            if watch.armed {
                continue;
            }
            watch.armed = true;
            let events = match watch.interest {
                Interest::Readable => libc::POLLIN,
                Interest::Writable => libc::POLLOUT,
                Interest::Both => libc::POLLIN | libc::POLLOUT,
            };
            let request = opcode::PollAdd::new(Fd(watch.file.as_raw_fd()), events as u32)
                .build()
                .user_data(Tag::File.data(watch.generation, watch.token.0));
            self.submit(request)?;
        }
        Ok(())
    }

    fn cancel(&mut self, user_data: u64) -> io::Result<()> {
        self.submit(opcode::AsyncCancel::new(user_data).build().user_data(Tag::Cancel.data(0, 0)))
    }

    fn next_generation(&mut self) -> u32 {
        self.generation = (self.generation % Tag::GENERATIONS) + 1;
        self.generation
    }
}

impl PacketIo for UringIo {
    fn attach(&mut self, socket: OwnedFd) -> io::Result<SocketIndex> {
        let generation = self.next_generation();
        let slot = Slot { socket: Some(socket), generation, receiving: false, closing: false };
        let index = match self.free.pop() {
            Some(index) => {
                self.sockets[index as usize] = slot;
                index
            }
            None => {
                self.sockets.push(slot);
                self.sockets.len() as u32 - 1
            }
        };
        // A new socket is empty: no need to look before waiting.
        self.arm(index, POLL_FIRST)?;
        Ok(SocketIndex(index))
    }

    fn detach(&mut self, socket: SocketIndex) {
        let Some(slot) = self.sockets.get_mut(socket.0 as usize) else { return };
        if slot.socket.is_none() || slot.closing {
            return;
        }
        if slot.receiving {
            slot.closing = true;
            self.closing += 1;
            let receiving = Tag::Packet.data(slot.generation, socket.0);
            // Should this fail, the ring is broken and the next wait says so.
            let _ = self.cancel(receiving);
        } else {
            // Sends that name the descriptor may be queued.
            let _ = self.flush();
            self.sockets[socket.0 as usize] = Slot::EMPTY;
            self.free.push(socket.0);
            self.stopped.retain(|index| *index != socket.0);
        }
    }

    fn settle(&mut self) -> io::Result<()> {
        for _ in 0..SETTLE_TRIES {
            if self.closing == 0 {
                break;
            }
            self.ring.wait(Wait { timeout: Some(Duration::from_millis(1)), gather: None })?;
            self.submitted();
            self.take_completions();
        }
        Ok(())
    }

    fn set_tos(&mut self, index: SocketIndex, tos: u8) -> io::Result<()> {
        match self.sockets.get(index.0 as usize) {
            Some(Slot { socket: Some(socket), .. }) => socket::set_tos(socket, tos),
            _ => Ok(()),
        }
    }

    fn watch(&mut self, token: Token, file: BorrowedFd<'_>, interest: Interest) -> io::Result<()> {
        self.unwatch(token);
        let (file, generation) = (file.try_clone_to_owned()?, self.next_generation());
        self.watches.push(Watch { token, file, interest, generation, armed: false });
        Ok(())
    }

    fn unwatch(&mut self, token: Token) {
        if let Some(at) = self.watches.iter().position(|watch| watch.token == token) {
            if self.watches[at].armed {
                let _ = self.cancel(Tag::File.data(self.watches[at].generation, token.0));
                let _ = self.flush();
            }
            self.watches.swap_remove(at);
        }
    }

    fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.arm_watches()?;
        if self.inbox.is_empty() && self.ready.is_empty() {
            self.resume_stopped()?;
            let gather = if self.ring.can_gather() { self.pace.gather() } else { None };
            self.ring.wait(match self.stopped.is_empty() {
                true => Wait { timeout, gather },
                false => Wait { timeout: Some(Duration::ZERO), gather: None },
            })?;
        } else {
            // Only sends: to receive more now would use up the buffers.
            self.ring.flush()?;
        }
        self.submitted();
        Ok(())
    }

    fn receive(&mut self, handler: &mut impl Handler, ready: &mut Vec<Token>) -> io::Result<()> {
        if self.inbox.is_empty() {
            self.take_completions();
        }
        ready.append(&mut self.ready);
        let mut packets = 0;
        for _ in 0..PACKETS_PER_TURN {
            let Some(arrived) = self.inbox.pop_front() else { break };
            packets += usize::from(self.handle_packet(arrived, handler)?);
        }
        self.pace.note(Instant::now(), packets);
        Ok(())
    }

    fn unhandled(&mut self) -> io::Result<Vec<SocketIndex>> {
        self.flush()?;
        self.take_completions();
        Ok(self.inbox.iter().map(|arrived| SocketIndex(arrived.index)).collect())
    }

    fn send(&mut self, socket: SocketIndex, to: SocketAddr, payload: &[u8]) {
        self.outgoing.copy(socket, to, payload);
        // Should this fail, the ring is broken and the next wait says so.
        let _ = self.send_copies();
    }

    fn counters(&self) -> IoCounters {
        self.counters
    }
}

impl Drop for UringIo {
    fn drop(&mut self) {
        // Nothing may be received into the buffers once they are freed. Without them requests may go on until the ring
        // ends them, in one pass; to cancel 8,000 of them here takes most of a second, as the kernel looks at all of
        // them for each. The sockets stay bound until the ring has ended, which may be after the process has.
        let submitter = self.ring.uring.submitter();
        if submitter.unregister_buf_ring(GROUP).is_err() {
            let _ = submitter.register_sync_cancel(None, CancelBuilder::any());
        }
    }
}

/// `IORING_RECVSEND_POLL_FIRST`.
const POLL_FIRST: u16 = 1;
/// Commands and time get their turn after so many packets.
const PACKETS_PER_TURN: usize = 256;
/// How many the kernel takes from one socket before it looks at the next.
const PACKETS_AT_ONCE: usize = 32;
const SETTLE_TRIES: usize = 100;
