//! The client: what it knows, and what follows from it.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use wire::{
    stun::{Class, LONGEST, Message},
    turn::{self, Attributes},
};

use crate::{
    Failure, Incoming, Server, State, Transmit,
    peer::{ASK_AGAIN, IDLE, MOST_PEERS, Peer, RENEW, Standing, channel_of},
    random::Random,
    request::{Login, Purpose, Request},
};

/// A relayed address for one port of ours.
#[derive(Debug)]
pub struct Client {
    server: Arc<Server>,
    random: Random,
    login: Option<Login>,
    state: State,
    /// When the allocation has to be refreshed, and when it ends.
    refresh: Duration,
    expires: Duration,
    requests: Vec<Request>,
    peers: Vec<Peer>,
    /// What was left on the port has been cleared away.
    is_cleared: bool,
    scratch: Vec<u8>,
}

impl Client {
    /// Asks for a relayed address, at the next [`Client::handle_timeout`].
    pub fn allocate(server: Arc<Server>, seed: u64, now: Duration) -> Self {
        let mut client = Client::new(server, seed, now, State::Asking);
        client.prepare(now, Purpose::Allocate);
        client
    }

    /// Goes on with an address that was granted to the same port before a restart; that is confirmed at once.
    pub fn resume(server: Arc<Server>, seed: u64, now: Duration, relayed: SocketAddr) -> Self {
        let mut client = Client::new(server, seed, now, State::Granted(relayed));
        client.expires = now + LIFETIME;
        client
    }

    fn new(server: Arc<Server>, seed: u64, now: Duration, state: State) -> Self {
        Client {
            server,
            random: Random::seeded(seed),
            login: None,
            state,
            refresh: now,
            expires: now,
            requests: Vec::new(),
            peers: Vec::new(),
            is_cleared: false,
            scratch: Vec::new(),
        }
    }

    pub fn server(&self) -> SocketAddr {
        self.server.address
    }

    pub fn state(&self) -> State {
        self.state
    }

    /// Takes in a datagram that came from the server.
    pub fn handle(&mut self, now: Duration, datagram: &[u8], send: &mut Transmit<'_>) -> Incoming {
        if turn::is_channel_data(datagram) {
            return self.over_channel(now, datagram);
        }
        let Some(message) = Message::parse_any(datagram) else { return Incoming::Junk };
        let attributes = Attributes::of(&message);
        match message.class {
            Class::Indication if message.method == turn::DATA => self.indicated(now, &attributes),
            Class::Success | Class::Error => self.answered(now, &message, &attributes, send),
            Class::Indication | Class::Request => Incoming::Junk,
        }
    }

    /// Does what is due by time.
    pub fn handle_timeout(&mut self, now: Duration, send: &mut Transmit<'_>) {
        for request in std::mem::take(&mut self.requests) {
            self.repeat(now, request, send);
        }
        if self.is_refresh_due(now) {
            self.begin(now, Purpose::Refresh, send);
        }
        self.peers.retain(|peer| now < peer.used + IDLE);
        for at in 0..self.peers.len() {
            let peer = &self.peers[at];
            if now >= peer.due && matches!(self.state, State::Granted(_)) {
                self.ask_for(now, at, send);
            }
        }
    }

    /// When `handle_timeout` wants to be called next.
    pub fn poll_timeout(&self) -> Option<Duration> {
        let State::Granted(_) = self.state else {
            return self.requests.iter().map(|request| request.due).min();
        };
        let is_refreshing = self.requests.iter().any(|request| request.purpose == Purpose::Refresh);
        let refresh = (!is_refreshing).then_some(self.refresh);
        let peers = self.peers.iter().map(|peer| peer.due.min(peer.used + IDLE));
        self.requests.iter().map(|request| request.due).chain(peers).chain(refresh).min()
    }

    /// Sends data to a peer; the first of them make the server relay there.
    pub fn send(&mut self, now: Duration, to: SocketAddr, data: &[u8], send: &mut Transmit<'_>) {
        let State::Granted(_) = self.state else { return };
        let Some(at) = self.peer_at(now, to, send) else { return };
        let peer = &mut self.peers[at];
        peer.used = now;
        self.scratch.clear();
        match (peer.standing, peer.channel) {
            (Standing::Refused, _) => return,
            (Standing::Bound, Some(channel)) => turn::write_channel_data(&mut self.scratch, channel, data),
            (Standing::Asked | Standing::Permitted | Standing::Bound, _) => {
                turn::write_send(&mut self.scratch, self.random.transaction(), to, data);
            }
        }
        send(&self.scratch);
    }

