import { isCarried } from '../call/bundle.js';
import type { Call, Dialogue, Leg, Restriction, Stream } from '../call/call.js';
import { keyAction } from '../call/key-rules.js';
import { hidesKeys } from '../call/keys.js';
import { isHeardIn, linksOf } from '../call/links.js';
import { currentDialogue, isOverruled, legById, peerIn, peerLine } from '../call/legs.js';
import { receives, sends } from '../call/signalled.js';
import type { MediaAction, RoutePlan } from '../dataplane/protocol.gen.js';

/** One way of media between two legs. */
export type Flow = {
  /** `listen` leads out of the conversation, `back` into it. */
  readonly kind: 'talk' | 'listen' | 'back';
  readonly from: Stream;
  readonly to: Stream;
  readonly isAllowed: boolean;
  readonly plan: RoutePlan;
};

/** All ways of media between parties: those they have negotiated, and those they were connected by. */
export function talksOf(call: Call): readonly Flow[] {
  const negotiated = conversationsOf(call);
  return call.links === undefined ? negotiated : [...negotiated, ...linkFlows(call, negotiated)];
}

/** A way there is already is none again. */
function linkFlows(call: Call, negotiated: readonly Flow[]): readonly Flow[] {
  return linksOf(call).flatMap(({ link, talker, from, to, listener }) => {
    const isThere = negotiated.some((flow) => flow.from === from && flow.to === to);
    if (isThere || listener.hears !== undefined || !isRouted(from) || !isRouted(to)) return [];
    const restrictions = [...call.restrictions, ...talker.restrictions, ...link.restrictions];
    const plan = routePlan(call, from, to, restrictions);
    return [{ kind: 'talk' as const, from, to, isAllowed: isAllowed(from, to), plan }];
  });
}

/**
 * Everybody hears the dialogue that was answered last; before any answer, the newest. So in a fork the offerer talks
 * with the branch that answered last and with no other: most proxies do not say which answer is the final one.
 */
export function conversationsOf(call: Call): readonly Flow[] {
  const flows: Flow[] = [];
  for (const listener of call.legs) {
    const dialogue = currentDialogue(call, listener.id);
    if (dialogue === undefined) continue;
    if (listener.hears !== undefined) {
      if (listener.hears === 'itself') flows.push(...echoes(call, dialogue, listener));
      continue;
    }
    const talker = legById(call, peerIn(dialogue, listener.id));
    if (isOverruled(call, talker.id, dialogue) || !isHeardIn(dialogue, talker.id)) continue;
    for (const [line, to] of listener.streams.entries()) {
      const partner = peerLine(dialogue, listener.id, line);
      const from = partner === undefined ? undefined : talker.streams[partner];
      if (from && isRouted(from) && isRouted(to)) flows.push(flow(call, dialogue, talker, from, to));
    }
  }
  return flows;
}

function echoes(call: Call, dialogue: Dialogue, leg: Leg): Flow[] {
  return leg.streams.filter(isRouted).map((stream) => flow(call, dialogue, leg, stream, stream));
}

function flow(call: Call, dialogue: Dialogue, talker: Leg, from: Stream, to: Stream): Flow {
  const onDialogue = dialogue.a === talker.id ? dialogue.restrictionsToB : dialogue.restrictionsToA;
  const restrictions = [...call.restrictions, ...talker.restrictions, ...onDialogue];
  return {
    kind: 'talk',
    from,
    to,
    isAllowed: isAllowed(from, to),
    plan: routePlan(call, from, to, restrictions),
  };
}

function isAllowed(from: Stream, to: Stream): boolean {
  return (
    (from.inForce === undefined || sends(from.inForce)) && (to.inForce === undefined || receives(to.inForce))
  );
}

/** What happens to packets on their way from one stream to another. */
export function routePlan(
  call: Call,
  from: Stream,
  to: Stream,
  restrictions: readonly Restriction[],
): RoutePlan {
  const areHidden = call.dropTraffic || hidesKeys(call, from.id);
  return {
    from: from.id,
    to: to.id,
    media: call.dropTraffic ? 'drop' : mediaAction(restrictions),
    telephoneEvents: areHidden ? 'drop' : keyAction(restrictions),
  };
}

function mediaAction(restrictions: readonly Restriction[]): MediaAction {
  if (restrictions.includes('block media')) return 'drop';
  return restrictions.includes('silence media') ? 'silence' : 'forward';
}

export function isPlanned(stream: Stream): boolean {
  return stream.locals.length > 0 || isCarried(stream);
}

export function isRouted(stream: Stream): boolean {
  return isPlanned(stream) && stream.inForce?.rejected !== true;
}
