import type { Writable } from 'node:stream';

/** Standard output, be it a terminal or a file. */
export type ScreenStream = Writable & { readonly isTTY?: boolean; readonly columns?: number };

/** Shows a block of lines: on a terminal in place of the one before, otherwise one below the other. */
export class Screen {
  readonly #stream: ScreenStream;
  #drawn = 0;

  constructor(stream: ScreenStream) {
    this.#stream = stream;
  }

  get isTerminal(): boolean {
    return this.#stream.isTTY === true;
  }

  say(text: string): void {
    this.#drawn = 0;
    this.#stream.write(`${text}\n`);
  }

  draw(lines: readonly string[]): void {
    const up = this.isTerminal && this.#drawn > 0 ? `\x1b[${this.#drawn}A\x1b[J` : '';
    this.#stream.write(`${up}${lines.join('\n')}\n`);
    // A terminal that does not say its width counts as wide enough.
    const columns = this.#stream.columns || Number.MAX_SAFE_INTEGER;
    this.#drawn = lines.reduce((rows, { length }) => rows + Math.max(1, Math.ceil(length / columns)), 0);
  }
}
