import type { Leg, Stream } from '../call/call.js';
import type { MediaFlags, RtcpMuxItem } from '../command/flags.js';
import type { MediaView } from '../sdp/media-view.js';
import type { PayloadFormat } from '../sdp/payloads.js';
import { isStrippedUri, MID_EXTENSION } from './extensions.js';
import { isIceTransparent } from './ice.js';
import type { Facts } from './facts.js';
import { isSecureProfile } from './security-said.js';
import type { SlotBundle } from './slots.js';

/** The group a receiver is offered, while its sections are decided one after the other. */
export type OfferedGroup = {
  /** Each section names a port of its own, or all name that of the first; with `strict` those are 0. */
  readonly ports: 'own' | 'shared' | 'bundle-only' | 'strict';
  /** Number of the header extension for the MID; absent: no number is free. */
  readonly midExtension: number | undefined;
  /** What payload types and header extensions stand for in the sections so far, and whether these are secured. */
  readonly meanings: Map<string, string>;
  /** Stream of the group whose transport is in force, by id. */
  readonly carrier: number | undefined;
};

/** RFC 9143 offers of a receiver that is asked for it, or has answered one before. */
export function groupTowards(
  receiver: Leg,
  medias: readonly MediaView[],
  flags: MediaFlags,
): OfferedGroup | undefined {
  if (flags.bundle.has('reject')) return undefined;
  const carrier = receiver.streams.find((stream) => stream.bundle !== undefined)?.bundle;
  const ports = carrier !== undefined ? 'shared' : portsAsked(flags);
  if (ports === undefined) return undefined;
  const known = receiver.streams.find(({ inForce }) => inForce?.bundled?.midExtension !== undefined);
  const midExtension = known?.inForce?.bundled?.midExtension ?? freeExtension(medias, flags);
  return { ports, midExtension, meanings: new Map(), carrier };
}

/** With the group come multiplexed RTCP (RFC 9143 §9.3) and identifications. */
export function muxAsked(
  asked: ReadonlySet<RtcpMuxItem>,
  group: OfferedGroup | undefined,
): ReadonlySet<RtcpMuxItem> {
  if (group === undefined) return asked;
  const kept = [...asked].filter((item) => item !== 'demux' && item !== 'reject');
  return new Set([...kept, 'offer', ...(group.ports === 'own' ? [] : (['require'] as const))]);
}

/** Whether a section can be in a group at all. */
export function isBundled(view: MediaView, flags: MediaFlags, facts: Facts): boolean {
  return view.profile !== undefined && view.media.port !== 0 && !isIceTransparent(view, flags, facts);
}

/**
 * Takes a section into the group, unless one of its payload types or header extensions stands for something else there
 * (RFC 9143 §9.1, §10.1.2), or only one of both is secured: such a section stays outside, with a port of its own.
 */
export function joinGroup(
  group: OfferedGroup,
  view: MediaView,
  { protocol, payloads }: { readonly protocol: string; readonly payloads: readonly PayloadFormat[] },
  flags: MediaFlags,
): boolean {
  const own = new Map([['secured', `${isSecureProfile(protocol)}`]]);
  for (const payload of payloads) own.set(`${payload.payloadType}`, meaningOf(payload));
  for (const { id, uri } of view.extmaps) if (!isStrippedUri(uri, flags)) own.set(`x${id}`, uri);
  if (group.midExtension !== undefined && !own.has(`x${group.midExtension}`)) {
    own.set(`x${group.midExtension}`, MID_EXTENSION);
  }
  for (const [key, meaning] of own) {
    if ((group.meanings.get(key) ?? meaning) !== meaning) return false;
  }
  for (const [key, meaning] of own) group.meanings.set(key, meaning);
  return true;
}

/** How a section is printed; one that is carried relies on the group being answered. */
export function bundleSlot({ ports }: OfferedGroup, place: number, isCarried: boolean): SlotBundle {
  const isOnly = isCarried && (ports === 'bundle-only' || ports === 'strict');
  return { group: 0, place, isOnly, hasPort: !(isCarried && ports === 'strict') };
}

/** `a=mid` of a section that has none: its place, or the next number that is free. */
export function generatedMid(line: number, known: Stream | undefined, medias: readonly MediaView[]): string {
  const taken = new Set(medias.map(({ mid }) => mid));
  if (known?.mid !== undefined && !taken.has(known.mid)) return known.mid;
  const own = `${line + 1}`;
  if (!taken.has(own)) return own;
  let number = medias.length + line + 1;
  while (taken.has(`${number}`)) number += medias.length;
  return `${number}`;
}

function portsAsked({ bundle }: MediaFlags): OfferedGroup['ports'] | undefined {
  if (bundle.has('strict')) return 'strict';
  if (bundle.has('require')) return 'bundle-only';
  return bundle.has('offer') ? 'own' : undefined;
}

function meaningOf({ encoding, clockRate, channels, fmtp }: PayloadFormat): string {
  return `${encoding.toLowerCase()}/${clockRate}/${channels} ${fmtp.join(';')}`;
}

/** The number the sender gives the extension, else the lowest one it does not use; those up to 14 fit every form. */
function freeExtension(medias: readonly MediaView[], flags: MediaFlags): number | undefined {
  if (isStrippedUri(MID_EXTENSION, flags)) return undefined;
  const extmaps = medias.flatMap((view) => view.extmaps);
  const named = extmaps.find(({ uri }) => uri === MID_EXTENSION);
  if (named) return named.id;
  const taken = new Set(extmaps.map(({ id }) => id));
  for (let id = 1; id <= 14; id += 1) if (!taken.has(id)) return id;
  return undefined;
}
