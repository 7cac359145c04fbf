import type { Clock } from '../service/ports.js';
import type { CallStore, NodeNote } from './store.js';

export type HeartbeatParts = {
  readonly store: Pick<CallStore, 'announce' | 'nodes'>;
  readonly node: string;
  readonly note: () => NodeNote;
  readonly leaseMs: number;
  readonly clock: Clock;
  /** A node was not heard of for the time of its lease. */
  readonly silent: (node: string) => void;
};

/** Says that this node lives, and listens for the others. */
export class Heartbeat {
  readonly #parts: HeartbeatParts;
  /** Since when nodes are not heard of. */
  readonly #silentSince = new Map<string, number>();
  readonly #told = new Set<string>();
  #connectedMs = 0;

  constructor(parts: HeartbeatParts) {
    this.#parts = parts;
  }

  /** Others may not have been heard because we, or the store, were away: they get the time to speak. */
  connected(): void {
    this.#silentSince.clear();
    this.#connectedMs = this.#parts.clock.now();
  }

  /** How long a node has been taken for dead; 0: it is not. */
  silentMs(node: string): number {
    const since = this.#silentSince.get(node);
    if (since === undefined) return 0;
    return Math.max(0, this.#parts.clock.now() - Math.max(since, this.#connectedMs + this.#parts.leaseMs));
  }

  /** Rejects if the store does. */
  async beat(): Promise<void> {
    const { store, node, note, leaseMs, clock, silent } = this.#parts;
    await store.announce(note(), leaseMs);
    const now = clock.now();
    for (const { node: other, isAlive } of await store.nodes()) {
      if (isAlive || other === node) {
        this.#silentSince.delete(other);
        this.#told.delete(other);
      } else if (!this.#silentSince.has(other)) this.#silentSince.set(other, now);
    }
    for (const other of this.#silentSince.keys()) {
      if (this.silentMs(other) === 0 || this.#told.has(other)) continue;
      this.#told.add(other);
      silent(other);
    }
  }
}
