import { isKeyRule, type KeyRule } from '../call/key-rules.js';
import {
  isRecordingCode,
  type KeyEffect,
  type KeySequence,
  type RecordingCode,
} from '../call/key-sequences.js';
import { quoted, quotedOrNull } from './memo-text.js';
import { fail, listOf, number, text } from './record-fields.js';

/** Writes a sequence of keys as a list. */
export function keySequenceMemo({ leg, keys, typed, typist, typedAtMs, effect }: KeySequence): string {
  return `[${leg ?? null},${quoted(keys)},${quoted(typed)},${typist},${typedAtMs},${effectMemo(effect)}]`;
}

export function readKeySequence(value: unknown): KeySequence {
  const [leg, keys, typed, typist, typedAtMs, ...effect] = listOf(value);
  return {
    leg: orUndefined(leg, number),
    keys: text(keys),
    typed: text(typed),
    typist: number(typist),
    typedAtMs: number(typedAtMs),
    effect: readEffect(effect),
  };
}

function effectMemo(effect: KeyEffect): string {
  if (effect.kind === 'record') return quoted(effect.action);
  const { beforehand, during, afterwards, endKeys, mostKeys, longestMs, on } = effect;
  const former = beforehand === undefined ? '' : `,${quoted(beforehand)}`;
  const held = on === undefined ? former && ',null,null' : `,${on.sinceMs},${on.keys}`;
  const rules = `${quotedOrNull(during)},${quotedOrNull(afterwards)},${quotedOrNull(endKeys)}`;
  return `null,${rules},${mostKeys ?? null},${longestMs ?? null}${held}${former}`;
}

function readEffect(values: readonly unknown[]): KeyEffect {
  const [action, during, afterwards, endKeys, mostKeys, longestMs, sinceMs, keys, beforehand] = values;
  if (action !== null) return { kind: 'record', action: recordingCode(action) };
  return {
    kind: 'guard',
    beforehand: beforehand === undefined ? undefined : keyRule(beforehand),
    during: orUndefined(during, keyRule),
    afterwards: orUndefined(afterwards, keyRule),
    endKeys: orUndefined(endKeys, text),
    mostKeys: orUndefined(mostKeys, number),
    longestMs: orUndefined(longestMs, number),
    on:
      sinceMs === undefined || sinceMs === null
        ? undefined
        : { sinceMs: number(sinceMs), keys: number(keys) },
  };
}

function recordingCode(value: unknown): RecordingCode {
  const code = text(value);
  return isRecordingCode(code) ? code : fail();
}

export function keyRule(value: unknown): KeyRule {
  const rule = text(value);
  return isKeyRule(rule) ? rule : fail();
}

function orUndefined<T>(value: unknown, read: (value: unknown) => T): T | undefined {
  return value === null ? undefined : read(value);
}
