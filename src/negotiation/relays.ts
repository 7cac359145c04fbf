import type { Local, LocalRelay } from '../call/call.js';
import type { StreamIce } from '../call/ice.js';
import { familyOf } from '../sdp/address.js';
import type { Facts } from './facts.js';
import type { LocalCandidate } from './ice-candidates.js';

/** Our agent towards a party, as far as relayed candidates depend on it. */
export type RelayWish = {
  readonly ice: StreamIce;
  readonly hasRtcp: boolean;
  /** RFC 8445 §2.5: a lite agent has host candidates only. */
  readonly isLite: boolean;
};

/** Has the locals of candidates ask for relayed addresses, where the interface has a relay. */
export function withRelays(
  locals: readonly Local[],
  candidates: readonly LocalCandidate[],
  wish: RelayWish,
  facts: Facts,
): readonly Local[] {
  if (wish.isLite || facts.interfaces.every(({ relayFamily }) => relayFamily === undefined)) return locals;
  return locals.map((local) => {
    const isCandidate = candidates.some((candidate) => candidate.local === local.id);
    const { relayFamily } = facts.interfaces.find(({ name }) => name === local.interface) ?? {};
    if (!isCandidate || relayFamily !== familyOf(local.address)) return local;
    return { ...local, relay: wished(local.relay, wish) };
  });
}

/** Those of the candidates that have a relayed address, or wait for one. */
export function relayedCandidates(
  locals: readonly Local[],
  candidates: readonly LocalCandidate[],
): readonly LocalCandidate[] {
  const isRelayed = ({ relay }: Local) => relay !== undefined && !relay.failed;
  return candidates.filter((candidate) =>
    locals.some((local) => local.id === candidate.local && isRelayed(local)),
  );
}

/** A relay is asked once for each generation of ICE; what it has given stays. */
function wished(known: LocalRelay | undefined, { ice: { ufrag }, hasRtcp }: RelayWish): LocalRelay {
  if (known?.ufrag === ufrag) return known;
  if (known?.rtp !== undefined && known.separateRtcp === hasRtcp) return { ...known, ufrag };
  return { ufrag, separateRtcp: hasRtcp, failed: false };
}
