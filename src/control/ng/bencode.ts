import { type Dictionary, isList, MAX_DEPTH, saturated, type Value } from './value.js';

/**
 * Reads one dictionary. As lenient as clients need: keys in any order, of duplicates the first counts, bytes
 * behind the dictionary are ignored, and the end of the input closes what is still open.
 */
export function decodeBencode(bytes: Buffer): Dictionary | undefined {
  if (bytes[0] !== DICTIONARY) return undefined;
  const cursor = { bytes, at: 1 };
  return readDictionary(cursor, MAX_DEPTH);
}

/** Writes keys in the order they were set. */
export function encodeBencode(value: Value): string {
  if (typeof value === 'string') return `${value.length}:${value}`;
  if (typeof value === 'number') return `i${Math.trunc(saturated(value)) || 0}e`;
  if (isList(value)) {
    let out = 'l';
    for (const member of value) out += encodeBencode(member);
    return `${out}e`;
  }
  let out = 'd';
  for (const [key, member] of value) out += `${key.length}:${key}${encodeBencode(member)}`;
  return `${out}e`;
}

type Cursor = { readonly bytes: Buffer; at: number };

function readDictionary(cursor: Cursor, depth: number): Dictionary | undefined {
  const dictionary = new Map<string, Value>();
  while (!closed(cursor)) {
    const key = readString(cursor);
    if (key === undefined) return undefined;
    const value = readValue(cursor, depth - 1);
    if (value === undefined) return undefined;
    if (!dictionary.has(key)) dictionary.set(key, value);
  }
  return dictionary;
}

function readList(cursor: Cursor, depth: number): readonly Value[] | undefined {
  const list: Value[] = [];
  while (!closed(cursor)) {
    const member = readValue(cursor, depth - 1);
    if (member === undefined) return undefined;
    list.push(member);
  }
  return list;
}

function readValue(cursor: Cursor, depth: number): Value | undefined {
  if (depth === 0) return undefined;
  switch (cursor.bytes[cursor.at]) {
    case DICTIONARY:
      cursor.at += 1;
      return readDictionary(cursor, depth);
    case LIST:
      cursor.at += 1;
      return readList(cursor, depth);
    case INTEGER:
      cursor.at += 1;
      return readInteger(cursor);
    default:
      return readString(cursor);
  }
}

/** True, and past it, at the end of a dictionary or list. */
function closed(cursor: Cursor): boolean {
  if (cursor.at >= cursor.bytes.length) return true;
  if (cursor.bytes[cursor.at] !== END) return false;
  cursor.at += 1;
  return true;
}

function readString(cursor: Cursor): string | undefined {
  const length = readDigits(cursor);
  if (length === undefined || cursor.bytes[cursor.at] !== COLON) return undefined;
  const start = cursor.at + 1;
  const end = start + length;
  if (end > cursor.bytes.length) return undefined;
  cursor.at = end;
  // A copy of its own: a slice of one long string would keep the whole datagram in memory.
  return cursor.bytes.toString('latin1', start, end);
}

function readInteger(cursor: Cursor): number | undefined {
  const sign = cursor.bytes[cursor.at];
  if (sign === MINUS || sign === PLUS) cursor.at += 1;
  const magnitude = readDigits(cursor);
  if (magnitude === undefined || cursor.bytes[cursor.at] !== END) return undefined;
  if (magnitude === 0 && sign === MINUS) return undefined;
  cursor.at += 1;
  return saturated(sign === MINUS ? -magnitude : magnitude);
}

/** Decimal digits without a leading zero. */
function readDigits(cursor: Cursor): number | undefined {
  const start = cursor.at;
  let number = 0;
  for (let digit = digitAt(cursor); digit >= 0; digit = digitAt(cursor)) {
    if (number === 0 && cursor.at > start) return undefined;
    number = number * 10 + digit;
    cursor.at += 1;
  }
  return cursor.at === start ? undefined : number;
}

function digitAt(cursor: Cursor): number {
  const byte = cursor.bytes[cursor.at];
  return byte !== undefined && byte >= ZERO && byte <= NINE ? byte - ZERO : -1;
}

const DICTIONARY = 0x64;
const LIST = 0x6c;
const INTEGER = 0x69;
const END = 0x65;
const COLON = 0x3a;
const MINUS = 0x2d;
const PLUS = 0x2b;
const ZERO = 0x30;
const NINE = 0x39;
