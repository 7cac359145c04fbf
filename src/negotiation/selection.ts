import type { Call, Leg } from '../call/call.js';
import { dialoguesOf, legWithTag } from '../call/legs.js';
import { hostOf } from '../call/signalled.js';
import { isListener } from '../call/subscriptions.js';
import type { PartySelection } from '../command/command.js';
import { type CommandFailure, failure } from '../command/reply.js';
import { familyOf } from '../sdp/address.js';

export type Selected =
  | { readonly kind: 'call' }
  | { readonly kind: 'party'; readonly leg: Leg }
  | CommandFailure;

/** Whom a command speaks of: by label, by signalled address, by tag; nobody in particular means the whole call. */
export function selectParty(call: Call, selection: PartySelection): Selected {
  if (selection.all === 'all') return { kind: 'call' };
  if (selection.label !== undefined) return byLabel(call, selection.label);
  if (selection.address !== undefined) return byAddress(call, selection.address);
  if (selection.tag === undefined) return { kind: 'call' };
  const leg = legWithTag(call, selection.tag);
  return leg ? { kind: 'party', leg } : failure('unknownParty', 'From-tag given, but no such tag exists');
}

/**
 * The parties a command speaks of that may name several: `all` those of a conversation, since who stands alone has to be
 * named. Tags nobody has are left out.
 */
export function selectParties(
  call: Call,
  { from, fromTags }: { readonly from: PartySelection; readonly fromTags: readonly string[] },
): { readonly kind: 'parties'; readonly legs: readonly Leg[] } | CommandFailure {
  const isAll = from.all !== undefined;
  const isNamed = [from.label, from.address, from.tag].some((name) => name !== undefined);
  if (!isAll && !isNamed) {
    const legs = fromTags.flatMap((tag) => legWithTag(call, tag) ?? []);
    return { kind: 'parties', legs: [...new Set(legs)] };
  }
  const selected = selectParty(call, isAll ? { all: 'all' } : from);
  if (selected.kind === 'failure') return selected;
  if (selected.kind === 'party') return { kind: 'parties', legs: [selected.leg] };
  return { kind: 'parties', legs: call.legs.filter(({ id }) => dialoguesOf(call, id).length > 0) };
}

/** Listeners come last, here and with addresses: a party is meant, if there is one. */
export function legWithLabel(call: Call, label: string): Leg | undefined {
  return partiesFirst(call).find((leg) => leg.label === label);
}

function partiesFirst(call: Call): readonly Leg[] {
  if (call.subscriptions === undefined) return call.legs;
  const listeners = call.legs.filter((leg) => isListener(call, leg));
  return [...call.legs.filter((leg) => !listeners.includes(leg)), ...listeners];
}

function byLabel(call: Call, label: string): Selected {
  const leg = legWithLabel(call, label);
  return leg ? { kind: 'party', leg } : failure('unknownParty', 'No monologue matching the given label');
}

function byAddress(call: Call, address: string): Selected {
  if (familyOf(address) === undefined) return failure('badRequest', 'Failed to parse network address');
  const leg = partiesFirst(call).find(({ streams }) =>
    streams.some(({ inForce }) => inForce?.addresses && hostOf(inForce.addresses.rtp) === address),
  );
  return leg ? { kind: 'party', leg } : failure('unknownParty', 'Failed to match address to any tag');
}
