import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';

/**
 * What is stored of calls holds the keys of their media: it is encrypted with the group's key (AES-256-GCM) and bound to the
 * call it is about. Without keys it is stored as it is. Then: format, kind, and if it is sealed the name of the key, nonce, tag.
 */
export class Seal {
  readonly #keys: readonly { readonly name: Buffer; readonly key: Buffer }[];

  /** The first key is written with, all are read with. */
  constructor(keys: readonly Buffer[]) {
    this.#keys = keys.map((key) => ({ name: createHash('sha256').update(key).digest().subarray(0, 4), key }));
  }

  seal(text: string, about: string): Buffer {
    const [current] = this.#keys;
    if (current === undefined) return Buffer.concat([PLAIN, Buffer.from(text)]);
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(CIPHER, current.key, nonce).setAAD(Buffer.from(about));
    const content = Buffer.concat([cipher.update(text), cipher.final()]);
    return Buffer.concat([SEALED, current.name, nonce, cipher.getAuthTag(), content]);
  }

  /** `undefined`: of another format, under a key that is not ours, altered, or not sealed though it should be. */
  open(bytes: Buffer, about: string): string | undefined {
    const mark = bytes.subarray(0, 2);
    if (mark.equals(PLAIN)) return this.#keys.length === 0 ? bytes.toString('utf8', 2) : undefined;
    if (!mark.equals(SEALED) || bytes.length < CONTENT_AT) return undefined;
    const found = this.#keys.find(({ name }) => name.equals(bytes.subarray(2, NONCE_AT)));
    if (found === undefined) return undefined;
    const decipher = createDecipheriv(CIPHER, found.key, bytes.subarray(NONCE_AT, TAG_AT));
    decipher.setAAD(Buffer.from(about)).setAuthTag(bytes.subarray(TAG_AT, CONTENT_AT));
    try {
      return Buffer.concat([decipher.update(bytes.subarray(CONTENT_AT)), decipher.final()]).toString();
    } catch {
      return undefined;
    }
  }
}

const CIPHER = 'aes-256-gcm';
const PLAIN = Buffer.from('1p');
const SEALED = Buffer.from('1s');
const NONCE_BYTES = 12;
const NONCE_AT = 6;
const TAG_AT = NONCE_AT + NONCE_BYTES;
const CONTENT_AT = TAG_AT + 16;
