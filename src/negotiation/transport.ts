import type { Leg, Stream } from '../call/call.js';
import { kindOf } from '../call/signalled.js';
import type { AddressFamily, MediaFlags } from '../command/flags.js';
import { type NetworkAddress, familyOf } from '../sdp/address.js';
import { type MediaView, rtpProfile } from '../sdp/media-view.js';
import type { Facts, InterfaceAddress, InterfaceFacts } from './facts.js';

/** Where a party is met: one address of one of our interfaces, and how it is printed. */
export type Site = {
  readonly interface: string;
  readonly address: InterfaceAddress;
  readonly printed: NetworkAddress;
};

/** The configured interface a name stands for; the default one if there is no such. */
export function interfaceNamed(
  name: string | undefined,
  facts: Facts,
): { readonly interface: InterfaceFacts; readonly family?: AddressFamily; readonly warning?: string } {
  const fallback = facts.interfaces[0];
  if (fallback === undefined) throw new Error('there is no interface');
  if (name === undefined || name === '') return { interface: fallback };
  const found = facts.interfaces.find(
    (candidate) => candidate.name === name || candidate.aliases.includes(name),
  );
  if (found) return { interface: found };
  const member = memberOf(name, facts);
  if (member) return { interface: member };
  // Names of old bridging set-ups between address families.
  if (name === 'internal') return { interface: fallback, family: 'IP4' };
  if (name === 'external') return { interface: fallback, family: 'IP6' };
  return { interface: fallback, warning: `unknown interface ${name}, using ${fallback.name}` };
}

/** Interfaces named `BASE:SUFFIX` are a family: who asks for `BASE` gets the next one in turn. */
function memberOf(base: string, { interfaces, turn }: Facts): InterfaceFacts | undefined {
  const members = interfaces.filter(({ name }) => name.startsWith(`${base}:`));
  return members[turn % Math.max(members.length, 1)];
}

/** The family that takes turns when nobody asks for an interface: that of the first one, if it has one. */
export function defaultFamily({ interfaces }: Facts): string | undefined {
  const [base, suffix] = interfaces[0]?.name.split(':', 2) ?? [];
  return suffix === undefined ? undefined : base;
}

/**
 * Our address towards a party. Its family: the one asked for, else that of the party's own SDP, else that of the
 * SDP to be sent on. An interface that lacks the family serves with another.
 */
export function siteTowards(leg: Leg, source: AddressFamily, flags: AddressFlags, facts: Facts): Site {
  const chosen = interfaceNamed(leg.interface, facts);
  const family = flags.addressFamily ?? leg.family ?? chosen.family ?? source;
  const { addresses } = chosen.interface;
  const address = addresses.find((candidate) => candidate.family === family) ?? addresses[0];
  if (address === undefined) throw new Error(`interface ${chosen.interface.name} has no address`);
  return { interface: chosen.interface.name, address, printed: printedAddress(address, flags) };
}

type AddressFlags = Pick<MediaFlags, 'addressFamily' | 'mediaAddress'>;

function printedAddress(address: InterfaceAddress, flags: AddressFlags): NetworkAddress {
  const family = flags.mediaAddress === undefined ? undefined : familyOf(flags.mediaAddress);
  if (flags.mediaAddress !== undefined && family !== undefined)
    return { family, address: flags.mediaAddress };
  return { family: address.family, address: address.advertise };
}

/**
 * The protocol of an `m=` line sent on: the one asked for; else the one this party used before; else that of the
 * source. Without SRTP in the data plane, what the party used before counts only if the profile name alone differs.
 */
export function protocolTowards(
  view: MediaView,
  known: Stream | undefined,
  flags: MediaFlags,
  { capabilities }: Facts,
): string {
  const { protocol } = view.media;
  if (view.profile === undefined) return protocol;
  const asked = flags.transportProtocol === undefined ? undefined : rtpProfile(flags.transportProtocol);
  if (asked) return asked;
  if (known === undefined || kindOf(known.type, known.protocol) !== 'rtp') return protocol;
  if (capabilities.has('srtp')) return known.protocol;
  return securityName(known.protocol) === securityName(protocol) ? known.protocol : protocol;
}

/** The profile without its feedback suffix: `RTP/AVPF` and `RTP/AVP` differ by name only. */
export function securityName(protocol: string): string {
  const profile = protocol.toUpperCase();
  return profile.endsWith('F') ? profile.slice(0, -1) : profile;
}
