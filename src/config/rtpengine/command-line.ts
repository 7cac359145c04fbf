import type { Mistake } from '../value.js';
import { type OptionRule, OPTIONS, SHORT_NAMES } from './options.js';

/** One value of an option, and where it was written. */
export type Given = { readonly value: string; readonly where: string };

/** Options by long name; several values of a list in order. */
export type GivenOptions = ReadonlyMap<string, readonly Given[]>;

/** The options of a program by long name, and their letters. */
export type Vocabulary = {
  readonly rules: ReadonlyMap<string, OptionRule>;
  readonly short: ReadonlyMap<string, string>;
};

/**
 * Reads rtpengine's command line: `--name=value`, `--name value`, `-n value`, `-nvalue`, flags run together (`-fE`).
 * A value may begin with a dash (`-t -1`). The last of several values counts, unless the option is a list.
 */
export function parseCommandLine(
  words: readonly string[],
  { rules, short }: Vocabulary = { rules: OPTIONS, short: SHORT_NAMES },
): {
  options: GivenOptions;
  mistakes: readonly Mistake[];
} {
  const options = new Map<string, readonly Given[]>();
  const mistakes: Mistake[] = [];
  const refuse = (where: string, text: string): void => void mistakes.push({ where, path: '', text });
  const rest = [...words];

  const take = (name: string, written: string, attached: string | undefined): void => {
    const rule = rules.get(name);
    if (rule === undefined) {
      refuse(written, 'unknown option');
      return;
    }
    if (rule.takes === 'flag') {
      if (attached !== undefined && attached !== 'true' && attached !== 'false')
        refuse(written, 'takes no value');
      options.set(name, [{ value: attached ?? 'true', where: written }]);
      return;
    }
    const value = attached ?? rest.shift();
    if (value === undefined) {
      refuse(written, 'needs a value');
      return;
    }
    const given = { value: value.trim(), where: written };
    options.set(name, rule.takes === 'list' ? [...(options.get(name) ?? []), given] : [given]);
  };

  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    const long = /^--([^=]+)(?:=([\s\S]*))?$/.exec(word);
    if (long?.[1] !== undefined) take(long[1], `--${long[1]}`, long[2]);
    else if (/^-[^-]/.test(word)) takeShort(word.slice(1));
    else if (word !== '--') refuse(word, 'not an option');
  }
  return { options, mistakes };

  function takeShort(letters: string): void {
    for (let at = 0; at < letters.length; at += 1) {
      const letter = letters.charAt(at);
      const name = short.get(letter);
      if (name === undefined) {
        refuse(`-${letter}`, 'unknown option');
        return;
      }
      if (rules.get(name)?.takes !== 'flag') {
        const attached = letters.slice(at + 1).replace(/^=/, '');
        take(name, `-${letter}`, attached === '' ? undefined : attached);
        return;
      }
      take(name, `-${letter}`, undefined);
    }
  }
}
