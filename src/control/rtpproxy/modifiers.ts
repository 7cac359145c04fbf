import { isIP, isIPv4, isIPv6 } from 'node:net';
import type { PairLocal, PairOptions } from '../../command/pair.js';
import { type ErrorReply, error } from './error.js';

/** Whether the node bridges between two sides; `I` and `E` mean nothing without. */
export type ModifierRules = { readonly bridged: boolean };

export type Modifiers = { readonly kind: 'modifiers'; readonly options: PairOptions } | ErrorReply;

/** Reads what stands behind the letter of `U` and `L`, in any order: `AIEZ30c0,8,101`. */
export function parseModifiers(text: string, { bridged }: ModifierRules): Modifiers {
  let options: PairOptions = { weak: false, bridge: [], family: 'IP4', newPort: false };
  const cursor = { text, at: 0 };
  while (cursor.at < text.length) {
    const letter = text.charAt(cursor.at);
    cursor.at += 1;
    const added = addModifier(letter, options, cursor, bridged);
    if ('kind' in added) return added;
    options = added;
  }
  return { kind: 'modifiers', options };
}

/** Text with the position behind what was read. */
type Cursor = { readonly text: string; at: number };

function addModifier(
  letter: string,
  options: PairOptions,
  cursor: Cursor,
  bridged: boolean,
): PairOptions | ErrorReply {
  switch (letter.toUpperCase()) {
    case 'A':
      return { ...options, asymmetric: true };
    case 'S':
      return { ...options, asymmetric: false };
    case 'W':
      return { ...options, weak: true };
    case 'N':
      return { ...options, newPort: true };
    case '6':
      return { ...options, family: 'IP6' };
    case 'I':
    case 'E': {
      const side = letter.toUpperCase() === 'I' ? 'internal' : 'external';
      if (!bridged || options.bridge.length >= 2) return error(side === 'internal' ? 12 : 11);
      return { ...options, bridge: [...options.bridge, side] };
    }
    case 'Z': {
      const milliseconds = Number(take(cursor, /^\d*/));
      if (milliseconds < 1 || milliseconds > 999) return error(13);
      return { ...options, repacketiseMs: milliseconds };
    }
    case 'C': {
      const payloadTypes = parsePayloadTypes(take(cursor, /^[\d,]*/));
      if (payloadTypes === undefined || options.payloadTypes !== undefined) return error(14);
      return { ...options, payloadTypes };
    }
    case 'L':
    case 'R': {
      const local = parseLocal(letter.toUpperCase() === 'L' ? 'listen' : 'route', cursor);
      return local === undefined ? error(letter.toUpperCase() === 'L' ? 15 : 16) : { ...options, local };
    }
    default:
      // Kamailio's stray bytes; see `words.ts`.
      return isGraphic(letter) ? error(35) : options;
  }
}

function parsePayloadTypes(text: string): readonly number[] | undefined {
  const types = text.split(',').map((item) => (/^\d{1,3}$/.test(item) ? Number(item) : -1));
  return types.every((type) => type >= 0 && type <= 127) ? types : undefined;
}

/** `192.0.2.1`, `[2001:db8::1]`, or for `L` a name in braces. */
function parseLocal(purpose: 'listen' | 'route', cursor: Cursor): PairLocal | undefined {
  const label = purpose === 'listen' ? take(cursor, /^\{[^{}]+\}/).slice(1, -1) : '';
  if (label !== '') return { kind: 'label', label };
  const bracketed = take(cursor, /^\[[^\]]*\]/).slice(1, -1);
  const address = bracketed === '' ? take(cursor, /^[\d.]+/) : bracketed;
  if (bracketed === '' ? !isIPv4(address) : !isIPv6(bracketed) && isIP(bracketed) === 0) return undefined;
  return purpose === 'listen' ? { kind: 'address', address } : { kind: 'route', towards: address };
}

function take(cursor: Cursor, pattern: RegExp): string {
  const found = pattern.exec(cursor.text.slice(cursor.at))?.[0] ?? '';
  cursor.at += found.length;
  return found;
}

function isGraphic(letter: string): boolean {
  return letter > ' ' && letter < '\x7f';
}
