import type { Signalled } from '../call/call.js';
import type { DtlsRole, SignalledSecurity } from '../call/security.js';
import type { MediaFlags } from '../command/flags.js';
import { parseFingerprint, type Setup } from '../sdp/dtls.js';
import type { Draws } from './draws.js';
import type { CertificateFacts, NamedCertificate } from './facts.js';

/**
 * The role we take when we answer (RFC 5763 §5): what the offerer leaves to us; if it leaves us the choice, the one
 * we had, else the client's. `undefined`: it does not want a handshake now.
 */
export function roleTowardsOfferer(
  setup: Setup | undefined,
  former: DtlsRole | undefined,
  wanted: DtlsRole,
): DtlsRole | undefined {
  // RFC 4145 §4: an offer that does not say is active.
  switch (setup ?? 'active') {
    case 'actpass':
      return former ?? wanted;
    case 'active':
      return 'passive';
    case 'passive':
      return 'active';
    case 'holdconn':
      return undefined;
  }
}

/** The role an answer leaves to us. `actpass` is no answer, but some give it: they wait to be contacted. */
export function roleTowardsAnswerer(
  setup: Setup | undefined,
  former: DtlsRole | undefined,
): DtlsRole | undefined {
  // RFC 4145 §4: an answer that does not say is passive.
  switch (setup ?? 'passive') {
    case 'actpass':
      return former ?? 'active';
    case 'active':
      return 'passive';
    case 'passive':
      return 'active';
    case 'holdconn':
      return undefined;
  }
}

/**
 * The party wants a new association (RFC 8842 §4): another certificate or another `tls-id`. Another hash function of the
 * same certificate is no reason, nor is an ICE restart (§4.3): browsers, which send no `tls-id`, go on with the
 * association they have and would not hear a new handshake.
 */
export function wantsNewAssociation(before: Signalled | undefined, after: Signalled): boolean {
  const one = before?.security;
  const other = after.security;
  if (one === undefined || other === undefined) return false;
  if (isOtherCertificate(one, other)) return true;
  return one.tlsId !== undefined && other.tlsId !== undefined && one.tlsId !== other.tlsId;
}

function isOtherCertificate(one: SignalledSecurity, other: SignalledSecurity): boolean {
  const [before, after] = [one.fingerprint, other.fingerprint].map((text) =>
    text === undefined ? undefined : parseFingerprint(text),
  );
  return (
    before !== undefined && after !== undefined && before.hash === after.hash && before.value !== after.value
  );
}

/** A `tls-id` to go with our certificate, unless the client wants none. */
export function tlsIdFor(former: string | undefined, flags: MediaFlags, draws: Draws): string | undefined {
  return flags.noTlsId ? undefined : (former ?? draws.hex(16));
}

/** The certificate a party was told of, as long as this node has it; else that of new calls. */
export function certificateFor(told: string | undefined, current: CertificateFacts): NamedCertificate {
  return current.former.find(({ id }) => id === told) ?? current;
}

/** The lines that name our certificate. */
export function certificateLines(
  setup: Setup,
  certificate: NamedCertificate,
  {
    asked,
    party,
    tlsId,
  }: { asked: string | undefined; party: string | undefined; tlsId: string | undefined },
): string[] {
  const wanted = [asked?.toLowerCase(), party?.split(' ')[0], 'sha-256'];
  const { fingerprints } = certificate;
  const found = wanted
    .map((hash) => fingerprints.find((known) => known.hash === hash))
    .find((known) => known);
  const fingerprint = found ?? fingerprints[0];
  if (fingerprint === undefined) throw new Error('a certificate without fingerprint');
  const lines = [`setup:${setup}`, `fingerprint:${fingerprint.hash} ${fingerprint.value}`];
  if (tlsId !== undefined) lines.push(`tls-id:${tlsId}`);
  return lines;
}
