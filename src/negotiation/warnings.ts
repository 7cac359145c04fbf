import type { MediaFlags } from '../command/flags.js';
import { familyOf } from '../sdp/address.js';
import { rtpProfile } from '../sdp/media-view.js';
import { isUdptl } from './fax.js';
import type { Facts } from './facts.js';

/** Wishes that do not keep a call from working and that nobody here fulfils. */
export function ignoredFlags(flags: MediaFlags, { capabilities }: Facts): string[] {
  const ignored: string[] = [];
  const note = (isAsked: boolean, name: string) => {
    if (isAsked) ignored.push(`${name} is not supported and was ignored`);
  };
  note(flags.ice === 'optional' && !capabilities.has('ice'), 'ICE=optional');
  note(flags.t38.length > 0, 'T.38');
  note(flags.osrtp.size > 0 && !capabilities.has('srtp'), 'OSRTP');
  note(flags.passthrough === true && !capabilities.has('ice'), 'passthrough');
  const { mediaAddress, transportProtocol } = flags;
  if (mediaAddress !== undefined && familyOf(mediaAddress) === undefined)
    ignored.push(`media address ${quoted(mediaAddress)} is no IP address and was ignored`);
  note(
    transportProtocol !== undefined && !isTransport(transportProtocol),
    `transport protocol ${quoted(transportProtocol ?? '')}`,
  );
  return ignored;
}

/** `accept` is a word of answers. */
function isTransport(protocol: string): boolean {
  return protocol === 'accept' || isUdptl(protocol) || rtpProfile(protocol) !== undefined;
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, MAX_QUOTED));
}

const MAX_QUOTED = 60;
