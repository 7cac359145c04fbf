//! The program on a bench: one device, one next hop, rules as the test wants them.

use std::{collections::HashMap, net::SocketAddr};

use crate::{
    Copied, Payload, Progress, Rewrite, Rule, RuleStats,
    copies::Copies,
    frame::Frame,
    kernel::{Kernel, LOOPBACK, Outcome},
    layout::{
        DEVICE_NATIVE, Device, HOP_RESOLVED, HOP_SENDS_FRAMES, HOP_TAGGED, Hop, Key, OUTCOMES, State, Way,
    },
    mapped::MappedArray,
};

#[derive(Debug)]
pub struct Bench {
    kernel: Kernel,
    installed: HashMap<u32, Rule>,
    hops: MappedArray<Hop>,
    copies: Copies,
    next: u32,
}

/// A copy that was read.
#[derive(Debug)]
pub struct Taken {
    pub time_ns: u64,
    pub token: u64,
    pub packet: Vec<u8>,
}

impl Bench {
    /// `None`, with the reason, where programs cannot be loaded.
    pub fn new() -> Option<Self> {
        let missing = crate::privileges::missing();
        if !missing.is_empty() {
            assert!(std::env::var("TANDEM_REQUIRE_PEERS").is_err(), "cannot run: {missing:?}");
            eprintln!("skipped: {}", missing.join("; "));
            return None;
        }
        let mut kernel = Kernel::load(None, 64).unwrap();
        let hops = kernel.take_hops().unwrap();
        let copies = kernel.take_copies().unwrap();
        let mut bench = Bench { kernel, installed: HashMap::new(), hops, copies, next: 0 };
        bench.change_hop(|_| {});
        bench.arrive_as(DEVICE_NATIVE);
        Some(bench)
    }

    pub fn arrive_as(&mut self, flags: u8) {
        let device = Device { slot: 0, address: OURS, flags, unused: 0 };
        self.kernel.devices.insert(LOOPBACK, device, 0).unwrap();
    }

    pub fn install(&mut self, rule: &Rule, progress: &Progress) -> u32 {
        let index = self.next;
        self.next += 1;
        self.install_at(index, rule, progress);
        index
    }

    pub fn install_at(&mut self, index: u32, rule: &Rule, progress: &Progress) {
        let way = Way { hop: HOP, arrival_device: LOOPBACK, ttl: 64 };
        self.kernel.rules.insert(index, rule, way, State::beginning(progress)).unwrap();
        self.installed.insert(index, rule.clone());
    }

    /// In place of the first rule, measuring from nothing.
    pub fn install_anew(&mut self, rule: &Rule) -> u32 {
        if self.next > 0 {
            self.withdraw(rule);
        }
        self.next = 0;
        self.install(rule, &Progress::default())
    }

    pub fn withdraw(&mut self, rule: &Rule) {
        let index =
            *self.installed.iter().find(|(_, installed)| Key::of(installed) == Key::of(rule)).unwrap().0;
        self.installed.remove(&index);
        self.kernel.rules.remove(index, rule).unwrap();
    }

    pub fn stats(&self, index: u32) -> RuleStats {
        self.kernel.rules.states.read(index).unwrap().stats()
    }

    pub fn run(&mut self, frame: &[u8]) -> Outcome {
        self.kernel.run(frame, 1).unwrap()
    }

    /// The same frame each time.
    pub fn run_often(&mut self, frame: &[u8], times: u32) {
        self.kernel.run(frame, times).unwrap();
    }

    pub fn copy(&mut self, index: u32, token: Option<u64>) -> bool {
        self.kernel.rules.copy(index, token)
    }

    pub fn take_copies(&mut self) -> Vec<Taken> {
        let mut taken = Vec::new();
        self.copies.read(usize::MAX, |copied| {
            let Copied { time_ns, token, packet } = copied;
            taken.push(Taken { time_ns, token, packet: packet.to_vec() });
        });
        taken
    }

    pub fn copies_lost(&self) -> u64 {
        self.kernel.copies_lost()
    }

