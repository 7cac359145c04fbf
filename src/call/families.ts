import type { AddressFamily } from '../command/flags.js';
import type { Call } from './call.js';
import { partiesOf } from './subscriptions.js';

/** Where the parties' media is; undefined until two parties have said it. */
export function mediaFamilies(call: Call): AddressFamily | 'mixed' | undefined {
  const [first, ...others] = partiesOf(call).flatMap(({ family }) => family ?? []);
  if (first === undefined || others.length === 0) return undefined;
  return others.every((family) => family === first) ? first : 'mixed';
}

export type FamilyCounts = Readonly<Record<AddressFamily | 'mixed', number>>;

export function countFamilies(calls: Iterable<Call>): FamilyCounts {
  const counts = { IP4: 0, IP6: 0, mixed: 0 };
  for (const call of calls) {
    const families = mediaFamilies(call);
    if (families !== undefined) counts[families] += 1;
  }
  return counts;
}
