import type { Event, RelayOutcome } from '../dataplane/protocol.gen.js';
import { detach } from '../sdp/detach.js';
import type { Call, Local, LocalRelay } from './call.js';
import { replaceLeg } from './legs.js';

export type RelayEvent = Extract<Event, { kind: 'relay' }>;

/** What has become of relayed addresses, by local. */
export type RelayOutcomes = ReadonlyMap<number, RelayOutcome>;

/** Takes in what a relay has said; one that is not wanted any more changes nothing. */
export function withRelayOutcome(call: Call, { stream: id, local: localId, outcome }: RelayEvent): Call {
  const leg = call.legs.find(({ streams }) => streams.some((stream) => stream.id === id));
  if (leg === undefined) return call;
  const streams = leg.streams.map((stream) =>
    stream.id === id
      ? {
          ...stream,
          locals: stream.locals.map((local) => (local.id === localId ? settled(local, outcome) : local)),
        }
      : stream,
  );
  return replaceLeg(call, { ...leg, streams });
}

/** The local once its relay has said something, or nothing in time. */
export function settled(local: Local, outcome: RelayOutcome | undefined): Local {
  const { relay } = local;
  if (relay === undefined) return local;
  const { ufrag, separateRtcp } = relay;
  if (outcome?.kind !== 'granted') {
    const given = outcome === undefined && relay.rtp !== undefined;
    return given ? local : { ...local, relay: { ufrag, separateRtcp, failed: true } };
  }
  const granted: LocalRelay = { ufrag, separateRtcp, failed: false, rtp: detach(outcome.rtp) };
  const relayed = outcome.rtcp === null ? granted : { ...granted, rtcp: detach(outcome.rtcp) };
  return { ...local, relay: relayed };
}
