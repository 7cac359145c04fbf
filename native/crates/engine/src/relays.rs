//! The TURN clients of all ports: wraps what leaves by way of a relay, unwraps what comes, and keeps the allocations.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{DefaultHasher, Hash, Hasher},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use protocol::{Event, RelayServerPlan};
use turn::{Client, Failure, Incoming, Server, State};

use crate::{
    Engine, destination,
    io::{Arrival, Farewell, Outbox, Packet, SocketId},
    moment::Moment,
    session::Session,
    stream::Stream,
};

#[derive(Debug, Default)]
pub struct Relays {
    server: Option<Arc<Server>>,
    ports: BTreeMap<SocketId, Port>,
    /// When which port wants to be driven, each once.
    due: BTreeSet<(Moment, SocketId)>,
    /// Ports of which there is something new to tell.
    news: Vec<SocketId>,
    /// The server has not answered: until then nobody waits for it.
    silent_until: Option<Moment>,
}

#[derive(Debug)]
enum Port {
    Client(Box<Driven>),
    /// Not even asked.
    Without(Failure),
}

#[derive(Debug)]
struct Driven {
    client: Client,
    /// Its entry among those that are due.
    due: Option<Moment>,
}

impl Relays {
    pub fn use_server(&mut self, plan: Option<&RelayServerPlan>) {
        let server = plan.map(|plan| Server {
            address: plan.address,
            username: plan.username.as_str().into(),
            password: plan.password.as_str().into(),
        });
        if self.server.as_deref() != server.as_ref() {
            self.server = server.map(Arc::new);
            self.silent_until = None;
        }
    }

    /// A port wants a relayed address, or to keep the one it had before a restart.
    fn want(&mut self, now: Moment, session: &Session, socket: SocketId, known: Option<SocketAddr>) {
        match self.state(socket) {
            Some(State::Asking) => return,
            Some(State::Granted(address)) => {
                if known != Some(address) {
                    self.news.push(socket);
                }
                return;
            }
            Some(State::Failed(_)) | None => {}
        }
        let is_silent = self.silent_until.is_some_and(|until| now < until) && known.is_none();
        let port = match &self.server {
            None => Port::Without(Failure::Unconfigured),
            Some(_) if is_silent => Port::Without(Failure::Silent),
            Some(server) => {
                let seed = seed(server, session, socket, now);
                Port::of(match known {
                    Some(address) => Client::resume(server.clone(), seed, time(now), address),
                    None => Client::allocate(server.clone(), seed, time(now)),
                })
            }
        };
        if matches!(port, Port::Without(_)) {
            self.news.push(socket);
        }
        self.add(socket, port);
    }

    fn add(&mut self, socket: SocketId, port: Port) {
        self.remove(socket);
        self.ports.insert(socket, port);
        self.schedule(socket);
    }

    fn remove(&mut self, socket: SocketId) -> Option<Port> {
        let port = self.ports.remove(&socket)?;
        if let Port::Client(driven) = &port
            && let Some(due) = driven.due
        {
            self.due.remove(&(due, socket));
        }
        Some(port)
    }

    /// Gives up what a port has.
    fn forget(&mut self, socket: SocketId) -> Option<Farewell> {
        match self.remove(socket)? {
            Port::Client(mut driven) => {
                let to = driven.client.server();
                Some(Farewell { socket, to, payload: driven.client.farewell()? })
            }
            Port::Without(_) => None,
        }
    }

    fn state(&self, socket: SocketId) -> Option<State> {
        Some(match self.ports.get(&socket)? {
            Port::Client(driven) => driven.client.state(),
            Port::Without(failure) => State::Failed(*failure),
        })
    }

    fn client(&mut self, socket: SocketId) -> Option<&mut Client> {
        match self.ports.get_mut(&socket)? {
            Port::Client(driven) => Some(&mut driven.client),
            Port::Without(_) => None,
        }
    }

    /// True if the datagram is of the server that relays for this port.
    #[inline]
    pub fn serves(&mut self, arrival: Arrival) -> bool {
        !self.ports.is_empty()
            && self.client(arrival.socket).is_some_and(|client| client.server() == arrival.from)
    }

    /// Takes in a datagram of the server. What it has relayed is put into the packet; from whom, is returned.
    pub fn take(
        &mut self,
        now: Moment,
        socket: SocketId,
        packet: &mut Packet<'_>,
        out: &mut impl Outbox,
    ) -> Result<Arrival, Incoming> {
        let Some(client) = self.client(socket) else { return Err(Incoming::Junk) };
        let Some(datagram) = packet.buffer.get(..packet.len) else { return Err(Incoming::Junk) };
        let (before, server) = (client.state(), client.server());
        let incoming =
            client.handle(time(now), datagram, &mut |bytes: &[u8]| out.send(socket, server, bytes));
        match incoming {
            Incoming::Data { from, range } => {
                packet.len = range.len();
                packet.buffer.copy_within(range, 0);
                Ok(Arrival { socket: socket.relayed(), from })
            }
            Incoming::Taken => {
                self.notice(now, socket, before);
                Err(Incoming::Taken)
            }
            Incoming::Junk => Err(Incoming::Junk),
        }
    }

    /// Does what is due by time.
    pub fn work(&mut self, now: Moment, out: &mut impl Outbox) {
        for _ in 0..STEPS {
            let Some((at, socket)) = self.due.first().copied() else { return };
            if at > now {
                return;
            }
            let Some(client) = self.client(socket) else { return };
            let (before, server) = (client.state(), client.server());
            if client.poll_timeout().is_none_or(|due| due > time(now)) {
                self.schedule(socket);
                continue;
            }
            client.handle_timeout(time(now), &mut |bytes: &[u8]| out.send(socket, server, bytes));
            self.notice(now, socket, before);
        }
    }

