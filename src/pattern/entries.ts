import { Recent } from '../recent.js';
import { Learning } from './learning.js';
import type { Message } from './message.js';
import type { Pattern } from './pattern.js';

export type Entry =
  | { readonly kind: 'seen' }
  | { readonly kind: 'none' }
  | { readonly kind: 'pattern'; readonly pattern: Pattern };

/**
 * Patterns of protected messages by key and by the pattern before them. They are a hundred times as large as others, so
 * there are few, and what was only seen cannot displace any.
 */
export class ProtectedEntries {
  readonly #patterns = new Recent<Pattern>(MAX_PROTECTED);
  readonly #others = new Recent<Entry>(MAX_SEEN);
  readonly #learning = new Learning(MOST_AT_ONCE, PER_SECOND);
  readonly #numbers = new WeakMap<Pattern, number>();
  #next = 1;

  /** `undefined`: there is no use in learning from this message, or no time. */
  of(message: Message, before: Pattern | undefined, nowMs: number): Entry | undefined {
    const key = this.#keyOf(message, before);
    const pattern = this.#patterns.get(key);
    if (pattern !== undefined) return { kind: 'pattern', pattern };
    const entry = this.#others.get(key);
    if (entry === undefined) this.#others.set(key, SEEN);
    return entry?.kind === 'seen' && this.#learning.take(nowMs) ? entry : undefined;
  }

  learn(message: Message, before: Pattern | undefined, pattern: Pattern | undefined): void {
    const key = this.#keyOf(message, before);
    if (pattern === undefined) {
      this.#others.set(key, NONE);
      return;
    }
    this.#patterns.set(key, pattern);
  }

  clear(): void {
    this.#patterns.clear();
    this.#others.clear();
  }

  #keyOf({ key }: Message, before: Pattern | undefined): string {
    return before === undefined ? key : `${this.#numberOf(before)} ${key}`;
  }

  /** Calls outlive what is known: no number is given twice. */
  #numberOf(pattern: Pattern): number {
    const known = this.#numbers.get(pattern);
    if (known !== undefined) return known;
    const number = this.#next;
    this.#next += 1;
    this.#numbers.set(pattern, number);
    return number;
  }
}

const SEEN: Entry = { kind: 'seen' };
const NONE: Entry = { kind: 'none' };

const MAX_PROTECTED = 256;
const MAX_SEEN = 256;
/** Learning one takes the time of a dozen negotiations. */
const MOST_AT_ONCE = 64;
const PER_SECOND = 8;
