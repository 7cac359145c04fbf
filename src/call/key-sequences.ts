import { KEYPAD, RECORDING_CODES, type RecordingCode } from '../command/flags.js';
import type { Call } from './call.js';
import { altersKeys, isKeyRule, isSameRule, type KeyRule, withKeyRule } from './key-rules.js';
import { partyOf } from './pairs.js';

/** Keys that bring something about when they are pressed one after the other. */
export type KeySequence = {
  /** Whose keys, by id of the leg. Undefined: those of any party. */
  readonly leg: number | undefined;
  readonly keys: string;
  /** What was pressed of them so far, and of the keys that end what they brought about, by whom and when. */
  readonly typed: string;
  readonly typist: number;
  readonly typedAtMs: number;
  readonly effect: KeyEffect;
};

export type KeyEffect = KeyGuard | { readonly kind: 'record'; readonly action: RecordingCode };

export type { RecordingCode };

export function isRecordingCode(text: string): text is RecordingCode {
  return RECORDING_CODES.some((code) => code === text);
}

/** Other rules for keys than usual for a while, such as while a card number is typed. Rules: undefined lets keys pass. */
export type KeyGuard = {
  readonly kind: 'guard';
  readonly beforehand: KeyRule | undefined;
  readonly during: KeyRule | undefined;
  readonly afterwards: KeyRule | undefined;
  readonly endKeys: string | undefined;
  readonly mostKeys: number | undefined;
  readonly longestMs: number | undefined;
  /** It holds, since when and for how many keys. */
  readonly on: { readonly sinceMs: number; readonly keys: number } | undefined;
};

/** What a key has brought about. */
export type AfterKey = {
  /** The very same one if nothing is to be remembered, of the same revision if the data plane need not know. */
  readonly call: Call;
  readonly codes: readonly RecordingCode[];
};

/** Takes in that a key was released. `longestGapMs` may lie between the keys of a sequence. */
export function afterKey(
  call: Call,
  { stream, event }: { readonly stream: number; readonly event: number },
  { now, longestGapMs }: { readonly now: number; readonly longestGapMs: number },
): AfterKey {
  const typist = partyOf(call, stream)?.leg.id;
  const key = KEYPAD.charAt(event);
  if (call.keySequences === undefined || typist === undefined || key === '') return { call, codes: [] };
  const codes: RecordingCode[] = [];
  let after = call;
  for (const before of call.keySequences) {
    if (before.leg !== undefined && before.leg !== typist) continue;
    const isFresh = before.typist === typist && now - before.typedAtMs <= longestGapMs;
    const typed = `${isFresh ? before.typed : ''}${key}`;
    const sequence = { ...before, typist, typedAtMs: now };
    if (before.effect.kind === 'guard' && before.effect.on !== undefined)
      after = withKeyGuarded(after, before, { ...sequence, typed });
    else if (!typed.endsWith(before.keys)) {
      const progress = progressOf(typed, before.keys);
      if (progress !== '' || before.typed !== '')
        after = replaced(after, before, { ...sequence, typed: progress });
    } else if (before.effect.kind === 'guard') after = withGuardOn(after, before, now);
    else {
      codes.push(before.effect.action);
      after = replaced(after, before, { ...sequence, typed: '' });
    }
  }
  const isRuled = after.legs !== call.legs || after.restrictions !== call.restrictions;
  return { call: isRuled ? { ...after, revision: call.revision + 1 } : after, codes };
}

/** When a guard ends by time, in milliseconds since the epoch. */
export function nextGuardEnd({ keySequences = [] }: Call): number | undefined {
  const ends = keySequences.map(guardEnd).filter((end) => end !== undefined);
  return ends.length === 0 ? undefined : Math.min(...ends);
}

/** The call without guards that have lasted as long as they may; the very same one if there are none. */
export function withoutGuardsDue(call: Call, now: number): Call {
  const due = (call.keySequences ?? []).filter((sequence) => (guardEnd(sequence) ?? now + 1) <= now);
  if (due.length === 0) return call;
  return { ...due.reduce(withGuardOff, call), revision: call.revision + 1 };
}

