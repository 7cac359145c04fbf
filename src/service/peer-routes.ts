import { isIP } from 'node:net';
import type { OfferCommand } from '../command/command.js';
import type { MediaFlags } from '../command/flags.js';
import type { InterfaceFacts } from '../negotiation/facts.js';
import type { Routes } from './ports.js';

export type PeerRoutesParts = {
  readonly routes: Routes;
  readonly interfaces: readonly InterfaceFacts[];
  readonly warn: (callId: string, warning: string) => void;
};

export function namesPeers({ flags }: Pick<OfferCommand, 'flags'>): boolean {
  return flags.inboundPeer !== undefined || flags.outboundPeer !== undefined;
}

/** Whatever else is like the offer may be routed otherwise later, so it is not for patterns. */
export async function routedOffer(command: OfferCommand, parts: PeerRoutesParts): Promise<OfferCommand> {
  const { written, ...unwritten } = command;
  return { ...unwritten, flags: await routedFlags(command, parts) };
}

/** The flags with the interfaces that lead to the peers they name. */
export async function routedFlags(
  command: Pick<OfferCommand, 'callId' | 'flags'>,
  parts: PeerRoutesParts,
): Promise<MediaFlags> {
  const { inboundPeer, outboundPeer, ...flags } = command.flags;
  const towards = async (key: string, peer: string | undefined): Promise<string | undefined> => {
    if (peer === undefined) return undefined;
    const found = await interfaceTowards(peer, parts);
    if (found === undefined) parts.warn(command.callId, `${key}: no interface leads there`);
    return found;
  };
  const fromInterface = (await towards('inbound-peer', inboundPeer)) ?? flags.fromInterface;
  const toInterface = (await towards('outbound-peer', outboundPeer)) ?? flags.toInterface;
  return {
    ...flags,
    ...(fromInterface !== undefined && { fromInterface }),
    ...(toInterface !== undefined && { toInterface }),
  };
}

async function interfaceTowards(
  peer: string,
  { routes, interfaces }: PeerRoutesParts,
): Promise<string | undefined> {
  // A name would be looked up.
  if (isIP(peer) === 0) return undefined;
  const source = await routes.sourceTowards(peer);
  return interfaces.find(({ addresses }) => addresses.some(({ bind }) => bind === source))?.name;
}
