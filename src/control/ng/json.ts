import { type Dictionary, isDictionary, isList, MAX_DEPTH, saturated, type Value } from './value.js';

/**
 * Reads one JSON object (UTF-8) into the same model as bencode. `true` and `false` count as 1 and 0; `null` is
 * as if it were not there.
 */
export function decodeJson(bytes: Buffer): Dictionary | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
  const value = fromJson(parsed, MAX_DEPTH);
  return value !== TOO_DEEP && isDictionary(value) ? value : undefined;
}

/** JSON text in UTF-8, as bytes of a latin1 string. */
export function encodeJson(value: Value): string {
  return Buffer.from(jsonText(value), 'utf8').toString('latin1');
}

function fromJson(json: unknown, depth: number): Value | undefined | typeof TOO_DEEP {
  if (typeof json === 'string') return utf8Bytes(json);
  if (typeof json === 'number') return Number.isInteger(json) ? saturated(json) : json;
  if (typeof json === 'boolean') return json ? 1 : 0;
  if (json === null || typeof json !== 'object') return undefined;
  if (depth === 0) return TOO_DEEP;
  if (Array.isArray(json)) {
    const list: Value[] = [];
    for (const member of json) {
      const value = fromJson(member, depth - 1);
      if (value === TOO_DEEP) return TOO_DEEP;
      if (value !== undefined) list.push(value);
    }
    return list;
  }
  const dictionary = new Map<string, Value>();
  for (const [key, member] of Object.entries(json)) {
    const value = fromJson(member, depth - 1);
    if (value === TOO_DEEP) return TOO_DEEP;
    if (value !== undefined) dictionary.set(utf8Bytes(key), value);
  }
  return dictionary;
}

function jsonText(value: Value): string {
  if (typeof value === 'string') return JSON.stringify(characters(value));
  if (typeof value === 'number') return String(Math.trunc(saturated(value)) || 0);
  if (isList(value)) return `[${value.map(jsonText).join(',')}]`;
  const members: string[] = [];
  for (const [key, member] of value) members.push(`${JSON.stringify(characters(key))}:${jsonText(member)}`);
  return `{${members.join(',')}}`;
}

function utf8Bytes(characters: string): string {
  return ASCII.test(characters) ? characters : Buffer.from(characters, 'utf8').toString('latin1');
}

/** Bytes that are no UTF-8 are taken for latin1: a message of mixed origin stays readable. */
function characters(bytes: string): string {
  if (ASCII.test(bytes)) return bytes;
  try {
    return UTF8.decode(Buffer.from(bytes, 'latin1'));
  } catch {
    return bytes;
  }
}

const TOO_DEEP = Symbol('too deep');
// biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII is meant.
const ASCII = /^[\x00-\x7f]*$/;
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
