import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Lab } from './lab.js';
import { type CallsReport, makeCalls, type Secured } from './loadgen.js';
import type { Curve } from './plot.js';
import { type RunningProxy, type ProxyName, startProxy, type TandemOptions } from './proxy.js';

/** What every measurement is given. */
export type Bench = {
  readonly lab: Lab;
  readonly quick: boolean;
  /** Packets per second of the plain relay measurements. */
  readonly rate: number;
  readonly proxies: readonly ProxyName[];
  readonly tandem: TandemOptions;
  /** For files that need not outlast the benchmark. */
  readonly directory: string;
  /** Keeps what belongs into the plot. */
  readonly draw: (curve: Curve) => void;
  readonly say: (line: string) => void;
};

/** Starts a proxy, hands it to `use`, and stops it whatever happens. */
export async function withProxy<T>(
  bench: Bench,
  name: ProxyName,
  use: (proxy: RunningProxy) => Promise<T>,
): Promise<T> {
  const proxy = await startProxy(bench.lab, name, bench.tandem);
  try {
    return await use(proxy);
  } finally {
    await proxy.stop();
  }
}

/** Makes calls that stay, and keeps the routes of their streams in a file. */
export async function establish(
  bench: Bench,
  proxy: RunningProxy,
  calls: number,
  options: { readonly prefix?: string; readonly secured?: Secured | undefined } = {},
): Promise<string> {
  const { prefix = 'bench', secured } = options;
  const request = { ng: proxy.ng, calls, concurrency: 8, delete: false, prefix, watch: [], secured };
  const report = await makeCalls(bench.lab, request);
  refuseFailures(proxy, report);
  const file = join(proxy.directory, `${prefix}.json`);
  writeFileSync(file, report.text);
  return file;
}

export function refuseFailures(proxy: RunningProxy, report: CallsReport): void {
  if (report.failed > 0) {
    throw new Error(`${proxy.name}: ${report.failed} of ${report.calls} calls failed: ${report.failure}`);
  }
}

/** The names in this order, then in the other: rounds alternate so that drift of the machine hits both alike. */
export function inTurn(names: readonly ProxyName[], round: number): readonly ProxyName[] {
  return round % 2 === 0 ? names : names.toReversed();
}

/** Runs the rounds and collects one value per proxy and round. */
export async function interleave<T>(
  bench: Bench,
  rounds: number,
  measure: (name: ProxyName, round: number) => Promise<T>,
): Promise<Readonly<Record<ProxyName, readonly T[]>>> {
  const results: Record<ProxyName, T[]> = { tandem: [], rtpengine: [] };
  for (let round = 0; round < rounds; round += 1) {
    for (const name of inTurn(bench.proxies, round)) results[name].push(await measure(name, round));
  }
  return results;
}

/** One value for each proxy that takes part. */
export async function each<T>(
  bench: Bench,
  measure: (name: ProxyName) => Promise<T>,
): Promise<Readonly<Record<ProxyName, T | undefined>>> {
  const results: Record<ProxyName, T | undefined> = { tandem: undefined, rtpengine: undefined };
  for (const name of bench.proxies) results[name] = await measure(name);
  return results;
}
