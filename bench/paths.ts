import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Bench, establish, withProxy } from './bench.js';
import { type PhaseReport, type Sender, sendStreams } from './loadgen.js';
import type { NapiThreads } from './napi.js';
import type { ProxyName, TandemOptions } from './proxy.js';

/** Ways a packet can take through a proxy, fastest first. `bare`: the least that XDP can do, without any proxy. */
export const paths = ['bare', 'native', 'generic', 'tc', 'io_uring', 'mmsg', 'rtpengine'] as const;
export type PathName = (typeof paths)[number];

/** What a packet cost at some rate. */
export type Cost = {
  readonly rate: number;
  /** Of a kernel thread that takes packets in, and of the proxy's processes. */
  readonly kernelNs: number;
  readonly processNs: number;
  /** Share of the packets that did not arrive. */
  readonly loss: number;
  readonly latencyP99Us: number;
};

export type Load = {
  readonly streams: number;
  readonly rates: readonly number[];
  readonly seconds: number;
  readonly frames: boolean;
  /** Both parties of a call send, so that there can be as many streams as sockets. */
  readonly bothWays: boolean;
};

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

export function isMeasured({ proxies: wanted }: Bench, path: PathName): boolean {
  return path === 'bare' || wanted.includes(proxies[path].name);
}

/** Sends by one path, at one rate after the other. */
export async function measurePath(
  bench: Bench,
  threads: NapiThreads,
  path: PathName,
  load: Load,
): Promise<readonly Cost[]> {
  const costs =
    path === 'bare' ? await alone(bench, threads, load) : await through(bench, threads, path, load);
  for (const { rate, kernelNs, processNs, loss } of costs) {
    const cost = `${((kernelNs + processNs) / 1000).toFixed(3)} µs (process ${(processNs / 1000).toFixed(3)})`;
    const what = `${load.frames ? 'frames' : 'packets'}, ${load.streams} streams`;
    bench.say(`${path}: ${what}, ${rate}/s: ${cost}, ${(loss * 100).toFixed(2)} % lost`);
  }
  return costs;
}

async function through(
  bench: Bench,
  threads: NapiThreads,
  path: Exclude<PathName, 'bare'>,
  load: Load,
): Promise<readonly Cost[]> {
  const { name, tandem } = proxies[path];
  const ports = load.bothWays ? { portMax: 59_999 } : {};
  return await withProxy(
    { ...bench, tandem: { ...bench.tandem, ...tandem, ...ports } },
    name,
    async (proxy) => {
      const calls = load.bothWays ? Math.floor(load.streams / 2) : load.streams;
      const routes = await establish(bench, proxy, calls, { bothWays: load.bothWays });
      return await send(bench, threads, routes, load, proxy.processes, { frames: load.frames });
    },
  );
}

/** The same frames, and a program in the proxy's place. */
async function alone(bench: Bench, threads: NapiThreads, load: Load): Promise<readonly Cost[]> {
  const { lab } = bench;
  const file = join(bench.directory, 'bare.json');
  const route = (index: number) => ({
    from: `${lab.callers}:${20_000 + 2 * index}`,
    to: `${lab.proxyAddress}:${10_000 + 2 * index}`,
  });
  writeFileSync(file, JSON.stringify({ routes: Array.from({ length: load.streams }, (_, at) => route(at)) }));
  const redirectBare = [lab.proxyNamespace, lab.inbound, lab.outbound, lab.proxyAddress, lab.callees].join(
    ':',
  );
  return await send(bench, threads, file, load, [], { frames: true, redirectBare });
}

async function send(
  bench: Bench,
  threads: NapiThreads,
  routes: string,
  load: Load,
  processes: readonly number[],
  sender: Sender,
): Promise<readonly Cost[]> {
  const { streams, rates, seconds } = load;
  // Every stream is known by then, and relayed where it will be.
  const warmUp = { rate: Math.max(5_000, streams * 4), seconds: streams > 4_000 ? 5 : 2 };
  const phases = [warmUp, ...rates.map((rate) => ({ rate, seconds }))];
  const watched = [...threads.proxy(), ...processes];
  const report = await sendStreams(bench.lab, routes, phases, watched, undefined, sender);
  if (report.sinkOverrun > 0) throw new Error('the sink could not keep up');
  const inKernel = watched.length - processes.length;
  return report.phases.slice(1).map((phase, index) => costOf(phase, rates[index] ?? 0, inKernel));
}

function costOf({ cpu, sent, received, latencyP99Us }: PhaseReport, rate: number, inKernel: number): Cost {
  const sum = (values: readonly number[]) => values.reduce((one, other) => one + other, 0);
  return {
    rate,
    kernelNs: sum(cpu.perProcessNs.slice(0, inKernel)) / received,
    processNs: sum(cpu.perProcessNs.slice(inKernel)) / received,
    loss: 1 - received / sent,
    latencyP99Us,
  };
}
