//! Random courses of a whole call: Alice, who may do ICE, share one port between audio and video, and protect what she
//! sends; Bob, who has a plain phone; and a stranger, who sees every datagram and may claim any address. After each step
//! the [laws](law) are looked at.
//!
//! Each step is decided by four bytes of its own, so that a course with steps left out is a course: whoever finds one
//! that breaks a law can make it shorter.

mod actors;
mod counting;
mod law;
mod plan;
mod stranger;

use protocol::{DtlsRole, IceRole};

use actors::Course;

/// What the call is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    pub ice: Ice,
    pub security: Security,
    /// Alice has audio and video on one port.
    pub bundled: bool,
    /// She has a port of its own for RTCP.
    pub separate_rtcp: bool,
    /// RTCP towards Alice and towards Bob.
    pub rules: [Rules; 2],
}

/// What Alice's ICE is like, from our side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ice {
    None,
    Full(IceRole),
    Lite,
}

/// How Alice protects what she sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    None,
    Sdes,
    Dtls(DtlsRole),
}

/// What a peer gets in RTCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rules {
    None,
    /// No feedback, each compound begins with a report, all reports are ours.
    Avp,
    /// Key-frame requests, and reports of ours while there are no others.
    Avpf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Wait {
        ms: u64,
    },
    /// Alice and Bob speak, Alice with or without MIDs.
    Talk {
        mid: bool,
    },
    /// Both report, and ask for key frames.
    Report,
    /// Alice goes on with other sources.
    NewSources,
    /// We restart ICE; Alice may not have heard of it yet.
    RestartIce {
        alice_follows: bool,
    },
    AliceFollows,
    AliceFallsSilent,
    /// Other keys: from SDP, or by another handshake.
    Rekey,
    /// The data plane dies, and goes on with its snapshot.
    Crash,
    /// Somebody is put on hold, or taken back.
    Hold(Party),
    Ruled(Party, Rules),
    Stranger {
        mask: Mask,
        leg: Party,
        trick: Trick,
        detail: u8,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Party {
    Alice,
    Bob,
}

/// The address a stranger's datagram comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mask {
    Own,
    Alice,
    /// The host of Alice, another port.
    Neighbour,
}

/// What a stranger sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trick {
    Rtp,
    Rtcp,
    /// A check with the right password, as from whoever has read one SDP.
    Check,
    /// The same with a wrong password.
    WrongCheck,
    /// An answer to a check of ours, without the peer's password.
    Answer,
    ClientHello,
    /// A record in the clear: an alert, or something else of a handshake.
    Record,
    /// Something Alice has sent before.
    Replay,
    /// The same with a bit changed, or an end missing.
    Garbled,
    /// Two hundred checks, hellos or packets from as many ports.
    Flood,
    Noise,
}

/// Carries out the steps. Panics if a law is broken.
pub fn run(kind: Kind, steps: &[Step]) {
    let mut course = Course::new(kind);
    for step in steps {
        course.take(*step);
    }
    course.end();
}

/// The same, read from bytes.
pub fn replay(bytes: &[u8]) {
    let Some((first, rest)) = bytes.split_first_chunk::<2>() else {
        return;
    };
    let steps: Vec<Step> =
        rest.as_chunks::<4>().0.iter().take(MOST_STEPS).map(|four| Step::from(*four)).collect();
    run(Kind::from(*first), &steps);
}

impl From<[u8; 2]> for Kind {
    fn from([first, second]: [u8; 2]) -> Self {
        let ice = match first & 3 {
            0 => Ice::None,
            1 => Ice::Full(IceRole::Controlling),
            2 => Ice::Full(IceRole::Controlled),
            _ => Ice::Lite,
        };
        let security = match first >> 2 & 3 {
            0 => Security::None,
            1 => Security::Sdes,
            2 => Security::Dtls(DtlsRole::Passive),
            _ => Security::Dtls(DtlsRole::Active),
        };
        let bundled = first & 16 == 16;
        // With ICE and DTLS each port finds its peer for itself; `tests/ice.rs` and `dtls.rs` are about that.
        let is_simple = ice == Ice::None && matches!(security, Security::None | Security::Sdes);
        let separate_rtcp = first & 32 == 32 && is_simple && !bundled;
        Kind { ice, security, bundled, separate_rtcp, rules: [Rules::from(second), Rules::from(second >> 4)] }
    }
}

impl From<u8> for Rules {
    fn from(bits: u8) -> Self {
        match bits & 3 {
            0 | 3 => Rules::None,
            1 => Rules::Avp,
            _ => Rules::Avpf,
        }
    }
}

impl From<[u8; 4]> for Step {
    fn from([kind, a, b, c]: [u8; 4]) -> Self {
        let party = if a & 1 == 0 { Party::Alice } else { Party::Bob };
        match kind % 24 {
            0 => Step::Wait { ms: 1 << (a % 15) },
            1 | 2 => Step::Talk { mid: a & 1 == 1 },
            3 => Step::Report,
            4 => Step::NewSources,
            5 => Step::RestartIce { alice_follows: a & 1 == 1 },
            6 => Step::AliceFollows,
            7 => Step::AliceFallsSilent,
            8 => Step::Rekey,
            9 | 10 => Step::Crash,
            11 => Step::Hold(party),
            12 => Step::Ruled(party, Rules::from(b)),
            _ => Step::Stranger {
                leg: party,
                mask: [Mask::Own, Mask::Alice, Mask::Neighbour, Mask::Own][usize::from(a >> 1 & 3)],
                trick: TRICKS[usize::from(b) % TRICKS.len()],
                detail: c,
            },
        }
    }
}

const TRICKS: [Trick; 11] = [
    Trick::Rtp,
    Trick::Rtcp,
    Trick::Check,
    Trick::WrongCheck,
    Trick::Answer,
    Trick::ClientHello,
    Trick::Record,
    Trick::Replay,
    Trick::Garbled,
    Trick::Flood,
    Trick::Noise,
];
const MOST_STEPS: usize = 200;
