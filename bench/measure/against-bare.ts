import type { Bench } from '../bench.js';
import { type Figure, median } from '../figures.js';
import { openLab, otherDevices } from '../lab.js';
import { timePrograms } from '../loadgen.js';
import { NapiThreads } from '../napi.js';
import { type Cost, type Measure, measureStandIn, type Pace, withCalls } from '../paths.js';

const paces: readonly Pace[] = [25_000, 50_000, 100_000, 200_000, 400_000, 800_000, 'flat out'];
const few: readonly Pace[] = [50_000, 200_000, 'flat out'];
const streams = 500;
/** At this pace even a restless host leaves a program time enough for what comes in. */
const easy = 50_000;
/** Bare lost more of what came in than this: its packets are no measure. */
const bareLoss = 0.05;

/** One right after the other: what the host takes away hits both alike. */
type Pair = { readonly native: Cost; readonly bare: Cost };

/**
 * The native path beside a bare redirect, in short turns. Each has interfaces of its own, and the proxy is there all the time,
 * so that both have the same company.
 */
export async function measureAgainstBare(bench: Bench, threads: NapiThreads): Promise<readonly Figure[]> {
  const lab = openLab(otherDevices);
  try {
    const others = NapiThreads.of(lab);
    const bare: Measure = (load) => measureStandIn({ ...bench, lab }, others, 'bare', load);
    const pairs = await withCalls(bench, threads, 'native', streams, async (native) => {
      await native({ streams, paces: [bench.rate], seconds: 1 });
      return await takeTurns(bench.quick ? { paces: few, rounds: 3 } : { paces, rounds: 9 }, native, bare);
    });
    return [...[...pairs].flatMap(([pace, rounds]) => rows(pace, rounds)), ...(await programs(bench))];
  } finally {
    lab.close();
  }
}

async function takeTurns(
  { paces, rounds }: { readonly paces: readonly Pace[]; readonly rounds: number },
  native: Measure,
  bare: Measure,
): Promise<ReadonlyMap<Pace, readonly Pair[]>> {
  const pairs = new Map<Pace, Pair[]>(paces.map((pace) => [pace, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const [pace, taken] of pairs) {
      const once = async (measure: Measure): Promise<Cost | undefined> =>
        (await measure({ streams, paces: [pace], seconds: 0.5, warmUpSeconds: 0.2 })).at(0);
      const nativeFirst = round % 2 === 0;
      const [first, second] = nativeFirst ? [native, bare] : [bare, native];
      const [one, other] = [await once(first), await once(second)];
      if (one && other) taken.push(nativeFirst ? { native: one, bare: other } : { native: other, bare: one });
    }
  }
  return pairs;
}

function rows(pace: Pace, rounds: readonly Pair[]): readonly Figure[] {
  const at = pace === 'flat out' ? 'at work' : `at ${pace}/s`;
  const ratios = rounds.map(({ native, bare }) => total(native) / total(bare));
  const middle = (of: (pair: Pair) => number) => median(rounds.map(of)) ?? Number.NaN;
  const micros = (of: (pair: Pair) => Cost) => middle((pair) => total(of(pair)) / 1000).toFixed(2);
  const lost = (of: (pair: Pair) => Cost) => Math.round(middle((pair) => of(pair).lost) * 1e6);
  const holds =
    rounds.every(({ native, bare }) => native.rate > 0 && bare.rate > 0) &&
    middle(({ bare }) => bare.lost) <= bareLoss;
  const what = `Native against a bare redirect, ${at} (${micros(({ native }) => native)} and ${micros(({ bare }) => bare)} µs)`;
  return [
    {
      what,
      unit: 'x',
      tandem: median(ratios),
      rtpengine: undefined,
      bound: { kind: 'value', atMost: 1.4 },
      holds,
    },
    {
      // A program that is too slow loses in front of itself, and so does any on a host that takes the core away.
      what: '  refused by native, of a million, beside bare',
      unit: '',
      tandem: Math.round(middle(({ native, bare }) => native.refused - bare.refused) * 1e6),
      rtpengine: undefined,
      bound: pace === easy ? { kind: 'value', atMost: 10_000 } : { kind: 'none' },
      holds,
    },
    {
      what: `  lost of a million that came in (bare: ${lost(({ bare }) => bare)})`,
      unit: '',
      tandem: lost(({ native }) => native),
      rtpengine: undefined,
      bound: { kind: 'none' },
    },
  ];
}

/** Without any network: what the kernel needs to call a program is in both. */
async function programs(bench: Bench): Promise<readonly Figure[]> {
  const { bareNs, nativeNs } = await timePrograms(bench.quick ? 50 : 300);
  const row = (what: string, ns: readonly number[]): Figure => ({
    what: `  ${what} (median; the least: ${Math.min(...ns)})`,
    unit: 'ns',
    tandem: median(ns),
    rtpengine: undefined,
    bound: { kind: 'none' },
  });
  return [row('the native program alone', nativeNs), row('the bare one alone', bareNs)];
}

function total({ kernelNs, processNs }: Cost): number {
  return kernelNs + processNs;
}
