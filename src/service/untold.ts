import type { Event } from '../dataplane/protocol.gen.js';

/** What the data plane reports while nobody can hear it yet: in order, and not without end. */
export class Untold {
  #events: Event[] = [];
  readonly #most: number;
  readonly #onFull: () => void;
  #isFull = false;

  /** `onFull` is told once until the events are taken. */
  constructor(most: number, onFull: () => void) {
    this.#most = most;
    this.#onFull = onFull;
  }

  /** Strangers' packets can be reported by anybody who sends some: they go first. */
  add(event: Event): void {
    if (this.#events.length >= this.#most) {
      if (!this.#isFull) this.#onFull();
      this.#isFull = true;
      const stranger = isOfStranger(event) ? -1 : this.#events.findIndex(isOfStranger);
      if (stranger < 0) return;
      this.#events.splice(stranger, 1);
    }
    this.#events.push(event);
  }

  take(): readonly Event[] {
    const events = this.#events;
    this.#events = [];
    this.#isFull = false;
    return events;
  }
}

function isOfStranger({ kind }: Event): boolean {
  return kind === 'suspectPackets';
}
