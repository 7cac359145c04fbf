import type { KeysSnapshot, SourceSnapshot, StreamSnapshot } from '../dataplane/protocol.gen.js';
import type { Pace } from '../store/snapshot-record.js';
import type { Clock } from '../service/ports.js';

/**
 * Which protected calls have come so far that another node has to know. It goes on from the last packets it was told of: a counter
 * of roll-overs is right if fewer than 32,768 packets have come since (RFC 3711 §3.3.1), and keys have to be known at once. Calls that
 * pause are written as well: nobody else can tell a call that pauses from a node that cannot write.
 */
export class Progress {
  readonly #clock: Clock;
  #told = new Map<string, Told>();
  /** The last round. */
  #rounds = new Map<string, Round>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Those that are to be written, of all there are now. */
  due(sessions: ReadonlyMap<string, readonly StreamSnapshot[]>): readonly string[] {
    const atMs = this.#clock.now();
    const due: string[] = [];
    const told = new Map<string, Told>();
    const rounds = new Map<string, Round>();
    for (const [callId, streams] of sessions) {
      const now = { ...positionOf(streams), atMs };
      rounds.set(callId, { ...now, perSecond: paceOf(this.#rounds.get(callId), now) });
      const before = this.#told.get(callId);
      const isDue = before === undefined || isFurther(before, now);
      if (isDue) due.push(callId);
      told.set(callId, isDue || before === undefined ? now : before);
    }
    this.#told = told;
    this.#rounds = rounds;
    return due;
  }

  /** When what is known of a call was so, and how fast it goes on. */
  paceOf(callId: string): Pace {
    const { atMs, perSecond } = this.#rounds.get(callId) ?? { atMs: this.#clock.now(), perSecond: undefined };
    return { atMs, perSecond: perSecond === undefined ? UNKNOWN_PACE : Math.max(perSecond, LEAST_PACE) };
  }
}

type Told = {
  /** Changes with keys, sources, shifts of their numbers, and pairs of candidates. */
  readonly shape: string;
  readonly packets: number;
  readonly atMs: number;
};

type Position = Told & {
  /** Packets sent under each key. */
  readonly sent: readonly number[];
};

type Round = Position & {
  /** Of the fastest key; `undefined`: not known yet. */
  readonly perSecond: number | undefined;
};

function paceOf(before: Round | undefined, now: Position): number | undefined {
  if (before === undefined || before.shape !== now.shape || now.atMs <= before.atMs) return before?.perSecond;
  const seconds = (now.atMs - before.atMs) / 1_000;
  let perSecond = (before.perSecond ?? 0) * SLOWED;
  for (const [at, sent] of now.sent.entries()) {
    const packets = sent - (before.sent[at] ?? sent);
    if (packets < JUMP) perSecond = Math.max(perSecond, packets / seconds);
  }
  return Math.ceil(perSecond);
}

function isFurther(before: Told, now: Told): boolean {
  if (before.shape !== now.shape) return true;
  const packets = now.packets - before.packets;
  return packets >= MANY_PACKETS || now.atMs - before.atMs >= LONG_MS;
}

function positionOf(streams: readonly StreamSnapshot[]): Omit<Position, 'atMs'> {
  const sent: number[] = [];
  let shape = '';
  let packets = 0;
  for (const { stream, association, rtp, rtcp, ice } of streams) {
    shape += `${stream}/${association}/`;
    for (const keys of rtcp === null ? [rtp] : [rtp, rtcp]) {
      shape += shapeOf(keys);
      packets += packetsOf(keys);
      sent.push(keys.send?.sources.reduce((sum, { rtpIndex }) => sum + (rtpIndex ?? 0), 0) ?? 0);
    }
    for (const words of ice) {
      const pairs = [...words.rtp, ...words.rtcp];
      shape += `${words.remoteUfrag},${pairs.map(({ pair, nominated }) => `${pair.remote}${nominated}`).join()}/`;
    }
  }
  return { shape, packets, sent };
}

function shapeOf({ receive, send }: KeysSnapshot): string {
  return [receive, send]
    .map((one) => (one === null ? '-' : one.key.keyBase64 + one.sources.map(shiftOf).join('')))
    .join();
}

/** A source that began its sequence anew is sent with shifted numbers. */
function shiftOf({ ssrc, sequenceOffset }: SourceSnapshot): string {
  return `/${ssrc}+${sequenceOffset}`;
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
/** Packets a second under one key, at least, and before it is known. */
const LEAST_PACE = 100;
const UNKNOWN_PACE = 1_000;
/** Of a round to the next: what pauses, or has jumped ahead once, is not fast for ever. */
const SLOWED = 0.98;
/** A source that jumps ahead, not one that is fast. */
const JUMP = 8_192;
