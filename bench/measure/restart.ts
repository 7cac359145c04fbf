import { type Bench, establish, withProxy } from '../bench.js';
import type { Figure } from '../figures.js';
import { sendStreams } from '../loadgen.js';
import { processName } from '../process.js';
import type { RunningProxy } from '../proxy.js';

const few = 300;
const many = 3_000;
/** As many as a call sends; of many calls fewer, so that packets do not fill the core. */
const packetsPerSecond = 50;

type Return = { readonly dead: number; readonly slowestMs: number };

/** How long after `kill -9` of the data plane each call relays again. The peer keeps no calls. */
export async function measureRestart(bench: Bench): Promise<readonly Figure[]> {
  if (!bench.proxies.includes('tandem')) return [];
  const [ofFew, ofMany] = [await killed(bench, few), await killed(bench, many)];
  return [
    row(`Calls that stay away after the data plane's crash (of ${few})`, '', ofFew.dead, 0),
    row('  the last one relays again after', 'ms', ofFew.slowestMs, 2_000, ofFew.dead === 0),
    row(`  of ${many}: calls that stay away`, '', ofMany.dead, 0),
    row(`  of ${many}: the last one relays again after`, 'ms', ofMany.slowestMs),
  ];
}

function row(what: string, unit: string, tandem: number, atMost?: number, holds = true): Figure {
  const bound = atMost === undefined ? ({ kind: 'none' } as const) : ({ kind: 'value', atMost } as const);
  return { what, unit, tandem, rtpengine: undefined, bound, holds };
}

async function killed(bench: Bench, calls: number): Promise<Return> {
  const tandem = { ...bench.tandem, fastPath: 'off' } as const;
  return await withProxy({ ...bench, tandem }, 'tandem', async (proxy) => {
    const routes = await establish(bench, proxy, calls);
    const rate = packetsPerSecond * Math.min(calls, few);
    const phases = [
      { rate, seconds: 2 },
      { rate, seconds: 8, killing: [dataPlaneOf(proxy)] },
    ];
    const report = await sendStreams(bench.lab, routes, phases, []);
    const [before, after] = report.phases;
    if (before === undefined || after === undefined) throw new Error('a phase is missing');
    if (before.streamsAlive < calls) throw new Error(`only ${before.streamsAlive} of ${calls} calls relay`);
    const lost = after.sent - after.received;
    bench.say(
      `${calls} calls: ${after.streamsAlive} relay again, the last after ${after.slowestFirstMs.toFixed(0)} ms; ` +
        `${lost} of ${after.sent} packets lost`,
    );
    return { dead: calls - after.streamsAlive, slowestMs: after.slowestFirstMs };
  });
}

function dataPlaneOf(proxy: RunningProxy): number {
  const process = proxy.processes.find((one) => processName(one).startsWith('tandem-dataplan'));
  if (process === undefined) throw new Error('no data plane runs');
  return process;
}
