import { isPlainWord, listOf } from '../json-text.js';

/**
 * The pieces a memo is written from: JSON in which quotation marks and tildes have changed places. A record is `{`, its
 * first field without a comma, the others as the functions ending in `At` write them, `}`. What is absent is not written.
 */
export function textAt(key: string, text: string | undefined): string {
  return text === undefined ? '' : `,~${key}~:${quoted(text)}`;
}

export function numberAt(key: string, number: number | undefined): string {
  return number === undefined ? '' : `,~${key}~:${number}`;
}

/** What is false is not written. */
export function flagAt(key: string, flag: boolean | undefined): string {
  return flag === true ? `,~${key}~:1` : '';
}

/** A record or list that is written already. */
export function partAt(key: string, part: string | undefined): string {
  return part === undefined ? '' : `,~${key}~:${part}`;
}

/** What is empty is not written. */
export function textsAt(key: string, texts: readonly string[] | undefined): string {
  return texts === undefined || texts.length === 0 ? '' : `,~${key}~:${listOf(texts, quoted)}`;
}

export function quoted(text: string): string {
  if (isPlainWord(text) || !UNUSUAL.test(text)) return `~${text}~`;
  const json = JSON.stringify(text);
  return SWAPPED.test(text) ? withSwappedQuotes(json) : `~${json.slice(1, -1)}~`;
}

export function quotedOrNull(text: string | undefined): string {
  return text === undefined ? 'null' : quoted(text);
}

export function withSwappedQuotes(text: string): string {
  return text.replace(/["~]/g, (character) => (character === '"' ? '~' : '"'));
}

const SWAPPED = /["~]/;
/** What JSON or the exchange writes in another way. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const UNUSUAL = /["\\~\x00-\x1f\ud800-\udfff]/;
