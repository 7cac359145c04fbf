import { type Bench, interleave, withProxy } from '../bench.js';
import { type Figure, median } from '../figures.js';
import { runNegotiator } from '../loadgen.js';
import { processName } from '../process.js';
import type { ProxyName } from '../proxy.js';

type Round = {
  readonly offerUs: number;
  readonly answerUs: number;
  readonly allUs: number;
  readonly controlUs: number;
};

/**
 * CPU time of one negotiation, an SDP of a browser in and the SDP for the other side out: 8 kB, three m-lines, one
 * bundle, no two alike.
 */
export async function measureNegotiate(bench: Bench): Promise<readonly Figure[]> {
  let sdpBytes = 0;
  const rounds = await interleave(bench, bench.quick ? 2 : 5, async (name) => {
    const { bytes, ...round } = await negotiateRound(bench, name);
    sdpBytes = bytes;
    return round;
  });
  const of = (name: ProxyName, field: (round: Round) => number): number | undefined =>
    median(rounds[name].map(field));
  return [
    {
      what: `CPU per browser negotiation (${Math.round(sdpBytes)} bytes), control plane`,
      unit: 'µs',
      tandem: of('tandem', ({ controlUs }) => controlUs),
      rtpengine: undefined,
      bound: { kind: 'value', atMost: 300 },
    },
    ...(
      [
        ['  all processes', ({ allUs }) => allUs],
        ['  all processes, offers', ({ offerUs }) => offerUs],
        ['  all processes, answers', ({ answerUs }) => answerUs],
      ] satisfies readonly (readonly [string, (round: Round) => number])[]
    ).map(
      ([what, field]): Figure => ({
        what,
        unit: 'µs',
        tandem: of('tandem', field),
        rtpengine: of('rtpengine', field),
        bound: { kind: 'none' },
      }),
    ),
  ];
}

async function negotiateRound(bench: Bench, name: ProxyName): Promise<Round & { readonly bytes: number }> {
  return await withProxy(bench, name, async (proxy) => {
    const run = (calls: number, first: number) =>
      runNegotiator(bench.lab, { ng: proxy.ng, calls, first, watch: proxy.processes });
    // Lets Node compile what runs often, as in a proxy that has been up for a minute.
    for (const first of [0, MOST_CALLS, 2 * MOST_CALLS]) await run(MOST_CALLS, first);
    const calls = bench.quick ? MOST_CALLS / 2 : MOST_CALLS;
    const report = await run(calls, 3 * MOST_CALLS);
    const controlAt = proxy.processes.map(processName).findIndex((part) => part.startsWith('node'));
    const us = (ns: number, negotiations: number): number => ns / negotiations / 1000;
    const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
    const [offers, answers] = [sum(report.offerNs), sum(report.answerNs)];
    const control = (report.offerNs[controlAt] ?? Number.NaN) + (report.answerNs[controlAt] ?? Number.NaN);
    const round = {
      offerUs: us(offers, calls),
      answerUs: us(answers, calls),
      allUs: us(offers + answers, calls * 2),
      controlUs: us(control, calls * 2),
      bytes: report.sdpBytes,
    };
    const inControl = name === 'tandem' ? `, ${round.controlUs.toFixed(0)} of them in the control plane` : '';
    bench.say(`${name}: ${round.allUs.toFixed(0)} µs CPU a negotiation${inControl}`);
    return round;
  });
}

/** At once: each has ten sockets. */
const MOST_CALLS = 1_200;
