import type { Call } from '../call/call.js';
import { legWithTag, replaceLeg } from '../call/legs.js';
import { socketAddress } from '../call/signalled.js';
import type { OfferCommand } from '../command/command.js';
import { detach } from '../sdp/detach.js';
import type { Facts } from './facts.js';
import { type Parties, withTag } from './parties.js';
import { type Body, hostOf } from './signal.js';
import { textHash } from './template.js';

/**
 * What an offer has in common with one of the same party under another tag (`alias-key`): its SDP, or where it wants
 * its first media. Absent: not asked for, or there is no such address.
 */
export function aliasKeyOf({ flags, sdp }: OfferCommand, body: Body, facts: Facts): string | undefined {
  switch (flags.aliasKey) {
    case undefined:
      return undefined;
    case 'SDP':
      return `SDP ${textHash(sdp)}`;
    case 'address': {
      const [first] = body.medias;
      const host = first && hostOf(first.address.address, first, flags, facts);
      if (first === undefined || host === undefined || first.media.port === 0) return undefined;
      return detach(`address ${socketAddress(host, first.media.port)}`);
    }
  }
}

/** An unknown tag becomes one of the party that made an offer with the same key before. */
export function withAlias(call: Call, command: OfferCommand, aliasKey: string | undefined): Call {
  if (aliasKey === undefined || legWithTag(call, command.fromTag) !== undefined) return call;
  const receiver = command.toTag === undefined ? undefined : legWithTag(call, command.toTag);
  const same = call.legs.find((leg) => leg.aliasKey === aliasKey && leg !== receiver);
  return same === undefined ? call : replaceLeg(call, withTag(same, detach(command.fromTag)));
}

export function withAliasKey(parties: Parties, aliasKey: string | undefined): Parties {
  return aliasKey === undefined ? parties : { ...parties, sender: { ...parties.sender, aliasKey } };
}
