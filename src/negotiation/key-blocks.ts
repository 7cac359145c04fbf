import type { Call, Leg, Restriction, Stream } from '../call/call.js';
import { type KeyRule, keptRule } from '../call/key-rules.js';
import { type KeyGuard, ruleFor, sequenceLike, withKeySequences, withRule } from '../call/key-sequences.js';
import { unpackPayloads } from '../call/payloads.js';
import { partiesOf } from '../call/subscriptions.js';
import { type KeyMode, type KeyWish, type MediaFlags, RECORDING_CODES } from '../command/flags.js';
import { type CommandFailure, failure } from '../command/reply.js';
import { detach } from '../sdp/detach.js';
import type { Facts } from './facts.js';

/** What a wish comes to: what holds at once, and what a trigger brings. */
export type KeyBlock = { readonly rule: KeyRule | undefined; readonly guard: Guard | undefined };

type Guard = { readonly keys: string; readonly effect: KeyGuard };

export function keyBlock(wish: KeyWish, random: Facts['random']): KeyBlock {
  const { trigger } = wish;
  const ruleOf = (mode: KeyMode) => ruleOfMode(mode, wish, random);
  if (trigger === undefined) return { rule: ruleOf(wish.mode ?? 'drop'), guard: undefined };
  const effect: KeyGuard = {
    kind: 'guard',
    beforehand: ruleOf(wish.mode ?? 'off'),
    during: ruleOf(wish.triggered ?? 'drop'),
    afterwards: ruleOf(wish.ended ?? 'off'),
    endKeys: wish.endTrigger === undefined ? undefined : detach(wish.endTrigger),
    mostKeys: wish.endAfterKeys,
    longestMs: wish.endAfterMs,
    on: undefined,
  };
  return { rule: effect.beforehand, guard: { keys: detach(trigger), effect } };
}

/**
 * The call with the keys of everybody, or of one party, blocked like this and no longer otherwise. Who says the same again,
 * as messages do that refresh a session, changes nothing of what a trigger has brought.
 */
export function withKeyBlock(call: Call, leg: number | undefined, { rule, guard }: KeyBlock): Call {
  if (guard !== undefined && sequenceLike(call, leg, guard) !== undefined) return call;
  const guarded = withKeySequences(call, leg, 'guard', guard === undefined ? [] : [guard]);
  return withRule(guarded, leg, keptRule(ruleFor(call, leg), rule));
}

/** What a message with SDP says of the keys of its sender. */
export function withSenderKeys(call: Call, sender: number, flags: MediaFlags, facts: Facts): Keyed {
  const blocked = flags.blockDtmf ? withKeyBlock(call, sender, keyBlock(flags.keys, facts.random)) : call;
  const warnings = flags.blockDtmf ? soundlessKeys(call, sender, flags.keys) : NO_WARNINGS;
  if (!flags.recordingCodesCount) return { call: blocked, warnings };
  const codes = { ...facts.defaults.recordingCodes, ...flags.recordingCodes };
  const sequences = RECORDING_CODES.flatMap((action) => {
    const keys = codes[action];
    return keys === undefined ? [] : [{ keys: detach(keys), effect: { kind: 'record', action } as const }];
  });
  return { call: withKeySequences(blocked, sender, 'record', sequences), warnings };
}

type Keyed = { readonly call: Call; readonly warnings: readonly string[] };

function soundlessKeys(call: Call, sender: number, wish: KeyWish): readonly string[] {
  const refused = refusedBlock(
    call,
    call.legs.find(({ id }) => id === sender),
    wish,
  );
  return refused === undefined ? NO_WARNINGS : [`${refused.message}: nothing goes out for keys`];
}

/** Packets will have to be read for what the flags say of keys. */
export function readsKeys({ blockDtmf, keys, recordingCodesCount }: MediaFlags): boolean {
  const hidesOnly = keys.trigger === undefined && (keys.mode ?? 'drop') === 'drop';
  return recordingCodesCount || (blockDtmf && !hidesOnly);
}

/** The call with its packets read, if some are redundant and keys among them are to be hidden: SRTP does not tell which. */
export function withRedundancyRead(call: Call): Call {
  if (call.readsKeys === true || !hidesSomeKeys(call)) return call;
  const isRedundant = call.legs.some(({ streams }) => streams.some(mayRepeatKeys));
  return isRedundant ? { ...call, readsKeys: true } : call;
}

/** Why keys cannot be blocked like this; `undefined`: they can. */
export function refusedBlock(call: Call, party: Leg | undefined, wish: KeyWish): CommandFailure | undefined {
  const modes = [wish.mode, ...(wish.trigger === undefined ? [] : [wish.triggered, wish.ended])];
  const codecs = codecsOf(party === undefined ? partiesOf(call) : [party]);
  for (const mode of modes) {
    const audible = mode === 'tone' ? WITH_TONE : mode === 'silence' ? WITH_SILENCE : undefined;
    if (audible === undefined) continue;
    const mute = codecs.find(
      (names) => names.length > 0 && !names.some((name) => audible.has(name.toUpperCase())),
    );
    if (mute !== undefined)
      return failure('unsupported', `DTMF-security=${mode} is not supported for ${mute.join(', ')}`);
  }
  return undefined;
}

function hidesSomeKeys({ restrictions, legs, dialogues }: Call): boolean {
  const areHidden = (present: readonly Restriction[]) => present.includes('block DTMF');
  return (
    areHidden(restrictions) ||
    legs.some((leg) => areHidden(leg.restrictions)) ||
    dialogues.some((dialogue) => areHidden(dialogue.restrictionsToA) || areHidden(dialogue.restrictionsToB))
  );
}

/** In redundant packets (RFC 2198). */
function mayRepeatKeys({ inForce }: Stream): boolean {
  const names = unpackPayloads(inForce?.payloads ?? '').map(({ encoding }) => encoding);
  return names.some(isEvent) && names.some((name) => name.toLowerCase() === 'red');
}

/** What sounds between keys, for each stream that has keys. */
function codecsOf(legs: readonly Leg[]): readonly (readonly string[])[] {
  return legs.flatMap(({ streams }) =>
    streams.flatMap(({ inForce }) => {
      const names = unpackPayloads(inForce?.payloads ?? '').map(({ encoding }) => encoding);
      if (!names.some(isEvent)) return [];
      return [names.filter((name) => !isEvent(name) && !/^(?:cn|red)$/i.test(name))];
    }),
  );
}

function isEvent(encoding: string): boolean {
  return encoding.toLowerCase() === 'telephone-event';
}

function ruleOfMode(mode: KeyMode, wish: KeyWish, random: Facts['random']): KeyRule | undefined {
  switch (mode) {
    case 'off':
      return undefined;
    case 'drop':
      return 'block DTMF';
    case 'silence':
      return 'silence DTMF';
    case 'zero':
      return 'DTMF 0';
    case 'DTMF':
      return `DTMF ${wish.replacement ?? 0}`;
    case 'tone':
      return `tone DTMF ${wish.volume ?? LOUDNESS} ${(wish.frequencies ?? [HERTZ]).join()}`;
    case 'random': {
      const bytes = random.bytes(8);
      const seed = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      return `random DTMF ${seed.getUint32(0, true)} ${seed.getUint32(4, true)}`;
    }
  }
}

const NO_WARNINGS: readonly string[] = [];
const WITH_SILENCE: ReadonlySet<string> = new Set(['PCMU', 'PCMA', 'G722']);
const WITH_TONE: ReadonlySet<string> = new Set(['PCMU', 'PCMA']);
const LOUDNESS = 10;
const HERTZ = 400;
