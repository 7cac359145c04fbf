import type { Call } from '../call/call.js';
import { countFamilies, type FamilyCounts, type MediaFamilies, mediaFamilies } from '../call/families.js';
import { ChurningMap } from '../churning-map.js';
import type { Pattern } from '../pattern/pattern.js';
import { Repeat } from '../pattern/repeat.js';
import { DataPlaneError } from './ports.js';

/** Told of every change of a call, whoever made it. */
export type RegistryWatcher = { changed(callId: string): void; removed(callId: string): void };

/** Calls by Call-ID, and for each call a queue in which commands and events take their turns. */
export class CallRegistry {
  readonly #calls = new ChurningMap<string, Call | Repeat>();
  /** Who waits for a turn, for each call that has a task; a call at rest costs nothing here. */
  readonly #turns = new ChurningMap<string, (() => void)[]>();
  #watcher: RegistryWatcher | undefined;

  watch(watcher: RegistryWatcher): void {
    this.#watcher = watcher;
  }

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

  /** Answered calls by the addresses of their parties. */
  families(): FamilyCounts {
    return countFamilies(familiesOf(this.#calls));
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
    this.#watcher?.changed(call.callId);
  }

  remove(callId: string): void {
    if (this.#calls.delete(callId)) this.#watcher?.removed(callId);
  }

  /**
   * Runs `task` when all tasks of this call that came before have finished, whatever became of them; and again, if the
   * data plane has meanwhile changed the call by a pattern.
   */
  async run<T>(callId: string, task: () => Promise<T> | T): Promise<T> {
    const waiting = this.#turns.get(callId);
    if (waiting === undefined) this.#turns.set(callId, []);
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await persistently(task);
    } finally {
      this.#next(callId);
    }
  }

  #next(callId: string): void {
    const next = this.#turns.get(callId)?.shift();
    if (next === undefined) this.#turns.delete(callId);
    else next();
  }
}

/** Repeats of a pattern do not differ in that, so one of them is looked at. */
function* familiesOf(calls: ChurningMap<string, Call | Repeat>): Iterable<MediaFamilies | undefined> {
  const ofPatterns = new Map<Pattern, MediaFamilies | undefined>();
  for (const [, held] of calls) {
    if (held instanceof Repeat) {
      const { pattern } = held;
      if (!ofPatterns.has(pattern)) ofPatterns.set(pattern, mediaFamilies(held.call()));
      yield ofPatterns.get(pattern);
    } else yield mediaFamilies(held);
  }
}

async function persistently<T>(task: () => Promise<T> | T): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await task();
    } catch (error) {
      if (!isOvertaken(error) || attempt === MOST_ATTEMPTS) throw error;
    }
  }
}

function isOvertaken(error: unknown): boolean {
  return error instanceof DataPlaneError && error.detail.code === 'overtaken';
}

/** Each time some request of a client came in between. */
const MOST_ATTEMPTS = 8;

export function callOf(held: Call | Repeat): Call {
  return held instanceof Repeat ? held.call() : held;
}
