import { ChurningMap } from '../churning-map.js';
import { type CachedRequest, ReplyMemory } from './reply-memory.js';

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
  #current = new ReplyMemory();
  #previous = new ReplyMemory();
  #rotatedAtMs = Number.NEGATIVE_INFINITY;
  /** What is being executed, by cookie. */
  readonly #running = new ChurningMap<string, Running>();
  #executing = 0;
  readonly #limits: ReplyCacheLimits;

  constructor(limits: Partial<ReplyCacheLimits> = {}) {
    this.#limits = { ...DEFAULT_LIMITS, ...limits };
  }

  /**
   * Replies from memory, joins the execution that is under way, or executes. What is executed is the whole answer,
   * one byte a character.
   */
  reply(request: CachedRequest, nowMs: number, execute: () => Promise<string>): CachedReply {
    this.#rotateIfDue(nowMs);
    const known = this.#current.find(request) ?? this.#previous.find(request);
    if (known !== undefined) return { kind: 'duplicate', reply: Promise.resolve(known) };
    let running = this.#running.get(request.cookie);
    while (running !== undefined && !isSame(running.request, request)) running = running.older;
    if (running !== undefined) return { kind: 'duplicate', reply: running.reply };
    if (this.#executing >= this.#limits.executing) return { kind: 'overload' };
    return { kind: 'fresh', reply: this.#run(request, execute) };
  }

  /** What the memory holds now: replies, and about how many bytes. */
  get size(): { readonly entries: number; readonly bytes: number } {
    return {
      entries: this.#current.entries + this.#previous.entries,
      bytes: this.#current.bytes + this.#previous.bytes,
    };
  }

  #run(request: CachedRequest, execute: () => Promise<string>): Promise<Buffer> {
    this.#executing += 1;
    const reply = execute().then(
      (text) => {
        this.#finished(request);
        return this.#remember(request, text);
      },
      (error: unknown) => {
        this.#finished(request);
        throw error;
      },
    );
    this.#running.set(request.cookie, { request, reply, older: this.#running.get(request.cookie) });
    return reply;
  }

  #finished(request: CachedRequest): void {
    this.#executing -= 1;
    const newest = this.#running.get(request.cookie);
    if (newest?.request === request) {
      if (newest.older === undefined) this.#running.delete(request.cookie);
      else this.#running.set(request.cookie, newest.older);
      return;
    }
    for (let one = newest; one !== undefined; one = one.older) {
      if (one.older?.request === request) one.older = one.older.older;
    }
  }

  #remember(request: CachedRequest, reply: string): Buffer {
    const { entries, bytes } = this.#limits;
    if (2 * this.#current.entries >= entries || 2 * this.#current.bytes >= bytes) this.#rotate();
    return this.#current.add(request, reply);
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
    this.#current = new ReplyMemory();
  }
}

type Running = {
  readonly request: CachedRequest;
  readonly reply: Promise<Buffer>;
  /** Another request with the same cookie. */
  older: Running | undefined;
};

function isSame(one: CachedRequest, other: CachedRequest): boolean {
  return one.address === other.address && (one.port === other.port || one.payload.equals(other.payload));
}

const DEFAULT_LIMITS: ReplyCacheLimits = {
  generationMs: 30_000,
  entries: 100_000,
  bytes: 64 * 1024 * 1024,
  executing: 20_000,
};
