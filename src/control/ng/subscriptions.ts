import type { Command, PartySelection, SubscriptionWishes } from '../../command/command.js';
import { type CommandFailure, failure } from '../../command/reply.js';
import { codecsOfAnswer } from './codec-spec.js';
import type { Draft } from './draft.js';

/** What `flags` can say of a subscription. */
export type SubscriptionWord = keyof SubscriptionWishes | 'allowsTranscoding';

export function subscribeRequest(draft: Draft): Command | CommandFailure {
  const { callId, fromTags, wishes, flags } = draft;
  if (!callId) return badRequest('No call-id in message');
  const toTag = toTagOf(draft);
  const toInterface = draft.interface ?? flags.toInterface;
  return {
    kind: 'subscribe request',
    callId,
    from: sourceOf(draft),
    fromTags,
    ...(toTag && { toTag }),
    // The label names who is heard; `set-label` is for who hears.
    flags: { ...flags, ...(toInterface !== undefined && { toInterface }) },
    wishes: {
      siprec: wishes.has('siprec'),
      egress: wishes.has('egress'),
      mix: wishes.has('mix'),
      inactive: wishes.has('inactive'),
      bidirectional: wishes.has('bidirectional'),
      mirrorsRtcp: wishes.has('mirrorsRtcp'),
    },
  };
}

export function subscribeAnswer(draft: Draft): Command | CommandFailure {
  const { callId, toTag, sdp, flags, wishes } = draft;
  if (!callId) return badRequest('No call-id in message');
  if (!toTag) return badRequest('No to-tag in message');
  if (!sdp) return badRequest('No SDP body in message');
  return {
    kind: 'subscribe answer',
    callId,
    toTag,
    sdp,
    flags: { ...flags, codec: codecsOfAnswer(flags.codec) },
    allowsTranscoding: wishes.has('allowsTranscoding'),
  };
}

export function unsubscribe(draft: Draft): Command | CommandFailure {
  const { callId, toTag, fromTag, directional } = draft;
  if (!callId) return badRequest('No call-id in message');
  if (!toTag) return badRequest('No to-tag in message');
  return { kind: 'unsubscribe', callId, toTag, ...(directional && fromTag && { fromTag }) };
}

/**
 * Modules that pass a flag string on unread add the tags of the SIP message to everything: the list of parties in the
 * string is what was meant then, and its to-tag alone is the listener's.
 */
export function sourceOf({
  all,
  address,
  fromTag,
  fromTags,
  directional,
  hasFlagString,
  flags,
}: Draft): PartySelection {
  const isTagMeant = directional || !hasFlagString || fromTags.length === 0;
  return {
    ...(all && { all }),
    ...(flags.label && { label: flags.label }),
    ...(address && { address }),
    ...(fromTag && isTagMeant && { tag: fromTag }),
  };
}

function toTagOf({ toTag, toTagCounts, hasFlagString }: Draft): string | undefined {
  return !hasFlagString || toTagCounts ? toTag : undefined;
}

function badRequest(message: string): CommandFailure {
  return failure('badRequest', message);
}
