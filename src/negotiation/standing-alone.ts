import type { Call, Leg } from '../call/call.js';
import { addLeg, legWithTag, newDialogue, newLeg, replaceLeg } from '../call/legs.js';
import { standsAlone } from '../call/links.js';
import type { MediaFlags } from '../command/flags.js';
import { type CommandFailure, failure } from '../command/reply.js';
import { detach } from '../sdp/detach.js';
import type { Facts } from './facts.js';
import type { Ids } from './ids.js';
import type { Parties } from './parties.js';
import { withReceiverFlags } from './party-flags.js';
import { SOURCE } from './subscription-request.js';

export type Placed = { readonly kind: 'placed'; readonly call: Call; readonly leg: Leg };

/** The party of that tag that stands alone, or a new one. Parties with peers negotiate with these. */
export function placedAlone(
  call: Call,
  tag: string,
  { setLabel, label = setLabel }: MediaFlags,
  ids: Ids,
  { now }: Facts,
): Placed | CommandFailure {
  const known = legWithTag(call, tag);
  if (known && !standsAlone(call, known)) return failure('dialogue', 'Invalid dialogue association');
  const leg = known ?? { ...newLeg(ids.take(), now), tag: detach(tag) };
  const named = withReceiverFlags(label === undefined ? leg : { ...leg, label: detach(label) });
  return { kind: 'placed', call: known ? replaceLeg(call, named) : addLeg(call, named), leg: named };
}

/** The proxy itself makes the offer to the party. */
export function offeredByUs(call: Call, receiver: Leg, now: number): Parties {
  const sender = newLeg(SOURCE, now);
  return { kind: 'parties', call, sender, receiver, dialogue: newDialogue(sender.id, receiver.id) };
}

/** The party makes an offer to the proxy itself. */
export function offeredToUs(call: Call, sender: Leg, now: number): Parties {
  const receiver = newLeg(SOURCE, now);
  return { kind: 'parties', call, sender, receiver, dialogue: newDialogue(sender.id, receiver.id) };
}

/** What makes no sense where nobody in particular is the other party. */
export function flagsAlone(flags: MediaFlags): MediaFlags {
  const { passthrough, mediaEcho, ...rest } = flags;
  return {
    ...rest,
    recrypt: true,
    originalSendrecv: false,
    reuseCodecs: false,
    staticCodecs: false,
    replace: new Set([...flags.replace, 'origin-full']),
  };
}
