import { attributeName } from './attributes.js';
import type { Line } from './model.js';

/**
 * The potential configurations (RFC 5939) that are secured, with the keys they would use. Keys and profiles are not
 * those of the other side: one that took up such an offer could not be understood.
 */
export type SecurePotentials = {
  readonly transports: ReadonlySet<number>;
  readonly attributes: ReadonlySet<number>;
};

/** Undefined if there are none, as almost always. */
export function securePotentials(lines: readonly Line[]): SecurePotentials | undefined {
  const transports = new Set<number>();
  const attributes = new Set<number>();
  for (const { value } of lines) {
    const acap = KEY_CAPABILITY.exec(value);
    if (acap) attributes.add(Number(acap[1]));
    for (const [at, protocol] of transportsOf(value).entries()) {
      if (isSecure(protocol)) transports.add(firstNumber(value) + at);
    }
  }
  return transports.size + attributes.size === 0 ? undefined : { transports, attributes };
}

/** The attributes of one section without them. */
export function withoutPotentials(lines: readonly Line[], secure: SecurePotentials): readonly Line[] {
  return lines.filter(({ value }) => !isOfSecure(value, secure));
}

export function isPotential(line: Line): boolean {
  return POTENTIAL.has(attributeName(line));
}

function isOfSecure(value: string, { transports, attributes }: SecurePotentials): boolean {
  if (KEY_CAPABILITY.test(value)) return true;
  if (value.startsWith('tcap:')) return transportsOf(value).every(isSecure);
  if (!value.startsWith('pcfg:')) return false;
  return value.split(' ').some((part) => {
    const numbers = part.startsWith('t=') ? transports : part.startsWith('a=') ? attributes : NONE;
    return [...part.matchAll(/\d+/g)].some(([number]) => numbers.has(Number(number)));
  });
}

/** `tcap:1 RTP/SAVP RTP/AVPF` numbers its protocols from 1 on. */
function transportsOf(value: string): readonly string[] {
  return value.startsWith('tcap:') ? value.split(' ').slice(1) : [];
}

function firstNumber(value: string): number {
  return Number.parseInt(value.slice('tcap:'.length), 10);
}

function isSecure(protocol: string): boolean {
  return /SAVP|TLS/i.test(protocol);
}

const KEY_CAPABILITY = /^acap:(\d+) (?:crypto|key-mgmt|fingerprint|setup|tls-id):/;
const POTENTIAL: ReadonlySet<string> = new Set(['tcap', 'acap', 'pcfg']);
const NONE: ReadonlySet<number> = new Set();
