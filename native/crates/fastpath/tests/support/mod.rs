//! Network namespaces for tests: hosts joined by veth pairs, sockets and captures in them.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "of tests")]

use fastpath::{FastPath, Mode, Options, Payload, Progress, Rewrite, Rule};
use std::{
    fs::{self, File},
    io::ErrorKind,
    net::{SocketAddr, UdpSocket},
    os::fd::{AsRawFd, FromRawFd, OwnedFd},
    path::PathBuf,
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

/// Why tests of the kernel part cannot run here; `None` if they can.
pub fn obstacle() -> Option<String> {
    // SAFETY: no arguments, no memory.
    if unsafe { libc::geteuid() } != 0 {
        return Some("needs root".to_owned());
    }
    let ip = Command::new("ip").args(["netns", "list"]).output();
    match ip {
        Ok(output) if output.status.success() => None,
        _ => Some("needs iproute2 and network namespaces".to_owned()),
    }
}

/// Skips a test with its reason, which `TANDEM_REQUIRE_PEERS=1` makes a failure.
#[macro_export]
macro_rules! kernel_or_skip {
    () => {
        if let Some(reason) = $crate::support::obstacle() {
            assert!(std::env::var("TANDEM_REQUIRE_PEERS").is_err(), "cannot run: {reason}");
            $crate::support::skip(&reason);
            return;
        }
    };
}

pub fn skip(reason: &str) {
    eprintln!("skipped: {reason}");
}

/// A network namespace, removed when dropped.
pub struct Host {
    pub name: String,
}

impl Host {
    pub fn new(label: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("tdm{}-{number}-{label}", std::process::id());
        ip(&["netns", "add", &name]);
        let host = Host { name };
        host.ip(&["link", "set", "lo", "up"]);
        host
    }

    pub fn ip(&self, arguments: &[&str]) {
        let mut all = vec!["-n", &self.name];
        all.extend_from_slice(arguments);
        ip(&all);
    }

    /// False if the kernel does not know how.
    pub fn try_ip(&self, arguments: &[&str]) -> bool {
        let status = Command::new("ip").args(["-n", &self.name]).args(arguments).output().unwrap().status;
        status.success()
    }

    pub fn command(&self, program: &str, arguments: &[&str]) -> String {
        let output =
            Command::new("ip").args(["netns", "exec", &self.name, program]).args(arguments).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {arguments:?}: {errors}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Runs in this namespace, on a thread of its own.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let namespace = File::open(format!("/run/netns/{}", self.name)).unwrap();
        thread::scope(|scope| {
            let thread = scope.spawn(move || {
                // SAFETY: changes the namespace of this thread, which ends here.
                let moved = unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET) };
                assert_eq!(moved, 0, "{}", std::io::Error::last_os_error());
                work()
            });
            thread.join().unwrap()
        })
    }

    /// The same with mounts of its own, and a bpffs where it belongs.
    pub fn run_with_bpffs<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.run(|| {
            // SAFETY: all strings end with a zero byte; only this thread's view of the mounts changes.
            unsafe {
                assert_eq!(libc::unshare(libc::CLONE_NEWNS), 0);
                let nothing = std::ptr::null();
                let private = libc::MS_REC | libc::MS_PRIVATE;
                assert_eq!(libc::mount(nothing, c"/".as_ptr(), nothing, private, nothing.cast()), 0);
                let (kind, at) = (c"bpf".as_ptr(), c"/sys/fs/bpf".as_ptr());
                assert_eq!(libc::mount(kind, at, kind, 0, nothing.cast()), 0);
            }
            work()
        })
    }

    pub fn socket(&self, address: &str) -> UdpSocket {
        let deadline = Instant::now() + PATIENCE;
        let socket = loop {
            match self.run(|| UdpSocket::bind(address)) {
                Ok(socket) => break socket,
                // A process just started has the descriptors of all tests for a moment.
                Err(error) => {
                    let waiting = error.kind() == ErrorKind::AddrInUse && Instant::now() < deadline;
                    assert!(waiting, "{address}: {error}");
                }
            }
        };
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket
    }

    /// Frames that arrive on an interface from now on.
    pub fn capture(&self, interface: &str) -> Capture {
        self.run(|| Capture::open(interface))
    }

    /// The link-layer address of an interface.
    pub fn mac(&self, interface: &str) -> [u8; 6] {
        let text = self.command("cat", &[&format!("/sys/class/net/{interface}/address")]);
        let mut octets = text.trim().split(':').map(|octet| u8::from_str_radix(octet, 16).unwrap());
        std::array::from_fn(|_| octets.next().unwrap())
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.name]).status();
    }
}

