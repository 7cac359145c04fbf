import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { FLAGS } from '../../../../src/control/ng/flag-words.js';
import { KEYS } from '../../../../src/control/ng/keys.js';
import { ROWS, type Row } from '../../../oracle/product/rows.js';
import { WORDS } from './list-words.js';

const CASES = new URL('../../../cases/offer-answer/', import.meta.url);
const NAMED = new Set(ROWS.map(({ word }) => word.split(': ')[0]));

describe('every entry of the flag table is held against rtpengine, or says why not', () => {
  it.each([...spellings(FLAGS)])('flag %s', (...names) => {
    expect(names.some((name) => NAMED.has(name))).toBe(true);
  });

  it.each([...spellings(KEYS)])('key %s', (...names) => {
    expect(names.some((name) => NAMED.has(name))).toBe(true);
  });

  it.each(WITHOUT_EFFECT)('%s, which has no effect here', (...names) => {
    expect(names.some((name) => NAMED.has(name))).toBe(true);
  });

  it.each(Object.entries(WORDS).flatMap(([key, words]) => words.map((word) => ({ key, word }))))(
    'word $word of $key',
    ({ key, word }) => {
      const names = word.split('|').map((spelling) => `${key}: ${spelling}`);
      const row = ROWS.find((each) => names.some((name) => isAbout(each, name)));
      expect(row).toBeDefined();
    },
  );

  it.each(ROWS.flatMap(({ word, check }) => (check.kind === 'newer' ? [{ word, ...check }] : [])))(
    '$word, which 10.5 does not know, is shown by $shownBy',
    ({ word, shownBy }) => {
      const file = new URL(`${shownBy}.case`, CASES);
      expect(existsSync(file)).toBe(true);
      const steps = readFileSync(file, 'utf8')
        .split('\n')
        .filter((line) => /^(?:offer|answer)\b/.test(line))
        .join('\n');
      for (const part of word.split(': ')) expect(steps.toLowerCase()).toContain(part.toLowerCase());
    },
  );
});

/** Flags and keys of the protocol that are known, so that no warning calls them unknown. */
const WITHOUT_EFFECT: readonly string[][] = [
  ...['symmetric', 'asymmetric-codecs', 'symmetric-codecs', 'reorder-codecs'].map((word) => [word]),
  ...['inject-DTMF', 'detect-DTMF', 'no-jitter-buffer', 'force-transcoding', 'early-media'].map((word) => [
    word,
  ]),
  ['audio-player', 'player'],
  ['no-audio-player'],
  ['block-egress'],
  ['block-short', 'block-short-packets'],
  ...['skip-recording-db', 'recording-vsc', 'recording-announcement'].map((word) => [word]),
  ...['delay-buffer', 'moh', 'T.38 version', 'recording-media-slots', 'vsc-start-rec', 'peer'].map((word) => [
    word,
  ]),
];

/** A word with suites or a codec behind it may have others in its row, or none. */
function isAbout({ word }: Row, name: string): boolean {
  const beginning = name.startsWith('codec: ') ? name : OPEN.exec(name)?.[0];
  return word === name || (beginning !== undefined && word.startsWith(beginning));
}

const OPEN = /^SDES: (?:no-|only-|order:|offerer_pref:)/;

/** The spellings of each entry of a table, together. */
function spellings(table: ReadonlyMap<string, unknown>): readonly (readonly string[])[] {
  const entries = new Map<unknown, string[]>();
  for (const [spelling, entry] of table) entries.set(entry, [...(entries.get(entry) ?? []), spelling]);
  return [...entries.values()];
}
