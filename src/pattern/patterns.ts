import type { AnswerCommand, Client, OfferCommand } from '../command/command.js';
import type { BoundLocal } from '../dataplane/protocol.gen.js';
import type { Facts } from '../negotiation/facts.js';
import type { Step } from '../negotiation/negotiate.js';
import type { WrittenPlan } from '../service/ports.js';
import { type Known, type Message, messageOf } from './message.js';
import { type Entry, ProtectedEntries } from './entries.js';
import { fitsMemo, type Pattern, patternOf, withDrawn, withOpened } from './pattern.js';
import { type Given, Outlines } from './outlines.js';
import { Recent } from '../recent.js';
import { Repeat } from './repeat.js';

/** What negotiation would say of a message, from memory. */
export type RepeatedStep = {
  readonly kind: 'repeated';
  readonly pattern: Pattern;
  readonly message: Message;
  readonly plan: WrittenPlan;
  complete(bound: readonly BoundLocal[]): { readonly call: Repeat; readonly sdp: string };
};

/** A message without a pattern: shows what negotiation made of it, so that the next one like it may have one. */
export type Unknown = { readonly kind: 'unknown'; learn(step: Step): void };

/**
 * Knows the messages that come again and again with other values: nearly all offers and answers of a SIP proxy. What
 * it says is what negotiation would say; it can be left out at any time.
 */
export class Patterns {
  readonly #offers: Recent<Entry>;
  readonly #protected = new ProtectedEntries();
  readonly #outlines = new Outlines();
  #answers = new WeakMap<Pattern, Recent<Entry>>();
  #facts: Facts | undefined;
  readonly #cleared: () => void;

  /** `cleared` is told when nothing that was known holds any longer. */
  constructor(cleared: () => void = () => {}, limit = MAX_PATTERNS) {
    this.#cleared = cleared;
    this.#offers = new Recent(limit);
  }

  /** `undefined`: there is no use in learning from this message. */
  of(
    command: OfferCommand | AnswerCommand,
    client: Client,
    before: Repeat | undefined,
    facts: Facts,
  ): RepeatedStep | Unknown | undefined {
    if (before === undefined && command.kind === 'answer') return undefined;
    if (isToBeRecorded(command, facts)) return undefined;
    if (!this.#isSameGround(facts) || takesTurns(facts)) return undefined;
    if (command.likeness === undefined) return undefined;
    if (command.kind === 'offer' && before === undefined) {
      const outlined = this.#outlines.note({ command, client, nowMs: facts.now });
      if (outlined === 'new') return undefined;
      if (outlined !== undefined) this.#noteFirst(outlined);
    }
    const message = messageOf(command, client, facts.now, before && knownOf(before));
    if (message === undefined) return undefined;
    const entry = this.#entryOf(message, before?.pattern, facts.now);
    if (entry === undefined || entry.kind === 'none') return undefined;
    if (entry.kind === 'pattern') return repeated(entry.pattern, command.callId, message, facts);
    return {
      kind: 'unknown',
      learn: (step) => {
        const pattern = patternOf(message, command, before?.pattern, { step, facts });
        if (message.isProtected) this.#protected.learn(message, before?.pattern, pattern);
        else this.#entries(before?.pattern).set(message.key, pattern ? { kind: 'pattern', pattern } : NONE);
      },
    };
  }

  #noteFirst({ command, client, nowMs }: Given): void {
    const message = messageOf(command, client, nowMs);
    if (message !== undefined) this.#entryOf(message, undefined, nowMs);
  }

  #entryOf(message: Message, before: Pattern | undefined, nowMs: number): Entry | undefined {
    if (message.isProtected) return this.#protected.of(message, before, nowMs);
    const entries = this.#entries(before);
    const entry = entries.get(message.key);
    if (entry === undefined) entries.set(message.key, SEEN);
    return entry;
  }

  #entries(before: Pattern | undefined): Recent<Entry> {
    return before === undefined ? this.#offers : this.#after(before);
  }

  #after(pattern: Pattern): Recent<Entry> {
    const known = this.#answers.get(pattern);
    if (known !== undefined) return known;
    const answers = new Recent<Entry>(MAX_FOLLOWING);
    this.#answers.set(pattern, answers);
    return answers;
  }

  /** Patterns hold as long as nothing changes but time and chance. */
  #isSameGround(facts: Facts): boolean {
    const isSame = this.#facts === undefined || sameGround(this.#facts, facts);
    this.#facts = facts;
    if (isSame) return true;
    this.#offers.clear();
    this.#answers = new WeakMap();
    this.#protected.clear();
    this.#outlines.clear();
    this.#cleared();
    return false;
  }
}

function knownOf({ pattern, values }: Repeat): Known {
  return { kinds: pattern.kinds, texts: values, isProtected: pattern.isProtected };
}

function repeated(
  pattern: Pattern,
  callId: string,
  message: Message,
  { random }: Facts,
): RepeatedStep | undefined {
  const texts = withDrawn(pattern, message.texts, random);
  if (!fitsMemo(pattern, texts)) return undefined;
  return {
    kind: 'repeated',
    pattern,
    message,
    plan: { session: callId, revision: pattern.revision, json: pattern.plan.fill(texts) },
    complete(bound) {
      const values = withOpened(pattern, texts, bound);
      return { call: new Repeat(callId, pattern, values), sdp: pattern.sdp.fill(values) };
    },
  };
}

function sameGround(one: Facts, other: Facts): boolean {
  return (
    one.interfaces === other.interfaces &&
    one.defaults === other.defaults &&
    one.capabilities === other.capabilities &&
    one.certificate === other.certificate
  );
}

/** Each call has a file of its own, and every message about it is written down. */
function isToBeRecorded({ flags }: OfferCommand | AnswerCommand, { defaults }: Facts): boolean {
  return flags.recordCall !== undefined || defaults.recording?.everyCall === true;
}

/** Interfaces that take turns depend on how many calls there were. */
function takesTurns({ interfaces }: Facts): boolean {
  return interfaces.some(({ name }) => name.includes(':'));
}

const SEEN: Entry = { kind: 'seen' };
const NONE: Entry = { kind: 'none' };

const MAX_PATTERNS = 512;
const MAX_FOLLOWING = 64;
