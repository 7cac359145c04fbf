import type { Leg } from '../call/call.js';
import type { MediaFlags } from '../command/flags.js';
import { isUnspecified } from '../sdp/address.js';
import { detach } from '../sdp/detach.js';
import type { Facts } from './facts.js';
import type { Parties } from './parties.js';
import { type Body, familyInUse } from './signal.js';
import { defaultFamily, interfaceNamed } from './transport.js';

/** Remembers what an offer's flags say of its two parties, interfaces first. */
export function withOffererFlags(
  parties: Parties,
  flags: MediaFlags,
  facts: Facts,
): { readonly parties: Parties; readonly warnings: readonly string[] } {
  const warnings: string[] = [];
  const placed = (leg: Leg, asked: string | undefined): Leg => {
    const name = asked ?? (leg.interface === undefined ? defaultFamily(facts) : undefined);
    if (name === undefined) return leg;
    const chosen = interfaceNamed(name, facts);
    if (chosen.warning !== undefined) warnings.push(chosen.warning);
    // A legacy name stays as it is: it also says the address family.
    return { ...leg, interface: chosen.family === undefined ? chosen.interface.name : detach(name) };
  };
  const towards = (leg: Leg, side: 'forward' | 'backward'): Leg =>
    withPtime(withEcho(withIceLite(leg, flags, side), flags, side), flags, side);
  const sender = towards(placed(parties.sender, flags.fromInterface), 'backward');
  const receiver = towards(placed(parties.receiver, flags.toInterface), 'forward');
  const { interface: met } = interfaceNamed(receiver.interface, facts);
  const { addressFamily } = flags;
  if (addressFamily !== undefined && met.addresses.every(({ family }) => family !== addressFamily))
    warnings.push(`interface ${met.name} has no ${addressFamily} address, another one is told`);
  return { parties: { ...parties, sender, receiver }, warnings };
}

function withIceLite(leg: Leg, { iceLite }: MediaFlags, side: 'forward' | 'backward'): Leg {
  return iceLite === undefined ? leg : { ...leg, iceLite: iceLite === side || iceLite === 'both' };
}

/** From then on neither hears the other: one, both or none of them hear themselves. */
function withEcho(leg: Leg, { mediaEcho }: MediaFlags, side: 'forward' | 'backward'): Leg {
  if (mediaEcho === undefined) return leg;
  return { ...leg, hears: mediaEcho === side || mediaEcho === 'both' ? 'itself' : 'nobody' };
}

function withPtime(leg: Leg, { ptimeMs, ptimeReverseMs }: MediaFlags, side: 'forward' | 'backward'): Leg {
  const ptimeOverridden = (side === 'forward' ? ptimeMs : ptimeReverseMs) !== undefined;
  return leg.ptimeOverridden === ptimeOverridden ? leg : { ...leg, ptimeOverridden };
}

/** What a message says of the party that sent it. It also calls off a scheduled deletion. */
export function withSenderFlags(leg: Leg, body: Body, flags: MediaFlags, facts: Facts): Leg {
  const spoken = body.medias.find(
    ({ media, address }) => media.port !== 0 && !isUnspecified(address.address),
  );
  const family = (spoken && familyInUse(spoken, flags, facts)) ?? leg.family;
  const label = flags.setLabel ?? flags.label;
  return {
    ...withReceiverFlags(leg),
    family,
    label: label === undefined ? leg.label : detach(label),
    metadata: flags.metadata === undefined ? leg.metadata : detach(flags.metadata),
    asymmetric: leg.asymmetric || flags.asymmetric,
    natWait: leg.natWait || flags.natWait,
    pierceNat: leg.pierceNat || flags.pierceNat,
    unidirectional: leg.unidirectional || flags.unidirectional,
    unrecorded: leg.unrecorded || flags.excludeRecording,
  };
}

/** A message for a party calls off its scheduled deletion, too. */
export function withReceiverFlags(leg: Leg): Leg {
  return leg.deleteAtMs === undefined ? leg : { ...leg, deleteAtMs: undefined };
}
