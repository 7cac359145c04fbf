import type { PairStatistics } from '../command/pair.js';
import type { ComponentStats, SessionStats, StreamStats } from '../dataplane/protocol.gen.js';
import type { Call, StreamPair } from './call.js';
import { type FoundPair, opposite, streamOf } from './pairs.js';

/** What a query for a pair tells, seen from one of its parties. */
export function describePair(
  call: Call,
  { pair, side }: FoundPair,
  media: SessionStats | null,
  nowMs: number,
): PairStatistics {
  const own = streamIn(media, streamOf(pair, side));
  const other = streamIn(media, streamOf(pair, opposite(side)));
  const both = [own, other].flatMap((stream) => (stream === undefined ? [] : [stream]));
  return {
    secondsLeft: secondsLeft(call, both, nowMs),
    packetsIn: own?.rtp.receivedPackets ?? 0,
    packetsInOther: other?.rtp.receivedPackets ?? 0,
    relayed: sum(both.map(({ rtp }) => rtp.sentPackets)),
    dropped: sum(both.map(({ rtp }) => dropped(rtp))),
    sequence: sequenceOf(own),
  };
}

/** Media of a pair as its end is counted: which parties were ever heard, of RTP and of RTCP. */
export function heardParties(
  pair: StreamPair,
  media: SessionStats | null,
): { readonly rtp: number; readonly rtcp: number } {
  const streams = [pair.creator, pair.other].map((id) => streamIn(media, id));
  const heard = (component: 'rtp' | 'rtcp'): number =>
    streams.filter((stream) => (stream?.[component].receivedPackets ?? 0) > 0).length;
  return { rtp: heard('rtp'), rtcp: heard('rtcp') };
}

/** Signalling and packets of either party start the wait anew. */
function secondsLeft(call: Call, streams: readonly StreamStats[], nowMs: number): number {
  const quiet = streams.flatMap(({ rtp, rtcp }) =>
    [rtp.lastPacketMsAgo, rtcp.lastPacketMsAgo].filter((ago) => ago !== null),
  );
  const quietMs = Math.min(nowMs - call.lastSignalMs, ...quiet);
  return Math.max(0, Math.round((call.timeouts.mediaMs - quietMs) / 1000));
}

function sequenceOf(stream: StreamStats | undefined): PairStatistics['sequence'] {
  const sources = stream?.ingress ?? [];
  const received = sum(sources.map(({ packets }) => packets));
  const duplicates = sum(sources.map(({ measured }) => measured.duplicates));
  // Duplicates make the loss of RFC 3550 negative; here they are counted by themselves.
  const lost = Math.max(0, sum(sources.map(({ measured }) => measured.lost + measured.duplicates)));
  return {
    sent: received - duplicates + lost,
    received: received - duplicates,
    duplicates,
    lost,
    malformed: stream?.rtp.malformed ?? 0,
  };
}

function dropped({ malformed, foreign, blocked, unroutable }: ComponentStats): number {
  return malformed + foreign + blocked + unroutable;
}

function streamIn(media: SessionStats | null, id: number): StreamStats | undefined {
  return media?.streams.find(({ stream }) => stream === id);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
