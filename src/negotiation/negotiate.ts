import type { Call } from '../call/call.js';
import { withoutParameters } from '../call/format-parameters.js';
import { copyOfCall, isSameDialogue } from '../call/legs.js';
import { reunited } from '../call/links.js';
import type { RelayOutcomes } from '../call/relays.js';
import type { AnswerCommand, Client, OfferCommand } from '../command/command.js';
import type { MediaFlags } from '../command/flags.js';
import { type CommandFailure, failure } from '../command/reply.js';
import type { BoundLocal, SessionPlan } from '../dataplane/protocol.gen.js';
import { fitsMemo, withBound } from '../store/call-codec.js';
import { aliasKeyOf, withAlias, withAliasKey } from './alias-key.js';
import { awaitsAnswer, exchangeAnswer } from './answer.js';
import { acceptsGroups, answersGroups, withGroups } from './bundle-said.js';
import { newCall, withCallFlags, withOwnKeys } from './call-flags.js';
import { refusedPlan } from './capabilities.js';
import { type Drawn, Draws } from './draws.js';
import type { Facts } from './facts.js';
import { withEarlyFragments, withFragment } from './fragments.js';
import { refusedIce } from './ice.js';
import { type Ids, idsOf } from './ids.js';
import { withRedundancyRead, withSenderKeys } from './key-blocks.js';
import { type Exchange, exchangeOffer } from './offer.js';
import { withoutTwins } from './osrtp-legacy.js';
import { answerParties, offerParties, type Parties } from './parties.js';
import { withOffererFlags, withReceiverFlags, withSenderFlags } from './party-flags.js';
import { planOf } from './plan.js';
import { withRecordingFlags } from './recording.js';
import { renderBody } from './render.js';
import { type Body, readBody } from './signal.js';
import { fillTemplate } from './template.js';
import { ignoredFlags } from './warnings.js';

/** A negotiation that waits for its ports: apply `plan`, then `complete`. */
export type Step = {
  readonly kind: 'step';
  readonly call: Call;
  readonly plan: SessionPlan;
  /** The SDP for the receiver, with marks where ports go. */
  readonly receiver: { readonly template: string };
  /** What chance has decided. */
  readonly drawn: readonly Drawn[];
  /** What the client asked for and did not get, for the log. */
  readonly warnings: readonly string[];
};

export type Negotiated =
  | Step
  /** The SDP passes as it is (`loop-protect`). */
  | { readonly kind: 'unchanged'; readonly sdp: string }
  /** Nothing to return (`fragment`), and nothing to change. */
  | { readonly kind: 'done' }
  /** Nothing to return, but there is another plan to apply. */
  | { readonly kind: 'changed'; readonly call: Call }
  | CommandFailure;

/** An SDP that asks for an answer: of a new call, a new branch, or within a call. */
export function negotiateOffer(
  call: Call | undefined,
  command: OfferCommand,
  client: Client,
  facts: Facts,
): Negotiated {
  if (command.flags.fragment) return fragment(call, command.fromTag, command.sdp, facts);
  const body = readBody(command.sdp);
  if (body.kind === 'failure') return body;
  const shortCut = withoutNegotiation(command, body, facts);
  if (shortCut) return shortCut;

  const known = withCallFlags(call ?? newCall(command, client, facts), command.flags, facts);
  const before = withRecordingFlags(known, command.flags, facts);
  if ('kind' in before) return before;
  const flags = withOwnKeys(command.flags, before);
  const ids = idsOf(before);
  const aliasKey = aliasKeyOf(command, body, facts);
  const found = offerParties(withAlias(before, command, aliasKey), command, facts.now, ids);
  if (found.kind === 'failure') return found;
  const { parties, warnings } = withOffererFlags(withAliasKey(found, aliasKey), flags, facts);
  return exchange('offer', parties, body, { flags, facts, ids, warnings });
}

/** An SDP that answers an offer. */
export function negotiateAnswer(
  call: Call | undefined,
  command: AnswerCommand,
  _client: Client,
  facts: Facts,
): Negotiated {
  if (call === undefined) return failure('unknownCall', 'Unknown call-id');
  if (command.flags.fragment) return fragment(call, command.toTag, command.sdp, facts);
  const body = readBody(command.sdp);
  if (body.kind === 'failure') return body;
  const shortCut = withoutNegotiation(command, body, facts);
  if (shortCut) return shortCut;

  const before = withRecordingFlags(withCallFlags(call, command.flags, facts), command.flags, facts);
  if ('kind' in before) return before;
  const flags = withOwnKeys(command.flags, before);
  const ids = idsOf(before);
  const parties = answerParties(before, command, facts.now, ids);
  if (parties.kind === 'failure') return parties;
  return exchange(awaitsAnswer(parties) ? 'answer' : 'offer', parties, body, {
    flags,
    facts,
    ids,
    warnings: [],
  });
}

