import type { Call, Leg } from '../call/call.js';
import { legWithTag } from '../call/legs.js';
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
