import { detach } from '../sdp/detach.js';
import type { PayloadFormat } from '../sdp/payloads.js';
import { remembered } from '../remembered.js';
import type { Call, Signalled, Stream } from './call.js';

/** The values of `a=fmtp`, a line each: `111 minptime=10;useinbandfec=1`. What goes without saying is left out. */
export const packParameters = remembered((payloads: readonly PayloadFormat[]): string => {
  const lines = payloads.flatMap(({ payloadType, encoding, fmtp }) =>
    fmtp.filter((text) => !isImplied(encoding, text)).map((text) => `${payloadType} ${text}`),
  );
  let bytes = 0;
  const kept = lines.filter((line) => {
    bytes += line.length + 1;
    return bytes <= MAX_BYTES;
  });
  return detach(kept.join('\n'));
});

/** The parameters of one format. */
export function parametersOf(packed: string | undefined, payloadType: number, encoding: string): string[] {
  const prefix = `${payloadType} `;
  const lines = packed === undefined ? [] : packed.split('\n');
  const texts = lines.filter((line) => line.startsWith(prefix)).map((line) => line.slice(prefix.length));
  return texts.length === 0 && isTelephoneEvent(encoding) ? [ALL_KEYS] : texts;
}

/** The call as if none had been said. */
export function withoutParameters(call: Call): Call {
  const legs = call.legs.map((leg) => ({ ...leg, streams: leg.streams.map(unsaid) }));
  return { ...call, legs };
}

function unsaid(stream: Stream): Stream {
  const without = (said: Signalled | undefined) => said && { ...said, parameters: undefined };
  return { ...stream, inForce: without(stream.inForce), offered: without(stream.offered) };
}

/** RFC 4733 §2.4.1: whoever says nothing takes these. */
function isImplied(encoding: string, text: string): boolean {
  return isTelephoneEvent(encoding) && text === ALL_KEYS;
}

function isTelephoneEvent(encoding: string): boolean {
  return encoding.toLowerCase() === 'telephone-event';
}

const ALL_KEYS = '0-15';

/** Of one section: enough for a browser's video. */
const MAX_BYTES = 1_500;
