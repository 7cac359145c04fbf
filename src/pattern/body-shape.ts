import { isPlainValue, type ValueKind } from './values.js';

/** What differs from call to call in a body, and the rest. */
export type BodyShape = {
  /** The body with gaps where values were. Bodies of one shape differ in nothing else. */
  readonly shape: string;
  readonly kinds: readonly ValueKind[];
  readonly values: readonly string[];
};

/**
 * Takes a body apart: the words of `o=`, addresses, and ports. Only what is spelled in the plainest way, so that a
 * value put into its gap can be read in one way only; everything else belongs to the shape.
 */
export function bodyShape(body: string): BodyShape | undefined {
  if (body.length > MAX_BODY || body.includes(GAP)) return undefined;
  const cutter = new Cutter(body);
  for (let start = 0; start < body.length; ) {
    const newline = body.indexOf('\n', start);
    if (newline < 0) return undefined;
    const end = body.charCodeAt(newline - 1) === CARRIAGE_RETURN ? newline - 1 : newline;
    if (!cutLine(cutter, start, end)) return undefined;
    start = newline + 1;
  }
  return cutter.finish();
}

/** Whether the line could be taken apart, or need not be. */
function cutLine(cutter: Cutter, start: number, end: number): boolean {
  const { body } = cutter;
  switch (body.charCodeAt(start)) {
    case LETTER_O:
      return cutOrigin(cutter, start + 2, end);
    case LETTER_C:
      return body.startsWith('c=IN IP4 ', start) ? cutter.cut('address', start + 9, end) : true;
    case LETTER_M: {
      const from = body.indexOf(' ', start) + 1;
      const to = body.indexOf(' ', from);
      return from > start && to > from && to < end && cutter.cut('port', from, to);
    }
    case LETTER_A:
      return body.startsWith('rtcp:', start + 2) ? cutRtcp(cutter, start + 7, end) : true;
    default:
      return true;
  }
}

/** `username session version IN IP4 address` */
function cutOrigin(cutter: Cutter, start: number, end: number): boolean {
  const { body } = cutter;
  const session = body.indexOf(' ', start) + 1;
  const version = body.indexOf(' ', session) + 1;
  const network = body.indexOf(' ', version) + 1;
  if (session <= start || version <= session || network <= version) return false;
  if (!body.startsWith('IN IP4 ', network)) return false;
  return (
    cutter.cut('word', start, session - 1) &&
    cutter.cut('digits', session, version - 1) &&
    cutter.cut('digits', version, network - 1) &&
    cutter.cut('address', network + 7, end)
  );
}

/** `port`, or `port IN IP4 address`. */
function cutRtcp(cutter: Cutter, start: number, end: number): boolean {
  const space = cutter.body.indexOf(' ', start);
  if (space < 0 || space > end) return cutter.cut('port', start, end);
  if (!cutter.body.startsWith(' IN IP4 ', space)) return false;
  return cutter.cut('port', start, space) && cutter.cut('address', space + 8, end);
}

class Cutter {
  readonly body: string;
  readonly #kinds: ValueKind[] = [];
  readonly #values: string[] = [];
  #shape = '';
  #at = 0;

  constructor(body: string) {
    this.body = body;
  }

  cut(kind: ValueKind, start: number, end: number): boolean {
    const value = this.body.slice(start, end);
    if (this.#values.length >= MAX_VALUES || !isPlainValue(kind, value)) return false;
    this.#shape += this.body.slice(this.#at, start) + GAP;
    this.#kinds.push(kind);
    this.#values.push(value);
    this.#at = end;
    return true;
  }

  finish(): BodyShape | undefined {
    const shape = this.#shape + this.body.slice(this.#at);
    return shape.length <= MAX_SHAPE ? { shape, kinds: this.#kinds, values: this.#values } : undefined;
  }
}

/** The body of a shape with other values. */
export function bodyOf(shape: string, values: readonly string[]): string {
  const texts = shape.split(GAP);
  return texts.map((text, index) => text + (index < texts.length - 1 ? (values[index] ?? '') : '')).join('');
}

/** Marks a gap. A body with this character has no shape. */
export const GAP = '\0';
const CARRIAGE_RETURN = 0x0d;
const LETTER_A = 0x61;
const LETTER_C = 0x63;
const LETTER_M = 0x6d;
const LETTER_O = 0x6f;

const MAX_VALUES = 32;
const MAX_SHAPE = 4_096;
/** What is much longer than a shape does not become one by its values. */
const MAX_BODY = MAX_SHAPE + 1_024;
