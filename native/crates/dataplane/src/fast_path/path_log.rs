//! Logs which way packets of a stream take, at the moment it changes.

use engine::offload::PathChange;
use protocol::StreamPath;

pub fn log(PathChange { session, stream, path }: &PathChange) {
    let (path, reason) = match path {
        StreamPath::FastPath => ("kernel", None),
        StreamPath::Userspace { reason } => ("userspace", serde_json::to_value(reason).ok()),
    };
    let reason = reason.as_ref().and_then(serde_json::Value::as_str);
    tracing::debug!(call = session.0, stream = stream.0, path, reason, "path of a stream");
}
