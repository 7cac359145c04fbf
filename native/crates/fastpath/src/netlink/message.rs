//! Messages and attributes.

/// A message under construction: header, fixed part, attributes.
#[derive(Debug)]
pub struct Request {
    bytes: Vec<u8>,
}

impl Request {
    /// Asks for one thing; an acknowledgement ends the answer.
    pub fn one(kind: u16, fixed: &[u8]) -> Self {
        Request::new(kind, libc::NLM_F_ACK, fixed)
    }

    pub fn dump(kind: u16, fixed: &[u8]) -> Self {
        Request::new(kind, libc::NLM_F_DUMP, fixed)
    }

    pub fn create(kind: u16, fixed: &[u8]) -> Self {
        Request::new(kind, libc::NLM_F_ACK | libc::NLM_F_CREATE | libc::NLM_F_REPLACE, fixed)
    }

    fn new(kind: u16, flags: libc::c_int, fixed: &[u8]) -> Self {
        let mut bytes = vec![0; HEADER];
        bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
        bytes[6..8].copy_from_slice(&((flags | libc::NLM_F_REQUEST) as u16).to_ne_bytes());
        bytes.extend_from_slice(fixed);
        Request { bytes }
    }

    pub fn attribute(&mut self, kind: u16, value: &[u8]) {
        let len = (4 + value.len()) as u16;
        self.bytes.extend_from_slice(&len.to_ne_bytes());
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        self.bytes.extend_from_slice(value);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }

    pub fn finished(mut self, sequence: u32) -> Vec<u8> {
        let len = self.bytes.len() as u32;
        self.bytes[..4].copy_from_slice(&len.to_ne_bytes());
        self.bytes[8..12].copy_from_slice(&sequence.to_ne_bytes());
        self.bytes
    }
}

/// The attributes at the end of a message, or nested in another one.
#[derive(Debug, Clone, Copy)]
pub struct Attributes<'a>(pub &'a [u8]);

impl<'a> Attributes<'a> {
    pub fn find(self, kind: u16) -> Option<&'a [u8]> {
        const NESTED_AND_ORDER: u16 = 0xc000;
        let mut rest = self.0;
        loop {
            let (header, _) = rest.split_first_chunk::<4>()?;
            let len = usize::from(u16::from_ne_bytes([header[0], header[1]]));
            let value = rest.get(4..len)?;
            if u16::from_ne_bytes([header[2], header[3]]) & !NESTED_AND_ORDER == kind {
                return Some(value);
            }
            rest = rest.get(len.next_multiple_of(4)..)?;
        }
    }
}

/// One message of a datagram.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    pub kind: u16,
    pub sequence: u32,
    pub body: &'a [u8],
}

/// The messages of a datagram, as far as their lengths can be believed.
pub fn messages(mut datagram: &[u8]) -> impl Iterator<Item = Message<'_>> {
    std::iter::from_fn(move || {
        let header = datagram.first_chunk::<HEADER>()?;
        let len = u32::from_ne_bytes([header[0], header[1], header[2], header[3]]) as usize;
        let body = datagram.get(HEADER..len)?;
        datagram = datagram.get(len.next_multiple_of(4)..).unwrap_or_default();
        Some(Message {
            kind: u16::from_ne_bytes([header[4], header[5]]),
            sequence: u32::from_ne_bytes([header[8], header[9], header[10], header[11]]),
            body,
        })
    })
}

const HEADER: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_found_behind_others_and_padding() {
        let mut request = Request::one(1, &[]);
        request.attribute(1, b"abc");
        request.attribute(2, b"defgh");
        let bytes = request.finished(7);
        let message = messages(&bytes).next().unwrap();
        assert_eq!((message.kind, message.sequence), (1, 7));
        assert_eq!(Attributes(message.body).find(2), Some(&b"defgh"[..]));
        assert_eq!(Attributes(message.body).find(3), None);
    }

    #[test]
    fn lengths_that_lie_end_the_reading() {
        assert_eq!(Attributes(&[0, 0, 1, 0, 9]).find(2), None);
        assert_eq!(Attributes(&[200, 0, 1, 0, 9]).find(1), None);
        assert_eq!(messages(&[255; 20]).count(), 0);
        assert_eq!(messages(&[0; 20]).count(), 0);
    }
}
