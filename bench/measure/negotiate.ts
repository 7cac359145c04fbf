import { type Bench, interleave, withProxy } from '../bench.js';
import { type Figure, median } from '../figures.js';
import { negotiateAlone, runNegotiator } from '../loadgen.js';
import { processName } from '../process.js';
import type { ProxyName } from '../proxy.js';

/** CPU time in µs, in the control plane alone and in all processes. */
type Cost = { readonly control: number; readonly all: number };

type Round = {
  /** Of a body: half an exchange of offer and answer. */
  readonly known: Cost;
  /** The same of bodies of kinds that were never seen before. */
  readonly unseen: Cost;
  readonly offer: Cost;
  readonly answer: Cost;
  readonly deletion: Cost;
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
  const control = (what: string, field: (round: Round) => number, atMost?: number): Figure => ({
    what: `${what}, control plane`,
    unit: 'µs',
    tandem: of('tandem', field),
    rtpengine: undefined,
    bound: atMost === undefined ? { kind: 'none' } : { kind: 'value', atMost },
  });
  const all = (what: string, field: (round: Round) => number): Figure => ({
    what: `  ${what}, all processes`,
    unit: 'µs',
    tandem: of('tandem', field),
    rtpengine: of('rtpengine', field),
    bound: { kind: 'none' },
  });
  const alone = bench.proxies.includes('tandem') ? await negotiateAlone(bench.quick ? 3 : 9) : undefined;
  const inOneProcess = (what: string, tandem: number | undefined): Figure => ({
    what: `  negotiation alone, in one process, warm, of kinds never seen: ${what}`,
    unit: 'µs',
    ...{ tandem, rtpengine: undefined, bound: { kind: 'none' } },
  });
  const size = `${Math.round(sdpBytes)} bytes`;
  return [
    control(`CPU per browser negotiation (one SDP of ${size})`, ({ known }) => known.control, 300),
    all('the same', ({ known }) => known.all),
    control('  an offer and its answer', ({ offer, answer }) => offer.control + answer.control),
    all('offers alone', ({ offer }) => offer.all),
    all('answers alone', ({ answer }) => answer.all),
    all('deletions', ({ deletion }) => deletion.all),
    control('  an SDP of a kind never seen before', ({ unseen }) => unseen.control),
    all('the same', ({ unseen }) => unseen.all),
    inOneProcess('an offer', alone?.offerUs),
    inOneProcess('an answer', alone?.answerUs),
  ];
}

async function negotiateRound(bench: Bench, name: ProxyName): Promise<Round & { readonly bytes: number }> {
  return await withProxy(bench, name, async (proxy) => {
    const run = (calls: number, first: number, kind: 'known' | 'never seen' = 'known') =>
      runNegotiator(bench.lab, { ng: proxy.ng, calls, first, kind, watch: proxy.processes });
    // Lets Node compile what runs often, as in a proxy that has been up for a minute.
    for (const first of [0, MOST_CALLS]) await run(MOST_CALLS, first, 'never seen');
    for (const first of [2 * MOST_CALLS, 3 * MOST_CALLS]) await run(MOST_CALLS, first);
    const calls = bench.quick ? MOST_CALLS / 2 : MOST_CALLS;
    const known = await run(calls, 4 * MOST_CALLS);
    const unseen = await run(calls, 5 * MOST_CALLS, 'never seen');
    const controlAt = proxy.processes.map(processName).findIndex((part) => part.startsWith('node'));
    const costOf = (ns: readonly number[]): Cost => ({
      control: (ns[controlAt] ?? Number.NaN) / calls / 1000,
      all: ns.reduce((total, value) => total + value, 0) / calls / 1000,
    });
    const half = (one: Cost, other: Cost): Cost => ({
      control: (one.control + other.control) / 2,
      all: (one.all + other.all) / 2,
    });
    const [offer, answer] = [costOf(known.offerNs), costOf(known.answerNs)];
    const round = {
      known: half(offer, answer),
      unseen: half(costOf(unseen.offerNs), costOf(unseen.answerNs)),
      ...{ offer, answer, deletion: costOf(known.deletionNs), bytes: known.sdpBytes },
    };
    const said = ({ control, all }: Cost): string =>
      name === 'tandem'
        ? `${all.toFixed(0)} µs (control plane ${control.toFixed(0)})`
        : `${all.toFixed(0)} µs`;
    bench.say(
      `${name}: CPU an offer ${said(offer)}, an answer ${said(answer)}, an SDP of a kind never seen ${said(round.unseen)}`,
    );
    return round;
  });
}

/** At once: each has ten sockets. */
const MOST_CALLS = 1_200;
