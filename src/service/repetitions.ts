import type { Call } from '../call/call.js';
import type { AnswerCommand, Client, DeleteCommand, OfferCommand } from '../command/command.js';
import type { PatternPlan, SessionStats } from '../dataplane/protocol.gen.js';
import type { Events } from '../observability/events.js';
import { deletionOf, endingOf, isSilent } from '../pattern/ending.js';
import { handedOver, patternPlan, type ReplyForms } from '../pattern/hand-over.js';
import type { Pattern } from '../pattern/pattern.js';
import type { RepeatedStep } from '../pattern/patterns.js';
import { Repeat, SEPARATOR } from '../pattern/repeat.js';
import { type DataPlane, DataPlaneError, type Repetition } from './ports.js';
import type { CallRegistry } from './registry.js';

export type RepetitionParts = {
  readonly dataPlane: Pick<DataPlane, 'learn' | 'forget'>;
  /** Until calls and data plane agree, nobody else may open ports: some are those of calls to be brought back. */
  readonly attachment: { readonly isReady: boolean };
  readonly registry: Pick<CallRegistry, 'held'>;
  readonly store: (call: Repeat, before: Call | Repeat | undefined) => void;
  /** Forgets a call whose session has ended. */
  readonly ended: (call: Call | Repeat, media: SessionStats) => void;
  readonly now: () => number;
  readonly events: Pick<Events, 'callCreated' | 'patternRefused'>;
  /** How clients are told of an SDP; `null`: the data plane answers no requests. */
  readonly reply: ReplyForms | null;
  /** Told of every request that was answered. */
  readonly answered: (client: Client, command: Handed['kind'], seconds: number) => void;
};

/**
 * Lets the data plane repeat what was decided here, and takes in what it has done by that. Handing over can be left
 * out at any time: what the data plane does not know, it asks.
 */
export class Repetitions {
  readonly #parts: RepetitionParts;
  /** What the data plane knows now. */
  #numbers = new Map<Pattern, number>();
  /** The kinds of deletions that were met, for each pattern that made the call. */
  #deletions = new WeakMap<Pattern, Map<string, 'seen' | 'handed'>>();
  /** How many patterns it has, by their sizes. */
  #count = 0;
  /** Everything it may still tell of. */
  readonly #handed = new Map<number, Handed>();
  #next = 1;
  /** The first one of this connection. */
  #oldest = 1;
  #isPaused = false;

  constructor(parts: RepetitionParts) {
    this.#parts = parts;
  }

