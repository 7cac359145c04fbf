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
    const text = cookie + address + reply;
    const block = this.#blockFor(text.length);
    const at = this.#used;
    this.#used += block.write(text, at, 'latin1');
    this.#bytes += text.length + ENTRY_BYTES;
    const hash = hashOf(cookie, address);
    const fields = this.#fields;
    const first = FIELDS * this.#entries;
    fields[first + HASH] = hash;
    fields[first + DIGEST] = digestOf(payload);
    fields[first + PORT] = port;
    fields[first + BLOCK] = this.#blocks.length - 1;
    fields[first + AT] = at;
    fields[first + COOKIE] = cookie.length;
    fields[first + ADDRESS] = address.length;
    fields[first + REPLY] = reply.length;
    this.#entries += 1;
    this.#place(this.#entries, hash);
    return block.subarray(this.#used - reply.length, this.#used);
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

  /** A block in which so many bytes fit behind `#used`. */
  #blockFor(bytes: number): Buffer {
    const last = this.#blocks.at(-1);
    if (last !== undefined && this.#used + bytes <= last.length) return last;
    const block = Buffer.allocUnsafeSlow(Math.max(BLOCK_BYTES, bytes));
    this.#blocks.push(block);
    this.#used = 0;
    return block;
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
  const { length } = payload;
  const words = new DataView(payload.buffer, payload.byteOffset, length);
  let hash = 0x811c9dc5 ^ length;
  let at = 0;
  for (; at + 4 <= length; at += 4) hash = Math.imul(hash ^ words.getInt32(at), 0x01000193);
  for (; at < length; at += 1) hash = Math.imul(hash ^ words.getUint8(at), 0x01000193);
  return hash;
}

const HASH = 0;
const DIGEST = 1;
const PORT = 2;
const BLOCK = 3;
const AT = 4;
const COOKIE = 5;
const ADDRESS = 6;
const REPLY = 7;
const FIELDS = 8;
/** Fields and two slots. */
const ENTRY_BYTES = 4 * (FIELDS + 2);
const FIRST_ENTRIES = 256;
const BLOCK_BYTES = 64 * 1024;
const NO_BLOCK = Buffer.alloc(0);
