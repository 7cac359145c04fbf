//! The thread that sends copies on.

use std::{
    collections::HashMap,
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    sync::{Arc, mpsc::Receiver},
};

use engine::{Copied, TapHandle};
use protocol::{Component, TapTarget};

use super::{
    Failures,
    office::{Message, News, Office},
    tap::Tap,
};

pub struct Forks {
    failures: Arc<Failures>,
    taps: HashMap<TapHandle, Arc<Tap>>,
    ipv4: Option<UdpSocket>,
    ipv6: Option<UdpSocket>,
}

impl Forks {
    pub fn new(failures: Arc<Failures>) -> Self {
        Self { failures, taps: HashMap::new(), ipv4: None, ipv6: None }
    }

    pub fn run(mut self, office: &Office, inbox: Receiver<Message>) {
        while let Ok(message) = inbox.recv() {
            self.take(office, message);
            office.overdue(&inbox).into_iter().for_each(|message| self.take(office, message));
        }
    }

    fn take(&mut self, office: &Office, message: Message) {
        match message {
            Message::Chunk(chunk) => {
                chunk.copies().for_each(|(tap, copied)| self.send(office, tap, &copied));
                chunk.give_back();
            }
            Message::News(News::Wanted(tap)) => drop(self.taps.insert(tap.handle, tap)),
            Message::News(News::Ended(tap)) => {
                self.taps.remove(&tap.handle);
                office.forget(tap.handle);
            }
            Message::Finish(done) => {
                let _ = done.try_send(());
            }
        }
    }

    fn send(&mut self, office: &Office, tap: TapHandle, copied: &Copied<'_>) {
        let Some(tap) = self.taps.get(&tap) else {
            return office.find(tap).into_iter().for_each(|tap| tap.lose(1, copied.payload.len() as u64));
        };
        let TapTarget::Datagrams { rtp, rtcp } = tap.target else { return };
        let to = match copied.component {
            Component::Rtp => Some(rtp),
            Component::Rtcp => rtcp,
        };
        let Some(to) = to else { return };
        let socket = if to.is_ipv4() { &mut self.ipv4 } else { &mut self.ipv6 };
        match send(socket, to, copied.payload) {
            Ok(()) if tap.has_failed() => tap.recover(),
            Ok(()) => {}
            Err(error) => {
                tap.lose(1, copied.payload.len() as u64);
                if error.kind() != io::ErrorKind::WouldBlock {
                    self.failures.report(tap, error.to_string());
                }
            }
        }
    }
}

/// Sends it from the socket of this family, which is opened when it is needed first.
fn send(socket: &mut Option<UdpSocket>, to: SocketAddr, payload: &[u8]) -> io::Result<()> {
    let socket = match socket {
        Some(socket) => socket,
        None => socket.insert(open(to)?),
    };
    socket.send_to(payload, to).map(|_| ())
}

fn open(to: SocketAddr) -> io::Result<UdpSocket> {
    let socket = match to {
        SocketAddr::V4(_) => UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?,
        SocketAddr::V6(_) => UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0))?,
    };
    socket.set_nonblocking(true)?;
    Ok(socket)
}
