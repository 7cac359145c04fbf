import type { Random } from '../service/ports.js';

/** A random value, as it is written. */
export type Drawn = {
  readonly kind: 'base64' | 'hex' | 'alphanumeric';
  /** What was asked for. */
  readonly length: number;
  readonly text: string;
};

/** Random values of one negotiation. Most need none; an SRTP offer needs many, and gets them with one request. */
export class Draws {
  /** In the order in which they were asked for. */
  readonly drawn: Drawn[] = [];
  readonly #random: Random;
  #pool: Uint8Array = new Uint8Array(0);
  #at = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Base64 without padding. */
  base64(bytes: number): string {
    const text = Buffer.from(this.#take(bytes)).toString('base64');
    const padding = text.indexOf('=');
    return this.note('base64', bytes, padding < 0 ? text : text.slice(0, padding));
  }

  hex(bytes: number): string {
    return this.note('hex', bytes, Buffer.from(this.#take(bytes)).toString('hex'));
  }

  /** Letters and digits, each as likely as any other. */
  alphanumeric(length: number): string {
    let text = '';
    while (text.length < length) {
      const six = this.#byte() & 0x3f;
      if (six < ALPHANUMERIC.length) text += ALPHANUMERIC[six];
    }
    return this.note('alphanumeric', length, text);
  }

  protected note(kind: Drawn['kind'], length: number, text: string): string {
    this.drawn.push({ kind, length, text });
    return text;
  }

  #byte(): number {
    this.#provide(1);
    this.#at += 1;
    return this.#pool[this.#at - 1] ?? 0;
  }

  #take(count: number): Uint8Array {
    this.#provide(count);
    this.#at += count;
    return this.#pool.subarray(this.#at - count, this.#at);
  }

  #provide(count: number): void {
    if (this.#at + count <= this.#pool.length) return;
    this.#pool = this.#random.bytes(Math.max(count, POOL_BYTES));
    this.#at = 0;
  }
}

const ALPHANUMERIC = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/** Keys for all suites of one stream, its `tls-id` and its ICE credentials. */
const POOL_BYTES = 512;
