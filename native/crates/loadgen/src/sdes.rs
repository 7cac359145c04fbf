//! SRTP with SDES: all endpoints have the same key, so that those who make calls and those who send need not talk.

use anyhow::{Context as _, Result};
use base64::{Engine, engine::general_purpose::STANDARD};
use srtp::{Context, MasterKey, Options, Suite};

const KEY_BYTE: u8 = 0x55;

pub fn parse_suite(name: &str) -> Result<Suite> {
    Suite::named(name).context("no such suite")
}

/// The attribute that gives the key away.
pub fn crypto_line(tag: u32, suite: Suite) -> String {
    let key = STANDARD.encode(vec![KEY_BYTE; suite.key_length() + suite.salt_length()]);
    format!("a=crypto:{tag} {} inline:{key}\r\n", suite.name())
}

/// Tag of the attribute that offers the suite.
pub fn offered_tag(sdp: &[u8], suite: Suite) -> Option<u32> {
    let text = std::str::from_utf8(sdp).ok()?;
    text.lines().find_map(|line| {
        let (tag, rest) = line.strip_prefix("a=crypto:")?.split_once(' ')?;
        (rest.split(' ').next() == Some(suite.name())).then(|| tag.parse().ok())?
    })
}

/// Keyed state of one sender.
pub fn context(suite: Suite) -> Result<Context> {
    let (key, salt) = (vec![KEY_BYTE; suite.key_length()], vec![KEY_BYTE; suite.salt_length()]);
    Ok(Context::new(&MasterKey { suite, key, salt, mki: None }, Options::default())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_of_an_offered_suite_is_found_among_others() {
        let (weak, strong) = (Suite::AesCm128HmacSha1_80, Suite::AeadAes128Gcm);
        let sdp = format!("v=0\r\n{}{}", crypto_line(1, weak), crypto_line(2, strong));
        assert_eq!(offered_tag(sdp.as_bytes(), strong), Some(2));
        assert_eq!(offered_tag(sdp.as_bytes(), Suite::AeadAes256Gcm), None);
    }

    #[test]
    fn the_line_holds_key_and_salt() {
        let line = crypto_line(3, Suite::AesCm128HmacSha1_80);
        assert_eq!(line, format!("a=crypto:3 AES_CM_128_HMAC_SHA1_80 inline:{}\r\n", "V".repeat(40)));
    }
}
