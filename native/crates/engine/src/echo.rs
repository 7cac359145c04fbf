//! What comes back to its own sender.

use crate::pipeline::{Content, Passage};

impl Passage<'_> {
    /// Puts a copy of a packet, unless an altered one is there, into `scratch` as it goes back to where it came from, and
    /// says what it is then; `None` if it does not go back. An endpoint that heard its own source would take it for a loop (RFC 3550 §8.2).
    pub fn echo(&mut self, content: &Content, altered: bool, datagram: &[u8]) -> Option<Content> {
        let mut echoed = *content;
        if !altered {
            self.copy(datagram);
        }
        match &mut echoed {
            Content::Rtp { header, .. } => {
                header.ssrc = !header.ssrc;
                wire::rtp::set_ssrc(self.scratch, header.ssrc);
            }
            Content::Opaque => {}
            Content::Rtcp | Content::Handshake => return None,
        }
        Some(echoed)
    }
}
