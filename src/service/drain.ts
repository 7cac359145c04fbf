import { existsSync, rmSync, writeFileSync } from 'node:fs';

export type DrainParts = {
  /** Takes new calls or refuses them. */
  readonly refuse: (on: boolean) => void;
  /** What has to end first. */
  readonly remaining: () => number;
  /** Remembers the state for the next process if this one crashes. */
  readonly file: string;
  readonly failed: (error: unknown) => void;
};

/** The state in which a node takes no new calls, until its last one has ended or the operator thinks better of it. */
export class Drain {
  readonly #parts: DrainParts;
  #on = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: DrainParts) {
    this.#parts = parts;
    if (existsSync(parts.file)) this.start();
  }

  get on(): boolean {
    return this.#on;
  }

  get remaining(): number {
    return this.#parts.remaining();
  }

  start(): void {
    if (this.#on) return;
    this.#on = true;
    this.#parts.refuse(true);
    this.#attempt(() => writeFileSync(this.#parts.file, ''));
  }

  stop(): void {
    if (!this.#on) return;
    this.#forget();
    this.#parts.refuse(false);
  }

  /**
   * Resolves when there is nothing left while draining. To be asked once the calls of an earlier process are known.
   * Whoever ended the last call has been told by then: between two looks that find nothing there is time for it.
   */
  emptied(): Promise<void> {
    let wasEmpty = false;
    return new Promise((resolve) => {
      this.#timer = setInterval(() => {
        const isEmpty = this.#on && this.#parts.remaining() === 0;
        if (isEmpty && wasEmpty) resolve();
        wasEmpty = isEmpty;
      }, LOOK_MS);
    });
  }

  /** The process ends on purpose: the next one begins anew. */
  close(): void {
    clearInterval(this.#timer);
    this.#forget();
  }

  #forget(): void {
    this.#on = false;
    this.#attempt(() => rmSync(this.#parts.file, { force: true }));
  }

  #attempt(what: () => void): void {
    try {
      what();
    } catch (error) {
      this.#parts.failed(error);
    }
  }
}

const LOOK_MS = 250;
