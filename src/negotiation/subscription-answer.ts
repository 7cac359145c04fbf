import type { Call, Leg, Signalled, Stream } from '../call/call.js';
import { legWithTag, newDialogue, newLeg, replaceLeg } from '../call/legs.js';
import { unpackPayloads } from '../call/payloads.js';
import { newStream } from '../call/streams.js';
import {
  type Feed,
  isFed,
  type Subscription,
  subscriptionOf,
  withoutListener,
  withSubscription,
} from '../call/subscriptions.js';
import type { SubscribedCommand, UnsubscribeCommand } from '../command/command.js';
import { type CommandFailure, failure } from '../command/reply.js';
import type { MediaView } from '../sdp/media-view.js';
import { exchangeAnswer } from './answer.js';
import { answersGroups, withGroups } from './bundle-said.js';
import { isSameCodec, isSupplemental } from './codec-match.js';
import { Draws } from './draws.js';
import type { Facts } from './facts.js';
import { idsOf } from './ids.js';
import { withSenderKeys } from './key-blocks.js';
import { type Step, stepTo } from './negotiate.js';
import { withoutTwins } from './osrtp-legacy.js';
import { NOTHING_SAID } from './pair-creation.js';
import type { Parties } from './parties.js';
import { withSenderFlags } from './party-flags.js';
import { readBody } from './signal.js';
import { NO_FEED, SOURCE } from './subscription-request.js';

/** The listener has answered: from here on it hears what it was offered. */
export function answerSubscription(
  call: Call | undefined,
  command: SubscribedCommand,
  facts: Facts,
): Step | CommandFailure {
  const found = listenerOf(call, command.toTag);
  if (found.kind === 'failure') return found;
  const { subscription, listener: before } = found;
  const { flags } = command;
  const read = readBody(command.sdp);
  if (read.kind === 'failure') return read;
  const { body: single, leg } = withoutTwins(read, before, flags);
  const body = answersGroups(leg) ? withGroups(single, 'answer', flags) : single;
  const refused = refusedAnswer(body.medias, subscription.feeds, command.allowsTranscoding);
  if (refused) return refused;

  const ids = idsOf(found.call);
  const draws = new Draws(facts.random);
  const listener = withSenderFlags(leg, body, flags, facts);
  const asked = askedOf(found.call, subscription, listener);
  const exchanged = exchangeAnswer(asked, body, { flags, facts, ids, draws });
  if (exchanged.kind === 'failure') return exchanged;
  const answered = withSubscription(replaceLeg(found.call, exchanged.parties.sender), {
    ...subscription,
    answered: true,
    generatesRtcp: flags.generateRtcp ?? subscription.generatesRtcp,
  });
  const { revision } = found.call;
  // From here on packets are read, whose keys may have passed between the parties.
  const keyed = withSenderKeys(answered, listener.id, flags, facts);
  const heard: Call = { ...keyed.call, readsKeys: true };
  const after = { ...heard, revision: revision + 1, nextId: ids.next(), lastSignalMs: facts.now };
  return stepTo(after, { template: '', drawn: draws.drawn, warnings: keyed.warnings }, facts);
}

/** Ends a subscription, or what comes of one party in it. */
export function endSubscription(
  call: Call | undefined,
  { toTag, fromTag }: UnsubscribeCommand,
): { readonly kind: 'changed'; readonly call: Call } | CommandFailure {
  const found = listenerOf(call, toTag);
  if (found.kind === 'failure')
    return found.code === 'dialogue' ? failure('dialogue', 'Failed to unsubscribe') : found;
  const { subscription, listener } = found;
  const source = fromTag === undefined ? undefined : legWithTag(found.call, fromTag);
  if (fromTag !== undefined && source === undefined) return failure('unknownParty', 'From-tag not found');
  const feeds = subscription.feeds.map((feed) =>
    source === undefined || feed.leg === source.id ? NO_FEED : feed,
  );
  const rest = { ...subscription, feeds };
  const after = isFed(found.call, rest)
    ? withSubscription(found.call, rest)
    : withoutListener(found.call, listener.id);
  return { kind: 'changed', call: { ...after, revision: found.call.revision + 1 } };
}

type Found = {
  readonly kind: 'listener';
  readonly call: Call;
  readonly listener: Leg;
  readonly subscription: Subscription;
};

function listenerOf(call: Call | undefined, toTag: string): Found | CommandFailure {
  if (call === undefined) return failure('unknownCall', 'Unknown call-ID');
  const listener = legWithTag(call, toTag);
  if (listener === undefined) return failure('unknownParty', 'To-tag not found');
  const subscription = subscriptionOf(call, listener.id);
  if (subscription === undefined) return failure('dialogue', NOT_PROCESSED);
  return { kind: 'listener', call, listener, subscription };
}

/** Nothing can be sent that the listener does not take, in the very numbers it was offered. */
function refusedAnswer(
  medias: readonly MediaView[],
  feeds: readonly Feed[],
  allowsTranscoding: boolean,
): CommandFailure | undefined {
  if (medias.length !== feeds.length) return failure('badRequest', NOT_PROCESSED);
  for (const [line, { payloads }] of feeds.entries()) {
    const view = medias[line];
    if (view === undefined || view.media.port === 0) continue;
    const missing = unpackPayloads(payloads).filter(
      (offered) =>
        !view.payloads.some(
          (taken) => taken.payloadType === offered.payloadType && isSameCodec(taken, offered),
        ),
    );
    if (missing.length > 0 && !allowsTranscoding) return failure('badRequest', NOT_PROCESSED);
    const lost = missing.filter((format) => !isSupplemental(format)).map(({ encoding }) => encoding);
    if (lost.length > 0)
      return failure(
        'unsupported',
        `Transcoding is not supported: ${lost.join(', ')} is to be accepted as offered`,
      );
  }
  return undefined;
}

/** The offer to the listener, as if one party had made it. It never asked for keys: those of the listener are ours. */
function askedOf(call: Call, { answered, feeds }: Subscription, listener: Leg): Parties {
  const source: Leg = {
    ...newLeg(SOURCE, listener.createdMs),
    streams: listener.streams.map((stream, line) => offeringStream(stream, feeds[line] ?? NO_FEED)),
  };
  const dialogue = newDialogue(source.id, listener.id);
  const waiting = answered ? { ...dialogue, answered: 1 } : { ...dialogue, offeredBy: source.id };
  return { kind: 'parties', call, sender: listener, receiver: source, dialogue: waiting };
}

function offeringStream(stream: Stream, { payloads, stream: source }: Feed): Stream {
  const protocol = stream.protocol.toUpperCase().endsWith('F') ? 'RTP/AVPF' : 'RTP/AVP';
  const rejected = source === undefined && stream.locals.length === 0;
  const said: Signalled = { ...NOTHING_SAID, type: stream.type, protocol, payloads, rejected, rtcpMux: true };
  return { ...newStream(NO_STREAM, said), inForce: said };
}

const NOT_PROCESSED = 'Failed to process subscription answer';
/** Of nobody. */
const NO_STREAM = 0;
