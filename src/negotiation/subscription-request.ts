import type { Call, Leg, Stream } from '../call/call.js';
import { addLeg, legWithTag, newDialogue, newLeg, replaceLeg } from '../call/legs.js';
import { packPayloads } from '../call/payloads.js';
import {
  type Feed,
  isListener,
  type Subscription,
  subscriptionOf,
  subscriptionsOf,
  withoutListener,
  withSubscription,
} from '../call/subscriptions.js';
import type { SubscribeCommand, SubscriptionWishes } from '../command/command.js';
import type { IceMode, MediaFlags } from '../command/flags.js';
import {
  type CommandFailure,
  failure,
  type LabelledParty,
  type SubscriptionReply,
} from '../command/reply.js';
import { detach } from '../sdp/detach.js';
import { Draws } from './draws.js';
import type { Facts } from './facts.js';
import { isReadable } from './listening.js';
import { idsOf, type Ids } from './ids.js';
import { type Step, stepTo } from './negotiate.js';
import { exchangeOffer } from './offer.js';
import type { Parties } from './parties.js';
import { withOffererFlags, withReceiverFlags } from './party-flags.js';
import { renderBody } from './render.js';
import { selectParties } from './selection.js';
import { hasUnreadableKeys } from './security-plan.js';
import { readBody } from './signal.js';
import type { Slot } from './slots.js';
import { type SourceLine, sourceLines, sourceText } from './subscription-source.js';
import { ignoredFlags } from './warnings.js';

export type Subscribing = {
  readonly kind: 'subscribing';
  readonly step: Step;
  readonly reply: Omit<SubscriptionReply, 'sdp'>;
};

/** Makes the offer for somebody who is to hear parties of a call. */
export function requestSubscription(
  call: Call | undefined,
  command: SubscribeCommand,
  facts: Facts,
): Subscribing | CommandFailure {
  if (call === undefined) return failure('unknownCall', 'Unknown call-ID(s)');
  const { wishes } = command;
  const found = heardParties(call, command);
  if (found.kind === 'failure') return found;
  const lines = sourceLines(call, found.legs, { taps: tapsOf(wishes), isLabelled: wishes.siprec }).filter(
    ({ stream }) => !command.flags.sdpMediaRemove.includes(stream.type),
  );
  const refused = refusedSources(lines, wishes);
  if (refused) return refused;

  const ids = idsOf(call);
  const draws = new Draws(facts.random);
  const placed = withListener(call, command, draws, ids, facts);
  if (placed.kind === 'failure') return placed;
  const offered = offerTo(placed, lines, command, { facts, ids, draws });
  if (offered.kind === 'failure') return offered;
  const { step, listener } = offered;
  return {
    kind: 'subscribing',
    step,
    reply: {
      kind: 'subscription',
      toTag: listener.tag ?? '',
      fromTags: found.legs.flatMap(({ tag }) => (tag === undefined ? [] : [tag])),
      ...(wishes.siprec && { parties: labelled(lines) }),
    },
  };
}

type Heard = { readonly kind: 'parties'; readonly legs: readonly Leg[] };

function heardParties(call: Call, command: SubscribeCommand): Heard | CommandFailure {
  const selected = selectParties(call, command);
  if (selected.kind === 'failure') return selected;
  const heard = selected.legs.filter(
    (leg) => !isListener(call, leg) && leg.streams.length > 0 && hasSpoken(leg),
  );
  return heard.length > 0 ? { kind: 'parties', legs: heard } : failure('unknownParty', NO_MEDIA);
}

function hasSpoken({ tag, streams }: Leg): boolean {
  return tag !== undefined && streams.some(({ inForce, offered }) => (inForce ?? offered) !== undefined);
}

