//! Copies the program makes of packets whose rules ask for it, in a ring that outlives the process.

use std::fmt;

use aya::maps::{Map, MapData, MapError, RingBuf};

/// A packet that was relayed, as it arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copied<'a> {
    /// CLOCK_MONOTONIC.
    pub time_ns: u64,
    /// What its rule was given, see `Rule::copy`.
    pub token: u64,
    /// From its IP header on. The UDP checksum may be open, as senders on the same machine leave it.
    pub packet: &'a [u8],
}

/// The reading end. Whatever is not read yet stays when the process ends, and the next one goes on.
pub struct Copies {
    ring: RingBuf<MapData>,
}

impl Copies {
    pub fn new(map: Map) -> Result<Self, MapError> {
        Ok(Copies { ring: map.try_into()? })
    }

    /// Shows at most `most` copies, oldest first; each is gone once `show` returns. Returns how many there were.
    pub fn read(&mut self, most: usize, mut show: impl FnMut(Copied<'_>)) -> usize {
        let mut count = 0;
        while count < most {
            let Some(entry) = self.ring.next() else { break };
            if let Some(copied) = parse(&entry) {
                show(copied);
            }
            count += 1;
        }
        count
    }
}

impl fmt::Debug for Copies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Copies").finish_non_exhaustive()
    }
}

/// `struct relay_copy`.
fn parse(entry: &[u8]) -> Option<Copied<'_>> {
    let (time_ns, rest) = entry.split_first_chunk()?;
    let (token, rest) = rest.split_first_chunk()?;
    // The packet lies behind 8 bytes: its length, and nothing.
    let (length, rest) = rest.split_first_chunk()?;
    Some(Copied {
        time_ns: u64::from_ne_bytes(*time_ns),
        token: u64::from_ne_bytes(*token),
        packet: rest.get(4..)?.get(..u32::from_ne_bytes(*length) as usize)?,
    })
}
