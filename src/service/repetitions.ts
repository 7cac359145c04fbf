import type { Call } from '../call/call.js';
import type { AnswerCommand, Client, OfferCommand } from '../command/command.js';
import type { Events } from '../observability/events.js';
import { handedOver, type SdpReply } from '../pattern/hand-over.js';
import type { Pattern } from '../pattern/pattern.js';
import type { RepeatedStep } from '../pattern/patterns.js';
import { Repeat } from '../pattern/repeat.js';
import { type DataPlane, DataPlaneError, type Repetition } from './ports.js';
import type { CallRegistry } from './registry.js';

export type RepetitionParts = {
  readonly dataPlane: Pick<DataPlane, 'learn' | 'forget'>;
  /** Until calls and data plane agree, nobody else may open ports: some are those of calls to be brought back. */
  readonly attachment: { readonly isReady: boolean };
  readonly registry: Pick<CallRegistry, 'held'>;
  readonly store: (call: Repeat, before: Call | Repeat | undefined) => void;
  readonly events: Pick<Events, 'callCreated' | 'patternRefused'>;
  /** How clients are told of an SDP; `null`: the data plane answers no requests. */
  readonly reply: SdpReply | null;
  /** Told of every request that was answered. */
  readonly answered: (client: Client, command: 'offer' | 'answer', seconds: number) => void;
};

/**
 * Lets the data plane repeat what was decided here, and takes in what it has done by that. Handing over can be left
 * out at any time: what the data plane does not know, it asks.
 */
export class Repetitions {
  readonly #parts: RepetitionParts;
  /** What the data plane knows now. */
  #numbers = new Map<Pattern, number>();
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
    const { attachment, dataPlane, events, reply } = this.#parts;
    const { written } = command;
    if (reply === null || written === undefined || this.#isPaused || !attachment.isReady) return;
    if (this.#numbers.has(pattern) || pattern.planData === undefined) return;
    const after = before === undefined ? null : this.#numbers.get(before.pattern);
    if (after === undefined) return;
    if (this.#numbers.size >= MAX_HANDED) this.forget();
    const number = this.#next;
    this.#next += 1;
    this.#numbers.set(pattern, number);
    const plan = handedOver(pattern, message, written, reply, { number, after });
    if (plan === undefined) return;
    this.#handed.set(number, { pattern, kind: command.kind, isNew: after === null, start: message.start });
    dataPlane.learn(plan).catch((error: unknown) => {
      if (!(error instanceof DataPlaneError)) throw error;
      events.patternRefused(error);
    });
  }

  /** Takes in what the data plane has done, as if it had been done here. */
  take({ pattern: number, micros, values }: Repetition): void {
    const { registry, store, events, answered } = this.#parts;
    const handed = this.#handed.get(number);
    if (handed === undefined) throw new Error(`the data plane repeats pattern ${number}, which there is not`);
    const { pattern, kind, isNew, start } = handed;
    const words = values.split(' ', start + VALUES_IN_FRONT);
    const callId = words[CALL_ID] ?? '';
    const client: Client = {
      address: words[start + ADDRESS] ?? '',
      port: Number(words[start + PORT]),
      protocol: 'ng',
    };
    answered(client, kind, micros / 1e6);
    const before = registry.held(callId);
    // It has ended here while it was answered there; its session is about to end, too.
    if (!isNew && before === undefined) return;
    store(new Repeat(callId, pattern, values), before);
    if (isNew) events.callCreated(callId, client);
  }

  /** The data plane knows nothing any more: it is another one, or connected anew. */
  connected(): void {
    this.#numbers = new Map();
    this.#oldest = this.#next;
  }

  /** Calls and data plane agree again: what it did before, it has told. */
  agreed(): void {
    for (const number of this.#handed.keys()) if (number < this.#oldest) this.#handed.delete(number);
  }

  /** Takes everything back. */
  forget(): void {
    if (this.#numbers.size === 0) return;
    this.#numbers = new Map();
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
}

type Handed = {
  readonly pattern: Pattern;
  readonly kind: 'offer' | 'answer';
  readonly isNew: boolean;
  /** Where the values of its message begin. */
  readonly start: number;
};

/** In the values of a message, and those of a call: its first message made it. */
const CALL_ID = 1;
const ADDRESS = 2;
const PORT = 3;
const VALUES_IN_FRONT = 4;

/** What the data plane has to keep is bounded; a busy set of kinds is handed over again at once. */
const MAX_HANDED = 1_024;
