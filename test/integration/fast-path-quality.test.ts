import { expect, it, onTestFinished } from 'vitest';
import {
  createFastPathSite,
  ingressOfAlice,
  offloaded,
  paths,
  placeCall,
  relayedPackets,
} from '../support/fast-path-site.js';
import { describePeers } from '../support/netns-peers.js';
import { isDictionary, type NgDictionary } from '../support/oracle-ng-client.js';
import { until } from '../support/netns-until.js';

/** Ten to be known by, then some that are missing, twice there, or late. */
const BEGINNING = range(1, 10);
const TRAIN = range(11, 310)
  .filter((sequence) => sequence % 25 !== 0)
  .flatMap((sequence) => (sequence % 60 === 1 ? [sequence, sequence] : [sequence]))
  .flatMap((sequence) => (sequence === 182 ? [183] : sequence === 183 ? [182] : [sequence]));
const SSRC = 4711;

describePeers(['ethtool'], 'what is measured of a stream in the kernel', () => {
  it('is what is measured of the same packets in the process', async () => {
    // No room but for the first call.
    const site = await createFastPathSite({ fastPath: { maxStreams: 2 } });
    onTestFinished(() => site[Symbol.asyncDispose]());
    const fast = await placeCall(site);
    const slow = await placeCall(site);
    const both = [fast.alice, slow.alice];
    for (const { alice, bob } of [fast, slow]) {
      await site.bob.train({ ports: [bob], ssrc: SSRC + 1, sequences: BEGINNING, intervalMs: 10 });
      await site.alice.train({ ports: [alice], ssrc: SSRC, sequences: BEGINNING, intervalMs: 10 });
    }
    for (const call of [fast, slow]) {
      await until('the beginning', async () =>
        (await relayedPackets(site, call)) === 2 * BEGINNING.length ? true : undefined,
      );
    }
    await offloaded(site, fast);
    expect(await paths(site, slow)).toEqual(['tableFull', 'tableFull']);
    const before = (await site.status()).packets.kernel;
    await site.alice.train({ ports: both, ssrc: SSRC, sequences: TRAIN, intervalMs: 10 });
    const all = 2 * BEGINNING.length + TRAIN.length;
    for (const call of [fast, slow]) {
      await until('all packets', async () => ((await relayedPackets(site, call)) === all ? true : undefined));
    }
    expect((await site.status()).packets.kernel - before).toBe(TRAIN.length);
    const [inKernel, inProcess] = [await ingressOfAlice(site, fast), await ingressOfAlice(site, slow)];
    for (const key of ['SSRC', 'packets', 'bytes', 'last RTP seq', 'last RTP timestamp', 'cumulative loss']) {
      expect([key, inKernel[key]]).toEqual([key, inProcess[key]]);
    }
    for (const key of ['packets lost', 'duplicates', 'reordered']) {
      expect([key, measured(inKernel, key)]).toEqual([key, measured(inProcess, key)]);
    }
    expect(inKernel.packets).toBe(BEGINNING.length + TRAIN.length);
    // RFC 3550 §6.4.1: duplicates make up for what is lost.
    expect(measured(inKernel, 'packets lost')).toBe(12 - 5);
    expect(measured(inKernel, 'duplicates')).toBe(5);
    expect(measured(inKernel, 'reordered')).toBe(1);
    // The process sees packets when it has its turn; the kernel when they come.
    expect(measured(inKernel, 'jitter')).toBeLessThanOrEqual(measured(inProcess, 'jitter') + 2);
    expect(measured(inKernel, 'MOS')).toBeGreaterThanOrEqual(measured(inProcess, 'MOS') - 1);
  });
});

function measured(source: NgDictionary, key: string): number {
  const { measured } = source;
  return isDictionary(measured) ? Number(measured[key]) : Number.NaN;
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}
