import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { type Browser, type BrowserPhone, startBrowser } from '../support/browser/browser.js';
import { WEB_SOCKET_PORT } from '../support/kamailio.js';
import { LINKS } from '../support/netns.js';
import { freshPort } from '../support/netns-call.js';
import { type MediaEnd, openPorts, play } from '../support/netns-media.js';
import { describePeers } from '../support/netns-peers.js';
import { proxyUnderTest } from '../support/netns-proxy.js';
import { until } from '../support/netns-until.js';
import { createSite, type Site, tidyUp } from '../support/netns-site.js';
import type { Sipp } from '../support/sipp.js';

const SERVER = `ws://${LINKS.alice.core}:${WEB_SOCKET_PORT}`;

describePeers(['kamailio', 'sipp', 'chromium'], 'a browser and a SIP phone', () => {
  let site: Site;
  let browser: Browser;
  let phone: BrowserPhone;
  beforeAll(async () => {
    site = await createSite({
      proxy: proxyUnderTest(),
      interfaces: [{ name: 'net', bind: LINKS.alice.core }],
      kamailio: { webSockets: true },
    });
    browser = await startBrowser(site.network, site.network.parties.alice);
  });
  afterEach(async (test) => {
    await phone?.close();
    await tidyUp(site, test);
  });
  afterAll(async () => {
    await browser?.close();
    await site?.[Symbol.asyncDispose]();
  });

  /** Bob's phone, a SIPp scenario with a media port. */
  async function bobWaits(scenario: string): Promise<{ sipp: Sipp; port: number }> {
    const port = freshPort();
    await openPorts(site.agents.bob, 'bob', [port]);
    return { sipp: site.start({ party: 'bob', scenario, rows: [[port]] }), port };
  }

  async function bobAt(sipp: Sipp, stage: string): Promise<MediaEnd> {
    return { agent: site.agents.bob, note: await sipp.note(stage) };
  }

  /** Both hear each other, the browser a stream that is no silence. */
  async function expectTalk(bob: MediaEnd): Promise<void> {
    const sentBefore = await packetsAt(bob);
    const playing = play(bob, 150, 20);
    // A renegotiation begins the counters anew, so growth is what counts.
    let { received, energy } = (await phone.do('stats')).audio;
    let grown = 0;
    const stats = await phone.statsWhere('the browser to hear the phone', ({ audio }) => {
      if (audio.received > received && audio.energy > energy) grown += audio.received - received;
      ({ received, energy } = audio);
      return grown >= 50;
    });
    await playing;
    expect(stats).toMatchObject({ connection: 'connected', dtls: 'connected', tlsVersion: 'FEFD' });
    expect(stats.remote.split(':')[0]).toBe(LINKS.alice.core);
    await until('the phone to hear the browser', async () =>
      (await packetsAt(bob)) >= sentBefore + 50 ? true : undefined,
    );
  }

  async function packetsAt(end: MediaEnd): Promise<number> {
    const { rtp } = await end.agent.report(end.note.ownPort);
    return rtp.reduce((sum, source) => sum + source.packets, 0);
  }

  it('a call from the browser: audio both ways, DTMF, hold, resume, ICE restart', async () => {
    const { sipp } = await bobWaits('uas-browser.xml');
    phone = await browser.phone({ user: 'alice', server: SERVER });
    await phone.do('call', `sip:bob@${LINKS.alice.core}`);
    const bob = await bobAt(sipp, 'invited');
    await phone.seen('confirmed');
    await phone.statsWhere('the connection', ({ connection }) => connection === 'connected');
    await expectTalk(bob);

    await phone.do('dial', '19#');
    await until('telephone events', async () => {
      const { rtp } = await bob.agent.report(bob.note.ownPort);
      return rtp.some(({ types }) => types.length === 2) ? true : undefined;
    });

    const ports = [bob.note.remote];
    await phone.do('hold');
    const held = await bobAt(sipp, 'held');
    await phone.do('resume');
    const resumed = await bobAt(sipp, 'resumed');
    await expectTalk(resumed);
    const pair = (await phone.do('stats')).remote;
    const ufrag = iceUfrag((await phone.do('sdp')).remote);

    await phone.do('restartIce');
    const restarted = await bobAt(sipp, 'restarted');
    await expectTalk(restarted);
    expect((await phone.do('stats')).remote).toBe(pair);
    expect(iceUfrag((await phone.do('sdp')).remote)).not.toBe(ufrag);
    for (const { note } of [held, resumed, restarted]) expect([note.remote]).toEqual(ports);

    await phone.do('hangUp');
    await sipp.finished();
    await site.settled();
  });

  it('a call to the browser has audio both ways, and the phone hangs up', async () => {
    phone = await browser.phone({ user: 'alice', server: SERVER });
    const port = freshPort();
    await openPorts(site.agents.bob, 'bob', [port]);
    const sipp = site.start({ party: 'bob', scenario: 'uac-call.xml', service: 'alice', rows: [[port]] });
    const bob = await bobAt(sipp, 'answered');
    await phone.seen('confirmed');
    await phone.statsWhere('the connection', ({ connection }) => connection === 'connected');
    await expectTalk(bob);
    await sipp.nudge(site.agents.bob, bob.note.callId);
    await sipp.finished();
    await phone.seen('ended');
    await site.settled();
  });
});

function iceUfrag(sdp: string): string {
  return /^a=ice-ufrag:(\S+)/m.exec(sdp)?.[1] ?? '';
}
