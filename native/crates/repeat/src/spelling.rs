//! How values are spelled: the same rules as the control plane's (`src/pattern/values.ts`).

use protocol::Spelling;

use crate::candidate;

/// How far a value of this kind reaches. Whether it is one, is another question.
pub fn reach(spelling: Spelling, text: &[u8]) -> usize {
    match spelling {
        Spelling::Word => reach_of(text, is_word),
        Spelling::Opaque => reach_of(text, is_opaque),
        Spelling::Digits | Spelling::Port | Spelling::LongPort | Spelling::NextPort | Spelling::Source => {
            reach_of(text, |byte| byte.is_ascii_digit())
        }
        Spelling::Address => reach_of(text, |byte| byte.is_ascii_digit() || byte == b'.'),
        Spelling::Credential | Spelling::Password => reach_of(text, is_of_credential),
        Spelling::Fingerprint => reach_of(text, |byte| byte == b':' || is_capital_hex(byte)),
        Spelling::Candidate => candidate::reach(text),
    }
}

fn reach_of(text: &[u8], belongs: impl Fn(u8) -> bool) -> usize {
    text.iter().take_while(|byte| belongs(**byte)).count()
}

/// Whether the value is spelled in the one way that is the value itself.
pub fn is_plain(spelling: Spelling, value: &[u8]) -> bool {
    match spelling {
        Spelling::Word => !value.is_empty() && value.iter().all(|byte| is_word(*byte)),
        Spelling::Digits => value.len() <= MOST_DIGITS && is_decimal(value),
        Spelling::Port | Spelling::NextPort => {
            value.len() <= 5 && is_decimal(value) && (1..u32::from(u16::MAX)).contains(&number(value))
        }
        Spelling::LongPort => value.len() > 1 && is_plain(Spelling::Port, value),
        Spelling::Address => is_address(value) && value.iter().any(|byte| !matches!(byte, b'0' | b'.')),
        Spelling::Credential => is_credential(value, LEAST_CREDENTIAL),
        Spelling::Password => is_credential(value, LEAST_PASSWORD),
        Spelling::Fingerprint => is_fingerprint(value),
        Spelling::Source => is_decimal_up_to(u32::MAX.into(), value) && value != b"0",
        Spelling::Candidate => !value.is_empty() && candidate::reach(value) == value.len(),
        Spelling::Opaque => {
            (1..=MOST_OPAQUE).contains(&value.len()) && value.iter().all(|byte| is_opaque(*byte))
        }
    }
}

/// Printable ASCII that JSON and records write as it is.
fn is_opaque(byte: u8) -> bool {
    (0x20..0x7e).contains(&byte) && byte != b'"' && byte != b'\\'
}

pub fn is_word(byte: u8) -> bool {
    byte != b' ' && is_opaque(byte)
}

/// RFC 8839 §5.4.
fn is_credential(value: &[u8], least: usize) -> bool {
    (least..=MOST_CREDENTIAL).contains(&value.len()) && value.iter().all(|byte| is_of_credential(*byte))
}

fn is_of_credential(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'_' | b'-')
}

fn is_fingerprint(value: &[u8]) -> bool {
    value.len() == SHA_256
        && value.iter().enumerate().all(|(at, byte)| match at % 3 {
            2 => *byte == b':',
            _ => is_capital_hex(*byte),
        })
}

fn is_capital_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'A'..=b'F')
}

pub fn is_decimal_up_to(most: u64, text: &[u8]) -> bool {
    text.len() <= 10
        && is_decimal(text)
        && text.iter().fold(0, |number, digit| 10 * number + u64::from(digit - b'0')) <= most
}

fn is_decimal(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_digit) && (text.len() == 1 || (text.len() > 1 && text[0] != b'0'))
}

pub fn is_address(text: &[u8]) -> bool {
    let mut parts = 0;
    let is_each = text.split(|byte| *byte == b'.').all(|part| {
        parts += 1;
        part.len() <= 3 && is_decimal(part) && number(part) <= 255
    });
    is_each && parts == 4
}

/// Of at most five digits.
fn number(digits: &[u8]) -> u32 {
    digits.iter().fold(0, |number, digit| 10 * number + u32::from(digit - b'0'))
}

const MOST_DIGITS: usize = 40;
const LEAST_CREDENTIAL: usize = 4;
const LEAST_PASSWORD: usize = 22;
const MOST_CREDENTIAL: usize = 255;
const MOST_OPAQUE: usize = 512;
const SHA_256: usize = 32 * 3 - 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_plain_in_one_spelling_only() {
        for (spelling, plain, others) in [
            (
                Spelling::Word,
                &["a", "Call-1@host", "{}"][..],
                &["", "a b", "a\"", "a\\", "~", "\u{e9}", "\0"][..],
            ),
            (Spelling::Digits, &["0", "7", "16104707470747"], &["", "07", "1a", "-1", "+1"]),
            (Spelling::Port, &["1", "9", "65534"], &["", "0", "65535", "65536", "99999", "00009", "100000"]),
            (
                Spelling::Address,
                &["192.0.2.1", "255.255.255.255", "0.0.0.1"],
                &[
                    "",
                    "0.0.0.0",
                    "192.0.2",
                    "192.0.2.1.1",
                    "192.0.2.256",
                    "192.0.02.1",
                    "192.0.2.",
                    "1.2.3.4 ",
                ],
            ),
            (Spelling::LongPort, &["10", "65534"], &["", "9", "0", "010", "65535"]),
            (Spelling::Credential, &["ab+/", "a=_-"], &["", "abc", "abc.", "ab d"]),
            (Spelling::Password, &["abcdefghijklmnopqrstuv"], &["abcdefghijklmnopqrstu", "", "abcd"]),
            (Spelling::Source, &["1", "4294967295"], &["", "0", "01", "4294967296", "99999999999"]),
            (Spelling::Opaque, &["a b", " x ", "{}"], &["", "a\"", "a\\", "~", "a\r", "\u{e9}"]),
        ] {
            for value in plain {
                assert!(is_plain(spelling, value.as_bytes()), "{value}");
                assert_eq!(reach(spelling, value.as_bytes()), value.len());
            }
            for value in others {
                assert!(!is_plain(spelling, value.as_bytes()), "{value}");
            }
        }
        assert!(!is_plain(Spelling::Digits, "1".repeat(41).as_bytes()));
        assert!(!is_plain(Spelling::Credential, "a".repeat(256).as_bytes()));
        assert!(!is_plain(Spelling::Opaque, "a".repeat(513).as_bytes()));
        let fingerprint = ["0A"; 32].join(":");
        assert!(is_plain(Spelling::Fingerprint, fingerprint.as_bytes()));
        assert_eq!(reach(Spelling::Fingerprint, format!("{fingerprint}\r").as_bytes()), 95);
        for other in
            [&fingerprint[1..], &fingerprint[3..], &fingerprint.to_lowercase(), &["0:0"; 24].join(":")]
        {
            assert!(!is_plain(Spelling::Fingerprint, other.as_bytes()), "{other}");
        }
    }
}
