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
  #executing = 0;
  readonly #limits: ReplyCacheLimits;

  constructor(limits: Partial<ReplyCacheLimits> = {}) {
    this.#limits = { ...DEFAULT_LIMITS, ...limits };
  }

  /** Replies from memory, joins the execution that is under way, or executes. */
  reply(request: CachedRequest, nowMs: number, execute: () => Promise<Buffer>): CachedReply {
    this.#rotateIfDue(nowMs);
    const { address, port, cookie } = request;
    const digest = digestOf(request.payload);
    const known =
      this.#current.find(cookie, address, port, digest) ?? this.#previous.find(cookie, address, port, digest);
    if (known !== undefined) return { kind: 'duplicate', reply: replyOf(known) };
    if (this.#executing >= this.#limits.executing) return { kind: 'overload' };
    const reply = execute();
    this.#remember({ cookie, address, port, digest, held: reply, at: 0, length: 0, older: undefined }, reply);
    return { kind: 'fresh', reply };
  }

  /** What the memory holds now: replies, and about how many bytes. */
  get size(): { readonly entries: number; readonly bytes: number } {
    return {
      entries: this.#current.entries + this.#previous.entries,
      bytes: this.#current.bytes + this.#previous.bytes,
    };
  }

  #remember(entry: Entry, running: Promise<Buffer>): void {
    const full =
      2 * this.#current.entries >= this.#limits.entries || 2 * this.#current.bytes >= this.#limits.bytes;
    if (full) this.#rotate();
    const generation = this.#current;
    generation.add(entry);
    this.#executing += 1;
    running.then(
      (reply) => {
        this.#executing -= 1;
        generation.complete(entry, reply);
      },
      () => {
        this.#executing -= 1;
        generation.remove(entry);
      },
    );
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

type Entry = {
  readonly cookie: string;
  readonly address: string;
  readonly port: number;
  readonly digest: number;
  /** The reply to come; then the block of memory it is in, among others. */
  held: Promise<Buffer> | Buffer;
  at: number;
  length: number;
  /** Another request with the same cookie. */
  older: Entry | undefined;
};

/** Replies of one span of time; forgotten together. */
class Generation {
  readonly #byCookie = new Map<string, Entry>();
  #block = Buffer.alloc(0);
  #used = 0;
  entries = 0;
  bytes = 0;

  find(cookie: string, address: string, port: number, digest: number): Entry | undefined {
    let entry = this.#byCookie.get(cookie);
    while (entry !== undefined && !isSame(entry, address, port, digest)) entry = entry.older;
    return entry;
  }

  add(entry: Entry): void {
    entry.older = this.#byCookie.get(entry.cookie);
    this.#byCookie.set(entry.cookie, entry);
    this.entries += 1;
    this.bytes += entry.cookie.length + ENTRY_OVERHEAD_BYTES;
  }

  /** A copy in a block with others: a buffer for each reply would keep the collector busy. */
  complete(entry: Entry, reply: Buffer): void {
    if (this.#used + reply.length > this.#block.length) {
      this.#block = Buffer.allocUnsafeSlow(Math.max(BLOCK_BYTES, reply.length));
      this.#used = 0;
    }
    reply.copy(this.#block, this.#used);
    entry.held = this.#block;
    entry.at = this.#used;
    entry.length = reply.length;
    this.#used += reply.length;
    this.bytes += reply.length;
  }

  remove(gone: Entry): void {
    const kept: Entry[] = [];
    for (let entry = this.#byCookie.get(gone.cookie); entry !== undefined; entry = entry.older)
      kept.push(entry);
    this.#byCookie.delete(gone.cookie);
    this.entries -= kept.length;
    this.bytes -= kept.length * (gone.cookie.length + ENTRY_OVERHEAD_BYTES);
    for (const entry of kept.reverse()) if (entry !== gone) this.add(entry);
  }
}

function replyOf({ held, at, length }: Entry): Promise<Buffer> {
  return held instanceof Promise ? held : Promise.resolve(held.subarray(at, at + length));
}

function isSame(entry: Entry, address: string, port: number, digest: number): boolean {
  return entry.address === address && (entry.port === port || entry.digest === digest);
}

/** FNV-1a with the length. Only requests of one address and one cookie are told apart by it. */
function digestOf(payload: Uint8Array): number {
  let hash = 0x811c9dc5 ^ payload.length;
  for (let at = 0; at < payload.length; at += 1) {
    hash = Math.imul(hash ^ (payload[at] ?? 0), 0x01000193);
  }
  return hash;
}

/** A map entry, a key, and the entry itself. */
const ENTRY_OVERHEAD_BYTES = 200;
const BLOCK_BYTES = 64 * 1024;

const DEFAULT_LIMITS: ReplyCacheLimits = {
  generationMs: 30_000,
  entries: 100_000,
  bytes: 64 * 1024 * 1024,
  executing: 20_000,
};
