import { setTimeout as pause } from 'node:timers/promises';
import { type Bench, each, establish, withProxy } from '../bench.js';
import type { Figure } from '../figures.js';
import { type Handshakes, type PhaseReport, sendStreams, shakeHands } from '../loadgen.js';
import type { ProxyName } from '../proxy.js';

const handshakes = 500;
const calls = 200;
const rate = calls * 50;
const calmSeconds = 3;
const busySeconds = 8;

type Storm = { readonly handshakes: Handshakes; readonly calm: PhaseReport; readonly busy: PhaseReport };

/** 500 DTLS handshakes begun within a second, while 200 other calls talk. */
export async function measureHandshakes(bench: Bench): Promise<readonly Figure[]> {
  const { tandem, rtpengine } = await each(bench, (name) => storm(bench, name));
  const row = (what: string, unit: string, value: (of: Storm) => number, atMost?: number): Figure => ({
    what,
    unit,
    tandem: tandem && value(tandem),
    rtpengine: rtpengine && value(rtpengine),
    bound: atMost === undefined ? { kind: 'none' } : { kind: 'value', atMost },
  });
  return [
    row(`DTLS handshakes not complete (of ${handshakes})`, '', missing, 0),
    row('  all complete after', 's', (of) => of.handshakes.seconds, 3),
    row('  one handshake, median', 'ms', (of) => of.handshakes.handshakeP50Us / 1000),
    row(`  worst delay of a packet of ${calls} other calls`, 'ms', (of) => of.busy.latencyMaxUs / 1000, 20),
    row('  the same before the handshakes', 'ms', (of) => of.calm.latencyMaxUs / 1000),
    row('  packets lost meanwhile', '', (of) => of.busy.sent - of.busy.received, 0),
  ];
}

function missing({ handshakes }: Storm): number {
  return handshakes.calls - handshakes.completed;
}

async function storm(bench: Bench, name: ProxyName): Promise<Storm> {
  return await withProxy(bench, name, async (proxy) => {
    const routes = await establish(bench, proxy, calls);
    const phases = [
      { rate, seconds: 1 },
      { rate, seconds: calmSeconds },
      { rate, seconds: busySeconds },
    ];
    let isTalking = true;
    const streams = sendStreams(bench.lab, routes, phases, proxy.processes).finally(() => {
      isTalking = false;
    });
    const shaken = pause((1 + calmSeconds) * 1_000).then(async () => {
      const report = await shakeHands(bench.lab, { ng: proxy.ng, calls: handshakes });
      if (!isTalking) throw new Error('the handshakes took longer than the media that was to be watched');
      return report;
    });
    const [{ phases: reports, sinkOverrun }, report] = await Promise.all([streams, shaken]);
    const [, calm, busy] = reports;
    if (calm === undefined || busy === undefined || sinkOverrun > 0)
      throw new Error('the sink could not keep up');
    const worst = `worst packet ${busy.latencyMaxUs} µs (${calm.latencyMaxUs} before)`;
    bench.say(`${name}: ${report.completed} handshakes in ${report.seconds.toFixed(2)} s, ${worst}`);
    return { handshakes: report, calm, busy };
  });
}
