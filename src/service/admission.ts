import { type CommandFailure, failure } from '../command/reply.js';
import type { LoadLimit } from '../command/load.js';
import type { Events } from '../observability/events.js';
import { LOAD_TEXTS, SESSION_LIMIT } from './failures.js';
import type { CallRegistry } from './registry.js';

export type AdmissionParts = {
  readonly registry: Pick<CallRegistry, 'size'>;
  readonly events: Pick<Events, 'callRejected' | 'callOverloads' | 'draining'>;
  /** As configured; the data plane goes by it, too. */
  readonly maxSessions: number | null;
  /** What the node has too much of. */
  readonly load: { readonly exceeded: readonly LoadLimit[] };
};

/** Why a new call is refused. */
export type Refusal = {
  readonly failure: CommandFailure;
  /** For clients that tell limits apart. */
  readonly detail: string;
};

/** Whether there is room for new calls; one account for all protocols. Calls that are there go on in any case. */
export class Admission {
  readonly #parts: AdmissionParts;
  #maxSessions: number | null;
  /** Offers that are about to become calls. */
  #arriving = 0;
  #draining = false;

  constructor(parts: AdmissionParts) {
    this.#parts = parts;
    this.#maxSessions = parts.maxSessions;
  }

  /** Calls, and offers about to become some. */
  get calls(): number {
    return this.#parts.registry.size + this.#arriving;
  }

  get draining(): boolean {
    return this.#draining;
  }

  /** Whether each new call is to be asked about here: the data plane knows the configured number and no more. */
  get isStrict(): boolean {
    const { load, maxSessions } = this.#parts;
    return this.#draining || this.#maxSessions !== maxSessions || load.exceeded.length > 0;
  }

  drain(on: boolean): void {
    this.#draining = on;
    this.#parts.events.draining(on);
  }

  limit(maxSessions: number | null): void {
    this.#maxSessions = maxSessions;
  }

  refusal(callId: string): Refusal | undefined {
    const { events, load } = this.#parts;
    const full = this.#maxSessions !== null && this.calls >= this.#maxSessions;
    if (full || this.#draining) {
      const code = full ? 'limit' : 'draining';
      events.callRejected(callId, code);
      return { failure: failure(code, SESSION_LIMIT), detail: SESSION_LIMIT };
    }
    const [exceeded] = load.exceeded;
    if (exceeded === undefined) return undefined;
    events.callOverloads(callId, exceeded);
    return { failure: failure('limit', SESSION_LIMIT), detail: LOAD_TEXTS[exceeded] };
  }

  /** A call is about to be made. */
  arrives(): void {
    this.#arriving += 1;
  }

  /** It was made, or not. */
  arrived(): void {
    this.#arriving -= 1;
  }

  async during<T>(task: () => Promise<T>): Promise<T> {
    this.arrives();
    try {
      return await task();
    } finally {
      this.arrived();
    }
  }
}
