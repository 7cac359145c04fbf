import { execFileSync } from 'node:child_process';
import type { Bench } from '../bench.js';
import { type Bound, type Figure, median } from '../figures.js';
import { NapiThreads } from '../napi.js';
import { type Cost, isMeasured, type Load, measurePath, type PathName, paths } from '../paths.js';

/** Packets a second, as far as a path may get on one core. */
const rates: Readonly<Record<PathName, readonly number[]>> = {
  bare: [25_000, 50_000, 100_000, 200_000, 400_000, 800_000, 1_600_000],
  native: [25_000, 50_000, 100_000, 200_000, 400_000, 800_000, 1_600_000],
  generic: [25_000, 50_000, 100_000, 200_000, 400_000, 800_000],
  tc: [25_000, 50_000, 100_000, 200_000, 400_000, 800_000],
  io_uring: [25_000, 50_000, 100_000, 200_000],
  mmsg: [25_000, 50_000, 100_000, 200_000],
  rtpengine: [25_000, 50_000, 75_000, 100_000],
};

/** More packets lost than this: the path does not carry the rate. */
const carried = 0.01;
const few = 500;
const widths = [500, 2_000, 5_000, 10_000, 20_000];
const wideRate = 400_000;
const socketsPerCall = 3;
/** Descriptors of a proxy that are no media sockets. */
const spare = 300;

type Costs = Record<PathName, Cost[]>;

/** CPU time per packet, kernel and process together, of all ways a packet can take. */
export async function measureFastPath(bench: Bench): Promise<readonly Figure[]> {
  const threads = new NapiThreads(bench.lab);
  const taken = paths.filter((path) => isMeasured(bench, path));
  const [frames, packets] = [empty(), empty()];
  const wide = new Map<number, number[]>();
  const seconds = bench.quick ? 1 : 2;
  for (let round = 0; round < (bench.quick ? 1 : 5); round += 1) {
    const load = { streams: few, seconds, bothWays: false };
    for (const path of round % 2 === 0 ? taken : taken.toReversed()) {
      const swept: Load = { ...load, rates: rates[path], frames: true };
      frames[path].push(...(await measurePath(bench, threads, path, swept)));
      // Packets that nobody polls for are taken in by their sender's core, which nobody watches.
      if (path === 'bare' || path === 'generic' || path === 'tc') continue;
      packets[path].push(
        ...(await measurePath(bench, threads, path, { ...load, rates: [bench.rate], frames: false })),
      );
    }
    for (const width of bench.proxies.includes('tandem') ? possibleWidths(bench) : []) {
      const all: Load = {
        streams: width,
        rates: [wideRate],
        seconds: seconds * 2,
        frames: true,
        bothWays: true,
      };
      const [cost] = await measurePath(bench, threads, 'native', all);
      if (cost !== undefined) wide.set(width, [...(wide.get(width) ?? []), total(cost)]);
    }
  }
  for (const path of taken) bench.draw({ path, points: curve(frames[path]) });
  return [
    ...table('frames', frames, bench.rate),
    ...bounds(frames),
    ...scaling(wide),
    ...table('packets', packets, bench.rate),
  ];
}

function empty(): Costs {
  return { bare: [], native: [], generic: [], tc: [], io_uring: [], mmsg: [], rtpengine: [] };
}

/** Medians of each rate that is carried. */
function curve(costs: readonly Cost[]): readonly Cost[] {
  const all = [...new Set(costs.map(({ rate }) => rate))].map((rate) => {
    const there = costs.filter((cost) => cost.rate === rate);
    const middle = (field: (cost: Cost) => number) => median(there.map(field)) ?? Number.NaN;
    return {
      rate,
      kernelNs: middle((cost) => cost.kernelNs),
      processNs: middle((cost) => cost.processNs),
      loss: middle((cost) => cost.loss),
      latencyP99Us: middle((cost) => cost.latencyP99Us),
    };
  });
  return all.filter(({ loss }) => loss <= carried);
}

function total({ kernelNs, processNs }: Cost): number {
  return (kernelNs + processNs) / 1000;
}

/** At the highest rate it carries: as close to a core at work without pause as the steps allow. */
function busiest(costs: readonly Cost[]): Cost | undefined {
  return curve(costs).at(-1);
}

function table(how: 'frames' | 'packets', costs: Costs, rate: number): readonly Figure[] {
  const at = (path: PathName) => curve(costs[path]).find((cost) => cost.rate === rate);
  return paths
    .filter((path) => path !== 'rtpengine' && costs[path].length > 0)
    .flatMap((path) => {
      const row = figure(`CPU per packet, ${how}, ${rate}/s: ${path}`, 'µs', at(path), at('rtpengine'));
      if (how === 'packets') return [row];
      return [
        row,
        figure(
          `  as many as it carries (${busiest(costs[path])?.rate ?? 0}/s)`,
          'µs',
          busiest(costs[path]),
          busiest(costs.rtpengine),
        ),
      ];
    });
}

/** What the issue is judged by: each at the highest rate it carries. */
function bounds({ bare, native, rtpengine }: Costs): readonly Figure[] {
  const [kernel, least, theirs] = [busiest(native), busiest(bare), busiest(rtpengine)];
  const quotient = kernel && least ? total(kernel) / total(least) : undefined;
  return [
    {
      ...figure('CPU per packet in the kernel, a busy core', 'µs', kernel, theirs),
      bound: { kind: 'ratio', atMost: 0.125 },
    },
    value('  against a bare redirect', 'x', quotient, { kind: 'value', atMost: 1.4 }),
  ];
}

function scaling(wide: ReadonlyMap<number, readonly number[]>): readonly Figure[] {
  const medians = [...wide].map(([width, costs]) => [width, median(costs) ?? Number.NaN] as const);
  const costs = medians.map(([, cost]) => cost);
  const rows = medians.map(([width, cost]) =>
    value(`  ${width} streams, ${wideRate}/s`, 'µs', cost, { kind: 'none' }),
  );
  const spread = costs.length > 0 ? Math.max(...costs) / Math.min(...costs) : undefined;
  return [
    value('Dearest against cheapest number of streams', 'x', spread, { kind: 'value', atMost: 1.25 }),
    ...rows,
  ];
}

function figure(what: string, unit: string, ours: Cost | undefined, theirs: Cost | undefined): Figure {
  const of = (cost: Cost | undefined) => (cost ? total(cost) : undefined);
  return { what, unit, tandem: of(ours), rtpengine: of(theirs), bound: { kind: 'none' } };
}

function value(what: string, unit: string, tandem: number | undefined, bound: Bound): Figure {
  return { what, unit, tandem, rtpengine: undefined, bound };
}

/** A call has two streams and three sockets here: one side's RTCP keeps its own. */
function possibleWidths({ say }: Bench): readonly number[] {
  const text = execFileSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'latin1' }).trim();
  const most =
    text === 'unlimited' ? Number.POSITIVE_INFINITY : 2 * Math.floor((Number(text) - spare) / socketsPerCall);
  const possible = widths.map((width) => Math.min(width, most));
  if (most < Math.max(...widths)) say(`the limit of open files allows ${possible.at(-1)} streams`);
  return [...new Set(possible)];
}
