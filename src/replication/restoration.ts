import type { ForeignCalls } from './foreign-calls.js';
import type { CallStore, Write } from './store.js';

export type RestorationParts = {
  readonly store: Pick<CallStore, 'write'>;
  readonly node: string;
  readonly foreign: ForeignCalls;
  /** Goes on with them, as far as that can be done. */
  readonly restore: (callIds: readonly string[]) => Promise<void>;
};

/** Calls of this node that a data plane had which is gone, until each of them is back or marked as laid down. */
export class Restoration {
  readonly #parts: RestorationParts;
  #former: string | undefined;
  #state: 'waiting' | 'running' | 'done' = 'waiting';

  constructor(parts: RestorationParts) {
    this.#parts = parts;
  }

  /**
   * The start of that data plane. This node is announced with it until all is done: a control plane that dies before
   * leaves the rest to the next one.
   */
  get former(): string | undefined {
    return this.#former;
  }

  find(former: string): void {
    this.#former ??= former;
  }

  async run(): Promise<void> {
    if (this.#former === undefined || this.#state !== 'waiting') return;
    const { foreign, node, restore } = this.#parts;
    this.#state = 'running';
    try {
      await restore(foreign.callsOf(node));
    } finally {
      this.#state = 'done';
    }
    await this.finish();
  }

  /** Marks what could not be restored, if that is still to be done. Rejects if the store does. */
  async finish(): Promise<void> {
    if (this.#former === undefined || this.#state !== 'done') return;
    const { store, foreign, node } = this.#parts;
    const left = foreign.callsOf(node);
    for (let start = 0; start < left.length; start += PAGE) {
      const writes = left.slice(start, start + PAGE).flatMap((callId): readonly Write[] => {
        const epoch = foreign.get(callId)?.epoch;
        if (epoch === undefined) return [];
        return [{ kind: 'call', callId, epoch, order: LAST, isNew: false, isLaidDown: true }];
      });
      for (const outcome of await store.write(writes))
        if (outcome.kind === 'failed') throw new Error(outcome.reason);
    }
    this.#former = undefined;
  }
}

const PAGE = 200;
/** Whoever goes on with the call writes under a later epoch. */
const LAST = Number.MAX_SAFE_INTEGER;
