import type { Call, Leg } from '../call/call.js';
import { replaceLeg } from '../call/legs.js';
import type { Selected } from './selection.js';

/**
 * Remembers whose sound is to go to a recorder. There is none here: a query tells what was asked for, as rtpengine
 * does without a recorder.
 */
export function withForwarding(
  call: Call,
  selected: Exclude<Selected, { kind: 'failure' }>,
  wish: { readonly isOn: boolean; readonly everywhere: boolean },
): Call {
  if (selected.kind === 'party') return replaceLeg(call, ofParty(selected.leg, wish.isOn));
  if (wish.isOn) return { ...call, forwarding: true };
  const legs = wish.everywhere ? call.legs.map((leg) => ofParty(leg, false)) : call.legs;
  return { ...call, forwarding: undefined, legs };
}

function ofParty(leg: Leg, isOn: boolean): Leg {
  return { ...leg, forwarding: isOn ? true : undefined };
}