    /// The frame goes up untouched, counted under this reason.
    #[track_caller]
    pub fn passes(&mut self, frame: &[u8], reason: &str) {
        let before = self.counted(reason);
        let out = self.run(frame);
        assert_eq!((out.verdict, &out.frame[..]), (XDP_PASS, frame), "{reason}");
        assert_eq!(self.counted(reason), before + 1, "{reason}: {:?}", self.counts());
    }

    pub fn counted(&self, reason: &str) -> u64 {
        self.counts().into_iter().find(|(name, _)| *name == reason).unwrap().1
    }

    fn counts(&self) -> Vec<(&'static str, u64)> {
        OUTCOMES.into_iter().zip(self.kernel.counters(0)).collect()
    }

    /// The usual hop with a change. `version` 1 stays: somebody is at it.
    pub fn change_hop(&mut self, change: impl FnOnce(&mut Hop)) {
        let mut hop = Hop {
            logical: LOOPBACK,
            device: LOOPBACK,
            mtu: 1500,
            flags: HOP_RESOLVED | HOP_SENDS_FRAMES,
            destination: ROUTER,
            source: OURS,
            ..Hop::default()
        };
        change(&mut hop);
        let changing = hop.version == 1;
        self.hops.write(HOP, hop);
        if changing {
            self.hops.leave_odd(HOP);
        }
    }

    /// The rule's packets should arrive on another interface.
    pub fn expect_elsewhere(&mut self, rule: &Rule) {
        let way = Way { hop: HOP, arrival_device: LOOPBACK + 1, ttl: 64 };
        assert!(self.kernel.rules.redirect(0, rule, way));
    }

    pub fn leave_with_tag(&mut self, tag: Option<u16>) {
        self.change_hop(|hop| {
            if let Some(tag) = tag {
                hop.flags |= HOP_TAGGED;
                hop.tag = tag.to_be_bytes();
            }
        });
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
        payloads: vec![
            Payload { arrives_as: 0, leaves_as: 0, clock_rate: 8000, times: true },
            Payload { arrives_as: 101, leaves_as: 101, clock_rate: 8000, times: false },
        ],
        rewrite: Rewrite::default(),
        epoch_ns: 0,
        copy: None,
    }
}

pub fn eastwards() -> Rule {
    rule("192.0.2.1:30000", "192.0.2.2:40000", "198.51.100.1:30002", "198.51.100.2:50000")
}

/// In IPv6 throughout.
pub fn eastwards6() -> Rule {
    rule("[2001:db8::1]:30000", "[2001:db8::2]:40000", "[2001:db8:1::1]:30002", "[2001:db8:1::2]:50000")
}

pub fn arriving(rule: &Rule, payload: &[u8]) -> Vec<u8> {
    let (from, to) = (rule.source, rule.local);
    Frame { destination: OURS, source: PEER, tags: &[], from, to, tos: 0, ttl: 57, payload }.bytes()
}

pub fn leaving(rule: &Rule, payload: &[u8]) -> Vec<u8> {
    let (from, to, tos) = (rule.from, rule.to, rule.tos);
    Frame { destination: ROUTER, source: OURS, tags: &[], from, to, tos, ttl: 64, payload }.bytes()
}

/// G.711, 20 ms.
pub fn rtp(sequence: u16) -> Vec<u8> {
    let mut packet = vec![0x80, 0];
    packet.extend(sequence.to_be_bytes());
    packet.extend((u32::from(sequence) * 160).to_be_bytes());
    packet.extend(SSRC.to_be_bytes());
    packet.extend(0..=159);
    packet
}

pub fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

pub const XDP_PASS: u32 = 2;
pub const SSRC: u32 = 0x1234_5678;
pub const OURS: [u8; 6] = [2, 0, 0, 0, 0, 1];
pub const PEER: [u8; 6] = [2, 0, 0, 0, 0, 2];
pub const ROUTER: [u8; 6] = [2, 0, 0, 0, 0, 3];
const HOP: u32 = 5;
