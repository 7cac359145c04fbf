import type { Signalled, Stream } from '../call/call.js';
import type { AgreedSecurity, StreamSecurity, Transparency } from '../call/security.js';
import type { MediaFlags } from '../command/flags.js';
import { type CommandFailure, failure } from '../command/reply.js';
import type { MediaView } from '../sdp/media-view.js';
import type { SessionDescription } from '../sdp/model.js';
import type { Draws } from './draws.js';
import type { Facts } from './facts.js';
import { refusedConversion, securityLines } from './security.js';
import {
  certificateFor,
  certificateLines,
  roleTowardsAnswerer,
  roleTowardsOfferer,
  tlsIdFor,
  wantsNewAssociation,
} from './security-dtls.js';
import { NOTHING_AGREED } from './security-offer.js';
import { isSecureProfile } from './security-said.js';
import {
  acceptableLines,
  acceptedLine,
  chooseLine,
  formatLines,
  printedLines,
  readLine,
  readLines,
} from './security-sdes.js';

/** How both streams are protected after an answer, and what the offerer is told of it. */
export type SecurityAgreement = {
  readonly kind: 'agreement';
  readonly offerer: StreamSecurity | undefined;
  readonly answerer: StreamSecurity | undefined;
  readonly transparent: Transparency | undefined;
  /** Of the `m=` line for the offerer. */
  readonly protocol: string;
  /** Without `a=`. */
  readonly lines: readonly string[];
};

export type SecurityAnswering = {
  readonly view: MediaView;
  readonly description: SessionDescription;
  /** The offerer's stream and what it offered. */
  readonly offering: Stream;
  readonly asked: Signalled;
  /** The answerer's stream and what it answers. */
  readonly answering: Stream;
  readonly said: Signalled;
};

export function agreeOnSecurity(
  parties: SecurityAnswering,
  flags: MediaFlags,
  facts: Facts,
  draws: Draws,
): SecurityAgreement | CommandFailure {
  const { view, description, asked, answering, said } = parties;
  const protocol = protocolForOfferer(view, asked, flags);
  if (answering.transparent !== undefined || !facts.capabilities.has('srtp')) {
    const refused = refusedConversion(view, asked.protocol);
    if (refused) return refused;
    const lines = securityLines(view, description).map(({ value }) => value);
    return {
      kind: 'agreement',
      offerer: undefined,
      answerer: undefined,
      transparent: answering.transparent,
      protocol: asked.protocol,
      lines,
    };
  }
  const answerer = withAnswerer(answering, said, flags);
  if (answerer.kind === 'failure') return answerer;
  const offerer = withOfferer(parties, answerer.security?.agreed, flags, facts, draws);
  if (offerer.kind === 'failure') return offerer;
  return {
    kind: 'agreement',
    offerer: offerer.security,
    answerer: answerer.security,
    transparent: undefined,
    protocol,
    lines: offerer.lines,
  };
}

/** The profile the offerer offered; with `accept` the one the answerer chose, if the offerer can live with it. */
function protocolForOfferer(view: MediaView, asked: Signalled, flags: MediaFlags): string {
  if (flags.transportProtocol !== 'accept' || view.profile === undefined) return asked.protocol;
  const canFollow = asked.security !== undefined || !isSecureProfile(view.profile);
  return canFollow ? view.media.protocol : asked.protocol;
}

type Answered = { readonly kind: 'answered'; readonly security: StreamSecurity | undefined } | CommandFailure;

/** What the answerer has taken of our offer. */
function withAnswerer(answering: Stream, said: Signalled, flags: MediaFlags): Answered {
  const own = answering.security;
  const agreed = own && agreedWithAnswerer(answering, own, said, flags);
  if (own && agreed) return { kind: 'answered', security: agreed };
  if (isSecureProfile(said.protocol)) {
    return failure('badSdp', `The answer has no usable key for ${said.protocol}`);
  }
  if (own === undefined || (own.crypto === '' && own.passed === '' && !own.offersDtls)) {
    return { kind: 'answered', security: undefined };
  }
  return { kind: 'answered', security: { ...own, agreed: { kind: 'none' }, answered: true } };
}

