import { attributeName, attributeValue } from './attributes.js';
import { type IceAttributes, iceAttributes, NO_ICE } from './ice.js';
import type { Line } from './model.js';
import { parseFragment } from './parse.js';

/** What a fragment (RFC 8840 §9) says of one media section. */
export type FragmentSection = {
  /** Its identification tag; without one its place counts. */
  readonly mid: string | undefined;
  readonly position: number;
  readonly ice: IceAttributes;
};

/** Reads the candidates of a fragment; `undefined` if it is none. */
export function readFragment(text: string): readonly FragmentSection[] | undefined {
  const parsed = parseFragment(text);
  if (!parsed.ok) return undefined;
  const { lines, medias } = parsed.description;
  const common = iceAttributes(lines.filter(isIceLine), NO_ICE);
  const sections = medias.map((media, position) => ({
    mid: attributeValue(media.lines, 'mid'),
    position,
    ice: iceAttributes(media.lines.filter(isIceLine), { ...common, candidates: [] }),
  }));
  // Older clients write no `m=` line.
  if (medias.length > 0 && common.candidates.length === 0) return sections;
  return [{ mid: attributeValue(lines, 'mid'), position: 0, ice: common }, ...sections];
}

function isIceLine(line: Line): boolean {
  return line.type === 'a' && NAMES.has(attributeName(line));
}

const NAMES: ReadonlySet<string> = new Set([
  'ice-ufrag',
  'ice-pwd',
  'ice-options',
  'candidate',
  'end-of-candidates',
]);
