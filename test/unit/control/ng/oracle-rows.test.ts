import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { FLAGS } from '../../../../src/control/ng/flag-words.js';
import { KEYS } from '../../../../src/control/ng/keys.js';
import { ROWS } from '../../../oracle/product/rows.js';

const CASES = new URL('../../../cases/offer-answer/', import.meta.url);
const WORDS = new Set(ROWS.map(({ word }) => word.split(': ')[0]));

describe('every entry of the flag table is held against rtpengine, or says why not', () => {
  it.each([...spellings(FLAGS)])('flag %s', (...names) => {
    expect(names.some((name) => WORDS.has(name))).toBe(true);
  });

  it.each([...spellings(KEYS)])('key %s', (...names) => {
    expect(names.some((name) => WORDS.has(name))).toBe(true);
  });

  it('names cases that exist for what 10.5 does not know', () => {
    const missing = ROWS.flatMap(({ check }) =>
      check.kind === 'newer' && !existsSync(new URL(`${check.shownBy}.case`, CASES)) ? [check.shownBy] : [],
    );
    expect(missing).toEqual([]);
  });
});

/** The spellings of each entry of a table, together. */
function spellings(table: ReadonlyMap<string, unknown>): readonly (readonly string[])[] {
  const entries = new Map<unknown, string[]>();
  for (const [spelling, entry] of table) entries.set(entry, [...(entries.get(entry) ?? []), spelling]);
  return [...entries.values()];
}
