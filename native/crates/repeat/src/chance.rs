//! What is drawn for each session anew: the same words as the control plane's (`src/negotiation/draws.ts`).

use protocol::DrawPlan;

use crate::{Refused, values::Values};

/// Fills a block with octets that nobody can tell in advance.
pub type Chance<'a> = &'a mut dyn FnMut(&mut [u8]);

/// Refuses what would never be drawn.
pub fn check(draws: &[DrawPlan]) -> Result<(), Refused> {
    let is_sound = |draw: &DrawPlan| {
        (1..=MOST).contains(&match *draw {
            DrawPlan::Hex { length } | DrawPlan::Alphanumeric { length } => length,
        })
    };
    if draws.iter().all(is_sound) { Ok(()) } else { Err(Refused("so much is not drawn")) }
}

/// Adds a value for each.
pub fn draw(draws: &[DrawPlan], values: &mut Values, chance: Chance<'_>) {
    let mut pool = Pool { chance, block: [0; BLOCK], at: BLOCK };
    for draw in draws {
        let text: String = match *draw {
            DrawPlan::Hex { length } => (0..length).map(|_| format!("{:02x}", pool.octet())).collect(),
            DrawPlan::Alphanumeric { length } => (0..length).map(|_| pool.character()).collect(),
        };
        values.push(&text);
    }
}

struct Pool<'a> {
    chance: Chance<'a>,
    block: [u8; BLOCK],
    at: usize,
}

impl Pool<'_> {
    fn octet(&mut self) -> u8 {
        if self.at == BLOCK {
            (self.chance)(&mut self.block);
            self.at = 0;
        }
        self.at += 1;
        self.block[self.at - 1]
    }

    /// Each as likely as any other.
    fn character(&mut self) -> char {
        loop {
            let six = usize::from(self.octet() & 0x3f);
            if let Some(character) = ALPHANUMERIC.get(six) {
                return char::from(*character);
            }
        }
    }
}

const ALPHANUMERIC: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const BLOCK: usize = 128;
/// More than any credential has.
const MOST: u32 = 255;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_are_all_octets_in_turn_and_only_letters_and_digits() {
        let mut next = 0_u8;
        let mut chance = |block: &mut [u8]| {
            for octet in block {
                (*octet, next) = (next, next.wrapping_add(1));
            }
        };
        let mut values = Values::default();
        draw(&[DrawPlan::Hex { length: 3 }, DrawPlan::Alphanumeric { length: 62 }], &mut values, &mut chance);
        assert_eq!(values.get(0), Some("000102"));
        let rest = "DEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789ABC";
        assert_eq!(values.get(1), Some(rest));
        assert!(check(&[DrawPlan::Hex { length: 256 }]).is_err());
        assert!(check(&[DrawPlan::Alphanumeric { length: 0 }]).is_err());
    }
}
