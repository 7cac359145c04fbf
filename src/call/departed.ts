import type { Call, Leg, Stream } from './call.js';

/** The call, which goes on to tell of parties that have gone: nobody finds them by their tags any more. */
export function withDeparted(call: Call, gone: readonly Leg[]): Call {
  const told = gone.filter(({ tag }) => tag !== undefined).map(withoutMeans);
  if (told.length === 0) return call;
  const tags = new Set(told.map(({ tag }) => tag));
  const former = (call.departed ?? []).filter(({ tag }) => !tags.has(tag));
  return { ...call, departed: [...former, ...told].slice(-MOST_DEPARTED) };
}

/** Of these, those whose tags nobody else has now. */
export function departedOf({ legs, departed = [] }: Call): readonly Leg[] {
  return departed.filter(({ tag }) => legs.every((leg) => leg.tag !== tag));
}

/** What `query` tells of it: no ports, and nothing that would be of use to somebody else. */
function withoutMeans(leg: Leg): Leg {
  return { ...leg, told: {}, deleteAtMs: undefined, twins: undefined, streams: leg.streams.map(closed) };
}

function closed(stream: Stream): Stream {
  const said = stream.inForce;
  return {
    ...stream,
    inForce: said && { ...said, parameters: undefined, rtcp: undefined, security: undefined, ice: undefined },
    offered: undefined,
    locals: [],
    nextLocal: undefined,
    bundle: undefined,
    bundleOffer: undefined,
    learned: undefined,
    security: undefined,
    transparent: undefined,
    ice: undefined,
  };
}

/** They are in the record of the call, which the others need room in. */
const MOST_DEPARTED = 4;
