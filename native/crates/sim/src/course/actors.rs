//! What the parties of a course do.

use std::{net::SocketAddr, sync::LazyLock, time::Duration};

use dtls::Certificate;
use engine::Farewell;
use protocol::{DtlsRole, IceRole, SessionPlan, StreamStats};

use super::{
    Ice, Kind, Party, Rules, Security, Step,
    counting::Counting,
    law::{self, Law, Reach},
    plan::{self, Homes},
};
use crate::{
    ALICE, BOB, MALLORY, Network, PROXY_IPV4, PeerId, Received, Traffic, Way, bundle, ice, ice::IceEnd,
    packets,
};

pub struct Course {
    pub kind: Kind,
    pub net: Network,
    pub plan: SessionPlan,
    pub alice: PeerId,
    pub mallory: PeerId,
    pub generation: u32,
    pub law: Law,
    pub counting: Counting,
    bobs: [PeerId; 2],
    /// Words Alice has heard of.
    followed: u32,
    /// How often keys were changed.
    keys: u32,
    sources: u32,
    sequence: u16,
    /// Media went both ways, and nothing but strangers and waiting has come in between.
    is_up: bool,
    /// What was to be sent before ports close or rules change.
    farewells: Vec<Traffic>,
}

impl Course {
    pub fn new(kind: Kind) -> Course {
        let mut net = Network::seeded(1);
        let (alice, bob, video) = (net.peer(ALICE), net.peer(BOB), net.peer(VIDEO_PHONE));
        let mallory = net.peer(MALLORY);
        let homes = Homes { alice: net.address(alice), bob: net.address(bob), bob_video: net.address(video) };
        let plan = plan::first(kind, &homes, &CERTIFICATE);
        net.take_traffic();
        let mut course = Course {
            law: Law::new(kind, &homes),
            counting: Counting::default(),
            bobs: [bob, video],
            followed: 0,
            generation: 1,
            keys: 1,
            sources: 0,
            sequence: 0,
            is_up: false,
            farewells: Vec::new(),
            kind,
            net,
            plan,
            alice,
            mallory,
        };
        course.apply();
        course.begin();
        course
    }

    pub fn take(&mut self, step: Step) {
        match step {
            Step::Wait { ms } => self.wait(ms),
            Step::Talk { mid } => self.talk(mid),
            Step::Report => self.report(),
            Step::NewSources => self.sources += 1,
            Step::RestartIce { alice_follows } => self.restart_ice(alice_follows),
            Step::AliceFollows => self.follow(),
            Step::AliceFallsSilent => {
                self.net.stop_ice(self.alice);
                self.is_up &= self.kind.ice == Ice::None;
            }
            Step::Rekey => self.rekey(),
            Step::Crash => self.crash(),
            Step::Hold(party) => self.replan(|plan| {
                let held = plan
                    .streams
                    .iter_mut()
                    .filter(|stream| plan::is_bobs(stream.id) == (party == Party::Bob));
                held.for_each(|stream| stream.receive = !stream.receive);
            }),
            Step::Ruled(party, rules) => self.rule(party, rules),
            Step::Stranger { mask, leg, trick, detail } => self.deceive(mask, leg, trick, detail),
        }
        self.look(step);
    }

    /// Everybody comes back, media flows, and the call is released without a trace.
    pub fn end(&mut self) {
        self.replan(|plan| plan.streams.iter_mut().for_each(|stream| stream.receive = true));
        self.restart_ice(true);
        self.wait(20_000);
        self.rekey();
        self.wait(100);
        self.talk(false);
        assert!(self.is_up, "in the end media flows both ways: {:?}", self.stats());
        self.look(Step::Talk { mid: false });
        let Some(released) = self.net.release(&self.plan.session) else { panic!("the call has gone") };
        let locals = self.plan.streams.iter().flat_map(|stream| &stream.locals).count();
        assert_eq!(released.sockets.len(), 2 * locals, "every socket is given back");
        self.note_farewells(released.farewells);
        for farewell in std::mem::take(&mut self.farewells) {
            self.law.judge(&farewell, Step::Talk { mid: false });
        }
        self.net.stop_ice(self.alice);
        self.net.settle();
        self.net.take_traffic();
        self.wait(200_000);
        let sent = self.net.take_traffic();
        assert!(sent.is_empty(), "nothing is sent for a call that has gone: {sent:?}");
        let engine = self.net.engine();
        assert_eq!(engine.poll_timeout(), None, "nothing is due for a call that has gone");
        assert!(engine.is_empty() && engine.snapshots(None, 9).is_empty());
        law::check_size(engine, EMPTY);
    }

    pub fn wait(&mut self, ms: u64) {
        self.net.run(Duration::from_millis(ms));
    }

    pub fn stats(&self) -> Vec<StreamStats> {
        self.net.stats(&self.plan.session).streams
    }

