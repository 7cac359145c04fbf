//! One connection of a control plane: frames in, frames out, without ever blocking.

use std::{
    io::{self, ErrorKind, Read, Write},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
};

use netio::Interest;
use protocol::{
    ErrorCode, Event, FromDataPlane, Response, ToDataPlane,
    framing::{self, Decoder, FrameError},
};

pub struct Connection {
    stream: UnixStream,
    decoder: Decoder,
    unsent: Vec<u8>,
    events: u64,
    state: State,
    watched: Interest,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Has not said hello yet.
    New,
    Greeted,
    /// Gets what is unsent, then it is closed.
    Ending,
    Closed,
}

impl Connection {
    pub fn new(stream: UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        let (decoder, unsent) = (Decoder::default(), Vec::new());
        Ok(Self { stream, decoder, unsent, events: 0, state: State::New, watched: Interest::Readable })
    }

    pub fn is_greeted(&self) -> bool {
        self.state == State::Greeted
    }

    pub fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    pub fn greet(&mut self) {
        self.state = State::Greeted;
    }

    /// What to watch it for from now on, if that has changed.
    pub fn new_interest(&mut self) -> Option<Interest> {
        let interest = match (self.state, self.unsent.is_empty()) {
            (State::Ending, _) => Interest::Writable,
            (_, true) => Interest::Readable,
            (_, false) => Interest::Both,
        };
        (std::mem::replace(&mut self.watched, interest) != interest).then_some(interest)
    }

    /// Reads what has arrived, up to a bound.
    pub fn read(&mut self) {
        if matches!(self.state, State::Ending | State::Closed) {
            return;
        }
        let mut chunk = [0; READ_SIZE];
        match self.stream.read(&mut chunk) {
            Ok(0) => self.state = State::Closed,
            Ok(len) => self.decoder.push(&chunk[..len]),
            Err(error) if is_transient(&error) => {}
            Err(_) => self.state = State::Closed,
        }
    }

    /// The next request. After a malformed one the connection ends.
    pub fn next_request(&mut self) -> Option<ToDataPlane> {
        if matches!(self.state, State::Ending | State::Closed) {
            return None;
        }
        match self.decoder.next_message() {
            Ok(request) => request,
            Err(error @ (FrameError::TooLong(_) | FrameError::Json(_))) => {
                self.refuse_and_end(0, ErrorCode::BadFrame { reason: error.to_string() });
                None
            }
        }
    }

    pub fn respond(&mut self, id: u64, result: Result<Response, ErrorCode>) {
        match result {
            Ok(response) => self.push(&FromDataPlane::Ok { id, response }),
            Err(error) => self.push(&FromDataPlane::Error { id, error }),
        }
    }

    /// Reports an event to a greeted peer.
    pub fn report(&mut self, event: Event) {
        if self.is_greeted() {
            self.events += 1;
            self.push(&FromDataPlane::Event { seq: self.events, event });
        }
    }

    pub fn refuse_and_end(&mut self, id: u64, error: ErrorCode) {
        self.respond(id, Err(error));
        if self.state != State::Closed {
            self.state = State::Ending;
        }
    }

    pub fn close(&mut self) {
        self.state = State::Closed;
    }

    /// Sends what can be sent now.
    pub fn flush(&mut self) {
        let mut sent = 0;
        while sent < self.unsent.len() && self.state != State::Closed {
            match self.stream.write(&self.unsent[sent..]) {
                Ok(len) => sent += len,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => self.state = State::Closed,
            }
        }
        self.unsent.drain(..sent);
        if self.unsent.is_empty() {
            self.unsent.shrink_to(READ_SIZE);
            if self.state == State::Ending {
                self.state = State::Closed;
            }
        }
    }

    fn push(&mut self, message: &FromDataPlane) {
        let fits = framing::encode(message, &mut self.unsent).is_ok() && self.unsent.len() <= MAX_UNSENT;
        if !fits {
            // A peer that does not read loses the connection; on the next one it learns the state anew.
            tracing::warn!(
                bytes = self.unsent.len(),
                "the control plane does not read: closing its connection"
            );
            self.state = State::Closed;
        }
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

fn is_transient(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

const READ_SIZE: usize = 64 * 1024;
const MAX_UNSENT: usize = 2 * framing::MAX_FRAME;
