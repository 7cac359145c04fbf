import type { AddressFamily } from '../command/flags.js';
import type { Call } from './call.js';
import { partiesOf } from './subscriptions.js';

export type MediaFamilies = AddressFamily | 'mixed';

/** Where the parties' media is; undefined until two parties have said it. */
export function mediaFamilies(call: Call): MediaFamilies | undefined {
  const [first, ...others] = partiesOf(call).flatMap(({ family }) => family ?? []);
  if (first === undefined || others.length === 0) return undefined;
  return others.every((family) => family === first) ? first : 'mixed';
}

export type FamilyCounts = Readonly<Record<MediaFamilies, number>>;

export function countFamilies(calls: Iterable<MediaFamilies | undefined>): FamilyCounts {
  const counts = { IP4: 0, IP6: 0, mixed: 0 };
  for (const families of calls) if (families !== undefined) counts[families] += 1;
  return counts;
}
