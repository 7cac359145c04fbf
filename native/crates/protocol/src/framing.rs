//! Frames: a `u32` length in network byte order, then that many bytes of UTF-8 JSON.

use serde::{Serialize, de::DeserializeOwned};

/// A longer frame closes the connection: after it nothing on the stream can be trusted.
pub const MAX_FRAME: usize = 4 * 1024 * 1024;

#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    #[error("frame of {0} bytes exceeds {MAX_FRAME}")]
    TooLong(usize),
    #[error("frame is not the expected JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// Appends one frame to `out`.
pub fn encode<T: Serialize>(message: &T, out: &mut Vec<u8>) -> Result<(), FrameError> {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    serde_json::to_writer(&mut *out, message)?;
    let length = out.len() - start - 4;
    if length > MAX_FRAME {
        out.truncate(start);
        return Err(FrameError::TooLong(length));
    }
    out[start..start + 4].copy_from_slice(&(length as u32).to_be_bytes());
    Ok(())
}

/// Reassembles frames from a byte stream.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: Vec<u8>,
    start: usize,
}

impl Decoder {
    /// Takes in what was read.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// Returns the next whole frame's content, `None` if it has not arrived completely.
    pub fn next_frame(&mut self) -> Result<Option<&[u8]>, FrameError> {
        let pending = &self.buffer[self.start..];
        let Some((header, rest)) = pending.split_first_chunk::<4>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes(*header) as usize;
        if length > MAX_FRAME {
            return Err(FrameError::TooLong(length));
        }
        if rest.len() < length {
            return Ok(None);
        }
        let begin = self.start + 4;
        self.start = begin + length;
        Ok(Some(&self.buffer[begin..begin + length]))
    }

    /// Returns the next message, `None` if it has not arrived completely.
    pub fn next_message<T: DeserializeOwned>(&mut self) -> Result<Option<T>, FrameError> {
        match self.next_frame()? {
            Some(frame) => Ok(Some(serde_json::from_slice(frame)?)),
            None => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_frame_that_arrives_byte_by_byte_is_whole_in_the_end() {
        let mut wire = Vec::new();
        encode(&"hello", &mut wire).unwrap();
        let mut decoder = Decoder::default();
        let (last, first) = wire.split_last().unwrap();
        for byte in first {
            decoder.push(&[*byte]);
            assert!(decoder.next_frame().unwrap().is_none());
        }
        decoder.push(&[*last]);
        assert_eq!(decoder.next_message::<String>().unwrap().as_deref(), Some("hello"));
    }

    #[test]
    fn a_frame_beyond_the_limit_is_an_error() {
        let mut decoder = Decoder::default();
        decoder.push(&(MAX_FRAME as u32 + 1).to_be_bytes());
        assert!(matches!(decoder.next_frame(), Err(FrameError::TooLong(_))));
    }

    proptest! {
        #[test]
        fn frames_survive_any_segmentation(
            messages in prop::collection::vec(".{0,80}", 1..8),
            cut in 1usize..40,
        ) {
            let mut wire = Vec::new();
            for message in &messages {
                encode(message, &mut wire).unwrap();
            }
            let mut decoder = Decoder::default();
            let mut seen = Vec::new();
            for segment in wire.chunks(cut) {
                decoder.push(segment);
                while let Some(message) = decoder.next_message::<String>().unwrap() {
                    seen.push(message);
                }
            }
            prop_assert_eq!(seen, messages);
        }

        #[test]
        fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut decoder = Decoder::default();
            decoder.push(&bytes);
            let _ = decoder.next_message::<crate::ToDataPlane>();
        }
    }
}
