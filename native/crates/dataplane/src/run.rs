//! Puts the process together and runs it.

use std::{
    io, process,
    sync::{Arc, mpsc},
    thread,
};

use anyhow::Context;
use netio::{
    PacketIo,
    mmsg::MmsgIo,
    probe::{self, Backend, Preference},
    process::inherited,
    signals::{Signal, Signals},
    uring::UringIo,
    wake::Waker,
};
use protocol::DataPath;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::{
    clients::Clients,
    control::{Control, Peer},
    fast_path::Instance,
    listener::Listener,
    options::{IoChoice, Options},
    shard::Shard,
    shared::Shared,
    worker::{First, Other},
};

/// Why the process ends other than by a signal.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// What was asked for cannot be done here.
    #[error(transparent)]
    Setting(anyhow::Error),
    #[error(transparent)]
    Running(#[from] anyhow::Error),
}

/// Runs until a signal asks to end.
pub fn run(options: &Options) -> Result<(), Failure> {
    // First of all, while the numbers can be nobody else's.
    let sockets = options.control_fd.iter().map(|fd| inherited(*fd)).collect::<Result<_, _>>();
    let sockets = sockets.context("cannot use a control socket").map_err(Failure::Setting)?;
    let signals = Signals::open(&[Signal::TERM, Signal::INT]).context("cannot receive signals")?;
    let listener = Listener::open(&options.socket).map_err(Failure::Setting)?;
    let open_files = raise_open_files();
    let selection = probe::select(match options.relay.io {
        IoChoice::Auto => Preference::Auto,
        IoChoice::Uring => Preference::Uring,
        IoChoice::Mmsg => Preference::Mmsg,
    })
    .context("io_uring does not work here")
    .map_err(Failure::Setting)?;
    let name = match selection.backend {
        Backend::Uring => "io_uring",
        Backend::Mmsg => "mmsg",
    };
    let data_path = DataPath { name: name.to_owned(), reason: selection.reason };
    let doors = Doors { listener, clients: Clients::new(sockets), signals };
    let shards = options.relay.shards.map_or_else(default_shards, usize::from);
    tracing::info!(shards, io = data_path.name, reason = data_path.reason, "data plane started");

    let shared = Arc::new(Shared::new(
        seed()?,
        format!("{:016x}", seed()?[0]),
        data_path,
        Instance::of(&options.socket),
    )?);
    let ending = shared.clone();
    let size = Size { shards, kept_pairs: most_kept(open_files, shards) };
    let signal = match selection.backend {
        Backend::Uring => serve(size, shared, doors, UringIo::new)?,
        Backend::Mmsg => serve(size, shared, doors, MmsgIo::new)?,
    };
    ending.recorder.finish();
    ending.fast_paths.end(ending.sessions());
    tracing::info!(signal = signal.as_raw(), "data plane ends");
    Ok(())
}

/// Where others come in.
struct Doors {
    listener: Listener,
    clients: Clients,
    signals: Signals,
}

#[derive(Clone, Copy)]
struct Size {
    shards: usize,
    /// Pairs of sockets that each shard keeps open between two calls.
    kept_pairs: usize,
}

fn serve<I: PacketIo + 'static>(
    Size { shards, kept_pairs }: Size,
    shared: Arc<Shared>,
    Doors { listener, clients, signals }: Doors,
    make_io: fn() -> io::Result<I>,
) -> anyhow::Result<Signal> {
    let waker = Waker::new()?;
    shared.recorder.wakes(waker.clone());
    let (reply_to, replies) = mpsc::channel();
    let mut peers = Vec::new();
    for index in 1..shards {
        let (requests_to, requests) = mpsc::channel();
        let own_waker = Waker::new()?;
        peers.push(Peer { requests: requests_to, waker: own_waker.clone() });
        let (shared, reply_to, first) = (shared.clone(), reply_to.clone(), waker.clone());
        thread::Builder::new().name(format!("shard-{index}")).spawn(move || {
            // The ring of a shard belongs to the thread that makes it.
            let run = || -> io::Result<()> {
                let shard = Shard::new(make_io()?, shared, kept_pairs);
                Other { shard, waker: own_waker, requests, replies: reply_to, first }.run()
            };
            if let Err(error) = run() {
                tracing::error!(%error, shard = index, "a shard cannot go on");
                process::abort();
            }
        })?;
    }
    let io = make_io().context("cannot set up packet input and output")?;
    let shard = Shard::new(io, shared.clone(), kept_pairs);
    let control = Control::new(listener, clients, shared, peers);
    Ok(First { shard, control, signals, waker, replies }.run()?)
}

/// An audio call takes four descriptors, and the soft limit is made for programs that use `select`. With the privilege
/// to do so the hard limit is raised, too.
fn raise_open_files() -> u64 {
    let before = getrlimit(Resource::Nofile);
    let wanted = before.maximum.map(|maximum| maximum.max(WANTED_OPEN_FILES));
    let limits = [wanted, before.maximum];
    let raised = limits
        .into_iter()
        .find(|limit| setrlimit(Resource::Nofile, Rlimit { current: *limit, maximum: *limit }).is_ok());
    let limit = raised.unwrap_or(before.current).unwrap_or(u64::MAX);
    tracing::info!(limit, calls = limit / 4, "open files, and audio calls they allow");
    limit
}

const WANTED_OPEN_FILES: u64 = 1 << 18;

/// Sockets kept open for later calls take at most a quarter of the descriptors there are.
fn most_kept(open_files: u64, shards: usize) -> usize {
    (open_files / 8).min(MOST_KEPT_PAIRS) as usize / shards
}

/// As many as end within five seconds at 400 calls a second; some 20 MB of the kernel's memory.
const MOST_KEPT_PAIRS: u64 = 4096;

fn default_shards() -> usize {
    thread::available_parallelism().map_or(1, |cores| cores.get().saturating_sub(1).max(1))
}

fn seed() -> anyhow::Result<[u64; 2]> {
    let mut bytes = [[0; 8]; 2];
    for half in &mut bytes {
        rustix::rand::getrandom(&mut half[..], rustix::rand::GetRandomFlags::empty())
            .context("no random numbers")?;
    }
    Ok(bytes.map(u64::from_ne_bytes))
}
