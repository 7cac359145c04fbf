import type { Call, Dialogue, Leg } from '../call/call.js';
import {
  addDialogue,
  addLeg,
  currentDialogue,
  dialogueBetween,
  dialoguesOf,
  legById,
  legWithTag,
  newDialogue,
  newLeg,
  peerIn,
  replaceLeg,
} from '../call/legs.js';
import { isListener } from '../call/subscriptions.js';
import type { AnswerCommand, OfferCommand } from '../command/command.js';
import { type CommandFailure, failure } from '../command/reply.js';
import { detach } from '../sdp/detach.js';
import type { Ids } from './ids.js';

/** The two parties of a message: who sent the SDP and who gets it. */
export type Parties = {
  readonly kind: 'parties';
  readonly call: Call;
  readonly sender: Leg;
  readonly receiver: Leg;
  readonly dialogue: Dialogue;
};

/** Finds or creates the parties of an offer. */
export function offerParties(
  call: Call,
  command: OfferCommand,
  now: number,
  ids: Ids,
): Parties | CommandFailure {
  const known = legWithTag(call, command.fromTag);
  if (namesListener(call, command)) return failure('dialogue', 'Invalid dialogue association');
  const sender = known ?? { ...newLeg(ids.take(), now), tag: detach(command.fromTag) };
  const before = known ? call : addLeg(call, sender);

  const receiver = command.toTag === undefined ? undefined : legWithTag(call, command.toTag);
  // A first offer may carry the sender's own tag as To tag; once the party exists that makes no dialogue.
  if (receiver && receiver.id === sender.id) return failure('dialogue', 'Invalid dialogue association');
  if (receiver) return within(before, sender, receiver);

  const peer =
    command.toTag === undefined && known ? peerOfBranch(call, sender, command.viaBranch) : undefined;
  if (peer) return within(before, sender, peer);
  return withNewPeer(before, sender, command.viaBranch, now, ids);
}

/** Finds the parties of an answer; `sender` is the one that answers. */
export function answerParties(
  call: Call,
  command: AnswerCommand,
  now: number,
  ids: Ids,
): Parties | CommandFailure {
  if (command.fromTag === command.toTag || namesListener(call, command))
    return failure('dialogue', 'Invalid dialogue association');
  const offerer = legWithTag(call, command.fromTag);
  const known = legWithTag(call, command.toTag);
  if (offerer === undefined) {
    const answerer = known ?? { ...newLeg(ids.take(), now), tag: detach(command.toTag) };
    return withNewPeer(known ? call : addLeg(call, answerer), answerer, undefined, now, ids);
  }
  if (known && known.id === offerer.id) return failure('dialogue', 'Invalid dialogue association');
  if (known) return within(call, known, offerer);

  const peer = answeringPeer(call, offerer, command.viaBranch);
  if (peer === undefined) {
    const answerer = { ...newLeg(ids.take(), now), tag: detach(command.toTag) };
    return within(addLeg(call, answerer), answerer, offerer);
  }
  if (peer.tag === undefined || mayTakeAlias(call, offerer, peer, command)) {
    const answerer = withTag(peer, detach(command.toTag));
    return within(replaceLeg(call, answerer), answerer, offerer);
  }
  const answerer = {
    ...newLeg(ids.take(), now),
    tag: detach(command.toTag),
    ...(command.viaBranch !== undefined && { viaBranch: detach(command.viaBranch) }),
  };
  return within(addLeg(call, answerer), answerer, offerer);
}

/** Who listens to a conversation takes no part in it. */
function namesListener(call: Call, { fromTag, toTag }: Pick<OfferCommand, 'fromTag' | 'toTag'>): boolean {
  if (call.subscriptions === undefined) return false;
  const named = [fromTag, toTag].flatMap((tag) => (tag === undefined ? [] : (legWithTag(call, tag) ?? [])));
  return named.some((leg) => isListener(call, leg));
}

function within(call: Call, sender: Leg, receiver: Leg): Parties {
  const known = dialogueBetween(call, sender.id, receiver.id);
  const dialogue = known ?? newDialogue(sender.id, receiver.id);
  return {
    kind: 'parties',
    call: known ? call : addDialogue(call, dialogue),
    sender,
    receiver,
    dialogue,
  };
}

function withNewPeer(call: Call, sender: Leg, viaBranch: string | undefined, now: number, ids: Ids): Parties {
  const peer: Leg = {
    ...newLeg(ids.take(), now),
    ...(viaBranch !== undefined && { viaBranch: detach(viaBranch) }),
  };
  return within(addLeg(call, peer), sender, peer);
}

/** Whom an offer without To tag goes to: the peer of that branch; without a branch the present peer. */
function peerOfBranch(call: Call, sender: Leg, viaBranch: string | undefined): Leg | undefined {
  if (viaBranch !== undefined) return peersOf(call, sender).find((leg) => leg.viaBranch === viaBranch);
  const dialogue = currentDialogue(call, sender.id);
  return dialogue && legById(call, peerIn(dialogue, sender.id));
}

/** Who a new tag in an answer belongs to. */
function answeringPeer(call: Call, offerer: Leg, viaBranch: string | undefined): Leg | undefined {
  const peers = peersOf(call, offerer);
  const ofBranch = viaBranch === undefined ? undefined : peers.find((leg) => leg.viaBranch === viaBranch);
  return ofBranch ?? peers.findLast((leg) => leg.tag === undefined) ?? peerOfBranch(call, offerer, undefined);
}

/** A peer that answered under another tag before: the same party, unless the client says or shows otherwise. */
function mayTakeAlias(call: Call, offerer: Leg, peer: Leg, command: AnswerCommand): boolean {
  if (command.flags.newBranch) return false;
  return !dialogueBetween(call, offerer.id, peer.id)?.final || command.flags.provisional;
}

/** The party under another tag. The former one stays a name of it. */
export function withTag(leg: Leg, tag: string): Leg {
  const aliases = leg.tag === undefined ? leg.aliases : [...leg.aliases, leg.tag].slice(-MAX_ALIASES);
  return { ...leg, tag, aliases };
}

function peersOf(call: Call, leg: Leg): Leg[] {
  return dialoguesOf(call, leg.id).map((dialogue) => legById(call, peerIn(dialogue, leg.id)));
}

const MAX_ALIASES = 16;
