import type { Line } from './model.js';

/** Value of the first `a=name:value`; empty for a property attribute (`a=name`); `undefined` if there is none. */
export function attributeValue(lines: readonly Line[], name: string): string | undefined {
  for (const line of lines) {
    if (isAttribute(line, name)) return line.value.slice(name.length + 1);
  }
  return undefined;
}

/** Values of all attributes of that name, in order. */
export function attributeValues(lines: readonly Line[], name: string): string[] {
  const values: string[] = [];
  for (const line of lines) {
    if (isAttribute(line, name)) values.push(line.value.slice(name.length + 1));
  }
  return values;
}

export function hasAttribute(lines: readonly Line[], name: string): boolean {
  return lines.some((line) => isAttribute(line, name));
}

export function isAttribute(line: Line, name: string): boolean {
  if (line.type !== 'a' || !line.value.startsWith(name)) return false;
  return line.value.length === name.length || line.value.charCodeAt(name.length) === COLON;
}

/** What stands before the colon of an `a=` line. */
export function attributeName(line: Line): string {
  const colon = line.value.indexOf(':');
  return colon < 0 ? line.value : line.value.slice(0, colon);
}

/** Writes `a=name:value`, or `a=name` if there is no value. */
export function attribute(name: string, value?: string | number): Line {
  return { type: 'a', value: value === undefined ? name : `${name}:${value}` };
}

/** The first line of a type, e.g. `o` or `c`. */
export function lineValue(lines: readonly Line[], type: string): string | undefined {
  for (const line of lines) if (line.type === type) return line.value;
  return undefined;
}

/** The words of a value: runs of spaces and tabs separate. */
export function words(value: string): string[] {
  const parts = value.includes('\t') ? value.replaceAll('\t', ' ').split(' ') : value.split(' ');
  return parts.includes('') ? parts.filter((part) => part !== '') : parts;
}

/** A non-negative decimal number of at most `max`; `undefined` for anything else. */
export function decimalUpTo(text: string | undefined, max: number): number | undefined {
  if (text === undefined || text.length === 0 || text.length > 15) return undefined;
  let number = 0;
  for (let at = 0; at < text.length; at += 1) {
    const digit = text.charCodeAt(at) - DIGIT_ZERO;
    if (digit < 0 || digit > 9) return undefined;
    number = number * 10 + digit;
  }
  return number > max ? undefined : number;
}

const COLON = 0x3a;
const DIGIT_ZERO = 0x30;
