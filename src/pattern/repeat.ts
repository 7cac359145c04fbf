import type { Call } from '../call/call.js';
import type { CallStatistics } from '../command/reply.js';
import type { Pattern } from './pattern.js';

/** A call that differs from many others in nothing but values: these, and what it has in common with the others. */
export class Repeat {
  readonly kind = 'repeat';
  readonly callId: string;
  readonly pattern: Pattern;
  /** All values in one text: a tenth of the memory of a call. */
  readonly #values: string;

  /** `values`: or the text of all of them. */
  constructor(callId: string, pattern: Pattern, values: readonly string[] | string) {
    this.callId = callId;
    this.pattern = pattern;
    this.#values = typeof values === 'string' ? values : values.join(SEPARATOR);
  }

  get values(): readonly string[] {
    return this.#values.split(SEPARATOR);
  }

  get createdMs(): number {
    const at = this.pattern.createdAt;
    return Number(this.#values.split(SEPARATOR, at + 1)[at]);
  }

  call(): Call {
    return this.pattern.call.fill(this.values);
  }

  /** What `describeCall` would tell of it without its media. */
  statistics(): CallStatistics {
    return this.pattern.statistics.fill(this.values);
  }
}

/** Between values, which have none; the data plane's, too. */
export const SEPARATOR = '~';
