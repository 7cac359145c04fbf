import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { startCapture } from '../support/capture.js';
import { countedPackets, expectProxied, startCall, startCalls } from '../support/netns-call.js';
import { expectExchanged, expectRelayed, talk } from '../support/netns-media.js';
import { LINKS } from '../support/netns.js';
import { describePeers } from '../support/netns-peers.js';
import { RTPPROXY } from '../support/netns-proxy.js';
import { createSite, type Site, tidyUp } from '../support/netns-site.js';
import { until } from '../support/netns-until.js';

describePeers(['kamailio', 'sipp', 'tcpdump'], "calls through Kamailio's rtpproxy module", () => {
  let site: Site;
  beforeAll(async () => {
    site = await createSite({
      proxy: 'tandem',
      interfaces: [{ name: 'net', bind: '10.77.1.1' }],
      kamailio: { proxy: RTPPROXY, module: 'rtpproxy' },
    });
  });
  afterEach((test) => tidyUp(site, test));
  afterAll(() => site?.[Symbol.asyncDispose]());

  it('media of a plain call goes through the proxy, both ways, packet for packet', async () => {
    const capture = await startCapture(site.network);
    const call = await startCall(site, { uac: 'uac-call.xml', uas: 'uas-call.xml' });
    const { alice, bob } = await call.ends('answered', 'invited');
    expectProxied(alice, bob);
    const streams = await talk(alice, bob);
    await expectExchanged(streams, alice, bob);
    expect(await countedPackets(site, alice.note.callId)).toEqual({ rtp: 100, rtcp: 4, errors: 0 });
    await call.proceed();
    await call.over();
    const packets = await capture.finish();
    for (const stream of streams) expectRelayed(packets, stream);
  });

  it('twenty calls at once lose nothing and mix nothing', async () => {
    const { pairs, hangUp } = await startCalls(site, 20);
    const ports = pairs.flatMap(({ alice, bob }) => [alice.note.remote.port, bob.note.remote.port]);
    expect(new Set(ports).size).toBe(40);
    const talks = await Promise.all(
      pairs.map(async ({ alice, bob }) => ({ streams: await talk(alice, bob), alice, bob })),
    );
    for (const { streams, alice, bob } of talks) await expectExchanged(streams, alice, bob);
    await hangUp();
  });

  it('hold and resume keep the ports, and the media finds its way again', async () => {
    const call = await startCall(site, { uac: 'uac-hold.xml', uas: 'uas-hold.xml' });
    const before = await call.ends('answered', 'invited');
    await expectExchanged(await talk(before.alice, before.bob), before.alice, before.bob);
    for (const stage of ['held-sendonly', 'held-inactive', 'held-zero', 'resumed']) {
      await call.proceed();
      const now = await call.ends(stage, stage);
      expect(now.alice.note.remote.port).toEqual(before.alice.note.remote.port);
      expect(now.bob.note.remote.port).toEqual(before.bob.note.remote.port);
    }
    const resumed = await call.ends('resumed', 'resumed');
    await expectExchanged(await talk(resumed.alice, resumed.bob), resumed.alice, resumed.bob);
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

  it('an offer that comes late, in the 200, is answered in the ACK', async () => {
    const call = await startCall(site, { uac: 'uac-late-offer.xml', uas: 'uas-late-offer.xml' });
    const { alice, bob } = await call.ends('offered', 'answered');
    expectProxied(alice, bob);
    await expectExchanged(await talk(alice, bob), alice, bob);
    await call.proceed();
    await call.over();
  });
});

describePeers(
  ['kamailio', 'sipp'],
  "Kamailio's rtpproxy module, over a Unix socket, between two networks",
  () => {
    let site: Site;
    beforeAll(async () => {
      site = await createSite({
        proxy: 'tandem',
        interfaces: [
          { name: 'inner', bind: '10.77.1.1' },
          { name: 'outer', bind: '10.77.2.1' },
        ],
        kamailio: {
          proxy: RTPPROXY,
          module: 'rtpproxy',
          internalNet: '10.77.1.0/24',
          overUnixSocket: true,
        },
      });
    });
    afterEach((test) => tidyUp(site, test));
    afterAll(() => site?.[Symbol.asyncDispose]());

    it('each side is told the address of its own network, also in a re-INVITE', async () => {
      const call = await startCall(site, { uac: 'uac-hold.xml', uas: 'uas-hold.xml' });
      const { alice, bob } = await call.ends('answered', 'invited');
      expect(alice.note.remote.address).toBe('10.77.1.1');
      expect(bob.note.remote.address).toBe('10.77.2.1');
      await expectExchanged(await talk(alice, bob), alice, bob);
      await call.proceed();
      const held = await call.ends('held-sendonly', 'held-sendonly');
      expect(held.alice.note.remote).toEqual(alice.note.remote);
      expect(held.bob.note.remote).toEqual(bob.note.remote);
    });
  },
);

describePeers(['kamailio', 'sipp'], "timeouts with Kamailio's rtpproxy module", () => {
  const target = 'tcp:127.0.0.1:9999';
  let site: Site;
  beforeAll(async () => {
    site = await createSite({
      proxy: 'tandem',
      interfaces: [{ name: 'net', bind: '10.77.1.1' }],
      kamailio: { proxy: RTPPROXY, module: 'rtpproxy', timeoutSocket: target },
      tandem: { rtpproxy: { notify: [target] }, timeouts: { mediaSeconds: 5 } },
    });
  });
  afterEach((test) => tidyUp(site, test));
  afterAll(() => site?.[Symbol.asyncDispose]());

  it('the timeout socket is told the Call-ID of a call whose media died', async () => {
    const heard = join(site.network.directory, 'notices');
    const program = `require('net').createServer((c) => c.pipe(process.stdout)).listen(9999, '127.0.0.1')`;
    const listener = site.network.core.start(['node', '-e', program], { log: heard });
    const call = await startCall(site, { uac: 'uac-hold.xml', uas: 'uas-hold.xml' });
    const { alice } = await call.ends('answered', 'invited');
    await call.proceed();
    await call.ends('held-sendonly', 'held-sendonly');
    const notice = await until('the notice', () => {
      const text = readFileSync(heard, 'utf8');
      return text.endsWith('\n') ? text : undefined;
    });
    expect(notice).toBe(`${alice.note.callId}\n`);
    await site.settled();
    await listener.stop();
  });
});

describePeers(
  ['kamailio', 'sipp'],
  "Kamailio's own XML-RPC as the timeout socket of its rtpproxy module",
  () => {
    const url = `http://${LINKS.alice.core}:5060/RPC2`;
    let site: Site;
    beforeAll(async () => {
      site = await createSite({
        proxy: 'tandem',
        interfaces: [{ name: 'net', bind: LINKS.alice.core }],
        kamailio: { proxy: RTPPROXY, module: 'rtpproxy', timeoutSocket: `xmlrpc:${url}` },
        tandem: {
          rtpproxy: { notify: [`xmlrpc:${url}`] },
          notify: { xmlrpc: { url } },
          timeouts: { mediaSeconds: 5 },
          log: { level: 'debug' },
        },
      });
    });
    afterEach((test) => tidyUp(site, test));
    afterAll(() => site?.[Symbol.asyncDispose]());

    const noticesOf = (callId: string): number =>
      readFileSync(join(site.network.directory, 'kamailio.log'), 'utf8')
        .split('\n')
        .filter((line) => line.includes('dlg.terminate_dlg') && line.includes(callId)).length;

    it('ends a call whose media died with BYE to both sides', async () => {
      const call = await startCall(site, { uac: 'uac-ended.xml', uas: 'uas-call.xml' });
      const { alice, bob } = await call.ends('answered', 'invited');
      await expectExchanged(await talk(alice, bob), alice, bob);
      await call.over();
      await until('the notice', () => noticesOf(alice.note.callId) || undefined);
      expect(noticesOf(alice.note.callId)).toBe(1);
    });

    it('ends one that named it in a re-INVITE, and is told once although it is named twice', async () => {
      const call = await startCall(site, { uac: 'uac-reinvite-ended.xml', uas: 'uas-reinvite.xml' });
      const { alice } = await call.ends('answered', 'invited');
      await call.proceed();
      const again = await call.ends('reinvited', 'reinvited');
      expect(again.alice.note.remote).toEqual(alice.note.remote);
      await call.over();
      await until('the notice', () => noticesOf(alice.note.callId) || undefined);
      expect(noticesOf(alice.note.callId)).toBe(1);
    });
  },
);

describePeers(['kamailio', 'sipp'], 'a timeout socket that only re-INVITEs name', () => {
  const target = `xmlrpc:http://${LINKS.alice.core}:5060/RPC2`;
  let site: Site;
  beforeAll(async () => {
    site = await createSite({
      proxy: 'tandem',
      interfaces: [{ name: 'net', bind: LINKS.alice.core }],
      kamailio: { proxy: RTPPROXY, module: 'rtpproxy', timeoutSocket: target },
      tandem: { rtpproxy: { notify: [target] }, timeouts: { mediaSeconds: 5 } },
    });
  });
  afterEach((test) => tidyUp(site, test));
  afterAll(() => site?.[Symbol.asyncDispose]());

  it('ends the call with BYE to both sides', async () => {
    const call = await startCall(site, { uac: 'uac-reinvite-ended.xml', uas: 'uas-reinvite.xml' });
    await call.ends('answered', 'invited');
    await call.proceed();
    await call.ends('reinvited', 'reinvited');
    await call.over();
  });
});
