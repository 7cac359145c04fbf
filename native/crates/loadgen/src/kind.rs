//! Calls that differ in more than addresses, ports and names: other phones, codecs and flags.

use std::net::Ipv4Addr;

/// Everything by which calls of one kind differ from those of others.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    draws: u64,
}

struct Codec {
    payload_type: u8,
    rtpmap: &'static str,
    fmtp: Option<&'static str>,
}

impl Kind {
    /// The kind of this number; kinds of different numbers are hardly ever the same.
    pub fn new(number: u64) -> Self {
        // SplitMix64: neighbouring numbers have nothing in common.
        let mut draws = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        draws = (draws ^ (draws >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        draws = (draws ^ (draws >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Self { draws: draws ^ (draws >> 31) }
    }

    pub fn offer(self, address: Ipv4Addr, port: u16, session: u64) -> String {
        let mut codecs: Vec<&Codec> = CODECS.iter().collect();
        for last in (1..codecs.len()).rev() {
            codecs.swap(last, (self.draws >> (4 * last)) as usize % (last + 1));
        }
        codecs.truncate(2 + (self.draws >> 40) as usize % (CODECS.len() - 1));
        self.body(&codecs, address, port, session)
    }

    /// Takes two codecs that every offer may have; proxies do not mind if this one had not.
    pub fn answer(self, address: Ipv4Addr, port: u16, session: u64) -> String {
        let first = (self.draws >> 44) as usize % CODECS.len();
        Self { draws: self.draws.rotate_left(17) }.body(&[&CODECS[first]], address, port, session)
    }

    /// Whether its calls say this of themselves, for up to 64 different things.
    pub fn says(self, thing: u32) -> bool {
        self.draws.rotate_right(thing) & 1 == 1
    }

    fn body(self, codecs: &[&Codec], address: Ipv4Addr, port: u16, session: u64) -> String {
        let (user, name) = PHONES[(self.draws >> 48) as usize % PHONES.len()];
        let mut text = format!("v=0\r\no={user} {session} 1 IN IP4 {address}\r\ns={name}\r\n");
        let mut line = |says: bool, line: &str| {
            if says {
                text.push_str(line);
                text.push_str("\r\n");
            }
        };
        line(self.says(50), "b=AS:84");
        line(true, &format!("c=IN IP4 {address}"));
        line(true, "t=0 0");
        line(self.says(51), "a=X-nat:0");
        let types: String = codecs.iter().map(|codec| format!(" {}", codec.payload_type)).collect();
        line(true, &format!("m=audio {port} RTP/AVP{types} 101"));
        line(self.says(52), &format!("a=rtcp:{}", port + 1));
        for codec in codecs {
            line(true, &format!("a=rtpmap:{} {}", codec.payload_type, codec.rtpmap));
            if let Some(fmtp) = codec.fmtp {
                line(true, &format!("a=fmtp:{} {fmtp}", codec.payload_type));
            }
        }
        line(true, "a=rtpmap:101 telephone-event/8000");
        line(self.says(53), "a=fmtp:101 0-16");
        line(!self.says(53), "a=fmtp:101 0-15");
        line(self.says(54), "a=silenceSupp:off - - - -");
        line(self.says(55), "a=ptime:20");
        line(self.says(56), "a=maxptime:150");
        line(self.says(57), "a=sendrecv");
        text
    }
}

const CODECS: [Codec; 7] = [
    Codec { payload_type: 0, rtpmap: "PCMU/8000", fmtp: None },
    Codec { payload_type: 8, rtpmap: "PCMA/8000", fmtp: None },
    Codec { payload_type: 9, rtpmap: "G722/8000", fmtp: None },
    Codec { payload_type: 18, rtpmap: "G729/8000", fmtp: Some("annexb=no") },
    Codec { payload_type: 3, rtpmap: "GSM/8000", fmtp: None },
    Codec { payload_type: 97, rtpmap: "iLBC/8000", fmtp: Some("mode=30") },
    Codec { payload_type: 96, rtpmap: "opus/48000/2", fmtp: Some("useinbandfec=1;minptime=10") },
];

/// User name in `o=` and session name, as phones and gateways write them.
const PHONES: [(&str, &str); 8] = [
    ("-", "-"),
    ("-", "call"),
    ("root", "Asterisk PBX"),
    ("FreeSWITCH", "FreeSWITCH"),
    ("user1", "talk"),
    ("Z", "Z"),
    ("CiscoSystemsCCM-SIP", "SIP Call"),
    ("sip", "SIP Media Capabilities"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn kinds_differ_in_more_than_values() {
        let offers: BTreeSet<String> =
            (0..1000).map(|number| Kind::new(number).offer(Ipv4Addr::LOCALHOST, 4000, 1)).collect();
        assert!(offers.len() > 990, "{} kinds", offers.len());
    }

    #[test]
    fn calls_of_one_kind_differ_in_values_only() {
        let of = |port| Kind::new(7).offer(Ipv4Addr::LOCALHOST, port, 1);
        assert_eq!(of(4000), of(5000).replace("5000", "4000").replace("5001", "4001"));
    }
}
