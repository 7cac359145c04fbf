//! Packet buffers that the kernel fills by itself (a provided buffer ring).

use std::{
    alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error},
    io,
    ptr::NonNull,
    slice,
    sync::atomic::{AtomicU16, Ordering},
};

use io_uring::{IoUring, types::BufRingEntry};

use super::address::{ADDRESS_SIZE, parse};
use crate::BUFFER_SIZE;

/// Buffers by number. The kernel takes one for each datagram; [`give`](Self::give) hands it back.
pub struct Buffers {
    ring: Memory,
    packets: Memory,
    tail: u16,
}

/// A datagram in its buffer.
pub struct Received<'a> {
    pub from: std::net::SocketAddr,
    pub buffer: &'a mut [u8],
    pub len: usize,
}

impl Buffers {
    /// The ring must be dropped before the buffers are.
    pub fn register(uring: &IoUring) -> io::Result<Self> {
        let ring = Memory::new(COUNT * size_of::<BufRingEntry>(), PAGE);
        let packets = Memory::new(COUNT * BUFFER_SIZE, PAGE);
        // SAFETY: the memory is aligned to a page, has room for `COUNT` entries, and outlives the ring.
        unsafe {
            uring.submitter().register_buf_ring_with_flags(ring.address(), COUNT as u16, GROUP, 0)?;
        }
        let mut buffers = Self { ring, packets, tail: 0 };
        buffers.give(0..COUNT as u16);
        Ok(buffers)
    }

    /// Hands buffers to the kernel; nothing may refer to their content any more.
    pub fn give(&mut self, numbers: impl IntoIterator<Item = u16>) {
        let before = self.tail;
        for number in numbers {
            let at = usize::from(self.tail) % COUNT;
            // SAFETY: `at` is within the ring's memory; the kernel reads an entry only after the tail has passed it.
            let entry = unsafe { &mut *self.ring.start.cast::<BufRingEntry>().add(at).as_ptr() };
            entry.set_addr(self.packets.address() + (usize::from(number) * BUFFER_SIZE) as u64);
            entry.set_len(BUFFER_SIZE as u32);
            entry.set_bid(number);
            self.tail = self.tail.wrapping_add(1);
        }
        if self.tail != before {
            // SAFETY: the tail lies in the first entry of the ring's memory; it is aligned, and the kernel only
            // reads it.
            unsafe {
                let tail = BufRingEntry::tail(self.ring.start.cast().as_ptr()).cast_mut();
                AtomicU16::from_ptr(tail).store(self.tail, Ordering::Release);
            }
        }
    }

    /// Reads what `recvmsg` left in a buffer; `None` if the datagram did not fit or has no sender we know.
    ///
    /// The kernel must have handed out this buffer, and it must not have been given back.
    pub fn received(&mut self, number: u16, written: usize) -> Option<Received<'_>> {
        let start = (usize::from(number) % COUNT) * BUFFER_SIZE;
        // SAFETY: the range is within the packets' memory, and while the buffer is out the kernel leaves it alone.
        let bytes = unsafe { slice::from_raw_parts_mut(self.packets.start.add(start).as_ptr(), BUFFER_SIZE) };
        let (header, buffer) = bytes.split_at_mut(PAYLOAD_AT);
        let flags = u32::from_ne_bytes(*header[12..].first_chunk()?);
        if flags & libc::MSG_TRUNC as u32 != 0 {
            return None;
        }
        let from = parse(header[NAME_AT..].first_chunk()?)?;
        let len = written.checked_sub(PAYLOAD_AT)?.min(buffer.len());
        Some(Received { from, buffer, len })
    }
}

/// What a receive request has to say so that the buffers look as expected here.
pub fn message_header() -> Box<libc::msghdr> {
    // SAFETY: all-zero is a valid message header: no name, no data, no control message.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_namelen = ADDRESS_SIZE as u32;
    Box::new(header)
}

struct Memory {
    start: NonNull<u8>,
    layout: Layout,
}

impl Memory {
    #[expect(clippy::expect_used, reason = "both sizes are constants")]
    fn new(size: usize, align: usize) -> Self {
        let layout = Layout::from_size_align(size, align).expect("the alignment is a power of two");
        // SAFETY: the size is not zero.
        let start = NonNull::new(unsafe { alloc_zeroed(layout) });
        Self { start: start.unwrap_or_else(|| handle_alloc_error(layout)), layout }
    }

    fn address(&self) -> u64 {
        self.start.as_ptr() as u64
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout, and freed only here.
        unsafe { dealloc(self.start.as_ptr(), self.layout) }
    }
}

// SAFETY: plain memory that moves along with its owner.
unsafe impl Send for Memory {}

pub const GROUP: u16 = 0;
/// Enough for ten milliseconds at 100,000 packets a second; what does not fit waits in the sockets.
pub const COUNT: usize = 1024;
const PAGE: usize = 4096;
/// `struct io_uring_recvmsg_out` (name length, control length, payload length, flags) comes first.
const NAME_AT: usize = 16;
const PAYLOAD_AT: usize = NAME_AT + ADDRESS_SIZE;
