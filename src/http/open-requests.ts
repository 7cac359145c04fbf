/** Requests that were not answered yet, however they came. */
export class OpenRequests {
  #count = 0;
  #waiting: (() => void)[] = [];

  /** What it returns is to be called once, when the request has its answer or is given up. */
  begin(): () => void {
    this.#count += 1;
    return () => {
      this.#count -= 1;
      if (this.#count === 0) for (const settle of this.#waiting.splice(0)) settle();
    };
  }

  /** Resolves as soon as there are none. */
  settled(): Promise<void> {
    if (this.#count === 0) return Promise.resolve();
    return new Promise((settle) => void this.#waiting.push(settle));
  }
}
