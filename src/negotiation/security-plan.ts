import type { Stream } from '../call/call.js';
import type { AgreedSecurity } from '../call/security.js';
import { type CryptoAttribute, keyAndSaltBytes } from '../sdp/crypto.js';
import { parseFingerprint } from '../sdp/dtls.js';
import type { FingerprintPlan, SecurityPlan, SrtpKeyPlan } from '../dataplane/protocol.gen.js';
import { hasParameter, isReadable, readLine, sameKeys } from './security-sdes.js';

/**
 * How the data plane protects a stream. Where all streams it is connected with use the same keys, and nobody has to
 * read or change what they carry, the packets stay as they are.
 */
export function securityPlan(stream: Stream, partners: readonly Stream[], isRead: boolean): SecurityPlan {
  const { security } = stream;
  if (security === undefined) return NONE;
  const { agreed, association, certificate = null } = security;
  switch (agreed?.kind) {
    case undefined:
      // A handshake that cannot end: nobody is heard in the clear before it is known how media is protected.
      return { kind: 'dtls', role: 'passive', fingerprints: [], association, certificate };
    case 'none':
      return NONE;
    case 'dtls':
      return {
        kind: 'dtls',
        role: agreed.role,
        fingerprints: fingerprintsOf(stream),
        association,
        certificate,
      };
    case 'sdes': {
      const theirs = readLine(agreed.theirs);
      const isPassed =
        (!isRead || !isReadable(theirs)) &&
        partners.length > 0 &&
        partners.every((other) => shareKeys(agreed, other.security?.agreed));
      if (isPassed) return NONE;
      return {
        kind: 'sdes',
        receive: keyPlan(theirs),
        send: keyPlan(readLine(agreed.ours)),
      };
    }
  }
}

/** They pass between the parties, who have agreed on something that cannot be done here. */
export function hasUnreadableKeys({ security }: Stream): boolean {
  const agreed = security?.agreed;
  return agreed?.kind === 'sdes' && ![agreed.theirs, agreed.ours].every((line) => isReadable(readLine(line)));
}

type Sdes = Extract<AgreedSecurity, { kind: 'sdes' }>;

function shareKeys(one: Sdes, other: AgreedSecurity | undefined): boolean {
  if (other?.kind !== 'sdes') return false;
  return (
    sameKeys(readLine(one.theirs), readLine(other.ours)) &&
    sameKeys(readLine(one.ours), readLine(other.theirs))
  );
}

function fingerprintsOf({ inForce }: Stream): FingerprintPlan[] {
  const text = inForce?.security?.fingerprint;
  const fingerprint = text === undefined ? undefined : parseFingerprint(text);
  return fingerprint ? [fingerprint] : [];
}

function keyPlan({ suite, keys, sessionParameters }: CryptoAttribute): SrtpKeyPlan {
  const [{ keyAndSalt, mki }] = keys;
  const bytes = Buffer.from(keyAndSalt, 'base64');
  const keyBytes = keyAndSaltBytes(suite) - (suite.startsWith('AEAD') ? AEAD_SALT_BYTES : SALT_BYTES);
  return {
    suite,
    keyBase64: bytes.subarray(0, keyBytes).toString('base64'),
    saltBase64: bytes.subarray(keyBytes).toString('base64'),
    mkiBase64: mki === undefined ? null : mkiBytes(mki).toString('base64'),
    unencryptedSrtp: hasParameter(sessionParameters, 'UNENCRYPTED_SRTP'),
    unencryptedSrtcp: hasParameter(sessionParameters, 'UNENCRYPTED_SRTCP'),
    unauthenticatedSrtp: hasParameter(sessionParameters, 'UNAUTHENTICATED_SRTP'),
  };
}

/** A number in as many bytes as the line says (RFC 4568 §6.1). */
function mkiBytes({ value, length }: { readonly value: string; readonly length: number }): Buffer {
  const digits = BigInt(value).toString(16);
  return Buffer.from(digits.padStart(length * 2, '0').slice(-length * 2), 'hex');
}

const NONE: SecurityPlan = { kind: 'none' };

/** RFC 3711 §8.2, RFC 7714 §12. */
const SALT_BYTES = 14;
const AEAD_SALT_BYTES = 12;
