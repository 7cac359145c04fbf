//! Packet sockets: whole Ethernet frames sent in batches and received through a ring, far below the cost of UDP sockets.

use crate::frame::Mac;
use anyhow::{Context, Result, ensure};
use std::ffi::{CString, c_int};
use std::io::Error;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicU32, Ordering};

pub const BATCH: usize = 64;

const BLOCK: usize = 1 << 18;
const BLOCKS: usize = 128;
/// The kernel hands a block over when it is full or this old.
const BLOCK_TIMEOUT_MS: u32 = 5;

pub struct Sender(OwnedFd);

impl Sender {
    /// Opens a socket that puts frames on the interface past the queueing discipline.
    pub fn open(interface: &str) -> Result<Self> {
        let socket = open(0)?;
        set_option(&socket, libc::PACKET_QDISC_BYPASS, &1 as &c_int)?;
        bind(&socket, interface, 0)?;
        Ok(Self(socket))
    }

    /// Sends the frames in order; answers how many the kernel took.
    pub fn send(&self, frames: &[&[u8]]) -> usize {
        // SAFETY: all-zero is a valid value of these plain C structures.
        let (mut vectors, mut headers): ([libc::iovec; BATCH], [libc::mmsghdr; BATCH]) =
            unsafe { std::mem::zeroed() };
        let count = frames.len().min(BATCH);
        for (index, frame) in frames.iter().take(count).enumerate() {
            vectors[index] = libc::iovec { iov_base: frame.as_ptr().cast_mut().cast(), iov_len: frame.len() };
            headers[index].msg_hdr.msg_iov = &raw mut vectors[index];
            headers[index].msg_hdr.msg_iovlen = 1;
        }
        // SAFETY: the first `count` headers point at vectors and frames that outlive the call, which only reads them.
        let sent = unsafe { libc::sendmmsg(self.0.as_raw_fd(), headers.as_mut_ptr(), count as u32, 0) };
        usize::try_from(sent).unwrap_or(0)
    }
}

/// A receive ring over one interface.
pub struct Ring {
    socket: OwnedFd,
    map: *mut u8,
    next: usize,
}

impl Ring {
    pub fn open(interface: &str) -> Result<Self> {
        let socket = open(0)?;
        set_option(&socket, libc::PACKET_VERSION, &(libc::tpacket_versions::TPACKET_V3 as c_int))?;
        set_option(&socket, libc::PACKET_IGNORE_OUTGOING, &1 as &c_int)?;
        let request = libc::tpacket_req3 {
            tp_block_size: BLOCK as u32,
            tp_block_nr: BLOCKS as u32,
            tp_frame_size: 2048,
            tp_frame_nr: (BLOCK * BLOCKS / 2048) as u32,
            tp_retire_blk_tov: BLOCK_TIMEOUT_MS,
            tp_sizeof_priv: 0,
            tp_feature_req_word: 0,
        };
        set_option(&socket, libc::PACKET_RX_RING, &request)?;
        // SAFETY: a fresh mapping of the size just requested; unmapped in drop.
        let map = unsafe {
            let access = libc::PROT_READ | libc::PROT_WRITE;
            libc::mmap(std::ptr::null_mut(), BLOCK * BLOCKS, access, libc::MAP_SHARED, socket.as_raw_fd(), 0)
        };
        ensure!(map != libc::MAP_FAILED, "mapping the ring: {}", Error::last_os_error());
        bind(&socket, interface, libc::ETH_P_IP as u16)?;
        Ok(Self { socket, map: map.cast(), next: 0 })
    }

