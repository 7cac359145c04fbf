import type { SessionStats } from '../dataplane/protocol.gen.js';
import type { Call, Leg, Restriction } from './call.js';

/** A party outside of the conversation that listens to some of its media: a recorder, a supervisor. */
export type Subscription = {
  /** The listener, by id. It is in no dialogue. */
  readonly leg: number;
  /** Nothing is sent before. */
  readonly answered: boolean;
  /** Of the parties it hears: what they say, or what is sent to them. */
  readonly taps: 'said' | 'heard';
  /** What the listener sends goes to the parties it hears. */
  readonly talksBack: boolean;
  /** Its RTCP goes to those whose media it gets. */
  readonly mirrorsRtcp: boolean;
  /** It gets reports of our own instead of those of the parties. */
  readonly generatesRtcp: boolean;
  /** By position of the `m=` line in the SDP exchanged with the listener. */
  readonly feeds: readonly Feed[];
};

/** Where the media of one `m=` line comes from. What it names may be gone meanwhile. */
export type Feed = {
  /** The party, and the one stream of it, by id. Without a stream nothing comes any more. */
  readonly leg: number;
  readonly stream: number | undefined;
  /** What the listener was offered, in the form of `payloads.ts`. */
  readonly payloads: string;
  /** What a client asked not to be passed on to this listener. */
  readonly restrictions: readonly Restriction[];
};

export function subscriptionsOf(call: Call): readonly Subscription[] {
  return call.subscriptions ?? NONE;
}

/** Of a listener; `undefined`: a party of the conversation. */
export function subscriptionOf(call: Call, leg: number): Subscription | undefined {
  return call.subscriptions?.find((subscription) => subscription.leg === leg);
}

export function isListener(call: Call, leg: Leg): boolean {
  return subscriptionOf(call, leg.id) !== undefined;
}

/** The legs of the conversation. */
export function partiesOf(call: Call): readonly Leg[] {
  return call.subscriptions === undefined ? call.legs : call.legs.filter((leg) => !isListener(call, leg));
}

/** Who only listens is not silent, and no direction of the conversation. */
export function ofParties(call: Call, media: SessionStats | null): SessionStats | null {
  if (media === null || call.subscriptions === undefined) return media;
  const listening = listeningStreams(call);
  return { ...media, streams: media.streams.filter(({ stream }) => !listening.has(stream)) };
}

/** The parties a listener hears, by id. */
export function heardByListener({ feeds }: Subscription): readonly number[] {
  return [...new Set(feeds.filter(({ stream }) => stream !== undefined).map(({ leg }) => leg))];
}

/** The call with this subscription, in place of the listener's former one. */
export function withSubscription(call: Call, subscription: Subscription): Call {
  const others = subscriptionsOf(call).filter(({ leg }) => leg !== subscription.leg);
  return { ...call, subscriptions: [...others, subscription] };
}

/** Somebody it hears is still there. */
export function isFed(call: Call, subscription: Subscription): boolean {
  return heardByListener(subscription).some((heard) => call.legs.some(({ id }) => id === heard));
}

/** The call without those who listen only to parties that are gone. */
export function withoutUnfed(call: Call): Call {
  const unfed = subscriptionsOf(call).filter((subscription) => !isFed(call, subscription));
  return unfed.reduce((rest, { leg }) => withoutListener(rest, leg), call);
}

/** The call without the listener. */
export function withoutListener(call: Call, leg: number): Call {
  const gone = new Set([leg]);
  return { ...call, legs: call.legs.filter(({ id }) => id !== leg), subscriptions: remaining(call, gone) };
}

/** Those whose listener stays. */
export function remaining(call: Call, gone: ReadonlySet<number>): Call['subscriptions'] {
  const kept = subscriptionsOf(call).filter(({ leg }) => !gone.has(leg));
  return kept.length === 0 ? undefined : kept;
}

/** Streams whose peers only listen, by id. */
export function listeningStreams(call: Call): ReadonlySet<number> {
  if (call.subscriptions === undefined) return NOBODY;
  return new Set(
    call.legs.filter((leg) => isListener(call, leg)).flatMap(({ streams }) => streams.map(({ id }) => id)),
  );
}

/** The subscription with the flows of one party changed, or all. */
export function withRestrictedFeeds(
  subscription: Subscription,
  from: number | undefined,
  change: (restrictions: readonly Restriction[]) => readonly Restriction[],
): Subscription {
  const feeds = subscription.feeds.map((feed) =>
    from === undefined || feed.leg === from ? { ...feed, restrictions: change(feed.restrictions) } : feed,
  );
  return { ...subscription, feeds };
}

const NONE: readonly Subscription[] = [];
const NOBODY: ReadonlySet<number> = new Set();
