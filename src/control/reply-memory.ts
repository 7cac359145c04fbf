/** A request as far as telling duplicates apart needs it. */
export type CachedRequest = {
  readonly address: string;
  readonly port: number;
  readonly cookie: string;
  readonly payload: Buffer;
};

/**
 * Replies of one span of time, forgotten together. They lie in large blocks, and what tells them apart in tables of
 * numbers: as objects, each of them would be copied twice by the collector and looked at again and again.
 */
export class ReplyMemory {
  readonly #blocks: Buffer[] = [];
  /** Bytes of the last block that are taken. */
  #used = 0;
  #entries = 0;
  #bytes = 0;
  /** `FIELDS` numbers for each entry. */
  #fields = new Int32Array(FIELDS * FIRST_ENTRIES);
  /** Open addressing by hash: numbers of entries, from 1; 0 is free. At most half full. */
  #slots = new Int32Array(2 * FIRST_ENTRIES);

  get entries(): number {
    return this.#entries;
  }

  /** About how much memory it takes. */
  get bytes(): number {
    return this.#bytes;
  }

  find(request: CachedRequest): Buffer | undefined {
    const { address, cookie } = request;
    const hash = hashOf(cookie, address);
    const mask = this.#slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const number = this.#slots[slot] ?? 0;
      if (number === 0) return undefined;
      if (this.#field(number, HASH) === hash && this.#isSame(number, request)) return this.#reply(number);
    }
  }

  /** Keeps a reply, one byte a character, and returns its bytes. */
  add(request: CachedRequest, reply: string): Buffer {
    const { address, port, cookie, payload } = request;
    if (2 * (this.#entries + 1) > this.#slots.length) this.#grow();
    const at = this.#room(cookie.length + address.length + reply.length);
    const block = this.#blocks.length - 1;
    this.#write(cookie);
    this.#write(address);
    this.#write(reply);
    this.#entries += 1;
    this.#bytes += this.#used - at + ENTRY_BYTES;
    const hash = hashOf(cookie, address);
    this.#fields.set(
      [hash, digestOf(payload), port, block, at, cookie.length, address.length, reply.length],
      FIELDS * (this.#entries - 1),
    );
    this.#place(this.#entries, hash);
    return this.#reply(this.#entries);
  }

  /**
   * A request is known by its source and its cookie, and also, should it come from another port of the same address,
   * by cookie and content.
   */
  #isSame(number: number, { address, port, cookie, payload }: CachedRequest): boolean {
    const at = this.#field(number, AT);
    const block = this.#block(number);
    return (
      this.#field(number, COOKIE) === cookie.length &&
      this.#field(number, ADDRESS) === address.length &&
      isAt(block, at, cookie) &&
      isAt(block, at + cookie.length, address) &&
      (this.#field(number, PORT) === port || this.#field(number, DIGEST) === digestOf(payload))
    );
  }

  #reply(number: number): Buffer {
    const start = this.#field(number, AT) + this.#field(number, COOKIE) + this.#field(number, ADDRESS);
    return this.#block(number).subarray(start, start + this.#field(number, REPLY));
  }

  #field(number: number, field: number): number {
    return this.#fields[FIELDS * (number - 1) + field] ?? 0;
  }

  #block(number: number): Buffer {
    return this.#blocks[this.#field(number, BLOCK)] ?? NO_BLOCK;
  }

  /** Where so many bytes fit. */
  #room(bytes: number): number {
    const last = this.#blocks.at(-1);
    if (last === undefined || this.#used + bytes > last.length) {
      this.#blocks.push(Buffer.allocUnsafeSlow(Math.max(BLOCK_BYTES, bytes)));
      this.#used = 0;
    }
    return this.#used;
  }

  #write(text: string): void {
    this.#used += this.#blocks.at(-1)?.write(text, this.#used, 'latin1') ?? 0;
  }

  #place(number: number, hash: number): void {
    const mask = this.#slots.length - 1;
    let slot = hash & mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
    this.#slots[slot] = number;
  }

  #grow(): void {
    const fields = new Int32Array(2 * this.#fields.length);
    fields.set(this.#fields);
    this.#fields = fields;
    this.#slots = new Int32Array(2 * this.#slots.length);
    for (let number = 1; number <= this.#entries; number += 1) this.#place(number, this.#field(number, HASH));
  }
}

function isAt(block: Buffer, at: number, text: string): boolean {
  for (let index = 0; index < text.length; index += 1) {
    if (block[at + index] !== text.charCodeAt(index)) return false;
  }
  return true;
}

function hashOf(cookie: string, address: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < cookie.length; at += 1) hash = Math.imul(hash ^ cookie.charCodeAt(at), 0x01000193);
  for (let at = 0; at < address.length; at += 1) hash = Math.imul(hash ^ address.charCodeAt(at), 0x01000193);
  return hash ^ (hash >>> 15);
}

/** FNV-1a over words, with the length. Only requests of one address and one cookie are told apart by it. */
function digestOf(payload: Buffer): number {
  let hash = 0x811c9dc5 ^ payload.length;
  let at = 0;
  for (; at + 4 <= payload.length; at += 4) hash = Math.imul(hash ^ payload.readInt32LE(at), 0x01000193);
  for (; at < payload.length; at += 1) hash = Math.imul(hash ^ (payload[at] ?? 0), 0x01000193);
  return hash;
}

const [HASH, DIGEST, PORT, BLOCK, AT, COOKIE, ADDRESS, REPLY] = [0, 1, 2, 3, 4, 5, 6, 7] as const;
const FIELDS = 8;
/** Fields and two slots. */
const ENTRY_BYTES = 4 * (FIELDS + 2);
const FIRST_ENTRIES = 256;
const BLOCK_BYTES = 64 * 1024;
const NO_BLOCK = Buffer.alloc(0);
