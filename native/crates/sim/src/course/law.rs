//! What holds on every course, whatever strangers send.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::SocketAddr,
    time::Duration,
};

use engine::Engine;
use protocol::{KeysSnapshot, StreamSnapshot};
use wire::{
    Kind as Class, rtcp,
    rtp::Header,
    stun::{self, Message, TransactionId},
};

use super::{
    Ice, Kind, Rules, Security, Step,
    plan::{self, Homes},
};
use crate::{Received, Traffic, Way, ice};

pub struct Law {
    pub kind: Kind,
    alice: SocketAddr,
    bobs: [SocketAddr; 2],
    /// What Alice has said on audio and on video, and whether Bob has heard it.
    said: BTreeMap<(u32, u16), (u32, bool)>,
    /// What came from Alice, the latest last.
    pub captured: VecDeque<Vec<u8>>,
    /// Our checks, by where they went.
    pub asked: VecDeque<(SocketAddr, TransactionId)>,
    /// Who has answered one, with the peer's password.
    answered: BTreeMap<SocketAddr, Duration>,
    now: Duration,
    /// Who has made a check with our password.
    checked: BTreeSet<SocketAddr>,
    heard: BTreeSet<SocketAddr>,
}

/// Packets of media that arrived.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    pub alice: u32,
    pub bob: u32,
}

impl Reach {
    pub fn count(&mut self, alice_may: bool, bob_may: bool) {
        self.bob += u32::from(alice_may);
        self.alice += u32::from(bob_may);
    }
}

impl Law {
    pub fn new(kind: Kind, homes: &Homes) -> Law {
        Law {
            kind,
            alice: homes.alice,
            bobs: [homes.bob, homes.bob_video],
            said: BTreeMap::new(),
            captured: VecDeque::new(),
            asked: VecDeque::new(),
            answered: BTreeMap::new(),
            now: Duration::ZERO,
            checked: BTreeSet::new(),
            heard: BTreeSet::new(),
        }
    }

    pub fn said(&mut self, media: u32, ssrc: u32, sequence: u16) {
        self.said.insert((ssrc, sequence), (media, false));
    }

    /// An engine that comes back goes on with the pairs of the one before.
    pub fn crashed(&mut self, now: Duration) {
        self.answered.values_mut().for_each(|at| *at = now);
    }

    pub fn judge(&mut self, datagram: &Traffic, step: Step) {
        self.now = datagram.at;
        match datagram.way {
            Way::In => self.note(datagram.from, &datagram.payload),
            Way::Out => self.judge_sent(datagram.to, &datagram.payload, step),
        }
    }

    /// True for RTP of Alice, which Bob may hear once and on the right port.
    pub fn bob_hears(&mut self, media: u32, received: &Received) -> bool {
        let payload = &received.payload;
        assert!(!is_marked(payload), "Bob hears a stranger");
        self.check_rtcp(self.kind.rules[1], received);
        assert_eq!(received.is_rtcp(), received.on_rtcp_port, "Bob has a port for RTCP");
        let Some(header) = rtp_header(payload) else { return false };
        let said = self.said.get_mut(&(header.ssrc, header.sequence));
        let Some((said_on, heard)) = said else { panic!("Bob hears what Alice has not said: {header:?}") };
        assert_eq!(*said_on, media, "audio goes to audio, and video to video");
        // Who can claim Alice's address can repeat what is not protected.
        let repeats = std::mem::replace(heard, true);
        assert!(!repeats || self.kind.security == Security::None, "Bob hears {header:?} twice");
        true
    }

    /// True for RTP of Bob, here in the clear.
    pub fn alice_hears(&mut self, received: &Received) -> bool {
        assert!(!is_marked(&received.payload), "Alice hears a stranger");
        assert_eq!(received.on_rtcp_port, received.is_rtcp() && self.kind.separate_rtcp, "each has its port");
        self.check_rtcp(self.kind.rules[0], received);
        rtp_header(&received.payload).is_some()
    }

    pub fn is_media(&self, received: &Received) -> bool {
        matches!(wire::classify(&received.payload), Class::Rtp | Class::Rtcp)
    }