    /// What Alice's audio or video is known by.
    pub fn source(&self, media: u32) -> u32 {
        ALICES + self.sources * 2 + media
    }

    fn begin(&mut self) {
        if let Security::Sdes = self.kind.security {
            let [theirs, ours] = plan::keys(self.keys);
            self.net.secure(self.alice, &theirs, &ours);
        }
        self.prepare_handshake();
        if self.kind.ice != Ice::None {
            self.follow();
            self.wait(3000);
        }
        self.shake_hands();
        self.talk(true);
        assert!(self.is_up, "in the beginning media flows both ways: {:?}", self.stats());
        self.look(Step::Talk { mid: true });
    }

    fn talk(&mut self, mid: bool) {
        self.hear();
        let mut expected = Reach::default();
        for _ in 0..3 {
            for media in 0..self.media() {
                self.alice_speaks(media, mid);
                let (bob, to) = (self.bobs[media as usize], self.net.local(&self.plan.session, media + 3));
                self.net.set_payload_type(bob, self.payload_type(media));
                self.net.speak(bob, to);
                expected
                    .count(self.plan.streams[0].receive, self.plan.streams[self.media() as usize].receive);
            }
            self.wait(20);
        }
        self.net.settle();
        let heard = self.hear();
        assert!(
            !self.is_up || heard == expected,
            "of what was said, {heard:?} was heard instead of {expected:?}"
        );
        self.is_up |= heard == expected && self.plan.streams.iter().all(|stream| stream.receive);
    }

    fn alice_speaks(&mut self, media: u32, mid: bool) {
        self.sequence = self.sequence.wrapping_add(1);
        let (payload_type, ssrc) = (self.payload_type(media), self.source(media));
        let name = ["a", "v"][media as usize];
        let packet = if mid && self.kind.bundled {
            bundle::with_mid(name, payload_type, self.sequence, ssrc)
        } else {
            packets::rtp(payload_type, self.sequence, u32::from(self.sequence) * 160, ssrc)
        };
        self.law.said(media, ssrc, self.sequence);
        self.alice_sends(&packet);
    }

    fn alice_sends(&mut self, payload: &[u8]) {
        let to = self.net.local(&self.plan.session, 1);
        self.net.report(self.alice, to, payload, false);
    }

    fn alice_reports(&mut self, compound: &[u8]) {
        let mut to = self.net.local(&self.plan.session, 1);
        to.set_port(to.port() + u16::from(self.kind.separate_rtcp));
        self.net.report(self.alice, to, compound, self.kind.separate_rtcp);
    }

    fn report(&mut self) {
        for media in 0..self.media() {
            let (own, bob) = (self.source(media), self.bobs[media as usize]);
            let theirs = self.net.ssrc(bob);
            let about = |ssrc| packets::Block { ssrc, last_sender_report: 7, ..packets::Block::default() };
            let compound = |from, to| {
                let report = packets::sender_report(from, 7 << 16, &[about(to)]);
                [report, packets::canonical_name(from, "somebody"), packets::picture_loss(from, to)].concat()
            };
            self.alice_reports(&compound(own, theirs));
            let mut to = self.net.local(&self.plan.session, media + 3);
            to.set_port(to.port() + 1);
            self.net.send_rtcp(bob, to, compound(theirs, own));
            self.net.send_rtcp(bob, to, packets::feedback(205, 1, theirs, own, &[1 << 16]));
            self.alice_reports(&packets::full_intra_request(own, theirs, 1));
        }
        self.net.settle();
    }

    fn restart_ice(&mut self, alice_follows: bool) {
        if self.kind.ice == Ice::None {
            return;
        }
        self.generation += 1;
        let generation = self.generation;
        self.replan(|plan| plan.streams[0].ice.iter_mut().for_each(|ice| plan::rename(ice, generation)));
        if alice_follows {
            self.follow();
        }
    }

    fn follow(&mut self) {
        let Some(controls) = self.stats()[0].ice.as_ref().map(|ice| ice.role == IceRole::Controlled) else {
            return;
        };
        if self.followed == self.generation && self.is_up {
            return;
        }
        self.followed = self.generation;
        let (ours, theirs) =
            (plan::words(ice::LOCAL, self.generation), plan::words(ice::REMOTE, self.generation));
        let proxy = [self.net.local(&self.plan.session, 1)];
        let home = self.net.address(self.alice);
        let end = IceEnd::with(home, controls, &proxy, (&theirs.0, &theirs.1), (&ours.0, &ours.1));
        self.net.start_ice(self.alice, false, end);
    }

    fn rekey(&mut self) {
        self.keys += 1;
        let number = self.keys;
        self.prepare_handshake();
        let security = plan::security(self.kind.security, &CERTIFICATE, number);
        self.replan(|plan| plan.streams[0].security = security);
        if let Security::Sdes = self.kind.security {
            let [theirs, ours] = plan::keys(number);
            self.net.secure(self.alice, &theirs, &ours);
        }
        self.shake_hands();
    }

