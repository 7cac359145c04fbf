/** A map that forgets what was not asked for lately: at most `limit` entries, in two generations. */
export class Recent<T> {
  readonly #limit: number;
  #current = new Map<string, T>();
  #previous = new Map<string, T>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#current.size + this.#previous.size;
  }

  get(key: string): T | undefined {
    const known = this.#current.get(key);
    if (known !== undefined) return known;
    const older = this.#previous.get(key);
    if (older !== undefined) this.set(key, older);
    return older;
  }

  set(key: string, value: T): void {
    if (2 * this.#current.size >= this.#limit && !this.#current.has(key)) {
      this.#previous = this.#current;
      this.#current = new Map();
    }
    this.#current.set(key, value);
    this.#previous.delete(key);
  }

  clear(): void {
    this.#current.clear();
    this.#previous.clear();
  }
}
