use proptest::prelude::*;

use super::*;

const PASSWORD: &[u8] = b"VOkJxbRl1RmTxUk/WvJxBt";
const TRANSACTION: TransactionId = [0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae];

/// RFC 5769 §2.1.
const REQUEST: &str = "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74002400046e0001ff\
                       80290008932ff9b151263b36000600096576746a3a68367659202020000800149aeaa70cbfd8cb56781ef2b5b2d3f249\
                       c1b571a280280004e57a3bcf";
/// RFC 5769 §2.2.
const RESPONSE_IPV4: &str = "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000080001a147e112a643\
                             000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96";
/// RFC 5769 §2.3.
const RESPONSE_IPV6: &str = "010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000140002a1470113a9fa\
                             a5d3f179bc25f4b5bed2b9d900080014a382954e4be67bf11784c97c8292c275bfe3ed4180280004c8fb0b4c";

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(|digit| !digit.is_ascii_whitespace()).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn build(add: impl FnOnce(Builder<'_>) -> Builder<'_>) -> Vec<u8> {
    let mut buffer = [0; LONGEST];
    let len = add(Builder::new(&mut buffer, Class::Request, TRANSACTION)).finish(PASSWORD).unwrap();
    buffer[..len].to_vec()
}

#[test]
fn the_request_of_rfc_5769_is_read_and_authentic() {
    let datagram = bytes(REQUEST);
    let message = Message::parse(&datagram).unwrap();
    let attributes = message.attributes();
    assert_eq!((message.class, message.transaction), (Class::Request, TRANSACTION));
    assert_eq!(attributes.username, Some(b"evtj:h6vY".as_slice()));
    assert_eq!(
        (attributes.priority, attributes.controlled),
        (Some(0x6e00_01ff), Some(0x932f_f9b1_5126_3b36))
    );
    assert_eq!((attributes.controlling, attributes.use_candidate, attributes.unknown), (None, false, None));
    assert_eq!(message.authenticate(&attributes, PASSWORD), Ok(()));
    assert_eq!(message.authenticate(&attributes, b"another"), Err(NotAuthentic));
}

#[test]
fn the_responses_of_rfc_5769_tell_the_mapped_address() {
    for (hex, mapped) in
        [(RESPONSE_IPV4, "192.0.2.1:32853"), (RESPONSE_IPV6, "[2001:db8:1234:5678:11:2233:4455:6677]:32853")]
    {
        let datagram = bytes(hex);
        let message = Message::parse(&datagram).unwrap();
        let attributes = message.attributes();
        assert_eq!((message.class, attributes.mapped), (Class::Success, mapped.parse().ok()));
        assert_eq!(message.authenticate(&attributes, PASSWORD), Ok(()));
    }
}

#[test]
fn what_is_built_is_read_back() {
    let mapped = "[2001:db8::7]:4000".parse().unwrap();
    let datagram = build(|builder| {
        let builder = builder.username([b"theirs", b":", b"ours"]).priority(7).use_candidate().controlling(9);
        builder.mapped(mapped).error(487, "Role Conflict")
    });
    let message = Message::parse(&datagram).unwrap();
    let attributes = message.attributes();
    assert_eq!(attributes.username, Some(b"theirs:ours".as_slice()));
    assert_eq!(
        (attributes.priority, attributes.controlling, attributes.mapped),
        (Some(7), Some(9), Some(mapped))
    );
    assert_eq!((attributes.use_candidate, attributes.error), (true, Some(487)));
    assert_eq!(message.authenticate(&attributes, PASSWORD), Ok(()));
}

#[test]
fn what_does_not_fit_is_not_sent() {
    let mut buffer = [0; LONGEST];
    let builder = Builder::new(&mut buffer, Class::Request, TRANSACTION);
    assert_eq!(builder.username([&[b'a'; 512], b":", &[b'b'; 256]]).finish(PASSWORD), None);
}

#[test]
fn an_unknown_attribute_is_named_if_it_has_to_be_understood() {
    let (required, optional) =
        (build(|builder| builder.other(0x7001, &[1])), build(|builder| builder.other(0xc001, &[1])));
    assert_eq!(Message::parse(&required).unwrap().attributes().unknown, Some(0x7001));
    assert_eq!(Message::parse(&optional).unwrap().attributes().unknown, None);
}

#[test]
fn what_stands_behind_the_integrity_does_not_count() {
    let mut datagram = build(|builder| builder.priority(7));
    datagram.truncate(datagram.len() - 8);
    datagram.extend([0, 0x25, 0, 0]);
    datagram[3] = (datagram.len() - HEADER) as u8;
    let message = Message::parse(&datagram).unwrap();
    assert!(!message.attributes().use_candidate);
    assert_eq!(message.authenticate(&message.attributes(), PASSWORD), Ok(()));
}

#[test]
fn a_message_without_integrity_is_not_authentic() {
    let mut datagram = bytes(REQUEST)[..HEADER].to_vec();
    datagram[3] = 0;
    let message = Message::parse(&datagram).unwrap();
    assert_eq!(message.authenticate(&message.attributes(), PASSWORD), Err(NotAuthentic));
}

#[test]
fn other_methods_are_not_read() {
    let mut datagram = bytes(REQUEST)[..HEADER].to_vec();
    datagram[..4].copy_from_slice(&[0, 3, 0, 0]);
    assert_eq!(Message::parse(&datagram), None);
}

proptest! {
    #[test]
    fn no_datagram_panics(datagram in prop::collection::vec(any::<u8>(), 0..120)) {
        if let Some(message) = Message::parse(&datagram) {
            let _ = message.authenticate(&message.attributes(), PASSWORD);
        }
    }

    #[test]
    fn a_message_changed_anywhere_is_not_accepted(at in 0usize..100, change in 1u8..) {
        let mut datagram = bytes(REQUEST);
        datagram[at] ^= change;
        let accepted = Message::parse(&datagram)
            .is_some_and(|message| message.authenticate(&message.attributes(), PASSWORD).is_ok());
        prop_assert!(!accepted);
    }

    #[test]
    fn each_mapped_address_is_read_back(ip: IpAddr, port: u16, transaction: TransactionId) {
        let mut buffer = [0; LONGEST];
        let mapped = SocketAddr::new(ip, port);
        let len = Builder::new(&mut buffer, Class::Success, transaction).mapped(mapped).finish(PASSWORD).unwrap();
        let read = Message::parse(&buffer[..len]).unwrap().attributes().mapped;
        prop_assert_eq!(read, Some(mapped));
    }

    #[test]
    fn class_and_method_are_told_apart(method in 0u16..0x1000) {
        for class in [Class::Request, Class::Indication, Class::Success, Class::Error] {
            prop_assert_eq!(split(joined(class, method)), (class, method));
        }
    }
}
