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

  constructor(callId: string, pattern: Pattern, values: readonly string[]) {
    this.callId = callId;
    this.pattern = pattern;
    this.#values = values.join(SEPARATOR);
  }

  get values(): readonly string[] {
    return this.#values.split(SEPARATOR);
  }

  call(): Call {
    return this.pattern.call.fill(this.values);
  }

  /** What `describeCall` would tell of it without its media. */
  statistics(): CallStatistics {
    return this.pattern.statistics.fill(this.values);
  }
}

/** Values are printable. */
const SEPARATOR = '\n';
