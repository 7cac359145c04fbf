//! What each local address has relayed: by the streams that are there, and by those that were.
//!
//! Packets are counted with their streams alone. What a stream has counted comes into the books when it leaves its address,
//! and is taken out again when it joins one: whoever asks adds what the streams have counted since.

use std::{net::IpAddr, sync::Arc};

use protocol::InterfaceTraffic;

use crate::{session::Session, stream::Stream};

/// Of one address of an interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    pub interface: Arc<str>,
    pub address: IpAddr,
    pub traffic: InterfaceTraffic,
}

/// Sums of which only those with what the streams have counted mean anything: they wrap around meanwhile.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    accounts: Vec<Account>,
}

impl Ledger {
    /// The streams of a session will not count for their addresses any more.
    pub fn leave(&mut self, session: &Session) {
        self.book(session, u64::wrapping_add);
    }

    /// What they have counted so far was for other addresses.
    pub fn join(&mut self, session: &Session) {
        self.book(session, u64::wrapping_sub);
    }

    /// All accounts at this moment.
    pub fn balance<'a>(&self, sessions: impl Iterator<Item = &'a Session>) -> Vec<Account> {
        let mut balance = self.clone();
        sessions.for_each(|session| balance.leave(session));
        balance.accounts
    }

    fn book(&mut self, session: &Session, add: fn(u64, u64) -> u64) {
        for (at, stream) in session.streams.iter().enumerate() {
            let Some(local) = session.streams[session.carrier(at)].locals.first() else { continue };
            let traffic = traffic_of(stream);
            let place = self.place(&local.interface, local.address);
            let account = &mut self.accounts[place].traffic;
            account.received_packets = add(account.received_packets, traffic.received_packets);
            account.received_bytes = add(account.received_bytes, traffic.received_bytes);
            account.received_errors = add(account.received_errors, traffic.received_errors);
            account.sent_packets = add(account.sent_packets, traffic.sent_packets);
            account.sent_bytes = add(account.sent_bytes, traffic.sent_bytes);
        }
    }

    fn place(&mut self, interface: &Arc<str>, address: IpAddr) -> usize {
        let known = self
            .accounts
            .iter()
            .position(|account| account.address == address && account.interface == *interface);
        known.unwrap_or_else(|| {
            let traffic = InterfaceTraffic::default();
            self.accounts.push(Account { interface: interface.clone(), address, traffic });
            self.accounts.len() - 1
        })
    }
}

fn traffic_of(stream: &Stream) -> InterfaceTraffic {
    let (rtp, rtcp) = (&stream.rtp.counters, &stream.rtcp.counters);
    InterfaceTraffic {
        received_packets: rtp.received_packets + rtcp.received_packets,
        received_bytes: rtp.received_bytes + rtcp.received_bytes,
        received_errors: stream.rtp.errors() + stream.rtcp.errors(),
        sent_packets: rtp.sent_packets + rtcp.sent_packets,
        sent_bytes: rtp.sent_bytes + rtcp.sent_bytes,
    }
}
