import { deleteParty } from '../call/lifecycle.js';
import type { DeleteCommand } from '../command/command.js';
import type { Pattern } from './pattern.js';
import type { Repeat } from './repeat.js';

/** Whether a deletion ends the whole call at once: what `deleteParty` says, without writing the call out. */
export class Deletions {
  #known = new WeakMap<Pattern, Map<string, boolean>>();

  endCall({ pattern, values }: Repeat, command: DeleteCommand): boolean {
    const places = [command.fromTag, command.toTag, command.viaBranch].map((tag) =>
      placeOf(tag, pattern, values),
    );
    const key = `${command.delaySeconds} ${places.join(' ')}`;
    const known = this.#of(pattern);
    const before = known.get(key);
    if (before !== undefined) return before;
    const ends = endsSample(pattern, command, places);
    if (known.size < MOST_KNOWN) known.set(key, ends);
    return ends;
  }

  #of(pattern: Pattern): Map<string, boolean> {
    const known = this.#known.get(pattern) ?? new Map<string, boolean>();
    if (known.size === 0) this.#known.set(pattern, known);
    return known;
  }
}

/** Which of the call's words the tag is; `unknown`: none of them. */
type Place = number | 'absent' | 'unknown';

function placeOf(tag: string | undefined, { kinds }: Pattern, values: readonly string[]): Place {
  if (tag === undefined) return 'absent';
  const place = values.findIndex((value, index) => value === tag && kinds[index] === 'word');
  return place < 0 ? 'unknown' : place;
}

/** Asks of the stand-in what is to be known of every call like it. */
function endsSample(
  { samples: [sample] }: Pattern,
  { fromTag: _, toTag: __, viaBranch: ___, ...rest }: DeleteCommand,
  places: readonly Place[],
): boolean {
  const [fromTag, toTag, viaBranch] = places.map((place) => {
    if (place === 'absent') return undefined;
    return place === 'unknown' ? NOBODY : sample.texts[place];
  });
  // Pairs are counted when a call goes.
  if (sample.call.pairs !== undefined) return false;
  const command = {
    ...rest,
    ...(fromTag !== undefined && { fromTag }),
    ...(toTag !== undefined && { toTag }),
    ...(viaBranch !== undefined && { viaBranch }),
  };
  return deleteParty(sample.call, command, 0).kind === 'call';
}

/** No value is spelled like this. */
const NOBODY = 'nobody at all';
const MOST_KNOWN = 64;
