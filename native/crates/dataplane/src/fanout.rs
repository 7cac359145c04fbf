//! Which shards a request goes to, and one response out of theirs. Pure.

use std::hash::{DefaultHasher, Hash, Hasher};

use engine::{Account, offload::PathCounts};
use protocol::{
    ErrorCode, NodeCounters, Request, Response, SessionId, SessionPlan, SessionSnapshot, SessionStats,
};

use crate::shard::{ShardRequest, ShardResponse};

/// The shard of a session: always the same one, so that requests for a session stay in order.
pub fn shard_of(session: &SessionId, shards: usize) -> usize {
    if shards == 1 {
        return 0;
    }
    let mut hasher = DefaultHasher::new();
    session.hash(&mut hasher);
    (hasher.finish() % shards as u64) as usize
}

/// Splits a request into those for shards; `None` if it is none of theirs.
pub fn split(request: Request, shards: usize) -> Option<Vec<(usize, ShardRequest)>> {
    let all = |request: ShardRequest| (0..shards).map(|shard| (shard, request.clone())).collect();
    Some(match request {
        Request::Apply { plan } => {
            vec![(shard_of(&plan.session, shards), ShardRequest::Apply { plan })]
        }
        Request::Release { session } => {
            vec![(shard_of(&session, shards), ShardRequest::Release { session })]
        }
        // One more than asked for tells whether there is another page.
        Request::List { after, limit } => all(ShardRequest::Plans { after, limit: page(limit) + 1 }),
        Request::Snapshot { after, limit } => all(ShardRequest::Snapshot { after, limit: page(limit) + 1 }),
        Request::Stats { sessions } => {
            let mut by_shard = vec![Vec::new(); shards];
            for session in sessions {
                by_shard[shard_of(&session, shards)].push(session);
            }
            by_shard.into_iter().map(|sessions| ShardRequest::Stats { sessions }).enumerate().collect()
        }
        Request::Status => all(ShardRequest::Counters),
        Request::Hello { .. }
        | Request::Configure { .. }
        | Request::RenewCertificate { .. }
        | Request::Learn { .. }
        | Request::Forget
        | Request::Seen
        | Request::Send { .. } => return None,
    })
}

/// What is to be made of the shards' responses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Merge {
    Single,
    Page { limit: usize },
    Stats,
    SnapshotPage { limit: usize },
    Status,
}

impl Merge {
    pub fn of(request: &Request) -> Self {
        match request {
            Request::List { limit, .. } => Self::Page { limit: page(*limit) },
            Request::Stats { .. } => Self::Stats,
            Request::Snapshot { limit, .. } => Self::SnapshotPage { limit: page(*limit) },
            Request::Status => Self::Status,
            Request::Hello { .. }
            | Request::Configure { .. }
            | Request::RenewCertificate { .. }
            | Request::Learn { .. }
            | Request::Forget
            | Request::Seen
            | Request::Send { .. }
            | Request::Apply { .. }
            | Request::Release { .. } => Self::Single,
        }
    }
}

/// What all shards have counted.
#[derive(Debug, Default)]
pub struct Totals {
    pub counters: NodeCounters,
    pub paths: PathCounts,
    pub traffic: Vec<Account>,
}

/// Makes one response out of those of all shards; `status` completes the counters.
pub fn merge(
    kind: Merge,
    parts: Vec<ShardResponse>,
    status: impl FnOnce(Totals) -> Response,
) -> Result<Response, ErrorCode> {
    let mut plans: Vec<SessionPlan> = Vec::new();
    let mut stats: Vec<SessionStats> = Vec::new();
    let mut snapshots: Vec<SessionSnapshot> = Vec::new();
    let mut totals = Totals::default();
    for part in parts {
        match part {
            ShardResponse::Applied { bound } => return Ok(Response::Applied { bound }),
            ShardResponse::Released { stats } => return Ok(Response::Released { stats }),
            ShardResponse::Refused { error } => return Err(error),
            ShardResponse::Plans { plans: more } => plans.extend(more),
            ShardResponse::Stats { sessions } => stats.extend(sessions),
            ShardResponse::Snapshot { sessions } => snapshots.extend(sessions),
            ShardResponse::Counters { counters, paths, traffic } => {
                add(&mut totals.counters, counters);
                totals.paths.add(&paths);
                add_traffic(&mut totals.traffic, traffic);
            }
        }
    }
    Ok(match kind {
        Merge::Page { limit } => first_page(plans, limit),
        Merge::Stats => Response::Stats { sessions: stats },
        Merge::SnapshotPage { limit } => {
            snapshots.sort_by(|a, b| a.session.cmp(&b.session));
            let more = snapshots.len() > limit;
            snapshots.truncate(limit);
            Response::Snapshot { sessions: snapshots, more }
        }
        Merge::Status | Merge::Single => status(totals),
    })
}

fn first_page(mut plans: Vec<SessionPlan>, limit: usize) -> Response {
    plans.sort_by(|a, b| a.session.cmp(&b.session));
    let mut bytes = 0;
    let fitting = plans.iter().take(limit).take_while(|plan| {
        bytes += weight(plan);
        bytes <= PAGE_BYTES
    });
    // At least one, or the listing would never end; a single plan is far below the frame's limit.
    let count = fitting.count().max(1);
    let more = plans.len() > count;
    plans.truncate(count);
    Response::Sessions { plans, more }
}

/// About how long a plan's JSON is; rather too much.
fn weight(plan: &SessionPlan) -> usize {
    // A memo is JSON itself, so quotes in it are escaped.
    1024 + 2 * plan.memo.len() + 1024 * plan.streams.len() + 128 * plan.routes.len()
}

fn add(sum: &mut NodeCounters, more: NodeCounters) {
    sum.received_packets += more.received_packets;
    sum.received_bytes += more.received_bytes;
    sum.sent_packets += more.sent_packets;
    sum.sent_bytes += more.sent_bytes;
    sum.dropped_packets += more.dropped_packets;
    sum.send_failures += more.send_failures;
    sum.fast_path_packets += more.fast_path_packets;
    sum.fast_path_bytes += more.fast_path_bytes;
    sum.suspect.add(&more.suspect);
}

fn add_traffic(sum: &mut Vec<Account>, more: Vec<Account>) {
    for account in more {
        let known =
            sum.iter_mut().find(|one| one.interface == account.interface && one.address == account.address);
        let Some(known) = known else {
            sum.push(account);
            continue;
        };
        known.traffic.received_packets += account.traffic.received_packets;
        known.traffic.received_bytes += account.traffic.received_bytes;
        known.traffic.received_errors += account.traffic.received_errors;
        known.traffic.sent_packets += account.traffic.sent_packets;
        known.traffic.sent_bytes += account.traffic.sent_bytes;
    }
}

fn page(limit: u32) -> usize {
    limit.clamp(1, 256) as usize
}

/// A page takes a shard a few milliseconds, in which packets wait; more pages are better than larger ones.
const PAGE_BYTES: usize = 512 * 1024;