/** Nobody is promised what cannot be sent. */
function refusedSources(
  lines: readonly SourceLine[],
  { mix }: SubscriptionWishes,
): CommandFailure | undefined {
  const heard = lines.filter(({ isRejected }) => !isRejected);
  if (heard.length === 0) return failure('unknownParty', NO_MEDIA);
  const types = heard.map(({ stream }) => stream.type);
  if (mix && new Set(types).size < types.length)
    return failure('unsupported', 'Mixing several sources is not supported: subscribe without mix');
  if (heard.some(({ stream }) => stream.transparent !== undefined || hasUnreadableKeys(stream)))
    return failure(
      'unsupported',
      'Keys or connectivity checks pass between the parties, nobody else can hear them',
    );
  return undefined;
}

type Placed = { readonly kind: 'placed'; readonly call: Call; readonly listener: Leg };

/** The listener of that tag, or a new one. */
function withListener(
  present: Call,
  { toTag, flags }: SubscribeCommand,
  draws: Draws,
  ids: Ids,
  { now }: Facts,
): Placed | CommandFailure {
  const known = toTag === undefined ? undefined : legWithTag(present, toTag);
  if (known && !isListener(present, known))
    return failure('badRequest', 'Failed to request subscription: the to-tag is that of a party of the call');
  const call = known ? present : withoutLateListeners(present, now);
  if (known === undefined && subscriptionsOf(call).length >= MAX_LISTENERS)
    return failure('limit', 'Too many listeners in one call');
  const named = known ?? { ...newLeg(ids.take(), now), tag: detach(toTag ?? draws.hex(TAG_BYTES)) };
  const label = flags.setLabel === undefined ? named.label : detach(flags.setLabel);
  const listener = withReceiverFlags({ ...named, label });
  return { kind: 'placed', call: known ? replaceLeg(call, listener) : addLeg(call, listener), listener };
}

/** Those that have never answered have had the time of an offer for it. */
function withoutLateListeners(call: Call, now: number): Call {
  const late = call.legs.filter(
    (leg) =>
      isListener(call, leg) &&
      leg.streams.every(({ inForce }) => inForce === undefined) &&
      now - leg.createdMs >= call.timeouts.offerMs,
  );
  return late.reduce((rest, { id }) => withoutListener(rest, id), call);
}

/** Offers the listener what the parties say, as if one party with all these streams had made the offer. */
function offerTo(
  placed: Placed,
  lines: readonly SourceLine[],
  command: SubscribeCommand,
  { facts, ids, draws }: { readonly facts: Facts; readonly ids: Ids; readonly draws: Draws },
): { readonly kind: 'offered'; readonly step: Step; readonly listener: Leg } | CommandFailure {
  const { wishes } = command;
  const flags = flagsOf(command.flags, lines);
  const sessionId = String(placed.listener.createdMs);
  const body = readBody(sourceText(lines, { sessionId, direction: directionOf(wishes) }));
  if (body.kind === 'failure') return failure('internal', 'Failed to create SDP');
  const source = newLeg(SOURCE, facts.now);
  const { call, listener } = placed;
  const dialogue = newDialogue(source.id, listener.id);
  const asked: Parties = { kind: 'parties', call, sender: source, receiver: listener, dialogue };
  const { parties, warnings } = withOffererFlags(asked, flags, facts);
  const exchanged = exchangeOffer(parties, body, { flags, facts, ids, draws });
  if (exchanged.kind === 'failure') return exchanged;

  const rendered = renderBody(body, exchanged.slots, exchanged.parties.receiver, flags, facts);
  const receiver = withoutFormerLines(rendered.receiver, lines.length);
  const before = subscriptionOf(call, listener.id);
  const subscribed = withSubscription(replaceLeg(call, receiver), {
    leg: receiver.id,
    answered: false,
    taps: tapsOf(wishes),
    talksBack: wishes.bidirectional,
    mirrorsRtcp: wishes.mirrorsRtcp,
    generatesRtcp: command.flags.generateRtcp ?? before?.generatesRtcp ?? false,
    feeds: receiver.streams.map((_, line) => feedOf(lines[line], exchanged.slots[line], before?.feeds)),
  });
  const after = { ...subscribed, revision: call.revision + 1, nextId: ids.next(), lastSignalMs: facts.now };
  const told = { template: rendered.template, drawn: draws.drawn };
  const step = stepTo(after, { ...told, warnings: [...warnings, ...ignoredFlags(flags, facts)] }, facts);
  return step.kind === 'failure' ? step : { kind: 'offered', step, listener: receiver };
}

