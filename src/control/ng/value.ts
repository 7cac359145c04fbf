/**
 * The data model that bencode and JSON share. Text is bytes: a string with one character per byte (latin1).
 */
export type Value = string | number | readonly Value[] | ReadonlyMap<string, Value>;

export type Dictionary = ReadonlyMap<string, Value>;

export function isDictionary(value: Value | undefined): value is Dictionary {
  return value instanceof Map;
}

export function isList(value: Value | undefined): value is readonly Value[] {
  return Array.isArray(value);
}

/** Text, or a number in its decimal spelling. */
export function text(value: Value | undefined): string | undefined {
  if (typeof value === 'string') return value;
  return typeof value === 'number' ? String(value) : undefined;
}

/** An integer, or a decimal string: SIP proxies send numbers from their scripts as text. */
export function integer(value: Value | undefined): number | undefined {
  if (typeof value === 'number') return Number.isInteger(value) ? value : undefined;
  if (typeof value !== 'string' || !DECIMAL.test(value)) return undefined;
  return saturated(Number(value));
}

/** A list, or one string that is split at commas. Members that are no text are left out. */
export function words(value: Value | undefined): readonly string[] {
  if (isList(value)) return value.map(text).filter((member) => member !== undefined);
  const single = text(value);
  if (single === undefined) return [];
  return single
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '');
}

/** The nearest number that is still exact. */
export function saturated(number: number): number {
  return Math.max(-Number.MAX_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, number));
}

/** Deeper dictionaries and lists are refused; what clients send is at most six deep. */
export const MAX_DEPTH = 64;

const DECIMAL = /^\s*[+-]?\d{1,20}\s*$/;
