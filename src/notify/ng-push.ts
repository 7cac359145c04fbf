import type { Notice } from '../call/notice.js';
import type { Dictionary, Value } from '../control/ng/value.js';

/** The notice as clients on TCP connections of the ng protocol read it. */
export function ngNotification({
  event,
  callId,
  dialogues,
  tags,
  media,
  atMs,
  lastPacketMs,
}: Notice): Dictionary {
  const [first] = dialogues;
  const fromTag = first?.fromTag ?? tags[0];
  const data = new Map<string, Value>([['callid', callId]]);
  if (fromTag !== undefined) data.set('from_tag', fromTag);
  if (first !== undefined) data.set('to_tag', first.toTag);
  data.set('tags', tags);
  data.set('type', event);
  data.set('media', media);
  data.set('timestamp', seconds(atMs));
  if (lastPacketMs !== null) data.set('last_packet', seconds(lastPacketMs));
  return new Map<string, Value>([
    ['notify', event === 'noFirstPacket' ? 'onNoFirstPacket' : 'onCallEnded'],
    ['data', data],
  ]);
}

function seconds(ms: number): number {
  return Math.floor(ms / 1000);
}
