//! Taps: whose packets are copied, and who takes the copies.

use std::{collections::BTreeSet, fmt, net::SocketAddr, time::Instant};

use protocol::{Component, SessionId, SessionPlan, TapPlan, TapSide, TapStats, TapTarget};

use crate::{
    io::SocketId,
    moment::{Moment, TimeLine},
    offload::{RelayRule, RelayedCopy},
    session::Session,
};

/// Names a tap among all of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TapHandle(pub u32);

/// A packet in the clear, on its way between a peer and us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copied<'a> {
    pub at: Instant,
    pub from: SocketAddr,
    pub to: SocketAddr,
    pub component: Component,
    pub payload: &'a [u8],
}

/// What a recorder tells of a tap.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TapCounts {
    pub packets: u64,
    pub bytes: u64,
    pub dropped: u64,
    pub failure: Option<String>,
}

/// Who takes copies. It never keeps a packet waiting: what it cannot take it counts as dropped.
pub trait Recorder: fmt::Debug + Send {
    fn open(&mut self, session: &SessionId, tap: &TapPlan) -> TapHandle;
    /// Its plan has come again: what has failed is tried once more.
    fn retry(&mut self, tap: TapHandle);
    /// What was copied so far is written out.
    fn close(&mut self, tap: TapHandle);
    fn copy(&mut self, tap: TapHandle, copied: &Copied<'_>);
    /// So many packets never became copies.
    fn lose(&mut self, tap: TapHandle, packets: u64);
    /// Everything that is at hand was copied: nobody shall wait for more.
    fn hand_over(&mut self);
    fn counts(&self, tap: TapHandle) -> TapCounts;
}

/// A tap of a session.
#[derive(Debug)]
pub struct Tap {
    plan: TapPlan,
    handle: TapHandle,
}

/// Which of its session's taps copy the packets of a stream, one bit for each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tapped {
    pub arriving: Bits,
    pub leaving: Bits,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bits {
    rtp: u8,
    rtcp: u8,
}

impl Bits {
    #[inline]
    pub fn of(self, component: Component) -> u8 {
        match component {
            Component::Rtp => self.rtp,
            Component::Rtcp => self.rtcp,
        }
    }

    fn add(&mut self, bit: u8, rtcp: bool) {
        self.rtp |= bit;
        if rtcp {
            self.rtcp |= bit;
        }
    }
}

/// The way of a copied packet.
#[derive(Debug, Clone, Copy)]
pub struct Leg {
    /// The stream whose ports it uses.
    pub carrier: usize,
    pub socket: SocketId,
    pub peer: SocketAddr,
    pub component: Component,
}

/// The recorder, and the clock it is told the time by.
#[derive(Debug)]
pub struct Copies {
    pub recorder: Option<Box<dyn Recorder>>,
    time: TimeLine,
}

impl Copies {
    pub fn new(time: TimeLine) -> Self {
        Copies { recorder: None, time }
    }

    /// Has a session's taps be those of its plan. Taps that stay keep their handles.
    pub fn follow(&mut self, session: &mut Session, plans: Vec<TapPlan>) {
        let Some(recorder) = &mut self.recorder else { return };
        if plans.is_empty() && session.taps.is_empty() {
            return;
        }
        let id = session.session_id();
        let is_same = |tap: &Tap, plan: &TapPlan| tap.plan.id == plan.id && tap.plan.target == plan.target;
        let (kept, gone): (Vec<Tap>, Vec<Tap>) = std::mem::take(&mut session.taps)
            .into_iter()
            .partition(|tap| plans.iter().any(|plan| is_same(tap, plan)));
        // First of all: the next one may want the same file.
        gone.iter().for_each(|tap| recorder.close(tap.handle));
        let mut follow = |plan: TapPlan| {
            let handle = match kept.iter().find(|tap| is_same(tap, &plan)) {
                Some(tap) => {
                    recorder.retry(tap.handle);
                    tap.handle
                }
                None => recorder.open(&id, &plan),
            };
            Tap { plan, handle }
        };
        session.taps = plans.into_iter().map(&mut follow).collect();
        session.connect_taps();
    }

    pub fn close_all(&mut self, session: &Session) {
        if let Some(recorder) = &mut self.recorder {
            session.taps.iter().for_each(|tap| recorder.close(tap.handle));
        }
    }

    pub fn hand_over(&mut self) {
        if let Some(recorder) = &mut self.recorder {
            recorder.hand_over();
        }
    }

    pub fn stats(&self, session: &Session) -> Vec<TapStats> {
        let Some(recorder) = &self.recorder else { return Vec::new() };
        let stats = |tap: &Tap| {
            let TapCounts { packets, bytes, dropped, failure } = recorder.counts(tap.handle);
            TapStats { id: tap.plan.id, packets, bytes, dropped, failure }
        };
        session.taps.iter().map(stats).collect()
    }

    /// Copies a packet that came from a peer.
    #[inline(never)]
    pub fn arriving(&mut self, session: &Session, bits: u8, leg: Leg, at: Moment, payload: &[u8]) {
        let (from, to, at) = (leg.peer, session.address_of(leg), self.time.instant(at));
        self.copy(session, bits, &Copied { at, from, to, component: leg.component, payload });
    }

