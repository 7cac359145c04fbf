import { type Bench, each, withProxy } from '../bench.js';
import type { Figure } from '../figures.js';
import type { PhaseReport } from '../loadgen.js';
import type { ProxyName } from '../proxy.js';
import { capacity } from './capacity.js';
import { steadyPhase } from './relay.js';

/** Packets lost at half of what the proxy can carry. */
export async function measureLoss(bench: Bench): Promise<readonly Figure[]> {
  const { tandem, rtpengine } = await each(bench, (name) => lossAtHalf(bench, name));
  const lost = (phase: PhaseReport | undefined) => phase && phase.sent - phase.received;
  const misplaced = (phase: PhaseReport | undefined) => phase && phase.reordered + phase.duplicated;
  return [
    {
      what: 'Packets lost at 50 % load',
      unit: tandem === undefined ? '' : `of ${tandem.sent}`,
      tandem: lost(tandem),
      rtpengine: lost(rtpengine),
      bound: { kind: 'value', atMost: 0 },
    },
    {
      what: '  packets out of order',
      unit: '',
      tandem: misplaced(tandem),
      rtpengine: misplaced(rtpengine),
      bound: { kind: 'value', atMost: 0 },
    },
  ];
}

async function lossAtHalf(bench: Bench, name: ProxyName): Promise<PhaseReport> {
  const rate = Math.round((await capacity(bench, name)) / 2);
  return await withProxy(bench, name, async (proxy) => {
    const phase = await steadyPhase(bench, proxy, 500, rate, bench.quick ? 5 : 20);
    bench.say(`${name}: ${phase.sent - phase.received} of ${phase.sent} lost at ${rate}/s`);
    return phase;
  });
}
