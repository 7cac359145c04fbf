/** Due times of many calls behind one timer: a binary heap. Entries are not taken back; who is told looks again. */
export class Deadlines {
  readonly #now: () => number;
  readonly #due: (callId: string) => void;
  readonly #heap: Entry[] = [];
  #timer: NodeJS.Timeout | undefined;
  #armedFor = Number.POSITIVE_INFINITY;

  constructor(now: () => number, due: (callId: string) => void) {
    this.#now = now;
    this.#due = due;
  }

  /** Number of entries, including those whose call has changed its mind. */
  get size(): number {
    return this.#heap.length;
  }

  add(atMs: number, callId: string): void {
    this.#heap.push({ atMs, callId });
    this.#rise(this.#heap.length - 1);
    this.#arm();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#heap.length = 0;
  }

  #arm(): void {
    const next = this.#heap[0];
    if (next === undefined || next.atMs >= this.#armedFor) return;
    clearTimeout(this.#timer);
    this.#armedFor = next.atMs;
    const delay = Math.max(COARSENESS_MS, next.atMs - this.#now());
    this.#timer = setTimeout(() => this.#fire(), Math.min(delay, LONGEST_TIMER_MS));
  }

  #fire(): void {
    this.#armedFor = Number.POSITIVE_INFINITY;
    const time = this.#now();
    for (let next = this.#heap[0]; next !== undefined && next.atMs <= time; next = this.#heap[0]) {
      this.#removeFirst();
      this.#due(next.callId);
    }
    this.#arm();
  }

  #rise(from: number): void {
    let index = from;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (this.#at(parent) <= this.#at(index)) return;
      this.#swap(parent, index);
      index = parent;
    }
  }

  #removeFirst(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return;
    this.#heap[0] = last;
    let index = 0;
    for (;;) {
      const left = 2 * index + 1;
      const smaller = this.#at(left + 1) < this.#at(left) ? left + 1 : left;
      if (this.#at(index) <= this.#at(smaller)) return;
      this.#swap(index, smaller);
      index = smaller;
    }
  }

  #at(index: number): number {
    return this.#heap[index]?.atMs ?? Number.POSITIVE_INFINITY;
  }

  #swap(left: number, right: number): void {
    const [a, b] = [this.#heap[left], this.#heap[right]];
    if (a === undefined || b === undefined) return;
    this.#heap[left] = b;
    this.#heap[right] = a;
  }
}

type Entry = { readonly atMs: number; readonly callId: string };

/** Calls that are due within this time are handled together. */
const COARSENESS_MS = 20;
/** `setTimeout` fires at once beyond 2^31 ms. */
const LONGEST_TIMER_MS = 86_400_000;