/** In place of those of the same kind for the same party. What was typed of one that stays is still typed. */
export function withKeySequences(
  call: Call,
  leg: number | undefined,
  kind: KeyEffect['kind'],
  sequences: readonly Pick<KeySequence, 'keys' | 'effect'>[],
): Call {
  const others = (call.keySequences ?? []).filter(
    (present) => present.leg !== leg || present.effect.kind !== kind,
  );
  if (others.length === call.keySequences?.length && sequences.length === 0) return call;
  const added = sequences.map(
    (sequence) => sequenceLike(call, leg, sequence) ?? { ...sequence, leg, ...UNTYPED },
  );
  const keySequences = [...others, ...added];
  return {
    ...call,
    keySequences: keySequences.length === 0 ? undefined : keySequences,
    readsKeys: sequences.length > 0 ? true : call.readsKeys,
  };
}

/** The same keys of the same party, for the same end. */
export function sequenceLike(
  call: Call,
  leg: number | undefined,
  { keys, effect }: Pick<KeySequence, 'keys' | 'effect'>,
): KeySequence | undefined {
  return call.keySequences?.find(
    (present) => present.leg === leg && present.keys === keys && isSameEffect(present.effect, effect),
  );
}

/** What holds for the keys of everybody, or of one party alone. */
export function ruleFor(call: Call, leg: number | undefined): KeyRule | undefined {
  const of = leg === undefined ? call : call.legs.find(({ id }) => id === leg);
  return of?.restrictions.find(isKeyRule);
}

/** The call with this rule for keys, of everybody or of one party. */
export function withRule(call: Call, leg: number | undefined, rule: KeyRule | undefined): Call {
  if (rule === ruleFor(call, leg)) return call;
  const read = altersKeys(rule) ? { ...call, readsKeys: true as const } : call;
  if (leg === undefined) return { ...read, restrictions: withKeyRule(call.restrictions, rule) };
  const legs = call.legs.map((each) =>
    each.id === leg ? { ...each, restrictions: withKeyRule(each.restrictions, rule) } : each,
  );
  return { ...read, legs };
}

function isSameEffect(one: KeyEffect, other: KeyEffect): boolean {
  if (one.kind === 'record') return other.kind === 'record' && one.action === other.action;
  return (
    other.kind === 'guard' &&
    isSameRule(one.beforehand, other.beforehand) &&
    isSameRule(one.during, other.during) &&
    isSameRule(one.afterwards, other.afterwards) &&
    one.endKeys === other.endKeys &&
    one.mostKeys === other.mostKeys &&
    one.longestMs === other.longestMs
  );
}

function withGuardOn(call: Call, before: KeySequence, now: number): Call {
  if (before.effect.kind !== 'guard') return call;
  const effect = { ...before.effect, on: { sinceMs: now, keys: 0 } };
  return withRule(replaced(call, before, { ...before, ...UNTYPED, effect }), before.leg, effect.during);
}

/** One more key has been hidden: the last one, or not. */
function withKeyGuarded(call: Call, before: KeySequence, { typed, ...sequence }: KeySequence): Call {
  const { effect } = before;
  if (effect.kind !== 'guard' || effect.on === undefined) return call;
  const { endKeys, mostKeys } = effect;
  const keys = effect.on.keys + 1;
  const isOver = (endKeys !== undefined && typed.endsWith(endKeys)) || (mostKeys ?? keys + 1) <= keys;
  if (isOver) return withGuardOff(call, before);
  const progress = endKeys === undefined ? '' : progressOf(typed, endKeys);
  if (mostKeys === undefined && progress === before.typed && progress === '') return call;
  const on = { ...effect.on, keys };
  return replaced(call, before, { ...sequence, typed: progress, effect: { ...effect, on } });
}

function withGuardOff(call: Call, before: KeySequence): Call {
  if (before.effect.kind !== 'guard') return call;
  const effect = { ...before.effect, on: undefined };
  return withRule(replaced(call, before, { ...before, ...UNTYPED, effect }), before.leg, effect.afterwards);
}

function guardEnd({ effect }: KeySequence): number | undefined {
  if (effect.kind !== 'guard' || effect.on === undefined || effect.longestMs === undefined) return undefined;
  return effect.on.sinceMs + effect.longestMs;
}

function replaced(call: Call, before: KeySequence, after: KeySequence): Call {
  const keySequences = call.keySequences?.map((present) => (present === before ? after : present));
  return { ...call, keySequences };
}

/** The longest end of what was typed with which the sequence begins. */
function progressOf(typed: string, keys: string): string {
  for (let from = Math.max(0, typed.length - keys.length + 1); from < typed.length; from += 1) {
    const end = typed.slice(from);
    if (keys.startsWith(end)) return end;
  }
  return '';
}

const UNTYPED = { typed: '', typist: 0, typedAtMs: 0 };
