import { expect, it, onTestFinished } from 'vitest';
import {
  createFastPathSite,
  hangUp,
  offloaded,
  paths,
  placeCall,
  relayedPackets,
} from '../support/fast-path-site.js';
import type { Target } from '../support/netns-agent.js';
import { LINKS } from '../support/netns.js';
import { describePeers } from '../support/netns-peers.js';
import { until } from '../support/netns-until.js';
import { onlyFile, recordedPackets, recordingDirectory } from '../support/recorded.js';

const LISTENER: Target = { address: LINKS.bob.party, port: 29_900 };
const KNOWN = 10;
const SAID = 100;
const [ALICE, BOB] = [4711, 4712];

describePeers(['ethtool', 'tshark'], 'a call that is recorded and forwarded', () => {
  it('stays in the kernel, and not one of its packets is missing in the file or at the listener', async () => {
    const dir = recordingDirectory();
    const forwardTo = `${LISTENER.address}:${LISTENER.port}`;
    const site = await createFastPathSite({ settings: { recording: { dir, forwardTo } } });
    onTestFinished(() => site[Symbol.asyncDispose]());
    await site.bob.open(LISTENER);
    const call = await placeCall(site);
    const talk = (count: number) =>
      Promise.all([
        site.alice.play({ ...call.alice, ssrc: ALICE, count, intervalMs: 10 }),
        site.bob.play({ ...call.bob, ssrc: BOB, count, intervalMs: 10 }),
      ]);
    const relayed = (count: number) =>
      until(`${count} packets`, async () =>
        (await relayedPackets(site, call)) === count ? true : undefined,
      );
    await talk(KNOWN);
    await relayed(2 * KNOWN);
    await offloaded(site, call);

    const before = (await site.status()).packets.kernel;
    const ofAlice = { 'call-id': call.id, 'from-tag': 'a', flags: ['directional'] };
    for (const command of [
      { command: 'start recording', 'call-id': call.id },
      { command: 'start forwarding', ...ofAlice },
    ]) {
      expect(await site.ng.command(command)).toMatchObject({ result: 'ok' });
    }
    expect(await paths(site, call)).toEqual(['kernel', 'kernel']);
    await talk(SAID);
    await relayed(2 * (KNOWN + SAID));
    const pcap = await until('a recording', () => onlyFile(dir, 'pcaps'));
    const said = await until('both parties in the file', () => {
      const packets = recordedPackets(pcap);
      // Beside their RTCP.
      const each = [`${LINKS.alice.party}:${call.alice.port}`, `${LINKS.bob.party}:${call.bob.port}`].map(
        (end) => packets.filter(({ from }) => from === end),
      );
      return each.every(({ length }) => length >= SAID) ? each : undefined;
    });
    await until('all copies', async () => {
      const { rtp } = await site.bob.report(LISTENER.port);
      return (rtp.find(({ ssrc }) => ssrc === ALICE)?.packets ?? 0) >= SAID ? true : undefined;
    });
    expect(await paths(site, call)).toEqual(['kernel', 'kernel']);
    expect((await site.status()).packets.kernel - before).toBe(2 * SAID);

    const { rtp: forwarded } = await site.bob.report(LISTENER.port);
    expect(forwarded).toMatchObject([{ ssrc: ALICE, packets: SAID, distinct: SAID, corrupted: 0 }]);
    for (const packets of said) {
      const first = packets[0]?.sequence ?? Number.NaN;
      const steps = packets.map(({ sequence }) => sequence - first);
      expect(steps).toEqual(Array.from({ length: SAID }, (_, at) => at));
    }
    await hangUp(site, call);
    for (const what of ['recording', 'copies to a listener']) {
      const end = new RegExp(`${what} ended .*outcome=complete .*dropped=0`);
      await until(end.source, () => (end.test(site.proxy.log()) ? true : undefined));
    }
  }, 120_000);
});
