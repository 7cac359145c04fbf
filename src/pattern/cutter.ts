import { isPlainValue, type ValueKind } from './values.js';

/** Takes values out of a body, from its beginning to its end. */
export class Cutter {
  readonly body: string;
  readonly kinds: ValueKind[] = [];
  readonly values: string[] = [];
  notes = '';
  /** Of the section so far, as they are kept. */
  candidateBytes = 0;
  readonly #limit: number;
  #shape = '';
  #at = 0;

  constructor(body: string, limit: number) {
    this.body = body;
    this.#limit = limit;
  }

  /** False if what stands there is not spelled plainly; likewise below. */
  cut(kind: ValueKind, start: number, end: number): boolean {
    const value = this.body.slice(start, end);
    return isPlainValue(kind, value) && this.take(kind, value, start, end);
  }

  /** Takes what stands there for a value that is spelled plainly. */
  take(kind: ValueKind, value: string, start: number, end: number): boolean {
    if (this.values.length >= this.#limit) return false;
    this.#shape += this.body.slice(this.#at, start) + GAP;
    this.kinds.push(kind);
    this.values.push(value);
    this.#at = end;
    return true;
  }

  /** `username session version IN IP4 address` */
  cutOrigin(start: number, end: number): boolean {
    const { body } = this;
    const session = body.indexOf(' ', start) + 1;
    const version = body.indexOf(' ', session) + 1;
    const network = body.indexOf(' ', version) + 1;
    if (session <= start || version <= session || network <= version) return false;
    if (!body.startsWith('IN IP4 ', network)) return false;
    return (
      this.cut('word', start, session - 1) &&
      this.cut('digits', session, version - 1) &&
      this.cut('digits', version, network - 1) &&
      this.cut('address', network + 7, end)
    );
  }

  /** The second word of a line. */
  cutPort(start: number, end: number): boolean {
    const from = this.body.indexOf(' ', start) + 1;
    const to = this.body.indexOf(' ', from);
    return from > start && to > from && to < end && this.cut('port', from, to);
  }

  /** `port`, or `port IN IP4 address`. */
  cutRtcp(start: number, end: number): boolean {
    const space = this.body.indexOf(' ', start);
    if (space < 0 || space > end) return this.cut('port', start, end);
    if (!this.body.startsWith(' IN IP4 ', space)) return false;
    return this.cut('port', start, space) && this.cut('address', space + 8, end);
  }

  /** The shape. */
  finish(): string {
    return this.#shape + this.body.slice(this.#at);
  }
}

/** Marks a gap. A body with this character has no shape. */
export const GAP = '\0';
