import { afterAll, beforeAll, expect, it } from 'vitest';
import { startCapture } from '../support/capture.js';
import {
  expectArrived,
  expectRelayed,
  expectReportsArrived,
  openPorts,
  talk,
} from '../support/netns-media.js';
import { describePeers } from '../support/netns-peers.js';
import { proxyUnderTest } from '../support/netns-proxy.js';
import { createSite, type Site } from '../support/netns-site.js';

describePeers(['kamailio', 'sipp', 'tcpdump'], 'calls through Kamailio', () => {
  let site: Site;
  beforeAll(async () => {
    site = await createSite({
      proxy: proxyUnderTest(),
      interfaces: [
        { name: 'net', bind: '10.77.1.1' },
        { name: 'net', bind: 'fd77:2::1' },
      ],
    });
  });
  afterAll(() => site[Symbol.asyncDispose]());

  it('media of a plain call goes through the proxy, both ways, packet for packet', async () => {
    await openPorts(site.agents.alice, 'alice', [30000]);
    await openPorts(site.agents.bob, 'bob', [40000]);
    const capture = await startCapture(site.network);
    const { caller, callee } = site.call(
      { party: 'alice', scenario: 'uac-call.xml', rows: [[30000]] },
      { party: 'bob', scenario: 'uas-call.xml', rows: [[40000]] },
    );
    const alice = { agent: site.agents.alice, note: await caller.note('answered') };
    const bob = { agent: site.agents.bob, note: await callee.note('invited') };
    const [fromAlice, fromBob] = await talk(alice, bob);
    await expectArrived(fromAlice, bob);
    await expectArrived(fromBob, alice);
    await expectReportsArrived(fromAlice, bob);
    await expectReportsArrived(fromBob, alice);
    await caller.nudge(site.agents.alice, alice.note.callId);
    await Promise.all([caller.finished(), callee.finished()]);
    const packets = await capture.finish();
    expectRelayed(packets, fromAlice);
    expectRelayed(packets, fromBob);
    await site.settled();
    expect(await site.calls()).toEqual([]);
  });
});
