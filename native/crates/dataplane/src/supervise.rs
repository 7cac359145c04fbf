//! `tandem-supervisor`: runs the data plane and the control plane, and starts again what dies.
//!
//! It holds nothing but their processes and the control plane's listening sockets, and carries datagrams of Unix
//! sockets, unread, to and fro.

use std::{
    env,
    ffi::OsString,
    fs,
    net::SocketAddr,
    os::{fd::RawFd, unix::fs::DirBuilderExt},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use anyhow::Context;
use clap::{Parser, ValueEnum};
use dataplane::{
    carrier::Carrier,
    child::{Program, Supervised},
    ending::{Alive, Ending, Half, Step},
    inherited::{Held, Listening, Transport},
    local::LocalSocket,
    options::{LogOptions, RelayOptions},
};
use netio::signals::{Signal, Signals};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    net::SocketType,
};

/// Runs the data plane and the control plane, and starts again what dies.
#[derive(Debug, Parser)]
#[command(name = "tandem-supervisor", version)]
struct Options {
    /// Program of the data plane; beside this one if not given.
    #[arg(long, value_name = "PATH")]
    data_plane: Option<PathBuf>,
    /// Unix socket between the two; in a private directory if not given.
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    #[command(flatten)]
    relay: RelayOptions,
    #[command(flatten)]
    log: LogOptions,
    /// UDP address to hold for the control plane; may be given several times.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen_udp: Vec<SocketAddr>,
    /// UDP address whose clients the data plane answers where it can; may be given several times.
    #[arg(long, value_name = "ADDRESS:PORT")]
    answer_udp: Vec<SocketAddr>,
    /// TCP address to hold for the control plane; may be given several times.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen_tcp: Vec<SocketAddr>,
    /// Unix socket to hold for connections to the control plane; may be given several times.
    #[arg(long, value_name = "PATH")]
    listen_unix: Vec<PathBuf>,
    /// Unix socket whose datagrams are carried to the control plane; may be given several times.
    #[arg(long, value_name = "PATH")]
    listen_unix_dgram: Vec<PathBuf>,
    /// Who may use these sockets, as chmod writes it.
    #[arg(long, value_name = "MODE", default_value = "660", value_parser = mode)]
    socket_mode: u32,
    /// Type-of-service byte of what is sent from these addresses.
    #[arg(long, value_name = "BYTE", default_value_t = 0)]
    control_tos: u8,
    /// The control plane with its arguments.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    control_plane: Vec<OsString>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    options.log.start();
    match start(&options) {
        Ok(mut running) => running.supervise(),
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::from(WRONG_USAGE)
        }
    }
}

struct Running {
    signals: Signals,
    data_plane: Supervised,
    control_plane: Supervised,
    /// Kept open for the control plane's next life.
    held: Held,
    _directory: Option<PrivateDirectory>,
}

fn start(options: &Options) -> anyhow::Result<Running> {
    let signals =
        Signals::open(&[Signal::TERM, Signal::INT, Signal::HUP, Signal::USR1, Signal::USR2, Signal::CHILD])?;
    let held = hold(options)?;
    let directory = options.socket.is_none().then(PrivateDirectory::create).transpose()?;
    let in_directory = directory.as_ref().map(|directory| directory.0.join("dataplane.sock"));
    let socket = options.socket.clone().or(in_directory).context("no socket")?;
    Ok(Running {
        data_plane: run(data_plane(options, &socket, &held)?)?,
        control_plane: run(control_plane(options, &socket, &held)?)?,
        signals,
        held,
        _directory: directory,
    })
}

fn hold(options: &Options) -> anyhow::Result<Held> {
    let udp = options.listen_udp.iter().map(|address| (Transport::Udp, "UDP", *address));
    let tcp = options.listen_tcp.iter().map(|address| (Transport::Tcp, "TCP", *address));
    let open = |(transport, name, address)| {
        Listening::open(transport, address, options.control_tos)
            .with_context(|| format!("cannot listen on {name} {address}"))
    };
    let answered = options.answer_udp.iter().map(|address| (Transport::Udp, "UDP", *address));
    let local = |kind| {
        move |path: &PathBuf| {
            LocalSocket::open(path, kind, options.socket_mode)
                .with_context(|| format!("cannot listen on {}", path.display()))
        }
    };
    let datagrams = options.listen_unix_dgram.iter().map(local(SocketType::DGRAM));
    Ok(Held {
        answered: answered.map(open).collect::<anyhow::Result<_>>()?,
        network: udp.chain(tcp).map(open).collect::<anyhow::Result<_>>()?,
        streams: options.listen_unix.iter().map(local(SocketType::STREAM)).collect::<anyhow::Result<_>>()?,
        datagrams: datagrams.map(|local| Ok(Carrier::new(local?)?)).collect::<anyhow::Result<_>>()?,
    })
}

fn mode(text: &str) -> Result<u32, String> {
    match u32::from_str_radix(text, 8) {
        Ok(mode) if mode <= 0o777 => Ok(mode),
        _ => Err("no mode such as 660".to_owned()),
    }
}

