//! A data plane process, a control plane that speaks to it, and media peers.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail by panicking")]
#![expect(clippy::wildcard_enum_match_arm, reason = "anything else fails a test")]
#![allow(dead_code, reason = "each test program uses its part")]

use std::{
    fs,
    io::{self, Read, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus},
    sync::atomic::{AtomicU8, AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use protocol::{
    CertificateKey, CertificatePlan, Configuration, ErrorCode, EventAction, FINGERPRINT, FastPathHook,
    FastPathMode, FastPathPlan, FromDataPlane, InterfacePlan, LearningMode, LearningPlan, LocalId, LocalPlan,
    MediaAction, PortSpan, RemotePlan, Request, Response, RoutePlan, RtcpMode, SecurityPlan, SessionId,
    SessionPlan, SessionSnapshot, Status, StreamId, StreamKind, StreamPlan, TimeoutPlan, ToDataPlane,
    framing::{self, Decoder},
};

pub const DEADLINE: Duration = Duration::from_secs(30);

/// A loopback address that no other test uses, so that all ports are free.
pub fn home() -> IpAddr {
    static NUMBER: AtomicU8 = AtomicU8::new(1);
    thread_local! {
        static HOME: IpAddr = {
            let [_, _, high, low] = std::process::id().to_be_bytes();
            Ipv4Addr::new(127, high | 0x80, low, NUMBER.fetch_add(1, Ordering::Relaxed)).into()
        };
    }
    HOME.with(|home| *home)
}

/// A directory of this test, removed at the end.
pub struct Directory(PathBuf);

impl Directory {
    pub fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("tandem-test-{}-{number}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A running data plane. Killed at the end.
pub struct DataPlane {
    child: Child,
    socket: PathBuf,
}

impl DataPlane {
    pub fn start(socket: &Path, options: &[&str]) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_tandem-dataplane"))
            .arg("--socket")
            .arg(socket)
            .args(["--log-level", "error"])
            .args(options)
            .spawn()
            .unwrap();
        Self { child, socket: socket.to_owned() }
    }

    pub fn connect(&self) -> Control {
        Control::connect(&self.socket)
    }

    /// A control plane that has said hello and configured some ports.
    pub fn control(&self) -> Control {
        let mut control = self.connect();
        control.hello();
        control.configure(|_| {});
        control
    }

    /// The same once it has taken the place of one that was killed, whose socket may still answer.
    pub fn control_after_crash(&self) -> Control {
        let mut control = until("the new data plane", || {
            let mut control = self.connect();
            control.try_hello().map(|_| control)
        });
        control.configure(|_| {});
        control
    }

    /// Lets it open so many more from now on.
    pub fn allow_open_files(&self, more: u64) {
        let pid = self.child.id();
        let open = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count() as u64;
        let limit = rustix::process::Rlimit { current: Some(open + more), maximum: Some(1024) };
        let process = rustix::process::Pid::from_raw(pid as i32);
        rustix::process::prlimit(process, rustix::process::Resource::Nofile, limit).unwrap();
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_raw(self.child.id() as i32).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }

    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn wait(&mut self, limit: Duration) -> ExitStatus {
        wait(&mut self.child, limit)
    }
}

impl Drop for DataPlane {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn wait(child: &mut Child, limit: Duration) -> ExitStatus {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        assert!(start.elapsed() < limit, "still running after {limit:?}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// Looks again and again until there is something.
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < DEADLINE, "{what}: not in time");
        thread::sleep(Duration::from_millis(5));
    }
}

/// The control plane's end.
pub struct Control {
    stream: UnixStream,
    decoder: Decoder,
    last_id: u64,
}

impl Control {
    pub fn connect(socket: &Path) -> Self {
        let stream = until("a data plane", || UnixStream::connect(socket).ok());
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        Self { stream, decoder: Decoder::default(), last_id: 0 }
    }

    pub fn hello(&mut self) -> (String, u32) {
        self.try_hello().expect("an open connection")
    }

    pub fn try_hello(&mut self) -> Option<(String, u32)> {
        self.send(Request::Hello {
            fingerprint: FINGERPRINT.to_owned(),
            node: "test".to_owned(),
            position: None,
        });
        match self.next()? {
            FromDataPlane::Ok { response: Response::Hello { boot, sessions }, .. } => Some((boot, sessions)),
            other => panic!("{other:?}"),
        }
    }

    /// One interface on loopback with forty ports, or what becomes of that. Returns the node's certificates.
    pub fn configure(&mut self, change: impl FnOnce(&mut Configuration)) -> Vec<CertificatePlan> {
        let mut configuration = Configuration {
            interfaces: vec![InterfacePlan {
                name: "default".to_owned(),
                addresses: vec![home()],
                port_min: FIRST_PORT,
                port_max: FIRST_PORT + PORTS - 1,
                excluded: vec![],
            }],
            port_rest_ms: 60_000,
            max_sessions: None,
            max_repeated: None,
            certificates: Vec::new(),
            fast_path: FastPathPlan {
                mode: FastPathMode::Off,
                devices: Vec::new(),
                pin_directory: "/sys/fs/bpf/tandem-tests".to_owned(),
                max_streams: 0,
                hook: FastPathHook::Auto,
            },
            relay_server: None,
        };
        change(&mut configuration);
        match self.ask(Request::Configure { configuration }).unwrap() {
            Response::Configured { certificates } => certificates,
            other => panic!("{other:?}"),
        }
    }

    /// Asks until there is a new one.
    pub fn renew_certificate(&mut self, key: CertificateKey, instead_of: &str) -> Vec<CertificatePlan> {
        loop {
            let instead_of = instead_of.to_owned();
            match self.ask(Request::RenewCertificate { key, instead_of: instead_of.clone() }).unwrap() {
                Response::Configured { certificates } if certificates[0].id != instead_of => {
                    return certificates;
                }
                Response::Configured { .. } => std::thread::yield_now(),
                other => panic!("{other:?}"),
            }
        }
    }

    pub fn apply(&mut self, plan: &SessionPlan) -> Result<Vec<u16>, ErrorCode> {
        match self.ask(Request::Apply { plan: Box::new(plan.clone()) })? {
            Response::Applied { bound } => Ok(bound.iter().map(|local| local.port).collect()),
            other => panic!("{other:?}"),
        }
    }

    pub fn release(&mut self, session: &str) -> Option<Box<protocol::SessionStats>> {
        match self.ask(Request::Release { session: SessionId(session.to_owned()) }).unwrap() {
            Response::Released { stats } => stats,
            other => panic!("{other:?}"),
        }
    }

    pub fn list(&mut self, after: Option<&SessionId>, limit: u32) -> (Vec<SessionPlan>, bool) {
        match self.ask(Request::List { after: after.cloned(), limit }).unwrap() {
            Response::Sessions { plans, more } => (plans, more),
            other => panic!("{other:?}"),
        }
    }

    pub fn snapshots(&mut self, after: Option<&SessionId>, limit: u32) -> (Vec<SessionSnapshot>, bool) {
        match self.ask(Request::Snapshot { after: after.cloned(), limit }).unwrap() {
            Response::Snapshot { sessions, more } => (sessions, more),
            other => panic!("{other:?}"),
        }
    }

    pub fn status(&mut self) -> Status {
        match self.ask(Request::Status).unwrap() {
            Response::Status { status } => *status,
            other => panic!("{other:?}"),
        }
    }

    /// Sends a request and returns its response, passing over events.
    pub fn ask(&mut self, request: Request) -> Result<Response, ErrorCode> {
        let id = self.send(request);
        loop {
            match self.next().expect("an open connection") {
                FromDataPlane::Ok { id: of, response } if of == id => return Ok(response),
                FromDataPlane::Error { id: of, error } if of == id => return Err(error),
                FromDataPlane::Event { .. } => {}
                other => panic!("unexpected: {other:?}"),
            }
        }
    }

    pub fn send(&mut self, request: Request) -> u64 {
        self.last_id += 1;
        let mut frame = Vec::new();
        framing::encode(&ToDataPlane { id: self.last_id, seen: 0, request }, &mut frame).unwrap();
        self.write(&frame);
        self.last_id
    }

    pub fn write(&mut self, bytes: &[u8]) {
        // Reading says it if the connection is closed.
        let _ = self.stream.write_all(bytes);
    }

    /// The next message; `None` if the connection was closed.
    pub fn next(&mut self) -> Option<FromDataPlane> {
        loop {
            if let Some(message) = self.decoder.next_message().unwrap() {
                return Some(message);
            }
            let mut chunk = [0; 65536];
            match self.stream.read(&mut chunk) {
                Ok(0) => return None,
                Ok(len) => self.decoder.push(&chunk[..len]),
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("{error}"),
            }
        }
    }
}

const FIRST_PORT: u16 = 20_000;
pub const PORTS: u16 = 40;

/// A phone: its RTP socket.
pub struct Peer(UdpSocket);

impl Peer {
    pub fn new() -> Self {
        let socket = UdpSocket::bind((home(), 0)).unwrap();
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        Self(socket)
    }

    pub fn remote(&self) -> Option<RemotePlan> {
        Some(RemotePlan { rtp: self.0.local_addr().unwrap(), rtcp: None })
    }

    pub fn send(&self, port: u16, payload: u8) {
        self.0.send_to(&rtp(payload), (home(), port)).unwrap();
    }

    pub fn send_bytes(&self, port: u16, bytes: &[u8]) {
        self.0.send_to(bytes, (home(), port)).unwrap();
    }

    pub fn receive(&self) -> (Vec<u8>, SocketAddr) {
        let mut buffer = [0; 2048];
        let (len, from) = self.0.recv_from(&mut buffer).expect("a packet in time");
        (buffer[..len].to_vec(), from)
    }
}

pub fn rtp(payload: u8) -> Vec<u8> {
    let mut packet = vec![payload; 172];
    packet[..12].copy_from_slice(&[0x80, 0, 0, 1, 0, 0, 0, 160, 1, 2, 3, 4]);
    packet
}

/// A call of two streams that relay to each other.
pub fn plan(session: &str, revision: u64, remotes: [Option<RemotePlan>; 2]) -> SessionPlan {
    let stream = |id: u32| StreamPlan {
        id: StreamId(id),
        locals: vec![LocalPlan {
            id: LocalId(id),
            interface: "default".to_owned(),
            address: home(),
            port: None,
            span: PortSpan::Pair,
            relay: None,
        }],
        bundle: None,
        kind: StreamKind::Rtp,
        rtcp: RtcpMode::Separate,
        rtcp_rules: None,
        remote: remotes[id as usize],
        pending_remote: None,
        resume: None,
        snapshot: None,
        security: SecurityPlan::None,
        ice: None,
        learning: LearningPlan {
            mode: LearningMode::Off,
            strict: false,
            handover: false,
            asymmetric: false,
            wait: false,
            pierce: false,
            epoch: 0,
        },
        receive: true,
        listener: false,
        hidden_extensions: Vec::new(),
        payloads: vec![],
    };
    let route = |from: u32, to: u32| RoutePlan {
        from: StreamId(from),
        to: StreamId(to),
        media: MediaAction::Forward,
        telephone_events: EventAction::Forward,
    };
    SessionPlan {
        session: SessionId(session.to_owned()),
        revision,
        memo: format!("memo of {session}"),
        tos: 184,
        timeouts: TimeoutPlan {
            media_ms: 60_000,
            silent_ms: 60_000,
            offer_ms: 60_000,
            first_packet_ms: None,
        },
        report_telephone_events: false,
        streams: vec![stream(0), stream(1)],
        routes: vec![route(0, 1), route(1, 0)],
        taps: Vec::new(),
    }
}

/// Asks for exactly these ports.
pub fn with_ports(mut plan: SessionPlan, ports: &[u16]) -> SessionPlan {
    for (stream, port) in plan.streams.iter_mut().zip(ports) {
        stream.locals[0].port = Some(*port);
    }
    plan
}

/// Sends a packet each way through the call.
pub fn assert_relays(alice: &Peer, bob: &Peer, ports: &[u16]) {
    alice.send(ports[0], 1);
    assert_eq!(bob.receive(), (rtp(1), SocketAddr::new(home(), ports[1])));
    bob.send(ports[1], 2);
    assert_eq!(alice.receive(), (rtp(2), SocketAddr::new(home(), ports[0])));
}
