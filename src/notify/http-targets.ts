import {
  type Delivery,
  DeliveryQueue,
  type Outcome,
  type QueueEvents,
  type QueueLimits,
} from './delivery-queue.js';
import { HttpPoster, type HttpResponse } from './http-post.js';

export type HttpTargetsParts = {
  readonly limits: QueueLimits;
  /** What an answer means. */
  readonly judge: (response: HttpResponse) => Outcome;
  readonly events: (url: string) => QueueEvents;
  readonly now: () => number;
};

/** A queue and connections for each URL, so that a dead target delays nobody. */
export class HttpTargets {
  readonly #parts: HttpTargetsParts;
  readonly #targets = new Map<string, Target>();

  constructor(parts: HttpTargetsParts) {
    this.#parts = parts;
  }

  get waiting(): number {
    return [...this.#targets.values()].reduce((total, { queue }) => total + queue.size, 0);
  }

  send(url: string, delivery: Delivery): void {
    const target = this.#targets.get(url) ?? this.#open(url);
    if (typeof target === 'string') this.#parts.events(url).lost(delivery, target);
    else target.queue.add(delivery);
  }

  close(): void {
    for (const { queue, poster } of this.#targets.values()) {
      queue.close();
      poster.close();
    }
  }

  /** The new target, or why there is none. */
  #open(url: string): Target | string {
    if (!URL.canParse(url)) return 'not a URL';
    if (this.#targets.size >= MAX_TARGETS && !this.#forgetIdle()) return 'too many targets';
    const { limits, judge, events, now } = this.#parts;
    const poster = new HttpPoster(url, limits.concurrency);
    const deliver = async ({ body, headers }: Delivery): Promise<Outcome> => {
      const response = await poster.post(body, headers).catch(unreachable);
      return 'kind' in response ? response : judge(response);
    };
    const target = { poster, queue: new DeliveryQueue({ deliver, limits, events: events(url), now }) };
    this.#targets.set(url, target);
    return target;
  }

  #forgetIdle(): boolean {
    for (const [url, { queue, poster }] of this.#targets) {
      if (queue.size > 0) continue;
      poster.close();
      this.#targets.delete(url);
      return true;
    }
    return false;
  }
}

type Target = { readonly queue: DeliveryQueue; readonly poster: HttpPoster };

function unreachable(error: unknown): Outcome {
  return { kind: 'unreachable', reason: error instanceof Error ? error.message : String(error) };
}

const MAX_TARGETS = 256;
