import type { ForeignCalls } from './foreign-calls.js';
import type { CallStore } from './store.js';

export type RenewalParts = {
  readonly store: Pick<CallStore, 'read'>;
  readonly node: string;
  readonly foreign: ForeignCalls;
  readonly isOpen: () => boolean;
  readonly now: () => number;
};

/** Looks at what is stored of a call before it is taken over: what follows the changes is always a little behind. */
export class Renewal {
  readonly #parts: RenewalParts;
  /** Nothing is asked before, because nothing was answered. */
  #quietUntilMs = 0;

  constructor(parts: RenewalParts) {
    this.#parts = parts;
  }

  /** Never rejects, and never takes long: the call stays as it was known if the store does not answer. */
  async of(callId: string): Promise<void> {
    const { store, isOpen, now } = this.#parts;
    if (!isOpen() || now() < this.#quietUntilMs) return;
    let patience: NodeJS.Timeout | undefined;
    const tooLong = new Promise<'too long'>((resolve) => {
      patience = setTimeout(resolve, PATIENCE_MS, 'too long');
    });
    try {
      const answer = await Promise.race([store.read([callId]), tooLong]);
      if (answer === 'too long') this.#quietUntilMs = now() + QUIET_MS;
      else this.#keep(answer[0]);
    } catch {
      this.#quietUntilMs = now() + QUIET_MS;
    } finally {
      clearTimeout(patience);
    }
  }

  /** What is not stored may have been lost with the store: that a call has ended is told by the changes. */
  #keep(stored: Awaited<ReturnType<CallStore['read']>>[number]): void {
    const { foreign, node, now } = this.#parts;
    if (stored === undefined || stored.owner === node || !foreign.has(stored.callId)) return;
    foreign.set(stored, now());
  }
}

/** Signalling waits for it. */
const PATIENCE_MS = 100;
/** Whoever takes many over does not wait for each of them. */
const QUIET_MS = 2_000;
