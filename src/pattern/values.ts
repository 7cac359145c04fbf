import { isIp4, isUnspecified } from '../sdp/address.js';

/** How a value is spelled, and so what it can be mistaken for. */
export type ValueKind =
  /** Text from SIP that is only passed on or compared. */
  | 'word'
  | 'digits'
  | 'address'
  /** A port; the one after it follows as the next value. */
  | 'port'
  | 'next port';

/** The values of one call, or of a message about it. Only those spelled in the one way that is the value itself. */
export class Values {
  readonly kinds: ValueKind[];
  readonly texts: string[];

  constructor(kinds: readonly ValueKind[] = [], texts: readonly string[] = []) {
    this.kinds = kinds.slice();
    this.texts = texts.slice();
  }

  /** False if the value is not spelled plainly. */
  add(kind: Exclude<ValueKind, 'next port'>, text: string): boolean {
    if (!isPlainValue(kind, text)) return false;
    this.put(kind, text);
    return true;
  }

  put(kind: ValueKind, text: string): void {
    this.kinds.push(kind);
    this.texts.push(text);
    if (kind !== 'port') return;
    this.kinds.push('next port');
    this.texts.push(String(Number(text) + 1));
  }
}

export function isPlainValue(kind: ValueKind, value: string): boolean {
  switch (kind) {
    case 'word':
      return isWord(value);
    case 'digits':
      return value.length <= 40 && isDecimal(value);
    case 'port':
    case 'next port':
      return value.length <= 5 && isDecimal(value) && value !== '0' && Number(value) < 65_535;
    case 'address':
      return isIp4(value) && !isUnspecified(value);
  }
}

/**
 * Which values equal which before them: for each from `start` on, the place of its first equal. Numbers without a
 * meaning to us are not compared by anybody.
 */
export function likenesses(kinds: readonly ValueKind[], texts: readonly string[], start: number): string {
  let found = '';
  for (let at = start; at < texts.length; at += 1) {
    if (kinds[at] !== 'digits' && kinds[at] !== 'next port') found += `${firstLike(kinds, texts, at)} `;
  }
  return found;
}

/** The place of the first value that it equals; its own if there is none. */
export function firstLike(kinds: readonly ValueKind[], texts: readonly string[], at: number): number {
  for (let before = 0; before < at; before += 1) {
    if (texts[before] === texts[at] && isComparable(kinds[before], kinds[at])) return before;
  }
  return at;
}

function isComparable(one: ValueKind | undefined, other: ValueKind | undefined): boolean {
  if (one === 'digits') return false;
  return one === other || (one === 'next port' && other === 'port');
}

/**
 * Unusual values with the same kinds and the same likenesses, going on from those that are `known`. Two sets have no
 * value in common.
 */
export function standInsFor(
  kinds: readonly ValueKind[],
  texts: readonly string[],
  set: 0 | 1,
  known: readonly string[] = [],
): readonly string[] {
  const standIns = known.slice();
  for (let at = known.length; at < kinds.length; at += 1) {
    const kind = kinds[at] ?? 'digits';
    const like = kind === 'digits' || kind === 'next port' ? at : firstLike(kinds, texts, at);
    standIns.push(like < at ? (standIns[like] ?? '') : standIn(kind, at, set, standIns));
  }
  return standIns;
}

/** A port of ours that stands for the next one. */
export function localPortStandIn(at: number, set: 0 | 1): number {
  return (set === 0 ? 44_003 : 55_001) + 20 * at;
}

function standIn(kind: ValueKind, at: number, set: 0 | 1, before: readonly string[]): string {
  const place = 10 + at;
  switch (kind) {
    case 'word':
      return `${set === 0 ? 'Qzw' : 'Vxj'}${place}kQx`;
    case 'digits':
      return `16${place}${set === 0 ? '4707470747' : '5939593959'}`;
    case 'address':
      return set === 0 ? `198.18.${place}.71` : `198.19.${place}.83`;
    case 'port':
      return String((set === 0 ? 21_001 : 33_005) + 20 * at);
    case 'next port':
      return String(Number(before.at(-1)) + 1);
  }
}

/** More would need longer stand-ins. */
export const MAX_VALUES = 90;

function isDecimal(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code < 0x30 || code > 0x39) return false;
  }
  return text.length === 1 || (text.length > 1 && text.charCodeAt(0) !== 0x30);
}

/** Printable ASCII that JSON and memos write as it is. */
function isWord(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code <= 0x20 || code >= 0x7e || code === 0x22 || code === 0x5c) return false;
  }
  return text.length > 0;
}