    /// The datagram that gives the address back, if there is one, or may be soon.
    pub fn farewell(&mut self) -> Option<Vec<u8>> {
        let login = self.login.as_ref()?;
        if matches!(self.state, State::Failed(_)) {
            return None;
        }
        let request = Request::new(Duration::ZERO, Purpose::Clear, self.random.transaction(), true);
        let mut buffer = [0; LONGEST];
        request.write(&self.server, Some(login), &mut buffer).map(<[u8]>::to_vec)
    }

    fn over_channel(&mut self, now: Duration, datagram: &[u8]) -> Incoming {
        let Some((channel, range)) = turn::parse_channel_data(datagram) else { return Incoming::Junk };
        match self.peers.iter_mut().find(|peer| peer.channel == Some(channel)) {
            Some(peer) => {
                peer.used = now;
                Incoming::Data { from: peer.address, range }
            }
            None => Incoming::Junk,
        }
    }

    /// A permission is for a host: its checks may come from another port than was signalled.
    fn indicated(&mut self, now: Duration, attributes: &Attributes<'_>) -> Incoming {
        let (Some(from), Some((start, end))) = (attributes.peer, attributes.data) else {
            return Incoming::Junk;
        };
        let Some(peer) = self.peers.iter_mut().find(|peer| peer.address.ip() == from.ip()) else {
            return Incoming::Junk;
        };
        peer.used = now;
        Incoming::Data { from, range: start..end }
    }

    fn answered(
        &mut self,
        now: Duration,
        message: &Message<'_>,
        attributes: &Attributes<'_>,
        send: &mut Transmit<'_>,
    ) -> Incoming {
        let is_open = |request: &Request| {
            request.transaction == message.transaction && request.method() == message.method
        };
        let Some(at) = self.requests.iter().position(is_open) else { return Incoming::Junk };
        let request = self.requests[at];
        if message.class == Class::Success {
            let login = self.login.as_ref().filter(|_| request.proven);
            if login.is_some_and(|login| attributes.authenticate(message, &login.key).is_err()) {
                return Incoming::Junk;
            }
            self.requests.remove(at);
            self.granted(now, request.purpose, attributes, send);
            return Incoming::Taken;
        }
        self.requests.remove(at);
        let is_challenge = matches!((attributes.error, request.proven), (Some(401), false) | (Some(438), _));
        if is_challenge && request.challenges < MOST_CHALLENGES && self.log_in(attributes) {
            let again = self.made(now, request.purpose);
            self.post(now, again.after_challenge(request.challenges), send);
        } else {
            self.refused(now, request.purpose, Failure::Refused(attributes.error.unwrap_or(500)), send);
        }
        Incoming::Taken
    }

    fn log_in(&mut self, attributes: &Attributes<'_>) -> bool {
        let (Some(realm), Some(nonce)) = (attributes.realm, attributes.nonce) else { return false };
        let key = turn::key(self.server.username.as_bytes(), realm, self.server.password.as_bytes());
        self.login = Some(Login { realm: realm.into(), nonce: nonce.into(), key });
        true
    }

    fn granted(
        &mut self,
        now: Duration,
        purpose: Purpose,
        attributes: &Attributes<'_>,
        send: &mut Transmit<'_>,
    ) {
        match purpose {
            Purpose::Allocate => {
                let usable = attributes.relayed.filter(|at| at.port() != 0 && !at.ip().is_unspecified());
                self.state = usable.map_or(State::Failed(Failure::Senseless), State::Granted);
                self.lasts(now, attributes);
            }
            Purpose::Refresh => self.lasts(now, attributes),
            Purpose::Clear => self.begin(now, Purpose::Allocate, send),
            Purpose::Permit(peer) => self.stands(now, peer, Standing::Permitted),
            Purpose::Bind(peer, _) => self.stands(now, peer, Standing::Bound),
        }
    }

    fn lasts(&mut self, now: Duration, attributes: &Attributes<'_>) {
        let lifetime = attributes.lifetime.map_or(LIFETIME, |seconds| Duration::from_secs(seconds.into()));
        self.expires = now + lifetime;
        self.refresh = now + (lifetime / 2).max(SHORTEST);
    }

