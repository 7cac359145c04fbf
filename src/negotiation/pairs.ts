import type { Call, CallTimeouts, Leg, Local, Signalled, Stream, StreamPair } from '../call/call.js';
import { dialogueBetween, isSameDialogue, replaceLeg } from '../call/legs.js';
import {
  findPair,
  isComplete,
  opposite,
  type PairParty,
  type PairSide,
  pairsOf,
  partyOf,
  sipTag,
  streamOf,
} from '../call/pairs.js';
import { sameAddresses, socketAddress } from '../call/signalled.js';
import type { Client } from '../command/command.js';
import type { PairEnd, PairPort, PairUpdateCommand } from '../command/pair.js';
import { type CommandFailure, failure } from '../command/reply.js';
import type { BoundLocal, SessionPlan } from '../dataplane/protocol.gen.js';
import { isUnspecified } from '../sdp/address.js';
import { detach } from '../sdp/detach.js';
import { fitsMemo, withBound } from '../store/call-codec.js';
import { newCall } from './call-flags.js';
import type { Facts } from './facts.js';
import { type Ids, idsOf } from './ids.js';
import { createPair, NOTHING_SAID } from './pair-creation.js';
import {
  askedPlace,
  familyOfLocal,
  newLocal,
  NO_ADDRESS_OF_FAMILY,
  type PairRules,
  placeOfFamily,
  toldAddress,
} from './pair-places.js';
import { planOf } from './plan.js';

/** An update that waits for its ports: apply `plan`, then `completePair`. */
export type PairStep = {
  readonly kind: 'step';
  readonly call: Call;
  readonly plan: SessionPlan;
  /** Local the reply names. */
  readonly told: Local;
};

/** Takes in where a party of a pair is. An offer for a pair that does not exist makes it. */
export function updatePair(
  call: Call | undefined,
  command: PairUpdateCommand,
  client: Client,
  facts: Facts,
  rules: PairRules,
): PairStep | { readonly kind: 'no pair' } | CommandFailure {
  const found = call && findPair(call, command);
  if (found === undefined && command.side === 'answer') return { kind: 'no pair' };
  const before: Call = { ...(call ?? newCall(command, client, facts)), lastSignalMs: facts.now };
  const ids = idsOf(before);

  const opened = found
    ? ({ kind: 'opened', call: before, pair: found.pair } as const)
    : createPair(before, command, { facts, rules, ids });
  if (opened.kind === 'failure') return opened;
  const requester = found?.side ?? 'creator';
  const speaker = command.side === 'offer' ? requester : opposite(requester);

  const pair = withNotice(withReference(opened.pair, command, found && requester), command);
  const spoken = speak(opened.call, partyIn(opened.call, pair, speaker), command, { facts, rules, ids });
  if (spoken.kind === 'failure') return spoken;
  const listening = listen(spoken.call, partyIn(spoken.call, pair, opposite(speaker)), command, facts, ids);
  if (listening.kind === 'failure') return listening;

  const tag = requester === 'creator' ? command.toTag : command.fromTag;
  const tagged = withOtherTag(listening.call, pair, tag);
  const paired = {
    ...tagged,
    pairs: withPair(tagged, pair),
    revision: before.revision + 1,
    nextId: ids.next(),
  };
  const answered = withAnswer(paired, pair);
  const next: Call = { ...answered, timeouts: pairTimeouts(answered, facts) };
  return finished(next, listening.local);
}

/** The call with the ports that were bound, and the port to tell. */
export function completePair(
  step: PairStep,
  bound: readonly BoundLocal[],
  facts: Facts,
): { readonly call: Call; readonly port: PairPort } {
  const ports = new Map(bound.map(({ local, port }) => [local, port]));
  const port = ports.get(step.told.id);
  if (port === undefined) throw new Error(`local ${step.told.id} of a pair was not bound`);
  return {
    call: withBound(step.call, ports),
    port: {
      kind: 'port',
      port,
      address: toldAddress(step.told, facts),
      family: familyOfLocal(step.told),
    },
  };
}

/** Timeouts count from packets; until both parties have spoken, those of an unanswered offer. */
export function pairTimeouts(call: Call, { defaults }: Facts): CallTimeouts {
  const { mediaTimeoutMs, silentTimeoutMs, offerTimeoutMs } = defaults;
  const isAnswered = pairsOf(call).some((pair) => isComplete(call, pair));
  const { ownTimeoutMs: own } = call;
  return {
    ...call.timeouts,
    mediaMs: own ?? (isAnswered ? mediaTimeoutMs : offerTimeoutMs),
    silentMs: own ?? (isAnswered ? silentTimeoutMs : offerTimeoutMs),
    offerMs: own ?? (isAnswered ? Math.min(mediaTimeoutMs, offerTimeoutMs) : offerTimeoutMs),
  };
}

/** The call after a change of its pairs, ready to be applied. */
export function changedCall(call: Call, facts: Facts): Call {
  return { ...call, revision: call.revision + 1, timeouts: pairTimeouts(call, facts) };
}

type Context = { readonly facts: Facts; readonly rules: PairRules; readonly ids: Ids };

function partyIn(call: Call, pair: StreamPair, side: PairSide): PairParty {
  const party = partyOf(call, streamOf(pair, side));
  if (party === undefined) throw new Error('a pair names a stream that does not exist');
  return party;
}

type Spoken = { readonly kind: 'spoken'; readonly call: Call } | CommandFailure;

