import { createCipheriv, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

const KEY_BYTES = 16;
const SALT_BYTES = 14;
const TAG_BYTES = 10;
const HEADER_BYTES = 12;

/** AES_CM_128_HMAC_SHA1_80 for one direction (RFC 3711), RTP without extensions only. */
export class SrtpContext {
  readonly #key: Buffer;
  readonly #salt: Buffer;
  readonly #authentication: Buffer;
  /** By source. */
  readonly #highest = new Map<number, number>();

  constructor(keyAndSalt: Buffer) {
    const master = keyAndSalt.subarray(0, KEY_BYTES);
    const salt = keyAndSalt.subarray(KEY_BYTES, KEY_BYTES + SALT_BYTES);
    this.#key = derive(master, salt, 0, KEY_BYTES);
    this.#authentication = derive(master, salt, 1, 20);
    this.#salt = derive(master, salt, 2, SALT_BYTES);
  }

  protect(packet: Buffer): Buffer {
    const index = this.#indexOf(packet);
    this.#highest.set(packet.readUInt32BE(8), index);
    const encrypted = Buffer.concat([packet.subarray(0, HEADER_BYTES), this.#crypt(packet, index)]);
    return Buffer.concat([encrypted, this.#tag(encrypted, index)]);
  }

  /** `undefined`: not authentic, or seen before. */
  open(datagram: Buffer): Buffer | undefined {
    if (datagram.length < HEADER_BYTES + TAG_BYTES) return undefined;
    const packet = datagram.subarray(0, -TAG_BYTES);
    const index = this.#indexOf(packet);
    if (!timingSafeEqual(this.#tag(packet, index), datagram.subarray(-TAG_BYTES))) return undefined;
    const ssrc = packet.readUInt32BE(8);
    if (index <= (this.#highest.get(ssrc) ?? -1)) return undefined;
    this.#highest.set(ssrc, index);
    return Buffer.concat([packet.subarray(0, HEADER_BYTES), this.#crypt(packet, index)]);
  }

  /** Of the possible indices the one nearest to the highest so far. */
  #indexOf(packet: Buffer): number {
    const sequence = packet.readUInt16BE(2);
    const highest = this.#highest.get(packet.readUInt32BE(8));
    if (highest === undefined) return sequence;
    const cycle = Math.floor(highest / CYCLE);
    const candidates = [cycle - 1, cycle, cycle + 1].map((candidate) => candidate * CYCLE + sequence);
    const distance = (index: number): number => Math.abs(index - highest);
    return candidates.reduce(
      (best, index) => (index >= 0 && distance(index) < distance(best) ? index : best),
      sequence,
    );
  }

  #crypt(packet: Buffer, index: number): Buffer {
    const counter = Buffer.alloc(16);
    this.#salt.copy(counter);
    for (let at = 0; at < 4; at++) counter[4 + at] = (counter[4 + at] ?? 0) ^ (packet[8 + at] ?? 0);
    const indexBytes = Buffer.alloc(6);
    indexBytes.writeUIntBE(index, 0, 6);
    for (let at = 0; at < 6; at++) counter[8 + at] = (counter[8 + at] ?? 0) ^ (indexBytes[at] ?? 0);
    return createCipheriv('aes-128-ctr', this.#key, counter).update(packet.subarray(HEADER_BYTES));
  }

  #tag(packet: Buffer, index: number): Buffer {
    const cycle = Buffer.alloc(4);
    cycle.writeUInt32BE(Math.floor(index / CYCLE));
    const hash = createHmac('sha1', this.#authentication).update(packet).update(cycle).digest();
    return hash.subarray(0, TAG_BYTES);
  }
}

/** A master key with its salt, for `a=crypto`. */
export class SrtpKey {
  readonly bytes = randomBytes(KEY_BYTES + SALT_BYTES);

  line(tag = 1): string {
    return `a=crypto:${tag} AES_CM_128_HMAC_SHA1_80 inline:${this.bytes.toString('base64')}`;
  }
}

/** The key of the first usable `a=crypto` line. */
export function keyOf(sdp: string): Buffer {
  const inline = /^a=crypto:\d+ AES_CM_128_HMAC_SHA1_80 inline:([A-Za-z0-9+/]+=*)/m.exec(sdp)?.[1];
  if (inline === undefined) throw new Error(`no key in ${sdp}`);
  return Buffer.from(inline, 'base64');
}

/** RFC 3711 §4.3.1 with a key derivation rate of 0. */
function derive(key: Buffer, salt: Buffer, label: number, length: number): Buffer {
  const counter = Buffer.alloc(16);
  salt.copy(counter);
  counter[7] = (counter[7] ?? 0) ^ label;
  return createCipheriv('aes-128-ctr', key, counter).update(Buffer.alloc(length));
}

const CYCLE = 65_536;
