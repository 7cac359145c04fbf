//! The little bencode an ng client needs: writing dictionaries, and reading strings out of a flat reply.

/// Builds one bencode dictionary. Keys come out in the order given, as SIP proxies send them.
pub struct Dictionary(Vec<u8>);

impl Dictionary {
    pub fn after(cookie: &str) -> Self {
        let mut bytes = Vec::with_capacity(1536);
        bytes.extend_from_slice(cookie.as_bytes());
        bytes.extend_from_slice(b" d");
        Self(bytes)
    }

    pub fn string(mut self, key: &str, value: &str) -> Self {
        self.put(key);
        self.put(value);
        self
    }

    pub fn integer(mut self, key: &str, value: i64) -> Self {
        self.put(key);
        self.0.extend_from_slice(format!("i{value}e").as_bytes());
        self
    }

    pub fn list(mut self, key: &str, values: &[&str]) -> Self {
        self.put(key);
        self.0.push(b'l');
        for value in values {
            self.put(value);
        }
        self.0.push(b'e');
        self
    }

    pub fn finish(mut self) -> Vec<u8> {
        self.0.push(b'e');
        self.0
    }

    fn put(&mut self, text: &str) {
        self.0.extend_from_slice(text.len().to_string().as_bytes());
        self.0.push(b':');
        self.0.extend_from_slice(text.as_bytes());
    }
}

/// Finds a string value in the outermost dictionary of a reply.
pub fn string_value<'a>(dictionary: &'a [u8], key: &str) -> Option<&'a [u8]> {
    let mut rest = dictionary.strip_prefix(b"d")?;
    while rest.first() != Some(&b'e') {
        let (name, after_name) = string(rest)?;
        if name == key.as_bytes() {
            return string(after_name).map(|(value, _)| value);
        }
        rest = skip(after_name)?;
    }
    None
}

fn string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = bytes.iter().take(8).position(|&byte| byte == b':')?;
    let length: usize = std::str::from_utf8(&bytes[..colon]).ok()?.parse().ok()?;
    bytes[colon + 1..].split_at_checked(length)
}

fn skip(bytes: &[u8]) -> Option<&[u8]> {
    match bytes.first()? {
        b'i' => bytes.iter().position(|&byte| byte == b'e').map(|end| &bytes[end + 1..]),
        b'l' | b'd' => {
            let mut rest = &bytes[1..];
            while rest.first()? != &b'e' {
                rest = skip(rest)?;
            }
            Some(&rest[1..])
        }
        _ => string(bytes).map(|(_, rest)| rest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dictionary_is_written_in_the_order_given() {
        let bytes = Dictionary::after("c1").string("command", "ping").list("flags", &["a", "bc"]).finish();
        assert_eq!(bytes, b"c1 d7:command4:ping5:flagsl1:a2:bcee");
    }

    #[test]
    fn value_is_found_behind_other_values() {
        let reply = b"d4:listl1:ad1:bi3eee5:counti-7e3:sdp5:v=0\r\n6:result2:oke";
        assert_eq!(string_value(reply, "sdp"), Some(&b"v=0\r\n"[..]));
        assert_eq!(string_value(reply, "result"), Some(&b"ok"[..]));
        assert_eq!(string_value(reply, "absent"), None);
    }

    #[test]
    fn truncated_reply_has_no_value() {
        assert_eq!(string_value(b"d3:sdp50:v=0", "sdp"), None);
        assert_eq!(string_value(b"d3:sd", "sdp"), None);
    }
}