    /// Hands every frame of the blocks that are ready to `visit`, with its time of arrival; waits up to the timeout.
    pub fn receive(&mut self, timeout_ms: c_int, mut visit: impl FnMut(&[u8], u64)) {
        while self.block_is_ready() {
            self.visit_block(&mut visit);
        }
        let mut poll = libc::pollfd { fd: self.socket.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one pollfd that outlives the call.
        unsafe { libc::poll(&raw mut poll, 1, timeout_ms) };
        while self.block_is_ready() {
            self.visit_block(&mut visit);
        }
    }

    /// Frames the kernel could not put into the ring since the last call.
    pub fn dropped(&self) -> Result<u32> {
        let mut statistics = libc::tpacket_stats_v3 { tp_packets: 0, tp_drops: 0, tp_freeze_q_cnt: 0 };
        let mut length = size_of::<libc::tpacket_stats_v3>() as libc::socklen_t;
        // SAFETY: the structure is as long as `length` says and outlives the call.
        let result = unsafe {
            let into = (&raw mut statistics).cast();
            libc::getsockopt(
                self.socket.as_raw_fd(),
                libc::SOL_PACKET,
                libc::PACKET_STATISTICS,
                into,
                &raw mut length,
            )
        };
        ensure!(result == 0, "ring statistics: {}", Error::last_os_error());
        Ok(statistics.tp_drops)
    }

    fn block(&self) -> *mut libc::tpacket_hdr_v1 {
        // SAFETY: `next` is below BLOCKS, so the block lies in the mapping; its header follows version and offset.
        unsafe { self.map.add(self.next * BLOCK + 8).cast() }
    }

    fn status(&self) -> &AtomicU32 {
        // SAFETY: block_status is a u32 shared with the kernel, which changes it only by whole-word stores.
        unsafe { AtomicU32::from_ptr(&raw mut (*self.block()).block_status) }
    }

    fn block_is_ready(&self) -> bool {
        self.status().load(Ordering::Acquire) & libc::TP_STATUS_USER != 0
    }

    fn visit_block(&mut self, visit: &mut impl FnMut(&[u8], u64)) {
        // SAFETY: the block is ours until its status is given back: the kernel has written num_pkts headers, chained by
        // tp_next_offset, each followed at tp_mac by tp_snaplen bytes, all inside the block.
        unsafe {
            let count = (*self.block()).num_pkts;
            let offset = (*self.block()).offset_to_first_pkt as usize;
            let mut packet = self.map.add(self.next * BLOCK + offset);
            for _ in 0..count {
                let header: *const libc::tpacket3_hdr = packet.cast();
                let bytes = packet.add(usize::from((*header).tp_mac));
                let at = u64::from((*header).tp_sec) * 1_000_000_000 + u64::from((*header).tp_nsec);
                visit(std::slice::from_raw_parts(bytes, (*header).tp_snaplen as usize), at);
                packet = packet.add((*header).tp_next_offset as usize);
            }
        }
        self.status().store(libc::TP_STATUS_KERNEL, Ordering::Release);
        self.next = (self.next + 1) % BLOCKS;
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: the mapping made in open, not used after this.
        unsafe { libc::munmap(self.map.cast(), BLOCK * BLOCKS) };
    }
}

/// Parses an Ethernet address in its usual notation.
pub fn parse_mac(text: &str) -> Result<Mac> {
    let octets: Result<Vec<u8>, _> = text.split(':').map(|octet| u8::from_str_radix(octet, 16)).collect();
    octets
        .ok()
        .and_then(|octets| octets.try_into().ok())
        .with_context(|| format!("{text:?} is no Ethernet address"))
}

fn open(protocol: u16) -> Result<OwnedFd> {
    let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC;
    // SAFETY: creates a descriptor that nobody else owns.
    let descriptor = unsafe { libc::socket(libc::AF_PACKET, kind, c_int::from(protocol.to_be())) };
    ensure!(descriptor >= 0, "packet socket: {}", Error::last_os_error());
    // SAFETY: the descriptor is valid and owned by nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

fn bind(socket: &OwnedFd, interface: &str, protocol: u16) -> Result<()> {
    let name = CString::new(interface)?;
    // SAFETY: all-zero is a valid sockaddr_ll, the name is terminated, and both outlive the calls.
    let result = unsafe {
        let mut address: libc::sockaddr_ll = std::mem::zeroed();
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_protocol = protocol.to_be();
        address.sll_ifindex = libc::if_nametoindex(name.as_ptr()) as c_int;
        let length = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
        libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length)
    };
    ensure!(result == 0, "binding to {interface}: {}", Error::last_os_error());
    Ok(())
}

fn set_option<T>(socket: &OwnedFd, option: c_int, value: &T) -> Result<()> {
    let length = size_of::<T>() as libc::socklen_t;
    // SAFETY: the value is a plain C type of the length given and outlives the call.
    let result = unsafe {
        libc::setsockopt(socket.as_raw_fd(), libc::SOL_PACKET, option, (&raw const *value).cast(), length)
    };
    ensure!(result == 0, "packet socket option {option}: {}", Error::last_os_error());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ethernet_address_is_parsed_or_refused() {
        assert_eq!(parse_mac("02:00:5e:10:00:ff").unwrap(), [2, 0, 0x5e, 0x10, 0, 0xff]);
        assert!(parse_mac("02:00:5e:10:00").is_err());
        assert!(parse_mac("02:00:5e:10:00:xx").is_err());
    }
}
