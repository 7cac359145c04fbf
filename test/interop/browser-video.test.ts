import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { type Browser, type BrowserPhone, startBrowser } from '../support/browser/browser.js';
import { WEB_SOCKET_PORT } from '../support/kamailio.js';
import { LINKS, type Network, type Party } from '../support/netns.js';
import { describePeers } from '../support/netns-peers.js';
import { proxyUnderTest } from '../support/netns-proxy.js';
import { createSite, type Site, tidyUp } from '../support/netns-site.js';

describePeers(['kamailio', 'sipp', 'chromium', 'iptables'], 'two browsers', () => {
  let site: Site;
  const browsers: Browser[] = [];
  let phones: BrowserPhone[] = [];
  beforeAll(async () => {
    site = await createSite({
      proxy: proxyUnderTest(),
      interfaces: [{ name: 'net', bind: LINKS.alice.core }],
      kamailio: { webSockets: true },
    });
    for (const party of ['alice', 'bob'] as const)
      browsers.push(await startBrowser(site.network, site.network.parties[party]));
  });
  afterEach(async (test) => {
    await Promise.all(phones.map((phone) => phone.close()));
    phones = [];
    await tidyUp(site, test);
  });
  afterAll(async () => {
    await Promise.all(browsers.map((browser) => browser.close()));
    await site?.[Symbol.asyncDispose]();
  });

  async function videoPhone(browser: Browser | undefined, party: Party): Promise<BrowserPhone> {
    if (browser === undefined) throw new Error('there is no browser');
    const server = `ws://${LINKS[party].core}:${WEB_SOCKET_PORT}`;
    const phone = await browser.phone({ user: party, server, video: true });
    phones.push(phone);
    return phone;
  }

  it('see and hear each other, bundled on one port, and ask each other for key frames', async () => {
    const alice = await videoPhone(browsers[0], 'alice');
    const bob = await videoPhone(browsers[1], 'bob');
    await alice.do('call', `sip:bob@${LINKS.alice.core}`);
    await alice.seen('confirmed');
    for (const phone of [alice, bob]) {
      const stats = await phone.statsWhere(
        'sound and pictures',
        ({ audio, video }) => audio.energy > 0 && video.framesDecoded > 30 && video.reportsOfUs > 0,
      );
      expect(stats).toMatchObject({ connection: 'connected', dtls: 'connected' });
      expect(stats.remote.split(':')[0]).toBe(LINKS.alice.core);
      expect((await phone.do('sdp')).remote).toMatch(/^a=group:BUNDLE 0 1/m);
    }
    // An interruption too long for repetitions has bob ask for a key frame.
    const asked = (await alice.do('stats')).video;
    await interrupt(site.network, async () => {
      await bob.statsWhere('a missing picture', ({ video }) => video.keyFramesRequested > 0);
    });
    const { video } = await alice.statsWhere(
      'a request for a key frame',
      ({ video: now }) => now.keyFramesRequestedOfUs > asked.keyFramesRequestedOfUs,
    );
    expect(video.keyFramesSent).toBeGreaterThan(0);
    await alice.do('hangUp');
    await bob.seen('ended');
    await site.settled();
  });
});

/** Drops what the core sends to bob over UDP meanwhile. */
async function interrupt(network: Network, meanwhile: () => Promise<void>): Promise<void> {
  const rule = ['OUTPUT', '-o', 'bob', '-p', 'udp', '-j', 'DROP'];
  await network.core.run(['iptables', '-w', '-A', ...rule]);
  await meanwhile().finally(() => network.core.run(['iptables', '-w', '-D', ...rule]));
}
