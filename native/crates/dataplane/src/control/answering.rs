//! Requests of clients: by a pattern to a shard and back, or on to the control plane.

use std::collections::HashMap;

use netio::{PacketIo, Token};
use protocol::{Event, FromDataPlane, Request, SessionId, ToDataPlane};
use repeat::{Step, Work};

use super::Control;
use crate::{
    clients::Clients,
    connection::Connection,
    fanout::shard_of,
    repeater::{Datagram, Job, Repeater, Taken},
    shard::{Shard, ShardRequest, ShardResponse},
};

/// Clients, and what is being done for them.
pub struct Answering {
    pub clients: Clients,
    pub repeater: Repeater,
    /// What other shards are doing, by ticket.
    running: HashMap<u64, Running>,
    /// What came for their sessions meanwhile.
    waiting: HashMap<SessionId, Vec<Waiting>>,
}

enum Waiting {
    Request(Token, ToDataPlane),
    Event(Event),
}

struct Running {
    datagram: Datagram,
    session: SessionId,
    step: Step,
}

impl Answering {
    pub fn new(clients: Clients, repeater: Repeater) -> Self {
        Self { clients, repeater, running: HashMap::new(), waiting: HashMap::new() }
    }

    /// Keeps a request that has to wait for its session's turn; gives back any other.
    pub fn wait(&mut self, token: Token, message: ToDataPlane) -> Option<ToDataPlane> {
        let session = if let Request::Apply { plan } = &message.request {
            &plan.session
        } else if let Request::Release { session } = &message.request {
            session
        } else {
            return Some(message);
        };
        match self.waiting.get_mut(session) {
            Some(waiting) => {
                waiting.push(Waiting::Request(token, message));
                None
            }
            None => Some(message),
        }
    }

    /// Keeps an event of a session that a pattern is changing; gives back any other. The control plane has to hear of the
    /// change first: it makes its record anew by the pattern, which knows nothing of what the event tells.
    pub fn wait_with(&mut self, event: Event) -> Option<Event> {
        match self.waiting.get_mut(event.session()) {
            Some(waiting) => {
                waiting.push(Waiting::Event(event));
                None
            }
            None => Some(event),
        }
    }
}

impl Control {
    /// Takes in what has come from clients, a bounded number of datagrams.
    pub(super) fn serve<I: PacketIo>(&mut self, socket: u32, shard: &mut Shard<I>) {
        for _ in 0..MOST_AT_ONCE {
            if self.greeted().is_none_or(|connection| connection.unsent() > MOST_UNSENT) {
                return;
            }
            let Some(datagram) = self.answering.clients.receive(socket) else { return };
            let is_room = self.shared.has_room_for_repeated();
            match self.answering.repeater.take(&datagram, is_room) {
                Taken::Nothing => {}
                Taken::Reply(reply) => self.answering.clients.reply(socket, datagram.from, reply),
                Taken::PassOn => self.pass_on(datagram),
                Taken::Do(job) => self.carry_out(datagram, job, shard),
            }
        }
    }

    /// Goes on with what another shard was asked to do; gives back a response to something else.
    pub(super) fn answered<I: PacketIo>(
        &mut self,
        ticket: u64,
        response: ShardResponse,
        shard: &mut Shard<I>,
    ) -> Option<ShardResponse> {
        let Some(Running { datagram, session, step }) = self.answering.running.remove(&ticket) else {
            return Some(response);
        };
        let waiting = self.answering.waiting.remove(&session).unwrap_or_default();
        self.finish(datagram, session, step, response);
        for waiting in waiting {
            match waiting {
                Waiting::Request(token, message) => self.handle_request(token, message, shard),
                Waiting::Event(event) => self.report(event),
            }
        }
        None
    }

