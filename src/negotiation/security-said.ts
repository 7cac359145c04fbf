import type { SignalledSecurity } from '../call/security.js';
import type { SdesFlags } from '../command/flags.js';
import { detach } from '../sdp/detach.js';
import { formatFingerprint } from '../sdp/dtls.js';
import type { MediaView } from '../sdp/media-view.js';
import { acceptableLines, formatLines } from './security-sdes.js';

/** A profile that promises SRTP. */
export function isSecureProfile(protocol: string): boolean {
  const spelled = protocol.toUpperCase();
  return spelled.startsWith('RTP/S') || spelled.startsWith('UDP/TLS/RTP/');
}

/** The section offers SRTP: by its profile, or by keys in a plain profile (RFC 8643). */
export function isSecured(view: MediaView): boolean {
  if (view.profile === undefined) return false;
  return isSecureProfile(view.profile) || view.crypto.length > 0 || view.fingerprint !== undefined;
}

/** What is kept of an offer. Suites the client does not want are left out, unless no other would remain. */
export function securityOfOffer(view: MediaView, sdes: SdesFlags): SignalledSecurity | undefined {
  return securityOf(view, formatLines(acceptableLines(view.crypto, sdes)));
}

/** What is kept of an answer: it accepts what we offered. */
export function securityOfAnswer(view: MediaView): SignalledSecurity | undefined {
  return securityOf(view, formatLines(view.crypto));
}

function securityOf(view: MediaView, crypto: string): SignalledSecurity | undefined {
  if (view.profile === undefined || view.media.port === 0) return undefined;
  const { fingerprint, setup, tlsId } = view;
  if (crypto === '' && fingerprint === undefined) return undefined;
  return {
    crypto,
    ...(fingerprint && { fingerprint: detach(formatFingerprint(fingerprint)) }),
    ...(fingerprint && setup && { setup }),
    ...(fingerprint && tlsId !== undefined && { tlsId: detach(tlsId.slice(0, MAX_TLS_ID)) }),
  };
}

/** RFC 8842 §4: at most 255 characters. */
const MAX_TLS_ID = 255;
