//! Which way of moving packets works here: found out by sending one.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};

use crate::{Arrival, Handler, Outbox, Packet, PacketIo, Token, socket, uring::UringIo};

/// What the operator wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preference {
    Auto,
    Uring,
    Mmsg,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    Uring,
    Mmsg,
}

/// The backend to use, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    pub backend: Backend,
    pub reason: String,
}

/// Chooses a backend. An error means that the one asked for does not work.
pub fn select(preference: Preference) -> io::Result<Selection> {
    let (backend, reason) = match (preference, probe_uring()) {
        (Preference::Mmsg, _) => (Backend::Mmsg, "asked for".to_owned()),
        (Preference::Auto, Ok(())) => (Backend::Uring, "a packet sent to ourselves came through".to_owned()),
        (Preference::Uring, Ok(())) => (Backend::Uring, "asked for, and it works".to_owned()),
        (Preference::Auto, Err(error)) => (Backend::Mmsg, format!("io_uring does not work here: {error}")),
        (Preference::Uring, Err(error)) => return Err(error),
    };
    Ok(Selection { backend, reason })
}

/// Sends a packet to ourselves through io_uring, receives it, and forwards it once more.
fn probe_uring() -> io::Result<()> {
    probe(UringIo::new()?)
}

fn probe(mut io: impl PacketIo) -> io::Result<()> {
    let socket = socket::open(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), 0)?;
    let address = SocketAddr::try_from(rustix::net::getsockname(&socket)?)?;
    let index = io.attach(socket)?;
    io.send(index, address, PROBE);
    let mut echo = Echo { received: 0, address };
    let mut ready: Vec<Token> = Vec::new();
    let start = Instant::now();
    while echo.received < ROUNDS {
        if start.elapsed() > PATIENCE {
            let reason = format!("{} of {ROUNDS} packets sent to ourselves arrived", echo.received);
            return Err(io::Error::new(io::ErrorKind::TimedOut, reason));
        }
        io.wait(Some(Duration::from_millis(10)))?;
        io.receive(&mut echo, &mut ready)?;
    }
    io.detach(index);
    io.settle()
}

/// Forwards each packet to where it came from, which is ourselves.
struct Echo {
    received: usize,
    address: SocketAddr,
}

impl Handler for Echo {
    fn handle(&mut self, arrival: Arrival, packet: &mut Packet<'_>, out: &mut impl Outbox) {
        if arrival.from == self.address && packet.buffer.get(..packet.len) == Some(PROBE) {
            self.received += 1;
            out.forward(arrival.socket, arrival.from, packet.len);
        }
    }
}

const PROBE: &[u8] = b"is anybody there?";
/// One sent by value, then forwarded ones, which also show that receiving goes on.
const ROUNDS: usize = 3;
const PATIENCE: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mmsg::MmsgIo;

    #[test]
    fn plain_sockets_always_work() {
        probe(MmsgIo::new().unwrap()).unwrap();
    }

    #[test]
    fn what_was_asked_for_is_taken() {
        assert_eq!(select(Preference::Mmsg).unwrap().backend, Backend::Mmsg);
    }
}
