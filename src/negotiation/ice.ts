import type { MediaFlags } from '../command/flags.js';
import { type CommandFailure, failure } from '../command/reply.js';
import { isUnspecified } from '../sdp/address.js';
import { offersIce } from '../sdp/ice.js';
import type { MediaView } from '../sdp/media-view.js';

/**
 * There is no ICE agent yet: ICE attributes are taken out, so that the parties see no way around the proxy. What
 * would need an agent is refused.
 */
export function refusedIce(flags: MediaFlags): CommandFailure | undefined {
  switch (flags.ice) {
    case 'force':
    case 'force-relay':
      return failure('unsupported', `ICE=${flags.ice} is not supported`);
    case 'default':
    case 'remove':
    case 'optional':
      return undefined;
  }
}

/** The party can do ICE: its addresses are candidates, and it moves between them. */
export function usesIce(view: MediaView): boolean {
  return offersIce(view.ice) || view.ice.candidates.length > 0;
}

/** RFC 8840 §4.1.1: a party that trickles does not know an address yet and writes port 9 or `0.0.0.0`. */
export function isTricklePlaceholder(view: MediaView): boolean {
  return usesIce(view) && (view.media.port === 9 || isUnspecified(view.address.address));
}
