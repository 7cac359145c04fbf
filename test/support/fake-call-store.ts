import type {
  CallStore,
  Change,
  KnownNode,
  NodeNote,
  Noted,
  Outcome,
  Standing,
  Stored,
  StoreListener,
  Write,
} from '../../src/replication/store.js';

type Kept = Standing & {
  order: number;
  signalledMs: number;
  keyspace: number;
  record?: Buffer;
  snapshot?: Buffer;
};

/** What all nodes of a group share, in memory. */
export class SharedStore {
  readonly calls = new Map<string, Kept>();
  readonly leases = new Map<string, { note: NodeNote; untilMs: number }>();
  changes: Change[] = [];
  /** Changes that are forgotten. */
  trimmed = 0;
  /** As a store that is full. */
  refusesToAnnounce = false;
  readonly now: () => number;

  constructor(now: () => number) {
    this.now = now;
  }

  ofNode(node: string, keyspace: number, listener: StoreListener): FakeCallStore {
    return new FakeCallStore(this, node, keyspace, listener);
  }
}

/** A node's connection to it. */
export class FakeCallStore implements CallStore {
  readonly #shared: SharedStore;
  readonly #node: string;
  readonly #keyspace: number;
  readonly #listener: StoreListener;
  /** Batches as they came. */
  readonly writes: (readonly Write[])[] = [];
  /** Each request waits for this. */
  hold: Promise<void> = Promise.resolve();
  /** Writes fail with this. */
  failure: string | undefined;
  #isUp = false;

  constructor(shared: SharedStore, node: string, keyspace: number, listener: StoreListener) {
    this.#shared = shared;
    this.#node = node;
    this.#keyspace = keyspace;
    this.#listener = listener;
  }

  up(): void {
    this.#isUp = true;
    this.#listener.connected();
  }

  down(reason = 'gone'): void {
    this.#isUp = false;
    this.#listener.disconnected(reason);
  }

  async write(writes: readonly Write[]): Promise<readonly Outcome[]> {
    this.writes.push(writes);
    await this.#turn();
    if (this.failure !== undefined) throw new Error(this.failure);
    return writes.map((write) => (write.kind === 'call' ? this.#put(write) : this.#end(write)));
  }

  async announce(note: NodeNote, forMs: number): Promise<void> {
    await this.#turn();
    if (this.#shared.refusesToAnnounce) throw new Error('OOM');
    this.#shared.leases.set(this.#node, { note, untilMs: this.#shared.now() + forMs });
  }

  async noted(): Promise<Noted | undefined> {
    await this.#turn();
    const lease = this.#shared.leases.get(this.#node);
    if (lease === undefined) return undefined;
    return { ...lease.note, host: lease.untilMs > this.#shared.now() ? lease.note.host : undefined };
  }

  async nodes(): Promise<readonly KnownNode[]> {
    await this.#turn();
    const now = this.#shared.now();
    return [...this.#shared.leases].map(([node, { untilMs }]) => ({ node, isAlive: untilMs > now }));
  }

  async *callsOf(node: string): AsyncIterable<readonly string[]> {
    await this.#turn();
    const own = [...this.#shared.calls].filter(([, { owner, hasEnded }]) => owner === node && !hasEnded);
    if (own.length > 0) yield own.map(([callId]) => callId);
  }

  async holders(callIds: readonly string[]): Promise<readonly (Standing | undefined)[]> {
    await this.#turn();
    return callIds.map((callId) => this.#shared.calls.get(callId));
  }

  async read(callIds: readonly string[]): Promise<readonly (Stored | undefined)[]> {
    await this.#turn();
    return callIds.map((callId) => {
      const kept = this.#shared.calls.get(callId);
      if (kept?.record === undefined) return undefined;
      const { owner, epoch, keyspace, record, snapshot } = kept;
      return { callId, owner, epoch, keyspace, record, snapshot };
    });
  }

  async position(): Promise<number> {
    await this.#turn();
    return this.#shared.changes.length;
  }

  async changes(after: number): Promise<readonly Change[] | undefined> {
    await this.#turn();
    const { changes, trimmed } = this.#shared;
    return after < trimmed || after > changes.length ? undefined : changes.slice(after);
  }

  close(): void {
    this.#isUp = false;
  }

  async #turn(): Promise<void> {
    await this.hold;
    if (!this.#isUp) throw new Error('no connection');
  }

  #put(write: Extract<Write, { kind: 'call' }>): Outcome {
    const { callId, epoch, order, isNew, record, snapshot, isLaidDown = false } = write;
    const known = this.#shared.calls.get(callId);
    let granted = epoch;
    if (known !== undefined) {
      if (isNew && (known.hasEnded || known.owner === this.#node)) {
        if (epoch <= known.epoch) granted = known.hasEnded ? known.epoch + 1 : known.epoch;
      } else if (
        epoch < known.epoch ||
        known.hasEnded ||
        (epoch === known.epoch && known.owner !== this.#node)
      ) {
        return refusedFor(known);
      } else if (epoch === known.epoch && order <= known.order) return { kind: 'stale', order: known.order };
    } else if (record === undefined) return { kind: 'written', epoch };
    const kept = { ...known, ...(record && { record }), ...(snapshot && { snapshot }) };
    const signalledMs = write.signalledMs ?? known?.signalledMs ?? 0;
    const own = { owner: this.#node, epoch: granted, order, signalledMs, keyspace: this.#keyspace };
    this.#shared.calls.set(callId, { ...kept, ...own, hasEnded: false, isLaidDown });
    this.#tell(callId, granted, record === undefined ? 'snapshot' : 'record');
    return { kind: 'written', epoch: granted };
  }

  #end({ callId, epoch }: Extract<Write, { kind: 'end' }>): Outcome {
    const known = this.#shared.calls.get(callId);
    if (known === undefined) return { kind: 'written', epoch };
    if (epoch < known.epoch || known.hasEnded || (epoch === known.epoch && known.owner !== this.#node))
      return refusedFor(known);
    if (epoch === 1) this.#shared.calls.delete(callId);
    else {
      const { order, signalledMs, keyspace } = known;
      const over = { hasEnded: true, isLaidDown: false };
      const ended = { owner: this.#node, epoch, order, signalledMs, keyspace, ...over };
      this.#shared.calls.set(callId, ended);
    }
    this.#tell(callId, epoch, 'end');
    return { kind: 'written', epoch };
  }

  #tell(callId: string, epoch: number, what: Change['what']): void {
    this.#shared.changes.push({ callId, owner: this.#node, epoch, keyspace: this.#keyspace, what });
  }
}

function refusedFor({ owner, epoch, signalledMs }: Kept): Outcome {
  return { kind: 'refused', owner, epoch, signalledMs };
}
