import type { Call, Leg, Signalled, Stream, StreamPair } from '../call/call.js';
import {
  addDialogue,
  addLeg,
  currentDialogue,
  dialogueBetween,
  legById,
  legWithTag,
  newDialogue,
  newLeg,
  peerIn,
  replaceLeg,
} from '../call/legs.js';
import { sipTag } from '../call/pairs.js';
import { newStream } from '../call/streams.js';
import type { PairUpdateCommand } from '../command/pair.js';
import { type CommandFailure, failure } from '../command/reply.js';
import { detach } from '../sdp/detach.js';
import type { Facts } from './facts.js';
import type { Ids } from './ids.js';
import { newLocal, newPlaces, type PairRules, type Place } from './pair-places.js';

export type Opened =
  | { readonly kind: 'opened'; readonly call: Call; readonly pair: StreamPair }
  | CommandFailure;

/** Makes a pair of streams, between the parties of other pairs with these tags if there are any. */
export function createPair(
  call: Call,
  command: PairUpdateCommand,
  { facts, rules, ids }: { facts: Facts; rules: PairRules; ids: Ids },
): Opened {
  if (call.pairs === undefined && call.legs.length > 0) {
    return failure('dialogue', 'the call is made by a client of another protocol');
  }
  const places = newPlaces(command, facts, rules);
  if (places.kind === 'failure') return places;
  const { before, creator, other } = partiesOf(call, command, facts.now, ids);
  if (creator.streams.length !== other.streams.length || creator.streams.length >= MAX_STREAMS) {
    return failure('limit', 'the parties have no room for another medium');
  }
  const creatorStream = pairStream(places.speaker, ids);
  const otherStream = pairStream(places.listener, ids);
  const withCreator = replaceLeg(before, withAnother(creator, creatorStream, places.speaker));
  return {
    kind: 'opened',
    call: replaceLeg(withCreator, withAnother(other, otherStream, places.listener)),
    pair: {
      tag: detach(command.fromTag),
      creator: creatorStream.id,
      other: otherStream.id,
      strong: false,
      weakCreator: false,
      weakOther: false,
    },
  };
}

function partiesOf(
  call: Call,
  { fromTag, toTag }: PairUpdateCommand,
  now: number,
  ids: Ids,
): { readonly before: Call; readonly creator: Leg; readonly other: Leg } {
  const tag = detach(sipTag(fromTag));
  const known = legWithTag(call, tag);
  const creator = known ?? { ...newLeg(ids.take(), now), tag };
  const withCreator = known === undefined ? addLeg(call, creator) : call;

  const otherTag = toTag === undefined ? undefined : detach(sipTag(toTag));
  const named = otherTag === undefined ? undefined : legWithTag(withCreator, otherTag);
  const peer = named?.id === creator.id ? undefined : (named ?? peerOf(withCreator, creator));
  const other = peer ?? {
    ...newLeg(ids.take(), now),
    ...(otherTag !== undefined && otherTag !== tag && { tag: otherTag }),
  };
  const withOther = peer === undefined ? addLeg(withCreator, other) : withCreator;
  const isTogether = dialogueBetween(withOther, creator.id, other.id) !== undefined;
  const before = isTogether ? withOther : addDialogue(withOther, newDialogue(creator.id, other.id));
  return { before, creator, other };
}

function peerOf(call: Call, leg: Leg): Leg | undefined {
  const dialogue = currentDialogue(call, leg.id);
  return dialogue && legById(call, peerIn(dialogue, leg.id));
}

function withAnother(leg: Leg, stream: Stream, place: Place): Leg {
  return { ...leg, interface: place.interface, streams: [...leg.streams, stream] };
}

/** Fax, keys and connectivity checks come through as well: no SDP says what the parties use. */
function pairStream(place: Place, ids: Ids): Stream {
  return { ...newStream(ids.take(), NOTHING_SAID), transparent: 'ports', locals: [newLocal(place, ids)] };
}

/** What is known of media that no SDP describes. */
export const NOTHING_SAID: Signalled = {
  type: 'audio',
  protocol: 'RTP/AVP',
  formats: '',
  addresses: undefined,
  direction: 'sendrecv',
  rtcpMux: false,
  rejected: false,
  ptimeMs: undefined,
  // Packets of any payload type are relayed, and count when the party is looked for.
  payloads: '',
  parameters: undefined,
  rtcp: undefined,
  security: undefined,
  ice: undefined,
  masked: undefined,
  bundled: undefined,
};

/** As many as fit into the record of a call. */
const MAX_STREAMS = 24;
