/**
 * Cuts a TCP stream into frames `cookie SP bencode-dictionary`, which follow each other without a separator.
 * Every byte is looked at once, however the stream is chopped.
 */
export class FrameSplitter {
  #buffer: Buffer = Buffer.alloc(0);
  #state: State = AT_COOKIE;
  /** Bytes of the buffer that were looked at. */
  #at = 0;
  #depth = 0;
  /** Digits of a string's length read so far. */
  #length = 0;

  /** The frames that are complete now. Undefined: this is no ng; the connection should be closed. */
  push(chunk: Buffer): readonly Buffer[] | undefined {
    this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk]);
    const frames: Buffer[] = [];
    let start = 0;
    while (this.#at < this.#buffer.length) {
      if (!this.#step()) return undefined;
      if (this.#state === COMPLETE) {
        frames.push(this.#buffer.subarray(start, this.#at));
        start = this.#at;
        this.#state = AT_COOKIE;
      }
      if (this.#at - start > MAX_FRAME_BYTES) return undefined;
      if (this.#state === AT_COOKIE && this.#at - start > MAX_COOKIE_BYTES) return undefined;
    }
    this.#buffer = this.#buffer.subarray(start);
    this.#at -= start;
    return frames;
  }

  /** Looks at the next byte; false if it cannot stand there. */
  #step(): boolean {
    const byte = this.#buffer[this.#at] ?? 0;
    this.#at += 1;
    switch (this.#state) {
      case AT_COOKIE:
        if (byte === SPACE) this.#state = AT_DICTIONARY;
        return true;
      case AT_DICTIONARY:
        this.#depth = 1;
        this.#state = AT_VALUE;
        return byte === D;
      case AT_VALUE:
        return this.#stepValue(byte);
      case IN_INTEGER:
        if (byte === E) this.#state = AT_VALUE;
        return byte === E || byte === MINUS || byte === PLUS || isDigit(byte);
      case IN_LENGTH:
        return this.#stepLength(byte);
      case COMPLETE:
        return false;
    }
  }

  #stepValue(byte: number): boolean {
    if (byte === E) {
      this.#depth -= 1;
      if (this.#depth === 0) this.#state = COMPLETE;
      return true;
    }
    if (byte === D || byte === L) this.#depth += 1;
    else if (byte === I) this.#state = IN_INTEGER;
    else if (isDigit(byte)) {
      this.#length = byte - ZERO;
      this.#state = IN_LENGTH;
    } else return false;
    return true;
  }

  #stepLength(byte: number): boolean {
    if (byte === COLON) {
      // The string's bytes may not have arrived yet: the position then lies behind the end of the buffer.
      this.#at += this.#length;
      this.#state = AT_VALUE;
      return true;
    }
    this.#length = this.#length * 10 + byte - ZERO;
    return isDigit(byte) && this.#length <= MAX_FRAME_BYTES;
  }
}

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= ZERO + 9;
}

const AT_COOKIE = 'cookie';
const AT_DICTIONARY = 'dictionary';
const AT_VALUE = 'value';
const IN_INTEGER = 'integer';
const IN_LENGTH = 'length';
const COMPLETE = 'complete';

type State =
  | typeof AT_COOKIE
  | typeof AT_DICTIONARY
  | typeof AT_VALUE
  | typeof IN_INTEGER
  | typeof IN_LENGTH
  | typeof COMPLETE;

const SPACE = 0x20;
const D = 0x64;
const L = 0x6c;
const I = 0x69;
const E = 0x65;
const COLON = 0x3a;
const MINUS = 0x2d;
const PLUS = 0x2b;
const ZERO = 0x30;

/** As much as a datagram holds. */
const MAX_FRAME_BYTES = 65_536;
const MAX_COOKIE_BYTES = 1024;
