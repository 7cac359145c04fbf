/** One thing to be told to one target. */
export type Delivery = {
  /** What has this id already is not taken in again. */
  readonly id: string;
  /** Deliveries of one call go out in the order they came. */
  readonly callId: string;
  readonly event: string;
  readonly body: Buffer;
  readonly headers: Readonly<Record<string, string>>;
  /** Does not wait to see whether it was taken: the next of its call comes soon. */
  readonly isPrompt?: true;
};

export type Outcome =
  /** `remark`: delivered, but answered in a way worth a look. */
  | { readonly kind: 'done'; readonly remark?: string }
  /** The target answered and did not take it. */
  | { readonly kind: 'refused'; readonly reason: string; readonly forGood: boolean }
  /** No answer: all that waits for the target waits on. */
  | { readonly kind: 'unreachable'; readonly reason: string };

export type QueueLimits = {
  /** At the same time, of different calls. */
  readonly concurrency: number;
  readonly capacity: number;
  /** Answers of refusal after which it is given up. */
  readonly attempts: number;
  readonly maxAgeMs: number;
  /** Wait before the next attempt, after this many in vain. */
  readonly pauseMs: (failures: number) => number;
};

export type QueueEvents = {
  delivered(delivery: Delivery, remark: string | undefined): void;
  lost(delivery: Delivery, reason: string): void;
};

export type QueueParts = {
  readonly deliver: (delivery: Delivery) => Promise<Outcome>;
  readonly limits: QueueLimits;
  readonly events: QueueEvents;
  readonly now: () => number;
};

/**
 * What waits for one target: at least once, in order per call, bounded in number and age. A target that does not
 * answer is asked with a single delivery at a time until it does.
 */
export class DeliveryQueue {
  readonly #parts: QueueParts;
  /** By call; the first of each may be under way. */
  readonly #lines = new Map<string, Entry[]>();
  /** Calls whose first delivery may go out, in order. */
  #ready: string[] = [];
  readonly #seen = new Set<string>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #size = 0;
  #underWay = 0;
  /** Attempts in a row without any answer. */
  #unanswered = 0;
  #paused = false;
  #closed = false;

  constructor(parts: QueueParts) {
    this.#parts = parts;
  }

  /** Deliveries that wait or are under way. */
  get size(): number {
    return this.#size;
  }

  add(delivery: Delivery): void {
    const { limits, events, now } = this.#parts;
    if (this.#seen.has(delivery.id)) return;
    const refusal = this.#closed ? 'shutting down' : 'too many notices wait';
    if (this.#closed || this.#size >= limits.capacity) {
      events.lost(delivery, refusal);
      return;
    }
    this.#remember(delivery.id);
    this.#size += 1;
    const entry = { delivery, sinceMs: now(), refusals: 0, trouble: 'target is slow' };
    const line = this.#lines.get(delivery.callId);
    if (line !== undefined) {
      line.push(entry);
      return;
    }
    this.#lines.set(delivery.callId, [entry]);
    this.#ready.push(delivery.callId);
    this.#pump();
  }

  close(): void {
    this.#closed = true;
    for (const timer of this.#timers) clearTimeout(timer);
    for (const { delivery } of [...this.#lines.values()].flat()) {
      this.#parts.events.lost(delivery, 'shutting down');
    }
    this.#lines.clear();
    this.#size = 0;
  }

  #pump(): void {
    while (!this.#closed && !this.#paused && this.#underWay < this.#width()) {
      const callId = this.#ready.shift();
      if (callId === undefined) return;
      const entry = this.#lines.get(callId)?.[0];
      if (entry === undefined) continue;
      if (this.#parts.now() - entry.sinceMs > this.#parts.limits.maxAgeMs) this.#lose(entry, entry.trouble);
      else void this.#send(entry);
    }
  }

  #width(): number {
    return this.#unanswered > 0 ? 1 : this.#parts.limits.concurrency;
  }

  /** Never rejects. */
  async #send(entry: Entry): Promise<void> {
    this.#underWay += 1;
    const outcome = await this.#parts.deliver(entry.delivery).catch(broken);
    this.#underWay -= 1;
    if (this.#closed) return;
    const { limits, events } = this.#parts;
    switch (outcome.kind) {
      case 'done':
        this.#unanswered = 0;
        events.delivered(entry.delivery, outcome.remark);
        this.#advance(entry);
        break;
      case 'refused':
        this.#unanswered = 0;
        entry.refusals += 1;
        entry.trouble = outcome.reason;
        if (outcome.forGood || entry.refusals >= limits.attempts) this.#lose(entry, outcome.reason);
        else this.#after(limits.pauseMs(entry.refusals), () => this.#ready.push(entry.delivery.callId));
        break;
      case 'unreachable':
        entry.trouble = outcome.reason;
        this.#ready.unshift(entry.delivery.callId);
        this.#pause();
        break;
    }
    this.#pump();
  }

  /** Those that were under way together count as one attempt. */
  #pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#unanswered += 1;
    this.#after(this.#parts.limits.pauseMs(this.#unanswered), () => {
      this.#paused = false;
    });
  }

  #after(ms: number, what: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      what();
      this.#pump();
    }, ms);
    this.#timers.add(timer);
  }

  #lose(entry: Entry, reason: string): void {
    this.#parts.events.lost(entry.delivery, reason);
    this.#advance(entry);
  }

  #advance({ delivery: { callId } }: Entry): void {
    this.#size -= 1;
    const line = this.#lines.get(callId);
    line?.shift();
    if (line === undefined || line.length === 0) this.#lines.delete(callId);
    else this.#ready.push(callId);
  }

  /** As many ids as can wait; the oldest give way. */
  #remember(id: string): void {
    this.#seen.add(id);
    if (this.#seen.size <= this.#parts.limits.capacity) return;
    for (const oldest of this.#seen) {
      this.#seen.delete(oldest);
      break;
    }
  }
}

type Entry = { readonly delivery: Delivery; readonly sinceMs: number; refusals: number; trouble: string };

function broken(error: unknown): Outcome {
  return { kind: 'refused', reason: error instanceof Error ? error.message : String(error), forGood: true };
}