    pub fn next_due(&self) -> Option<Moment> {
        self.due.first().map(|(at, _)| *at)
    }

    fn send(&mut self, now: Moment, socket: SocketId, to: SocketAddr, payload: &[u8], out: &mut impl Outbox) {
        let Some(client) = self.client(socket) else { return };
        let State::Granted(relayed) = client.state() else { return };
        if !destination::is_allowed(to, Some(relayed.ip())) {
            return;
        }
        let (server, due) = (client.server(), client.poll_timeout());
        client.send(time(now), to, payload, &mut |bytes: &[u8]| out.send(socket, server, bytes));
        if client.poll_timeout() < due {
            self.schedule(socket);
        }
    }

    fn notice(&mut self, now: Moment, socket: SocketId, before: State) {
        self.schedule(socket);
        let Some(state) = self.state(socket).filter(|state| *state != before) else { return };
        match state {
            State::Granted(_) => self.silent_until = None,
            State::Failed(Failure::Silent) => self.silent_until = Some(now.plus_ms(SILENCE_MS)),
            State::Failed(_) | State::Asking => {}
        }
        self.news.push(socket);
    }

    fn schedule(&mut self, socket: SocketId) {
        let Some(Port::Client(driven)) = self.ports.get_mut(&socket) else { return };
        let due = driven.client.poll_timeout().map(Moment::at);
        let before = std::mem::replace(&mut driven.due, due);
        if before == due {
            return;
        }
        if let Some(before) = before {
            self.due.remove(&(before, socket));
        }
        self.due.extend(due.map(|due| (due, socket)));
    }
}

impl Port {
    fn of(client: Client) -> Self {
        Port::Client(Box::new(Driven { client, due: None }))
    }
}

impl Engine {
    /// Who gives relayed addresses from now on.
    pub fn use_relay_server(&mut self, plan: Option<&RelayServerPlan>) {
        self.relays.use_server(plan);
    }

    /// Asks for what a plan that was just followed wants, and gives back what it does not want any more.
    pub(crate) fn follow_relay_plans(&mut self, now: Moment, key: usize) -> Vec<Farewell> {
        let session = &self.sessions[key];
        let mut farewells = Vec::new();
        for local in session.streams.iter().flat_map(|stream| &stream.locals) {
            for socket in local.sockets() {
                match local.wanted_relays().find(|(wanted, _)| *wanted == socket) {
                    Some((_, known)) => self.relays.want(now, session, socket, known),
                    None => farewells.extend(self.relays.forget(socket)),
                }
            }
        }
        self.follow_relays(now);
        farewells
    }

    /// Gives back what closed ports had.
    pub(crate) fn forget_relays(&mut self, sockets: &[SocketId]) -> Vec<Farewell> {
        sockets.iter().filter_map(|socket| self.relays.forget(*socket)).collect()
    }

    /// Does what follows from news about relayed addresses.
    pub(crate) fn follow_relays(&mut self, now: Moment) {
        while let Some(socket) = self.relays.news.pop() {
            let owner = self.sockets.get(socket.0 as usize).copied().flatten();
            let Some(owner) = owner else { continue };
            let Some(session) = self.sessions.get_mut(owner.session as usize) else { continue };
            let (id, revision) = (session.session_id(), session.revision);
            let stream = &mut session.streams[usize::from(owner.stream)];
            if let Some((local, outcome)) = settle(stream, socket, &self.relays) {
                stream.follow_relays(now);
                let stream = stream.id;
                self.events.push_back(Event::Relay { session: id, revision, stream, local, outcome });
                self.checks.schedule(owner.session, session, Some(now));
            }
        }
    }
}

fn settle(
    stream: &mut Stream,
    socket: SocketId,
    relays: &Relays,
) -> Option<(protocol::LocalId, protocol::RelayOutcome)> {
    let local = stream.locals.iter_mut().find(|local| local.sockets().any(|own| own == socket))?;
    let (rtp, rtcp) = (relays.state(local.rtp)?, local.rtcp.and_then(|rtcp| relays.state(rtcp)));
    let outcome = local.relay.as_mut()?.settle(rtp, rtcp)?;
    Some((local.id, outcome))
}

/// Wraps what is sent by way of a relay; the rest goes out as it is.
pub struct Wrapping<'a, O> {
    pub relays: &'a mut Relays,
    pub now: Moment,
    pub out: &'a mut O,
}

impl<O: Outbox> Outbox for Wrapping<'_, O> {
    #[inline]
    fn forward(&mut self, socket: SocketId, to: SocketAddr, len: usize) {
        debug_assert!(!socket.is_relayed(), "what is relayed is sent as a copy");
        self.out.forward(socket, to, len);
    }

    #[inline]
    fn send(&mut self, socket: SocketId, to: SocketAddr, payload: &[u8]) {
        if socket.is_relayed() {
            self.relays.send(self.now, socket.bound(), to, payload, self.out);
        } else {
            self.out.send(socket, to, payload);
        }
    }
}

/// A number nobody can guess who does not know the password.
fn seed(server: &Server, session: &Session, socket: SocketId, now: Moment) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&server.password, &session.id, socket, now.us()).hash(&mut hasher);
    hasher.finish()
}

fn time(now: Moment) -> Duration {
    Duration::from_micros(now.us())
}

/// So long a server that did not answer is not asked for another address.
const SILENCE_MS: u64 = 30_000;
/// Ports in one go.
const STEPS: usize = 64;

#[cfg(test)]
#[path = "relays_test.rs"]
mod tests;