    fn refused(&mut self, now: Duration, purpose: Purpose, failure: Failure, send: &mut Transmit<'_>) {
        match (purpose, failure) {
            // RFC 8656 §7.4: somebody before us had this port.
            (Purpose::Allocate, Failure::Refused(MISMATCH)) if !self.is_cleared => {
                self.is_cleared = true;
                self.begin(now, Purpose::Clear, send);
            }
            (Purpose::Clear, Failure::Refused(_)) => self.begin(now, Purpose::Allocate, send),
            (Purpose::Allocate | Purpose::Clear, _) => self.state = State::Failed(failure),
            // The server may be back, or well again, before the allocation ends.
            (Purpose::Refresh, Failure::Silent | Failure::Refused(500..600))
                if now + ASK_AGAIN < self.expires =>
            {
                self.refresh = now + ASK_AGAIN;
            }
            (Purpose::Refresh, _) => {
                self.state = State::Failed(failure);
                self.requests.clear();
            }
            (Purpose::Bind(peer, _), Failure::Refused(_)) => {
                let Some(at) = self.peers.iter().position(|known| known.address == peer) else { return };
                self.peers[at].channel = None;
                self.ask_for(now, at, send);
            }
            (Purpose::Bind(peer, _) | Purpose::Permit(peer), _) => {
                let standing = match failure {
                    Failure::Silent => Standing::Asked,
                    Failure::Refused(_) | Failure::Senseless | Failure::Unconfigured => Standing::Refused,
                };
                self.stands(now, peer, standing);
            }
        }
    }

    fn stands(&mut self, now: Duration, address: SocketAddr, standing: Standing) {
        let Some(peer) = self.peers.iter_mut().find(|peer| peer.address == address) else { return };
        peer.standing = standing;
        peer.due = match standing {
            Standing::Permitted | Standing::Bound => now + RENEW,
            Standing::Asked | Standing::Refused => now + ASK_AGAIN,
        };
    }

    fn peer_at(&mut self, now: Duration, address: SocketAddr, send: &mut Transmit<'_>) -> Option<usize> {
        if let Some(at) = self.peers.iter().position(|peer| peer.address == address) {
            return Some(at);
        }
        if self.peers.len() >= MOST_PEERS {
            let (at, _) = self.peers.iter().enumerate().min_by_key(|(_, peer)| peer.used)?;
            let gone = self.peers.remove(at).address;
            self.requests.retain(|request| request.peer() != Some(gone));
        }
        let number = channel_of(address);
        let is_taken = self.peers.iter().any(|peer| peer.channel == Some(number));
        let channel = (!is_taken).then_some(number);
        self.peers.push(Peer { address, channel, standing: Standing::Asked, used: now, due: now });
        self.ask_for(now, self.peers.len() - 1, send);
        Some(self.peers.len() - 1)
    }

    fn ask_for(&mut self, now: Duration, at: usize, send: &mut Transmit<'_>) {
        let peer = &mut self.peers[at];
        peer.due = now + RENEW;
        let address = peer.address;
        let purpose = peer.channel.map_or(Purpose::Permit(address), |number| Purpose::Bind(address, number));
        self.begin(now, purpose, send);
    }

    fn repeat(&mut self, now: Duration, mut request: Request, send: &mut Transmit<'_>) {
        if now < request.due {
            self.requests.push(request);
        } else if request.repeat(now) {
            self.post(now, request, send);
        } else {
            self.refused(now, request.purpose, Failure::Silent, send);
        }
    }

    fn is_refresh_due(&self, now: Duration) -> bool {
        let is_refreshing = || self.requests.iter().any(|request| request.purpose == Purpose::Refresh);
        matches!(self.state, State::Granted(_)) && now >= self.refresh && !is_refreshing()
    }

    fn begin(&mut self, now: Duration, purpose: Purpose, send: &mut Transmit<'_>) {
        let request = self.made(now, purpose);
        self.post(now, request, send);
    }

    fn made(&mut self, now: Duration, purpose: Purpose) -> Request {
        Request::new(now, purpose, self.random.transaction(), self.login.is_some())
    }

    /// Has a first request sent as soon as time is looked at.
    fn prepare(&mut self, now: Duration, purpose: Purpose) {
        let request = self.made(now, purpose).unsent(now);
        self.requests.push(request);
    }

    fn post(&mut self, now: Duration, request: Request, send: &mut Transmit<'_>) {
        let mut buffer = [0; LONGEST];
        match request.write(&self.server, self.login.as_ref().filter(|_| request.proven), &mut buffer) {
            Some(bytes) => {
                send(bytes);
                self.requests.push(request);
            }
            None => self.refused(now, request.purpose, Failure::Senseless, send),
        }
    }
}

const LIFETIME: Duration = Duration::from_secs(600);
/// Between two refreshes, whatever lifetime the server grants.
const SHORTEST: Duration = Duration::from_secs(5);
const MOST_CHALLENGES: u8 = 3;
/// Allocation Mismatch.
const MISMATCH: u16 = 437;
