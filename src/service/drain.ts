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
  /** Resolves when there is nothing left, once draining. */
  readonly empty: Promise<void>;
  readonly #parts: DrainParts;
  #timer: NodeJS.Timeout | undefined;
  #resolve: () => void = () => {};

  constructor(parts: DrainParts) {
    this.#parts = parts;
    this.empty = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    if (existsSync(parts.file)) this.start();
  }

  get on(): boolean {
    return this.#timer !== undefined;
  }

  get remaining(): number {
    return this.#parts.remaining();
  }

  start(): void {
    if (this.on) return;
    this.#parts.refuse(true);
    this.#timer = setInterval(() => {
      if (this.#parts.remaining() === 0) this.#resolve();
    }, LOOK_MS);
    this.#attempt(() => writeFileSync(this.#parts.file, ''));
  }

  stop(): void {
    if (!this.on) return;
    this.close();
    this.#parts.refuse(false);
  }

  /** The process ends on purpose: the next one begins anew. */
  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
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
