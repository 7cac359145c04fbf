//! What is pinned outlives the process, and nothing else does.

#![allow(clippy::unwrap_used, reason = "of tests")]

mod support;

use std::{
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use aya::programs::links::PinnedLink;
use fastpath::{FastPath, Mode, OpenError, Progress, clean, find};
use support::{Flow, Network, PINS, eastwards, layout, left_behind, options, pinned};

#[test]
fn relaying_goes_on_without_the_process_and_with_the_next_one() {
    kernel_or_skip!();
    for mode in [Mode::Generic, Mode::Native, Mode::Tc] {
        let network = if mode == Mode::Native { Network::new().with_gro() } else { Network::new() };
        // Somebody else's XDP program leaves nothing but tc.
        let _other = (mode == Mode::Tc).then(|| network.open());
        network.relay.run_with_bpffs(|| {
            let options = options(Some(PINS.into()));
            let (first, mut flow) = pinned(&network, &eastwards());
            assert_eq!(first.not_pinned(), None);
            flow.packets(5);
            // As when it is killed: its descriptors are closed, no more.
            drop(first);
            flow.packets(5);
            let (second, reports) = FastPath::open(&options).unwrap();
            assert!(reports.iter().all(|report| report.mode == mode), "{reports:?}");
            flow.packets(5);
            let adopted = second.adopt();
            let [(rule, index)] = &adopted[..] else { panic!("{adopted:?}") };
            assert_eq!(*rule, eastwards());
            assert_eq!(second.stats(*index).unwrap().packets, 15);
            assert_eq!(second.withdraw(*index).unwrap().packets, 15);
            second.close();
            assert!(!Path::new(PINS).exists());
        });
    }
}

#[test]
fn no_packet_is_lost_while_the_next_process_tries_it_out_and_takes_over() {
    kernel_or_skip!();
    let network = Network::new();
    network.relay.run_with_bpffs(|| {
        let options = options(Some(PINS.into()));
        let mut flow = left_behind(&network);
        let taken_over = AtomicBool::new(false);
        let second = thread::scope(|scope| {
            scope.spawn(|| {
                while !taken_over.load(Ordering::Relaxed) {
                    flow.packets(1);
                }
            });
            let (second, _) = FastPath::open(&options).unwrap();
            taken_over.store(true, Ordering::Relaxed);
            second
        });
        second.close();
    });
}

#[test]
fn a_dead_configuration_is_cleaned_away() {
    kernel_or_skip!();
    let network = Network::new();
    network.relay.run_with_bpffs(|| {
        left_behind(&network);
        let attached = || network.relay.command("ip", &["link", "show", "west"]).contains("xdp");
        assert!(attached());
        let mut cleaned = clean(Path::new(PINS)).unwrap();
        cleaned.devices.sort();
        assert_eq!((cleaned.devices, cleaned.rules), (vec!["east".to_owned(), "west".to_owned()], 1));
        assert!(!attached());
        assert_eq!(clean(Path::new(PINS)).unwrap().rules, 0);
    });
}

#[test]
fn a_link_that_somebody_has_open_is_detached_all_the_same() {
    kernel_or_skip!();
    let network = Network::new();
    network.relay.run_with_bpffs(|| {
        let (path, _) = FastPath::open(&options(Some(PINS.into()))).unwrap();
        drop(path);
        let layout = layout();
        let pins = std::fs::read_dir(layout).unwrap().map(|entry| entry.unwrap().path());
        let links = pins.filter(|pin| pin.to_string_lossy().contains("generic_"));
        let open: Vec<PinnedLink> = links.map(|pin| PinnedLink::from_pin(pin).unwrap()).collect();
        assert_eq!(open.len(), 2);
        clean(Path::new(PINS)).unwrap();
        assert!(!network.relay.command("ip", &["link", "show", "west"]).contains("xdp"));
        let (again, reports) = FastPath::open(&options(None)).unwrap();
        assert!(reports.iter().all(|report| report.mode == Mode::Generic), "{reports:?}");
        drop((again, open));
    });
}

#[test]
fn what_any_configuration_has_left_on_the_bpffs_is_found() {
    kernel_or_skip!();
    let network = Network::new();
    network.relay.run_with_bpffs(|| {
        let places = [PINS, "/sys/fs/bpf/tandem/0123456789abcdef", "/sys/fs/bpf/once/upon/a/time"];
        std::fs::create_dir_all("/sys/fs/bpf/somebody/layout_elses").unwrap();
        for place in places {
            // Those before keep the interfaces, so this one is attached by tc or not at all.
            let _ = FastPath::open(&options(Some(place.into())));
        }
        let mut found = find(Path::new("/sys/fs/bpf/yet/another"));
        found.sort();
        let mut expected = places.map(Path::new);
        expected.sort();
        assert_eq!(found, expected);
        for place in found {
            clean(&place).unwrap();
        }
        assert!(find(Path::new(PINS)).is_empty());
        assert!(Path::new("/sys/fs/bpf/somebody/layout_elses").exists());
        assert!(!network.relay.command("ip", &["link", "show", "west"]).contains("xdp"));
    });
}

#[test]
fn interfaces_that_are_not_covered_any_more_are_left_alone() {
    kernel_or_skip!();
    let network = Network::new();
    network.relay.run_with_bpffs(|| {
        let mut options = options(Some(PINS.into()));
        drop(FastPath::open(&options).unwrap());
        options.addresses.remove(0);
        drop(FastPath::open(&options).unwrap());
        assert!(!network.relay.command("ip", &["link", "show", "west"]).contains("xdp"));
        assert!(network.relay.command("ip", &["link", "show", "east"]).contains("xdp"));
    });
}

#[test]
fn with_nothing_to_cover_nothing_is_left() {
    kernel_or_skip!();
    let network = Network::new();
    network.relay.run_with_bpffs(|| {
        let mut options = options(Some(PINS.into()));
        drop(FastPath::open(&options).unwrap());
        options.addresses = vec!["127.0.0.1".parse().unwrap(), "10.99.0.1".parse().unwrap()];
        let error = FastPath::open(&options).unwrap_err();
        let OpenError::NoInterface(reports) = &error else { panic!("{error}") };
        assert_eq!(reports.iter().map(|report| &report.device[..]).collect::<Vec<_>>(), ["10.99.0.1", "lo"]);
        assert!(!Path::new(PINS).exists());
        assert!(!network.relay.command("ip", &["link", "show", "west"]).contains("xdp"));
    });
}

#[test]
fn without_a_place_for_pins_all_ends_with_the_process() {
    kernel_or_skip!();
    let network = Network::new();
    network.relay.run(|| {
        let (path, _) = FastPath::open(&options(Some("/tmp/no-bpffs".into()))).unwrap();
        assert_eq!(path.not_pinned(), Some("/tmp/no-bpffs is not on a bpffs"));
        drop(path);
        assert!(!network.relay.command("ip", &["link", "show", "west"]).contains("xdp"));
    });
}

#[test]
fn a_mode_that_is_wished_is_the_only_one_tried_and_takes_the_place_of_another() {
    kernel_or_skip!();
    let network = Network::new().with_gro();
    network.relay.run_with_bpffs(|| {
        let pinned = options(Some(PINS.into()));
        let mut flow = Flow::new(&network);
        for mode in [Mode::Tc, Mode::Generic, Mode::Native, Mode::Tc] {
            let (path, reports) = FastPath::open_by(&pinned, Some(mode)).unwrap();
            let modes: Vec<Mode> = reports.iter().map(|report| report.mode).collect();
            assert_eq!(modes, [mode, mode]);
            let index = path.install(&eastwards(), &Progress::default()).unwrap();
            flow.packets(3);
            assert_eq!(path.withdraw(index).unwrap().packets, 3, "{mode}");
        }
        clean(Path::new(PINS)).unwrap();
    });
}

#[test]
fn a_mode_that_is_wished_in_vain_leaves_no_fast_path() {
    kernel_or_skip!();
    // Without GRO at its other end a veth sends no frames.
    let network = Network::new();
    network.relay.run(|| {
        let refused = FastPath::open_by(&options(None), Some(Mode::Native)).map(|_| ()).unwrap_err();
        assert!(matches!(refused, OpenError::NoInterface(_)), "{refused}");
        assert!(refused.to_string().contains("ethtool -K PEER gro on"), "{refused}");
    });
}
