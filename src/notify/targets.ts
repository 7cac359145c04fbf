import {
  type Delivery,
  DeliveryQueue,
  type Outcome,
  type QueueEvents,
  type QueueLimits,
} from './delivery-queue.js';

/** The way to one target. */
export type Wire = { deliver(delivery: Delivery): Promise<Outcome>; close(): void };

export type TargetsParts = {
  readonly limits: QueueLimits;
  /** A way to the target of this name, or why there is none. */
  readonly open: (name: string) => Wire | string;
  readonly events: (name: string) => QueueEvents;
  readonly now: () => number;
};

/** A queue and a wire for each target, so that a dead one delays nobody. */
export class Targets {
  readonly #parts: TargetsParts;
  readonly #targets = new Map<string, Target>();

  constructor(parts: TargetsParts) {
    this.#parts = parts;
  }

  get waiting(): number {
    return [...this.#targets.values()].reduce((total, { queue }) => total + queue.size, 0);
  }

  send(name: string, delivery: Delivery): void {
    const target = this.#targets.get(name) ?? this.#open(name);
    if (typeof target === 'string') this.#parts.events(name).lost(delivery, target);
    else target.queue.add(delivery);
  }

  close(): void {
    for (const { queue, wire } of this.#targets.values()) {
      queue.close();
      wire.close();
    }
  }

  /** The new target, or why there is none. */
  #open(name: string): Target | string {
    if (this.#targets.size >= MAX_TARGETS && !this.#forgetIdle()) return 'too many targets';
    const { limits, open, events, now } = this.#parts;
    const wire = open(name);
    if (typeof wire === 'string') return wire;
    const deliver = (delivery: Delivery): Promise<Outcome> => wire.deliver(delivery);
    const target = { wire, queue: new DeliveryQueue({ deliver, limits, events: events(name), now }) };
    this.#targets.set(name, target);
    return target;
  }

  #forgetIdle(): boolean {
    for (const [name, { queue, wire }] of this.#targets) {
      if (queue.size > 0) continue;
      wire.close();
      this.#targets.delete(name);
      return true;
    }
    return false;
  }
}

type Target = { readonly queue: DeliveryQueue; readonly wire: Wire };

const MAX_TARGETS = 256;
