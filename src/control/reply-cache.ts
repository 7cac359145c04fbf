/** A request as far as telling duplicates apart needs it. */
export type CachedRequest = {
  readonly address: string;
  readonly port: number;
  readonly cookie: string;
  readonly payload: Uint8Array;
};

export type CachedReply =
  /** `fresh`: this request is the one that was executed. */
  | { readonly kind: 'fresh' | 'duplicate'; readonly reply: Promise<Buffer> }
  /** Too many commands are being executed: the client will repeat its request. */
  | { readonly kind: 'overload' };

export type ReplyCacheLimits = {
  readonly generationMs: number;
  readonly entries: number;
  readonly bytes: number;
  readonly executing: number;
};

/**
 * Remembers replies for 30 to 60 seconds, so that a repeated request is not executed twice.
 *
 * A request is known by its source and its cookie, and also, should it come from another port of the same
 * address, by cookie and content. The cookie alone will not do: Kamailio up to 6.0 starts over with the same
 * cookies after a restart, from another port.
 */
export class ReplyCache {
  #current = new Generation();
  #previous = new Generation();
  #rotatedAtMs = Number.NEGATIVE_INFINITY;
  readonly #executing = new Map<string, Promise<Buffer>>();
  readonly #limits: ReplyCacheLimits;

  constructor(limits: Partial<ReplyCacheLimits> = {}) {
    this.#limits = { ...DEFAULT_LIMITS, ...limits };
  }

  /** Replies from memory, joins the execution that is under way, or executes. */
  reply(request: CachedRequest, nowMs: number, execute: () => Promise<Buffer>): CachedReply {
    this.#rotateIfDue(nowMs);
    const bySource = `s ${request.address} ${request.port} ${request.cookie}`;
    const byContent = `c ${request.address} ${digest(request.payload)} ${request.cookie}`;
    const known = this.#find(bySource) ?? this.#find(byContent);
    if (known !== undefined) return { kind: 'duplicate', reply: known };
    if (this.#executing.size >= 2 * this.#limits.executing) return { kind: 'overload' };
    const reply = this.#execute([bySource, byContent], execute);
    return { kind: 'fresh', reply };
  }

  /** What the memory holds now: replies, and about how many bytes. */
  get size(): { readonly entries: number; readonly bytes: number } {
    return {
      entries: this.#current.entries + this.#previous.entries,
      bytes: this.#current.bytes + this.#previous.bytes,
    };
  }

  #find(key: string): Promise<Buffer> | undefined {
    const executing = this.#executing.get(key);
    if (executing !== undefined) return executing;
    const reply = this.#current.replies.get(key) ?? this.#previous.replies.get(key);
    return reply === undefined ? undefined : Promise.resolve(reply);
  }

  async #execute(keys: readonly string[], execute: () => Promise<Buffer>): Promise<Buffer> {
    const running = execute();
    for (const key of keys) this.#executing.set(key, running);
    try {
      const reply = await running;
      this.#remember(keys, reply);
      return reply;
    } finally {
      for (const key of keys) this.#executing.delete(key);
    }
  }

  #remember(keys: readonly string[], reply: Buffer): void {
    const full =
      2 * this.#current.entries >= this.#limits.entries || 2 * this.#current.bytes >= this.#limits.bytes;
    if (full) this.#rotate();
    this.#current.add(keys, reply);
  }

  #rotateIfDue(nowMs: number): void {
    const age = nowMs - this.#rotatedAtMs;
    if (age < this.#limits.generationMs) return;
    this.#rotate();
    if (age >= 2 * this.#limits.generationMs) this.#rotate();
    this.#rotatedAtMs = nowMs;
  }

  #rotate(): void {
    this.#previous = this.#current;
    this.#current = new Generation();
  }
}

/** Replies of one span of time; forgotten together. */
class Generation {
  readonly replies = new Map<string, Buffer>();
  entries = 0;
  bytes = 0;

  add(keys: readonly string[], reply: Buffer): void {
    for (const key of keys) this.replies.set(key, reply);
    this.entries += 1;
    this.bytes += keys.reduce((sum, key) => sum + key.length, reply.length + ENTRY_OVERHEAD_BYTES);
  }
}

/** FNV-1a with the length. Only requests of one address and one cookie are told apart by it. */
function digest(payload: Uint8Array): string {
  let hash = 0x811c9dc5;
  for (let at = 0; at < payload.length; at += 1) {
    hash = Math.imul(hash ^ (payload[at] ?? 0), 0x01000193);
  }
  return `${payload.length}:${hash >>> 0}`;
}

/** Measured: two map entries, two keys and a small buffer object. */
const ENTRY_OVERHEAD_BYTES = 400;

const DEFAULT_LIMITS: ReplyCacheLimits = {
  generationMs: 30_000,
  entries: 100_000,
  bytes: 64 * 1024 * 1024,
  executing: 20_000,
};
