import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { type Capture, isRtp, startCapture, startCaptureAtEnds } from '../support/capture.js';
import {
  countedPackets,
  expectProxied,
  freshPort,
  onPort,
  startCall,
  startCalls,
} from '../support/netns-call.js';
import {
  expectArrived,
  expectExchanged,
  expectNothingOf,
  expectOnly,
  expectRelayed,
  type MediaEnd,
  openPorts,
  play,
  talk,
} from '../support/netns-media.js';
import { describePeers } from '../support/netns-peers.js';
import { proxyUnderTest } from '../support/netns-proxy.js';
import { createSite, type Site, tidyUp } from '../support/netns-site.js';

/** Type of service of expedited forwarding (RFC 3246). */
const EXPEDITED = 184;

describePeers(['kamailio', 'sipp', 'tcpdump'], 'calls through Kamailio', () => {
  callsThroughKamailio('process');
});

if (proxyUnderTest() === 'tandem') {
  describePeers(
    ['kamailio', 'sipp', 'tcpdump', 'ethtool'],
    'calls through Kamailio, relayed in the kernel',
    () => {
      callsThroughKamailio('kernel');
    },
  );
}

/** The same scenarios with the same outcome, whichever of the two relays. */
function callsThroughKamailio(relay: 'process' | 'kernel'): void {
  let site: Site;
  let relayedBefore = 0;
  beforeAll(async () => {
    site = await createSite({
      proxy: proxyUnderTest(),
      interfaces: [
        { name: 'net', bind: '10.77.1.1' },
        { name: 'net', bind: 'fd77:2::1' },
      ],
      fastPath: relay === 'kernel',
      tandem: { tos: EXPEDITED },
    });
  });
  afterEach(async (test) => {
    await tidyUp(site, test);
    if (relay === 'process') return;
    const relayed = await site.relayedInKernel();
    expect(relayed, 'packets relayed by the kernel').toBeGreaterThan(relayedBefore);
    relayedBefore = relayed;
  });
  afterAll(() => site?.[Symbol.asyncDispose]());

  const capture = (of: Site): Promise<Capture> =>
    relay === 'kernel' ? startCaptureAtEnds(of.network) : startCapture(of.network);

  it('media of a plain call goes through the proxy, both ways, packet for packet', async () => {
    const captured = await capture(site);
    const call = await startCall(site, { uac: 'uac-call.xml', uas: 'uas-call.xml' });
    const { alice, bob } = await call.ends('answered', 'invited');
    expectProxied(alice, bob);
    const streams = await talk(alice, bob);
    await expectExchanged(streams, alice, bob);
    expect(await countedPackets(site, alice.note.callId)).toEqual({ rtp: 100, rtcp: 4, errors: 0 });
    await call.proceed();
    await call.over();
    const packets = await captured.finish();
    for (const stream of streams) expectRelayed(packets, stream);
  });

  it('twenty calls at once lose nothing and mix nothing', async () => {
    const captured = await capture(site);
    const { pairs, hangUp } = await startCalls(site, 20);
    const ports = pairs.flatMap(({ alice, bob }) => [alice.note.remote.port, bob.note.remote.port]);
    expect(new Set(ports).size).toBe(40);
    const talks = await Promise.all(
      pairs.map(async ({ alice, bob }) => ({ streams: await talk(alice, bob), alice, bob })),
    );
    for (const { streams, alice, bob } of talks) await expectExchanged(streams, alice, bob);
    await hangUp();
    const packets = await captured.finish();
    for (const stream of talks.flatMap(({ streams }) => streams)) expectRelayed(packets, stream);
  });

  it('hold lets only the music through, and resume brings the old ports back', async () => {
    const call = await startCall(site, { uac: 'uac-hold.xml', uas: 'uas-hold.xml' });
    const before = await call.ends('answered', 'invited');
    await expectExchanged(await talk(before.alice, before.bob), before.alice, before.bob);

    await call.proceed();
    const held = await call.ends('held-sendonly', 'held-sendonly');
    expect(held.alice.note.remote).toEqual(before.alice.note.remote);
    expect(held.bob.note.remote).toEqual(before.bob.note.remote);
    const music = await play(held.alice);
    await expectArrived(music, held.bob);

    await call.proceed();
    await call.ends('held-inactive', 'held-inactive');
    await call.proceed();
    const zero = await call.ends('held-zero', 'held-zero');
    expect(zero.alice.note.remote).toEqual(before.alice.note.remote);

    await call.proceed();
    const resumed = await call.ends('resumed', 'resumed');
    expect(resumed.alice.note.remote).toEqual(before.alice.note.remote);
    expect(resumed.bob.note.remote).toEqual(before.bob.note.remote);
    await expectExchanged(await talk(resumed.alice, resumed.bob), resumed.alice, resumed.bob);
    await call.proceed();
    await call.over();
  });

  it('a re-INVITE that is refused with 488 does not disturb the media', async () => {
    const [videoPort, otherPort] = [freshPort(), freshPort()];
    const call = await startCall(site, {
      uac: 'uac-reinvite-refused.xml',
      uas: 'uas-refuse-reinvite.xml',
      // rtpengine 10.5 sends to the new port at once, and there is no command to take an offer back.
      callerColumns: (ownPort) => [videoPort, site.proxy.kind === 'tandem' ? otherPort : ownPort],
    });
    const { alice, bob } = await call.ends('answered', 'invited');
    const talking = talk(alice, bob, 100);
    await call.proceed();
    await call.caller.note('refused');
    await expectExchanged(await talking, alice, bob);
    await expectExchanged(await talk(alice, bob), alice, bob);
    await call.proceed();
    await call.over();
  });

  it('a call cancelled in early media leaves nothing behind', async () => {
    const call = await startCall(site, { uac: 'uac-cancel.xml', uas: 'uas-early-media.xml' });
    const { alice, bob } = await call.ends('early', 'invited');
    await expectExchanged(await talk(alice, bob), alice, bob);
    await call.proceed();
    await call.over();
  });

  it('of two phones that ring, the one that answers gets the media', async () => {
    const port = freshPort();
    await openPorts(site.agents.carol, 'carol', [port]);
    const ringing = site.start({ party: 'carol', scenario: 'uas-early-media.xml', rows: [[port]] });
    const call = await startCall(site, {
      uac: 'uac-call.xml',
      uas: 'uas-call.xml',
      service: 'team',
      answerAfterMs: 300,
    });
    const { alice, bob } = await call.ends('answered', 'invited');
    const carol: MediaEnd = { agent: site.agents.carol, note: await ringing.note('invited') };
    expectProxied(alice, bob, carol);
    expect(carol.note.remote.port).not.toBe(bob.note.remote.port);
    const streams = await talk(alice, bob);
    // rtpengine 10.5 goes on sending from the port of the branch that answered first.
    if (site.proxy.kind === 'tandem') await expectExchanged(streams, alice, bob);
    await expectNothingOf(streams[0], carol);
    await call.proceed();
    await ringing.finished();
    await call.over();
  });

  it('after a fork the phone that answered hangs up, and nothing is left of the other one', async () => {
    const port = freshPort();
    const ringing = site.start({ party: 'carol', scenario: 'uas-early-media.xml', rows: [[port]] });
    const call = await startCall(site, {
      uac: 'uac-called-off.xml',
      uas: 'uas-hang-up.xml',
      service: 'team',
      answerAfterMs: 300,
    });
    const { alice, bob } = await call.ends('answered', 'invited');
    await expectArrived(await play(alice), bob);
    await ringing.finished();
    await call.calleeProceeds();
    await call.over();
  });

  it('a caller with IPv4 talks to a phone with IPv6', async () => {
    const captured = await capture(site);
    const call = await startCall(site, {
      uac: 'uac-call.xml',
      uas: 'uas-call.xml',
      service: 'bob6',
      calleeFamily: 'IP6',
    });
    const { alice, bob } = await call.ends('answered', 'invited');
    expect(alice.note.remote.address).toBe('10.77.1.1');
    expect(bob.note.remote.address).toBe('fd77:2::1');
    const streams = await talk(alice, bob);
    await expectExchanged(streams, alice, bob);
    await call.proceed();
    await call.over();
    const packets = await captured.finish();
    for (const stream of streams) expectRelayed(packets, stream);
    if (proxyUnderTest() === 'tandem') {
      const sent = packets.filter((packet) => isRtp(packet) && packet.way === 'out');
      expect(new Set(sent.map(({ to, tos }) => `${to.includes(':') ? 'IPv6' : 'IPv4'} ${tos}`))).toEqual(
        new Set([`IPv4 ${EXPEDITED}`, `IPv6 ${EXPEDITED}`]),
      );
    }
  });

  it('an offer that comes late, in the 200, is answered in the ACK', async () => {
    const call = await startCall(site, { uac: 'uac-late-offer.xml', uas: 'uas-late-offer.xml' });
    const { alice, bob } = await call.ends('offered', 'answered');
    expectProxied(alice, bob);
    await expectExchanged(await talk(alice, bob), alice, bob);
    await call.proceed();
    await call.over();
  });

  it('PRACK and UPDATE work, and the UPDATE moves the media before the call is answered', async () => {
    const second = freshPort();
    await openPorts(site.agents.alice, 'alice', [second]);
    const call = await startCall(site, {
      uac: 'uac-prack.xml',
      uas: 'uas-prack.xml',
      callerColumns: () => [second],
    });
    const early = await call.ends('early', 'invited');
    await expectExchanged(await talk(early.alice, early.bob), early.alice, early.bob);
    await call.proceed();
    const updated = await call.ends('updated', 'updated');
    const alice = onPort(updated.alice, second);
    const streams = await talk(alice, updated.bob);
    await expectExchanged(streams, alice, updated.bob);
    await expectNothingOf(streams[1], updated.alice);
    await expectOnly([streams[1]], alice);
    await call.proceed();
    await call.over();
  });
}
