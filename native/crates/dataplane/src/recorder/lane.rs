//! The way of copies from one thread to another: chunks of memory that go to and fro.

use std::{
    net::SocketAddr,
    sync::{Arc, mpsc},
    time::Instant,
};

use engine::{Copied, TapHandle};
use protocol::Component;

use super::office::{Message, Office};

/// Copies of several packets, one behind the other.
#[derive(Debug)]
pub struct Chunk {
    bytes: Vec<u8>,
    notes: Vec<Note>,
    home: mpsc::SyncSender<Chunk>,
}

#[derive(Debug, Clone, Copy)]
struct Note {
    tap: TapHandle,
    at: Instant,
    from: SocketAddr,
    to: SocketAddr,
    component: Component,
    end: usize,
}

impl Chunk {
    fn has_room(&self, bytes: usize) -> bool {
        self.bytes.len() + bytes <= CHUNK_BYTES && self.notes.len() < CHUNK_PACKETS
    }

    fn put(&mut self, tap: TapHandle, copied: &Copied<'_>) {
        let Copied { at, from, to, component, payload } = *copied;
        self.bytes.extend_from_slice(payload);
        self.notes.push(Note { tap, at, from, to, component, end: self.bytes.len() });
    }

    pub fn copies(&self) -> impl Iterator<Item = (TapHandle, Copied<'_>)> {
        let mut start = 0;
        self.notes.iter().map(move |note| {
            let payload = self.bytes.get(start..note.end).unwrap_or_default();
            start = note.end;
            let Note { tap, at, from, to, component, .. } = *note;
            (tap, Copied { at, from, to, component, payload })
        })
    }

    /// Has it used again.
    pub fn give_back(mut self) {
        self.bytes.clear();
        self.notes.clear();
        let home = self.home.clone();
        // Nobody wants it any more if its thread has ended.
        let _ = home.try_send(self);
    }
}

/// One thread's way to an office.
#[derive(Debug)]
pub struct Lane {
    office: Arc<Office>,
    /// Being filled.
    current: Option<Chunk>,
    /// Empty ones.
    stock: Vec<Chunk>,
    returned: mpsc::Receiver<Chunk>,
    home: mpsc::SyncSender<Chunk>,
    made: usize,
    away: usize,
}

impl Lane {
    pub fn new(office: Arc<Office>) -> Self {
        let (home, returned) = mpsc::sync_channel(MOST_CHUNKS);
        Self { office, current: None, stock: Vec::new(), returned, home, made: 0, away: 0 }
    }

    /// False if there is no room for it.
    pub fn put(&mut self, tap: TapHandle, copied: &Copied<'_>) -> bool {
        let bytes = copied.payload.len();
        if self.current.as_ref().is_some_and(|chunk| !chunk.has_room(bytes)) {
            self.send();
        }
        if self.current.is_none() {
            self.current = self.empty();
        }
        match self.current.as_mut().filter(|chunk| chunk.has_room(bytes)) {
            Some(chunk) => {
                chunk.put(tap, copied);
                true
            }
            None => false,
        }
    }

    /// Sends what there is, unless the office is behind: chunks had better be full then.
    pub fn hand_over(&mut self) {
        if self.current.is_none() {
            return;
        }
        self.collect();
        if self.away < AHEAD {
            self.send();
        }
    }

    /// Sends what there is.
    pub fn hand_over_all(&mut self) {
        self.collect();
        self.send();
    }

    fn send(&mut self) {
        let Some(chunk) = self.current.take() else { return };
        match self.office.send(Message::Chunk(chunk)) {
            Ok(()) => self.away += 1,
            Err(Message::Chunk(chunk)) => self.current = Some(chunk),
            Err(Message::News(_) | Message::Finish(_)) => {}
        }
    }

    fn collect(&mut self) {
        while let Ok(chunk) = self.returned.try_recv() {
            self.away -= 1;
            self.stock.push(chunk);
        }
    }

    fn empty(&mut self) -> Option<Chunk> {
        self.collect();
        self.stock.pop().or_else(|| {
            if self.made == MOST_CHUNKS {
                return None;
            }
            self.made += 1;
            self.stock.reserve(self.made);
            let (bytes, notes) = (Vec::with_capacity(CHUNK_BYTES), Vec::with_capacity(CHUNK_PACKETS));
            Some(Chunk { bytes, notes, home: self.home.clone() })
        })
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.send();
    }
}

/// At least one of the largest datagram.
const CHUNK_BYTES: usize = 64 * 1024;
const CHUNK_PACKETS: usize = 320;
/// Of a lane: 6 MB, 20,000 packets of G.711, 0.4 seconds of 500 recorded calls. Made when they are needed first.
const MOST_CHUNKS: usize = 64;
/// Chunks on their way while smaller ones may be sent.
const AHEAD: usize = 2;
