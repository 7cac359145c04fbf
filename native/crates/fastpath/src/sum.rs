//! Ones' complement sums of 16-bit words as they lie in memory (RFC 1071).

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sum(u64);

impl Sum {
    pub fn of(bytes: &[u8]) -> Self {
        Sum::default().add(bytes)
    }

    pub fn add(self, bytes: &[u8]) -> Self {
        let (words, rest) = bytes.as_chunks::<2>();
        let words: u64 = words.iter().map(|word| u64::from(u16::from_ne_bytes(*word))).sum();
        let last = rest.first().map_or(0, |byte| u16::from_ne_bytes([*byte, 0]));
        Sum(self.0 + words + u64::from(last))
    }

    pub fn plus(self, other: Sum) -> Self {
        Sum(self.0 + other.0)
    }

    pub fn minus(self, other: Sum) -> Self {
        Sum(self.0 + u64::from(!other.folded()))
    }

    pub fn folded(self) -> u16 {
        let mut sum = self.0;
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        sum as u16
    }
}