    /// Copies a packet that goes to a peer.
    #[inline(never)]
    pub fn leaving(&mut self, session: &Session, bits: u8, leg: Leg, at: Moment, payload: &[u8]) {
        let (from, to, at) = (session.address_of(leg), leg.peer, self.time.instant(at));
        self.copy(session, bits, &Copied { at, from, to, component: leg.component, payload });
    }

    /// Copies a packet that the kernel has relayed from one stream to the other: what leaves is what has arrived.
    pub fn relayed(
        &mut self,
        session: &Session,
        [from, to]: [usize; 2],
        rule: &RelayRule,
        copy: RelayedCopy<'_>,
    ) {
        let RelayedCopy { at, payload } = copy;
        let component = Component::Rtp;
        let arriving = session.streams[from].tapped.arriving.of(component);
        let (from, to, leaving) = (rule.from, rule.to, session.streams[to].tapped.leaving.of(component));
        let arrived = Copied { at, from: rule.source, to: rule.local, component, payload };
        self.copy(session, arriving, &arrived);
        self.copy(session, leaving, &Copied { from, to, ..arrived });
    }

    /// So many packets that the kernel has relayed were not copied.
    pub fn lost(&mut self, session: &Session, [from, to]: [usize; 2], count: u64) {
        let component = Component::Rtp;
        let arriving = session.streams[from].tapped.arriving.of(component);
        let leaving = session.streams[to].tapped.leaving.of(component);
        let Some(recorder) = self.recorder.as_mut().filter(|_| count > 0) else { return };
        for bits in [arriving, leaving] {
            let taps = session.taps.iter().enumerate().filter(|(at, _)| bits & (1 << at) != 0);
            taps.for_each(|(_, tap)| recorder.lose(tap.handle, count));
        }
    }

    fn copy(&mut self, session: &Session, bits: u8, copied: &Copied<'_>) {
        let Some(recorder) = &mut self.recorder else { return };
        for (at, tap) in session.taps.iter().enumerate() {
            if bits & (1 << at) != 0 {
                recorder.copy(tap.handle, copied);
            }
        }
    }
}

impl Session {
    pub fn tap_plans(&self) -> Vec<TapPlan> {
        self.taps.iter().map(|tap| tap.plan.clone()).collect()
    }

    /// Lets streams know who wants copies of their packets.
    fn connect_taps(&mut self) {
        for stream in &mut self.streams {
            stream.tapped = Tapped::default();
            for (at, Tap { plan, .. }) in self.taps.iter().enumerate() {
                if plan.paused || !plan.streams.contains(&stream.id) {
                    continue;
                }
                let rtcp = plan.rtcp && !matches!(plan.target, TapTarget::Datagrams { rtcp: None, .. });
                if matches!(plan.side, TapSide::Arriving | TapSide::Both) {
                    stream.tapped.arriving.add(1 << at, rtcp);
                }
                if matches!(plan.side, TapSide::Leaving | TapSide::Both) {
                    stream.tapped.leaving.add(1 << at, rtcp);
                }
            }
        }
    }

    /// Our own address of a leg.
    fn address_of(&self, leg: Leg) -> SocketAddr {
        let address = self.streams[leg.carrier].address_of(leg.socket);
        address.unwrap_or_else(|| SocketAddr::new(std::net::Ipv4Addr::UNSPECIFIED.into(), 0))
    }
}

/// Where and why the taps of a plan make no sense.
pub fn check(plan: &SessionPlan) -> Result<(), (String, String)> {
    if plan.taps.len() > MOST_TAPS {
        return Err(("taps".to_owned(), format!("{} taps exceed {MOST_TAPS}", plan.taps.len())));
    }
    let mut seen = BTreeSet::new();
    for (at, tap) in plan.taps.iter().enumerate() {
        if !seen.insert(tap.id) {
            return Err((format!("taps[{at}].id"), format!("{} is there already", tap.id.0)));
        }
        check_streams(plan, tap).map_err(|reason| (format!("taps[{at}].streams"), reason))?;
        check_target(&tap.target).map_err(|reason| (format!("taps[{at}].target"), reason.to_owned()))?;
    }
    Ok(())
}

fn check_streams(plan: &SessionPlan, tap: &TapPlan) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    for id in &tap.streams {
        if !plan.streams.iter().any(|stream| stream.id == *id) {
            return Err(format!("there is no stream {}", id.0));
        }
        if !seen.insert(*id) {
            return Err(format!("{} is there already", id.0));
        }
    }
    Ok(())
}

fn check_target(target: &TapTarget) -> Result<(), &'static str> {
    match target {
        TapTarget::Pcap { path, .. } if !path.starts_with('/') => Err("is no absolute path"),
        TapTarget::Pcap { path, .. } if path.contains('\0') || path.len() > LONGEST_PATH => Err("is no path"),
        TapTarget::Pcap { .. } => Ok(()),
        TapTarget::Datagrams { rtp, rtcp } => {
            let is_nobody = |at: &std::net::SocketAddr| at.port() == 0 || at.ip().is_unspecified();
            let nobody = std::iter::once(rtp).chain(rtcp).any(is_nobody);
            if nobody { Err("is nobody's address") } else { Ok(()) }
        }
    }
}

/// Of a session: each is asked about every packet.
const MOST_TAPS: usize = 8;
const LONGEST_PATH: usize = 4095;
