//! The sound of nothing.

use crate::payloads::Class;

/// Replaces a payload by the codec's silence. False if we know none.
pub fn fill(class: Class, payload: &mut [u8]) -> bool {
    let Some(octet) = octet(class) else {
        return false;
    };
    payload.fill(octet);
    true
}

/// What silence of a codec consists of, an octet for each tick of its clock.
pub fn octet(class: Class) -> Option<u8> {
    match class {
        Class::Pcmu => Some(0xff),
        Class::Pcma => Some(0xd5),
        Class::G722 => Some(G722),
        Class::TelephoneEvent | Class::ComfortNoise | Class::Redundancy | Class::Other => None,
    }
}

/// The smallest step in both bands: decodes to zero, and leaves a sounding decoder within some milliseconds.
const G722: u8 = 0xfd;
