import type { Outcome } from './delivery-queue.js';

/**
 * What was given to a listener that never answers. It counts as taken when the way to the listener has held for a
 * moment afterwards; what was given just before it broke is told again.
 */
export class Unconfirmed {
  readonly #settle = new Set<(outcome: Outcome) => void>();

  wait(): Promise<Outcome> {
    return new Promise((resolve) => {
      const settle = (outcome: Outcome): void => {
        clearTimeout(timer);
        this.#settle.delete(settle);
        resolve(outcome);
      };
      const timer = setTimeout(() => settle({ kind: 'done' }), HOLD_MS);
      this.#settle.add(settle);
    });
  }

  broken(reason: string): void {
    for (const settle of this.#settle) settle({ kind: 'unreachable', reason });
  }
}

/** A reset or an ICMP message of a listener that is gone comes within a round trip. */
const HOLD_MS = 250;
