import type { Call } from '../call/call.js';
import { ChurningMap } from '../churning-map.js';
import { Repeat } from '../pattern/repeat.js';

/** Calls by Call-ID, and for each call a queue in which commands and events take their turns. */
export class CallRegistry {
  readonly #calls = new ChurningMap<string, Call | Repeat>();
  /** The last task of each call that has any; a call at rest costs nothing here. */
  readonly #tails = new ChurningMap<string, Promise<unknown>>();

  get size(): number {
    return this.#calls.size;
  }

  get callIds(): Iterable<string> {
    return this.#calls.keys();
  }

  /** All calls, written out. */
  get calls(): ReadonlyMap<string, Call> {
    return new Map([...this.#calls].map(([callId, held]) => [callId, callOf(held)]));
  }

  find(callId: string): Call | undefined {
    const held = this.#calls.get(callId);
    return held && callOf(held);
  }

  /** The call as it is kept. */
  held(callId: string): Call | Repeat | undefined {
    return this.#calls.get(callId);
  }

  set(call: Call | Repeat): void {
    this.#calls.set(call.callId, call);
  }

  remove(callId: string): void {
    this.#calls.delete(callId);
  }

  /** Runs `task` when all tasks of this call that came before have finished, whatever became of them. */
  run<T>(callId: string, task: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(callId);
    const current = before === undefined ? task() : before.then(task, task);
    this.#tails.set(callId, current);
    const finished = (): void => {
      if (this.#tails.get(callId) === current) this.#tails.delete(callId);
    };
    current.then(finished, finished);
    return current;
  }
}

export function callOf(held: Call | Repeat): Call {
  return held instanceof Repeat ? held.call() : held;
}
