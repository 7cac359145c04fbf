import {
  KEYPAD,
  type KeyMode,
  type KeyWish,
  RECORDING_CODES,
  type RecordingCode,
} from '../../command/flags.js';
import type { Draft } from './draft.js';
import type { ReadKey } from './key-readers.js';
import { eitherCase, spelled } from './spelling.js';
import { integer, text, type Value, words } from './value.js';

/** No key is blocked, neither now nor after a trigger. */
export function letsKeysPass({ mode, trigger }: KeyWish): boolean {
  return mode === 'off' && trigger === undefined;
}

function mode(field: 'mode' | 'triggered' | 'ended'): ReadKey {
  return (draft, value, key) => {
    for (const word of words(value)) {
      const known = MODES.find((candidate) => candidate === word);
      if (known === undefined) draft.warnings.unknownValue(key, word);
      else wish(draft, { [field]: known });
    }
  };
}

function keysPressed(field: 'trigger' | 'endTrigger'): ReadKey {
  return (draft, value, key) => {
    const keys = keysOf(value);
    if (keys === undefined) draft.warnings.unknownValue(key, text(value) ?? 'no keys');
    else wish(draft, { [field]: keys });
  };
}

function atLeastOne(field: 'endAfterKeys' | 'endAfterMs'): ReadKey {
  return (draft, value, key) => {
    const number = integer(value);
    if (number === undefined || number < 0) draft.warnings.unknownValue(key, text(value) ?? 'no number');
    else if (number > 0) wish(draft, { [field]: number });
  };
}

/** A character of the keypad, or its number. */
function readReplacement(draft: Draft, value: Value, key: string): void {
  const written = text(value)?.trim().toUpperCase() ?? '';
  const replacement = written.length === 1 ? KEYPAD.indexOf(written) : (integer(value) ?? -1);
  if (replacement < 0 || replacement >= KEYPAD.length) draft.warnings.unknownValue(key, written);
  else wish(draft, { replacement });
}

function readFrequencies(draft: Draft, value: Value, key: string): void {
  const written = words(value);
  const frequencies = written
    .map(Number)
    .filter((hertz) => Number.isInteger(hertz) && hertz > 0 && hertz < 4000);
  const isUsable = frequencies.length === written.length && written.length <= MOST_FREQUENCIES;
  if (!isUsable) draft.warnings.unknownValue(key, written.join());
  else if (frequencies.length > 0) wish(draft, { frequencies });
}

/** Decibels below full scale, written with or without a sign. */
function readVolume(draft: Draft, value: Value, key: string): void {
  const volume = Math.abs(integer(value) ?? Number.NaN);
  if (volume <= QUIETEST) wish(draft, { volume });
  else draft.warnings.unknownValue(key, text(value) ?? 'no number');
}

function recordingCode(action: RecordingCode): ReadKey {
  return (draft, value, key) => {
    const keys = keysOf(value);
    if (keys === undefined) draft.warnings.unknownValue(key, text(value) ?? 'no keys');
    else draft.flags.recordingCodes = { ...draft.flags.recordingCodes, [action]: keys };
  };
}

function keysOf(value: Value): string | undefined {
  const keys = text(value)?.trim().toUpperCase() ?? '';
  return /^[0-9*#A-D]{1,32}$/.test(keys) ? keys : undefined;
}

function wish(draft: Draft, keys: KeyWish): void {
  draft.flags.keys = { ...draft.flags.keys, ...keys };
}

/** `trigger-end` is also written `end-trigger`. */
function ending(rest: string): readonly string[] {
  return [...spelled(`trigger-end${rest}`, '- '), ...spelled(`end-trigger${rest}`, '- ')];
}

const MODES: readonly KeyMode[] = ['off', 'drop', 'silence', 'tone', 'random', 'zero', 'DTMF'];
const MOST_FREQUENCIES = 8;
const QUIETEST = 63;

/** The keys of messages that are about the keys of telephones. */
export const DTMF_KEYS: readonly (readonly [string | readonly string[], ReadKey])[] = [
  [eitherCase(...spelled('DTMF-security', '- ')), mode('mode')],
  [eitherCase(...spelled('DTMF-security-trigger', '- ')), mode('triggered')],
  [eitherCase(...spelled('DTMF-security-trigger-end', '- ')), mode('ended')],
  ['trigger', keysPressed('trigger')],
  [ending(''), keysPressed('endTrigger')],
  [ending('-digits'), atLeastOne('endAfterKeys')],
  [ending('-time'), atLeastOne('endAfterMs')],
  [['digit', 'code'], readReplacement],
  [['frequency', 'frequencies'], readFrequencies],
  ['volume', readVolume],
  ...RECORDING_CODES.map(
    (action) => [eitherCase(`VSC-${action}-rec`, `VSC-${action}-recording`), recordingCode(action)] as const,
  ),
];
