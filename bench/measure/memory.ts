import { setTimeout as pause } from 'node:timers/promises';
import { type Bench, establish, interleave, withProxy } from '../bench.js';
import { type Figure, median } from '../figures.js';
import { processName, residentBytes } from '../process.js';
import type { ProxyName } from '../proxy.js';

const few = 500;
const many = 3_000;
/** Idle time before memory is read: garbage of the set-up is not memory of the calls. */
const settleMs = 3_000;

type MemoryRound = { readonly perCall: number; readonly idle: number };

/** Resident memory per established call, from the growth between a few and many calls. */
export async function measureMemory(bench: Bench): Promise<readonly Figure[]> {
  const rounds = await interleave(bench, bench.quick ? 1 : 3, (name) => memoryRound(bench, name));
  const of = (name: ProxyName, field: (round: MemoryRound) => number): number | undefined =>
    median(rounds[name].map(field));
  return [
    {
      what: 'Resident memory per call',
      unit: 'KiB',
      tandem: of('tandem', (round) => round.perCall / 1024),
      rtpengine: of('rtpengine', (round) => round.perCall / 1024),
      bound: { kind: 'ratio', atMost: 0.5 },
    },
    {
      what: '  resident without calls',
      unit: 'MiB',
      tandem: of('tandem', (round) => round.idle / 2 ** 20),
      rtpengine: of('rtpengine', (round) => round.idle / 2 ** 20),
      bound: { kind: 'none' },
    },
  ];
}

async function memoryRound(bench: Bench, name: ProxyName): Promise<MemoryRound> {
  return await withProxy(bench, name, async (proxy) => {
    const read = async (): Promise<readonly number[]> => {
      await pause(settleMs);
      return proxy.processes.map(residentBytes);
    };
    const idle = await read();
    await establish(bench, proxy, few, { prefix: 'few' });
    const before = await read();
    await establish(bench, proxy, many - few, { prefix: 'more' });
    const after = await read();
    const growth = after.map((bytes, at) => (bytes - (before[at] ?? 0)) / (many - few) / 1024);
    const parts = proxy.processes.map((process, at) => `${processName(process)} ${growth[at]?.toFixed(1)}`);
    bench.say(`${name}: KiB a call: ${parts.join(', ')}`);
    return { perCall: (sum(after) - sum(before)) / (many - few), idle: sum(idle) };
  });
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
