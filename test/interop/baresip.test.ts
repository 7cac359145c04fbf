import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Baresip, type BaresipOptions, startBaresip } from '../support/baresip.js';
import { LINKS } from '../support/netns.js';
import { freshPort } from '../support/netns-call.js';
import { type MediaEnd, openPorts, play } from '../support/netns-media.js';
import { describePeers } from '../support/netns-peers.js';
import { proxyUnderTest } from '../support/netns-proxy.js';
import { createSite, type Site, tidyUp } from '../support/netns-site.js';
import { until } from '../support/netns-until.js';
import { keepLog } from '../support/test-log.js';

const WAYS: readonly {
  title: string;
  phone: Omit<BaresipOptions, 'user'>;
  flags: string;
  /** baresip 1.0 cannot be called like this: it takes nothing for authentic, from rtpengine no more than from us. */
  onlyCalls?: true;
}[] = [
  {
    title: 'SDES keys',
    phone: { encryption: 'srtp-mand', ice: false },
    flags: 'transport-protocol=RTP/SAVP ICE=remove SDES-pad',
  },
  {
    title: 'DTLS-SRTP',
    phone: { encryption: 'dtls_srtp', ice: false },
    flags: 'transport-protocol=UDP/TLS/RTP/SAVP ICE=remove',
  },
  {
    title: 'DTLS-SRTP and ICE',
    phone: { encryption: 'dtls_srtp', ice: true },
    flags: 'transport-protocol=UDP/TLS/RTP/SAVP ICE=force',
  },
  {
    title: 'SDES keys and ICE',
    phone: { encryption: 'srtp-mand', ice: true },
    flags: 'transport-protocol=RTP/SAVP ICE=force SDES-pad',
    onlyCalls: true,
  },
];

describePeers(['kamailio', 'sipp', 'baresip'], 'baresip and a plain phone', () => {
  describe.each(WAYS)('with $title', ({ phone, flags, onlyCalls }) => {
    let site: Site;
    let baresip: Baresip;
    beforeAll(async () => {
      site = await createSite({
        proxy: proxyUnderTest(),
        interfaces: [{ name: 'net', bind: LINKS.alice.core }],
        kamailio: { webSockets: true, securePhones: { net: `${LINKS.carol.core}/24`, flags } },
      });
      baresip = await startBaresip(site.network, 'carol', site.agents.carol, { user: 'baresip', ...phone });
    });
    afterEach(async (test) => {
      keepLog(test.task, 'baresip', baresip?.log().slice(-4000) ?? '');
      await tidyUp(site, test);
    });
    afterAll(async () => {
      await baresip?.stop();
      await site?.[Symbol.asyncDispose]();
    });

    /** baresip takes what the phone says for authentic, and the phone hears baresip's tone in the clear. */
    async function expectTalk(end: MediaEnd): Promise<void> {
      const before = callsHeard();
      await play(end, 100, 20);
      await until('baresip to hear the phone', () => (callsHeard() > before ? true : undefined));
      expect(baresip.log()).not.toContain('failed to decrypt');
      await until('a tone', async () => {
        const { rtp } = await end.agent.report(end.note.ownPort);
        return rtp.some(({ loud, types }) => loud > 50 && types.includes(0)) ? true : undefined;
      });
      const { foreign } = await end.agent.report(end.note.ownPort);
      expect(foreign).toBe(0);
    }

    function callsHeard(): number {
      return [...baresip.log().matchAll(/incoming rtp for 'audio' established/g)].length;
    }

    it.skipIf(onlyCalls)('hears the phone that calls it, and is heard', async () => {
      const port = freshPort();
      await openPorts(site.agents.alice, 'alice', [port]);
      const caller = site.start({
        party: 'alice',
        scenario: 'uac-call.xml',
        service: 'baresip',
        rows: [[port]],
      });
      const alice = { agent: site.agents.alice, note: await caller.note('answered') };
      await expectTalk(alice);
      await caller.nudge(site.agents.alice, alice.note.callId);
      await caller.finished();
      await site.settled();
    });

    it('hears the phone it calls, and is heard', async () => {
      const port = freshPort();
      await openPorts(site.agents.bob, 'bob', [port]);
      const callee = site.start({ party: 'bob', scenario: 'uas-call.xml', rows: [[port]] });
      await baresip.dial(`sip:bob@${LINKS.carol.core}`);
      const bob = { agent: site.agents.bob, note: await callee.note('invited') };
      await expectTalk(bob);
      await baresip.hangUp();
      await callee.finished();
      await site.settled();
    });
  });
});
