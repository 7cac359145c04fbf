import type { Signalled, Stream } from '../call/call.js';
import type { MediaFlags } from '../command/flags.js';
import { detach } from '../sdp/detach.js';
import { formatExtmap } from '../sdp/extmap.js';
import type { MediaView } from '../sdp/media-view.js';

/** RFC 9143 §15. */
export const MID_EXTENSION = 'urn:ietf:params:rtp-hdrext:sdes:mid';

/** The other side is not told of this RTP header extension (RFC 8285). */
export function isStrippedUri(uri: string, flags: MediaFlags): boolean {
  return isStripped(uri, flags) || isNamed(uri, flags.extmapMask);
}

/** Nobody speaks this extension: it is neither told nor agreed to. */
export function isStripped(uri: string, { stripExtmap, extmapStrip }: MediaFlags): boolean {
  return stripExtmap || isNamed(uri, extmapStrip);
}

/** Remembers what the sender may go on using although the other side does not know it. */
export function withMasked(said: Signalled, view: MediaView, flags: MediaFlags): Signalled {
  if (flags.extmapMask.length === 0) return said;
  const masked = view.extmaps.filter(({ uri }) => isNamed(uri, flags.extmapMask) && !isStripped(uri, flags));
  if (masked.length === 0) return said;
  return { ...said, masked: detach(masked.slice(0, MAX_MASKED).map(formatExtmap).join('\n')) };
}

/** What our answer agrees to by ourselves: values of `a=extmap`. */
export function agreedExtensions({ masked, bundled }: Signalled): readonly string[] {
  const lines = masked === undefined ? [] : masked.split('\n');
  const mid = bundled?.midExtension;
  if (mid === undefined || lines.some((line) => line.endsWith(` ${MID_EXTENSION}`))) return lines;
  return [...lines, midExtmap(mid)];
}

export function midExtmap(id: number): string {
  return `${id} ${MID_EXTENSION}`;
}

/** Numbers of the extensions that the other side was never told of. */
export function hiddenExtensions({ inForce, hasOwnMid }: Stream): number[] {
  const masked = inForce?.masked?.split('\n').map((line) => Number.parseInt(line, 10)) ?? [];
  const mid = hasOwnMid ? inForce?.bundled?.midExtension : undefined;
  const ids = mid === undefined ? masked : [...masked, mid];
  if (ids.length === 0) return [];
  return [...new Set(ids)].filter((id) => id > 0 && id < 256);
}

function isNamed(uri: string, names: readonly string[]): boolean {
  return names.includes('all') || names.includes(uri);
}

/** The data plane takes no more than 16 per stream, the MID included. */
const MAX_MASKED = 15;