/// Joins two hosts; addresses without duplicate detection, so that they can be used at once.
pub fn join(left: (&Host, &str, &[&str]), right: (&Host, &str, &[&str])) {
    ip(&[
        "-n",
        &left.0.name,
        "link",
        "add",
        left.1,
        "type",
        "veth",
        "peer",
        "name",
        right.1,
        "netns",
        &right.0.name,
    ]);
    for (host, interface, addresses) in [left, right] {
        for address in addresses {
            host.ip(&["addr", "add", address, "dev", interface, "nodad"]);
        }
        host.ip(&["link", "set", interface, "up"]);
    }
}

fn ip(arguments: &[&str]) {
    let output = Command::new("ip").args(arguments).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ip {arguments:?}: {errors}");
}

/// A packet socket.
pub struct Capture {
    fd: OwnedFd,
}

impl Capture {
    fn open(interface: &str) -> Self {
        let all = (libc::ETH_P_ALL as u16).to_be();
        // SAFETY: no pointers; the descriptor is new.
        let fd = unsafe {
            let fd = libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, i32::from(all));
            assert!(fd >= 0);
            OwnedFd::from_raw_fd(fd)
        };
        let name = std::ffi::CString::new(interface).unwrap();
        // SAFETY: the name ends with a zero byte; all zero is a valid address.
        unsafe {
            let mut address: libc::sockaddr_ll = std::mem::zeroed();
            address.sll_family = libc::AF_PACKET as u16;
            address.sll_protocol = all;
            address.sll_ifindex = libc::if_nametoindex(name.as_ptr()) as i32;
            let len = size_of_val(&address) as u32;
            assert_eq!(libc::bind(fd.as_raw_fd(), (&raw const address).cast(), len), 0);
            let patience = libc::timeval { tv_sec: PATIENCE.as_secs() as i64, tv_usec: 0 };
            let len = size_of_val(&patience) as u32;
            let set = libc::setsockopt(
                fd.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_RCVTIMEO,
                (&raw const patience).cast(),
                len,
            );
            assert_eq!(set, 0);
        }
        Capture { fd }
    }

    /// The next frame that is wanted; fails if none comes.
    pub fn next(&self, wanted: impl Fn(&[u8]) -> bool) -> Vec<u8> {
        loop {
            let mut frame = vec![0; 2048];
            // SAFETY: writes at most the buffer's length into it.
            let len = unsafe { libc::recv(self.fd.as_raw_fd(), frame.as_mut_ptr().cast(), frame.len(), 0) };
            assert!(len > 0, "no such frame: {}", std::io::Error::last_os_error());
            frame.truncate(len as usize);
            if wanted(&frame) {
                return frame;
            }
        }
    }

    pub fn send(&self, frame: &[u8]) {
        // SAFETY: reads the frame only.
        let sent = unsafe { libc::send(self.fd.as_raw_fd(), frame.as_ptr().cast(), frame.len(), 0) };
        assert_eq!(sent, frame.len() as isize);
    }
}

pub fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

pub const SSRC: u32 = 0x1234_5678;

/// Alice and Bob with a relay between them.
pub struct Network {
    pub alice: Host,
    pub relay: Host,
    pub bob: Host,
}

impl Network {
    pub fn new() -> Self {
        let (alice, relay, bob) = (Host::new("alice"), Host::new("relay"), Host::new("bob"));
        join(
            (&relay, "west", &["10.77.1.1/24", "fd77:1::1/64"]),
            (&alice, "eth0", &["10.77.1.2/24", "fd77:1::2/64"]),
        );
        join(
            (&relay, "east", &["10.77.2.1/24", "fd77:2::1/64"]),
            (&bob, "eth0", &["10.77.2.2/24", "fd77:2::2/64"]),
        );
        Network { alice, relay, bob }
    }

    /// Native mode needs other ends that take frames.
    pub fn with_gro(self) -> Self {
        self.alice.command("ethtool", &["-K", "eth0", "gro", "on"]);
        self.bob.command("ethtool", &["-K", "eth0", "gro", "on"]);
        self
    }

