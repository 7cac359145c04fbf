import { Cutter, GAP } from './cutter.js';
import { cutProtected, isProtected } from './protected-lines.js';
import type { ValueKind } from './values.js';

/** What differs from call to call in a body, and the rest. */
export type BodyShape = {
  /** The body with gaps where values were. */
  readonly shape: string;
  /** What has to be known of the values beside their kinds. Bodies with one shape and these differ in nothing else. */
  readonly notes: string;
  readonly kinds: readonly ValueKind[];
  readonly values: readonly string[];
  /** It has ICE: the control plane alone knows how to take such a body apart. */
  readonly isProtected: boolean;
};

/**
 * Takes a body apart: the words of `o=`, addresses, and ports; with ICE also what goes with that. Only what is spelled
 * in the plainest way, so that a value put into its gap can be read in one way only; everything else belongs to the
 * shape.
 */
export function bodyShape(body: string): BodyShape | undefined {
  const hasIce = isProtected(body);
  const limits = hasIce ? PROTECTED : PLAIN;
  if (body.length > limits.body || body.includes(GAP)) return undefined;
  // Port 9 says something else beside candidates, even where ICE is not complete.
  if (!hasIce && body.includes('\na=candidate:')) return undefined;
  const cutter = new Cutter(body, limits.values);
  const cutLine = hasIce ? cutProtected : cutPlain;
  for (let start = 0; start < body.length; ) {
    const newline = body.indexOf('\n', start);
    if (newline < 0) return undefined;
    const end = body.charCodeAt(newline - 1) === CARRIAGE_RETURN ? newline - 1 : newline;
    if (!cutLine(cutter, start, end)) return undefined;
    start = newline + 1;
  }
  const shape = cutter.finish();
  if (shape.length > limits.shape) return undefined;
  return { shape, notes: cutter.notes, kinds: cutter.kinds, values: cutter.values, isProtected: hasIce };
}

/** Whether the line could be taken apart, or need not be. */
function cutPlain(cutter: Cutter, start: number, end: number): boolean {
  const { body } = cutter;
  switch (body.charCodeAt(start)) {
    case LETTER_O:
      return cutter.cutOrigin(start + 2, end);
    case LETTER_C:
      return body.startsWith('c=IN IP4 ', start) ? cutter.cut('address', start + 9, end) : true;
    case LETTER_M:
      return cutter.cutPort(start, end);
    case LETTER_A:
      return body.startsWith('rtcp:', start + 2) ? cutter.cutRtcp(start + 7, end) : true;
    default:
      return true;
  }
}

/** The body of a shape with other values. */
export function bodyOf(shape: string, values: readonly string[]): string {
  const texts = shape.split(GAP);
  return texts.map((text, index) => text + (index < texts.length - 1 ? (values[index] ?? '') : '')).join('');
}

const CARRIAGE_RETURN = 0x0d;
const LETTER_A = 0x61;
const LETTER_C = 0x63;
const LETTER_M = 0x6d;
const LETTER_O = 0x6f;

/** What is much longer than a shape does not become one by its values. */
const PLAIN = { body: 5_120, shape: 4_096, values: 32 };
const PROTECTED = { body: 20_480, shape: 12_288, values: 220 };
