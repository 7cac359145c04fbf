//! Decisions of the control plane that the data plane may repeat: how a request of a known kind is told from others,
//! and what it comes to, whatever the values in it.

use serde::{Deserialize, Serialize};

use crate::{LocalId, SessionPlan, StreamStats};

/// One kind of request. Requests of a kind differ in nothing but values; so do their plans, records and replies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct PatternPlan {
    /// Names it; never used again.
    pub number: u32,
    /// The pattern the session was made or changed by before. `null`: there must not be such a session.
    pub after: Option<u32>,
    /// The request, without its cookie.
    pub request: Vec<RequestPart>,
    /// All values: first those of the session so far, then those of the request.
    pub values: Vec<ValuePlan>,
    /// How many of them are the session's so far.
    pub known: u32,
    /// Where the values that do not stand in the request go, and which one names the session.
    pub places: PlacesPlan,
    /// What the session and the request add by chance: values that follow theirs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(test, ts(as = "Option<Vec<DrawPlan>>", optional))]
    pub draws: Vec<DrawPlan>,
    /// Values that must not be longer than this together.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(test, ts(as = "Option<Vec<RoomPlan>>", optional))]
    pub rooms: Vec<RoomPlan>,
    pub outcome: OutcomePlan,
}

/// Text that is drawn for each session anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum DrawPlan {
    /// As many octets, each written with two digits.
    Hex { length: u32 },
    /// As many letters and digits, each as likely as any other.
    Alphanumeric { length: u32 },
}

/// Each of these values is counted as often as it is named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct RoomPlan {
    pub at: Vec<u32>,
    pub bytes: u32,
}

/// What becomes of the session, and what the client is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum OutcomePlan {
    /// It is made or changed.
    Session {
        /// The plan of an example; `gaps` are filled in with values.
        plan: Box<SessionPlan>,
        gaps: Vec<PlanGap>,
        /// Locals the plan opens. Each adds two values: its port, and the next one.
        opened: Vec<LocalId>,
        reply: ReplyPlan,
    },
    /// It ends, if it has this revision and these statistics but for the addresses in `remotes`: the reply tells of
    /// them.
    End { revision: u64, streams: Vec<StreamStats>, remotes: Vec<RemoteGap>, reply: FormedText },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum RequestPart {
    /// Bytes, one a character.
    Text {
        text: String,
    },
    /// A value as long as its spelling reaches.
    Value {
        at: u32,
    },
    /// A value behind its length and a colon.
    MeasuredValue {
        at: u32,
    },
    /// The length of what follows up to `measuredEnd`, and a colon.
    MeasuredStart,
    MeasuredEnd,
}

/// Where values go that are not in the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct PlacesPlan {
    /// Milliseconds since the epoch.
    pub now: u32,
    pub client_address: u32,
    pub client_port: u32,
    /// The value that names the session.
    pub session: u32,
}

/// How a value is spelled, and the first value before it that it equals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ValuePlan {
    pub spelling: Spelling,
    /// Its own place: it equals none.
    pub like: u32,
    /// Of a candidate: its component, transport, what its address is (`4`, `6`, or `n` for a name) and its type, as
    /// in `1UDP4host`. Any other one is of another kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub form: Option<String>,
}

/// Values are spelled in the one way that is the value itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum Spelling {
    /// Printable ASCII without space, quotation mark, backslash and tilde.
    Word,
    /// A number nobody compares.
    Digits,
    /// IPv4, not unspecified.
    Address,
    /// 1 to 65,534; the value behind it is the next port.
    Port,
    /// The same from 10 on: browsers write 9 where they have nothing to say.
    LongPort,
    NextPort,
    /// User name of ICE, or the like.
    Credential,
    /// The same with at least 22 characters.
    Password,
    /// SHA-256 in capitals.
    Fingerprint,
    /// An SSRC, not 0.
    Source,
    /// `a=candidate` up to the type, its transport in capitals.
    Candidate,
    /// Printable ASCII without quotation mark, backslash and tilde, at most 512 of them.
    Opaque,
}

/// `texts[0] values[at[0]] texts[1] …`: one text more than values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct TextPlan {
    pub texts: Vec<String>,
    pub at: Vec<u32>,
}

/// A part of a plan that depends on values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct PlanGap {
    pub place: PlanPlace,
    pub text: TextPlan,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum PlanPlace {
    Session,
    Memo,
    /// Port of a local, by their places in the lists.
    LocalPort {
        stream: u32,
        local: u32,
    },
    Remote {
        stream: u32,
        which: RemoteKind,
        component: crate::Component,
    },
    /// One of the peer's sources in a bundle.
    Source {
        stream: u32,
        at: u32,
    },
    /// One of the peer's for DTLS.
    Fingerprint {
        stream: u32,
        at: u32,
    },
    Credential {
        stream: u32,
        which: CredentialKind,
    },
    /// One of the peer's.
    Candidate {
        stream: u32,
        at: u32,
    },
}

/// Of ICE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum CredentialKind {
    LocalUfrag,
    LocalPwd,
    RemoteUfrag,
    RemotePwd,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum RemoteKind {
    Remote,
    Pending,
}

/// The answer to the client, behind the cookie and a space: `before`, length of the body, colon, body, `after`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ReplyPlan {
    pub before: String,
    pub body: TextPlan,
    pub after: String,
}

/// The address in statistics that a value, or more of them, make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct RemoteGap {
    /// By its place in the list.
    pub stream: u32,
    pub component: crate::Component,
    pub text: TextPlan,
}

/// A text of bytes, one a character, in which values stand in several forms: one text more than values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct FormedText {
    pub texts: Vec<String>,
    pub at: Vec<FormedValue>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct FormedValue {
    pub at: u32,
    pub form: ValueForm,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum ValueForm {
    /// As it is.
    Plain,
    /// Behind its length and a colon.
    Measured,
    /// Milliseconds as whole seconds.
    Seconds,
    /// Milliseconds as microseconds.
    Microseconds,
    /// What milliseconds are beyond whole seconds, as microseconds.
    MicrosecondsBeyond,
}

/// What was answered by patterns, and what was passed on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct RepeatCounters {
    /// Patterns that are known.
    pub patterns: u64,
    /// Requests answered by a pattern.
    pub answered: u64,
    /// Requests answered with an earlier reply.
    pub repeated: u64,
    /// Requests passed on to the control plane.
    pub passed_on: u64,
}
