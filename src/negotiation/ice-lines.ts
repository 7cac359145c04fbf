import type { StreamIce } from '../call/ice.js';
import type { MediaFlags } from '../command/flags.js';
import { attributeName } from '../sdp/attributes.js';
import { formatCandidate } from '../sdp/candidate.js';
import type { MediaView } from '../sdp/media-view.js';
import { hostCandidates, lesserCandidates, type LocalCandidate, relayCandidates } from './ice-candidates.js';

/** The lines of our own agent, without `a=`. */
export function ownIceLines(
  { ufrag, pwd }: StreamIce,
  options: readonly string[],
  candidates: { readonly host: readonly LocalCandidate[]; readonly relayed: readonly LocalCandidate[] },
  hasRtcp: boolean,
): string[] {
  const lines = [`ice-ufrag:${ufrag}`, `ice-pwd:${pwd}`];
  if (options.length > 0) lines.push(`ice-options:${options.join(' ')}`);
  for (const candidate of hostCandidates(candidates.host, hasRtcp)) lines.push(`candidate:${candidate}`);
  for (const candidate of relayCandidates(candidates.relayed, hasRtcp)) lines.push(`candidate:${candidate}`);
  if (options.includes('trickle')) lines.push('end-of-candidates');
  return lines;
}

/** The lines of the other party, and we as one more way to it. With `force-relay` we are its only relay. */
export function passedIceLines(
  view: MediaView,
  flags: MediaFlags,
  candidates: readonly LocalCandidate[],
): string[] {
  const isRelay = flags.ice === 'force-relay';
  const { ufrag, pwd, options } = view.ice;
  const lines: string[] = [];
  if (ufrag !== undefined) lines.push(`ice-ufrag:${ufrag}`);
  if (pwd !== undefined) lines.push(`ice-pwd:${pwd}`);
  if (options.length > 0) lines.push(`ice-options:${options.join(' ')}`);
  for (const candidate of view.ice.candidates) {
    if (!isRelay || candidate.type !== 'relay') lines.push(`candidate:${formatCandidate(candidate)}`);
  }
  if (ufrag !== undefined) {
    for (const own of lesserCandidates(candidates, view, isRelay ? 'relay' : 'host'))
      lines.push(`candidate:${own}`);
  }
  if (view.media.lines.some((line) => line.type === 'a' && attributeName(line) === 'end-of-candidates')) {
    lines.push('end-of-candidates');
  }
  return lines;
}
