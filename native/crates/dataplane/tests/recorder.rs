//! Copies on their way into files and to whoever listens along.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]
#![expect(clippy::wildcard_enum_match_arm, reason = "anything else fails a test")]

mod support;

use std::{
    fs,
    io::Read,
    net::{SocketAddr, UdpSocket},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use dataplane::recorder::{Copier, Recorder};
use engine::{Copied, Recorder as _, TapHandle};
use protocol::{Component, Event, PcapLink, SessionId, StreamId, TapId, TapPlan, TapSide, TapTarget};
use support::{DEADLINE, Directory, until};

const ALICE: &str = "198.51.100.7:4000";
const OURS: &str = "192.0.2.1:40000";

fn recorder() -> (Arc<Recorder>, Copier) {
    let recorder = Arc::new(Recorder::new(100));
    let copier = recorder.copier();
    (recorder, copier)
}

/// For what stands for disks that are full or slow.
fn recorder_onto_anything() -> (Arc<Recorder>, Copier) {
    let recorder = Arc::new(Recorder::onto_anything(100));
    let copier = recorder.copier();
    (recorder, copier)
}

fn pipe(directory: &Directory) -> PathBuf {
    let path = directory.file("pipe");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    path
}

fn tap(target: TapTarget) -> TapPlan {
    TapPlan {
        id: TapId(1),
        streams: vec![StreamId(1)],
        side: TapSide::Both,
        rtcp: true,
        paused: false,
        target,
    }
}

fn file(path: &Path) -> TapPlan {
    tap(TapTarget::Pcap { path: path.to_str().unwrap().to_owned(), link: PcapLink::RawIp })
}

fn open(copier: &mut Copier, plan: &TapPlan) -> TapHandle {
    copier.open(&SessionId("call".to_owned()), plan)
}

fn copy_between(copier: &mut Copier, tap: TapHandle, from: &str, to: &str, payload: &[u8]) {
    let (from, to) = (from.parse().unwrap(), to.parse().unwrap());
    copier.copy(tap, &Copied { at: Instant::now(), from, to, component: Component::Rtp, payload });
}

fn copy(copier: &mut Copier, tap: TapHandle, payload: &[u8]) {
    copy_between(copier, tap, ALICE, OURS, payload);
}

fn settle(recorder: &Recorder, copier: &mut Copier) {
    // Once the files are not behind any more, the rest may go, too.
    for _ in 0..2 {
        copier.hand_over();
        recorder.finish();
    }
}

fn failure(recorder: &Recorder) -> String {
    match until("an event", || recorder.next_event()) {
        Event::TapFailed { session, tap: TapId(1), reason } if session.0 == "call" => reason,
        other => panic!("{other:?}"),
    }
}

/// Payloads of the records of a raw capture, which has nothing else.
fn payloads(path: &Path) -> Vec<Vec<u8>> {
    let bytes = fs::read(path).unwrap();
    let mut rest = &bytes[24..];
    let mut found = Vec::new();
    while !rest.is_empty() {
        let length = u32::from_le_bytes(rest[8..12].try_into().unwrap()) as usize;
        found.push(rest[16 + 28..16 + length].to_vec());
        rest = &rest[16 + length..];
    }
    found
}

#[test]
fn a_capture_is_what_other_programs_read() {
    if Command::new("tshark").arg("--version").output().is_err() {
        let required = std::env::var_os("TANDEM_REQUIRE_PEERS").is_some_and(|wanted| wanted == "1");
        assert!(!required, "tshark is not here");
        eprintln!("skipped: tshark is not here");
        return;
    }
    let directory = Directory::new();
    let before = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    for link in [PcapLink::RawIp, PcapLink::Ethernet] {
        let path = directory.file(&format!("{link:?}.pcap"));
        let (recorder, mut copier) = recorder();
        let target = TapTarget::Pcap { path: path.to_str().unwrap().to_owned(), link };
        let tap = open(&mut copier, &tap(target));
        copy(&mut copier, tap, b"odd");
        copy_between(&mut copier, tap, OURS, ALICE, &[0xff; 1400]);
        copy_between(&mut copier, tap, "[2001:db8::7]:4000", "[2001:db8::1]:40000", b"six!");
        settle(&recorder, &mut copier);
        let fields = ["ip.src", "ipv6.src", "udp.srcport", "udp.dstport", "udp.length", "ip.checksum.status"];
        let fields = [fields.as_slice(), &["udp.checksum.status", "frame.time_epoch"]].concat();
        let checks = ["-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE"];
        let shown = Command::new("tshark")
            .args(["-n", "-T", "fields", "-E", "separator=,", "-r"])
            .arg(&path)
            .args(checks)
            .args(fields.iter().flat_map(|field| ["-e", field]))
            .output()
            .unwrap();
        let text = String::from_utf8(shown.stdout).unwrap();
        let lines: Vec<(&str, f64)> = text
            .lines()
            .map(|line| line.rsplit_once(',').unwrap())
            .map(|(line, at)| (line, at.parse().unwrap()))
            .collect();
        let expected = [
            "198.51.100.7,,4000,40000,11,1,1",
            "192.0.2.1,,40000,4000,1408,1,1",
            ",2001:db8::7,4000,40000,12,,1",
        ];
        assert_eq!(lines.iter().map(|(line, _)| *line).collect::<Vec<_>>(), expected, "{link:?}");
        assert!(lines.iter().all(|(_, at)| *at > before - 1.0 && *at < before + 60.0), "{text}");
    }
}

#[test]
fn a_packet_that_is_too_long_with_its_headers_tells_what_it_was() {
    let directory = Directory::new();
    let path = directory.file("call.pcap");
    let target = TapTarget::Pcap { path: path.to_str().unwrap().to_owned(), link: PcapLink::Ethernet };
    // The second one goes on behind what the first has written.
    for count in 1..=2 {
        let (recorder, mut copier) = recorder();
        let tap = open(&mut copier, &tap(target.clone()));
        copy(&mut copier, tap, &[7; 65_507]);
        settle(&recorder, &mut copier);
        assert_eq!(copier.counts(tap).failure, None);
        let bytes = fs::read(&path).unwrap();
        assert_eq!(bytes.len(), 24 + count * (16 + 65_535));
        let last = &bytes[bytes.len() - 65_535 - 16..];
        let word = |at: usize| u32::from_le_bytes(last[at..at + 4].try_into().unwrap());
        assert_eq!((word(8), word(12)), (65_535, 65_549));
        // Total length (RFC 791) behind the Ethernet header.
        assert_eq!(last[16 + 14 + 2..16 + 14 + 4], 65_535_u16.to_be_bytes());
        copier.close(tap);
        recorder.finish();
    }
}

#[test]
fn a_file_is_there_before_the_first_packet() {
    let directory = Directory::new();
    let (recorder, mut copier) = recorder();
    open(&mut copier, &file(&directory.file("call.pcap")));
    recorder.finish();
    assert_eq!(payloads(&directory.file("call.pcap")), Vec::<Vec<u8>>::new());
}

#[test]
fn what_was_copied_is_in_the_file_a_second_later_without_further_packets() {
    let directory = Directory::new();
    let path = directory.file("call.pcap");
    let (_recorder, mut copier) = recorder();
    let tap = open(&mut copier, &file(&path));
    copy(&mut copier, tap, b"one");
    copier.hand_over();
    until("the packet", || fs::read(&path).ok().filter(|bytes| bytes.ends_with(b"one")));
}

#[test]
fn a_tap_that_is_closed_leaves_everything_in_its_file() {
    let directory = Directory::new();
    let (recorder, mut copier) = recorder();
    let tap = open(&mut copier, &file(&directory.file("call.pcap")));
    copy(&mut copier, tap, b"one");
    copier.close(tap);
    recorder.finish();
    assert_eq!(payloads(&directory.file("call.pcap")), [b"one"]);
    copy(&mut copier, tap, b"late");
    settle(&recorder, &mut copier);
    assert_eq!(payloads(&directory.file("call.pcap")), [b"one"]);
}

#[test]
fn several_threads_record_into_one_file() {
    let directory = Directory::new();
    let (recorder, mut first) = recorder();
    let mut second = recorder.copier();
    let tap = open(&mut first, &file(&directory.file("call.pcap")));
    let other = std::thread::spawn(move || {
        (0..1000).for_each(|_| copy(&mut second, tap, b"of the kernel"));
    });
    (0..1000).for_each(|_| copy(&mut first, tap, b"of a shard"));
    other.join().unwrap();
    settle(&recorder, &mut first);
    let found = payloads(&directory.file("call.pcap"));
    let of = |what: &[u8]| found.iter().filter(|payload| *payload == what).count();
    assert_eq!((of(b"of a shard"), of(b"of the kernel")), (1000, 1000));
    assert_eq!(first.counts(tap).packets, 2000);
}

/// Records some packets, has the file changed, and records one more.
fn recorded_again(count: usize, change: impl FnOnce(&Path)) -> (Vec<Vec<u8>>, Option<String>) {
    let directory = Directory::new();
    let path = directory.file("call.pcap");
    let record = |count: usize, payload: &[u8]| {
        let (recorder, mut copier) = recorder();
        let tap = open(&mut copier, &file(&path));
        (0..count).for_each(|_| copy(&mut copier, tap, payload));
        settle(&recorder, &mut copier);
        let failure = copier.counts(tap).failure;
        copier.close(tap);
        recorder.finish();
        failure
    };
    assert_eq!(record(count, &[7; 1000]), None);
    assert_eq!(payloads(&path).len(), count);
    change(&path);
    let failure = record(1, b"again");
    let found = if failure.is_none() { payloads(&path) } else { Vec::new() };
    (found, failure)
}

fn cut(path: &Path, bytes: u64) {
    let file = fs::OpenOptions::new().write(true).open(path).unwrap();
    file.set_len(file.metadata().unwrap().len() - bytes).unwrap();
}

#[test]
fn a_recording_goes_on_behind_the_last_whole_packet() {
    // The second file is larger than what is looked through.
    for count in [3, 1000] {
        for (torn, lost) in [(0, 0), (1, 1), (1000, 1), (1028, 1), (1043, 1)] {
            let (found, failure) = recorded_again(count, |path| cut(path, torn));
            assert_eq!(failure, None);
            assert_eq!(found.len(), count - lost + 1, "{torn} bytes torn off {count} packets");
            assert_eq!(found.last().unwrap(), b"again");
            assert!(found[..found.len() - 1].iter().all(|payload| *payload == [7; 1000]));
        }
    }
}

#[test]
fn a_recording_that_was_torn_in_its_header_begins_anew() {
    for left in [0, 10, 24] {
        let (found, failure) = recorded_again(0, |path| cut(path, 24 - left));
        assert_eq!((found, failure), (vec![b"again".to_vec()], None));
    }
}

#[test]
fn a_file_that_is_something_else_is_left_alone() {
    for other in [&b"a letter to my mother, which is longer than a header"[..], b"short"] {
        let (_, failure) = recorded_again(0, |path| fs::write(path, other).unwrap());
        assert!(failure.unwrap().contains("no capture"));
    }
    let (_, failure) = recorded_again(3, |path| {
        let mut bytes = fs::read(path).unwrap();
        bytes.extend_from_slice(&[0; 100_000]);
        fs::write(path, bytes).unwrap();
    });
    assert!(failure.unwrap().contains("no capture"));
}

#[test]
fn a_link_is_not_followed() {
    let directory = Directory::new();
    let path = directory.file("call.pcap");
    std::os::unix::fs::symlink(directory.file("elsewhere"), &path).unwrap();
    let (recorder, mut copier) = recorder();
    open(&mut copier, &file(&path));
    assert!(failure(&recorder).contains("symbolic links"));
    assert!(!directory.file("elsewhere").exists());
}

#[test]
fn a_file_cannot_be_written_by_two_taps_at_once() {
    let directory = Directory::new();
    let (recorder, mut copier) = recorder();
    let first = open(&mut copier, &file(&directory.file("call.pcap")));
    let second = open(&mut copier, &file(&directory.file("call.pcap")));
    copy(&mut copier, first, b"one");
    copy(&mut copier, second, b"two");
    settle(&recorder, &mut copier);
    assert!(failure(&recorder).contains("already"));
    assert_eq!(payloads(&directory.file("call.pcap")), [b"one"]);
    copier.close(first);
    copier.retry(second);
    copy(&mut copier, second, b"three");
    settle(&recorder, &mut copier);
    assert_eq!(payloads(&directory.file("call.pcap")), [&b"one"[..], b"three"]);
}

#[test]
fn a_full_disk_is_told_of_once_and_what_is_lost_is_counted() {
    let (recorder, mut copier) = recorder_onto_anything();
    let tap = open(&mut copier, &file(Path::new("/dev/full")));
    assert!(failure(&recorder).contains("No space left"));
    for _ in 0..3 {
        copy(&mut copier, tap, b"one");
        copier.retry(tap);
        settle(&recorder, &mut copier);
    }
    let counts = copier.counts(tap);
    assert_eq!((counts.packets, counts.bytes, counts.dropped), (0, 0, 3));
    assert!(counts.failure.is_some_and(|reason| reason.contains("No space left")));
    assert!(recorder.next_event().is_none());
}

#[test]
fn a_directory_that_is_not_there_is_tried_again_with_the_next_plan() {
    let directory = Directory::new();
    let folder = directory.file("calls");
    let (recorder, mut copier) = recorder();
    let tap = open(&mut copier, &file(&folder.join("call.pcap")));
    copy(&mut copier, tap, b"lost");
    settle(&recorder, &mut copier);
    assert!(failure(&recorder).contains("No such file"));
    fs::create_dir(&folder).unwrap();
    copy(&mut copier, tap, b"lost, too");
    settle(&recorder, &mut copier);
    copier.retry(tap);
    copy(&mut copier, tap, b"found");
    settle(&recorder, &mut copier);
    let counts = copier.counts(tap);
    assert_eq!((counts.packets, counts.dropped, counts.failure), (1, 2, None));
    assert_eq!(payloads(&folder.join("call.pcap")), [b"found"]);
}

#[test]
fn a_file_that_was_removed_is_told_of_and_made_again_with_the_next_plan() {
    let directory = Directory::new();
    let path = directory.file("call.pcap");
    let (recorder, mut copier) = recorder();
    let tap = open(&mut copier, &file(&path));
    recorder.finish();
    fs::remove_file(&path).unwrap();
    recorder.finish();
    assert_eq!(failure(&recorder), "the file was removed");
    copier.retry(tap);
    copy(&mut copier, tap, b"again");
    settle(&recorder, &mut copier);
    assert_eq!(payloads(&path), [b"again"]);
}

#[test]
fn no_more_files_are_open_than_may_be() {
    let directory = Directory::new();
    let recorder = Arc::new(Recorder::new(1));
    let mut copier = recorder.copier();
    let first = open(&mut copier, &file(&directory.file("one.pcap")));
    let second = open(&mut copier, &file(&directory.file("two.pcap")));
    assert!(failure(&recorder).contains("open already"));
    copier.close(first);
    copier.retry(second);
    recorder.finish();
    assert_eq!(copier.counts(second).failure, None);
}

#[test]
fn a_disk_that_stands_still_costs_copies_and_holds_up_nobody() {
    let directory = Directory::new();
    let path = pipe(&directory);
    let (recorder, mut copier) = recorder_onto_anything();
    let tap = open(&mut copier, &file(&path));
    // More than the pipe and all chunks hold; were it to wait, it would wait for good.
    let packets = 10_000;
    for _ in 0..packets {
        copy(&mut copier, tap, &[7; 1000]);
        copier.hand_over();
    }
    let stuck = copier.counts(tap);
    assert_eq!(stuck.packets + stuck.dropped, packets);
    assert!(stuck.dropped > 0 && stuck.packets > 2000, "{stuck:?}");

    let mut pipe = fs::OpenOptions::new().read(true).custom_flags(nonblocking()).open(&path).unwrap();
    let mut bytes = 0;
    until("all that was taken", || {
        copier.hand_over();
        let mut buffer = [0; 65536];
        while let Ok(read @ 1..) = pipe.read(&mut buffer) {
            bytes += read as u64;
        }
        (bytes == 24 + stuck.packets * 1044).then_some(())
    });
    copy(&mut copier, tap, b"on we go");
    assert_eq!(copier.counts(tap).dropped, stuck.dropped);
    drop(recorder);
}

#[test]
fn files_of_calls_that_came_and_went_while_the_disk_stood_still_are_not_kept_open() {
    let directory = Directory::new();
    let path = pipe(&directory);
    let (recorder, mut copier) = recorder_onto_anything();
    let slow = open(&mut copier, &file(&path));
    let stuck = Instant::now();
    // More than the pipe holds.
    for _ in 0..200 {
        copy(&mut copier, slow, &[7; 1000]);
        copier.hand_over();
    }
    let name = |number: usize| directory.file(&format!("{number}.pcap"));
    let long: Vec<TapHandle> = (0..50).map(|number| open(&mut copier, &file(&name(number)))).collect();
    // More than the inbox holds.
    for number in 50..2600 {
        let short = open(&mut copier, &file(&name(number)));
        copier.close(short);
    }
    long.into_iter().for_each(|tap| copier.close(tap));
    let last = open(&mut copier, &file(&name(2600)));

    // Longer than the recorder has between two looks at what is overdue.
    until("its next look", || (stuck.elapsed() > Duration::from_millis(1500)).then_some(()));
    let mut pipe = fs::OpenOptions::new().read(true).custom_flags(nonblocking()).open(&path).unwrap();
    until("the last file", || {
        copier.hand_over();
        let mut buffer = [0; 65536];
        while let Ok(1..) = pipe.read(&mut buffer) {}
        name(2600).exists().then_some(())
    });
    copier.close(last);
    recorder.finish();
    let held: Vec<_> = fs::read_dir("/proc/self/fd")
        .unwrap()
        .filter_map(|entry| fs::read_link(entry.unwrap().path()).ok())
        .filter(|held| held.starts_with(directory.file("")) && *held != path)
        .collect();
    assert_eq!(held, Vec::<PathBuf>::new());
}

#[test]
fn what_is_no_file_is_left_alone() {
    let directory = Directory::new();
    for path in [pipe(&directory), PathBuf::from("/dev/null")] {
        let (recorder, mut copier) = recorder();
        open(&mut copier, &file(&path));
        assert_eq!(failure(&recorder), "there is something that is no file");
    }
}

fn nonblocking() -> i32 {
    rustix::fs::OFlags::NONBLOCK.bits() as i32
}

fn listener(home: &str) -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind(home).unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

fn received(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = [0; 100];
    let (length, from) = socket.recv_from(&mut buffer).unwrap();
    (buffer[..length].to_vec(), from)
}

#[test]
fn a_fork_gets_the_packets_alone_each_kind_where_it_wants_it() {
    for home in ["127.0.0.1:0", "[::1]:0"] {
        let ((media, rtp), (control, rtcp)) = (listener(home), listener(home));
        let (recorder, mut copier) = recorder();
        let tap = open(&mut copier, &tap(TapTarget::Datagrams { rtp, rtcp: Some(rtcp) }));
        copy(&mut copier, tap, b"media");
        let (from, to) = (ALICE.parse().unwrap(), OURS.parse().unwrap());
        let report = Copied { at: Instant::now(), from, to, component: Component::Rtcp, payload: b"report" };
        copier.copy(tap, &report);
        settle(&recorder, &mut copier);
        let ((payload, sender), (report, other)) = (received(&media), received(&control));
        assert_eq!((&payload[..], &report[..]), (&b"media"[..], &b"report"[..]));
        assert_eq!(sender, other);
        assert_eq!((copier.counts(tap).packets, copier.counts(tap).dropped), (2, 0));
    }
}

#[test]
fn a_fork_that_cannot_be_reached_is_told_of_once() {
    let (recorder, mut copier) = recorder();
    // A broadcast address, which a socket must not send to without having asked.
    let rtp = "255.255.255.255:9".parse().unwrap();
    let tap = open(&mut copier, &tap(TapTarget::Datagrams { rtp, rtcp: None }));
    copy(&mut copier, tap, b"one");
    copy(&mut copier, tap, b"two");
    settle(&recorder, &mut copier);
    assert!(!failure(&recorder).is_empty());
    assert!(recorder.next_event().is_none());
    assert_eq!(copier.counts(tap).dropped, 2);
}
