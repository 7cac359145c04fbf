import { type Bench, establish, interleave, withProxy } from '../bench.js';
import { type Figure, median } from '../figures.js';
import { type PhaseReport, type Secured, sendStreams } from '../loadgen.js';
import type { RunningProxy, ProxyName } from '../proxy.js';

export type RelayRound = {
  readonly processNsPerPacket: number;
  readonly coreNsPerPacket: number;
  readonly lost: number;
  readonly latencyP50Us: number;
  readonly latencyP99Us: number;
};

/** CPU time per packet of a plain relay, 500 one-way streams, rounds interleaved. */
export async function measureRelay(bench: Bench): Promise<readonly Figure[]> {
  const rounds = await interleave(bench, bench.quick ? 3 : 7, (name) => relayRound(bench, name, 500));
  const of = (name: ProxyName, field: (round: RelayRound) => number): number | undefined =>
    median(rounds[name].map(field));
  const row = (
    what: string,
    unit: string,
    field: (round: RelayRound) => number,
    bound: Figure['bound'],
  ): Figure => ({
    what,
    unit,
    tandem: of('tandem', field),
    rtpengine: of('rtpengine', field),
    bound,
  });
  return [
    row('CPU per relayed packet', 'µs', (round) => round.processNsPerPacket / 1000, {
      kind: 'ratio',
      atMost: 0.8,
    }),
    row('  proxy core busy per packet', 'µs', (round) => round.coreNsPerPacket / 1000, { kind: 'none' }),
    row('  latency, median', 'µs', (round) => round.latencyP50Us, { kind: 'none' }),
    row('  latency, 99 %', 'µs', (round) => round.latencyP99Us, { kind: 'none' }),
  ];
}

/** One fresh proxy, one measurement. */
export async function relayRound(bench: Bench, name: ProxyName, calls: number): Promise<RelayRound> {
  return await withProxy(bench, name, async (proxy) => {
    const phase = await steadyPhase(bench, proxy, calls, bench.rate, bench.quick ? 2 : 3);
    const round = {
      processNsPerPacket: phase.cpu.totalNs / phase.received,
      coreNsPerPacket: phase.coreBusyNs / phase.received,
      lost: phase.sent - phase.received,
      latencyP50Us: phase.latencyP50Us,
      latencyP99Us: phase.latencyP99Us,
    };
    const cpu = `${(round.processNsPerPacket / 1000).toFixed(2)} µs a packet`;
    bench.say(
      `${name}: ${calls} calls, ${cpu}, core ${(round.coreNsPerPacket / 1000).toFixed(2)}, ${round.lost} lost`,
    );
    return round;
  });
}

/** Makes the calls, lets every stream latch at a low rate, then measures at the rate asked for. */
export async function steadyPhase(
  bench: Bench,
  proxy: RunningProxy,
  calls: number,
  rate: number,
  seconds: number,
  secured?: Secured,
): Promise<PhaseReport> {
  const routes = await establish(bench, proxy, calls, { secured });
  const warmUp = { rate: Math.max(5_000, calls * 4), seconds: 1 };
  const report = await sendStreams(bench.lab, routes, [warmUp, { rate, seconds }], proxy.processes, secured);
  const phase = report.phases[1];
  if (phase === undefined || report.sinkOverrun > 0) throw new Error('the sink could not keep up');
  return phase;
}
