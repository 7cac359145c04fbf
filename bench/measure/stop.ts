import { existsSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { type Bench, establish, interleave, withProxy } from '../bench.js';
import type { Figure } from '../figures.js';
import type { ProxyName } from '../proxy.js';

const calls = 2_000;
const rounds = 5;
/** Whoever is still there then has missed the bound by far, and is killed. */
const deadlineMs = 10_000;

type Stop = { readonly ms: number; readonly status: number | null };

/** How long SIGTERM takes to end every process of a proxy that has calls. */
export async function measureStop(bench: Bench): Promise<readonly Figure[]> {
  const stops = await interleave(bench, bench.quick ? 3 : rounds, (name) => stopped(bench, name));
  return [
    {
      what: `SIGTERM to the end of the last process, ${calls} calls (slowest of ${stops.tandem.length})`,
      unit: 'ms',
      tandem: slowest(stops.tandem),
      rtpengine: slowest(stops.rtpengine),
      bound: { kind: 'value', atMost: 1_000 },
      holds: stops.tandem.every(({ status }) => status === 0),
    },
  ];
}

function slowest(stops: readonly Stop[]): number | undefined {
  return stops.length === 0 ? undefined : Math.max(...stops.map(({ ms }) => ms));
}

async function stopped(bench: Bench, name: ProxyName): Promise<Stop> {
  return await withProxy(bench, name, async (proxy) => {
    await establish(bench, proxy, calls);
    const start = performance.now();
    const exited = await proxy.stop();
    const left = () => proxy.processes.filter((each) => existsSync(`/proc/${each}`));
    while (left().length > 0 && performance.now() < start + deadlineMs) await pause(1);
    const ms = performance.now() - start;
    const survivors = left();
    for (const each of survivors) process.kill(each, 'SIGKILL');
    const status = survivors.length > 0 ? null : exited;
    bench.say(`${name}: ${calls} calls, ended with status ${status} after ${ms.toFixed(0)} ms`);
    return { ms, status };
  });
}
