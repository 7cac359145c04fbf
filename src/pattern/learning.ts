/**
 * How often something may be learned that is dear to learn: a stock that comes back with time, so that messages made to
 * be learned cost a bounded part of it.
 */
export class Learning {
  readonly #most: number;
  readonly #perSecond: number;
  #left: number;
  #atMs = 0;

  constructor(most: number, perSecond: number) {
    this.#most = most;
    this.#perSecond = perSecond;
    this.#left = most;
  }

  /** False if it has to wait. */
  take(nowMs: number): boolean {
    const passed = Math.max(0, nowMs - this.#atMs);
    this.#atMs = nowMs;
    this.#left = Math.min(this.#most, this.#left + (passed * this.#perSecond) / 1000);
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }
}
