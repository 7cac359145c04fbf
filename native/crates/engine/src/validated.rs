//! What ICE decides for its stream: where packets go, who the peer is, what is told of it.

use std::net::SocketAddr;

use ice::{Base, Kind};
use protocol::{Component, IcePlan, IceSnapshot, IceStats};

use crate::{
    ice::{Ports, StreamIce, Turn},
    io::SocketId,
    latch::{Latch, Verdict},
    moment::Moment,
    stream::{Local, Stream, WayOut},
};

impl Stream {
    /// Follows what a plan says of ICE; false if there is none.
    pub fn follow_ice(
        &mut self,
        now: Moment,
        plan: Option<&IcePlan>,
        own: &[SocketAddr],
        snapshots: &[IceSnapshot],
    ) -> bool {
        let Some(plan) = plan else {
            if self.ice.take().is_some() {
                self.rtp.latch = Latch::new(now);
                self.rtcp.latch = Latch::new(now);
            }
            return false;
        };
        let turn = Turn { now, ports: self.ports(), own };
        match &mut self.ice {
            Some(ice) => ice.follow(plan, &turn),
            None => {
                let mut ice = StreamIce::new(plan, &turn);
                ice.resume(&turn, snapshots, &self.locals);
                self.ice = Some(Box::new(ice));
                for half in [&mut self.rtp, &mut self.rtcp] {
                    // Within a call, media stays where it is until a pair is valid; but a source that only sent
                    // packets may be anybody.
                    if half.latch.confirmed() != half.latch.signalled() {
                        half.latch.pin(None);
                    }
                }
            }
        }
        self.aim(now);
        true
    }

    /// Has the agents use the relayed addresses there are now.
    pub fn follow_relays(&mut self, now: Moment) {
        let ports = self.ports();
        if let Some(ice) = &mut self.ice {
            ice.use_ports(now, &ports);
        }
        self.aim(now);
    }

    /// Has packets go where the agents say; true if that is elsewhere than before.
    pub fn aim(&mut self, now: Moment) -> bool {
        let Some(ice) = &mut self.ice else { return false };
        ice.tidy(now);
        let (rtp, rtcp) = (ice.target(Component::Rtp), ice.target(Component::Rtcp));
        if rtp.is_none() && !ice.was_valid {
            return false;
        }
        ice.was_valid = true;
        let mut changed = false;
        for (half, target) in [(&mut self.rtp, rtp), (&mut self.rtcp, rtcp)] {
            let place = target.map(|target| target.remote);
            if half.latch.destination() != place || half.latch.source() != place {
                half.latch.pin(place);
                changed = true;
            }
        }
        if let Some(rtp) = rtp {
            let rtcp = rtcp.map(|target| SocketId(target.base));
            self.way_out = Some(WayOut { rtp: SocketId(rtp.base), rtcp, ipv4: rtp.remote.is_ipv4() });
        }
        changed
    }

    /// Where a handshake with a peer that was heard at this address leaves from and goes to: with ICE, over the pair in use.
    pub fn answers(&self, port: Component, peer: SocketAddr) -> Option<(SocketId, SocketAddr)> {
        let Some(ice) = &self.ice else { return self.leaves_to(port, peer) };
        let target = ice.target_near(port, peer).map(|target| (SocketId(target.base), target.remote));
        target.or_else(|| self.leaves(port))
    }

    /// Whether a source is the peer; learns nothing.
    pub fn admit_validated(&mut self, port: Component, from: SocketAddr) -> Verdict {
        let known = self.half_mut(port).latch.source();
        let Some(ice) = &self.ice else { return Verdict::Foreign };
        if known == Some(from) || ice.accepts(port, from) {
            Verdict::Accepted
        } else if known.is_none() {
            Verdict::Closed
        } else {
            Verdict::Foreign
        }
    }

    pub fn ice_stats(&self) -> Option<IceStats> {
        let ice = self.ice.as_ref()?;
        Some(IceStats {
            state: ice.state(),
            role: ice.role(),
            generation: ice.plan().generation,
            rtp: ice.pair_in_use(Component::Rtp, &self.locals),
            rtcp: ice.pair_in_use(Component::Rtcp, &self.locals),
            relayed: self.locals.iter().find_map(|local| local.relay.as_ref()?.plan.rtp),
            relay_failure: self.locals.iter().find_map(|local| {
                let relay = local.relay.as_ref()?;
                Some(relay.failure.filter(|_| relay.plan.rtp.is_none())?.to_string())
            }),
        })
    }

    fn ports(&self) -> Ports {
        let base = |socket: SocketId, local: &Local, port: u16| Base {
            id: socket.0,
            address: SocketAddr::new(local.address, port),
            kind: Kind::Host,
        };
        let relayed = |socket: SocketId, address: Option<SocketAddr>| {
            Some(Base { id: socket.relayed().0, address: address?, kind: Kind::Relayed })
        };
        let own = self.locals.iter().map(|local| base(local.rtp, local, local.port));
        let of_relay = |local: &Local| relayed(local.rtp, local.relay.as_ref()?.plan.rtp);
        let rtp = own.chain(self.locals.iter().filter_map(of_relay)).collect();
        let rtcp = || {
            let of = |local: &Local| Some(base(local.rtcp?, local, local.port.wrapping_add(1)));
            let of_relay = |local: &Local| relayed(local.rtcp?, local.relay.as_ref()?.plan.rtcp);
            self.locals.iter().filter_map(of).chain(self.locals.iter().filter_map(of_relay)).collect()
        };
        Ports { rtp, rtcp: self.has_rtcp_half().then(rtcp) }
    }
}