fn data_plane(options: &Options, socket: &Path, held: &Held) -> anyhow::Result<Program> {
    let path = match &options.data_plane {
        Some(path) => path.clone(),
        None => env::current_exe()?.with_file_name("tandem-dataplane"),
    };
    let RelayOptions { shards, io } = &options.relay;
    let LogOptions { log_level, log_format } = &options.log;
    let mut arguments: Vec<OsString> = vec!["--socket".into(), socket.into()];
    let mut option = |name: &str, value: String| arguments.extend([name.into(), value.into()]);
    option("--io", name_of(*io));
    option("--log-level", log_level.to_string().to_lowercase());
    option("--log-format", name_of(*log_format));
    if let Some(shards) = shards {
        option("--shards", shards.to_string());
    }
    let inherited: Vec<RawFd> = held.answered.iter().map(Listening::descriptor).collect();
    for fd in &inherited {
        option("--control-fd", fd.to_string());
    }
    Ok(Program { name: "data plane", path, arguments, environment: vec![], inherited })
}

fn control_plane(options: &Options, socket: &Path, held: &Held) -> anyhow::Result<Program> {
    let (path, arguments) = options.control_plane.split_first().context("no control plane given")?;
    Ok(Program {
        name: "control plane",
        path: path.into(),
        arguments: arguments.to_vec(),
        environment: vec![
            ("TANDEM_DATAPLANE_SOCKET", socket.into()),
            ("TANDEM_LISTEN_FDS", held.describe().into()),
        ],
        inherited: held.descriptors(),
    })
}

fn run(program: Program) -> anyhow::Result<Supervised> {
    let path = program.path.display().to_string();
    Supervised::start(program, Instant::now()).with_context(|| format!("cannot start {path}"))
}

fn name_of(value: impl ValueEnum) -> String {
    value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

impl Running {
    /// Returns when told to end, or when starting again would not help.
    fn supervise(&mut self) -> ExitCode {
        loop {
            let restarts = [self.data_plane.restart_at(), self.control_plane.restart_at()];
            self.wait_until(restarts.into_iter().flatten().min());
            while let Some(signal) = self.signals.next() {
                match signal {
                    Signal::TERM | Signal::INT => {
                        self.shut_down();
                        return ExitCode::SUCCESS;
                    }
                    Signal::HUP | Signal::USR1 | Signal::USR2 => self.control_plane.signal(signal),
                    _ => {}
                }
            }
            let now = Instant::now();
            let exits = self.reap(now);
            if exits.contains(&Some(i32::from(WRONG_USAGE))) {
                self.shut_down();
                return ExitCode::from(WRONG_USAGE);
            }
            if exits[1] == Some(DRAINED) {
                self.shut_down();
                return ExitCode::SUCCESS;
            }
            self.data_plane.restart_if_due(now);
            self.control_plane.restart_if_due(now);
        }
    }

    /// Exit codes of those that have died, the data plane's first.
    fn reap(&mut self, now: Instant) -> [Option<i32>; 2] {
        let exits = [&mut self.data_plane, &mut self.control_plane].map(|child| child.reap(now));
        if exits[1].is_some() {
            for carrier in &mut self.held.datagrams {
                if let Err(error) = carrier.renew() {
                    tracing::error!(%error, path = %carrier.local.path.display(), "no datagrams from here");
                }
            }
        }
        exits.map(|exit| exit?.code())
    }

    /// Ends both; see `ending`.
    fn shut_down(&mut self) {
        let start = Instant::now();
        let mut ending = Ending::default();
        loop {
            let alive = Alive {
                control_plane: self.control_plane.is_running(),
                data_plane: self.data_plane.is_running(),
            };
            match ending.step(start.elapsed(), alive) {
                Step::Ask(Half::ControlPlane) => self.control_plane.end(),
                Step::Ask(Half::DataPlane) => self.data_plane.end(),
                Step::WaitUntil(elapsed) => {
                    self.wait_until(Some(start + elapsed));
                    while self.signals.next().is_some() {}
                    self.reap(Instant::now());
                }
                Step::Kill => {
                    self.control_plane.kill();
                    self.data_plane.kill();
                    return;
                }
                Step::Over => return,
            }
        }
    }

    /// Waits for a signal, and carries datagrams meanwhile.
    fn wait_until(&mut self, deadline: Option<Instant>) {
        let timeout = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        let signals = PollFd::new(&self.signals, PollFlags::IN);
        let carriers = self.held.datagrams.iter().flat_map(Carrier::interests);
        let mut awaited: Vec<PollFd<'_>> = [signals].into_iter().chain(carriers).collect();
        let _ = poll(&mut awaited, timeout.as_ref());
        drop(awaited);
        self.held.datagrams.iter_mut().for_each(Carrier::carry);
    }
}

/// A directory only we can enter; removed with what is in it at the end.
struct PrivateDirectory(PathBuf);

impl PrivateDirectory {
    fn create() -> anyhow::Result<Self> {
        let mut random = [0; 8];
        rustix::rand::getrandom(&mut random[..], rustix::rand::GetRandomFlags::empty())?;
        let name = format!("tandem-{:016x}", u64::from_ne_bytes(random));
        let create = |parent: PathBuf| {
            let path = parent.join(&name);
            fs::DirBuilder::new().mode(0o700).create(&path).map(|()| Self(path))
        };
        // The run-time directory may be named without being there, in containers for example.
        let preferred = env::var_os("XDG_RUNTIME_DIR").and_then(|parent| create(parent.into()).ok());
        match preferred {
            Some(directory) => Ok(directory),
            None => create(env::temp_dir()).context("cannot create a directory for the socket"),
        }
    }
}

impl Drop for PrivateDirectory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Exit code of a program that cannot do what it was told; starting it again would not help.
const WRONG_USAGE: u8 = 2;
/// Exit code of a control plane that was to take no new calls, and whose last one has ended.
const DRAINED: i32 = 3;
