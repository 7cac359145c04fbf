import type { TextName, WrittenCommand, WrittenText } from '../../command/command.js';

/** A request taken apart without reading it: the texts that differ from call to call, and everything else. */
export type RequestText = {
  /** Every byte but the texts. Requests with the same rest differ in nothing else. */
  readonly rest: string;
  /** The texts by key. */
  readonly texts: RequestTexts;
  readonly written: WrittenCommand;
};

export type RequestTexts = Record<TextName, string | undefined>;

/** Takes a bencoded dictionary apart. `undefined`: not one in the usual spelling. */
export function splitRequest(request: string): RequestText | undefined {
  const places = placesOf(request);
  if (places === undefined) return undefined;
  const texts: RequestTexts = {
    callId: undefined,
    fromTag: undefined,
    toTag: undefined,
    viaBranch: undefined,
    sdp: undefined,
    // `IP4` and an address, as a list.
    receivedFrom: undefined,
  };
  let rest = '';
  let restFrom = 0;
  for (const { name, at, start, end } of places) {
    if (texts[name] !== undefined) return undefined;
    texts[name] = request.slice(start, end);
    rest += request.slice(restFrom, at);
    restFrom = end;
  }
  return { rest: rest + request.slice(restFrom), texts, written: { text: request, texts: places } };
}

/** Where the texts are; `undefined` if the dictionary is not in the usual spelling. */
function placesOf(request: string): WrittenText[] | undefined {
  if (request.charCodeAt(0) !== DICTIONARY) return undefined;
  const places: WrittenText[] = [];
  let next = 1;
  while (request.charCodeAt(next) !== END) {
    const keyStart = textStart(request, next);
    const keyEnd = textEnd(request, next, keyStart);
    if (keyEnd < 0) return undefined;
    const name = NAMES.get(request.slice(keyStart, keyEnd));
    if (name === undefined) {
      next = skipValue(request, keyEnd, MAX_DEPTH);
      if (next < 0) return undefined;
      continue;
    }
    const isList = name === 'receivedFrom';
    if (isList && !request.startsWith(RECEIVED_FROM, keyEnd)) return undefined;
    const at = isList ? keyEnd + RECEIVED_FROM.length : keyEnd;
    const start = textStart(request, at);
    const end = textEnd(request, at, start);
    if (end < 0) return undefined;
    places.push({ name, at, start, end });
    next = isList ? end + 1 : end;
    if (isList && request.charCodeAt(end) !== END) return undefined;
  }
  return next + 1 === request.length ? places : undefined;
}

/** Where the text of `length:text` begins; -1 if there is none. */
function textStart(request: string, at: number): number {
  const first = request.charCodeAt(at);
  // A length has no leading zero unless it is zero, and at most five digits.
  for (let colon = at + 1; colon <= at + 5; colon += 1) {
    if (request.charCodeAt(colon) === COLON)
      return isDigit(first) && (first !== ZERO || colon === at + 1) ? colon + 1 : -1;
    if (!isDigit(request.charCodeAt(colon))) return -1;
  }
  return -1;
}

/** Where the text ends; -1 if it is incomplete. */
function textEnd(request: string, at: number, start: number): number {
  if (start < 0) return -1;
  let length = 0;
  for (let digit = at; digit < start - 1; digit += 1) length = 10 * length + request.charCodeAt(digit) - ZERO;
  return start + length <= request.length ? start + length : -1;
}

/** Where the next thing begins; -1 if this one is not in the usual spelling. */
function skipValue(request: string, at: number, depth: number): number {
  const first = request.charCodeAt(at);
  if (first === INTEGER) return request.indexOf('e', at) + 1 || -1;
  if (first !== LIST && first !== DICTIONARY) return textEnd(request, at, textStart(request, at));
  let next = at + 1;
  while (next > 0 && request.charCodeAt(next) !== END)
    next = depth > 0 ? skipValue(request, next, depth - 1) : -1;
  return next < 0 ? -1 : next + 1;
}

function isDigit(code: number): boolean {
  return code >= ZERO && code <= NINE;
}

const NAMES: ReadonlyMap<string, TextName> = new Map([
  ['call-id', 'callId'],
  ['from-tag', 'fromTag'],
  ['to-tag', 'toTag'],
  ['via-branch', 'viaBranch'],
  ['sdp', 'sdp'],
  ['received-from', 'receivedFrom'],
]);

const RECEIVED_FROM = 'l3:IP4';
const MAX_DEPTH = 8;
const DICTIONARY = 0x64;
const LIST = 0x6c;
const INTEGER = 0x69;
const END = 0x65;
const COLON = 0x3a;
const ZERO = 0x30;
const NINE = 0x39;
