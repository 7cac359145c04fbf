import { kindOf } from '../call/signalled.js';
import { MAX_CANDIDATE_BYTES } from '../negotiation/ice-said.js';
import { isUnspecified } from '../sdp/address.js';
import { bareCandidate, type Candidate, parseCandidate } from '../sdp/candidate.js';
import type { Cutter } from './cutter.js';
import { isPlainValue } from './values.js';

/** A body of a browser, or of anybody else with ICE. */
export function isProtected(body: string): boolean {
  return body.includes('\na=ice-ufrag:');
}

/**
 * Takes a line of such a body apart. Where negotiation asks whether a value is this or that (port 9, an unspecified
 * address, whether a candidate is of use), the value stays in the shape, or the answer is noted.
 */
export function cutProtected(cutter: Cutter, start: number, end: number): boolean {
  const { body } = cutter;
  switch (body.charCodeAt(start)) {
    case LETTER_O:
      return cutOrigin(cutter, start, end);
    case LETTER_C:
      if (!body.startsWith('c=IN IP4 ', start) || isText(body, UNSPECIFIED, start + 9, end)) return true;
      return cutter.cut('address', start + 9, end);
    case LETTER_M:
      return cutMedia(cutter, start, end);
    case LETTER_A:
      return cutAttribute(cutter, start + 2, end);
    default:
      return true;
  }
}

/** Browsers write `0.0.0.0` where they have nothing to say. */
function cutOrigin(cutter: Cutter, start: number, end: number): boolean {
  const { body } = cutter;
  const address = body.lastIndexOf(' ', end - 1) + 1;
  if (!isText(body, UNSPECIFIED, address, end)) return cutter.cutOrigin(start + 2, end);
  const session = body.indexOf(' ', start) + 1;
  const version = body.indexOf(' ', session) + 1;
  const network = body.indexOf(' ', version) + 1;
  return (
    body.startsWith('IN IP4 ', network) &&
    network + 7 === address &&
    cutter.cut('digits', session, version - 1) &&
    cutter.cut('digits', version, network - 1)
  );
}

function cutMedia(cutter: Cutter, start: number, end: number): boolean {
  const { body } = cutter;
  const port = body.indexOf(' ', start) + 1;
  const protocol = body.indexOf(' ', port) + 1;
  const formats = body.indexOf(' ', protocol);
  if (port <= start || protocol <= port || formats < protocol || formats > end) return false;
  // Such a section would pass as it is, candidates included.
  if (kindOf(body.slice(start + 2, port - 1), body.slice(protocol, formats)) === 'untouched') return false;
  cutter.notes += 'm';
  cutter.candidateBytes = 0;
  const isSpecial = isText(body, '9', port, protocol - 1) || isText(body, '0', port, protocol - 1);
  return isSpecial || (protocol - port > 2 && cutter.cut('port', port, protocol - 1));
}

function cutAttribute(cutter: Cutter, start: number, end: number): boolean {
  const { body } = cutter;
  switch (body.charCodeAt(start)) {
    case LETTER_C:
      if (body.startsWith('candidate:', start)) return cutCandidate(cutter, start + 10, end);
      return !body.startsWith('crypto:', start);
    case LETTER_F:
      if (!body.startsWith('fingerprint:', start)) return true;
      return body.startsWith('sha-256 ', start + 12) && cutter.cut('fingerprint', start + 20, end);
    case LETTER_I:
      if (body.startsWith('ice-ufrag:', start)) return cutter.cut('credential', start + 10, end);
      return body.startsWith('ice-pwd:', start) ? cutter.cut('password', start + 8, end) : true;
    case LETTER_M:
      return body.startsWith('msid', start) ? cutRest(cutter, start, end) : true;
    case LETTER_R:
      if (!body.startsWith('rtcp:', start) || isText(body, 'rtcp:9 IN IP4 0.0.0.0', start, end)) return true;
      // Ports of one digit stay in the shape: those with more cannot be the same, nor the one after.
      return isDigit(body.charCodeAt(start + 6)) && cutter.cutRtcp(start + 5, end);
    case LETTER_S:
      return cutSource(cutter, start, end);
    case LETTER_T:
      return body.startsWith('tls-id:', start) ? cutter.cut('credential', start + 7, end) : true;
    default:
      return true;
  }
}

/** What follows the colon. */
function cutRest(cutter: Cutter, start: number, end: number): boolean {
  const colon = cutter.body.indexOf(':', start);
  return colon < 0 || colon >= end - 1 || cutter.cut('opaque', colon + 1, end);
}

/** `ssrc:1234 cname:text`, `ssrc-group:FID 1234 5678` */
function cutSource(cutter: Cutter, start: number, end: number): boolean {
  const { body } = cutter;
  if (body.startsWith('ssrc:', start)) {
    const space = body.indexOf(' ', start);
    if (space < 0 || space > end || !cutter.cut('source', start + 5, space)) return false;
    return cutRest(cutter, space, end);
  }
  if (!body.startsWith('ssrc-group:', start)) return true;
  for (let space = body.indexOf(' ', start); space > 0 && space < end; ) {
    const next = body.indexOf(' ', space + 1);
    const to = next < 0 || next > end ? end : next;
    if (!cutter.cut('source', space + 1, to)) return false;
    space = next;
  }
  return true;
}

/** What candidates have in common whose other fields can be exchanged. */
export function formOf({ component, transport, address, named, type }: Candidate): string {
  return `${component}${transport}${named ? 'n' : address.includes(':') ? '6' : '4'}${type}`;
}

/** One whose fields can be exchanged: the rest of what is said of it is noted. */
function cutCandidate(cutter: Cutter, start: number, end: number): boolean {
  const text = cutter.body.slice(start, end);
  const candidate = parseCandidate(text);
  if (candidate === undefined) return false;
  const bare = bareCandidate(candidate);
  const { component, address, port, rest } = candidate;
  // Longer: written in another way than it will be read.
  if (bare.length + rest.length !== text.length) return false;
  if (port === 0 || component > 2 || isUnspecified(address)) return false;
  cutter.notes += formOf(candidate);
  cutter.candidateBytes += bare.length + 1;
  // Those that are too many are left out, which depends on how long they are.
  if (cutter.candidateBytes >= MAX_CANDIDATE_BYTES) return false;
  if (!isPlainValue('candidate', bare)) return false;
  if (!cutter.take('candidate', bare, start, start + bare.length)) return false;
  return rest === '' || cutter.cut('opaque', start + bare.length + 1, end);
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

function isText(body: string, text: string, start: number, end: number): boolean {
  return end - start === text.length && body.startsWith(text, start);
}

const UNSPECIFIED = '0.0.0.0';
const LETTER_A = 0x61;
const LETTER_C = 0x63;
const LETTER_F = 0x66;
const LETTER_I = 0x69;
const LETTER_M = 0x6d;
const LETTER_O = 0x6f;
const LETTER_R = 0x72;
const LETTER_S = 0x73;
const LETTER_T = 0x74;
