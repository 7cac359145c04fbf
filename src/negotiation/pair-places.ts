import type { Local } from '../call/call.js';
import type { PairEnd } from '../command/pair.js';
import type { AddressFamily } from '../command/flags.js';
import { type CommandFailure, failure } from '../command/reply.js';
import type { Facts, InterfaceAddress, InterfaceFacts } from './facts.js';
import type { Ids } from './ids.js';
import { unboundLocal } from './locals.js';

/** What negotiation of pairs needs to know beyond the facts. */
export type PairRules = {
  /** What `internal` and `external` stand for; `null`: there is nothing to bridge. */
  readonly bridge: { readonly internal: BridgeSide; readonly external: BridgeSide } | null;
  /** In a bridge, parties are where signalling says unless a command says otherwise. */
  readonly asymmetricBridge: boolean;
};

/** An interface, or the addresses of one family on it. */
export type BridgeSide = { readonly interface: string; readonly family?: AddressFamily };

/** Two interfaces make a bridge; so does one with addresses of both families. */
export function bridgeOf([first, second]: readonly InterfaceFacts[]): PairRules['bridge'] {
  if (first === undefined) return null;
  if (second !== undefined)
    return { internal: { interface: first.name }, external: { interface: second.name } };
  const families = new Set(first.addresses.map(({ family }) => family));
  if (families.size < 2) return null;
  return {
    internal: { interface: first.name, family: 'IP4' },
    external: { interface: first.name, family: 'IP6' },
  };
}

/** Where a party is met. */
export type Place = { readonly interface: string; readonly address: InterfaceAddress };

export type Placed = { readonly kind: 'place'; readonly place: Place } | CommandFailure;

/** The places of a new pair: towards the party that speaks and towards the other one. */
export type Places =
  | { readonly kind: 'places'; readonly speaker: Place; readonly listener: Place }
  | CommandFailure;

export function newPlaces({ options }: PairEnd, facts: Facts, rules: PairRules): Places {
  const [towardsSpeaker, towardsListener] = options.bridge.map((side) =>
    rules.bridge === null ? undefined : onSide(rules.bridge[side], options.family, facts),
  );
  const fallback = placeOfFamily(options.family, facts);
  const speaker = towardsSpeaker ?? fallback;
  const listener = towardsListener ?? fallback;
  if (speaker === undefined || listener === undefined) return NO_ADDRESS_OF_FAMILY;
  const asked = askedPlace(options.local, facts);
  if (asked === undefined) return { kind: 'places', speaker, listener };
  return asked.kind === 'failure' ? asked : { kind: 'places', speaker, listener: asked.place };
}

/** The place a command asks for towards the party that gets the port. */
export function askedPlace(local: PairEnd['options']['local'], facts: Facts): Placed | undefined {
  if (local === undefined) return undefined;
  if (local.kind === 'label') {
    const found = facts.interfaces.find(({ name }) => name === local.label);
    const address = found?.addresses[0];
    return found === undefined || address === undefined
      ? failure('noSuchAddress', `no interface ${local.label}`)
      : { kind: 'place', place: { interface: found.name, address } };
  }
  if (local.kind === 'route') return failure('noRoute', `no route to ${local.towards}`);
  for (const { name, addresses } of facts.interfaces) {
    const address = addresses.find(({ bind }) => bind === local.address);
    if (address !== undefined) return { kind: 'place', place: { interface: name, address } };
  }
  return failure('noSuchAddress', `${local.address} is not an address of any interface`);
}

/** On the same interface if it has the family, else anywhere. */
export function placeOfFamily(family: AddressFamily, facts: Facts, preferred?: string): Place | undefined {
  const first = facts.interfaces.filter(({ name }) => name === preferred);
  for (const candidate of [...first, ...facts.interfaces]) {
    const place = placeOn(candidate, family);
    if (place !== undefined) return place;
  }
  return undefined;
}

export function familyOfLocal(local: Local): AddressFamily {
  return local.address.includes(':') ? 'IP6' : 'IP4';
}

/** How the address of a local is told. */
export function toldAddress(local: Local, facts: Facts): string {
  const { addresses } = facts.interfaces.find(({ name }) => name === local.interface) ?? { addresses: [] };
  return addresses.find(({ bind }) => bind === local.address)?.advertise ?? local.address;
}

export function newLocal(place: Place, ids: Ids): Local {
  const { interface: name, address } = place;
  return unboundLocal(ids.take(), { peer: '', interface: name, address: address.bind, span: 'pair' });
}

export const NO_ADDRESS_OF_FAMILY = failure('noAddressOfFamily', 'no local address of this family');

/** An interface that lacks the family serves with another: that is how bridges between families are made. */
function onSide(side: BridgeSide, asked: AddressFamily, facts: Facts): Place | undefined {
  const family = side.family ?? asked;
  const found = facts.interfaces.find((candidate) => candidate.name === side.interface);
  const address = found?.addresses.find((candidate) => candidate.family === family) ?? found?.addresses[0];
  return found && address && { interface: found.name, address };
}

function placeOn({ name, addresses }: InterfaceFacts, family: AddressFamily): Place | undefined {
  const address = addresses.find((candidate) => candidate.family === family);
  return address && { interface: name, address };
}
