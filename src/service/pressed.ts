import type { Pressed } from '../call/keys.js';
import type { Event } from '../dataplane/protocol.gen.js';

/** A key as the data plane reports it, in the units of the call. */
export function pressed(event: Extract<Event, { kind: 'telephoneEvent' }>): Pressed {
  const { stream, payloadType, source, event: key, duration: units, clockRate, volume } = event;
  return {
    stream,
    payloadType,
    source: source.slice(0, source.lastIndexOf(':')).replace(/^\[|\]$/g, ''),
    event: key,
    durationMs: clockRate > 0 ? Math.round((units * 1000) / clockRate) : 0,
    units,
    volume,
  };
}
