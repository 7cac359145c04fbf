import { decimalUpTo, words } from './attributes.js';

/** `a=crypto` (RFC 4568 §9.1). */
export type CryptoAttribute = {
  readonly tag: number;
  readonly suite: CryptoSuite;
  /** One or more inline keys; usually one. */
  readonly keys: readonly [CryptoKey, ...CryptoKey[]];
  /** `UNENCRYPTED_SRTP`, `KDR=…` and others, as spelled. */
  readonly sessionParameters: readonly string[];
};

export type CryptoKey = {
  /** Master key and salt in base64, without padding. */
  readonly keyAndSalt: string;
  /** As spelled: `2^31` or a number. */
  readonly lifetime?: string;
  readonly mki?: { readonly value: string; readonly length: number };
};

/** In the order of preference. */
export const CRYPTO_SUITES = [
  'AEAD_AES_256_GCM',
  'AEAD_AES_128_GCM',
  'AES_256_CM_HMAC_SHA1_80',
  'AES_256_CM_HMAC_SHA1_32',
  'AES_192_CM_HMAC_SHA1_80',
  'AES_192_CM_HMAC_SHA1_32',
  'AES_CM_128_HMAC_SHA1_80',
  'AES_CM_128_HMAC_SHA1_32',
  'F8_128_HMAC_SHA1_80',
  'F8_128_HMAC_SHA1_32',
  'NULL_HMAC_SHA1_80',
  'NULL_HMAC_SHA1_32',
] as const;

export type CryptoSuite = (typeof CRYPTO_SUITES)[number];

export function parseCrypto(value: string): CryptoAttribute | undefined {
  const [tagText, suiteText, keyText, ...sessionParameters] = words(value);
  const tag = decimalUpTo(tagText, 999_999_999);
  const suite = CRYPTO_SUITES.find((known) => known === suiteText?.toUpperCase());
  if (tag === undefined || suite === undefined || keyText === undefined) return undefined;

  const keys: CryptoKey[] = [];
  for (const text of keyText.split(';')) {
    if (text === '') continue;
    const key = parseKey(text, keyAndSaltBytes(suite));
    if (key === undefined) return undefined;
    keys.push(key);
  }
  const [first, ...rest] = keys;
  return first && { tag, suite, keys: [first, ...rest], sessionParameters };
}

export type CryptoFormat = { readonly pad: boolean };

export function formatCrypto(crypto: CryptoAttribute, format: CryptoFormat): string {
  const keys = crypto.keys.map((key) => formatKey(key, format)).join(';');
  return [crypto.tag, crypto.suite, keys, ...crypto.sessionParameters].join(' ');
}

/** Length of master key and salt together, in bytes (RFC 4568 §6.2, RFC 6188, RFC 7714). */
export function keyAndSaltBytes(suite: CryptoSuite): number {
  switch (suite) {
    case 'AEAD_AES_256_GCM':
      return 44;
    case 'AEAD_AES_128_GCM':
      return 28;
    case 'AES_256_CM_HMAC_SHA1_80':
    case 'AES_256_CM_HMAC_SHA1_32':
      return 46;
    case 'AES_192_CM_HMAC_SHA1_80':
    case 'AES_192_CM_HMAC_SHA1_32':
      return 38;
    case 'AES_CM_128_HMAC_SHA1_80':
    case 'AES_CM_128_HMAC_SHA1_32':
    case 'F8_128_HMAC_SHA1_80':
    case 'F8_128_HMAC_SHA1_32':
    case 'NULL_HMAC_SHA1_80':
    case 'NULL_HMAC_SHA1_32':
      return 30;
  }
}

function parseKey(text: string, bytes: number): CryptoKey | undefined {
  if (!text.toLowerCase().startsWith('inline:')) return undefined;
  const [padded = '', second, third, ...more] = text.slice('inline:'.length).split('|');
  if (more.length > 0) return undefined;
  const keyAndSalt = withoutPadding(padded);
  if (keyAndSalt.length !== Math.ceil((bytes * 4) / 3) || !/^[A-Za-z0-9+/]*$/.test(keyAndSalt))
    return undefined;

  if (second === undefined) return { keyAndSalt };
  // The lifetime may be left out, an MKI always has a colon.
  const mkiText = second.includes(':') ? second : third;
  if (second.includes(':') && third !== undefined) return undefined;
  const lifetime = second.includes(':') ? undefined : second;
  if (lifetime !== undefined && !/^(?:2\^)?\d{1,15}$/.test(lifetime)) return undefined;
  const mki = mkiText === undefined ? undefined : parseMki(mkiText);
  if (mkiText !== undefined && mki === undefined) return undefined;
  return { keyAndSalt, ...(lifetime !== undefined && { lifetime }), ...(mki !== undefined && { mki }) };
}

function parseMki(text: string): { value: string; length: number } | undefined {
  const colon = text.indexOf(':');
  const value = text.slice(0, colon);
  const length = decimalUpTo(text.slice(colon + 1), 128);
  if (colon < 1 || value.length > 64 || !/^\d+$/.test(value)) return undefined;
  return length === undefined || length === 0 ? undefined : { value, length };
}

function formatKey(key: CryptoKey, format: CryptoFormat): string {
  const padding = format.pad ? '='.repeat((4 - (key.keyAndSalt.length % 4)) % 4) : '';
  const lifetime = key.lifetime === undefined ? '' : `|${key.lifetime}`;
  const mki = key.mki === undefined ? '' : `|${key.mki.value}:${key.mki.length}`;
  return `inline:${key.keyAndSalt}${padding}${lifetime}${mki}`;
}

function withoutPadding(base64: string): string {
  let end = base64.length;
  while (end > 0 && base64.charCodeAt(end - 1) === 0x3d) end -= 1;
  return base64.slice(0, end);
}