function agreedWithAnswerer(
  answering: Stream,
  own: StreamSecurity,
  said: Signalled,
  flags: MediaFlags,
): StreamSecurity | undefined {
  const { security } = said;
  if (security === undefined) return undefined;
  const passed = readLines(own.passed);
  const line = acceptedLine(readLines(security.crypto), { passed, own: readLines(own.crypto) });
  if (own.offersDtls && security.fingerprint !== undefined && !(line && flags.sdes.prefer)) {
    const former = own.agreed?.kind === 'dtls' ? own.agreed.role : undefined;
    const isNew = former !== undefined && wantsNewAssociation(answering.inForce, said);
    const role = roleTowardsAnswerer(security.setup, isNew ? undefined : former);
    const isOther = former !== undefined && (isNew || role !== former);
    return {
      ...own,
      agreed: role && { kind: 'dtls', role },
      answered: true,
      association: isOther ? own.association + 1 : own.association,
    };
  }
  if (line === undefined) return undefined;
  const agreed: AgreedSecurity = {
    kind: 'sdes',
    ours: formatLines([line.ours]),
    theirs: formatLines([line.theirs]),
    borrowed: passed.includes(line.ours),
  };
  return { ...own, agreed, answered: true };
}

type Offered =
  | {
      readonly kind: 'offered';
      readonly security: StreamSecurity | undefined;
      readonly lines: readonly string[];
    }
  | CommandFailure;

/** What we take of the offer. */
function withOfferer(
  parties: SecurityAnswering,
  other: AgreedSecurity | undefined,
  flags: MediaFlags,
  facts: Facts,
  draws: Draws,
): Offered {
  const { asked, offering, view } = parties;
  const isSecure = isSecureProfile(asked.protocol);
  const offered = asked.security;
  if (offered === undefined) {
    if (isSecure) return failure('badSdp', `The offer has no usable key for ${asked.protocol}`);
    return { kind: 'offered', security: undefined, lines: [] };
  }
  const own = offering.security ?? NOTHING_AGREED;
  const isOtherPlain = other === undefined || other.kind === 'none';
  const isPlainWanted = isSecure
    ? isOtherPlain && flags.transportProtocol === 'accept' && !isSecureProfile(view.media.protocol)
    : isOtherPlain && !own.wishes.includes('osrtp') && !flags.osrtp.has('accept-rfc');
  if (isPlainWanted) return { kind: 'offered', security: undefined, lines: [] };

  const canDtls = offered.fingerprint !== undefined && facts.certificate !== null;
  const prefersSdes = own.wishes.includes('sdes') || flags.sdes.prefer;
  if (canDtls && !(prefersSdes && offered.crypto !== '')) {
    return withDtls(offering, asked, own, flags, facts, draws);
  }
  const chosen = chooseLine(
    {
      offered: acceptableLines(readLines(offered.crypto), flags.sdes),
      former: own.agreed?.kind === 'sdes' ? readAgreed(own.agreed) : undefined,
      other: other?.kind === 'sdes' ? readAgreed(other) : undefined,
      sdes: flags.sdes,
      recrypt: flags.recrypt,
    },
    draws,
  );
  if (chosen === undefined) return failure('badSdp', `The offer has no usable key for ${asked.protocol}`);
  const agreed: AgreedSecurity = {
    kind: 'sdes',
    ours: formatLines([chosen.ours]),
    theirs: formatLines([chosen.theirs]),
    borrowed: chosen.borrowed,
  };
  return {
    kind: 'offered',
    security: { ...own, ...ANSWERED, agreed, tlsId: undefined },
    lines: printedLines([chosen.ours], flags.sdes),
  };
}

function withDtls(
  offering: Stream,
  asked: Signalled,
  own: StreamSecurity,
  flags: MediaFlags,
  facts: Facts,
  draws: Draws,
): Offered {
  if (facts.certificate === null) throw new Error('DTLS without a certificate');
  const former = own.agreed?.kind === 'dtls' ? own.agreed.role : undefined;
  const isNew = former !== undefined && wantsNewAssociation(offering.inForce, asked);
  const wanted = own.wishes.includes('passive') ? 'passive' : 'active';
  const role = roleTowardsOfferer(asked.security?.setup, isNew ? undefined : former, wanted);
  const isOther = former !== undefined && (isNew || role !== former);
  const hasTlsId = !flags.noTlsId && !own.wishes.includes('no tls-id');
  const tlsId = hasTlsId ? tlsIdFor(isOther ? undefined : own.tlsId, flags, draws) : undefined;
  const certificate = certificateFor(own.certificate, facts.certificate);
  const security: StreamSecurity = {
    ...own,
    ...ANSWERED,
    certificate: certificate.id,
    agreed: role && { kind: 'dtls', role },
    tlsId,
    association: isOther ? own.association + 1 : own.association,
  };
  const names = { asked: flags.dtlsFingerprint, party: asked.security?.fingerprint, tlsId };
  return { kind: 'offered', security, lines: certificateLines(role ?? 'holdconn', certificate, names) };
}

function readAgreed({ ours, theirs, borrowed }: Extract<AgreedSecurity, { kind: 'sdes' }>) {
  return { ours: readLine(ours), theirs: readLine(theirs), borrowed };
}

const ANSWERED = { crypto: '', passed: '', offersDtls: false, answered: true } as const;
