import type { Call, Leg, Stream, StreamPair } from './call.js';

/** Which of the two parties of a pair. */
export type PairSide = 'creator' | 'other';

export type FoundPair = { readonly pair: StreamPair; readonly side: PairSide };

/** A party of a pair with its stream. */
export type PairParty = { readonly leg: Leg; readonly stream: Stream };

export type Tags = { readonly fromTag: string; readonly toTag?: string };

/** The pair two tags name exactly, and which of its parties the from-tag stands for. */
export function findPair(call: Call, { fromTag, toTag }: Tags): FoundPair | undefined {
  for (const pair of pairsOf(call)) {
    if (pair.tag === fromTag) return { pair, side: 'creator' };
    if (toTag === undefined) continue;
    if (pair.tag === toTag) return { pair, side: 'other' };
    const media = mediaNumber(fromTag);
    if (media !== '' && pair.tag === toTag + media) return { pair, side: 'other' };
  }
  return undefined;
}

/** Every pair the tags name, a tag without media number naming all media. */
export function matchingPairs(call: Call, { fromTag, toTag }: Tags): readonly FoundPair[] {
  return pairsOf(call).flatMap((pair): FoundPair[] => {
    if (isNamed(pair.tag, fromTag)) return [{ pair, side: 'creator' }];
    if (toTag !== undefined && isNamed(pair.tag, toTag)) return [{ pair, side: 'other' }];
    return [];
  });
}

/** Pairs whose streams are still there: other clients can delete parties, too. */
export function pairsOf(call: Call): readonly StreamPair[] {
  return (call.pairs ?? []).filter(
    ({ creator, other }) => partyOf(call, creator) !== undefined && partyOf(call, other) !== undefined,
  );
}

export function partyOf(call: Call, stream: number): PairParty | undefined {
  for (const leg of call.legs) {
    const found = leg.streams.find(({ id }) => id === stream);
    if (found !== undefined) return { leg, stream: found };
  }
  return undefined;
}

export function streamOf(pair: StreamPair, side: PairSide): number {
  return side === 'creator' ? pair.creator : pair.other;
}

export function opposite(side: PairSide): PairSide {
  return side === 'creator' ? 'other' : 'creator';
}

/** Both parties have said where they are. */
export function isComplete(call: Call, pair: StreamPair): boolean {
  return [pair.creator, pair.other].every((id) => partyOf(call, id)?.stream.inForce !== undefined);
}

/** The call without these pairs, their streams, and parties that have none left. */
export function withoutPairs(call: Call, gone: readonly StreamPair[]): Call {
  const streams = new Set(gone.flatMap(({ creator, other }) => [creator, other]));
  const legs = call.legs
    .map((leg) => ({ ...leg, streams: leg.streams.filter(({ id }) => !streams.has(id)) }))
    .filter((leg) => leg.streams.length > 0);
  const left = new Set(legs.map(({ id }) => id));
  const tags = new Set(gone.map(({ tag }) => tag));
  return {
    ...call,
    legs,
    dialogues: call.dialogues.filter(({ a, b }) => left.has(a) && left.has(b)),
    pairs: pairsOf(call).filter(({ tag }) => !tags.has(tag)),
  };
}

/**
 * Whom to tell what if the call's media dies; several media of a call share a notice. Without a tag, which is how
 * Kamailio up to 5.8 asks, the notice is the Call-ID.
 */
export function noticesOf(call: Call): readonly NonNullable<StreamPair['notice']>[] {
  const notices = new Map<string, NonNullable<StreamPair['notice']>>();
  for (const { notice } of pairsOf(call)) {
    if (notice === undefined) continue;
    const tag = notice.tag === '' ? call.callId : notice.tag;
    notices.set(`${notice.target} ${tag}`, { ...notice, tag });
  }
  return [...notices.values()];
}

/** The tag as SIP knows it, without a media number. */
export function sipTag(tag: string): string {
  const media = mediaNumber(tag);
  return media === '' ? tag : tag.slice(0, -media.length);
}

/** `;2` of `tag;2`, or nothing. */
function mediaNumber(tag: string): string {
  return /;\d+$/.exec(tag)?.[0] ?? '';
}

function isNamed(stored: string, given: string): boolean {
  return stored === given || (stored.startsWith(given) && stored.charAt(given.length) === ';');
}