/** What the party says counts at once; what was learned from packets stays until packets say otherwise. */
function speak(call: Call, { leg, stream }: PairParty, end: PairEnd, context: Context): Spoken {
  const said = signalled(stream.inForce, end);
  const moved = stream.inForce !== undefined && !sameAddresses(stream.inForce.addresses, said.addresses);
  const local = localForSpeaker(stream, end, context);
  if (local === undefined) return NO_ADDRESS_OF_FAMILY;
  if (local === 'otherFamily') return failure('badAddress', 'the address is of another family than the port');
  const next: Stream = {
    ...stream,
    learned: moved ? undefined : stream.learned,
    inForce: said,
    locals: [local],
    epoch: stream.inForce === undefined ? stream.epoch : stream.epoch + 1,
  };
  const { options } = end;
  const isBridge = context.rules.bridge !== null && options.bridge.length > 0;
  const spoken: Leg = {
    ...withStream(leg, next),
    family: options.family,
    interface: local.interface,
    asymmetric: options.asymmetric ?? (isBridge && context.rules.asymmetricBridge),
  };
  return { kind: 'spoken', call: replaceLeg(call, spoken) };
}

/**
 * A party that offers may come back with another address family: it gets a port of that family with the answer. One
 * that answers has been told its port already.
 */
function localForSpeaker(stream: Stream, { options, side, address }: PairEnd, { facts, ids }: Context) {
  const [local] = stream.locals;
  if (local === undefined) throw new Error('a stream of a pair has no local');
  if (familyOfLocal(local) === options.family || isUnspecified(address)) return local;
  if (side === 'answer' && stream.used) return 'otherFamily';
  const place = placeOfFamily(options.family, facts, local.interface);
  return place && newLocal(place, ids);
}

function signalled(before: Signalled | undefined, { address, port, options }: PairEnd): Signalled {
  const isHeld = isUnspecified(address);
  const named =
    port === 0 || port > 65_535 || isHeld ? undefined : { rtp: detach(socketAddress(address, port)) };
  return {
    ...NOTHING_SAID,
    formats: options.payloadTypes?.join(' ') ?? before?.formats ?? '',
    addresses: named ?? (isHeld ? before?.addresses : undefined),
    rejected: port === 0,
  };
}

type Listening = { readonly kind: 'listening'; readonly call: Call; readonly local: Local } | CommandFailure;

/** The port for the other party: as it is, unless the command wants another and may have it. */
function listen(call: Call, { leg, stream }: PairParty, end: PairEnd, facts: Facts, ids: Ids): Listening {
  const [present] = stream.locals;
  if (present === undefined) throw new Error('a stream of a pair has no local');
  const asked = askedPlace(end.options.local, facts);
  if (asked?.kind === 'failure') return asked;
  const moves = asked !== undefined && asked.place.address.bind !== present.address && !stream.used;
  const fresh = end.options.newPort && stream.used;
  const place = moves
    ? asked.place
    : {
        interface: present.interface,
        address: { bind: present.address, advertise: present.address, family: familyOfLocal(present) },
      };
  const local = moves || fresh ? newLocal(place, ids) : present;
  const next = { ...withStream(leg, { ...stream, locals: [local], used: true }), interface: local.interface };
  return { kind: 'listening', call: replaceLeg(call, next), local };
}

function withStream(leg: Leg, stream: Stream): Leg {
  return { ...leg, streams: leg.streams.map((old) => (old.id === stream.id ? stream : old)) };
}

/** `requester` is absent if the pair is new. */
function withReference(
  pair: StreamPair,
  command: PairUpdateCommand,
  requester: PairSide | undefined,
): StreamPair {
  if (command.side === 'answer') return command.options.weak ? { ...pair, weakCreator: true } : pair;
  if (!command.options.weak) return { ...pair, strong: true };
  return requester === undefined || requester === 'creator'
    ? { ...pair, weakOther: true }
    : { ...pair, weakCreator: true };
}

function withNotice(pair: StreamPair, { side, notify }: PairUpdateCommand): StreamPair {
  if (side === 'answer') return pair;
  const { notice: _, ...silent } = pair;
  if (notify === undefined) return silent;
  return { ...silent, notice: { target: detach(notify.target), tag: detach(notify.tag) } };
}

/** The other party's tag is known from its answer on; a fork may bring another one. */
function withOtherTag(call: Call, pair: StreamPair, given: string | undefined): Call {
  if (given === undefined) return call;
  const { leg } = partyIn(call, pair, 'other');
  const tag = detach(sipTag(given));
  if (leg.tag === tag || call.legs.some((other) => other.tag === tag)) return call;
  const aliases = leg.tag === undefined ? leg.aliases : [...leg.aliases, leg.tag].slice(-MAX_ALIASES);
  return replaceLeg(call, { ...leg, tag, aliases: aliases.filter((alias) => alias !== tag) });
}

function withPair(call: Call, pair: StreamPair): readonly StreamPair[] {
  const pairs = pairsOf(call);
  return pairs.some(({ tag }) => tag === pair.tag)
    ? pairs.map((old) => (old.tag === pair.tag ? pair : old))
    : [...pairs, pair];
}

/** Once both have spoken, the two hear each other and nobody else. */
function withAnswer(call: Call, pair: StreamPair): Call {
  if (!isComplete(call, pair)) return call;
  const [creator, other] = [partyIn(call, pair, 'creator').leg, partyIn(call, pair, 'other').leg];
  const dialogue = dialogueBetween(call, creator.id, other.id);
  if (dialogue === undefined) return call;
  const answered = { ...dialogue, answered: call.revision };
  return {
    ...call,
    dialogues: call.dialogues.map((old) => (isSameDialogue(old, dialogue) ? answered : old)),
  };
}

function finished(call: Call, told: Local): PairStep | CommandFailure {
  const plan = planOf(call);
  if (!fitsMemo(plan.memo)) return failure('limit', 'Too many media in one call');
  return { kind: 'step', call, plan, told };
}

const MAX_ALIASES = 16;
