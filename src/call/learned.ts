import type { Event } from '../dataplane/protocol.gen.js';
import { detach } from '../sdp/detach.js';
import type { Call } from './call.js';
import { replaceLeg } from './legs.js';

export type RemoteLearned = Extract<Event, { kind: 'remoteLearned' }>;

/** Remembers where a party was found, so that a session brought back after a crash goes on from there. */
export function withLearned(call: Call, event: RemoteLearned): Call {
  const leg = call.legs.find(({ streams }) => streams.some(({ id }) => id === event.stream));
  if (leg === undefined) return call;
  const streams = leg.streams.map((stream) =>
    stream.id === event.stream
      ? { ...stream, learned: { ...stream.learned, [event.component]: detach(event.address) } }
      : stream,
  );
  return replaceLeg(call, { ...leg, streams });
}
