//! How values are spelled: the same rules as the control plane's (`src/pattern/values.ts`).

use protocol::Spelling;

/// How far a value of this kind reaches. Whether it is one, is another question.
pub fn reach(spelling: Spelling, text: &[u8]) -> usize {
    let belongs = |byte: &&u8| match spelling {
        Spelling::Word => is_word(**byte),
        Spelling::Digits | Spelling::Port | Spelling::NextPort => byte.is_ascii_digit(),
        Spelling::Address => byte.is_ascii_digit() || **byte == b'.',
    };
    text.iter().take_while(belongs).count()
}

/// Whether the value is spelled in the one way that is the value itself.
pub fn is_plain(spelling: Spelling, value: &[u8]) -> bool {
    match spelling {
        Spelling::Word => !value.is_empty() && value.iter().all(|byte| is_word(*byte)),
        Spelling::Digits => value.len() <= MOST_DIGITS && is_decimal(value),
        Spelling::Port | Spelling::NextPort => {
            value.len() <= 5 && is_decimal(value) && (1..u32::from(u16::MAX)).contains(&number(value))
        }
        Spelling::Address => is_address(value) && value.iter().any(|byte| !matches!(byte, b'0' | b'.')),
    }
}

fn is_word(byte: u8) -> bool {
    (0x21..0x7e).contains(&byte) && byte != b'"' && byte != b'\\'
}

fn is_decimal(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_digit) && (text.len() == 1 || (text.len() > 1 && text[0] != b'0'))
}

fn is_address(text: &[u8]) -> bool {
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
    }
}
