import { ChurningMap } from '../churning-map.js';
import type { Stored } from './store.js';

/** A call as it is stored, of somebody else or of this node before its restart. */
export type ForeignCall = Omit<Stored, 'callId'> & { readonly seenMs: number };

/** Calls that others have, kept as they are stored: each is read only if it comes to that. */
export class ForeignCalls {
  readonly #calls = new ChurningMap<string, ForeignCall>();
  readonly #changed: (size: number) => void;

  /** Told when the first one comes, or the last one goes. */
  constructor(changed: (size: number) => void) {
    this.#changed = changed;
  }

  get size(): number {
    return this.#calls.size;
  }

  get callIds(): Iterable<string> {
    return this.#calls.keys();
  }

  get(callId: string): ForeignCall | undefined {
    return this.#calls.get(callId);
  }

  has(callId: string): boolean {
    return this.#calls.size > 0 && this.#calls.get(callId) !== undefined;
  }

  /** An older state than the one that is known changes nothing. */
  set({ callId, ...call }: Stored, seenMs: number): void {
    const known = this.#calls.get(callId);
    if (known !== undefined && known.epoch > call.epoch) return;
    this.#calls.set(callId, { ...call, seenMs });
    if (this.#calls.size === 1 && known === undefined) this.#changed(1);
  }

  /** `epoch`: not if it has changed hands after that. */
  remove(callId: string, epoch = Number.POSITIVE_INFINITY): void {
    const known = this.#calls.get(callId);
    if (known === undefined || known.epoch > epoch) return;
    this.#calls.delete(callId);
    if (this.#calls.size === 0) this.#changed(0);
  }

  /** Forgets those for which it does not hold. */
  keepOnly(holds: (callId: string, call: ForeignCall) => boolean): void {
    for (const [callId, call] of [...this.#calls]) if (!holds(callId, call)) this.remove(callId);
  }

  callsOf(node: string): readonly string[] {
    return [...this.#calls].filter(([, { owner }]) => owner === node).map(([callId]) => callId);
  }
}
