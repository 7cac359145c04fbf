import type { Local, Stream } from '../call/call.js';
import type { CommandFailure } from '../command/reply.js';
import { detach } from '../sdp/detach.js';
import type { MediaView } from '../sdp/media-view.js';
import type { SessionDescription } from '../sdp/model.js';
import { isIceOffered, isIceTransparent, offeredIce, offeredOptions } from './ice.js';
import { candidateLocals } from './ice-candidates.js';
import { ownIceLines, passedIceLines } from './ice-lines.js';
import type { Means } from './means.js';
import { twinProtocol } from './osrtp-legacy.js';
import { relayedCandidates, withRelays } from './relays.js';
import { offerSecurity } from './security-offer.js';
import { isSecureProfile } from './security-said.js';
import { type Site, protocolTowards } from './transport.js';

/** The profile a receiver is offered, and how it is to be protected and reached. */
export type OfferedProtection = {
  readonly kind: 'protection';
  readonly protocol: string;
  /** Of the receiver's stream from now on. */
  readonly state: Pick<Stream, 'security' | 'transparent' | 'ice'>;
  /** What is printed about keys, without `a=`. */
  readonly security: readonly string[];
  /** The parties do ICE with each other. */
  readonly isPassed: boolean;
  /** Profile of the second, unprotected offer of the stream. */
  readonly twin: string | undefined;
};

export function offerProtection(
  view: MediaView,
  description: SessionDescription,
  known: Stream | undefined,
  { flags, facts, draws }: Means,
): OfferedProtection | CommandFailure {
  const isPassed = isIceTransparent(view, flags, facts);
  const isRtp = view.profile !== undefined;
  const isDoubled = isRtp && !isPassed && flags.osrtp.has('offer-legacy') && facts.capabilities.has('srtp');
  const named = isPassed ? view.media.protocol : protocolTowards(view, known, flags, facts);
  const protocol = isDoubled && !isSecureProfile(named) ? twinProtocol(named) : named;
  const isForBrowser = /^UDP\/TLS\//i.test(protocol) && isIceOffered(view, known, flags, facts);
  const secured = offerSecurity(
    { view, description, known, protocol, isIceTransparent: isPassed, isForBrowser },
    flags,
    facts,
    draws,
  );
  if (secured.kind === 'failure') return secured;
  const { security, transparent, lines } = secured;
  const ice = isPassed || !isRtp ? undefined : offeredIce(view, known, flags, facts, draws);
  return {
    kind: 'protection',
    protocol: detach(protocol),
    state: { security, transparent, ice },
    security: lines,
    isPassed,
    twin: isDoubled ? twinProtocol(protocol) : undefined,
  };
}

/** The ports of candidates and what is printed about ICE; the stream has its port for the `m=` line already. */
export function offerCandidates(
  { state, isPassed }: OfferedProtection,
  view: MediaView,
  placed: Placed,
  { flags, facts, ids }: Means,
): { readonly locals: readonly Local[]; readonly lines: readonly string[] } {
  const { stream, local, site, hasRtcp, isLite } = placed;
  const ice = state.ice?.offered ? state.ice : undefined;
  if (ice === undefined && !isPassed) return { locals: stream.locals, lines: NO_LINES };
  const { locals: bare, candidates } = candidateLocals(stream, local, site, facts, ids);
  if (ice === undefined) return { locals: bare, lines: passedIceLines(view, flags, candidates) };
  const locals = withRelays(bare, candidates, { ice, hasRtcp, isLite }, facts);
  const own = { host: candidates, relayed: relayedCandidates(locals, candidates) };
  return { locals, lines: ownIceLines(ice, offeredOptions(flags), own, hasRtcp) };
}

/** A stream that has its port for the `m=` line. */
export type Placed = {
  readonly stream: Stream;
  readonly local: Local;
  readonly site: Site;
  readonly hasRtcp: boolean;
  /** We are a lite agent towards the party. */
  readonly isLite: boolean;
};

const NO_LINES: readonly string[] = [];