  /** Lets the data plane do the same with the next request of this kind. */
  handOver(
    { pattern, message }: RepeatedStep,
    command: OfferCommand | AnswerCommand,
    before: Repeat | undefined,
  ): void {
    const { attachment, reply } = this.#parts;
    const { written } = command;
    if (reply === null || written === undefined || this.#isPaused || !attachment.isReady) return;
    if (this.#numbers.has(pattern) || pattern.planData === undefined) return;
    const after = before === undefined ? null : this.#numbers.get(before.pattern);
    if (after === undefined) return;
    const number = this.#number(pattern);
    this.#numbers.set(pattern, number);
    const plan = handedOver(pattern, message, written, reply.sdp, { number, after });
    if (plan === undefined) return;
    this.#learn(plan, { pattern, kind: command.kind, isNew: after === null, start: message.start });
  }

  /** The same for the next deletion like one that was carried out, if there was nothing to tell of its media. */
  handOverDeletion(command: DeleteCommand, client: Client, held: Repeat, media: SessionStats | null): void {
    const { reply, now } = this.#parts;
    const { pattern } = held;
    const after = this.#numbers.get(pattern);
    const { written, fast } = command;
    if (reply === null || written === undefined || after === undefined || this.#isPaused) return;
    if (pattern.isProtected || media === null || !isSilent(media)) return;
    const message = deletionOf(command, client, now(), held);
    if (message === undefined || !this.#isSecond(pattern, message.key)) return;
    const end = endingOf(
      pattern,
      message,
      media,
      (statistics) => (fast ? { kind: 'deleted' } : { kind: 'deleted', statistics }),
      reply.write,
    );
    if (end === undefined) return;
    const number = this.#number(pattern);
    const plan = patternPlan(message, written, { number, after }, end);
    if (plan !== undefined) this.#learn(plan, { kind: 'delete', media });
  }

  /** Takes in what the data plane has done, as if it had been done here. */
  take({ pattern: number, micros, values }: Repetition): void {
    const { registry, store, ended, events, answered } = this.#parts;
    const handed = this.#handed.get(number);
    if (handed === undefined) throw new Error(`the data plane repeats pattern ${number}, which there is not`);
    const start = handed.kind === 'delete' ? 0 : handed.start;
    const words = values.split(SEPARATOR, start + VALUES_IN_FRONT);
    const callId = words[CALL_ID] ?? '';
    const client: Client = {
      address: words[start + ADDRESS] ?? '',
      port: Number(words[start + PORT]),
      protocol: 'ng',
    };
    answered(client, handed.kind, micros / 1e6);
    const before = registry.held(callId);
    if (handed.kind === 'delete') {
      if (before !== undefined) ended(before, handed.media);
      return;
    }
    // It has ended here while it was answered there; its session is about to end, too.
    if (!handed.isNew && before === undefined) return;
    store(new Repeat(callId, handed.pattern, values), before);
    if (handed.isNew) events.callCreated(callId, client);
  }

  /** The data plane knows nothing any more: it is another one, or connected anew. */
  connected(): void {
    this.#numbers = new Map();
    this.#deletions = new WeakMap();
    this.#count = 0;
    this.#oldest = this.#next;
  }

  /** Calls and data plane agree again: what it did before, it has told. */
  agreed(): void {
    for (const number of this.#handed.keys()) if (number < this.#oldest) this.#handed.delete(number);
  }

  /** Takes everything back. */
  forget(): void {
    if (this.#numbers.size === 0) return;
    this.connected();
    const known = [...this.#handed.keys()];
    this.#parts.dataPlane.forget().then(
      () => {
        for (const number of known) this.#handed.delete(number);
      },
      // Without a connection they are forgotten anyway.
      () => {},
    );
  }

  /** Hands nothing over until further notice: every request has to be decided here. */
  pause(on: boolean): void {
    this.#isPaused = on;
    if (on) this.forget();
  }

  #number({ isProtected }: Pattern): number {
    if (this.#count >= MAX_HANDED) this.forget();
    this.#count += isProtected ? PROTECTED_COUNTS : 1;
    this.#next += 1;
    return this.#next - 1;
  }

  #learn(plan: PatternPlan, handed: Handed): void {
    const { dataPlane, events } = this.#parts;
    this.#handed.set(plan.number, handed);
    dataPlane.learn(plan).catch((error: unknown) => {
      if (!(error instanceof DataPlaneError)) throw error;
      events.patternRefused(error);
    });
  }

  /** Whether a deletion like this was met just once before, so that there is use in handing it over now. */
  #isSecond(pattern: Pattern, key: string): boolean {
    const kinds = this.#deletions.get(pattern) ?? new Map<string, 'seen' | 'handed'>();
    if (kinds.size === 0) this.#deletions.set(pattern, kinds);
    const before = kinds.get(key);
    if (before !== undefined) kinds.set(key, 'handed');
    else if (kinds.size < MOST_DELETIONS) kinds.set(key, 'seen');
    return before === 'seen';
  }
}

type Handed =
  | {
      readonly kind: 'offer' | 'answer';
      readonly pattern: Pattern;
      readonly isNew: boolean;
      /** Where the values of its message begin. */
      readonly start: number;
    }
  /** Calls that end by it have statistics like these. */
  | { readonly kind: 'delete'; readonly media: SessionStats };

/** In the values of a message, and those of a call: its first message made it. */
const CALL_ID = 1;
const ADDRESS = 2;
const PORT = 3;
const VALUES_IN_FRONT = 4;

/** What the data plane has to keep is bounded; a busy set of kinds is handed over again at once. */
const MAX_HANDED = 1_024;
/** Those of protected messages are several times as large as others. */
const PROTECTED_COUNTS = 4;
/** Kinds of deletions after one pattern. */
const MOST_DELETIONS = 64;
