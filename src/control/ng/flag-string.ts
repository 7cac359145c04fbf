import type { Value } from './value.js';

/** One token of a flag string: `word` or `key=value`. */
export type Token = { readonly key: string; readonly value?: Value };

/**
 * Splits a flag string: tokens between blanks, `key` or `key=value`; a value may be `[a b c]` (a list) or
 * `[k=v k2=[…]]` (a dictionary). There is no quoting; a bracket that is never closed ends with the string.
 */
export function parseFlagString(flags: string): readonly Token[] {
  return readTokens({ flags, at: 0 }, MAX_NESTING);
}

type Cursor = { readonly flags: string; at: number };

function readTokens(cursor: Cursor, depth: number): readonly Token[] {
  const tokens: Token[] = [];
  for (;;) {
    skipBlanks(cursor);
    const next = cursor.flags[cursor.at];
    if (next === undefined) return tokens;
    if (next === ']') {
      cursor.at += 1;
      // At the outermost level nothing is open: the bracket is noise.
      if (depth < MAX_NESTING) return tokens;
    } else {
      tokens.push(readToken(cursor, depth));
    }
  }
}

function readToken(cursor: Cursor, depth: number): Token {
  const key = readUntil(cursor, KEY_END);
  if (cursor.flags[cursor.at] === '[') return { key, value: readBrackets(cursor, depth) };
  if (cursor.flags[cursor.at] !== '=') return { key };
  cursor.at += 1;
  if (cursor.flags[cursor.at] === '[') return { key, value: readBrackets(cursor, depth) };
  return { key, value: readUntil(cursor, VALUE_END) };
}

function readBrackets(cursor: Cursor, depth: number): Value {
  cursor.at += 1;
  if (depth === 1) {
    cursor.at = cursor.flags.length;
    return [];
  }
  const tokens = readTokens(cursor, depth - 1);
  if (!tokens.some(({ key, value }) => value !== undefined && key !== '')) {
    return tokens.map(({ key, value }) => value ?? key);
  }
  const dictionary = new Map<string, Value>();
  for (const { key, value } of tokens) if (!dictionary.has(key)) dictionary.set(key, value ?? '');
  return dictionary;
}

function skipBlanks(cursor: Cursor): void {
  while (BLANK.has(cursor.flags[cursor.at] ?? '')) cursor.at += 1;
}

function readUntil(cursor: Cursor, end: ReadonlySet<string>): string {
  const start = cursor.at;
  while (cursor.at < cursor.flags.length && !end.has(cursor.flags[cursor.at] ?? '')) cursor.at += 1;
  return cursor.flags.slice(start, cursor.at);
}

const BLANK: ReadonlySet<string> = new Set([' ', '\t', '\r', '\n']);
const KEY_END: ReadonlySet<string> = new Set([...BLANK, '=', '[', ']']);
const VALUE_END: ReadonlySet<string> = new Set([...BLANK, ']']);
const MAX_NESTING = 16;
