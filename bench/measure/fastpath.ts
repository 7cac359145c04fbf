import type { Bench } from '../bench.js';
import { type Bound, type Figure, median } from '../figures.js';
import { measureAgainstBare } from './against-bare.js';
import { NapiThreads } from '../napi.js';
import {
  type Cost,
  isMeasured,
  measurePath,
  measureStandIn,
  type Pace,
  type PathName,
  paths,
} from '../paths.js';

const inKernel = [25_000, 50_000, 100_000, 200_000, 400_000, 800_000, 'flat out'] as const;
/** What a core carries in a process, in small steps; beyond, taking in packets leaves no time to relay them. */
const inProcess = [25_000, 40_000, 50_000, 60_000, 75_000, 100_000] as const;
const paces: Readonly<Record<PathName, readonly Pace[]>> = {
  bare: inKernel,
  native: inKernel,
  generic: inKernel,
  tc: inKernel,
  io_uring: inProcess,
  mmsg: inProcess,
  rtpengine: inProcess,
};

/** More packets lost than this: the path does not carry the rate. */
const carried = 0.01;
const few = 500;
const widths = [500, 2_000, 5_000, 10_000, 20_000];

/** Of one round: the cost by number of streams. */
type Widths = ReadonlyMap<number, number>;
type Costs = Record<PathName, Cost[]>;

/** CPU time per packet, kernel and process together, of all ways a packet can take. */
export async function measureFastPath(bench: Bench): Promise<readonly Figure[]> {
  const threads = NapiThreads.of(bench.lab);
  const taken = paths.filter((path) => isMeasured(bench, path));
  const costs: Costs = { bare: [], native: [], generic: [], tc: [], io_uring: [], mmsg: [], rtpengine: [] };
  for (let round = 0; round < (bench.quick ? 1 : 3); round += 1) {
    for (const path of round % 2 === 0 ? taken : taken.toReversed()) {
      const load = { streams: few, paces: [...new Set([bench.rate, ...paces[path]])], seconds: 1 };
      costs[path].push(...(await measurePath(bench, threads, path, load)));
    }
  }
  for (const path of taken) bench.draw({ path, points: curve(costs[path]) });
  const against = bench.proxies.includes('tandem') ? await measureAgainstBare(bench, threads) : [];
  const widest = scaling(await measureWidths(bench, threads));
  return [...atOneRate(costs, bench.rate), ...atWork(costs), ...against, ...widest];
}

/** µs per packet of each number of streams, in short turns: what the host takes away hits all numbers of a round alike. */
async function measureWidths(bench: Bench, threads: NapiThreads): Promise<readonly Widths[]> {
  const rounds: Widths[] = [];
  for (let round = 0; bench.proxies.includes('tandem') && round < (bench.quick ? 3 : 9); round += 1) {
    const costs: [number, number][] = [];
    for (const width of round % 2 === 0 ? widths : widths.toReversed()) {
      const load = { streams: width, paces: ['flat out'] as const, seconds: 1 };
      for (const cost of await measureStandIn(bench, threads, 'rules', load))
        costs.push([width, total(cost)]);
    }
    rounds.push(new Map(costs));
  }
  return rounds;
}

/** Medians at each pace that is carried. */
function curve(costs: readonly Cost[]): readonly Cost[] {
  const all = [...new Set(costs.map(({ pace }) => pace))].map((pace) => middle(costs, pace));
  return all.filter(({ pace, loss }) => pace === 'flat out' || loss <= carried);
}

function middle(costs: readonly Cost[], pace: Pace): Cost {
  const there = costs.filter((cost) => cost.pace === pace);
  const of = (field: (cost: Cost) => number) => median(there.map(field)) ?? Number.NaN;
  return {
    pace,
    rate: of((cost) => cost.rate),
    kernelNs: of((cost) => cost.kernelNs),
    processNs: of((cost) => cost.processNs),
    busy: of((cost) => cost.busy),
    loss: of((cost) => cost.loss),
    lost: of((cost) => cost.lost),
    refused: of((cost) => cost.refused),
  };
}

function total({ kernelNs, processNs }: Cost): number {
  return (kernelNs + processNs) / 1000;
}

/** A core that works without pause: in the kernel it is given too much, of the processes the cheapest rate is taken. */
function busiest(costs: readonly Cost[]): Cost | undefined {
  const points = curve(costs);
  return (
    points.find(({ pace }) => pace === 'flat out') ??
    points.toSorted((one, other) => total(one) - total(other)).at(0)
  );
}

/** All at one rate, most of them with time to rest: what waking up costs is in it. */
function atOneRate(costs: Costs, rate: number): readonly Figure[] {
  const at = (path: PathName) => curve(costs[path]).find(({ pace }) => pace === rate);
  const rows = ours(costs).map((path) =>
    figure(`CPU per packet at ${rate}/s: ${path}`, at(path), at('rtpengine')),
  );
  const native = at('native');
  return [
    ...rows,
    value('  of native in the process', 'µs', native && native.processNs / 1000, { kind: 'none' }),
    value('  lost by native, of a million that came in', '', native && Math.round(native.lost * 1e6), {
      kind: 'value',
      atMost: 0,
    }),
  ];
}

/** What the bounds are about: the cost of relaying itself. */
function atWork(costs: Costs): readonly Figure[] {
  const theirs = busiest(costs.rtpengine);
  return ours(costs).map((path): Figure => {
    const cost = busiest(costs[path]);
    const how = `${Math.round((cost?.rate ?? 0) / 1000)} k/s, busy ${Math.round((cost?.busy ?? 0) * 100)} %`;
    const row = figure(`CPU per packet, at work: ${path} (${how})`, cost, theirs);
    return path === 'native' ? { ...row, bound: { kind: 'ratio', atMost: 0.125 } } : row;
  });
}

/** Each number's cost relative to its own round's mean, in the middle of all rounds. */
function scaling(rounds: readonly Widths[]): readonly Figure[] {
  const relative = widths.map((width) =>
    median(rounds.map((round) => (round.get(width) ?? Number.NaN) / geometricMean([...round.values()]))),
  );
  const known = relative.filter((each) => each !== undefined);
  const spread = known.length > 0 ? Math.max(...known) / Math.min(...known) : undefined;
  return [
    value('Dearest against cheapest number of streams', 'x', spread, { kind: 'value', atMost: 1.25 }),
    ...widths.map((width, at) =>
      value(`  ${width} streams, of the round's mean`, 'x', relative[at], { kind: 'none' }),
    ),
    ...widths.map((width) =>
      value(`  ${width} streams`, 'µs', median(rounds.map((round) => round.get(width) ?? Number.NaN)), {
        kind: 'none',
      }),
    ),
  ];
}

function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, each) => sum + Math.log(each), 0) / values.length);
}

function ours(costs: Costs): readonly PathName[] {
  return paths.filter((path) => path !== 'rtpengine' && costs[path].length > 0);
}

function figure(what: string, cost: Cost | undefined, theirs: Cost | undefined): Figure {
  const of = (some: Cost | undefined) => some && total(some);
  return { what, unit: 'µs', tandem: of(cost), rtpengine: of(theirs), bound: { kind: 'none' } };
}

function value(what: string, unit: string, tandem: number | undefined, bound: Bound): Figure {
  return { what, unit, tandem, rtpengine: undefined, bound };
}
