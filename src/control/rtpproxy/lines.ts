/** Cuts a stream into lines; `undefined` once a line is longer than any request. */
export class LineSplitter {
  readonly #limit: number;
  #rest = '';

  constructor(limit: number) {
    this.#limit = limit;
  }

  push(chunk: Buffer): readonly string[] | undefined {
    const lines = (this.#rest + chunk.toString('latin1')).split('\n');
    this.#rest = lines.pop() ?? '';
    const isTooLong = this.#rest.length > this.#limit || lines.some(({ length }) => length > this.#limit);
    return isTooLong ? undefined : lines;
  }
}
