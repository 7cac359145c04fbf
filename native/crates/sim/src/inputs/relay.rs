//! What a TURN server, or who pretends to be one, sends to a client.

use std::{collections::BTreeSet, net::SocketAddr, sync::Arc, time::Duration};

use turn::{Client, Incoming, Server, State};
use wire::{
    stun::{Builder, Class, LONGEST, Message, NONCE, REALM, TransactionId},
    turn::{
        ALLOCATE, Attributes, DATA, DATA_ATTRIBUTE, LIFETIME, XOR_PEER_ADDRESS, XOR_RELAYED_ADDRESS, key,
        parse_channel_data, write_channel_data,
    },
};

/// Plays the server. Panics if the client believes what is not proven, takes data from who was never sent any, answers
/// more than it is asked, or grows.
pub fn replay(bytes: &[u8]) {
    let mut scene = Scene::new();
    let mut rest = bytes;
    while let Some((four, tail)) = rest.split_first_chunk::<4>() {
        rest = tail;
        let [kind, a, b, c] = *four;
        match kind % 8 {
            0 => scene.wait(1 << (a % 18)),
            1 => scene.send(peer(a, b), c),
            2 | 3 => scene.answer([a, b, c], kind),
            4 => scene.indicate(peer(a, b), c),
            5 => scene.over_channel(a, b, c),
            6 => {
                let (taken, tail) = rest.split_at(usize::from(a).min(rest.len()));
                rest = tail;
                scene.hear(taken, Proof::None);
            }
            _ => scene.flood(a),
        }
        scene.check();
    }
}

struct Scene {
    client: Client,
    now: Duration,
    /// The latest last: method and transaction of each request, and whether it had credentials.
    asked: Vec<(u16, TransactionId, bool)>,
    channels: Vec<u16>,
    /// Hosts that were sent something.
    known: BTreeSet<SocketAddr>,
    was_granted: bool,
}

/// Whether a response shows that the server knows the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Proof {
    None,
    Right,
    Wrong,
}

impl Scene {
    fn new() -> Scene {
        let server = Server { address: server(), username: "user".into(), password: "pass".into() };
        let client = Client::allocate(Arc::new(server), 7, Duration::ZERO);
        let mut scene = Scene {
            client,
            now: Duration::ZERO,
            asked: Vec::new(),
            channels: Vec::new(),
            known: BTreeSet::new(),
            was_granted: false,
        };
        scene.wait(0);
        scene
    }

    fn wait(&mut self, ms: u64) {
        let end = self.now + Duration::from_millis(ms);
        for _ in 0..MOST_TURNS {
            let Some(due) = self.client.poll_timeout().filter(|due| *due <= end) else { break };
            self.now = self.now.max(due);
            let mut sent = Vec::new();
            self.client.handle_timeout(self.now, &mut |bytes| sent.push(bytes.to_vec()));
            self.note(&sent);
        }
        assert!(self.client.poll_timeout().is_none_or(|due| due > end), "what is due is done");
        self.now = end;
    }

    fn send(&mut self, to: SocketAddr, length: u8) {
        let mut sent = Vec::new();
        self.client
            .send(self.now, to, &vec![0x80; usize::from(length) * 6], &mut |bytes| sent.push(bytes.to_vec()));
        assert!(sent.len() <= 2, "data, and a request for a way");
        if !matches!(self.client.state(), State::Granted(_)) {
            assert!(sent.is_empty(), "without an address nothing is sent to peers");
        }
        self.known.insert(to);
        self.note(&sent);
    }

    /// Answers one of the last requests.
    fn answer(&mut self, [a, b, c]: [u8; 3], kind: u8) {
        let asked = self.asked.iter().rev().nth(usize::from(a & 3));
        let Some((method, transaction, proven)) = asked.copied() else { return };
        let class = if b & 1 == 1 { Class::Success } else { Class::Error };
        let proof = [Proof::Right, Proof::Right, Proof::None, Proof::Wrong][usize::from(b >> 1 & 3)];
        let mut buffer = [0; LONGEST];
        let mut builder = Builder::of(&mut buffer, class, method, transaction);
        if class == Class::Error {
            builder = builder.error([401, 438, 437, 403, 486, 508, 300, 699][usize::from(c & 7)], "");
        }
        if b & 8 == 8 {
            let huge = vec![b'n'; usize::from(c) * 3];
            builder =
                builder.other(REALM, b"realm").other(NONCE, if b & 16 == 16 { &huge } else { b"nonce" });
        }
        if b & 32 == 32 {
            builder = builder.address(XOR_RELAYED_ADDRESS, if c & 64 == 64 { unusable() } else { relayed() });
        }
        if b & 64 == 64 {
            builder = builder.other(LIFETIME, &(u32::MAX >> (c & 31)).to_be_bytes());
        }
        let length = match proof {
            Proof::None => builder.finish_unproven(),
            Proof::Right => builder.finish(&key(b"user", b"realm", b"pass")),
            Proof::Wrong => builder.finish(&key(b"user", b"realm", b"word")),
        };
        let mut datagram = buffer[..length.unwrap_or(0)].to_vec();
        let mut proof = proof;
        if kind & 0x80 == 0x80 {
            let at = usize::from(c) % datagram.len().max(1);
            match datagram.get_mut(at) {
                Some(octet) if kind & 0x40 == 0 => *octet ^= a | 1,
                _ => datagram.truncate(at),
            }
            proof = Proof::Wrong;
        }
        let before = self.client.state();
        self.hear(&datagram, proof);
        if class == Class::Success && method == ALLOCATE && (proof == Proof::Right || !proven) {
            self.was_granted = true;
        }
        if class == Class::Success && proven && proof != Proof::Right {
            assert_eq!(self.client.state(), before, "a response without proof changes nothing");
        }
    }