/** Puts the ports that were bound into the call and into the SDP. */
export function complete(
  step: Step,
  bound: readonly BoundLocal[],
  outcomes: RelayOutcomes = NO_RELAYS,
): { readonly call: Call; readonly sdp: string } {
  const ports = new Map(bound.map(({ local, port }) => [local, port]));
  const call = withBound(step.call, ports, outcomes);
  const portOf = (local: number): number => {
    const port = ports.get(local);
    if (port === undefined) throw new Error(`local ${local} of the SDP was not bound`);
    return port;
  };
  return { call, sdp: fillTemplate(step.receiver.template, portOf, relayedOf(call)) };
}

function fragment(call: Call | undefined, tag: string, text: string, facts: Facts): Negotiated {
  if (call === undefined || !facts.capabilities.has('ice')) return { kind: 'done' };
  const after = withFragment(call, tag, text, facts.now);
  return after === call
    ? { kind: 'done' }
    : { kind: 'changed', call: { ...after, revision: call.revision + 1 } };
}

function withoutNegotiation(
  command: OfferCommand | AnswerCommand,
  body: Body,
  facts: Facts,
): Negotiated | undefined {
  const { flags, sdp } = command;
  const mark = `rtpengine:${facts.defaults.instanceId}`;
  if (flags.loopProtect && body.session.other.some(({ value }) => value === mark)) {
    return { kind: 'unchanged', sdp };
  }
  return refusedIce(flags, facts);
}

type Context = {
  readonly flags: MediaFlags;
  readonly facts: Facts;
  readonly ids: Ids;
  readonly warnings: readonly string[];
};

function exchange(kind: 'offer' | 'answer', found: Parties, received: Body, context: Context): Negotiated {
  const { flags, facts, ids } = context;
  const { body: single, leg } = withoutTwins(received, found.sender, flags);
  const isGrouped = kind === 'offer' ? acceptsGroups(leg, flags) : answersGroups(leg);
  const body = isGrouped ? withGroups(single, kind, flags) : single;
  const parties: Parties = {
    ...found,
    sender: withSenderFlags(leg, body, flags, facts),
    receiver: withReceiverFlags(found.receiver),
  };
  const take = kind === 'offer' ? exchangeOffer : exchangeAnswer;
  const draws = facts.draws ?? new Draws(facts.random);
  const exchanged: Exchange | CommandFailure = take(parties, body, { flags, facts, ids, draws });
  if (exchanged.kind === 'failure') return exchanged;

  const { sender, receiver } = exchanged.parties;
  const rendered = renderBody(body, exchanged.slots, receiver, flags, facts);
  const { offeredBy, answered } = parties.dialogue;
  const isAnswered = kind === 'answer' && (offeredBy !== undefined || answered === 0);
  const { call: before, dialogue } = isAnswered
    ? reunited(exchanged.parties.call, exchanged.parties.dialogue)
    : exchanged.parties;
  const negotiated = copyOfCall(before);
  negotiated.revision += 1;
  negotiated.nextId = ids.next();
  negotiated.legs = before.legs.map((leg) =>
    leg.id === sender.id ? sender : leg.id === receiver.id ? rendered.receiver : leg,
  );
  negotiated.dialogues = before.dialogues.map((old) => (isSameDialogue(old, dialogue) ? dialogue : old));
  const keyed = withSenderKeys(negotiated, sender.id, flags, facts);
  const call = withEarlyFragments(withRedundancyRead(keyed.call), sender, facts.now);
  const told = [...context.warnings, ...ignoredFlags(flags, facts), ...keyed.warnings];
  return stepTo(call, { template: rendered.template, drawn: draws.drawn, warnings: told }, facts);
}

/** The step that makes a call so, unless there is a reason against it. */
export function stepTo(
  call: Call,
  { template, drawn, warnings }: Pick<Step, 'drawn' | 'warnings'> & Step['receiver'],
  facts: Facts,
): Step | CommandFailure {
  const plan = planOf(call);
  const refused = refusedPlan(plan, facts);
  if (refused) return refused;
  const fitting = fittingPlan(call, plan);
  if (fitting === undefined) return failure('limit', 'Too many branches or media in one call');
  return { kind: 'step', ...fitting, receiver: { template }, drawn, warnings };
}

/** With less in it, if it does not fit otherwise; `undefined`: it does not. */
export function fittingPlan(
  call: Call,
  plan: SessionPlan = planOf(call),
): { readonly call: Call; readonly plan: SessionPlan } | undefined {
  if (fitsMemo(plan.memo)) return { call, plan };
  // A call is worth more than what somebody who might listen to it could be told.
  const brief = { ...withoutParameters(call), departed: undefined };
  const briefPlan = planOf(brief);
  return fitsMemo(briefPlan.memo) ? { call: brief, plan: briefPlan } : undefined;
}

/** Relayed addresses by local. */
function relayedOf({ legs }: Call): (local: number, offset: 0 | 1) => string | undefined {
  return (id, offset) => {
    const streams = legs.flatMap((leg) => leg.streams);
    const relay = streams.flatMap(({ locals }) => locals).find((local) => local.id === id)?.relay;
    return offset === 0 ? relay?.rtp : relay?.rtcp;
  };
}

const NO_RELAYS: RelayOutcomes = new Map();