    /// A packet of `eastwards` as a frame of alice's, with a tag.
    pub fn tagged(&self, rtp: &[u8]) -> Vec<u8> {
        assert_eq!(rtp.len(), 172);
        let mut frame = [self.relay.mac("west"), self.alice.mac("eth0")].concat();
        frame.extend([0x81, 0x00, 0, 30, 0x08, 0x00]);
        frame.extend([0x45, 0, 0, 200, 0, 0, 0x40, 0, 64, 17, 0x23, 0x89, 10, 77, 1, 2, 10, 77, 1, 1]);
        frame.extend([40_000u16, 30_000, 180, 0].map(u16::to_be_bytes).concat());
        frame.extend(rtp);
        frame
    }

    pub fn open(&self) -> (FastPath, Vec<Mode>) {
        let (path, reports) = self.relay.run(|| FastPath::open(&options(None))).unwrap();
        for report in &reports {
            assert!(!report.reason.is_empty(), "{report:?}");
        }
        (path, reports.iter().map(|report| report.mode).collect())
    }
}

pub fn rule(local: &str, source: &str, from: &str, to: &str) -> Rule {
    Rule {
        local: address(local),
        source: address(source),
        ssrc: SSRC,
        from: address(from),
        to: address(to),
        tos: 0xb8,
        payloads: vec![Payload { arrives_as: 0, leaves_as: 0, clock_rate: 8000, times: true }],
        rewrite: Rewrite::default(),
        epoch_ns: 0,
        copy: None,
    }
}

pub fn eastwards() -> Rule {
    rule("10.77.1.1:30000", "10.77.1.2:40000", "10.77.2.1:30002", "10.77.2.2:50000")
}

pub fn options(pin_dir: Option<PathBuf>) -> Options {
    let addresses = ["10.77.1.1", "10.77.2.1"].map(|text| text.parse().unwrap()).to_vec();
    Options { devices: Vec::new(), addresses, pin_dir, capacity: 128 }
}

/// Where processes of a test keep what outlives them.
pub const PINS: &str = "/sys/fs/bpf/tandem";

/// A process with this rule, all of it pinned, and packets for it.
pub fn pinned(network: &Network, rule: &Rule) -> (FastPath, Flow) {
    let (path, _) = FastPath::open(&options(Some(PINS.into()))).unwrap();
    let flow = Flow::new(network);
    path.install(rule, &Progress::default()).unwrap();
    (path, flow)
}

/// What a process leaves that is killed: its descriptors are closed, no more.
pub fn left_behind(network: &Network) -> Flow {
    let (path, flow) = pinned(network, &eastwards());
    drop(path);
    flow
}

/// The only folder below `PINS`.
pub fn layout() -> PathBuf {
    fs::read_dir(PINS).unwrap().next().unwrap().unwrap().path()
}

/// An RTP packet with 160 bytes of payload.
pub fn rtp(payload_type: u8, sequence: u16, ssrc: u32) -> Vec<u8> {
    let mut packet = vec![0x80, payload_type];
    packet.extend_from_slice(&sequence.to_be_bytes());
    packet.extend_from_slice(&(u32::from(sequence) * 160).to_be_bytes());
    packet.extend_from_slice(&ssrc.to_be_bytes());
    packet.extend((0..160).map(|at| at as u8));
    packet
}

/// How long to wait for what has to come.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// RTP of alice's, each packet awaited by bob.
pub struct Flow {
    alice: UdpSocket,
    bob: UdpSocket,
    pub next: u16,
}

impl Flow {
    pub fn new(network: &Network) -> Self {
        let rule = eastwards();
        let alice = network.alice.socket(&rule.source.to_string());
        let bob = network.bob.socket(&rule.to.to_string());
        let relay = network.relay.socket(&rule.from.to_string());
        relay.send_to(b"who are you", rule.to).unwrap();
        bob.recv(&mut [0; 64]).unwrap();
        Flow { alice, bob, next: 0 }
    }

    pub fn packets(&mut self, count: u16) {
        self.packets_of(172, count);
    }

    /// So many bytes each.
    pub fn packets_of(&mut self, bytes: usize, count: u16) {
        for _ in 0..count {
            let mut packet = rtp(0, self.next, SSRC);
            packet.resize(bytes, 0xee);
            self.alice.send_to(&packet, eastwards().local).unwrap();
            let mut buffer = [0; 2048];
            let len = self.bob.recv(&mut buffer).unwrap();
            assert_eq!(&buffer[..len], &packet[..]);
            self.next = self.next.wrapping_add(1);
        }
    }
}
