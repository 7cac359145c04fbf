use super::*;

fn packet() -> Vec<u8> {
    let mut packet = vec![0xaa; 20];
    packet[..2].copy_from_slice(&[0x80, 96]);
    packet
}

fn elements(packet: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let header = Header::parse(packet).unwrap();
    header.extension_elements(packet).map(|(id, value)| (id, value.to_vec())).collect()
}

fn payload(packet: &[u8]) -> &[u8] {
    &packet[Header::parse(packet).unwrap().payload(packet.len())]
}

#[test]
fn an_element_is_added_to_a_packet_without_extension() {
    let mut packet = packet();
    assert!(add_element(&mut packet, 4, b"0"));
    assert_eq!(packet[12..20], [0xbe, 0xde, 0, 1, 0x40, b'0', 0, 0]);
    assert_eq!(payload(&packet), [0xaa; 8]);
}

#[test]
fn an_element_joins_those_that_are_there() {
    for (first, second) in [(4, 5), (20, 21)] {
        let mut packet = packet();
        assert!(add_element(&mut packet, first, b"abc"));
        assert!(add_element(&mut packet, second, b"d"));
        assert_eq!(elements(&packet), [(first, b"abc".to_vec()), (second, b"d".to_vec())]);
        assert_eq!(payload(&packet), [0xaa; 8]);
    }
}

#[test]
fn what_does_not_fit_the_form_is_left_out() {
    let mut one_byte = packet();
    assert!(add_element(&mut one_byte, 4, b"a"));
    let before = one_byte.clone();
    assert!(!add_element(&mut one_byte, 20, b"b"));
    assert!(!add_element(&mut one_byte, 5, &[0; 17]));
    assert_eq!(one_byte, before);
    let mut other = packet();
    other[0] |= 0x10;
    other[12..16].copy_from_slice(&[0x12, 0x34, 0, 0]);
    assert!(!add_element(&mut other, 4, b"a"));
    assert!(!add_element(&mut packet(), 0, b"a"));
    assert!(!add_element(&mut packet(), 4, &[0; 256]));
    assert!(!add_element(&mut vec![0x80; 11], 4, b"a"));
}

#[test]
fn hidden_elements_become_padding_and_the_others_stay() {
    for (first, second, third) in [(1, 2, 3), (20, 21, 22)] {
        let mut packet = packet();
        for (id, value) in [(first, &b"a"[..]), (second, b"bcd"), (third, b"ef")] {
            assert!(add_element(&mut packet, id, value));
        }
        let (length, header) = (packet.len(), Header::parse(&packet).unwrap());
        hide_elements(&mut packet, &header, &[second]);
        assert_eq!(elements(&packet), [(first, b"a".to_vec()), (third, b"ef".to_vec())]);
        assert_eq!((packet.len(), payload(&packet)), (length, &[0xaa; 8][..]));
    }
}

#[test]
fn a_torn_extension_is_left_as_it_is() {
    let mut packet = packet();
    packet[0] |= 0x10;
    packet[12..20].copy_from_slice(&[0xbe, 0xde, 0, 1, 0x4f, 1, 2, 3]);
    let (before, header) = (packet.clone(), Header::parse(&packet).unwrap());
    hide_elements(&mut packet, &header, &[4]);
    assert_eq!(packet, before);
}