    fn carry_out<I: PacketIo>(&mut self, datagram: Datagram, job: Job, shard: &mut Shard<I>) {
        let Job { session, work, step } = job;
        let request = match work {
            Work::Apply { plan, before } => ShardRequest::Repeat { plan, before },
            Work::End { revision, streams } => {
                ShardRequest::ReleaseLike { session: session.clone(), revision, streams }
            }
        };
        let Some(peer) = shard_of(&session, 1 + self.peers.len()).checked_sub(1) else {
            return self.finish(datagram, session, step, shard.execute(request));
        };
        if self.answering.waiting.contains_key(&session) {
            self.answering.repeater.refused(&datagram);
            return self.pass_on(datagram);
        }
        self.next_ticket += 1;
        self.answering.waiting.insert(session.clone(), Vec::new());
        self.answering.running.insert(self.next_ticket, Running { datagram, session, step });
        // The receiving thread ends only together with the process.
        let _ = self.peers[peer].requests.send((self.next_ticket, request));
        self.peers[peer].waker.wake();
    }

    fn finish(&mut self, datagram: Datagram, session: SessionId, step: Step, response: ShardResponse) {
        let Answering { repeater, clients, .. } = &mut self.answering;
        let bound = match response {
            ShardResponse::Applied { bound } => bound,
            ShardResponse::Released { stats: Some(_) } => Vec::new(),
            ShardResponse::Released { stats: None }
            | ShardResponse::Plans { .. }
            | ShardResponse::Stats { .. }
            | ShardResponse::Snapshot { .. }
            | ShardResponse::Counters { .. }
            | ShardResponse::Refused { .. } => {
                repeater.changed(&session);
                repeater.refused(&datagram);
                return self.pass_on(datagram);
            }
        };
        let Some(reply) = repeater.done(&datagram, step, session, &bound) else {
            return self.pass_on(datagram);
        };
        clients.reply(datagram.socket, datagram.from, reply);
        let mut connections = self.connections.values_mut();
        if let Some(connection) = connections.find(|connection| connection.is_greeted())
            && let Some(entry) = repeater.last_entry()
        {
            connection.tell(&entry);
        }
    }

    /// Without a control plane it is dropped: the client asks again.
    fn pass_on(&mut self, Datagram { socket, from, bytes, .. }: Datagram) {
        let mut connections = self.connections.values_mut();
        if let Some(connection) = connections.find(|connection| connection.is_greeted()) {
            let bytes = text_of(bytes);
            connection.tell(&FromDataPlane::Datagram { socket, from, bytes });
        }
    }

    /// Answers clients as soon as the control plane can no longer miss what was done for them, and listens to them as
    /// long as it keeps up.
    pub(super) fn tend_clients(&mut self, io: &mut impl PacketIo) -> std::io::Result<()> {
        let greeted = self.connections.values().find(|connection| connection.is_greeted());
        if greeted.is_none_or(Connection::has_sent_all) {
            self.answering.clients.flush();
        }
        self.answering.clients.watch(io, greeted.is_some_and(Connection::has_sent_all))
    }

    fn greeted(&self) -> Option<&Connection> {
        self.connections.values().find(|connection| connection.is_greeted())
    }
}

/// One character a byte. Nearly always they are the same.
fn text_of(bytes: Vec<u8>) -> String {
    if !bytes.is_ascii() {
        return bytes.into_iter().map(char::from).collect();
    }
    String::from_utf8(bytes).unwrap_or_default()
}

/// `None`: there are characters that are no bytes.
pub(super) fn bytes_of(text: String) -> Option<Vec<u8>> {
    if text.is_ascii() {
        return Some(text.into_bytes());
    }
    text.chars().map(|one| u8::try_from(one).ok()).collect()
}

/// Packets get their turn before more is read.
const MOST_AT_ONCE: usize = 32;
/// Clients wait while so many bytes for the control plane do.
const MOST_UNSENT: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use protocol::StreamId;

    use super::*;

    #[test]
    fn events_of_a_session_wait_while_a_pattern_changes_it() {
        let mut answering = Answering::new(Clients::new(Vec::new()), Repeater::new(Instant::now()));
        let [changing, other] = ["changing", "other"].map(|name| SessionId(name.to_owned()));
        answering.waiting.insert(changing.clone(), Vec::new());
        let event = |session: &SessionId| Event::NoFirstPacket {
            session: session.clone(),
            revision: 1,
            stream: StreamId(1),
        };
        assert!(answering.wait_with(event(&changing)).is_none());
        assert_eq!(answering.wait_with(event(&other)), Some(event(&other)));
        assert!(matches!(&answering.waiting[&changing][..], [Waiting::Event(_)]));
    }
}
