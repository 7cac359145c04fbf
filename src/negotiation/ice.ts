import type { Leg, Signalled, Stream } from '../call/call.js';
import { type IceRole, type SignalledIce, sameCredentials, type StreamIce } from '../call/ice.js';
import type { MediaFlags } from '../command/flags.js';
import { type CommandFailure, failure } from '../command/reply.js';
import { offersIce } from '../sdp/ice.js';
import type { MediaView } from '../sdp/media-view.js';
import type { Draws } from './draws.js';
import type { Facts } from './facts.js';

/** Without an agent in the data plane, ICE is taken out; what would need one is refused. */
export function refusedIce({ ice }: MediaFlags, { capabilities }: Facts): CommandFailure | undefined {
  if (capabilities.has('ice') || (ice !== 'force' && ice !== 'force-relay')) return undefined;
  return failure('unsupported', `ICE=${ice} is not supported`);
}

/** The parties do ICE with each other, and we are one more relay they may find. */
export function isIceTransparent(view: MediaView, flags: MediaFlags, { capabilities }: Facts): boolean {
  if (!capabilities.has('ice') || view.media.port === 0) return false;
  if (flags.passthrough !== undefined) return flags.passthrough;
  return (flags.ice === 'optional' || flags.ice === 'force-relay') && offersIce(view.ice);
}

/** Our agent towards the receiver of an offer. */
export function offeredIce(
  view: MediaView,
  known: Stream | undefined,
  flags: MediaFlags,
  facts: Facts,
  draws: Draws,
): StreamIce | undefined {
  if (!isIceOffered(view, known, flags, facts)) return known?.ice && { ...known.ice, offered: false };
  const agent = known?.iceRefused ? undefined : known?.ice;
  return agent ? { ...agent, offered: true } : newAgent('controlling', 0, draws);
}

/** Our agent towards the offerer, once its offer is answered. A restart (RFC 8445 §9) gets new credentials. */
export function iceForOfferer(
  { offering, asked, offerer }: { offering: Stream; asked: Signalled; offerer: Leg },
  flags: MediaFlags,
  facts: Facts,
  draws: Draws,
): StreamIce | undefined {
  if (asked.ice === undefined || flags.ice === 'remove' || !facts.capabilities.has('ice')) return undefined;
  const known = offering.ice;
  const before = offering.inForce?.ice;
  if (known?.inForce && (before === undefined || sameCredentials(before, asked.ice))) {
    return { ...known, offered: true };
  }
  const role = roleOf('controlled', asked.ice, offerer);
  return { ...newAgent(role, known ? known.generation + 1 : 0, draws), offered: true, inForce: true };
}

/** Our agent towards the answerer. It waits if the party does no ICE: another device may answer after it. */
export function iceForAnswerer(answering: Stream, said: Signalled, answerer: Leg): StreamIce | undefined {
  const known = answering.ice;
  if (!known?.offered) return undefined;
  if (said.ice === undefined) return { ...known, inForce: false };
  const before = answering.inForce?.ice;
  const isOther = known.inForce && before !== undefined && !sameCredentials(before, said.ice);
  if (known.inForce && !isOther) return known;
  return {
    ...known,
    inForce: true,
    role: roleOf('controlling', said.ice, answerer),
    generation: isOther ? known.generation + 1 : known.generation,
  };
}

/** What of the offerer's options our answer repeats. */
export function answeredOptions(asked: SignalledIce | undefined): readonly string[] {
  return asked === undefined || asked.options === '' ? [] : asked.options.split(' ');
}

export function offeredOptions(flags: MediaFlags): readonly string[] {
  return [...(flags.trickleIce ? ['trickle'] : []), ...(flags.ice2 ? ['ice2'] : [])];
}

/** The receiver of an offer is to do ICE with us. */
export function isIceOffered(
  view: MediaView,
  known: Stream | undefined,
  flags: MediaFlags,
  facts: Facts,
): boolean {
  if (!facts.capabilities.has('ice') || (known?.iceRefused && !flags.reset)) return false;
  switch (flags.ice) {
    case 'remove':
      return false;
    case 'force':
    case 'optional':
      return true;
    case 'default':
    case 'force-relay':
      return offersIce(view.ice);
  }
}

/** RFC 8445 §6.1.1: of a full and a lite agent, the full one controls. */
function roleOf(usual: IceRole, { lite }: SignalledIce, { iceLite }: Leg): IceRole {
  if (lite === iceLite) return usual;
  return lite ? 'controlling' : 'controlled';
}

function newAgent(role: IceRole, generation: number, draws: Draws): StreamIce {
  return {
    ufrag: draws.alphanumeric(UFRAG_LENGTH),
    pwd: draws.alphanumeric(PWD_LENGTH),
    role,
    generation,
    offered: true,
    inForce: false,
  };
}

const UFRAG_LENGTH = 8;
const PWD_LENGTH = 26;
