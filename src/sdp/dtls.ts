import { words } from './attributes.js';

/** `a=fingerprint` (RFC 8122 §5). */
export type Fingerprint = {
  /** In lower case: `sha-256`. */
  readonly hash: string;
  /** Upper-case hexadecimal bytes separated by colons. */
  readonly value: string;
};

/** All sections of a body have one fingerprint, mostly: the last one is kept. */
export function parseFingerprint(value: string): Fingerprint | undefined {
  if (value !== last.text) last = { text: value, fingerprint: readFingerprint(value) };
  return last.fingerprint;
}

let last: { readonly text: string; readonly fingerprint: Fingerprint | undefined } = {
  text: '',
  fingerprint: undefined,
};

function readFingerprint(value: string): Fingerprint | undefined {
  const [hashText, digest] = words(value);
  if (hashText === undefined || digest === undefined) return undefined;
  const hash = hashText.toLowerCase();
  const bytes = HASH_BYTES.get(hash);
  if (bytes === undefined || digest.length !== bytes * 3 - 1) return undefined;
  return /^(?:[0-9A-Fa-f]{2}:)*[0-9A-Fa-f]{2}$/.test(digest)
    ? { hash, value: digest.toUpperCase() }
    : undefined;
}

export function formatFingerprint(fingerprint: Fingerprint): string {
  return `${fingerprint.hash} ${fingerprint.value}`;
}

/** `a=setup` (RFC 4145 §4). */
export type Setup = 'active' | 'passive' | 'actpass' | 'holdconn';

export function parseSetup(value: string): Setup | undefined {
  switch (value.trim()) {
    case 'active':
      return 'active';
    case 'passive':
      return 'passive';
    case 'actpass':
      return 'actpass';
    case 'holdconn':
      return 'holdconn';
    default:
      return undefined;
  }
}

const HASH_BYTES: ReadonlyMap<string, number> = new Map([
  ['sha-1', 20],
  ['sha-224', 28],
  ['sha-256', 32],
  ['sha-384', 48],
  ['sha-512', 64],
]);
