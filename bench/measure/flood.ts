import { execFileSync } from 'node:child_process';
import { type Bench, each, establish, withProxy } from '../bench.js';
import type { Figure } from '../figures.js';
import type { Lab } from '../lab.js';
import { type Phase, type PhaseReport, sendStreams } from '../loadgen.js';
import { NapiThreads } from '../napi.js';
import type { ProxyName, RunningProxy } from '../proxy.js';

const streams = 500;
const calmRate = 20_000;
const floodSeconds = 5;
/** The flood has to be this many times what the proxy carries, and is meant to be a little more. */
const floodTimes = 3;
const floodMeant = 3.1;

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

async function recovery(bench: Bench, threads: NapiThreads, name: ProxyName): Promise<Recovery> {
  const tandem = { ...bench.tandem, fastPath: 'off' } as const;
  return await withProxy({ ...bench, tandem }, name, async (proxy) => {
    const routes = await establish(bench, proxy, streams);
    const send = (phases: readonly Phase[]) => sendFrames(bench, threads, proxy, routes, phases);
    const carried = await carriedBy(send, bench.rate);
    const calm = [
      { rate: calmRate, seconds: 1 },
      { rate: calmRate, seconds: 3 },
    ] as const;
    const before = arrivedAt(bench.lab);
    const phases = await send([calm[0], { rate: floodMeant * carried, seconds: floodSeconds }, calm[1]]);
    const arrived = arrivedAt(bench.lab) - before;
    const [first, flood, after] = phases;
    if (first === undefined || flood === undefined || after === undefined)
      throw new Error('a phase is missing');
    // What its ring refused did not reach the proxy. In the calm nothing is refused.
    const flooded = arrived - first.sent - after.sent;
    const excess = flooded / flood.seconds / carried;
    bench.say(
      `${name}: carries ${carried} packets/s; ${excess.toFixed(2)} times as many came in, ` +
        `${(flood.received / flood.seconds).toFixed(0)}/s through; afterwards ` +
        `${after.streamsAlive} of ${after.streams} streams, the slowest after ${after.slowestFirstMs.toFixed(0)} ms`,
    );
    return { dead: after.streams - after.streamsAlive, slowestMs: after.slowestFirstMs, excess, carried };
  });
}

/**
 * Packets a second that fill the proxy's core, kernel and process together, from the CPU time per packet: first at a
 * rate it carries with ease, then near to what that comes to, because packets that come thick cost less.
 */
async function carriedBy(
  send: (phases: readonly Phase[]) => Promise<readonly PhaseReport[]>,
  easyRate: number,
): Promise<number> {
  let carried = 0;
  for (let rate = easyRate; ; rate = 0.9 * carried) {
    const warmUp = { rate: calmRate, seconds: 1 };
    const [, phase] = await send([warmUp, { rate, seconds: 2 }]);
    if (phase === undefined) throw new Error('a phase is missing');
    const found = Math.round((1e9 * phase.received) / phase.cpu.totalNs);
    if (found <= carried * 1.05) return Math.max(found, carried);
    carried = found;
  }
}

async function sendFrames(
  { lab }: Bench,
  threads: NapiThreads,
  proxy: RunningProxy,
  routes: string,
  phases: readonly Phase[],
): Promise<readonly PhaseReport[]> {
  const watched = [...threads.proxy(), ...proxy.processes];
  return (await sendStreams(lab, routes, phases, watched, undefined, { frames: true })).phases;
}

/** Frames that the proxy's device has taken in. */
function arrivedAt({ proxyNamespace, inbound }: Lab): number {
  const file = `/sys/class/net/${inbound}/statistics/rx_packets`;
  return Number(execFileSync('ip', ['netns', 'exec', proxyNamespace, 'cat', file], { encoding: 'utf8' }));
}
