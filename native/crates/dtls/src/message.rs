//! DTLS records and handshake messages as they are on the wire (RFC 6347 §4.1, §4.2.2).

pub const ALERT: u8 = 21;
pub const HANDSHAKE: u8 = 22;
pub const CHANGE_CIPHER_SPEC: u8 = 20;

pub const CLIENT_HELLO: u8 = 1;
pub const SERVER_HELLO: u8 = 2;
pub const HELLO_VERIFY_REQUEST: u8 = 3;
pub const CERTIFICATE: u8 = 11;
pub const SERVER_KEY_EXCHANGE: u8 = 12;
pub const CERTIFICATE_REQUEST: u8 = 13;
pub const SERVER_HELLO_DONE: u8 = 14;
pub const CERTIFICATE_VERIFY: u8 = 15;
pub const CLIENT_KEY_EXCHANGE: u8 = 16;

const RECORD_HEADER: usize = 13;
const FRAGMENT_HEADER: usize = 12;
/// Pieces of one message, and its length: more than any certificate needs.
const MOST_PIECES: usize = 128;
const LONGEST: usize = 16_384;
/// Bytes of a message in one record towards OpenSSL.
const CUT: usize = 8192;

#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    pub kind: u8,
    pub version: [u8; 2],
    pub epoch: u16,
    pub body: &'a [u8],
    /// With its header.
    pub bytes: &'a [u8],
}

/// The records of a datagram, up to the first one that is none.
pub fn records(mut datagram: &[u8]) -> impl Iterator<Item = Record<'_>> {
    std::iter::from_fn(move || {
        let header = datagram.first_chunk::<RECORD_HEADER>()?;
        let length = usize::from(u16::from_be_bytes([header[11], header[12]]));
        let (bytes, rest) = datagram.split_at_checked(RECORD_HEADER + length)?;
        datagram = rest;
        Some(Record {
            kind: header[0],
            version: [header[1], header[2]],
            epoch: u16::from_be_bytes([header[3], header[4]]),
            body: &bytes[RECORD_HEADER..],
            bytes,
        })
    })
}

/// A record in the clear.
pub fn write_record(kind: u8, version: [u8; 2], number: u64, body: &[u8]) -> Box<[u8]> {
    let length = (body.len() as u16).to_be_bytes();
    [&[kind][..], &version, &number.to_be_bytes(), &length, body].concat().into()
}

/// A part of a handshake message.
#[derive(Debug, Clone, Copy)]
pub struct Fragment<'a> {
    pub kind: u8,
    pub sequence: u16,
    /// Of the whole message.
    pub length: usize,
    pub offset: usize,
    pub body: &'a [u8],
}

/// The fragments in a handshake record, up to the first one that is none.
pub fn fragments(mut body: &[u8]) -> impl Iterator<Item = Fragment<'_>> {
    std::iter::from_fn(move || {
        let (header, rest) = body.split_first_chunk::<FRAGMENT_HEADER>()?;
        let long = |at: usize| {
            usize::from(header[at]) << 16 | usize::from(header[at + 1]) << 8 | usize::from(header[at + 2])
        };
        let (length, offset) = (long(1), long(6));
        let (part, rest) = rest.split_at_checked(long(9))?;
        body = rest;
        let sequence = u16::from_be_bytes([header[4], header[5]]);
        let fits = length <= LONGEST && offset + part.len() <= length;
        fits.then_some(Fragment { kind: header[0], sequence, length, offset, body: part })
    })
}

/// A handshake message, as far as it has arrived.
#[derive(Debug)]
pub struct Message {
    pub kind: u8,
    pub sequence: u16,
    length: usize,
    pieces: Vec<(usize, Box<[u8]>)>,
    body: Option<Vec<u8>>,
    /// When it was complete, counted in fragments.
    pub completed: u64,
    /// When a part of it came last.
    pub seen: u64,
}

impl Message {
    pub fn begun_by(fragment: &Fragment<'_>, now: u64) -> Message {
        let Fragment { kind, sequence, length, .. } = *fragment;
        let mut message =
            Message { kind, sequence, length, pieces: Vec::new(), body: None, completed: 0, seen: now };
        message.take(fragment, now);
        message
    }

    /// False if the fragment is of another message, or says something else than what is known of this one.
    pub fn take(&mut self, fragment: &Fragment<'_>, now: u64) -> bool {
        let is_of_it =
            (fragment.kind, fragment.sequence, fragment.length) == (self.kind, self.sequence, self.length);
        if !is_of_it || self.contradicts(fragment) {
            return false;
        }
        self.seen = now;
        if self.body.is_some() {
            return true;
        }
        if self.pieces.len() == MOST_PIECES {
            return false;
        }
        self.pieces.push((fragment.offset, fragment.body.into()));
        self.pieces.sort_by_key(|(offset, _)| *offset);
        self.body = self.put_together();
        if self.body.is_some() {
            self.pieces.clear();
            self.completed = now;
        }
        true
    }

    /// Nothing, until all of it is there.
    pub fn body(&self) -> Option<&[u8]> {
        self.body.as_deref()
    }

    /// In one piece, with its header: what hashes and signatures are made over (RFC 6347 §4.2.6).
    pub fn whole(&self) -> Vec<u8> {
        self.part(0, self.length)
    }

    /// Its parts, as long as OpenSSL reads them.
    pub fn parts(&self) -> impl Iterator<Item = Vec<u8>> {
        let starts = (0..self.length.max(1)).step_by(CUT);
        starts.map(|start| self.part(start, (start + CUT).min(self.length)))
    }

    fn part(&self, start: usize, end: usize) -> Vec<u8> {
        let long = |length: usize| (length as u32).to_be_bytes();
        let body = self.body.as_deref().and_then(|body| body.get(start..end)).unwrap_or_default();
        [
            &[self.kind][..],
            &long(self.length)[1..],
            &self.sequence.to_be_bytes(),
            &long(start)[1..],
            &long(end - start)[1..],
            body,
        ]
        .concat()
    }

    fn contradicts(&self, fragment: &Fragment<'_>) -> bool {
        let whole = self.body.as_deref().map(|body| (0, body));
        let known = self.pieces.iter().map(|(offset, piece)| (*offset, &**piece)).chain(whole);
        known.into_iter().any(|(offset, piece)| {
            let start = offset.max(fragment.offset);
            let end = (offset + piece.len()).min(fragment.offset + fragment.body.len());
            start < end
                && piece[start - offset..end - offset]
                    != fragment.body[start - fragment.offset..end - fragment.offset]
        })
    }

    fn put_together(&self) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        for (offset, piece) in &self.pieces {
            // Overlaps are alike: contradictions were not taken.
            let known = body.len().checked_sub(*offset)?;
            body.extend_from_slice(piece.get(known..).unwrap_or_default());
        }
        (body.len() == self.length).then_some(body)
    }
}
