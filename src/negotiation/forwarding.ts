import type { Call, Leg } from '../call/call.js';
import { replaceLeg } from '../call/legs.js';
import { isLive, replaceTap, tapsOf, withTap } from '../call/taps.js';
import { type CommandFailure, failure } from '../command/reply.js';
import type { CallDefaults } from './facts.js';
import type { Selected } from './selection.js';

/**
 * Remembers whose packets are to be forwarded, and copies them to the configured listener. Without one, a query tells
 * what was asked for, as rtpengine does without a recorder.
 */
export function withForwarding(
  call: Call,
  selected: Exclude<Selected, { kind: 'failure' }>,
  wish: ForwardingWish,
): Call | CommandFailure {
  return withForwardingTap(withWish(call, selected, wish), wish);
}

export type ForwardingWish = {
  readonly isOn: boolean;
  readonly everywhere: boolean;
  readonly to: CallDefaults['forwardTo'];
  readonly now: number;
};

function withForwardingTap(call: Call, { to, now }: ForwardingWish): Call | CommandFailure {
  const taps = tapsOf(call).filter((tap) => tap.purpose === 'forwarding' && isLive(tap));
  const isWanted = call.forwarding === true || call.legs.some(({ forwarding }) => forwarding === true);
  if (!isWanted)
    return taps.reduce((present, tap) => replaceTap(present, { ...tap, state: 'stopped' }), call);
  if (to === null || taps.length > 0) return call;
  const tapped = withTap(call, {
    purpose: 'forwarding',
    streams: undefined,
    side: 'arriving',
    rtcp: true,
    state: 'on',
    startedMs: now,
    target: to,
    prefix: undefined,
  });
  return tapped ?? failure('limit', 'Too many recordings and forks in one call');
}

function withWish(call: Call, selected: Exclude<Selected, { kind: 'failure' }>, wish: ForwardingWish): Call {
  if (selected.kind === 'party') return replaceLeg(call, ofParty(selected.leg, wish.isOn));
  if (wish.isOn) return { ...call, forwarding: true };
  const legs = wish.everywhere ? call.legs.map((leg) => ofParty(leg, false)) : call.legs;
  return { ...call, forwarding: undefined, legs };
}

function ofParty(leg: Leg, isOn: boolean): Leg {
  return { ...leg, forwarding: isOn ? true : undefined };
}
