import type { KeyPress } from '../call/keys.js';
import type { Dictionary, Value } from '../control/ng/value.js';

/** The key as Kamailio's `dtmf_events_sock` reads it. Text from SIP goes out as the bytes it came as. */
export function keyDatagram(press: KeyPress): Buffer {
  return Buffer.from(JSON.stringify(keyJson(press)), 'latin1');
}

/** The key as clients on TCP connections of the ng protocol read it. */
export function keyNotification(press: KeyPress): Dictionary {
  const { tags, ...rest } = keyJson(press);
  const data = new Map<string, Value>([['tags', tags]]);
  for (const [name, value] of Object.entries(rest)) data.set(name, value);
  return new Map<string, Value>([
    ['notify', 'onDTMF'],
    ['data', data],
  ]);
}

/** In the order in which rtpengine writes them. */
export function keyJson({ callId, tag, label, tags, atMs, source, event, durationMs, volume }: KeyPress) {
  return {
    callid: callId,
    source_tag: tag ?? '',
    ...(label !== undefined && { source_label: label }),
    tags,
    type: 'DTMF',
    timestamp: Math.floor(atMs / 1000),
    source_ip: source,
    event,
    duration: durationMs,
    volume,
  };
}
