import type { SignalledIce } from '../call/ice.js';
import { isUnspecified } from '../sdp/address.js';
import { bareCandidate, type Candidate } from '../sdp/candidate.js';
import { detach } from '../sdp/detach.js';
import { type IceAttributes, offersIce } from '../sdp/ice.js';
import type { MediaView } from '../sdp/media-view.js';

/** What is kept of a party's ICE; `undefined` if it does none. */
export function iceOf(view: MediaView): SignalledIce | undefined {
  const { ufrag, pwd } = view.ice;
  if (ufrag === undefined || pwd === undefined || view.media.port === 0) return undefined;
  return {
    ufrag: detach(ufrag),
    pwd: detach(pwd),
    lite: view.ice.lite,
    options: view.ice.options.filter((option) => KNOWN_OPTIONS.has(option)).join(' '),
    candidates: withUsable('', view.ice),
    complete: isComplete(view.ice),
  };
}

/** Adds candidates that came later (RFC 8840); `undefined` if there is nothing new. */
export function withCandidates(known: SignalledIce, more: IceAttributes): SignalledIce | undefined {
  const candidates = withUsable(known.candidates, more);
  const complete = known.complete || more.endOfCandidates;
  if (candidates === known.candidates && complete === known.complete) return undefined;
  return { ...known, candidates, complete };
}

/** The party can do ICE: its addresses are candidates, and it moves between them. */
export function usesIce(view: MediaView): boolean {
  return offersIce(view.ice) || view.ice.candidates.length > 0;
}

/** RFC 8840 §4.1.1: a party that trickles does not know an address yet and writes port 9 or `0.0.0.0`. */
export function isTricklePlaceholder(view: MediaView): boolean {
  return usesIce(view) && (view.media.port === 9 || isUnspecified(view.address.address));
}

/**
 * Adds candidates to a list, a line each. Names of the local network (RFC 8828) and TCP are of no use: the party will
 * be seen when it checks.
 */
function withUsable(known: string, { candidates }: IceAttributes): string {
  const lines = known === '' ? [] : known.split('\n');
  let bytes = known.length;
  for (const candidate of candidates) {
    if (!isUsable(candidate)) continue;
    const line = bareCandidate(candidate);
    if (bytes + line.length >= MAX_CANDIDATE_BYTES) break;
    if (lines.includes(line)) continue;
    lines.push(line);
    bytes += line.length + 1;
  }
  return detach(lines.join('\n'));
}

function isUsable({ transport, named, component, address, port }: Candidate): boolean {
  return transport === 'UDP' && !named && component <= 2 && port !== 0 && !isUnspecified(address);
}

/** Without trickle all candidates are there from the start. */
function isComplete({ options, endOfCandidates }: IceAttributes): boolean {
  return endOfCandidates || !options.includes('trickle');
}

const KNOWN_OPTIONS: ReadonlySet<string> = new Set(['trickle', 'ice2']);

/**
 * Of one stream: a dozen long ones. They are kept in the memo, which has to hold eight streams like this; a party with
 * more is found by its own checks.
 */
export const MAX_CANDIDATE_BYTES = 1_000;
