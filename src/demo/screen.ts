import type { WriteStream } from 'node:tty';

/** Shows a block of lines: on a terminal in place of the one before, otherwise one below the other. */
export class Screen {
  readonly #stream: WriteStream;
  #drawn = 0;

  constructor(stream: WriteStream) {
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
    const shown = this.isTerminal ? lines.map((text) => text.slice(0, this.#stream.columns)) : lines;
    const up = this.isTerminal && this.#drawn > 0 ? `\x1b[${this.#drawn}A\x1b[J` : '';
    this.#stream.write(`${up}${shown.join('\n')}\n`);
    this.#drawn = shown.length;
  }
}
