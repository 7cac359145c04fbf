//! The loops of the threads.

use std::{io, sync::mpsc, time::Instant};

use netio::{
    Interest, PacketIo, Token,
    signals::{Signal, Signals},
    wake::Waker,
};

use crate::{
    control::{Control, FromShard, ROUTES, SIGNALS, Ticketed, WAKER},
    shard::Shard,
};

/// The first shard: relays, and serves the control plane. Returns when a signal asks to end.
pub struct First<I> {
    pub shard: Shard<I>,
    pub control: Control,
    pub signals: Signals,
    pub waker: Waker,
    pub replies: mpsc::Receiver<FromShard>,
}

impl<I: PacketIo> First<I> {
    pub fn run(mut self) -> io::Result<Signal> {
        use std::os::fd::AsFd;
        self.shard.io().watch(SIGNALS, self.signals.as_fd(), Interest::Readable)?;
        self.shard.io().watch(WAKER, self.waker.as_fd(), Interest::Readable)?;
        self.control.start(self.shard.io())?;
        let mut ready: Vec<Token> = Vec::new();
        loop {
            self.shard.turn(&mut ready)?;
            for token in ready.drain(..) {
                match token {
                    SIGNALS => {
                        if let Some(signal) = self.signals.next() {
                            return Ok(signal);
                        }
                    }
                    WAKER => self.waker.reset(),
                    ROUTES => self.control.follow_routes(),
                    _ => self.control.handle_ready(token, &mut self.shard)?,
                }
            }
            while let Ok(message) = self.replies.try_recv() {
                self.control.handle_peer(message, &mut self.shard);
            }
            while let Some(event) = self.shard.next_event() {
                self.control.report(event);
            }
            self.control.report_recorder();
            self.control.flush(self.shard.io())?;
            self.control.tend(Instant::now(), self.shard.io());
        }
    }
}

/// Any other shard: relays, and does what the first one passes on.
pub struct Other<I> {
    pub shard: Shard<I>,
    pub waker: Waker,
    pub requests: mpsc::Receiver<Ticketed>,
    pub replies: mpsc::Sender<FromShard>,
    pub first: Waker,
}

impl<I: PacketIo> Other<I> {
    pub fn run(mut self) -> io::Result<()> {
        use std::os::fd::AsFd;
        self.shard.io().watch(WAKER, self.waker.as_fd(), Interest::Readable)?;
        let mut ready: Vec<Token> = Vec::new();
        loop {
            self.shard.turn(&mut ready)?;
            if ready.drain(..).count() > 0 {
                self.waker.reset();
            }
            let mut told = false;
            while let Ok((ticket, request)) = self.requests.try_recv() {
                let response = self.shard.execute(request);
                told |= self.replies.send(FromShard::Response { ticket, response }).is_ok();
            }
            while let Some(event) = self.shard.next_event() {
                told |= self.replies.send(FromShard::Event(event)).is_ok();
            }
            if told {
                self.first.wake();
            }
        }
    }
}
