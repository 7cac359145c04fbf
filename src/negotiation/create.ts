import type { Call, Leg, Signalled, Stream } from '../call/call.js';
import { legWithTag, newDialogue, newLeg, replaceLeg } from '../call/legs.js';
import { standsAlone } from '../call/links.js';
import { packPayloads } from '../call/payloads.js';
import { newStream } from '../call/streams.js';
import type { Client, CreateCommand, CreatedCommand } from '../command/command.js';
import { type CommandFailure, failure } from '../command/reply.js';
import type { MediaView } from '../sdp/media-view.js';
import { exchangeAnswer } from './answer.js';
import { answersGroups, withGroups } from './bundle-said.js';
import { newCall, withCallFlags } from './call-flags.js';
import { createdText } from './created-offer.js';
import { Draws } from './draws.js';
import type { Facts } from './facts.js';
import { idsOf } from './ids.js';
import { refusedIce } from './ice.js';
import { withSenderKeys } from './key-blocks.js';
import { type Step, stepTo } from './negotiate.js';
import { exchangeOffer } from './offer.js';
import { withoutTwins } from './osrtp-legacy.js';
import { NOTHING_SAID } from './pair-creation.js';
import type { Parties } from './parties.js';
import { withOffererFlags, withSenderFlags } from './party-flags.js';
import { renderBody } from './render.js';
import { readBody } from './signal.js';
import { flagsAlone, offeredByUs, placedAlone } from './standing-alone.js';
import { SOURCE } from './subscription-request.js';
import { ignoredFlags } from './warnings.js';

/** What a created party is known by, whether its client said so or not. */
export type NamedCreation = CreateCommand & { readonly callId: string; readonly fromTag: string };

/** Makes an offer for a party that has no peer. */
export function negotiateCreation(
  call: Call | undefined,
  command: NamedCreation,
  client: Client,
  facts: Facts,
): Step | CommandFailure {
  const flags = flagsAlone(command.flags);
  const known = withCallFlags(call ?? newCall(command, client, facts), flags, facts);
  const ids = idsOf(known);
  const placed = placedAlone(known, command.fromTag, flags, ids, facts);
  if (placed.kind === 'failure') return placed;
  const refused = refusedIce(flags, facts);
  if (refused) return refused;
  const text = createdText(command.medias, flags, String(placed.leg.createdMs));
  const body = text === undefined ? undefined : readBody(text);
  if (body === undefined || body.kind === 'failure') return failure('badRequest', NO_OFFER);

  const draws = new Draws(facts.random);
  const asked = withOffererFlags(offeredByUs(placed.call, placed.leg, facts.now), flags, facts);
  const offered = exchangeOffer(asked.parties, body, { flags, facts, ids, draws });
  if (offered.kind === 'failure') return offered;
  if (offered.slots.some(({ kind }) => kind !== 'relayed')) return failure('badRequest', NO_OFFER);
  const rendered = renderBody(body, offered.slots, offered.parties.receiver, flags, facts);
  const after: Call = {
    ...replaceLeg(placed.call, rendered.receiver),
    readsKeys: true,
    revision: known.revision + 1,
    nextId: ids.next(),
  };
  const warnings = [...asked.warnings, ...ignoredFlags(flags, facts)];
  return stepTo(after, { template: rendered.template, drawn: draws.drawn, warnings }, facts);
}

/** The party has answered: its media is known, and others can be connected with it. */
export function answerCreation(
  call: Call | undefined,
  command: CreatedCommand,
  facts: Facts,
): Step | CommandFailure {
  if (call === undefined) return failure('unknownCall', 'unknown call-ID');
  const known = legWithTag(call, command.fromTag);
  if (known === undefined) return failure('unknownParty', 'from-tag not found');
  if (!standsAlone(call, known)) return failure('dialogue', NOT_ANSWERED);
  const flags = flagsAlone(command.flags);
  const read = readBody(command.sdp);
  if (read.kind === 'failure') return read;
  const { body: single, leg } = withoutTwins(read, known, flags);
  const body = answersGroups(leg) ? withGroups(single, 'answer', flags) : single;
  if (!isAnswerTo(leg, body.medias)) return failure('badRequest', NOT_ANSWERED);

  const before = withCallFlags(call, flags, facts);
  const ids = idsOf(before);
  const draws = new Draws(facts.random);
  const party = withSenderFlags(leg, body, flags, facts);
  const exchanged = exchangeAnswer(askedOf(before, party, body.medias), body, { flags, facts, ids, draws });
  if (exchanged.kind === 'failure') return exchanged;
  const { sender } = exchanged.parties;
  const keyed = withSenderKeys(replaceLeg(before, sender), sender.id, flags, facts);
  const after: Call = {
    ...keyed.call,
    revision: call.revision + 1,
    nextId: ids.next(),
  };
  const warnings = [...ignoredFlags(flags, facts), ...keyed.warnings];
  return stepTo(after, { template: '', drawn: draws.drawn, warnings }, facts);
}

function isAnswerTo({ streams }: Leg, medias: readonly MediaView[]): boolean {
  return (
    medias.length === streams.length && medias.every(({ media }, line) => media.type === streams[line]?.type)
  );
}

/** Our offer, as if one party had made it that takes whatever the answer takes. */
function askedOf(call: Call, party: Leg, medias: readonly MediaView[]): Parties {
  const source: Leg = {
    ...newLeg(SOURCE, party.createdMs),
    streams: party.streams.map((stream, line) => askingStream(stream, medias[line])),
  };
  const dialogue = { ...newDialogue(source.id, party.id), offeredBy: source.id };
  return { kind: 'parties', call, sender: party, receiver: source, dialogue };
}

function askingStream(stream: Stream, view: MediaView | undefined): Stream {
  const protocol = stream.protocol.toUpperCase().endsWith('F') ? 'RTP/AVPF' : 'RTP/AVP';
  const payloads = packPayloads(view?.payloads ?? []);
  const said: Signalled = { ...NOTHING_SAID, type: stream.type, protocol, payloads, rtcpMux: true };
  return { ...newStream(NO_STREAM, said), inForce: said };
}

const NO_OFFER = 'failed to create SDP';
const NOT_ANSWERED = 'failed to perform answer';
/** Of nobody. */
const NO_STREAM = 0;
