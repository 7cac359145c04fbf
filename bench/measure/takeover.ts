import { setTimeout as pause } from 'node:timers/promises';
import { type Bench, establish, interleave, withProxy } from '../bench.js';
import { type Figure, median } from '../figures.js';
import { sendStreams } from '../loadgen.js';
import { openPairLab, type PairLab } from '../pair-lab.js';
import type { ProxyName } from '../proxy.js';
import { type RunningRedis, startRedis } from '../redis.js';
import { type SetupRound, setupRound } from './setup.js';

/** As many as a call sends. */
const packetsPerSecond = 50;
/** For the second node to hear of the last call. */
const settlingMs = 1_000;

/**
 * How long after `kill -9` of a whole node and the move of its address each call relays again on the other one, and
 * what it costs that calls are kept in Redis.
 */
export async function measureTakeover(bench: Bench): Promise<readonly Figure[]> {
  return [...(await measureMoves(bench)), ...(await measureCost(bench))];
}

type Return = { readonly dead: number; readonly slowestMs: number };

async function measureMoves(bench: Bench): Promise<readonly Figure[]> {
  if (!bench.proxies.includes('tandem')) return [];
  const calls = bench.quick ? 100 : 300;
  const returns: Return[] = [];
  for (let round = 0; round < (bench.quick ? 1 : 3); round += 1) returns.push(await moved(bench, calls));
  const [dead, slowestMs] = [
    Math.max(...returns.map((one) => one.dead)),
    Math.max(...returns.map((one) => one.slowestMs)),
  ];
  const none = { rtpengine: undefined };
  return [
    {
      ...{ what: `Calls that stay away when their node dies and its address moves (of ${calls})`, unit: '' },
      ...{ tandem: dead, ...none, bound: { kind: 'value', atMost: 0 } },
    },
    {
      ...{ what: '  the last one relays again after (worst round)', unit: 'ms' },
      ...{ tandem: slowestMs, ...none, bound: { kind: 'value', atMost: 2_000 }, holds: dead === 0 },
    },
  ];
}

async function moved(bench: Bench, calls: number): Promise<Return> {
  const pair = openPairLab();
  try {
    const redis = await startRedis(pair.store.namespace, pair.store.address);
    return await movedBetween(bench, pair, redis, calls).finally(() => redis.stop());
  } finally {
    pair.close();
  }
}

async function movedBetween(
  bench: Bench,
  pair: PairLab,
  redis: RunningRedis,
  calls: number,
): Promise<Return> {
  const at = (node: 'first' | 'second'): Bench => {
    const tandem = { ...bench.tandem, fastPath: 'off', replication: redis.replication(node) } as const;
    return { ...bench, lab: pair[node], tandem };
  };
  return await withProxy(at('first'), 'tandem', (first) =>
    withProxy(at('second'), 'tandem', async () => {
      const routes = await establish(at('first'), first, calls);
      await pause(settlingMs);
      const rate = packetsPerSecond * calls;
      const phases = [
        { rate, seconds: 2 },
        { rate, seconds: 8, killing: first.processes, afterwards: pair.move },
      ];
      const [before, after] = (await sendStreams(pair.first, routes, phases, [])).phases;
      if (before === undefined || after === undefined) throw new Error('a phase is missing');
      if (before.streamsAlive < calls) throw new Error(`only ${before.streamsAlive} of ${calls} calls relay`);
      bench.say(
        `${calls} calls: ${after.streamsAlive} relay again on the other node, the last after ` +
          `${after.slowestFirstMs.toFixed(0)} ms; ${after.sent - after.received} of ${after.sent} packets lost`,
      );
      return { dead: calls - after.streamsAlive, slowestMs: after.slowestFirstMs };
    }),
  );
}

/** The same calls with Redis and without, in turns. */
async function measureCost(bench: Bench): Promise<readonly Figure[]> {
  const redis = await startRedis(bench.lab.proxyNamespace, '127.0.0.1');
  try {
    const figures: Figure[] = [];
    for (const mix of mixes) figures.push(...(await measureMix(bench, redis, mix)));
    return figures;
  } finally {
    await redis.stop();
  }
}

type Mix = { readonly name: string; readonly kinds: number; readonly speak: boolean };

const mixes: readonly Mix[] = [
  { name: 'calls that differ in values only', kinds: 1, speak: false },
  { name: 'no two calls alike', kinds: 0, speak: false },
];

type Cost = { readonly without: SetupRound; readonly with: SetupRound };

async function measureMix(bench: Bench, redis: RunningRedis, mix: Mix): Promise<readonly Figure[]> {
  bench.say(`${mix.name}, without Redis and with it`);
  const replicated = { ...bench, tandem: { ...bench.tandem, replication: redis.replication('bench') } };
  const measure = async (name: ProxyName, round: number): Promise<Cost> => {
    const [plain, kept] = [() => setupRound(bench, name, mix), () => setupRound(replicated, name, mix)];
    if (round % 2 === 0) return { without: await plain(), with: await kept() };
    const costs = await kept();
    return { without: await plain(), with: costs };
  };
  const rounds = await interleave(bench, bench.quick ? 2 : 5, measure);
  const of = (name: ProxyName, value: (cost: Cost) => number) => median(rounds[name].map(value));
  const row = (
    what: string,
    unit: string,
    value: (cost: Cost) => number,
    bound: Figure['bound'],
  ): Figure => ({
    ...{ what, unit, bound },
    tandem: of('tandem', value),
    rtpengine: of('rtpengine', value),
  });
  const times = (cost: Cost): number => cost.with.usPerCall / cost.without.usPerCall;
  return [
    row(`CPU per call set-up with Redis, ${mix.name}`, 'µs', (cost) => cost.with.usPerCall, noBound),
    row('  without Redis, in the same rounds', 'µs', (cost) => cost.without.usPerCall, noBound),
    row('  with Redis, against without', '×', times, noBound),
  ];
}

const noBound = { kind: 'none' } as const;
