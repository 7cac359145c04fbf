import type { KeysSnapshot, StreamSnapshot } from '../dataplane/protocol.gen.js';
import type { Clock } from '../service/ports.js';

/**
 * Which protected calls have come so far that another node has to know. It goes on from the last packets it was told of: a counter
 * of roll-overs is right if fewer than 32,768 packets have come since (RFC 3711 §3.3.1), and keys have to be known at once.
 */
export class Progress {
  readonly #clock: Clock;
  #told = new Map<string, Told>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Those that are to be written, of all there are now. */
  due(sessions: ReadonlyMap<string, readonly StreamSnapshot[]>): readonly string[] {
    const atMs = this.#clock.now();
    const due: string[] = [];
    const told = new Map<string, Told>();
    for (const [callId, streams] of sessions) {
      const now = { ...positionOf(streams), atMs };
      const before = this.#told.get(callId);
      const isDue = before === undefined || isFurther(before, now);
      if (isDue) due.push(callId);
      told.set(callId, isDue || before === undefined ? now : before);
    }
    this.#told = told;
    return due;
  }
}

type Told = {
  /** Changes with keys, sources, and pairs of candidates. */
  readonly shape: string;
  readonly packets: number;
  readonly atMs: number;
};

function isFurther(before: Told, now: Told): boolean {
  if (before.shape !== now.shape) return true;
  const packets = now.packets - before.packets;
  return packets >= MANY_PACKETS || (packets !== 0 && now.atMs - before.atMs >= LONG_MS);
}

function positionOf(streams: readonly StreamSnapshot[]): Pick<Told, 'shape' | 'packets'> {
  let shape = '';
  let packets = 0;
  for (const { stream, association, rtp, rtcp, ice } of streams) {
    shape += `${stream}/${association}/`;
    for (const keys of rtcp === null ? [rtp] : [rtp, rtcp]) {
      shape += shapeOf(keys);
      packets += packetsOf(keys);
    }
    for (const words of ice) {
      const pairs = [...words.rtp, ...words.rtcp];
      shape += `${words.remoteUfrag},${pairs.map(({ pair, nominated }) => `${pair.remote}${nominated}`).join()}/`;
    }
  }
  return { shape, packets };
}

function shapeOf({ receive, send }: KeysSnapshot): string {
  return [receive, send]
    .map((one) => (one === null ? '-' : `${one.key.keyBase64}${one.sources.length}`))
    .join();
}

function packetsOf({ receive, send }: KeysSnapshot): number {
  let packets = 0;
  for (const one of [receive, send]) {
    for (const { rtpIndex, rtcpIndex } of one?.sources ?? []) packets += (rtpIndex ?? 0) + (rtcpIndex ?? 0);
  }
  return packets;
}

const MANY_PACKETS = 4_096;
const LONG_MS = 15_000;
