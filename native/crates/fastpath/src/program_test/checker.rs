//! Judges frames without the code that makes them.

/// Why a frame with a UDP datagram is malformed, if it is. A wrong UDP checksum is told apart.
#[derive(Debug, PartialEq, Eq)]
pub enum Judgement {
    Good,
    WrongUdpChecksum,
    Malformed(&'static str),
}

pub fn judge(frame: &[u8]) -> Judgement {
    use Judgement::Malformed;
    let (mut protocol, mut rest) = (&frame[12..14], &frame[14..]);
    if protocol == [0x81, 0x00] {
        (protocol, rest) = (&rest[2..4], &rest[4..]);
    }
    let (pseudo, datagram) = match protocol {
        [0x08, 0x00] => {
            let (header, datagram) = rest.split_at(20);
            if header[0] != 0x45 || header[9] != 17 || header[8] == 0 {
                return Malformed("IPv4 header");
            }
            if sum(&[header]) != 0xffff {
                return Malformed("IPv4 checksum");
            }
            let total = usize::from(u16::from_be_bytes([header[2], header[3]]));
            (&header[12..20], datagram.get(..total - 20))
        }
        [0x86, 0xdd] => {
            let (header, datagram) = rest.split_at(40);
            if header[0] >> 4 != 6 || header[6] != 17 || header[7] == 0 {
                return Malformed("IPv6 header");
            }
            let len = usize::from(u16::from_be_bytes([header[4], header[5]]));
            (&header[8..40], datagram.get(..len))
        }
        _ => return Malformed("protocol"),
    };
    let Some(datagram) = datagram else { return Malformed("IP length") };
    if usize::from(u16::from_be_bytes([datagram[4], datagram[5]])) != datagram.len() {
        return Malformed("UDP length");
    }
    if datagram[6..8] == [0, 0] {
        return if protocol == [0x08, 0x00] { Judgement::Good } else { Malformed("no checksum in IPv6") };
    }
    if sum(&[pseudo, &[0, 17], &datagram[4..6], datagram]) == 0xffff {
        Judgement::Good
    } else {
        Judgement::WrongUdpChecksum
    }
}

/// RFC 1071.
fn sum(parts: &[&[u8]]) -> u16 {
    let words = parts.iter().flat_map(|part| part.chunks(2));
    let value = |word: &[u8]| u64::from(word[0]) << 8 | u64::from(word.get(1).copied().unwrap_or(0));
    let mut sum: u64 = words.map(value).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}
