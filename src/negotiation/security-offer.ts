import type { Stream } from '../call/call.js';
import { copyOf } from '../call/streams.js';
import type { SecurityWish, StreamSecurity, Transparency } from '../call/security.js';
import type { MediaFlags } from '../command/flags.js';
import { type CommandFailure, failure } from '../command/reply.js';
import type { CryptoAttribute } from '../sdp/crypto.js';
import { type MediaView, rtpProfile } from '../sdp/media-view.js';
import type { SessionDescription } from '../sdp/model.js';
import type { Draws } from './draws.js';
import type { Facts } from './facts.js';
import { dropsFeedback } from './feedback.js';
import { refusedConversion, securityLines } from './security.js';
import { certificateFor, certificateLines, tlsIdFor } from './security-dtls.js';
import { isSecured, isSecureProfile } from './security-said.js';
import {
  formatLines,
  type OfferedLines,
  offerLines,
  printedLines,
  readLine,
  readLines,
} from './security-sdes.js';

/** How a stream is to be protected towards the receiver of an offer. */
export type SecurityOffer = {
  readonly kind: 'security';
  readonly security: StreamSecurity | undefined;
  readonly transparent: Transparency | undefined;
  /** What is printed of it, without `a=`. */
  readonly lines: readonly string[];
};

export type SecurityOffering = {
  readonly view: MediaView;
  readonly description: SessionDescription;
  /** The receiver's stream before. */
  readonly known: Stream | undefined;
  /** Of the `m=` line for the receiver. */
  readonly protocol: string;
  readonly isIceTransparent: boolean;
  /** DTLS and ICE, as WebRTC has them. */
  readonly isForBrowser: boolean;
};

export function offerSecurity(
  offering: SecurityOffering,
  flags: MediaFlags,
  facts: Facts,
  draws: Draws,
): SecurityOffer | CommandFailure {
  const { view, description, known, protocol } = offering;
  if (offering.isIceTransparent) {
    return { kind: 'security', security: undefined, transparent: 'all', lines: valuesOf(view, description) };
  }
  if (view.profile === undefined) return plain(known);
  if (!isSecured(view) && !isSecureProfile(protocol) && !flags.osrtp.has('offer')) return plain(known);
  if (!facts.capabilities.has('srtp') || hasUnknownKeys(view)) {
    const refused = refusedConversion(view, protocol);
    if (refused) return refused;
    return { kind: 'security', security: undefined, transparent: 'keys', lines: valuesOf(view, description) };
  }
  if (!isSecureProfile(protocol) && !offersOsrtp(view, known, flags)) return plain(known);
  return secured(offering, flags, facts, draws);
}

/** What the answer to an offer has to heed, remembered with the stream of the party that made the offer. */
export function awaitingAnswer(stream: Stream, isSettled: boolean, flags: MediaFlags): Stream {
  const said = stream.offered ?? stream.inForce;
  const { security } = stream;
  if (said?.security === undefined)
    return isSettled || security === undefined ? stream : withSecurity(stream, undefined);
  const before = security ?? (isSettled ? AGREED_ON_NONE : NOTHING_AGREED);
  return withSecurity(stream, { ...before, wishes: wishesOf(flags) });
}

function withSecurity(stream: Stream, security: StreamSecurity | undefined): Stream {
  const secured = copyOf(stream);
  secured.security = security;
  return secured;
}

function wishesOf(flags: MediaFlags): readonly SecurityWish[] {
  const wishes: SecurityWish[] = [];
  if (flags.dtls === 'passive') wishes.push('passive');
  if (flags.dtls === 'off' || flags.sdes.prefer) wishes.push('sdes');
  if (flags.osrtp.has('accept-rfc')) wishes.push('osrtp');
  if (flags.noTlsId) wishes.push('no tls-id');
  return wishes;
}

