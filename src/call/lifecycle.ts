import type { DeleteCommand } from '../command/command.js';
import type { Call, Leg } from './call.js';
import { nextGuardEnd, withoutGuardsDue } from './key-sequences.js';
import { dialoguesOf, legById, legWithTag, peerIn } from './legs.js';
import { withDeparted } from './departed.js';
import { standsAlone, withoutLooseLinks } from './links.js';
import { remaining, withoutUnfed } from './subscriptions.js';

export type Deletion =
  /** The whole call goes now. */
  | { readonly kind: 'call' }
  /** Parties went; the rest of the call goes on. */
  | { readonly kind: 'party'; readonly call: Call }
  /** Something goes later: see `nextDeadline`. Media flows until then. */
  | { readonly kind: 'scheduled'; readonly call: Call }
  | { readonly kind: 'notFound' };

/** Deletes a party and everything that depends on it, or the whole call, now or later. */
export function deleteParty(call: Call, command: DeleteCommand, now: number): Deletion {
  const delayMs =
    command.delaySeconds === undefined || command.delaySeconds < 0
      ? call.deleteDelayMs
      : command.delaySeconds * 1000;
  const party = command.fromTag === undefined ? undefined : partyToDelete(call, command);
  if (command.fromTag !== undefined && party === undefined) return { kind: 'notFound' };

  const gone = party === undefined ? undefined : dependents(call, party);
  const isWhole = gone === undefined || !goesOnWithout(call, gone);
  if (isWhole) {
    if (delayMs === 0) return { kind: 'call' };
    return { kind: 'scheduled', call: changed({ ...call, deleteAtMs: now + delayMs }) };
  }
  if (delayMs === 0) return { kind: 'party', call: changed(withoutLegs(call, gone)) };
  const legs = call.legs.map((leg) => (gone.has(leg.id) ? { ...leg, deleteAtMs: now + delayMs } : leg));
  return { kind: 'scheduled', call: changed({ ...call, legs }) };
}

/** When `expire` has something to do, in milliseconds since the epoch: a scheduled deletion, the final timeout or that keys pass again. */
export function nextDeadline(call: Call): number | undefined {
  const deadlines = call.legs.map(({ deleteAtMs }) => deleteAtMs);
  deadlines.push(call.deleteAtMs, finalDeadline(call), nextGuardEnd(call));
  const known = deadlines.filter((deadline) => deadline !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}

export type Expiry =
  | { readonly kind: 'call'; readonly reason: 'deleted' | 'finalTimeout' }
  | { readonly kind: 'party'; readonly call: Call }
  /** Other rules for keys hold. */
  | { readonly kind: 'keys'; readonly call: Call }
  | { readonly kind: 'nothing' };

/** Carries out what is due. */
export function expire(call: Call, now: number): Expiry {
  const isDue = (deadline: number | undefined) => deadline !== undefined && deadline <= now;
  if (isDue(finalDeadline(call))) return { kind: 'call', reason: 'finalTimeout' };
  if (isDue(call.deleteAtMs)) return { kind: 'call', reason: 'deleted' };
  const gone = new Set(call.legs.filter((leg) => isDue(leg.deleteAtMs)).map(({ id }) => id));
  if (gone.size === 0) {
    const after = withoutGuardsDue(call, now);
    return after === call ? { kind: 'nothing' } : { kind: 'keys', call: after };
  }
  if (!goesOnWithout(call, gone)) return { kind: 'call', reason: 'deleted' };
  return { kind: 'party', call: changed(withoutLegs(call, gone)) };
}

/** The end of the longest life of a call. */
function finalDeadline(call: Call): number | undefined {
  return call.timeouts.finalMs === null ? undefined : call.createdMs + call.timeouts.finalMs;
}

function partyToDelete(call: Call, command: DeleteCommand): Leg | undefined {
  const { fromTag = '', toTag, viaBranch } = command;
  const ofBranch = viaBranch === undefined ? undefined : call.legs.find((leg) => leg.viaBranch === viaBranch);
  if (ofBranch && toTag === undefined) return ofBranch;
  const tagged = legWithTag(call, toTag ?? fromTag);
  if (tagged || ofBranch) return tagged ?? ofBranch;
  if (toTag === undefined) return undefined;
  const from = legWithTag(call, fromTag);
  if (from === undefined) return undefined;
  const peers = dialoguesOf(call, from.id).map((dialogue) => legById(call, peerIn(dialogue, from.id)));
  return peers.length === 1 && peers[0]?.tag === undefined ? from : undefined;
}

/** The party and those who talk to nobody else. */
function dependents(call: Call, party: Leg): ReadonlySet<number> {
  const gone = new Set([party.id]);
  const waiting = [party.id];
  for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
    for (const dialogue of dialoguesOf(call, id)) {
      const peer = peerIn(dialogue, id);
      if (gone.has(peer)) continue;
      const isLeftAlone = dialoguesOf(call, peer).every((other) => gone.has(peerIn(other, peer)));
      if (!isLeftAlone) continue;
      gone.add(peer);
      waiting.push(peer);
    }
  }
  return gone;
}

/** Parties that listen are no reason to go on. */
function goesOnWithout(call: Call, gone: ReadonlySet<number>): boolean {
  if (call.dialogues.some(({ a, b }) => !gone.has(a) && !gone.has(b))) return true;
  return call.legs.some((leg) => !gone.has(leg.id) && standsAlone(call, leg));
}

function withoutLegs(call: Call, gone: ReadonlySet<number>): Call {
  const rest: Call = {
    ...call,
    legs: call.legs.filter(({ id }) => !gone.has(id)),
    dialogues: call.dialogues.filter(({ a, b }) => !gone.has(a) && !gone.has(b)),
    subscriptions: remaining(call, gone),
  };
  return withDeparted(
    withoutUnfed(withoutLooseLinks(rest)),
    call.legs.filter(({ id }) => gone.has(id)),
  );
}

function changed(call: Call): Call {
  return { ...call, revision: call.revision + 1 };
}
