import { type Bench, withProxy } from '../bench.js';
import type { ProxyName } from '../proxy.js';
import { steadyPhase } from './relay.js';

/** Packets per second that fill the proxy core, from the CPU time per packet at a rate it carries with ease. */
export async function capacity(bench: Bench, name: ProxyName): Promise<number> {
  return await withProxy(bench, name, async (proxy) => {
    const phase = await steadyPhase(bench, proxy, 500, bench.rate, 2);
    return Math.round((1e9 * phase.received) / phase.cpu.totalNs);
  });
}
