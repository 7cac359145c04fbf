import { type Bench, each, establish, withProxy } from '../bench.js';
import type { Figure } from '../figures.js';
import { type PhaseReport, sendStreams } from '../loadgen.js';
import type { ProxyName } from '../proxy.js';
import { capacity } from './capacity.js';

const streams = 500;
const calmRate = 20_000;
const floodSeconds = 5;

type Recovery = {
  readonly dead: number;
  readonly slowestMs: number;
  /** The flood as it came about, in multiples of what the proxy carries. */
  readonly excess: number;
};

/** Whether every stream relays again after five seconds at three times what the proxy can carry. */
export async function measureFlood(bench: Bench): Promise<readonly Figure[]> {
  const { tandem, rtpengine } = await each(bench, (name) => recovery(bench, name));
  return [
    {
      what: `Streams dead after a flood (of ${streams})`,
      unit: '',
      tandem: tandem?.dead,
      rtpengine: rtpengine?.dead,
      bound: { kind: 'value', atMost: 0 },
    },
    {
      what: '  slowest stream relays again after',
      unit: 'ms',
      tandem: tandem?.slowestMs,
      rtpengine: rtpengine?.dead === 0 ? rtpengine.slowestMs : undefined,
      bound: { kind: 'value', atMost: 1_000 },
    },
    {
      what: '  flood, times what the proxy carries',
      unit: 'x',
      tandem: tandem?.excess,
      rtpengine: rtpengine?.excess,
      bound: { kind: 'none' },
    },
  ];
}

async function recovery(bench: Bench, name: ProxyName): Promise<Recovery> {
  const carried = await capacity(bench, name);
  return await withProxy(bench, name, async (proxy) => {
    const routes = await establish(bench, proxy, streams);
    const phases = [
      { rate: calmRate, seconds: 1 },
      { rate: 3 * carried, seconds: floodSeconds },
      { rate: calmRate, seconds: 3 },
    ];
    const [, flood, after] = (await sendStreams(bench.lab, routes, phases, proxy.processes)).phases;
    if (flood === undefined || after === undefined) throw new Error('a phase is missing');
    const through = `${perSecond(flood.received, flood)} of ${perSecond(flood.sent, flood)} packets/s came through`;
    const alive = `${after.streamsAlive} of ${after.streams} streams`;
    bench.say(
      `${name}: ${through}; afterwards ${alive}, the slowest after ${after.slowestFirstMs.toFixed(0)} ms`,
    );
    return {
      dead: after.streams - after.streamsAlive,
      slowestMs: after.slowestFirstMs,
      excess: flood.sent / flood.seconds / carried,
    };
  });
}

function perSecond(count: number, phase: PhaseReport): string {
  return (count / phase.seconds).toFixed(0);
}
