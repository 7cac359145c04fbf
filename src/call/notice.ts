import type { SessionStats } from '../dataplane/protocol.gen.js';
import type { Call, Leg } from './call.js';
import { legById } from './legs.js';
import { partiesOf } from './subscriptions.js';

/** What programs outside can be told of a call. */
export type NoticeEvent =
  | 'mediaTimeout'
  | 'silentTimeout'
  | 'offerTimeout'
  | 'finalTimeout'
  /** The data plane died and could not bring the call back. */
  | 'lost'
  /** Ended by an operator. */
  | 'forced'
  /** A party has sent nothing since its answer; the call goes on. */
  | 'noFirstPacket';

export const NOTICE_EVENTS: readonly NoticeEvent[] = [
  'mediaTimeout',
  'silentTimeout',
  'offerTimeout',
  'finalTimeout',
  'lost',
  'forced',
  'noFirstPacket',
];

/** Two tagged parties connected with each other; the first made the offer. */
export type Tags = { readonly fromTag: string; readonly toTag: string };

/** Everything a notification can say, so that it can be sent when the call itself is forgotten. */
export type Notice = {
  readonly event: NoticeEvent;
  readonly callId: string;
  readonly createdMs: number;
  readonly atMs: number;
  /** `address:port` of the client that made the call. */
  readonly createdFrom: string;
  /** Host this client wants to be called at instead. */
  readonly callback?: string;
  readonly dialogues: readonly Tags[];
  readonly tags: readonly string[];
  /** Media types: of the silent stream, else of the whole call. */
  readonly media: readonly string[];
  /** Position of the `m=` line that is silent, if it is about one. */
  readonly line?: number;
  /** When the last packet came in from anybody; `null`: never, or not known. */
  readonly lastPacketMs: number | null;
};

/** The call has ended without anybody asking for it: its SIP dialogue is to end, too. */
export function endedByItself(event: NoticeEvent): boolean {
  return event !== 'forced' && event !== 'noFirstPacket';
}

export function endNotice(
  call: Call,
  event: NoticeEvent,
  atMs: number,
  lastPacketMsAgo: number | null,
): Notice {
  const parties = partiesOf(call);
  return {
    ...common(call, event, atMs),
    dialogues: call.dialogues.flatMap(({ a, b }) => tagsOf(legById(call, a), legById(call, b))),
    tags: parties.flatMap(({ tag }) => (tag === undefined ? [] : [tag])),
    media: mediaOf(parties),
    lastPacketMs: lastPacketMsAgo === null ? null : atMs - lastPacketMsAgo,
  };
}

/** `undefined` if the stream is gone. The silent party comes first in `dialogues`. */
export function silenceNotice(call: Call, stream: number, atMs: number): Notice | undefined {
  for (const leg of call.legs) {
    const line = leg.streams.findIndex(({ id }) => id === stream);
    const type = leg.streams[line]?.type;
    if (type === undefined) continue;
    const peers = call.dialogues.flatMap(({ a, b }) => (a === leg.id ? [b] : b === leg.id ? [a] : []));
    return {
      ...common(call, 'noFirstPacket', atMs),
      dialogues: peers.flatMap((peer) => tagsOf(leg, legById(call, peer))),
      tags: leg.tag === undefined ? [] : [leg.tag],
      media: [type],
      line,
      lastPacketMs: null,
    };
  }
  return undefined;
}

/** Milliseconds since the last packet of any stream. */
export function lastPacketMsAgo(media: SessionStats | null): number | null {
  const ages = (media?.streams ?? []).flatMap(({ rtp, rtcp }) => [rtp.lastPacketMsAgo, rtcp.lastPacketMsAgo]);
  const known = ages.filter((age) => age !== null);
  return known.length === 0 ? null : Math.min(...known);
}

function common(
  { callId, createdMs, createdFrom, xmlrpcCallback }: Call,
  event: NoticeEvent,
  atMs: number,
): Pick<Notice, 'event' | 'callId' | 'createdMs' | 'atMs' | 'createdFrom' | 'callback'> {
  const callback = xmlrpcCallback === undefined ? {} : { callback: xmlrpcCallback };
  return { event, callId, createdMs, atMs, createdFrom, ...callback };
}

function tagsOf(from: Leg, to: Leg): Tags[] {
  return from.tag === undefined || to.tag === undefined ? [] : [{ fromTag: from.tag, toTag: to.tag }];
}

function mediaOf(legs: readonly Leg[]): readonly string[] {
  return [...new Set(legs.flatMap(({ streams }) => streams.map(({ type }) => type)))];
}
