import { codecInUse, errorsOf } from '../command/counted.js';
import type { MediaStatistics, PartyStatistics } from '../command/reply.js';
import type { ComponentStats, SessionStats, SsrcStats, StreamStats } from '../dataplane/protocol.gen.js';
import type { Call } from './call.js';
import { describeCall } from './statistics.js';

/** What is left of a call: who talked to whom, for how long, how it ended, what arrived. Times are ISO 8601. */
export type DetailRecord = {
  readonly callId: string;
  readonly reason: string;
  readonly createdAt: string;
  readonly lastSignalAt: string;
  readonly endedAt: string;
  readonly seconds: number;
  readonly createdFrom: string;
  readonly tos: number;
  readonly metadata?: string;
  readonly parties: readonly PartyRecord[];
};

export type PartyRecord = {
  /** Absent: the party has not answered. */
  readonly tag?: string;
  readonly aliases?: readonly string[];
  readonly viaBranch?: string;
  readonly label?: string;
  readonly metadata?: string;
  readonly createdAt: string;
  /** Tags of those it heard last. */
  readonly hears: readonly string[];
  readonly medias: readonly MediaRecord[];
};

export type MediaRecord = {
  readonly index: number;
  readonly type: string;
  readonly protocol: string;
  readonly codec?: string;
  readonly local?: string;
  readonly rtp?: FlowRecord;
  readonly rtcp?: FlowRecord;
  /** Sources the party has sent. */
  readonly sources?: readonly SourceRecord[];
};

/** What came from the party, and what went to it. */
export type FlowRecord = {
  readonly remote?: string;
  readonly receivedPackets: number;
  readonly receivedBytes: number;
  readonly sentPackets: number;
  readonly sentBytes: number;
  readonly errors: number;
  readonly lastPacketAt?: string;
};

export type SourceRecord = {
  readonly ssrc: number;
  readonly packets: number;
  readonly lost: number;
  readonly jitterMs: number;
  readonly mos?: number;
  readonly lossPercent?: number;
  readonly roundTripMs?: number;
};

/** `media`: what was counted until the end; `null` if nobody knows. */
export function detailRecord(
  call: Call,
  reason: string,
  media: SessionStats | null,
  endedMs: number,
): DetailRecord {
  const { callId, createdMs, lastSignalMs, createdFrom, tos, metadata } = call;
  const { parties } = describeCall(call, media, null, endedMs);
  return {
    callId,
    reason,
    createdAt: time(createdMs),
    lastSignalAt: time(lastSignalMs),
    endedAt: time(endedMs),
    seconds: Math.max(0, endedMs - createdMs) / 1000,
    createdFrom,
    tos,
    ...(metadata !== undefined && { metadata }),
    parties: parties.map((party) => partyRecord(party, media, endedMs)),
  };
}

function partyRecord(party: PartyStatistics, media: SessionStats | null, endedMs: number): PartyRecord {
  const { tag, tagAliases, viaBranch, label, metadata, createdMs, subscriptions, medias } = party;
  return {
    ...(tag !== undefined && { tag }),
    ...(tagAliases.length > 0 && { aliases: tagAliases }),
    ...(viaBranch !== undefined && { viaBranch }),
    ...(label !== undefined && { label }),
    ...(metadata !== undefined && { metadata }),
    createdAt: time(createdMs),
    hears: subscriptions.flatMap((heard) => (heard.tag === '' || tag === undefined ? [] : [heard.tag])),
    medias: medias.map((one) => mediaRecord(one, media, endedMs)),
  };
}

function mediaRecord(one: MediaStatistics, media: SessionStats | null, endedMs: number): MediaRecord {
  const { index, type, protocol, local } = one;
  const counted = media?.streams.find(({ stream }) => stream === one.stream);
  const codec = codecInUse(one, counted);
  return {
    index,
    type,
    protocol,
    ...(codec !== undefined && { codec }),
    ...(local !== undefined && { local: transportAddress(local.address, local.rtpPort) }),
    ...(counted !== undefined && counts(counted, endedMs)),
  };
}

function counts(
  { rtp, rtcp, ingress }: StreamStats,
  endedMs: number,
): Pick<MediaRecord, 'rtp' | 'rtcp' | 'sources'> {
  return {
    rtp: flowRecord(rtp, endedMs),
    rtcp: flowRecord(rtcp, endedMs),
    ...(ingress.length > 0 && { sources: ingress.map(sourceRecord) }),
  };
}

function flowRecord(stats: ComponentStats, endedMs: number): FlowRecord {
  const { receivedPackets, receivedBytes, sentPackets, sentBytes, remote, lastPacketMsAgo } = stats;
  return {
    ...(remote !== null && { remote }),
    receivedPackets,
    receivedBytes,
    sentPackets,
    sentBytes,
    errors: errorsOf(stats),
    ...(lastPacketMsAgo !== null && { lastPacketAt: time(endedMs - lastPacketMsAgo) }),
  };
}

/** What its receiver has reported counts for more than what was measured half-way. */
function sourceRecord({ ssrc, packets, measured, reported }: SsrcStats): SourceRecord {
  const average = reported?.average ?? undefined;
  const mos = average?.mos ?? measured.mos ?? undefined;
  return {
    ssrc,
    packets,
    lost: reported?.lost ?? measured.lost,
    jitterMs: rounded(average?.jitterMs ?? measured.jitterMs, 1),
    ...(mos !== undefined && { mos: rounded(mos, 1) }),
    ...(average !== undefined && {
      lossPercent: rounded(average.lossPercent, 1),
      roundTripMs: rounded(average.roundTripUs / 1000, 1),
    }),
  };
}

function transportAddress(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

function time(ms: number): string {
  return new Date(ms).toISOString();
}
