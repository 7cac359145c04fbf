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
  const { forwarding: _, ...others } = call;
  if (wish.isOn) return { ...others, forwarding: true };
  return wish.everywhere ? { ...others, legs: call.legs.map((leg) => ofParty(leg, false)) } : others;
}

function ofParty(leg: Leg, isOn: boolean): Leg {
  const { forwarding: _, ...others } = leg;
  return isOn ? { ...others, forwarding: true } : others;
}