    fn indicate(&mut self, from: SocketAddr, length: u8) {
        let data = vec![0x80; usize::from(length)];
        let mut buffer = [0; LONGEST];
        let builder = Builder::of(&mut buffer, Class::Indication, DATA, [9; 12]);
        let builder = builder.address(XOR_PEER_ADDRESS, from).other(DATA_ATTRIBUTE, &data);
        let length = builder.finish_unproven().unwrap_or(0);
        self.hear(&buffer[..length], Proof::None);
    }

    fn over_channel(&mut self, number: u8, above: u8, length: u8) {
        let known = self.channels.get(usize::from(number) % self.channels.len().max(1));
        let channel = known.filter(|_| above < 200).copied().unwrap_or(0x4000 + u16::from(above) * 16);
        let mut datagram = Vec::new();
        write_channel_data(&mut datagram, channel, &vec![0x80; usize::from(length)]);
        datagram.truncate(datagram.len() - usize::from(above & 3).min(datagram.len()));
        self.hear(&datagram, Proof::None);
    }

    /// Data to, or from, very many ports of one host.
    fn flood(&mut self, host: u8) {
        for port in 0..300u16 {
            self.send(SocketAddr::from(([203, 0, 113, host & 3], 10_000 + port)), 1);
        }
    }

    fn hear(&mut self, datagram: &[u8], proof: Proof) -> Incoming {
        let mut sent = Vec::new();
        let incoming = self.client.handle(self.now, datagram, &mut |bytes| sent.push(bytes.to_vec()));
        assert!(sent.len() <= 1, "{} datagrams for one ({proof:?})", sent.len());
        if let Incoming::Data { from, range } = &incoming {
            assert!(range.start <= range.end && range.end <= datagram.len());
            assert!(self.known.iter().any(|known| known.ip() == from.ip()), "{from} was never sent anything");
        }
        self.note(&sent);
        incoming
    }

    fn note(&mut self, sent: &[Vec<u8>]) {
        for datagram in sent {
            if let Some((channel, _)) = parse_channel_data(datagram) {
                if !self.channels.contains(&channel) {
                    self.channels.push(channel);
                }
                continue;
            }
            let Some(message) = Message::parse_any(datagram) else {
                panic!("what is sent is STUN or over a channel")
            };
            assert!(matches!(message.class, Class::Request | Class::Indication));
            if message.class == Class::Request {
                let proven = Attributes::of(&message).nonce.is_some();
                self.asked.push((message.method, message.transaction, proven));
                if self.asked.len() > MOST_REMEMBERED {
                    self.asked.remove(0);
                }
            }
        }
    }

    fn check(&mut self) {
        if let State::Granted(at) = self.client.state() {
            assert!(
                self.was_granted && at.port() != 0 && !at.ip().is_unspecified(),
                "nobody has granted {at}"
            );
        }
        let printed = format!("{:?}", self.client);
        assert!(printed.len() < MOST_PRINTED, "the client has grown to {} characters", printed.len());
    }
}

fn peer(a: u8, b: u8) -> SocketAddr {
    SocketAddr::from(([203, 0, 113, a & 7], 10_000 + u16::from(b)))
}

fn server() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 3478))
}

fn relayed() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 200], 49_152))
}

fn unusable() -> SocketAddr {
    SocketAddr::from(([0, 0, 0, 0], 49_152))
}

const MOST_TURNS: usize = 10_000;
const MOST_REMEMBERED: usize = 8;
/// With all peers there may be, a request for each, and the longest challenge.
const MOST_PRINTED: usize = 80_000;
