import type { Call, Leg, Restriction, Stream } from '../call/call.js';
import { ruleOf } from '../call/key-rules.js';
import { receives, streamKind } from '../call/signalled.js';
import { type Feed, type Subscription, subscriptionsOf } from '../call/subscriptions.js';
import { type Flow, isRouted, routePlan, talksOf } from './flows.js';
import { hasUnreadableKeys } from './security-plan.js';

/** All ways of media in a call, those of the conversation first. */
export function flowsOf(call: Call): readonly Flow[] {
  const talks = talksOf(call);
  return call.subscriptions === undefined ? talks : [...talks, ...listeningFlows(call, talks)];
}

/** The ways to those who listen, and from those who talk back. `talks` are the ways of the conversation. */
function listeningFlows(call: Call, talks: readonly Flow[]): readonly Flow[] {
  return subscriptionsOf(call).flatMap((subscription) => {
    const listener = call.legs.find(({ id }) => id === subscription.leg);
    if (listener === undefined || !subscription.answered) return [];
    return subscription.feeds.flatMap((feed, line) => {
      const to = listener.streams[line];
      return to === undefined ? [] : fed(call, { subscription, listener, feed, to }, talks);
    });
  });
}

type Fed = {
  readonly subscription: Subscription;
  readonly listener: Leg;
  readonly feed: Feed;
  readonly to: Stream;
};

/** What a feed brings to the listener's stream, and what goes back. */
function fed(call: Call, { subscription, listener, feed, to }: Fed, talks: readonly Flow[]): readonly Flow[] {
  const party = call.legs.find(({ id }) => id === feed.leg);
  const tapped = party?.streams.find(({ id }) => id === feed.stream);
  if (party === undefined || tapped === undefined) return [];
  const source = sourceOf(call, subscription, party, tapped, talks);
  if (source === undefined || !areConnectable(source.from, to)) return [];
  const restrictions = [...source.restrictions, ...feed.restrictions];
  const flows: Flow[] = [];
  if (to.inForce && receives(to.inForce)) {
    const plan = routePlan(call, source.from, to, restrictions);
    flows.push({ kind: 'listen', from: source.from, to, isAllowed: true, plan });
  }
  const back = subscription.talksBack ? tapped : subscription.mirrorsRtcp ? source.from : undefined;
  if (back !== undefined && areConnectable(to, back)) {
    const plan = routePlan(call, to, back, restrictionsOnTalking(call, listener, back));
    flows.push({ kind: 'back', from: to, to: back, isAllowed: true, plan });
  }
  return flows;
}

/** Who is on hold is sent no media, but goes on to get RTCP. */
function restrictionsOnTalking(call: Call, listener: Leg, { inForce }: Stream): readonly Restriction[] {
  const isOnHold = inForce !== undefined && !receives(inForce);
  return isOnHold ? ['block media', 'block DTMF'] : [...call.restrictions, ...listener.restrictions];
}

type Source = { readonly from: Stream; readonly restrictions: readonly Restriction[] };

/** Whose packets they are, and what holds for them: of a party that is listened to as it hears, somebody else's. */
function sourceOf(
  call: Call,
  { taps }: Subscription,
  party: Leg,
  tapped: Stream,
  talks: readonly Flow[],
): Source | undefined {
  if (taps === 'said') return { from: tapped, restrictions: [...call.restrictions, ...party.restrictions] };
  const heard = talks.find(({ to }) => to === tapped);
  return heard && { from: heard.from, restrictions: restrictionsOn(heard) };
}

/** As the party hears it. */
function restrictionsOn({ plan }: Flow): readonly Restriction[] {
  const restrictions: Restriction[] = [];
  if (plan.media === 'drop') restrictions.push('block media');
  if (plan.media === 'silence') restrictions.push('silence media');
  const rule = ruleOf(plan.telephoneEvents);
  return rule === undefined ? restrictions : [...restrictions, rule];
}

/** Both are RTP that can be read here. */
function areConnectable(from: Stream, to: Stream): boolean {
  return isReadable(from) && isReadable(to);
}

export function isReadable(stream: Stream): boolean {
  if (stream.transparent !== undefined || hasUnreadableKeys(stream)) return false;
  return isRouted(stream) && streamKind(stream) === 'rtp';
}
