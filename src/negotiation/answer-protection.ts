import type { Leg, Local, Stream } from '../call/call.js';
import { DEFAULT_FLAGS } from '../command/flags.js';
import type { CommandFailure } from '../command/reply.js';
import { answeredOptions, iceForAnswerer, iceForOfferer } from './ice.js';
import { candidateLocals } from './ice-candidates.js';
import { ownIceLines, passedIceLines } from './ice-lines.js';
import type { Means } from './means.js';
import type { Placed } from './offer-protection.js';
import { relayedCandidates, withRelays } from './relays.js';
import { agreeOnSecurity, type SecurityAnswering } from './security-answer.js';
import { isSecureProfile } from './security-said.js';

/** How both streams are protected and reached after an answer. */
export type AnsweredProtection = {
  readonly kind: 'protection';
  /** Of the offerer's `m=` line. */
  readonly protocol: string;
  readonly offerer: Protection;
  readonly answerer: Protection & Pick<Stream, 'iceRefused'>;
  /** What the offerer is told about keys, without `a=`. */
  readonly security: readonly string[];
  /** The parties do ICE with each other. */
  readonly isPassed: boolean;
};

type Protection = Pick<Stream, 'security' | 'transparent' | 'ice'>;

export function answerProtection(
  answering: SecurityAnswering,
  legs: { readonly offerer: Leg; readonly answerer: Leg },
  { flags, facts, draws }: Means,
): AnsweredProtection | CommandFailure {
  if (isPlain(answering)) return plain(answering);
  const agreed = agreeOnSecurity(answering, flags, facts, draws);
  if (agreed.kind === 'failure') return agreed;
  const { view, offering, asked, answering: stream, said } = answering;
  const { transparent } = agreed;
  const isPassed = transparent === 'all';
  const isIce = !isPassed && view.profile !== undefined;
  const ofOfferer = isIce
    ? iceForOfferer({ offering, asked, offerer: legs.offerer }, flags, facts, draws)
    : undefined;
  const ofAnswerer = isIce ? iceForAnswerer(stream, said, legs.answerer) : undefined;
  return {
    kind: 'protection',
    protocol: agreed.protocol,
    offerer: { security: agreed.offerer, transparent, ice: ofOfferer },
    answerer: {
      security: agreed.answerer,
      transparent,
      ice: ofAnswerer,
      iceRefused: ofAnswerer === undefined ? stream.iceRefused : !ofAnswerer.inForce,
    },
    security: agreed.lines,
    isPassed,
  };
}

/** Nobody has offered keys or ICE, and no profile promises them: the case of most calls. */
function isPlain({ asked, said, answering: { security, transparent, ice } }: SecurityAnswering): boolean {
  if (asked.security !== undefined || asked.ice !== undefined) return false;
  if (security !== undefined || transparent !== undefined || ice !== undefined) return false;
  return !isSecureProfile(asked.protocol) && !isSecureProfile(said.protocol);
}

function plain({ asked, answering }: SecurityAnswering): AnsweredProtection {
  const { iceRefused } = answering;
  return {
    kind: 'protection',
    protocol: asked.protocol,
    offerer: UNPROTECTED,
    answerer: iceRefused ? REFUSED : NEVER_REFUSED,
    security: NO_LINES,
    isPassed: false,
  };
}

/** The ports of candidates and what the offerer is told about ICE; it has its port for the `m=` line already. */
export function answerCandidates(
  { offerer: { ice }, isPassed }: AnsweredProtection,
  { view, asked }: SecurityAnswering,
  placed: Placed,
  { facts, ids }: Means,
): { readonly locals: readonly Local[]; readonly lines: readonly string[] } {
  const { stream, local, site, hasRtcp, isLite } = placed;
  if (ice === undefined && !isPassed) return { locals: stream.locals, lines: NO_LINES };
  const { locals: bare, candidates } = candidateLocals(stream, local, site, facts, ids);
  if (ice === undefined) return { locals: bare, lines: passedIceLines(view, DEFAULT_FLAGS, candidates) };
  const locals = withRelays(bare, candidates, { ice, hasRtcp, isLite }, facts);
  const own = { host: candidates, relayed: relayedCandidates(locals, candidates) };
  return { locals, lines: ownIceLines(ice, answeredOptions(asked.ice), own, hasRtcp) };
}

const UNPROTECTED: Protection = { security: undefined, transparent: undefined, ice: undefined };
const NEVER_REFUSED = { security: undefined, transparent: undefined, ice: undefined, iceRefused: false };
const REFUSED = { ...NEVER_REFUSED, iceRefused: true };
const NO_LINES: readonly string[] = [];
