import { decodeBencode, encodeBencode } from './bencode.js';
import { decodeJson, encodeJson } from './json.js';
import type { Dictionary } from './value.js';

/** The encodings of a payload; the reply uses the request's. */
export type Encoding = 'bencode' | 'json';

export type Payload =
  | { readonly ok: true; readonly encoding: Encoding; readonly dictionary: Dictionary }
  | { readonly ok: false; readonly encoding: Encoding; readonly reason: string };

/** Splits `cookie SP payload`. Undefined: not one of ours, no answer is due. */
export function splitEnvelope(frame: Buffer): { cookie: string; payload: Buffer } | undefined {
  const space = frame.indexOf(SPACE);
  if (space <= 0) return undefined;
  return { cookie: frame.toString('latin1', 0, space), payload: frame.subarray(space + 1) };
}

/** Tells the encoding by the first byte and decodes. */
export function readPayload(payload: Buffer): Payload {
  if (payload.length === 0) return unreadable('bencode', 'Invalid data (no payload)');
  switch (payload[0]) {
    case 0x64: {
      const dictionary = decodeBencode(payload);
      if (dictionary === undefined) return unreadable('bencode', 'Could not decode bencode dictionary');
      return { ok: true, encoding: 'bencode', dictionary };
    }
    case 0x7b: {
      const dictionary = decodeJson(payload);
      if (dictionary === undefined) return unreadable('json', 'Failed to parse JSON document');
      return { ok: true, encoding: 'json', dictionary };
    }
    default:
      return unreadable('bencode', 'Invalid NG data format');
  }
}

/** The payload of a reply, one byte per character. */
export function writePayload(encoding: Encoding, dictionary: Dictionary): string {
  return encoding === 'json' ? encodeJson(dictionary) : encodeBencode(dictionary);
}

function unreadable(encoding: Encoding, reason: string): Payload {
  return { ok: false, encoding, reason };
}

const SPACE = 0x20;