/** What was blocked of a party stays so. */
function feedOf(source: SourceLine | undefined, slot: Slot | undefined, former: readonly Feed[] = []): Feed {
  if (source === undefined || source.isRejected || slot?.kind !== 'relayed' || !isReadable(source.stream))
    return NO_FEED;
  const payloads = packPayloads(slot.payloads);
  const restrictions = former.find(({ leg }) => leg === source.leg.id)?.restrictions ?? [];
  return { leg: source.leg.id, stream: source.stream.id, payloads, restrictions };
}

/** Lines of an earlier offer that this one has not: they are rejected in it, and need no ports. */
function withoutFormerLines(leg: Leg, count: number): Leg {
  if (leg.streams.length <= count) return leg;
  const streams = leg.streams.map((stream, line) => {
    const said = stream.inForce;
    if (line < count) return stream;
    return { ...stream, locals: [], nextLocal: undefined, inForce: said && { ...said, rejected: true } };
  });
  return { ...leg, streams };
}

/** What makes no sense of a sender that is nobody in particular, and what always holds for a listener. */
function flagsOf(flags: MediaFlags, lines: readonly SourceLine[]): MediaFlags {
  const doesIce = lines.some(({ stream }) => (stream.inForce ?? stream.offered)?.ice !== undefined);
  const { passthrough, mediaEcho, dropTraffic, generateRtcp, ...rest } = flags;
  return {
    ...rest,
    trustAddress: true,
    ice: iceFor(flags.ice, doesIce),
    replace: new Set([...flags.replace, 'origin-full']),
    recrypt: true,
    originalSendrecv: false,
    reuseCodecs: false,
    staticCodecs: false,
    sdpMediaRemove: [],
  };
}

/** No checks pass between a party and a listener: who does ICE does it with us. */
function iceFor(asked: IceMode, doesIce: boolean): IceMode {
  switch (asked) {
    case 'remove':
      return 'remove';
    case 'force':
    case 'optional':
      return 'force';
    case 'default':
    case 'force-relay':
      return doesIce ? 'force' : asked;
  }
}

function tapsOf({ egress }: SubscriptionWishes): Subscription['taps'] {
  return egress ? 'heard' : 'said';
}

function directionOf({ inactive, bidirectional }: SubscriptionWishes): string {
  return inactive ? 'inactive' : bidirectional ? 'sendrecv' : 'sendonly';
}

function labelled(lines: readonly SourceLine[]): LabelledParty[] {
  const legs = [...new Set(lines.map(({ leg }) => leg))];
  return legs.map((leg) => {
    const { tag = '', label } = leg;
    const medias = lines
      .filter((line) => line.leg === leg)
      .map((line) => ({
        index: line.line + 1,
        type: line.stream.type,
        label: line.label ?? '',
        mode: modeOf(line.stream),
      }));
    return label === undefined ? { tag, medias } : { tag, label, medias };
  });
}

/** As seen from here: a party that only sends is one that is only received. */
function modeOf({ inForce, offered }: Stream): LabelledParty['medias'][number]['mode'] {
  const direction = (inForce ?? offered)?.direction ?? 'sendrecv';
  return direction === 'sendonly' ? 'recvonly' : direction === 'recvonly' ? 'sendonly' : direction;
}

export const NO_FEED: Feed = { leg: 0, stream: undefined, payloads: '', restrictions: [] };

/** No party has this id: calls count from 1. */
export const SOURCE = 0;

/** What they are told is in the record of the call, which the parties need room in. */
const MAX_LISTENERS = 8;

const NO_MEDIA = 'No medias found (no monologues matched)';
/** As many as rtpengine draws. */
const TAG_BYTES = 32;
