import type { Call, StreamPair } from '../call/call.js';
import { type FoundPair, matchingPairs, pairsOf, withoutPairs } from '../call/pairs.js';
import type { PairDeleteCommand } from '../command/pair.js';
import { changedCall } from './pairs.js';
import type { Facts } from './facts.js';

export type PairDeletion =
  | { readonly kind: 'notFound' }
  /** No pair is left. */
  | { readonly kind: 'call'; readonly gone: readonly StreamPair[] }
  | { readonly kind: 'changed'; readonly call: Call; readonly gone: readonly StreamPair[] };

/** Lets go of the pairs that are named; those nobody holds any more end. */
export function deletePairs(
  call: Call,
  command: Pick<PairDeleteCommand, 'fromTag' | 'toTag' | 'weak'>,
  facts: Facts,
): PairDeletion {
  const found = matchingPairs(call, command);
  if (found.length === 0) return { kind: 'notFound' };
  const released = new Map(found.map((one) => [one.pair.tag, withoutReference(one, command.weak)]));
  const gone = [...released.values()].filter((pair) => !isHeld(pair));
  const pairs = pairsOf(call).map((pair) => released.get(pair.tag) ?? pair);
  const left = withoutPairs({ ...call, pairs }, gone);
  if (left.pairs?.length === 0) return { kind: 'call', gone };
  return { kind: 'changed', call: changedCall(left, facts), gone };
}

function withoutReference({ pair, side }: FoundPair, weak: boolean): StreamPair {
  if (!weak) return { ...pair, strong: false };
  return side === 'creator' ? { ...pair, weakCreator: false } : { ...pair, weakOther: false };
}

function isHeld({ strong, weakCreator, weakOther }: StreamPair): boolean {
  return strong || weakCreator || weakOther;
}
