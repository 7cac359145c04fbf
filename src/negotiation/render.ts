import type { Leg } from '../call/call.js';
import { copyOfLeg } from '../call/legs.js';
import type { MediaFlags } from '../command/flags.js';
import { type NetworkAddress, type Origin, parseOrigin } from '../sdp/address.js';
import { lineValue } from '../sdp/attributes.js';
import { detach } from '../sdp/detach.js';
import type { Facts } from './facts.js';
import { tellOrigin } from './origin.js';
import { withTwins } from './osrtp-legacy.js';
import { bandwidthLines, renderMedia } from './render-media.js';
import { editAttributes } from './sdp-edit.js';
import type { Body } from './signal.js';
import type { Slot } from './slots.js';
import { siteTowards } from './transport.js';

/** Writes the body for the receiver, with marks for ports, and remembers what it was told. */
export function renderBody(
  body: Body,
  slots: readonly Slot[],
  receiver: Leg,
  flags: MediaFlags,
  facts: Facts,
): { readonly template: string; readonly receiver: Leg } {
  const medias: string[] = [];
  for (const slot of withTwins(slots, receiver)) {
    const lines = renderMedia(slot, flags);
    const type = slot.kind === 'rejected' ? slot.type : slot.view.media.type;
    medias.push(...editAttributes(lines, flags.sdpAttributes.get(type)));
  }

  const { name, told: named } = tellName(body, receiver, flags);
  const rest = [
    `s=${name}`,
    ...editAttributes(sessionLines(body, slots, receiver, flags, facts), globalEdit(flags)),
    ...medias,
  ];
  const restText = rest.join('\r\n');
  const ours = ourAddress(slots, receiver, flags, facts);
  const origin = tellOrigin({
    source: sourceOrigin(body, ours),
    told: named,
    replace: flags.replace,
    ours,
    rest: restText,
  });
  const template = `v=0\r\no=${origin.value}\r\n${restText}\r\n`;
  const told = copyOfLeg(receiver);
  told.told = origin.told;
  return { template, receiver: told };
}

/** What follows `s=` in the session part. */
function sessionLines(
  body: Body,
  slots: readonly Slot[],
  receiver: Leg,
  flags: MediaFlags,
  facts: Facts,
): string[] {
  const { session } = body;
  const lines = session.information.map(({ type, value }) => `${type}=${value}`);
  lines.push(...bandwidthLines(session.bandwidth));
  if (session.times.length === 0) lines.push('t=0 0');
  for (const { value } of session.times) lines.push(`t=${value}`);
  if (flags.loopProtect) lines.push(`a=rtpengine:${facts.defaults.instanceId}`);
  if (isIceLite(body, slots, receiver)) lines.push('a=ice-lite');
  lines.push(...groupLines(slots));
  for (const { value } of session.other) if (!isOfMedia(value)) lines.push(`a=${value}`);
  if (flags.originalSendrecv) for (const { value } of session.directionLines) lines.push(`a=${value}`);
  return lines;
}

/** The sections of each group, the one that names the transport first. */
function groupLines(slots: readonly Slot[]): string[] {
  const groups = new Map<number, { readonly place: number; readonly mid: string }[]>();
  for (const slot of slots) {
    if (slot.kind !== 'relayed' || slot.bundle === undefined || slot.mid === undefined) continue;
    const { group, place } = slot.bundle;
    groups.set(group, [...(groups.get(group) ?? []), { place, mid: slot.mid }]);
  }
  return [...groups.values()].map((members) => {
    const mids = members.toSorted((one, other) => one.place - other.place).map(({ mid }) => mid);
    return `a=group:BUNDLE ${mids.join(' ')}`;
  });
}

/** We are, or the party whose ICE passes through us is. */
function isIceLite({ session }: Body, slots: readonly Slot[], receiver: Leg): boolean {
  const first = slots.find((slot) => slot.kind === 'relayed');
  if (first?.kind !== 'relayed' || first.ice.length === 0) return false;
  return first.isIcePassed ? session.ice.lite : receiver.iceLite;
}

function tellName(body: Body, receiver: Leg, flags: MediaFlags) {
  const name = body.session.name ?? '';
  const { told } = receiver;
  if (!flags.replace.has('session-name')) return { name, told };
  const sessionName = told.sessionName ?? detach(name);
  return { name: sessionName, told: { ...told, sessionName } };
}

function sourceOrigin(body: Body, ours: NetworkAddress): Origin {
  const text = lineValue(body.description.lines, 'o');
  const parsed = body.session.origin ?? (text === undefined ? undefined : parseOrigin(text));
  return parsed ?? { username: '-', sessionId: '1', version: '1', address: ours };
}

function ourAddress(slots: readonly Slot[], receiver: Leg, flags: MediaFlags, facts: Facts): NetworkAddress {
  for (const slot of slots) if (slot.kind === 'relayed') return slot.printed;
  return siteTowards(receiver, 'IP4', flags, facts).printed;
}

function globalEdit(flags: MediaFlags) {
  return flags.sdpAttributes.get('global') ?? flags.sdpAttributes.get('none');
}

/** Has a meaning in a media section only, and names a port or a key of the sender. */
function isOfMedia(value: string): boolean {
  return value === 'rtcp-mux' || value.startsWith('rtcp:') || value.startsWith('crypto:');
}
