import { execFileSync } from 'node:child_process';
import { type Bench, each, establish, withProxy } from '../bench.js';
import type { Figure } from '../figures.js';
import type { Lab } from '../lab.js';
import { type Phase, type PhaseReport, sendStreams } from '../loadgen.js';
import { NapiThreads } from '../napi.js';
import type { ProxyName } from '../proxy.js';

const streams = 500;
const calmRate = 20_000;
const floodSeconds = 5;
/** The flood has to be this many times what the proxy carries, and is meant to be a little more. */
const floodTimes = 3;
const floodMeant = 3.1;
const attempts = 4;
const missing = 'a phase is missing';

type Recovery = {
  readonly dead: number;
  readonly slowestMs: number;
  /** The flood as it reached the proxy, in multiples of what the proxy carries. */
  readonly excess: number;
  readonly carried: number;
};

/** Whether every stream relays again after five seconds at three times what the proxy can carry. */
export async function measureFlood(bench: Bench): Promise<readonly Figure[]> {
  // Packets of a socket cost their sender more than a proxy: only frames can be three times as many.
  const threads = NapiThreads.of(bench.lab);
  const { tandem, rtpengine } = await each(bench, (name) => recovery(bench, threads, name));
  const isFlooded = tandem !== undefined && tandem.excess >= floodTimes;
  return [
    {
      what: `Streams dead after a flood (of ${streams})`,
      unit: '',
      tandem: tandem?.dead,
      rtpengine: rtpengine?.dead,
      bound: { kind: 'value', atMost: 0 },
      holds: isFlooded,
    },
    {
      what: '  slowest stream relays again after',
      unit: 'ms',
      tandem: tandem?.slowestMs,
      rtpengine: rtpengine?.dead === 0 ? rtpengine.slowestMs : undefined,
      bound: { kind: 'value', atMost: 1_000 },
      holds: isFlooded,
    },
    {
      what: '  packets a second that are carried',
      unit: '',
      tandem: tandem?.carried,
      rtpengine: rtpengine?.carried,
      bound: { kind: 'none' },
    },
    {
      what: '  flood that came in, times what is carried',
      unit: 'x',
      tandem: tandem?.excess,
      rtpengine: rtpengine?.excess,
      bound: { kind: 'value', atLeast: floodTimes },
    },
  ];
}

/** A ring that refuses some, or a proxy that turns out to carry more, takes another attempt. */
async function recovery(bench: Bench, threads: NapiThreads, name: ProxyName): Promise<Recovery> {
  let carried = await carriedBy(bench, threads, name);
  for (let attempt = 1; ; attempt += 1) {
    const found = await flood(bench, threads, name, { carried, times: floodMeant * 1.15 ** (attempt - 1) });
    if (found.excess >= floodTimes || attempt === attempts) return found;
    ({ carried } = found);
  }
}

async function flood(
  bench: Bench,
  threads: NapiThreads,
  name: ProxyName,
  { carried, times }: { readonly carried: number; readonly times: number },
): Promise<Recovery> {
  return await withFrames(bench, threads, name, async (send) => {
    const before = arrivedAt(bench.lab);
    const [first, flooding, after] = await send([
      { rate: calmRate, seconds: 1 },
      { rate: times * carried, seconds: floodSeconds },
      { rate: calmRate, seconds: 3 },
    ]);
    const arrived = arrivedAt(bench.lab) - before;
    if (first === undefined || flooding === undefined || after === undefined) throw new Error(missing);
    // What its ring refused did not reach the proxy. In the calm nothing is refused.
    const flooded = (arrived - first.sent - after.sent) / flooding.seconds;
    // With more to do it may carry more, because packets that come thick cost less.
    const through = Math.round(flooding.received / flooding.seconds);
    const most = Math.max(carried, through);
    const excess = flooded / most;
    bench.say(
      `${name}: carries ${most} packets/s; ${excess.toFixed(2)} times as many came in, ${through}/s through; ` +
        `afterwards ${after.streamsAlive} of ${after.streams} streams, the slowest after ${after.slowestFirstMs.toFixed(0)} ms`,
    );
    const dead = after.streams - after.streamsAlive;
    return { dead, slowestMs: after.slowestFirstMs, excess, carried: most };
  });
}

/** Packets a second that come through, with one in a hundred lost at most: more and more until more are. */
async function carriedBy(bench: Bench, threads: NapiThreads, name: ProxyName): Promise<number> {
  return await withFrames(bench, threads, name, async (send) => {
    let carried = 0;
    for (let rate = bench.rate; ; rate *= 1.15) {
      const [, phase] = await send([
        { rate: calmRate, seconds: 1 },
        { rate, seconds: 2 },
      ]);
      if (phase === undefined) throw new Error(missing);
      const isCarried = phase.received >= 0.99 * phase.sent && phase.sent > 0.9 * rate * phase.seconds;
      if (!isCarried && carried > 0) return carried;
      carried = Math.round(phase.received / phase.seconds);
      if (!isCarried) return carried;
    }
  });
}

type Send = (phases: readonly Phase[]) => Promise<readonly PhaseReport[]>;

/** A fresh proxy with calls, and frames to send to it. */
async function withFrames<T>(
  bench: Bench,
  threads: NapiThreads,
  name: ProxyName,
  use: (send: Send) => Promise<T>,
): Promise<T> {
  const tandem = { ...bench.tandem, fastPath: 'off' } as const;
  return await withProxy({ ...bench, tandem }, name, async (proxy) => {
    const routes = await establish(bench, proxy, streams);
    return await use(async (phases) => {
      const watched = [...threads.proxy(), ...proxy.processes];
      const report = await sendStreams(bench.lab, routes, phases, watched, undefined, { frames: true });
      return report.phases;
    });
  });
}

/** Frames that the proxy's device has taken in. */
function arrivedAt({ proxyNamespace, inbound }: Lab): number {
  const file = `/sys/class/net/${inbound}/statistics/rx_packets`;
  return Number(execFileSync('ip', ['netns', 'exec', proxyNamespace, 'cat', file], { encoding: 'utf8' }));
}
