import { type CommandFailure, failure } from '../command/reply.js';
import { attributeName } from '../sdp/attributes.js';
import type { MediaView } from '../sdp/media-view.js';
import type { Line, SessionDescription } from '../sdp/model.js';

/** How the packets of a stream are protected end to end. */
type Protection = 'none' | 'sdes' | 'dtls';

/**
 * Keys belong to the end points: what the parties say of SRTP and DTLS passes between them, and packets are relayed
 * as they are. A profile that needs another protection than the source has would need keys of ours.
 */
export function refusedConversion(view: MediaView, protocol: string): CommandFailure | undefined {
  if (view.profile === undefined || view.media.port === 0) return undefined;
  if (protections(view).includes(protectionOf(protocol))) return undefined;
  return failure('unsupported', `Conversion of ${view.media.protocol} to ${protocol} is not supported`);
}

/** The attributes about keys and handshakes, as they came in; those of the session for sections without own. */
export function securityLines(view: MediaView, description: SessionDescription): readonly Line[] {
  if (view.profile === undefined) return [];
  const own = view.media.lines.filter(isSecurityLine);
  const fromSession = description.lines.filter(
    (line) => isSecurityLine(line) && !own.some((mine) => attributeName(mine) === attributeName(line)),
  );
  return fromSession.length === 0 ? own : [...own, ...fromSession];
}

function protectionOf(protocol: string): Protection {
  const profile = protocol.toUpperCase();
  // RFC 8643: keys in a plain profile are an offer that may be left unused; the profile stays plain.
  if (profile.startsWith('UDP/TLS/')) return 'dtls';
  return profile.startsWith('RTP/S') ? 'sdes' : 'none';
}

/** What the source can be called. RTP/SAVP with a fingerprint is DTLS-SRTP in an older spelling (RFC 5764 §8). */
function protections({ media, fingerprint, crypto }: MediaView): readonly Protection[] {
  const named = protectionOf(media.protocol);
  if (named === 'sdes' && fingerprint !== undefined) return ['sdes', 'dtls'];
  if (named === 'dtls' && crypto.length > 0) return ['dtls', 'sdes'];
  return [named];
}

function isSecurityLine(line: Line): boolean {
  return line.type === 'a' && SECURITY_ATTRIBUTES.has(attributeName(line));
}

const SECURITY_ATTRIBUTES: ReadonlySet<string> = new Set(['crypto', 'setup', 'fingerprint', 'tls-id']);
