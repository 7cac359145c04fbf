use wire::{
    stun::{Builder, Class, LONGEST, Message, NONCE, REALM},
    turn::{ALLOCATE, LIFETIME, XOR_RELAYED_ADDRESS, key},
};

use super::*;

const PORT: SocketId = SocketId(7);
const SERVER: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 200)), 3478);

#[derive(Default)]
struct Sent(Vec<Vec<u8>>);

impl Outbox for Sent {
    fn forward(&mut self, _: SocketId, _: SocketAddr, _: usize) {}

    fn send(&mut self, _: SocketId, _: SocketAddr, payload: &[u8]) {
        self.0.push(payload.to_vec());
    }
}

fn ms(time: u64) -> Moment {
    Moment::at(Duration::from_millis(time))
}

fn server() -> Server {
    Server { address: SERVER, username: "user".into(), password: "pass".into() }
}

/// One port with a relayed address.
fn granted() -> Relays {
    let (mut relays, mut sent) = (Relays::default(), Sent::default());
    relays.add(PORT, Port::of(Client::allocate(Arc::new(server()), 7, time(ms(1)))));
    relays.work(ms(1), &mut sent);
    respond(&mut relays, &mut sent, Class::Error, |builder| {
        builder.error(401, "who are you").other(REALM, b"realm").other(NONCE, b"nonce")
    });
    respond(&mut relays, &mut sent, Class::Success, |builder| {
        builder.address(XOR_RELAYED_ADDRESS, SERVER).other(LIFETIME, &600u32.to_be_bytes())
    });
    assert!(matches!(relays.state(PORT), Some(State::Granted(_))));
    relays
}

/// Answers the last request.
fn respond(relays: &mut Relays, sent: &mut Sent, class: Class, add: impl FnOnce(Builder<'_>) -> Builder<'_>) {
    let transaction =
        sent.0.last().and_then(|bytes| Message::parse_any(bytes)).map(|message| message.transaction);
    let mut buffer = [0; LONGEST];
    let builder = add(Builder::of(&mut buffer, class, ALLOCATE, transaction.unwrap_or_default()));
    let len = builder.finish(&key(b"user", b"realm", b"pass")).unwrap_or(0);
    let _ = relays.take(ms(1), PORT, &mut Packet { buffer: &mut buffer, len }, sent);
}

#[test]
fn a_port_waits_for_one_time_however_much_it_is_told() {
    let (mut relays, mut sent) = (granted(), Sent::default());
    for number in 0..1000 {
        let peer = SocketAddr::from(([203, 0, 113, 9], 1000 + number));
        relays.send(ms(2), PORT, peer, b"check", &mut sent);
        respond(&mut relays, &mut Sent::default(), Class::Success, |builder| builder);
    }
    assert_eq!(relays.due.len(), 1);
    for second in 1..400 {
        relays.work(ms(second * 1000), &mut sent);
        assert!(relays.due.len() <= 1);
    }
}

#[test]
fn a_port_that_is_given_up_waits_for_nothing() {
    let mut relays = granted();
    assert!(relays.next_due().is_some());
    relays.forget(PORT);
    assert_eq!(relays.next_due(), None);
    relays.add(PORT, Port::of(Client::allocate(Arc::new(server()), 8, time(ms(2)))));
    relays.add(PORT, Port::Without(Failure::Silent));
    assert_eq!(relays.next_due(), None);
}