    fn check_rtcp(&self, rules: Rules, received: &Received) {
        if !received.is_rtcp() {
            return;
        }
        let payload = &received.payload;
        assert!(rtcp::is_whole(payload), "what leaves is whole");
        let feedback = |packet: &rtcp::Packet<'_>| {
            matches!(packet.kind, rtcp::TRANSPORT_FEEDBACK | rtcp::PAYLOAD_FEEDBACK)
        };
        match rules {
            Rules::None => {}
            Rules::Avp => {
                assert!(!rtcp::packets(payload).any(|packet| feedback(&packet)), "no feedback was agreed on");
                assert!(
                    matches!(payload[1], rtcp::SENDER_REPORT | rtcp::RECEIVER_REPORT),
                    "a report comes first"
                );
            }
            Rules::Avpf => {
                let is_pli =
                    |packet: &rtcp::Packet<'_>| (packet.kind, packet.count) == (rtcp::PAYLOAD_FEEDBACK, 1);
                assert!(
                    rtcp::packets(payload).filter(feedback).all(|packet| is_pli(&packet)),
                    "only PLI was agreed on"
                );
            }
        }
    }

    fn note(&mut self, from: SocketAddr, payload: &[u8]) {
        self.heard.insert(from);
        if from == self.alice || from == self.home(Class::Rtcp) {
            remember(&mut self.captured, payload.to_vec());
        }
        let Some(message) = Message::parse(payload) else { return };
        match message.class {
            stun::Class::Request => {
                if knows(|number| plan::words(ice::LOCAL, number).1, &message) {
                    self.checked.insert(from);
                }
            }
            stun::Class::Success => {
                let is_asked = self.asked.contains(&(from, message.transaction));
                if is_asked && knows(|number| plan::words(ice::REMOTE, number).1, &message) {
                    self.answered.insert(from, self.now);
                }
            }
            stun::Class::Error | stun::Class::Indication => {}
        }
    }

    fn judge_sent(&mut self, to: SocketAddr, payload: &[u8], step: Step) {
        if self.bobs.iter().any(|bob| bob.ip() == to.ip()) {
            return;
        }
        let class = wire::classify(payload);
        match (class, self.kind.ice) {
            (Class::Stun, Ice::None) => panic!("{step:?}: a check to {to} without ICE"),
            (Class::Stun, ice) => self.judge_check(to, payload, ice, step),
            (Class::Dtls, Ice::None) => {
                assert!(self.heard.contains(&to) || to == self.alice, "{step:?}: a handshake with {to}")
            }
            (_, Ice::Full(_)) => {
                let answered = self.answered.get(&to).map(|at| self.now.saturating_sub(*at));
                assert!(
                    answered.is_some_and(|ago| ago <= CONSENT),
                    "{step:?}: {class:?} to {to}, whose answer was {answered:?} ago"
                );
            }
            (_, Ice::Lite) => {
                assert!(self.checked.contains(&to), "{step:?}: {class:?} to {to}, which has made no check");
            }
            (_, Ice::None) => {}
        }
        if class != Class::Stun && !(class == Class::Dtls && self.kind.ice == Ice::None) {
            assert_eq!(to, self.home(class), "{step:?}: {class:?} to a stranger");
        }
    }

    /// Where Alice is for this.
    fn home(&self, class: Class) -> SocketAddr {
        let above = u16::from(self.kind.separate_rtcp && class == Class::Rtcp);
        SocketAddr::new(self.alice.ip(), self.alice.port() + above)
    }

    fn judge_check(&mut self, to: SocketAddr, payload: &[u8], ice: Ice, step: Step) {
        let Some(message) = Message::parse(payload) else { panic!("{step:?}: no STUN to {to}") };
        assert!(to == self.alice || self.checked.contains(&to), "{step:?}: {:?} to {to}", message.class);
        if message.class == stun::Class::Request {
            assert_ne!(ice, Ice::Lite, "{step:?}: who is lite asks nobody");
            self.asked.push_back((to, message.transaction));
            if self.asked.len() > MOST_REMEMBERED {
                self.asked.pop_front();
            }
        }
    }
}

/// What it takes to go on with a call does not grow with what strangers send.
pub fn check_snapshots(streams: &[StreamSnapshot]) {
    for stream in streams {
        let keys = [Some(&stream.rtp), stream.rtcp.as_ref()];
        let sources = |keys: &KeysSnapshot| {
            [&keys.receive, &keys.send].into_iter().flatten().map(|key| key.sources.len()).max().unwrap_or(0)
        };
        assert!(keys.into_iter().flatten().map(sources).all(|count| count <= MOST_SOURCES));
        assert!(stream.bundled.len() <= MOST_SOURCES);
    }
}

/// An engine is as large as it prints.
pub fn check_size(engine: &Engine, most: usize) {
    // With `#`, as a slab prints no entries otherwise.
    let printed: String = format!("{engine:#?}").split_whitespace().collect();
    assert!(printed.len() <= most, "the engine has grown to {} characters: {:.9000}", printed.len(), printed);
}

pub fn remember(list: &mut VecDeque<Vec<u8>>, datagram: Vec<u8>) {
    if list.len() == MOST_REMEMBERED {
        list.pop_front();
    }
    list.push_back(datagram);
}

/// True if the message proves to know the password of some generation.
fn knows(password: impl Fn(u32) -> String, message: &Message<'_>) -> bool {
    let attributes = message.attributes();
    (1..MOST_GENERATIONS).any(|number| message.authenticate(&attributes, password(number).as_bytes()).is_ok())
}

fn rtp_header(payload: &[u8]) -> Option<Header> {
    Header::parse(payload).filter(|_| wire::classify(payload) == Class::Rtp)
}

fn is_marked(payload: &[u8]) -> bool {
    payload.windows(MARK.len()).any(|window| window == MARK)
}

/// Is in everything strangers make up.
pub const MARK: &[u8; 4] = b"MALL";
const MOST_REMEMBERED: usize = 256;
/// Of a peer that stops answering (RFC 7675 §5.1).
const CONSENT: Duration = Duration::from_secs(30);
const MOST_GENERATIONS: u32 = 100;
const MOST_SOURCES: usize = 64;
