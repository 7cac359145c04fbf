import type { Clock } from '../service/ports.js';
import type { ForeignCalls } from './foreign-calls.js';
import type { CallStore, Change, Holder, Stored } from './store.js';

export type FollowerParts = {
  readonly store: Pick<CallStore, 'callsOf' | 'changes' | 'holders' | 'nodes' | 'position' | 'read'>;
  readonly node: string;
  readonly foreign: ForeignCalls;
  readonly follows: (keyspace: number) => boolean;
  /** Somebody else has this call now, or has ended it. */
  readonly takenElsewhere: (callId: string, holder: Holder) => void;
  readonly clock: Clock;
  /** Told when all calls of others are known, after each new beginning. */
  readonly complete: () => void;
};

/** Keeps up with what other nodes store: all there is at first, then each change. Begins anew if it has lost the thread. */
export class Follower {
  readonly #parts: FollowerParts;
  #position: number | undefined;

  constructor(parts: FollowerParts) {
    this.#parts = parts;
  }

  /** All calls of others are known. */
  get isComplete(): boolean {
    return this.#position !== undefined;
  }

  /** Reads everything anew in the next round. */
  restart(): void {
    this.#position = undefined;
  }

  /** Takes in what is new. Rejects if the store does; the next round goes on from there. */
  async round(): Promise<void> {
    if (this.#position === undefined) {
      const position = await this.#readAll();
      this.#position = position;
      this.#parts.complete();
    }
    for (;;) {
      const after: number | undefined = this.#position;
      if (after === undefined) return;
      const changes = await this.#parts.store.changes(after);
      // Somebody wants a new beginning, or it takes one.
      if (this.#position !== after) return;
      if (changes === undefined) return this.restart();
      if (changes.length === 0) return;
      await this.#take(changes);
      if (this.#position === after) this.#position = after + changes.length;
    }
  }

  async #readAll(): Promise<number> {
    const { store, node, foreign } = this.#parts;
    const position = await store.position();
    const seen = new Set<string>();
    for (const { node: other } of await store.nodes()) {
      if (other === node) continue;
      for await (const callIds of store.callsOf(other)) {
        for (const callId of await this.#read(callIds)) seen.add(callId);
      }
    }
    foreign.keepOnly((callId, { owner }) => owner === node || seen.has(callId));
    return position;
  }

  async #take(changes: readonly Change[]): Promise<void> {
    const { node, foreign, follows, takenElsewhere } = this.#parts;
    const changed = new Set<string>();
    for (const { callId, owner, epoch, keyspace, what } of changes) {
      if (owner === node) continue;
      takenElsewhere(callId, { owner, epoch, hasEnded: what === 'end' });
      if (what === 'end') {
        changed.delete(callId);
        foreign.remove(callId, epoch);
      } else if (follows(keyspace)) changed.add(callId);
    }
    const callIds = [...changed];
    for (let start = 0; start < callIds.length; start += PAGE) {
      await this.#read(callIds.slice(start, start + PAGE));
    }
  }

  /** Those that are others' and kept. */
  async #read(callIds: readonly string[]): Promise<readonly string[]> {
    const { store, foreign, clock } = this.#parts;
    const kept: string[] = [];
    const stored = await store.read(callIds);
    for (const call of stored) {
      if (call === undefined || !this.#isWanted(call)) continue;
      foreign.set(call, clock.now());
      this.#parts.takenElsewhere(call.callId, { ...call, hasEnded: false });
      kept.push(call.callId);
    }
    return kept;
  }

  #isWanted({ owner, keyspace }: Stored): boolean {
    return owner !== this.#parts.node && this.#parts.follows(keyspace);
  }
}

const PAGE = 100;
