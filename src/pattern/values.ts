import { isIp4, isUnspecified } from '../sdp/address.js';
import { bareCandidate, type Candidate, parseCandidate } from '../sdp/candidate.js';

/** How a value is spelled, and so what it can be mistaken for. */
export type ValueKind =
  /** Text from SIP that is only passed on or compared. */
  | 'word'
  | 'digits'
  | 'address'
  /** A port; the one after it follows as the next value. */
  | 'port'
  | 'next port'
  | ProtectedKind;

/** What only bodies with ICE and DTLS have. */
export type ProtectedKind =
  /** User name of ICE, or a `tls-id`. */
  | 'credential'
  /** Password of ICE. */
  | 'password'
  | 'fingerprint'
  /** A candidate without what follows its type. */
  | 'candidate'
  /** An SSRC. */
  | 'source'
  /** Text that nobody looks at. */
  | 'opaque';

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
      return isWord(value, SPACE + 1);
    case 'digits':
      return value.length <= 40 && isDecimal(value);
    case 'port':
    case 'next port':
      return value.length <= 5 && isDecimal(value) && value !== '0' && Number(value) < 65_535;
    case 'address':
      return isIp4(value) && !isUnspecified(value);
    case 'credential':
      return value.length <= 255 && CREDENTIAL.test(value);
    case 'password':
      return value.length >= MIN_PASSWORD && isPlainValue('credential', value);
    case 'fingerprint':
      return value.length === SHA_256_LENGTH && FINGERPRINT.test(value);
    case 'source':
      return value.length <= 10 && isDecimal(value) && value !== '0' && Number(value) <= 0xffff_ffff;
    case 'candidate':
    case 'opaque':
      return value.length <= MAX_OPAQUE && isWord(value, SPACE);
  }
}

/**
 * Which values equal which before them: for each from `start` on, the place of its first equal. Numbers without a
 * meaning to us are not compared by anybody.
 */
export function likenesses(kinds: readonly ValueKind[], texts: readonly string[], start: number): string {
  const unique = new Map<string, number>();
  for (let at = 0; at < start; at += 1) {
    const text = texts[at] ?? '';
    if (isUnique(kinds[at]) && !unique.has(text)) unique.set(text, at);
  }
  let found = '';
  for (let at = start; at < texts.length; at += 1) {
    if (!isCompared(kinds[at])) continue;
    if (!isUnique(kinds[at])) {
      found += `${firstLike(kinds, texts, at)} `;
      continue;
    }
    const text = texts[at] ?? '';
    const like = unique.get(text);
    if (like === undefined) unique.set(text, at);
    else found += `${at}=${like} `;
  }
  return found;
}

/** The place of the first value that it equals; its own if there is none. */
export function firstLike(kinds: readonly ValueKind[], texts: readonly string[], at: number): number {
  if (!isCompared(kinds[at])) return at;
  for (let before = 0; before < at; before += 1) {
    if (texts[before] === texts[at] && isComparable(kinds[before], kinds[at])) return before;
  }
  return at;
}

function isComparable(one: ValueKind | undefined, other: ValueKind | undefined): boolean {
  if (isUnique(one)) return isUnique(other);
  return (one === other && isCompared(one)) || (one === 'next port' && other === 'port');
}

function isCompared(kind: ValueKind | undefined): boolean {
  return kind !== 'digits' && kind !== 'next port' && kind !== 'opaque';
}

/** Of these two mostly differ, whatever their kinds. */
function isUnique(kind: ValueKind | undefined): boolean {
  switch (kind) {
    case 'credential':
    case 'password':
    case 'fingerprint':
    case 'candidate':
    case 'source':
      return true;
    default:
      return false;
  }
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
    const like = firstLike(kinds, texts, at);
    if (like < at) standIns.push(standIns[like] ?? '');
    else if (kind === 'next port') standIns.push(String(Number(standIns.at(-1)) + 1));
    else if (kind === 'candidate') standIns.push(candidateStandIn(texts[at] ?? '', at, set));
    else standIns.push(standIn(kind, at, set));
  }
  return standIns;
}

/** A port of ours that stands for the next one. */
export function localPortStandIn(at: number, set: 0 | 1): number {
  return (set === 0 ? 44_003 : 55_001) + 20 * at;
}

/** The digits of the place have the same length in all, so that none is part of another. */
export function standIn(kind: Exclude<ValueKind, 'next port' | 'candidate'>, at: number, set: 0 | 1): string {
  const place = FIRST_PLACE + at;
  switch (kind) {
    case 'word':
    case 'opaque':
      return `${set === 0 ? 'Qzw' : 'Vxj'}${place}kQx`;
    case 'credential':
    case 'password':
      return `${set === 0 ? 'Qzw' : 'Vxj'}${place}kQxUnlikelyCredential`;
    case 'digits':
      return `16${place}${set === 0 ? '47077747' : '59393959'}`;
    case 'source':
      return `${set === 0 ? '23' : '27'}${place}${set === 0 ? '47073' : '59395'}`;
    case 'fingerprint':
      return `0${String(place).split('').join(':0')}:${set === 0 ? 'A7' : 'B9'}${':C3'.repeat(28)}`;
    case 'address': {
      const [third, fourth] = [FIRST_PLACE + (at % 156), Math.floor(at / 156)];
      return set === 0 ? `198.18.${third}.${71 + fourth}` : `198.19.${third}.${83 + fourth}`;
    }
    case 'port':
      return String((set === 0 ? 21_001 : 33_005) + 20 * at);
  }
}

/** A candidate is read field by field: the stand-in has other ones, of the same kind. */
function candidateStandIn(text: string, at: number, set: 0 | 1): string {
  const candidate = parseCandidate(text);
  if (candidate === undefined) throw new Error('a candidate that cannot be read');
  const priority = `${set === 0 ? 13 : 17}${FIRST_PLACE + at}${set === 0 ? '47071' : '59391'}`;
  return bareCandidate({
    ...candidate,
    foundation: standIn('word', at, set),
    priority: Number(priority),
    address: addressStandIn(candidate, at, set),
    port: Number(standIn('port', at, set)),
  });
}

function addressStandIn({ named, address }: Candidate, at: number, set: 0 | 1): string {
  if (named) return `${standIn('word', at, set)}.local`;
  return address.includes(':')
    ? `2001:db8:${FIRST_PLACE + at}::${set === 0 ? 'a7' : 'b9'}`
    : standIn('address', at, set);
}

/** More would need other stand-ins: ports go to 65,535. */
export const MAX_STAND_INS = 500;
const FIRST_PLACE = 100;

function isDecimal(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code < 0x30 || code > 0x39) return false;
  }
  return text.length === 1 || (text.length > 1 && text.charCodeAt(0) !== 0x30);
}

/** Printable ASCII that JSON and memos write as it is. */
function isWord(text: string, lowest: number): boolean {
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code < lowest || code >= 0x7e || code === 0x22 || code === 0x5c) return false;
  }
  return text.length > 0;
}

const SPACE = 0x20;
/** RFC 8839 §5.4. */
const CREDENTIAL = /^[A-Za-z0-9+/=_-]{4,}$/;
/** RFC 8839 §5.4. */
const MIN_PASSWORD = 22;
const SHA_256_LENGTH = 32 * 3 - 1;
const FINGERPRINT = /^(?:[0-9A-F]{2}:){31}[0-9A-F]{2}$/;
const MAX_OPAQUE = 512;
