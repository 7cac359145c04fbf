import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Bench, establish, withProxy } from './bench.js';
import { type PhaseReport, type Sender, sendStreams, type StandIn } from './loadgen.js';
import type { NapiThreads } from './napi.js';
import type { ProxyName, TandemOptions } from './proxy.js';

/** Ways a packet can take through a proxy, fastest first. `bare`: the least that XDP can do, without any proxy. */
export const paths = ['bare', 'native', 'generic', 'tc', 'io_uring', 'mmsg', 'rtpengine'] as const;
export type PathName = (typeof paths)[number];

/** Packets a second, or as many as can be made. */
export type Pace = number | 'flat out';

/** What a packet cost at some pace. */
export type Cost = {
  readonly pace: Pace;
  /** Packets a second that were relayed. */
  readonly rate: number;
  /** Of a kernel thread that takes packets in, and of the proxy's processes. */
  readonly kernelNs: number;
  readonly processNs: number;
  /** Share of the time in which these worked. */
  readonly busy: number;
  /** Share of the packets that did not arrive. */
  readonly loss: number;
  /** The same of the packets that came in, and share of those for which the ring had no room, before any program. */
  readonly lost: number;
  readonly refused: number;
};

export type Load = {
  readonly streams: number;
  readonly paces: readonly Pace[];
  readonly seconds: number;
  readonly warmUpSeconds?: number;
};

/** Sends by a way that stays set up. */
export type Measure = (load: Load) => Promise<readonly Cost[]>;

const proxies: Readonly<
  Record<Exclude<PathName, 'bare'>, { name: ProxyName; tandem: Partial<TandemOptions> }>
> = {
  native: { name: 'tandem', tandem: { fastPath: 'require', hook: 'native' } },
  generic: { name: 'tandem', tandem: { fastPath: 'require', hook: 'generic' } },
  tc: { name: 'tandem', tandem: { fastPath: 'require', hook: 'tc' } },
  io_uring: { name: 'tandem', tandem: { fastPath: 'off', io: 'io_uring' } },
  mmsg: { name: 'tandem', tandem: { fastPath: 'off', io: 'mmsg' } },
  rtpengine: { name: 'rtpengine', tandem: {} },
};

/** More than any core relays. */
const flatOut = 5_000_000;

export function isMeasured({ proxies: wanted }: Bench, path: PathName): boolean {
  return path === 'bare' || wanted.includes(proxies[path].name);
}

/** Sends by one path, at one pace after the other. */
export async function measurePath(
  bench: Bench,
  threads: NapiThreads,
  path: PathName,
  load: Load,
): Promise<readonly Cost[]> {
  if (path === 'bare') return await measureStandIn(bench, threads, 'bare', load);
  return await withCalls(bench, threads, path, load.streams, (measure) => measure(load));
}

/** Makes calls for as many streams, and lets `use` send by them as often as it likes. */
export async function withCalls<T>(
  bench: Bench,
  threads: NapiThreads,
  path: Exclude<PathName, 'bare'>,
  streams: number,
  use: (measure: Measure) => Promise<T>,
): Promise<T> {
  const { name, tandem } = proxies[path];
  return await withProxy({ ...bench, tandem: { ...bench.tandem, ...tandem } }, name, async (proxy) => {
    const routes = await establish(bench, proxy, streams);
    return await use((load) => send(bench, threads, path, routes, load, { watch: proxy.processes }));
  });
}

/** The same frames, and programs alone in the proxy's place. */
export async function measureStandIn(
  bench: Bench,
  threads: NapiThreads,
  kind: StandIn['kind'],
  load: Load,
): Promise<readonly Cost[]> {
  const { lab } = bench;
  const file = join(bench.directory, 'stand-in.json');
  const route = (index: number) => ({
    from: `${lab.callers}:${20_000 + 2 * index}`,
    to: `${lab.proxyAddress}:${10_000 + 2 * index}`,
  });
  writeFileSync(file, JSON.stringify({ routes: Array.from({ length: load.streams }, (_, at) => route(at)) }));
  return await send(bench, threads, kind, file, load, { watch: [], standIn: { kind } });
}

async function send(
  bench: Bench,
  threads: NapiThreads,
  what: string,
  routes: string,
  load: Load,
  { watch, standIn }: { watch: readonly number[]; standIn?: StandIn },
): Promise<readonly Cost[]> {
  const { streams, paces, seconds, warmUpSeconds = 1 } = load;
  // Every stream is known by then, and relayed where it will be.
  const warmUp = { rate: Math.max(5_000, streams * 10), seconds: warmUpSeconds };
  const phases = [warmUp, ...paces.map((pace) => ({ rate: pace === 'flat out' ? flatOut : pace, seconds }))];
  const watched = [...threads.proxy(), ...watch];
  const sender: Sender = { frames: true, ...(standIn ? { standIn } : {}) };
  const report = await sendStreams(bench.lab, routes, phases, watched, undefined, sender);
  const inKernel = watched.length - watch.length;
  const costs = report.phases.slice(1).map((phase, at) => costOf(phase, paces[at] ?? 'flat out', inKernel));
  for (const { pace, rate, kernelNs, processNs, busy, lost, refused } of costs) {
    const cost = `${((kernelNs + processNs) / 1000).toFixed(3)} µs (process ${(processNs / 1000).toFixed(3)})`;
    const gone = `${percent(lost, 2)} lost, ${percent(refused, 2)} refused, core busy ${percent(busy, 0)}`;
    bench.say(`${what}: ${streams} streams, ${pace} (${Math.round(rate)}/s): ${cost}, ${gone}`);
  }
  return costs;
}

function percent(share: number, digits: number): string {
  return `${(share * 100).toFixed(digits)} %`;
}

function costOf({ cpu, sent, refused, received, seconds }: PhaseReport, pace: Pace, inKernel: number): Cost {
  const sum = (values: readonly number[]) => values.reduce((one, other) => one + other, 0);
  return {
    pace,
    rate: received / seconds,
    kernelNs: sum(cpu.perProcessNs.slice(0, inKernel)) / received,
    processNs: sum(cpu.perProcessNs.slice(inKernel)) / received,
    busy: cpu.totalNs / (seconds * 1e9),
    loss: 1 - received / sent,
    lost: 1 - received / (sent - refused),
    refused: refused / sent,
  };
}
