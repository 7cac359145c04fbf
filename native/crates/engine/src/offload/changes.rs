//! Tells when packets of a stream take another way, and why, for those who want to know at once.

use std::collections::VecDeque;

use protocol::{SessionId, StreamId, StreamPath};

use crate::{Engine, session::Session};

/// From now on packets of the stream take this way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathChange {
    pub session: SessionId,
    pub stream: StreamId,
    pub path: StreamPath,
}

impl Engine {
    /// Has changes kept for `poll_path_change`.
    pub fn watch_paths(&mut self) {
        self.path_changes.get_or_insert_default();
    }

    /// The next stream that has changed its way since the last call; nothing unless it is watched.
    pub fn poll_path_change(&mut self) -> Option<PathChange> {
        self.path_changes.as_mut()?.pop_front()
    }

    #[inline]
    pub(crate) fn note_paths(&mut self, key: usize) {
        if let (Some(changes), Some(session)) = (&mut self.path_changes, self.sessions.get_mut(key)) {
            note(changes, session);
        }
    }

    pub(crate) fn note_all_paths(&mut self) {
        let Some(changes) = &mut self.path_changes else { return };
        self.sessions.iter_mut().for_each(|(_, session)| note(changes, session));
    }
}

fn note(changes: &mut VecDeque<PathChange>, session: &mut Session) {
    for at in 0..session.streams.len() {
        let stream = &mut session.streams[at];
        let path = stream.path.describe();
        if stream.told_path != Some(path) {
            stream.told_path = Some(path);
            let stream = stream.id;
            changes.push_back(PathChange { session: session.session_id(), stream, path });
        }
    }
}
