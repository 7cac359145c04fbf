import type { Dialogue } from '../call/call.js';
import { peerLine } from '../call/legs.js';
import type { MediaView } from '../sdp/media-view.js';
import type { Parties } from './parties.js';

/**
 * Which `m=` lines of the sender belong to which of the receiver. They are the same unless the client hides medias
 * (`sdp-media-remove`): then the receiver counts without them, and a hidden one has no partner.
 */
export function pairLines(
  { dialogue, sender, receiver }: Parties,
  medias: readonly MediaView[],
  remove: readonly string[],
): { readonly dialogue: Dialogue; readonly hidden: ReadonlySet<number> } {
  const hidden = new Set<number>();
  for (const [line, view] of medias.entries()) if (isRemoved(view.media.type, remove)) hidden.add(line);
  if (dialogue.lines === undefined && hidden.size === 0) return { dialogue, hidden };

  const senderIsA = dialogue.a === sender.id;
  const pairs: [number, number][] = [];
  let next = receiver.streams.length;
  for (const line of medias.keys()) {
    const known = line < sender.streams.length ? peerLine(dialogue, sender.id, line) : undefined;
    const isKnown = known !== undefined && known < receiver.streams.length;
    if (!isKnown && hidden.has(line)) continue;
    const partner = isKnown ? known : next;
    if (!isKnown) next += 1;
    pairs.push(senderIsA ? [line, partner] : [partner, line]);
  }
  return { dialogue: { ...dialogue, lines: pairs }, hidden };
}

function isRemoved(type: string, remove: readonly string[]): boolean {
  if (remove.includes(type)) return true;
  return remove.includes('other') && !KNOWN_TYPES.has(type);
}

const KNOWN_TYPES: ReadonlySet<string> = new Set([
  'audio',
  'video',
  'image',
  'message',
  'text',
  'application',
]);
