import { createHash } from 'node:crypto';
import { endedByItself, type Notice, type NoticeEvent } from '../call/notice.js';

/** The notice as web hooks and event streams carry it. */
export type NoticeJson = {
  /** The same for every repetition of the same notice. */
  readonly id: string;
  readonly event: NoticeEvent;
  readonly reason: string;
  /** The call is over. */
  readonly ended: boolean;
  readonly node: string;
  readonly callId: string;
  /** Of the first pair of parties; for `noFirstPacket`, `fromTag` is the silent one. */
  readonly fromTag: string | null;
  readonly toTag: string | null;
  readonly dialogues: readonly { readonly fromTag: string; readonly toTag: string }[];
  readonly tags: readonly string[];
  readonly media: readonly string[];
  readonly line: number | null;
  readonly createdAt: string;
  readonly at: string;
  readonly lastPacketAt: string | null;
};

export function noticeJson(notice: Notice, node: string): NoticeJson {
  const { event, lastPacketMs } = notice;
  const tags = notice.tags.map(utf8);
  const dialogues = notice.dialogues.map(({ fromTag, toTag }) => ({
    fromTag: utf8(fromTag),
    toTag: utf8(toTag),
  }));
  return {
    id: noticeId(notice),
    event,
    reason: REASONS[event],
    ended: endedByItself(event) || event === 'forced',
    node,
    callId: utf8(notice.callId),
    fromTag: dialogues[0]?.fromTag ?? tags[0] ?? null,
    toTag: dialogues[0]?.toTag ?? null,
    dialogues,
    tags,
    media: notice.media,
    line: notice.line ?? null,
    createdAt: new Date(notice.createdMs).toISOString(),
    at: new Date(notice.atMs).toISOString(),
    lastPacketAt: lastPacketMs === null ? null : new Date(lastPacketMs).toISOString(),
  };
}

/** Two notices of the same thing, say after a restart, have the same id. */
export function noticeId({ callId, createdMs, event, tags, line }: Notice): string {
  const parts = [callId, createdMs, event, ...(line === undefined ? [] : [tags[0], line])];
  return createHash('sha256').update(parts.join('\0'), 'latin1').digest('hex').slice(0, 32);
}

/** Text from SIP, held one character per byte, as Unicode. */
export function utf8(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

const REASONS: Record<NoticeEvent, string> = {
  mediaTimeout: 'no media from anybody',
  silentTimeout: 'no media while on hold',
  offerTimeout: 'no media, and no answer to the offer',
  finalTimeout: 'longest duration of a call reached',
  lost: 'could not be brought back after a restart of the data plane',
  forced: 'ended by an operator',
  noFirstPacket: 'no media from a party since its answer',
};
