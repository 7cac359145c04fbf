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
    ErrorCode, Event, FromDataPlane, Request, Response, ToDataPlane,
    framing::{self, Decoder, FrameError},
};

pub struct Connection {
    stream: UnixStream,
    decoder: Decoder,
    chunk: Box<[u8]>,
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
        let (decoder, unsent, chunk) = (Decoder::default(), Vec::new(), vec![0; READ_SIZE].into());
        Ok(Self { stream, decoder, chunk, unsent, events: 0, state: State::New, watched: Interest::Readable })
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
        match self.stream.read(&mut self.chunk) {
            Ok(0) => self.state = State::Closed,
            Ok(len) => self.decoder.push(&self.chunk[..len]),
            Err(error) if is_transient(&error) => {}
            Err(_) => self.state = State::Closed,
        }
    }

    /// The next request. After a malformed one the connection ends.
    pub fn next_request(&mut self) -> Option<ToDataPlane> {
        if matches!(self.state, State::Ending | State::Closed) {
            return None;
        }
        let parsed = match self.decoder.next_frame() {
            Ok(frame) => parse(frame?).map_err(FrameError::from),
            Err(error) => Err(error),
        };
        parsed.map_err(|error| self.refuse_and_end(0, ErrorCode::BadFrame { reason: error.to_string() })).ok()
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

    /// Tells a greeted peer of something nobody asked for.
    pub fn tell(&mut self, message: &FromDataPlane) {
        if self.is_greeted() {
            self.push(message);
        }
    }

    /// How many bytes wait to be sent.
    pub fn unsent(&self) -> usize {
        self.unsent.len()
    }

    pub fn has_sent_all(&self) -> bool {
        self.unsent.is_empty()
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

/// Reads a request. Plans, nearly all of the traffic, are read without a detour: to find out the kind, serde keeps
/// the whole of a tagged enum in an intermediate form, which costs half as much again.
fn parse(frame: &[u8]) -> Result<ToDataPlane, serde_json::Error> {
    match split_apply(frame) {
        Some((id, seen, plan)) => {
            let plan = match std::str::from_utf8(plan) {
                // Text is checked once, not string by string.
                Ok(plan) => serde_json::from_str(plan)?,
                Err(_) => serde_json::from_slice(plan)?,
            };
            Ok(ToDataPlane { id, seen, request: Request::Apply { plan } })
        }
        None => serde_json::from_slice(frame),
    }
}

/// Request id, position and plan of a frame that has the form in which the control plane writes an `apply`.
fn split_apply(frame: &[u8]) -> Option<(u64, u64, &[u8])> {
    let (id, rest) = leading_number(frame.strip_prefix(br#"{"id":"#)?)?;
    let (seen, rest) = leading_number(rest.strip_prefix(br#","seen":"#)?)?;
    let plan = rest.strip_prefix(br#","request":{"kind":"apply","plan":"#)?.strip_suffix(b"}}")?;
    Some((id, seen, plan))
}

fn leading_number(text: &[u8]) -> Option<(u64, &[u8])> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, rest) = text.split_at(digits);
    Some((std::str::from_utf8(number).ok()?.parse().ok()?, rest))
}

fn is_transient(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

/// A few plans. Packets get their turn before more is read.
const READ_SIZE: usize = 16 * 1024;
const MAX_UNSENT: usize = 2 * framing::MAX_FRAME;

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: &str = r#"{"session":"a","revision":1,"memo":"}}","tos":0,"streams":[],"routes":[],"reportTelephoneEvents":false,
        "timeouts":{"mediaMs":1,"silentMs":1,"offerMs":1,"firstPacketMs":null}}"#;

    #[test]
    fn a_plan_read_without_detour_is_the_same() {
        let direct = format!(r#"{{"id":7,"seen":3,"request":{{"kind":"apply","plan":{PLAN}}}}}"#);
        let with_detour = format!(r#"{{"request":{{"kind":"apply","plan":{PLAN}}},"id":7,"seen":3}}"#);
        assert!(split_apply(direct.as_bytes()).is_some() && split_apply(with_detour.as_bytes()).is_none());
        assert_eq!(parse(direct.as_bytes()).unwrap(), parse(with_detour.as_bytes()).unwrap());
    }

    #[test]
    fn what_only_begins_like_a_plan_is_refused() {
        for frame in [
            r#"{"id":7,"seen":3,"request":{"kind":"apply","plan":{}}}"#,
            r#"{"id":7,"seen":3,"request":{"kind":"apply","plan":1},"more":{}}"#,
            r#"{"id":,"seen":3,"request":{"kind":"apply","plan":{}}}"#,
            r#"{"id":7,"seen":,"request":{"kind":"apply","plan":{}}}"#,
        ] {
            assert!(parse(frame.as_bytes()).is_err(), "{frame}");
        }
    }

    #[test]
    fn a_peer_that_does_not_read_loses_its_connection() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let mut connection = Connection::new(ours).unwrap();
        connection.greet();
        let session = protocol::SessionId("a".repeat(1000));
        let event = Event::NoFirstPacket { session, revision: 1, stream: protocol::StreamId(0) };
        for _ in 0..MAX_UNSENT / 500 {
            connection.report(event.clone());
            connection.flush();
        }
        assert!(connection.is_closed());
    }

    #[test]
    fn events_are_numbered_from_hello_on() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let mut connection = Connection::new(ours).unwrap();
        let session = protocol::SessionId("a".to_owned());
        let event = Event::NoFirstPacket { session, revision: 1, stream: protocol::StreamId(0) };
        connection.report(event.clone());
        connection.greet();
        connection.report(event.clone());
        connection.report(event);
        connection.flush();
        let (mut decoder, mut chunk) = (Decoder::default(), [0; 4096]);
        let len = (&theirs).read(&mut chunk).unwrap();
        decoder.push(&chunk[..len]);
        let mut numbers = Vec::new();
        while let Some(FromDataPlane::Event { seq, .. }) = decoder.next_message().unwrap() {
            numbers.push(seq);
        }
        assert_eq!(numbers, [1, 2]);
    }
}