function secured(
  { view, known, protocol, isForBrowser }: SecurityOffering,
  flags: MediaFlags,
  facts: Facts,
  draws: Draws,
): SecurityOffer | CommandFailure {
  const before = known?.security;
  const mayUseDtls = flags.dtls !== 'off' && facts.certificate !== null;
  const certificate = mayUseDtls ? certificateFor(before?.certificate, facts.certificate) : null;
  // RFC 8827 §6.5: browsers are never offered keys in SDP. Who has taken some is none.
  const hidesKeys =
    isForBrowser && certificate !== null && !flags.sdes.prefer && before?.agreed?.kind !== 'sdes';
  const offered =
    flags.sdes.off || hidesKeys ? NO_LINES : linesFor({ view, protocol }, before, flags, facts, draws);
  if (certificate === null && offered.lines.length === 0) {
    return failure('badRequest', `Neither SDES nor DTLS may be offered for ${protocol}`);
  }
  const tlsId = certificate ? tlsIdFor(before?.tlsId, flags, draws) : undefined;
  const agreed = before ? before.agreed : known?.inForce && ({ kind: 'none' } as const);
  const security: StreamSecurity = {
    agreed,
    crypto: formatLines(offered.own),
    passed: formatLines(offered.passed),
    offersDtls: certificate !== null,
    answered: false,
    tlsId,
    certificate: certificate?.id,
    association: before?.association ?? FIRST_ASSOCIATION,
    wishes: [],
  };
  const lines = printedLines(offered.lines, flags.sdes);
  if (certificate) {
    const party = known?.inForce?.security?.fingerprint;
    lines.push(...certificateLines('actpass', certificate, { asked: flags.dtlsFingerprint, party, tlsId }));
  }
  return { kind: 'security', security, transparent: undefined, lines };
}

function linesFor(
  { view, protocol }: Pick<SecurityOffering, 'view' | 'protocol'>,
  before: StreamSecurity | undefined,
  flags: MediaFlags,
  facts: Facts,
  draws: Draws,
): OfferedLines {
  const { sdes } = flags;
  // With DTLS towards the offerer its SDES keys will not be used.
  const prefersDtls = view.fingerprint !== undefined && facts.certificate !== null;
  const usesKeys = !prefersDtls || flags.dtls === 'off' || sdes.prefer;
  const passKeys = usesKeys && !flags.recrypt && !dropsFeedback(view, protocol);
  return offerLines({ theirs: view.crypto, passKeys, former: formerLines(before), sdes }, draws);
}

/** Once a line is accepted, the others are history. A key of another party is not ours to keep. */
function formerLines(before: StreamSecurity | undefined): readonly CryptoAttribute[] {
  if (before === undefined) return [];
  if (!before.answered) return readLines(before.crypto);
  const { agreed } = before;
  return agreed?.kind === 'sdes' && !agreed.borrowed ? [readLine(agreed.ours)] : [];
}

function plain(known: Stream | undefined): SecurityOffer {
  const before = known?.security;
  if (before === undefined) return PLAIN;
  const security = { ...before, crypto: '', passed: '', offersDtls: false, answered: false };
  return { ...PLAIN, security };
}

/** RFC 8643: keys in a plain profile. Once offered or in use they go on, unless the client names a plain profile. */
function offersOsrtp(view: MediaView, known: Stream | undefined, flags: MediaFlags): boolean {
  if (flags.osrtp.has('offer')) return true;
  if (flags.transportProtocol !== undefined && rtpProfile(flags.transportProtocol) !== undefined)
    return false;
  const agreed = known?.security?.agreed?.kind ?? 'none';
  return agreed !== 'none' || !isSecureProfile(view.media.protocol);
}

/** Keys are exchanged by other means (MIKEY, ZRTP), or with suites nobody here knows. */
function hasUnknownKeys({ profile, crypto, fingerprint }: MediaView): boolean {
  return (
    profile !== undefined && isSecureProfile(profile) && crypto.length === 0 && fingerprint === undefined
  );
}

function valuesOf(view: MediaView, description: SessionDescription): readonly string[] {
  return securityLines(view, description).map(({ value }) => value);
}

const FIRST_ASSOCIATION = 1;

const NO_LINES: OfferedLines = { lines: [], own: [], passed: [] };

export const NOTHING_AGREED: StreamSecurity = {
  agreed: undefined,
  crypto: '',
  passed: '',
  offersDtls: false,
  answered: false,
  tlsId: undefined,
  certificate: undefined,
  association: FIRST_ASSOCIATION,
  wishes: [],
};

const AGREED_ON_NONE: StreamSecurity = { ...NOTHING_AGREED, agreed: { kind: 'none' } };

const PLAIN: SecurityOffer = { kind: 'security', security: undefined, transparent: undefined, lines: [] };