    fn prepare_handshake(&mut self) {
        if let Security::Dtls(DtlsRole::Active) = self.kind.security {
            self.net.await_dtls(self.alice, &CERTIFICATE, false);
        }
    }

    fn shake_hands(&mut self) {
        if let Security::Dtls(role) = self.kind.security {
            if role == DtlsRole::Passive {
                let to = self.net.local(&self.plan.session, 1);
                self.net.start_dtls(self.alice, &CERTIFICATE, to);
            }
            self.wait(4000);
        }
    }

    fn crash(&mut self) {
        let snapshot = self.net.snapshot(&self.plan.session);
        let mut plans = self.net.engine().plans(None, 1);
        self.net.restart_proxy();
        self.counting = Counting::default();
        self.plan = plans.remove(0);
        let streams = snapshot.map_or_else(Vec::new, |snapshot| snapshot.streams);
        law::check_snapshots(&streams);
        for stream in &mut self.plan.streams {
            stream.snapshot = streams.iter().find(|state| state.stream == stream.id).cloned();
        }
        self.apply();
        self.law.crashed(self.net.elapsed());
    }

    fn rule(&mut self, party: Party, rules: Rules) {
        self.hear();
        self.kind.rules[usize::from(party == Party::Bob)] = rules;
        self.law.kind = self.kind;
        self.replan(|plan| {
            let ruled =
                plan.streams.iter_mut().filter(|stream| plan::is_bobs(stream.id) == (party == Party::Bob));
            ruled.for_each(|stream| stream.rtcp_rules = plan::rules(rules));
        });
    }

    fn replan(&mut self, change: impl FnOnce(&mut SessionPlan)) {
        self.plan.revision += 1;
        change(&mut self.plan);
        for stream in &mut self.plan.streams {
            (stream.snapshot, stream.resume) = (None, None);
        }
        self.apply();
    }

    fn apply(&mut self) {
        match self.net.apply(&self.plan) {
            Ok(applied) => self.note_farewells(applied.farewells),
            Err(error) => panic!("the plan of the course was refused: {error}"),
        }
    }

    fn note_farewells(&mut self, farewells: Vec<Farewell>) {
        let (at, from) = (self.net.elapsed(), SocketAddr::new(PROXY_IPV4, 0));
        let noted = |Farewell { to, payload, .. }| Traffic { at, way: Way::Out, from, to, payload };
        self.farewells.extend(farewells.into_iter().map(noted));
    }

    /// Looks at the laws.
    fn look(&mut self, step: Step) {
        self.hear();
        let mut traffic = self.net.take_traffic();
        traffic.append(&mut self.farewells);
        self.counting.add(&self.net, &self.plan, &traffic);
        for datagram in &traffic {
            self.law.judge(datagram, step);
        }
        let stats = self.net.stats(&self.plan.session);
        self.counting.check(&stats, &self.net.engine().counters());
        law::check_size(self.net.engine(), FULL);
        let events = self.net.take_events();
        assert!(events.len() <= MOST_EVENTS, "{} events of one step", events.len());
    }

    /// What came to Alice and to Bob since the last time.
    fn hear(&mut self) -> Reach {
        let mut reach = Reach::default();
        for media in 0..self.media() {
            let bob = self.bobs[media as usize];
            for received in self.net.take_received(bob) {
                reach.bob += u32::from(self.law.bob_hears(media, &received));
            }
        }
        for received in self.net.take_received(self.alice) {
            if !self.law.is_media(&received) {
                continue;
            }
            let payload = match self.kind.security {
                Security::None => Some(received.payload.clone()),
                Security::Sdes | Security::Dtls(_) => self.net.open(self.alice, &received),
            };
            let Some(payload) = payload else { continue };
            reach.alice += u32::from(self.law.alice_hears(&Received { payload, ..received }));
        }
        assert!(self.net.take_received(self.mallory).iter().all(|received| !self.law.is_media(received)));
        reach
    }

    pub fn media(&self) -> u32 {
        if self.kind.bundled { 2 } else { 1 }
    }

    fn payload_type(&self, media: u32) -> u8 {
        match (self.kind.bundled, media) {
            (false, _) => 0,
            (true, 0) => bundle::AUDIO,
            (true, _) => bundle::VIDEO,
        }
    }
}

pub static CERTIFICATE: LazyLock<Certificate> = LazyLock::new(crate::crypto::certificate);
const VIDEO_PHONE: &str = "203.0.113.9:6000";
/// Sources of Alice begin here.
pub const ALICES: u32 = 0x0a11_ce00;
/// Of one step, with a flood from everywhere.
const MOST_EVENTS: usize = 100;
/// Characters it takes to print an engine that has a call, or none: twice as many as the fixed courses came to, which
/// leaves room for what others may learn, but for nothing that grows with each datagram of a flood.
const FULL: usize = 60_000;
const EMPTY: usize = 5_000;
