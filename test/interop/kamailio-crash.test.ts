import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { startCalls } from '../support/netns-call.js';
import { expectExchanged, heard, play, talk } from '../support/netns-media.js';
import { describePeers } from '../support/netns-peers.js';
import { killHalf } from '../support/netns-proxy.js';
import { createSite, type Site, tidyUp } from '../support/netns-site.js';
import { until } from '../support/netns-until.js';

describePeers(['kamailio', 'sipp'], 'a crash of one half under calls', () => {
  let site: Site;
  beforeAll(async () => {
    site = await createSite({ proxy: 'tandem', interfaces: [{ name: 'net', bind: '10.77.1.1' }] });
  });
  afterEach((test) => tidyUp(site, test));
  afterAll(() => site?.[Symbol.asyncDispose]());

  async function controlIsBack(calls: number): Promise<void> {
    await until('the control plane to know the calls', async () => {
      const known = await site.calls().catch(() => []);
      return known.length === calls ? true : undefined;
    });
  }

  it('of the control plane costs no packet, and every call can be ended afterwards', async () => {
    const { pairs, hangUp } = await startCalls(site, 20);
    const talking = Promise.all(
      pairs.map(async ({ alice, bob }) => ({ streams: await talk(alice, bob, 300), alice, bob })),
    );
    await until('media to flow', () => heard(pairs[0]?.bob, 10));
    await killHalf(site.proxy, 'control');
    await controlIsBack(20);
    for (const { streams, alice, bob } of await talking) await expectExchanged(streams, alice, bob);
    await hangUp();
  });

  it('of the data plane stops the media only until it is back, on the same ports', async () => {
    const { pairs, hangUp } = await startCalls(site, 5);
    for (const { alice, bob } of pairs) await expectExchanged(await talk(alice, bob), alice, bob);
    const before = await site.calls();
    await killHalf(site.proxy, 'dataplane');
    for (const { alice, bob } of pairs) {
      await until('media to flow again', async () => {
        const { ssrc } = await play(alice, 1);
        return heard(bob, 1, ssrc);
      });
      await expectExchanged(await talk(alice, bob), alice, bob);
    }
    expect(await site.calls()).toHaveLength(before.length);
    await hangUp();
  });

  it('of both halves, one after the other, still leaves the calls alive', async () => {
    const { pairs, hangUp } = await startCalls(site, 5);
    await killHalf(site.proxy, 'control');
    await controlIsBack(5);
    await killHalf(site.proxy, 'dataplane');
    for (const { alice, bob } of pairs) {
      await until('media to flow again', async () => {
        const { ssrc } = await play(alice, 1);
        return heard(bob, 1, ssrc);
      });
      await expectExchanged(await talk(alice, bob), alice, bob);
    }
    await hangUp();
  });
});
