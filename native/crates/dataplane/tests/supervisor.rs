//! The supervisor with a data plane and a shell script as control plane.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod support;

use std::{
    fs,
    net::UdpSocket,
    os::unix::{
        fs::PermissionsExt,
        net::{UnixDatagram, UnixListener, UnixStream},
    },
    path::Path,
    process::{Child, Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use support::{DEADLINE, Directory, home, until, wait};

/// A supervisor. Its script writes its process id and socket to files of the directory.
struct Supervisor {
    child: Child,
    directory: Directory,
}

impl Supervisor {
    fn start(script: &str, options: &[&str]) -> Self {
        let directory = Directory::new();
        let before = "echo $$ > pid.new; mv pid.new pid; echo $TANDEM_DATAPLANE_SOCKET > socket";
        // As nohup starts programs.
        let child = Command::new("sh")
            .args(["-c", r#"trap '' HUP; exec "$0" "$@""#, env!("CARGO_BIN_EXE_tandem-supervisor")])
            .args(["--data-plane", env!("CARGO_BIN_EXE_tandem-dataplane"), "--log-level", "error"])
            .args(options)
            .args(["--", "sh", "-c", &format!("{before}; {script}")])
            .current_dir(directory.file(""))
            .env("XDG_RUNTIME_DIR", directory.file(""))
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, directory }
    }

    fn file(&self, name: &str) -> String {
        until(name, || fs::read_to_string(self.directory.file(name)).ok().filter(|text| !text.is_empty()))
    }

    fn control_plane(&self) -> Pid {
        Pid::from_raw(self.file("pid").trim().parse().unwrap()).unwrap()
    }

    /// The data plane's process, which listens on the socket.
    fn data_plane(&self) -> Pid {
        let socket = self.file("socket");
        let stream = until("the data plane", || UnixStream::connect(Path::new(socket.trim())).ok());
        rustix::net::sockopt::socket_peercred(&stream).unwrap().pid
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_raw(self.child.id() as i32).unwrap(), signal).unwrap();
    }

    fn exit_code(&mut self) -> Option<i32> {
        wait(&mut self.child, DEADLINE).code()
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        // Its children end with it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits in the foreground would keep the shell from handling signals.
const STAY: &str = "trap 'exit 0' TERM; while :; do sleep 0.02; done";

fn assert_gone(pids: &[Pid]) {
    for pid in pids {
        until("the end of a child", || is_gone(*pid).then_some(()));
    }
}

fn is_gone(pid: Pid) -> bool {
    let state = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
    test_kill_process(pid).is_err() || state.is_ok_and(|state| state.contains(") Z "))
}

#[test]
fn a_killed_control_plane_is_started_again() {
    let mut supervisor = Supervisor::start(STAY, &[]);
    let (first, data_plane) = (supervisor.control_plane(), supervisor.data_plane());
    kill_process(first, Signal::KILL).unwrap();
    let second = until("a restart", || Some(supervisor.control_plane()).filter(|pid| *pid != first));
    assert_eq!(supervisor.data_plane(), data_plane);
    supervisor.signal(Signal::TERM);
    assert_eq!(supervisor.exit_code(), Some(0));
    assert_gone(&[second, data_plane]);
}

#[test]
fn a_killed_data_plane_is_started_again_on_the_same_socket() {
    let supervisor = Supervisor::start(STAY, &[]);
    let (control_plane, first) = (supervisor.control_plane(), supervisor.data_plane());
    kill_process(first, Signal::KILL).unwrap();
    until("a restart", || Some(supervisor.data_plane()).filter(|pid| *pid != first));
    assert_eq!(supervisor.control_plane(), control_plane);
}

#[test]
fn an_interrupt_ends_everything_and_leaves_no_file() {
    let mut supervisor = Supervisor::start(STAY, &[]);
    let children = [supervisor.control_plane(), supervisor.data_plane()];
    let socket = supervisor.file("socket");
    supervisor.signal(Signal::INT);
    assert_eq!(supervisor.exit_code(), Some(0));
    assert_gone(&children);
    assert!(!Path::new(socket.trim()).parent().unwrap().exists());
}

#[test]
fn a_control_plane_that_does_not_end_is_killed() {
    let mut supervisor = Supervisor::start("trap '' TERM; while :; do sleep 0.02; done", &[]);
    let children = [supervisor.control_plane(), supervisor.data_plane()];
    supervisor.signal(Signal::TERM);
    assert_eq!(supervisor.exit_code(), Some(0));
    assert_gone(&children);
}

#[test]
fn frozen_halves_are_killed() {
    let freeze_and_end = |frozen: fn(&Supervisor) -> Vec<Pid>| {
        let mut supervisor = Supervisor::start(STAY, &[]);
        let children = [supervisor.control_plane(), supervisor.data_plane()];
        for pid in frozen(&supervisor) {
            kill_process(pid, Signal::STOP).unwrap();
        }
        supervisor.signal(Signal::TERM);
        assert_eq!(supervisor.exit_code(), Some(0));
        assert_gone(&children);
    };
    freeze_and_end(|supervisor| vec![supervisor.control_plane()]);
    freeze_and_end(|supervisor| vec![supervisor.data_plane()]);
    freeze_and_end(|supervisor| vec![supervisor.control_plane(), supervisor.data_plane()]);
}

#[test]
fn children_end_when_the_supervisor_is_killed() {
    let mut supervisor = Supervisor::start(STAY, &[]);
    let children = [supervisor.control_plane(), supervisor.data_plane()];
    supervisor.child.kill().unwrap();
    assert_gone(&children);
}

#[test]
fn a_wrong_configuration_is_not_tried_again() {
    let mut supervisor = Supervisor::start("exit 2", &[]);
    assert_eq!(supervisor.exit_code(), Some(2));
}

#[test]
fn signals_that_end_nothing_go_to_the_control_plane() {
    for (name, signal) in [("HUP", Signal::HUP), ("USR1", Signal::USR1), ("USR2", Signal::USR2)] {
        let script = format!("trap 'echo > heard' {name}; echo > ready; {STAY}");
        let supervisor = Supervisor::start(&script, &[]);
        until("the script", || supervisor.directory.file("ready").exists().then_some(()));
        supervisor.signal(signal);
        until(name, || supervisor.directory.file("heard").exists().then_some(()));
    }
}

#[test]
fn a_drained_control_plane_ends_everything_with_success() {
    let mut supervisor = Supervisor::start("exit 3", &[]);
    assert_eq!(supervisor.exit_code(), Some(0));
}

#[test]
fn a_datagram_waits_while_the_control_plane_is_away() {
    let port = 2223_u16;
    // The first life reads nothing; the second one reads one datagram from the inherited socket.
    let script = format!(
        r#"echo "$TANDEM_LISTEN_FDS" > listen
        fd=$(echo "$TANDEM_LISTEN_FDS" | sed 's/.*"fd":\([0-9]*\).*/\1/')
        [ -e again ] && dd bs=2000 count=1 of=heard status=none <&"$fd"
        > again
        {STAY}"#
    );
    let supervisor = Supervisor::start(&script, &["--listen-udp", &format!("{}:{port}", home())]);
    let listen = supervisor.file("listen");
    assert!(
        listen.contains(&format!(r#""port":{port}"#)) && listen.contains(r#""protocol":"udp""#),
        "{listen}"
    );
    until("the first life", || supervisor.directory.file("again").exists().then_some(()));
    kill_process(supervisor.control_plane(), Signal::KILL).unwrap();
    let client = UdpSocket::bind((home(), 0)).unwrap();
    client.send_to(b"ping", (home(), port)).unwrap();
    assert_eq!(supervisor.file("heard"), "ping");
}

/// Reads a frame from the carrier and sends it back. Its end of the carrier does not wait for one.
const ECHO: &str = r#"
fd=$(echo "$TANDEM_LISTEN_FDS" | sed 's/.*"fd":\([0-9]*\).*/\1/')
printf '\0\0\0\0' >&"$fd"
echo > ready
until [ -s frame ]; do dd bs=2000 count=1 of=frame status=none <&"$fd" 2> missed || sleep 0.01; done
mv frame heard
cat heard >&"$fd"
"#;

#[test]
fn a_datagram_is_carried_with_its_sender_and_the_reply_goes_back() {
    let directory = Directory::new();
    let (path, own) = (directory.file("control"), directory.file("client"));
    let supervisor =
        Supervisor::start(&format!("{ECHO} {STAY}"), &["--listen-unix-dgram", path.to_str().unwrap()]);
    until("the socket", || path.exists().then_some(()));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
    let client = UnixDatagram::bind(&own).unwrap();
    client.set_read_timeout(Some(DEADLINE)).unwrap();
    client.send_to(b"1 V", &path).unwrap();
    let mut reply = [0; 100];
    let length = client.recv(&mut reply).unwrap();
    assert_eq!(&reply[..length], b"1 V");
    let frame = fs::read(supervisor.directory.file("heard")).unwrap();
    assert_eq!(frame[6..], [own.to_str().unwrap().as_bytes(), b"1 V"].concat());
}

#[test]
fn a_datagram_waits_for_a_control_plane_that_reads() {
    let directory = Directory::new();
    let (path, own) = (directory.file("control"), directory.file("client"));
    // The first life does not read.
    let script = format!("[ -e again ] || {{ > again; {STAY}; }}; {ECHO} {STAY}");
    let supervisor = Supervisor::start(&script, &["--listen-unix-dgram", path.to_str().unwrap()]);
    until("the first life", || supervisor.directory.file("again").exists().then_some(()));
    let client = UnixDatagram::bind(&own).unwrap();
    client.set_read_timeout(Some(DEADLINE)).unwrap();
    client.send_to(b"1 V", &path).unwrap();
    kill_process(supervisor.control_plane(), Signal::KILL).unwrap();
    let mut reply = [0; 100];
    assert_eq!(client.recv(&mut reply).unwrap(), 3);
}

#[test]
fn connections_wait_in_a_held_unix_socket_that_goes_with_its_supervisor() {
    let directory = Directory::new();
    let path = directory.file("control");
    // One left behind by somebody who is gone.
    drop(UnixListener::bind(&path).unwrap());
    let options = ["--listen-unix", path.to_str().unwrap(), "--socket-mode", "600"];
    let mut supervisor =
        Supervisor::start(&format!("echo \"$TANDEM_LISTEN_FDS\" > listen; {STAY}"), &options);
    assert!(supervisor.file("listen").contains(&format!(r#""path":"{}","protocol":"unix""#, path.display())));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let _waiting = UnixStream::connect(&path).unwrap();
    kill_process(supervisor.control_plane(), Signal::KILL).unwrap();
    let _waiting_too = UnixStream::connect(&path).unwrap();
    supervisor.signal(Signal::TERM);
    assert_eq!(supervisor.exit_code(), Some(0));
    assert!(!path.exists());
}

#[test]
fn a_unix_socket_takes_nobodys_place() {
    let directory = Directory::new();
    let file = directory.file("file");
    fs::write(&file, "precious").unwrap();
    let (stream, datagram) = (directory.file("stream"), directory.file("datagram"));
    let _listener = UnixListener::bind(&stream).unwrap();
    let _socket = UnixDatagram::bind(&datagram).unwrap();
    let long = directory.file(&"x".repeat(120));
    for path in [&file, &stream, &datagram, &long] {
        for option in ["--listen-unix", "--listen-unix-dgram"] {
            let mut supervisor = Supervisor::start(STAY, &[option, path.to_str().unwrap()]);
            assert_eq!(supervisor.exit_code(), Some(2), "{option} {}", path.display());
        }
    }
    assert_eq!(fs::read(&file).unwrap(), b"precious");
    assert!(stream.exists() && datagram.exists());
}

#[test]
fn an_address_that_cannot_be_listened_on_is_a_wrong_configuration() {
    let taken = UdpSocket::bind((home(), 0)).unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut supervisor = Supervisor::start(STAY, &["--listen-udp", &address]);
    assert_eq!(supervisor.exit_code(), Some(2));
}

#[test]
fn a_missing_program_is_a_wrong_configuration() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tandem-supervisor"))
        .args(["--data-plane", env!("CARGO_BIN_EXE_tandem-dataplane"), "--log-level", "error"])
        .args(["--", "/no/such/program"])
        .spawn()
        .unwrap();
    assert_eq!(wait(&mut child, DEADLINE).code(), Some(2));
}
