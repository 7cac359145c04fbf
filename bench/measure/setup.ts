import { type Bench, interleave, refuseFailures, withProxy } from '../bench.js';
import { type Figure, median } from '../figures.js';
import { makeCalls } from '../loadgen.js';
import { processName } from '../process.js';
import type { ProxyName } from '../proxy.js';

export type SetupRound = {
  readonly usPerCall: number;
  readonly commandP50Us: number;
  readonly perProcess: Record<string, number>;
};

/** CPU time of all processes of a proxy per call: offer, answer and delete. */
export async function measureSetup(bench: Bench): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  for (const { name, ...mix } of mixes) {
    bench.say(name);
    const rounds = await interleave(bench, bench.quick ? 2 : 5, (proxy) => setupRound(bench, proxy, mix));
    figures.push(...figuresOf(name, rounds));
  }
  return figures;
}

/** How much calls have in common: a cache of what was said before must not be all that is measured. */
const mixes = [
  { name: 'calls that differ in values only', kinds: 1, speak: false },
  { name: 'the same, and both parties have sent a packet', kinds: 1, speak: true },
  { name: 'calls of 200 kinds', kinds: 200, speak: false },
  { name: 'no two calls alike', kinds: 0, speak: false },
] as const;

function figuresOf(
  name: string,
  rounds: Readonly<Record<ProxyName, readonly SetupRound[]>>,
): readonly Figure[] {
  const of = (proxy: ProxyName, field: (round: SetupRound) => number): number | undefined =>
    median(rounds[proxy].map(field));
  const parts = Object.keys(rounds.tandem[0]?.perProcess ?? {});
  return [
    {
      what: `CPU per call set-up, ${name}`,
      unit: 'µs',
      tandem: of('tandem', (round) => round.usPerCall),
      rtpengine: of('rtpengine', (round) => round.usPerCall),
      bound: { kind: 'ratio', atMost: 0.5 },
    },
    ...parts.map(
      (part): Figure => ({
        what: `  of it ${part}`,
        unit: 'µs',
        tandem: of('tandem', (round) => round.perProcess[part] ?? Number.NaN),
        rtpengine: undefined,
        bound: { kind: 'none' },
      }),
    ),
    {
      what: '  time to reply, median',
      unit: 'µs',
      tandem: of('tandem', (round) => round.commandP50Us),
      rtpengine: of('rtpengine', (round) => round.commandP50Us),
      bound: { kind: 'none' },
    },
  ];
}

export async function setupRound(
  bench: Bench,
  name: ProxyName,
  mix: { readonly kinds: number; readonly speak: boolean },
): Promise<SetupRound> {
  return await withProxy(bench, name, async (proxy) => {
    const request = { ng: proxy.ng, concurrency: 8, delete: true, ...mix, watch: proxy.processes };
    // Lets Node compile what runs often, as in a proxy that has been up for a minute.
    refuseFailures(proxy, await makeCalls(bench.lab, { ...request, calls: 6_000, prefix: 'warm' }));
    const report = await makeCalls(bench.lab, {
      ...request,
      calls: bench.quick ? 1_500 : 3_000,
      prefix: 'timed',
    });
    refuseFailures(proxy, report);
    const perCall = (ns: number): number => ns / report.calls / 1000;
    const names = proxy.processes.map(processName);
    const perProcess = Object.fromEntries(
      names.map((part, at) => [part, perCall(report.cpu.perProcessNs[at] ?? 0)]),
    );
    const usPerCall = perCall(report.cpu.totalNs);
    bench.say(
      `${name}: ${usPerCall.toFixed(0)} µs CPU a call, ${(report.calls / report.seconds).toFixed(0)} calls/s`,
    );
    return { usPerCall, commandP50Us: report.commandP50Us, perProcess };
  });
}
