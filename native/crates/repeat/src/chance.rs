//! What is drawn for each session anew: the same words as the control plane's (`src/negotiation/draws.ts`).

use protocol::DrawPlan;

use crate::{Refused, values::Values};

/// Fills a block with octets that nobody can tell in advance; says whether it could.
pub type Chance<'a> = &'a mut dyn FnMut(&mut [u8]) -> bool;

/// Refuses what would never be drawn.
pub fn check(draws: &[DrawPlan]) -> Result<(), Refused> {
    let is_sound = |draw: &DrawPlan| {
        (1..=MOST).contains(&match *draw {
            DrawPlan::Hex { length } | DrawPlan::Alphanumeric { length } => length,
        })
    };
    if draws.iter().all(is_sound) { Ok(()) } else { Err(Refused("so much is not drawn")) }
}

/// Adds a value for each; `None` if nothing can be drawn.
pub fn draw(draws: &[DrawPlan], values: &mut Values, chance: Chance<'_>) -> Option<()> {
    let mut pool = Pool { chance, block: [0; BLOCK], at: BLOCK };
    for draw in draws {
        let text: String = match *draw {
            DrawPlan::Hex { length } => (0..length)
                .map(|_| pool.octet().map(|octet| format!("{octet:02x}")))
                .collect::<Option<_>>()?,
            DrawPlan::Alphanumeric { length } => {
                (0..length).map(|_| pool.character()).collect::<Option<_>>()?
            }
        };
        values.push(&text);
    }
    Some(())
}

struct Pool<'a> {
    chance: Chance<'a>,
    block: [u8; BLOCK],
    at: usize,
}

impl Pool<'_> {
    fn octet(&mut self) -> Option<u8> {
        if self.at == BLOCK {
            if !(self.chance)(&mut self.block) {
                return None;
            }
            self.at = 0;
        }
        self.at += 1;
        Some(self.block[self.at - 1])
    }

    /// Each as likely as any other.
    fn character(&mut self) -> Option<char> {
        loop {
            let six = usize::from(self.octet()? & 0x3f);
            if let Some(character) = ALPHANUMERIC.get(six) {
                return Some(char::from(*character));
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
            true
        };
        let mut values = Values::default();
        draw(&[DrawPlan::Hex { length: 3 }, DrawPlan::Alphanumeric { length: 62 }], &mut values, &mut chance)
            .unwrap();
        assert_eq!(values.get(0), Some("000102"));
        let rest = "DEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789ABC";
        assert_eq!(values.get(1), Some(rest));
        assert!(draw(&[DrawPlan::Hex { length: 1 }], &mut values, &mut |_| false).is_none());
        assert!(check(&[DrawPlan::Hex { length: 256 }]).is_err());
        assert!(check(&[DrawPlan::Alphanumeric { length: 0 }]).is_err());
    }
}
