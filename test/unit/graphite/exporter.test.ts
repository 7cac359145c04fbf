import { expect, test } from 'vitest';
import type { Status } from '../../../src/dataplane/protocol.gen.js';
import { GraphiteExporter } from '../../../src/graphite/exporter.js';
import { NODE } from '../control/ng/node.js';

const STATUS = {} as Status;

/** A node whose packets and whose data plane are what the test says. */
function exported() {
  const texts: string[] = [];
  const node = { relayedPackets: 0, managedSessions: 0, isAway: false };
  const exporter = new GraphiteExporter({
    prefix: 'n1.',
    sender: { send: (text) => void texts.push(text), close() {} },
    intervals: { last: NODE.interval },
    dataPlane: {
      status: () => (node.isAway ? Promise.reject(new Error('away')) : Promise.resolve(STATUS)),
    },
    clock: { now: () => 1_700_000_000_000 },
    totals: (status) => ({
      ...NODE,
      managedSessions: node.managedSessions,
      relayedInKernel: { packets: 0, bytes: 0 },
      ...(status === undefined
        ? { relayedPackets: 0, interfaces: [] }
        : { relayedPackets: node.relayedPackets }),
    }),
    families: () => ({ IP4: 0, IP6: 0, mixed: 0 }),
    controls: () => [],
  });
  const value = (name: string): string | undefined =>
    new RegExp(`^n1\\.${name} (\\S+) 1700000000$`, 'm').exec(texts.at(-1) ?? '')?.[1];
  return { exporter, node, texts, value };
}

test('what a data plane has relayed before its control plane started again is told of in no interval', async () => {
  const { exporter, node, value } = exported();
  Object.assign(node, { relayedPackets: 5_000, managedSessions: 2 });
  await exporter.intervalOver();
  expect(value('relayed_packets')).toBeUndefined();
  expect(value('managed_sess')).toBe('2');
  node.relayedPackets = 5_040;
  await exporter.intervalOver();
  expect(value('relayed_packets')).toBe('40');
});

test('each interval tells of itself', async () => {
  const { exporter, node, value } = exported();
  exporter.attached(STATUS);
  for (const [packets, told] of [
    [100, '100'],
    [250, '150'],
    [250, '0'],
  ] as const) {
    node.relayedPackets = packets;
    await exporter.intervalOver();
    expect(value('relayed_packets')).toBe(told);
  }
});

test('what is relayed while the data plane does not answer is told of when it does', async () => {
  const { exporter, node, value } = exported();
  exporter.attached(STATUS);
  Object.assign(node, { relayedPackets: 100, managedSessions: 1 });
  await exporter.intervalOver();
  Object.assign(node, { relayedPackets: 180, managedSessions: 3, isAway: true });
  await exporter.intervalOver();
  expect(value('relayed_packets')).toBeUndefined();
  expect(value('managed_sess')).toBe('2');
  node.isAway = false;
  await exporter.intervalOver();
  expect(value('relayed_packets')).toBe('80');
  expect(value('managed_sess')).toBe('0');
});
